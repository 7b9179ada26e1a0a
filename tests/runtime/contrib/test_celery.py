"""Celery: tasks record as whoever sent them, in real workers of the pools solo and threads.

The pool prefork is in tests/docs/test_jobs_guide.py, in processes of its own.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from celery import Celery, chain, chord, group, signals
from celery.contrib.testing.worker import start_worker
from celery.worker import state
from tests.support.databases import Database
from tests.support.sample_events import ADA, GRACE, KEY_CREATED

from audit_events import AuditEvents
from auditwright import Actor, AuditLog, Entry, EntryContext, ValidationError, dump_context, set_actor
from auditwright.context import Context, current
from auditwright.contrib import celery as integration
from auditwright.contrib.celery import install

WHO = "SELECT account_id, actor_id, ip_address FROM audit_entry ORDER BY id"
ADDRESS = "203.0.113.7"
BY_ADA = {
    "version": "1",
    "actor_type": "user",
    "actor_id": "u-17",
    "actor_name": "Ada Lovelace",
    "account_id": "globex",
    "ip_address": ADDRESS,
}
BY_GRACE = {"version": "1", "actor_type": "user", "actor_id": "u-18", "actor_name": "Grace Hopper"}
Sent = dict[str, str]

pytestmark = pytest.mark.sqlite_only


@pytest.fixture(autouse=True, scope="module")
def root_level() -> Iterator[None]:
    """A worker sets the level of the root logger, which later tests need as it was."""
    level = logging.root.level
    yield
    logging.root.setLevel(level)


class Jobs:
    """An app whose tasks return the context that they see, and what the test lends them."""

    def __init__(self, at_once: int = 1) -> None:
        self.record: Callable[[], Any] = lambda: None
        self.seen: list[Any] = []
        self.barrier = threading.Barrier(at_once)
        self.app = app = Celery("jobs", broker="memory://", backend="cache+memory://", set_as_current=False)
        app.conf.update(
            broker_connection_retry_on_startup=True,
            broker_transport_options={"polling_interval": 0.005},
            result_chord_retry_interval=0.01,
            worker_hijack_root_logger=False,
        )

        @app.task(name="context", shared=False)
        def context(*_: Any) -> Sent:
            return dump_context()

        @app.task(name="record", shared=False)
        def record() -> None:
            self.record()

        @app.task(name="sign_in", shared=False)
        def sign_in(*_: Any) -> Sent:
            set_actor(GRACE)
            return dump_context()

        @app.task(name="fail", shared=False)
        def fail() -> None:
            set_actor(GRACE)
            raise LookupError

        @app.task(name="retry", shared=False, bind=True, max_retries=1)
        def retry(task: Any) -> None:
            self.seen.append(dump_context())
            set_actor(GRACE)
            if not task.request.retries:
                raise task.retry(countdown=0)

        @app.task(name="send", shared=False)
        def send() -> str:
            set_actor(GRACE)
            return str(self.send("context").id)

        @app.task(name="headers", shared=False, bind=True)
        def headers(task: Any) -> Any:
            return task.request.headers

        @app.task(name="meet", shared=False)
        def meet(name: str) -> Sent:
            set_actor(Actor.user(name))
            self.barrier.wait(10)
            return dump_context()

        self.tasks: dict[str, Any] = {task.name: task for task in app.tasks.values()}

    def send(self, name: str, *arguments: Any, **options: Any) -> Any:
        """The result of a task that is sent to the worker."""
        return self.tasks[name].apply_async(arguments, **options)

    def call(self, name: str, *arguments: Any, **options: Any) -> Any:
        """What the task returns in the worker."""
        return got(self.send(name, *arguments, **options))


def got(result: Any) -> Any:
    """The value of a result, as soon as it is there."""
    return result.get(timeout=20, interval=0.005)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Celery's signals are the process's: they are as before after each test."""
    install()
    yield
    install()
    signals.before_task_publish.disconnect(dispatch_uid=integration.HEADER)
    signals.task_prerun.disconnect(dispatch_uid=integration.HEADER)
    signals.task_postrun.disconnect(dispatch_uid=integration.HEADER)


