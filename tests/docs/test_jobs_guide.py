"""docs/jobs.md: its files run with real workers, whose entries are by the senders."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.databases import SQLiteDatabase
from tests.support.markdown import IMPORT_ROOTS, follow
from tests.support.paths import DOCS, ROOT

PAGE = DOCS / "jobs.md"
WHO = "SELECT account_id, actor_type, actor_id, actor_name, ip_address FROM audit_entry ORDER BY id"
BY_ADA = ("acme", "user", "u-17", "Ada Lovelace", "203.0.113.7")
BY_GRACE = ("acme", "user", "u-18", "Grace Hopper", None)
BY_WORKER = ("acme", "system", None, "Worker", None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files of the page, whose command has run."""
    (tmp_path / "generated").symlink_to(ROOT / "generated")
    assert follow(PAGE, tmp_path) == 1
    assert SQLiteDatabase(tmp_path / "audit.db").rows(WHO) == [BY_ADA]
    return tmp_path


def environment() -> dict[str, str]:
    roots = [".", *(str(ROOT / name) for name in IMPORT_ROOTS)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(roots), "PYTHONWARNINGS": "error"}


def run_program(folder: Path, text: str) -> str:
    """What a program in the folder prints, which succeeds."""
    done = subprocess.run(
        [sys.executable, "-c", text],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def recorded(folder: Path) -> list[tuple[object, ...]]:
    """Who recorded since the page's command."""
    return SQLiteDatabase(folder / "audit.db").rows(WHO)[1:]


CELERY = """
broker_url = "filesystem://"
broker_connection_retry_on_startup = True
broker_transport_options = {
    "data_folder_in": "messages",
    "data_folder_out": "messages",
    "control_folder": "control",
    "store_processed": False,
    "polling_interval": 0.01,
}
result_backend = "file://results"
"""
GET = "print(by_ada.get(timeout=60, interval=0.01), by_worker.get(timeout=60, interval=0.01))"


@contextmanager
def celery_worker(folder: Path) -> Iterator[None]:
    """A worker with two processes, until the end of the block."""
    command = ["-m", "celery", "-A", "tasks", "worker", "--pool", "prefork", "--concurrency", "2"]
    quietly = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
    with (folder / "worker.log").open("w") as output:
        worker = subprocess.Popen(
            [sys.executable, *command, *quietly],
            cwd=folder,
            env={**environment(), "PYTHONWARNINGS": "default"},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()


def test_celery_tasks_record_as_their_senders(folder: Path) -> None:
    (folder / "celeryconfig.py").write_text(CELERY)
    for name in ("messages", "control", "results"):
        (folder / name).mkdir()
    with celery_worker(folder):
        assert run_program(folder, (folder / "send.py").read_text() + GET) == "None None\n"
    assert sorted(recorded(folder), key=repr) == [BY_WORKER, BY_ADA]


RQ = """
from fakeredis import FakeRedis
from rq import Queue, SimpleWorker

from auditwright import Actor, dump_context
from auditwright.context import Context, current
from rq_jobs import AuditJob, log, read_dataset

redis = FakeRedis()
queue = Queue(connection=redis, job_class=AuditJob)
with log.acting(Actor.user("u-17", "Ada Lovelace"), account_id="acme", ip_address="203.0.113.7"):
    queue.enqueue(read_dataset, "csv", meta={"other": 1})
with log.acting(account_id="acme"):
    queue.enqueue(read_dataset, "csv")
with log.acting(Actor.user("u-18", "Grace Hopper"), account_id="acme"):
    given = dump_context()
queue.enqueue(read_dataset, "csv", meta={"auditwright": given})
damaged = queue.enqueue(read_dataset, "csv", meta={"auditwright": {"actor_id": "u-17"}})
SimpleWorker([queue], connection=redis, job_class=AuditJob).work(burst=True, logging_level="CRITICAL")
assert current() == Context()
print(damaged.latest_result().exc_string.splitlines()[-1])
"""


def test_rq_jobs_record_as_their_senders(folder: Path) -> None:
    assert "ValidationError: context: context.version: expected" in run_program(folder, RQ)
    assert recorded(folder) == [BY_ADA, BY_WORKER, BY_GRACE]


TASKIQ = """
import asyncio, json

from auditwright import Actor, dump_context
from auditwright.context import Context, current
from taskiq_jobs import broker, log, read_dataset


async def send():
    await broker.startup()
    with log.acting(Actor.user("u-17", "Ada Lovelace"), account_id="acme", ip_address="203.0.113.7"):
        task = await read_dataset.kiq("csv")
    assert not (await task.wait_result(check_interval=0.01, timeout=60)).is_err
    with log.acting(account_id="acme"):
        task = await read_dataset.kiq("csv")
    assert not (await task.wait_result(check_interval=0.01, timeout=60)).is_err
    with log.acting(Actor.user("u-18", "Grace Hopper"), account_id="acme"):
        given = json.dumps(dump_context())
    broker.await_inplace = True
    task = await read_dataset.kicker().with_labels(auditwright=given).kiq("csv")
    assert current() == Context()
    assert broker.middlewares[0].entered == {}
    await broker.shutdown()


asyncio.run(send())
"""


def test_taskiq_tasks_record_as_their_senders(folder: Path) -> None:
    run_program(folder, TASKIQ)
    assert recorded(folder) == [BY_ADA, BY_WORKER, BY_GRACE]
