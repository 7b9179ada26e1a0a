"""Exports of a SQLite file by several processes: equal bytes, one snapshot, no process left."""

import io
import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.sample_events import DEPLOYED, KEY_CREATED, LONG_AGO, MODEL, form

from auditwright import AccountLog, AuditLog, Filter, FilterError, StorageError
from auditwright.ids import format_time, to_microseconds
from auditwright.storage.sqlite import export_pool
from auditwright.storage.sqlite.export_worker import Work

pytestmark = pytest.mark.sqlite_only

ENTRIES = 1_500
EXPORTS: dict[str, tuple[str, dict[str, Any]]] = {
    "csv": ("export_csv", {}),
    "full": ("export_csv", {"full": True}),
    "jsonl": ("export_jsonl", {}),
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_pool, "MIN_ENTRIES", 100)
    monkeypatch.setattr(export_pool, "RANGE", 70)
    monkeypatch.setattr("auditwright.transfer.text_export.CHUNK", 30)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids of the started processes."""
    pids = []

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            pids.append(self.pid)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    return pids


@pytest.fixture
def many(log: AuditLog, acme: AccountLog) -> AccountLog:
    """Entries at random times, some equal, with multibyte texts."""
    dice = random.Random(7)
    log.record_many(
        form(
            DEPLOYED,
            MODEL | {"model_name": f'Größe "{number}",\n=1+1 😀'},
            occurred_at=some_time(dice),
        )
        for number in range(ENTRIES)
    )
    grace = {"type": "user", "id": "u-18", "name": "Grace Hopper"}
    log.record_many(form(KEY_CREATED, {}) | {"actor": grace} for _ in range(150))
    return acme


def some_time(dice: random.Random) -> str:
    return format_time(to_microseconds(LONG_AGO) + dice.randrange(100_000) * 1_000_000)


def file_of(acme: AccountLog, export: str, *where: Filter, **options: Any) -> bytes:
    name, fixed = EXPORTS[export]
    stream = io.BytesIO()
    getattr(acme, name)(stream, *where, **fixed, **options)
    return stream.getvalue()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("export", EXPORTS)
def test_several_processes_write_the_same_bytes(
    many: AccountLog, started: list[int], export: str, processes: int
) -> None:
    wanted = file_of(many, export)
    assert not started
    assert file_of(many, export, processes=processes) == wanted
    assert len(started) == processes - 1
    assert all(map(is_gone, started))


@pytest.mark.parametrize(
    "options",
    [
        {"where": Filter.parse([f"event:is:{DEPLOYED}"])},
        {"where": Filter.parse(["user:is:u-17"])},
        {"where": Filter.parse(["user:is_not:u-18"])},
        {"where": Filter.parse(["category:is_not:account.app_api_key"])},
        {"where": Filter.parse([f"event:is:{DEPLOYED}", "user:is:u-18"], "any")},
        {"search": "größe"},
        {"search": "E \"12"},
        {"since": LONG_AGO + timedelta(hours=3), "until": LONG_AGO + timedelta(hours=20)},
    ],
)  # fmt: skip
@pytest.mark.parametrize("export", ["full", "jsonl"])
def test_several_processes_apply_the_selection(
    many: AccountLog, started: list[int], export: str, options: dict[str, Any]
) -> None:
    wanted = file_of(many, export, **options)
    assert wanted.count(b"\n") > 100
    assert file_of(many, export, **options, processes=2) == wanted
    assert len(started) == 1


def test_small_log_or_limit_starts_no_process(log: AuditLog, acme: AccountLog, started: list[int]) -> None:
    log.record_many(form(KEY_CREATED, {}) for _ in range(export_pool.MIN_ENTRIES))
    file_of(acme, "csv", processes=2)
    assert not started
    log.record_many([form(KEY_CREATED, {})])
    file_of(acme, "csv", limit=1000, processes=2)
    file_of(acme, "csv", Filter.parse(["category:is:account.models"]), processes=2)
    assert not started
    file_of(acme, "csv", processes=2)
    assert len(started) == 1


@pytest.mark.parametrize("processes", [0, 9, True, "2"])
@pytest.mark.parametrize("export", EXPORTS)
def test_invalid_number_of_processes_is_refused(acme: AccountLog, export: str, processes: Any) -> None:
    with pytest.raises(FilterError, match=rf"^processes is 1 to 8, not {processes!r}$"):
        file_of(acme, export, processes=processes)


@pytest.mark.parametrize("program", ["", "/nowhere/python", "/bin/true", "/bin/cat"])
def test_one_process_writes_all_if_none_can_start(
    many: AccountLog, started: list[int], monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    wanted = file_of(many, "csv")
    monkeypatch.setattr(sys, "executable", program)
    assert file_of(many, "csv", processes=2) == wanted
    assert all(map(is_gone, started))


def test_silent_worker_times_out(
    many: AccountLog, started: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted = file_of(many, "csv")
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(export_pool, "START_SECONDS", 0.1)
    assert file_of(many, "csv", processes=2) == wanted
    assert all(map(is_gone, started))
    assert started


# --- failures ------------------------------------------------------------------------------------


def test_killed_worker_fails_the_export(many: AccountLog, started: list[int], tmp_path: Path) -> None:
    def kill(_: int) -> None:
        for pid in started:
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(StorageError) as raised:
        many.export_csv(tmp_path / "a.csv", full=True, processes=2, progress=kill)
    assert str(raised.value) == (
        f"{tmp_path / 'audit.db'}: cannot read: a worker process has ended; export again, or with processes=1"
    )
    assert not list(tmp_path.glob("*a.csv*"))
    assert is_gone(*started)
    assert file_of(many, "csv", processes=2) == file_of(many, "csv")


def test_error_in_a_worker_fails_the_export(
    many: AccountLog, started: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start = export_pool.Worker.start

    def start_broken(worker: export_pool.Worker, work: Work) -> None:
        start(worker, replace(work, piece=("SELECT broken", [])))

    monkeypatch.setattr(export_pool.Worker, "start", start_broken)
    with pytest.raises(StorageError) as raised:
        many.export_jsonl(tmp_path / "a.jsonl", processes=2)
    assert str(raised.value) == (
        f"{tmp_path / 'audit.db'}: cannot read: no such column: broken (SQLITE_ERROR)"
    )
    assert not list(tmp_path.glob("*a.jsonl*"))
    assert is_gone(*started)


def test_failed_export_ends_its_workers(many: AccountLog, started: list[int]) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            assert not is_gone(*started)
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        many.export_csv(Full(), processes=2)
    assert is_gone(*started)


def test_worker_ends_with_its_parent(many: AccountLog, tmp_path: Path) -> None:
    assert many.has_entries()
    read, write = os.pipe()
    script = f"""