@pytest.fixture(scope="module", params=["solo", "threads"])
def jobs(request: pytest.FixtureRequest) -> Iterator[Jobs]:
    pool = request.param
    made = Jobs(2 if pool == "threads" else 1)
    with start_worker(made.app, pool=pool, concurrency=2, perform_ping_check=False, loglevel="CRITICAL"):
        yield made
        # A worker that is told to stop waits two seconds for a task, twice.
        state.should_terminate = 0  # type: ignore[assignment]
        made.send("context")
        made.send("context")


@pytest.fixture
def by_ada(log: AuditLog) -> Iterator[None]:
    """The test acts as Ada."""
    with log.acting(ADA, account_id="globex", ip_address=ADDRESS):
        yield


# --- who ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("by_ada")
def test_entry_of_a_task_is_by_its_sender(jobs: Jobs, audit: AuditEvents, database: Database) -> None:
    jobs.record = audit.account.app_api_key.app_api_key_created
    assert jobs.call("record") is None
    assert database.rows(WHO) == [("globex", "u-17", ADDRESS)]


def test_a_task_has_its_senders_request_and_whom(jobs: Jobs, log: AuditLog, audit: AuditEvents) -> None:
    made: list[Entry] = []
    jobs.record = lambda: made.append(audit.account.app_api_key.app_api_key_created())
    context: EntryContext = {"request_id": "r-1", "user_agent": "Firefox/99"}
    with log.acting(ADA, on_behalf_of=GRACE, context=context):
        assert jobs.call("context") == dump_context()
        assert jobs.call("sign_in")["request_id"] == "r-1"
        jobs.call("record")
    assert [(entry.on_behalf_of, entry.context) for entry in made] == [(GRACE, context)]


def test_a_task_without_a_sender_has_no_actor(jobs: Jobs, audit: AuditEvents, database: Database) -> None:
    jobs.record = audit.account.app_api_key.app_api_key_created
    with pytest.raises(ValidationError) as caught:
        jobs.call("record")
    assert str(caught.value).startswith(f"{KEY_CREATED}: expected valid values, got (Problem(path='actor', ")
    assert jobs.call("context") == {}
    assert database.rows() == []


def test_default_actor_acts_in_tasks_without_a_sender(jobs: Jobs, log: AuditLog) -> None:
    install(default_actor=Actor.system("Worker"))
    by_worker = {"version": "1", "actor_type": "system", "actor_name": "Worker"}
    assert jobs.call("context") == by_worker
    with log.acting(account_id="globex", ip_address=ADDRESS):
        assert jobs.call("context") == {**by_worker, "account_id": "globex"}
    with log.acting(ADA, account_id="globex", ip_address=ADDRESS):
        assert jobs.call("context") == BY_ADA
    install()
    assert jobs.call("context") == {}
    with pytest.raises(ValidationError, match="actor: expected an Actor, got str"):
        install(default_actor="worker")  # type: ignore[arg-type]


@pytest.mark.usefixtures("by_ada")
def test_set_actor_in_a_task_ends_with_it(jobs: Jobs) -> None:
    changed = {**BY_GRACE, "account_id": "globex"}
    for name, seen in (("sign_in", changed), ("context", BY_ADA)) * 2:
        assert jobs.call(name) == seen
    for _ in range(2):
        with pytest.raises(LookupError):
            jobs.call("fail")
    assert jobs.call("context") == BY_ADA
    assert current().actor == ADA


def test_nothing_of_a_task_stays_in_the_worker(jobs: Jobs, log: AuditLog) -> None:
    with log.acting(ADA), suppress(LookupError):
        jobs.call("fail")
    assert [jobs.call("context") for _ in range(4)] == [{}] * 4
    assert current() == Context()


# --- what is sent ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("by_ada")
def test_other_headers_arrive(jobs: Jobs) -> None:
    assert jobs.call("headers", headers={"trace": "t-1"}) == {"trace": "t-1", "auditwright": BY_ADA}


@pytest.mark.usefixtures("by_ada")
def test_context_that_a_caller_sent_is_kept(jobs: Jobs) -> None:
    assert jobs.call("context", headers={"auditwright": BY_GRACE}) == BY_GRACE
    assert jobs.call("context", headers={"auditwright": {}}) == {}


@pytest.mark.usefixtures("by_ada")
def test_task_without_the_header_has_no_context(jobs: Jobs) -> None:
    signals.before_task_publish.disconnect(dispatch_uid=integration.HEADER)
    assert jobs.call("context") == {}


