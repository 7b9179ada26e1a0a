"""Metadata models: when they are built, by threads, around forks, and ahead by `Catalog.warm_up`."""

import os
from pathlib import Path

import pytest
from tests.support.processes import run_python

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")

START = """
import os, sys, threading
import audit_events
from auditwright import Actor, AuditLog, SecretKey
CATALOG = audit_events.CATALOG
KEY = SecretKey("test", bytes(range(32)))

def open_log(path):
    return AuditLog.open(f"sqlite:///{path}", account_id="acme", catalog=CATALOG, secret_key=KEY)

def emit(audit, event):
    for part in event.key.split("."):
        audit = getattr(audit, part)
    return audit(**event.example, actor=Actor.user("u-17"))
"""


def test_first_event_builds_only_its_own_model(tmp_path: Path) -> None:
    program = """
log = open_log(sys.argv[1])
events = [event for event in CATALOG.events.values() if event.category == "account.models"]
emit(audit_events.AuditEvents(log), events[0])
print(*[CATALOG.model(event).__pydantic_complete__ for event in events])
"""
    said = run_python(START + program, str(tmp_path / "a.db"))
    assert said == "True False False False False False False\n"


def test_after_warm_up_nothing_is_imported_or_built(tmp_path: Path) -> None:
    program = """
log = open_log(sys.argv[1])
CATALOG.warm_up()
CATALOG.warm_up()
events = CATALOG.every_event.values()
print({CATALOG.model(event).__pydantic_complete__ for event in events})
validators = [CATALOG.validator(event) for event in events]
before = set(sys.modules)
audit = audit_events.AuditEvents(log)
for event in CATALOG.events.values():
    emit(audit, event)
    log.record_form({"event": event.key, "metadata": event.example, "actor": {"type": "system"}})
print(log.account("acme").count())
print([name for name in set(sys.modules) - before if "_events" in name])
print(all(map(lambda event, made: CATALOG.validator(event) is made, events, validators)))
"""
    assert run_python(START + program, str(tmp_path / "a.db")) == "{True}\n156\n[]\nTrue\n"


def test_threads_that_record_the_first_event_at_once_all_record(tmp_path: Path) -> None:
    program = """
log = open_log(sys.argv[1])
audit = audit_events.AuditEvents(log)
together, failures = threading.Barrier(8), []

def work():
    for event in CATALOG.events.values():
        together.wait()
        try:
            emit(audit, event)
            CATALOG.model(event)(**event.example).model_dump_json()
        except Exception as error:
            failures.append(error)

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(failures, log.account("acme").count())
"""
    assert run_python(START + program, str(tmp_path / "a.db")) == "[] 624\n"


@needs_fork
def test_child_forked_while_a_model_is_built_can_build_models() -> None:
    program = """
import signal, warnings
warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork.*")
first, *others = CATALOG.events.values()
busy, ended = threading.Event(), threading.Event()

def build():
    model = CATALOG.model(first)
    while not ended.is_set():
        model.model_rebuild(force=True)
        busy.set()

for event in others:
    CATALOG.model(event)  # Python itself does not take a fork amid an import well
thread = threading.Thread(target=build)
thread.start()
busy.wait()
statuses = set()
for number, event in enumerate(others[:20]):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        if number % 10 == 0:
            CATALOG.warm_up()
        CATALOG.model(event)(**event.example)
        os._exit(0)
    statuses.add(os.waitpid(child, 0)[1])
ended.set()
thread.join()
print(statuses)
"""
    assert run_python(START + program) == "{0}\n"