import io, os, signal, subprocess
from audit_events import CATALOG
from auditwright import AuditLog
from auditwright.storage.sqlite import export_pool

export_pool.MIN_ENTRIES, export_pool.RANGE = 100, 70
popen = subprocess.Popen
class Handing(popen):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options, pass_fds=[{write}])
subprocess.Popen = Handing

class Killing(io.BytesIO):
    def write(self, data):
        os.write({write}, b"started")
        os.kill(os.getpid(), signal.SIGKILL)

log = AuditLog.open({f"sqlite:///{tmp_path / 'audit.db'}"!r}, catalog=CATALOG)
log.account("acme").export_csv(Killing(), full=True, processes=2)
"""
    done = subprocess.run([sys.executable, "-c", script], pass_fds=[write], capture_output=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, b"")
    assert os.read(read, 100) == b"started"
    assert select.select([read], [], [], 30)[0], "the other process goes on"
    assert os.read(read, 100) == b""  # the other end is closed
    os.close(read)


# --- one snapshot --------------------------------------------------------------------------------------

TOGETHER = 7
"""Entries per transaction: an export has all of them or none."""

RECORDING = """
import itertools, random
from datetime import timedelta
from audit_events import CATALOG
from auditwright import AuditLog
from tests.runtime.transfer.test_export_processes import transaction

with AuditLog.open({url!r}, account_id="acme", catalog=CATALOG) as log:
    for number in itertools.count(1):
        log.record_many(transaction(number))
        print(number, flush=True)
"""


def transaction(number: int) -> list[dict[str, Any]]:
    """Entries between the existing ones."""
    dice = random.Random(number)
    return [
        form(
            DEPLOYED,
            MODEL | {"model_id": str(number)},
            occurred_at=some_time(dice),
        )
        for _ in range(TOGETHER)
    ]


@contextmanager
def another_process(log: AuditLog, path: Path) -> Iterator[None]:
    script = RECORDING.format(url=f"sqlite:///{path}")
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        reading = threading.Thread(target=process.stdout.read)
        try:
            assert process.stdout.readline() == b"1\n"
            reading.start()
            yield
        finally:
            process.kill()
            reading.join()


@contextmanager
def this_process(log: AuditLog, path: Path) -> Iterator[None]:
    done, primed = threading.Event(), threading.Event()

    def go_on() -> None:
        number = 0
        while not done.is_set():
            number += 1
            log.record_many(transaction(number))
            primed.set()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        assert primed.wait(30)
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("recording", [another_process, this_process])
def test_workers_read_one_snapshot(
    log: AuditLog,
    acme: AccountLog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recording: Callable[[AuditLog, Path], Any],
) -> None:
    monkeypatch.setattr(export_pool, "ATTEMPTS", 10_000)
    agreed = []
    agree = export_pool._share_snapshot

    def noted(*arguments: Any) -> bool:
        agreed.append(agree(*arguments))
        return agreed[-1]

    monkeypatch.setattr(export_pool, "_share_snapshot", noted)
    log.record_many(form(KEY_CREATED, {}) for _ in range(200))
    last = 0
    with recording(log, tmp_path / "audit.db"):
        for _ in range(6):
            lines = [json.loads(line) for line in file_of(acme, "jsonl", processes=2).splitlines()]
            ids = [line["id"] for line in lines]
            assert ids == sorted(set(ids))
            numbers = sorted(int(line["metadata"]["model_id"]) for line in lines if line["event"] == DEPLOYED)
            newest = numbers[-1]
            assert numbers == [number for number in range(1, newest + 1) for _ in range(TOGETHER)]
            assert newest >= last
            last = newest
    assert agreed == [True] * 6


def test_entry_recorded_by_begin_is_not_exported(log: AuditLog, many: AccountLog) -> None:
    wanted = file_of(many, "jsonl")

    def begin() -> None:
        log.record_many(transaction(1))

    assert file_of(many, "jsonl", processes=2, begin=begin) == wanted
    assert file_of(many, "jsonl", processes=2) != wanted