@pytest.mark.parametrize("damaged", [{**BY_ADA, "actor_type": "root"}, "u-17", [BY_ADA], {"version": "9"}])
def test_damaged_header_is_logged_and_nobody_acts(
    jobs: Jobs, damaged: Any, caplog: pytest.LogCaptureFixture
) -> None:
    install(default_actor=Actor.system())
    with caplog.at_level(logging.ERROR, "auditwright"):
        assert jobs.call("context", headers={"auditwright": damaged}) == {}
    (line,) = [record.getMessage() for record in caplog.records if record.name == "auditwright"]
    assert line.startswith("task context [")
    assert "] runs without its sender's context: context: " in line


@pytest.mark.usefixtures("by_ada")
def test_each_task_of_a_canvas_has_a_context(jobs: Jobs) -> None:
    tasks = jobs.tasks
    by_grace = {**BY_GRACE, "account_id": "globex"}
    assert got(group(tasks["context"].s() for _ in range(3)).apply_async()) == [BY_ADA] * 3
    assert got(chain(tasks["context"].s(), tasks["context"].s()).apply_async()) == BY_ADA
    # A later task is sent by the earlier one, so by whoever acts at its end.
    assert got(chain(tasks["sign_in"].s(), tasks["context"].s()).apply_async()) == by_grace
    assert got(chord([tasks["context"].s(), tasks["context"].s()])(tasks["context"].s())) == BY_ADA


@pytest.mark.usefixtures("by_ada")
def test_task_sent_from_a_task_is_by_whoever_acts_there(jobs: Jobs) -> None:
    sent = jobs.app.AsyncResult(jobs.call("send"))
    assert got(sent) == {**BY_GRACE, "account_id": "globex"}


@pytest.mark.usefixtures("by_ada")
def test_retry_starts_as_the_first_run_did(jobs: Jobs) -> None:
    jobs.seen.clear()
    jobs.call("retry")
    assert jobs.seen == [BY_ADA, BY_ADA]


def test_retry_without_a_sender_starts_without_an_actor(jobs: Jobs) -> None:
    jobs.seen.clear()
    jobs.call("retry")
    assert jobs.seen == [{}, {}]


def test_tasks_at_the_same_time_do_not_mix(jobs: Jobs, log: AuditLog) -> None:
    results = []
    for account in ("acme", "globex"):
        with log.acting(ADA, account_id=account):
            results.append(jobs.send("meet", f"u-{account}"))
    assert [got(result)["account_id"] for result in results] == ["acme", "globex"]


def test_revoked_task_leaves_nothing_behind(jobs: Jobs, log: AuditLog) -> None:
    with log.acting(ADA):
        revoked = jobs.send("record", countdown=3600)
        revoked.revoke()
    assert jobs.call("context") == {}


# --- eager -------------------------------------------------------------------------------------------


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> Jobs:
    made = Jobs()
    made.app.conf.task_always_eager = True
    return made


@pytest.mark.usefixtures("by_ada")
def test_eager_task_acts_as_its_caller_and_changes_nothing(eager: Jobs) -> None:
    changed = {**BY_GRACE, "account_id": "globex"}
    assert eager.call("context") == BY_ADA
    assert eager.tasks["context"].apply().get() == BY_ADA
    assert eager.call("sign_in") == changed
    assert got(chain(eager.tasks["sign_in"].s(), eager.tasks["context"].s()).apply_async()) == BY_ADA
    assert eager.call("context", headers={"auditwright": BY_GRACE}) == BY_GRACE
    eager.call("retry")
    with pytest.raises(LookupError):
        eager.tasks["fail"].apply(throw=True)
    assert current() == Context(ADA, "globex", ADDRESS)


@pytest.mark.usefixtures("by_ada")
def test_a_function_call_is_no_task(eager: Jobs) -> None:
    assert eager.tasks["context"]() == BY_ADA


def test_install_inside_of_a_task_is_harmless(eager: Jobs, log: AuditLog) -> None:
    signals.task_prerun.disconnect(dispatch_uid=integration.HEADER)
    with log.acting(ADA):
        assert eager.call("context")["actor_id"] == "u-17"
        assert current().actor == ADA
