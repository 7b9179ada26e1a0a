"""A read that another thread ends."""

import threading
from contextlib import closing
from typing import Any

import pytest
from tests.support.databases import Database
from tests.support.sample_events import KEY_CREATED, record

from auditwright import AuditLog, StorageError
from auditwright.storage.interrupt import Interrupt


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_interrupted_stream_releases_the_database(log: AuditLog, database: Database, form: Any) -> None:
    log.record_many({"event": KEY_CREATED, "metadata": {}, "actor": {"type": "system"}} for _ in range(3000))
    interrupt = Interrupt()
    with closing(log.account("acme").stream(form, interrupt=interrupt)) as pieces:
        next(pieces)
        interrupt.request()
        with pytest.raises(StorageError):
            list(pieces)
    record(log, KEY_CREATED)
    assert not database.is_read()
    assert sum(piece.count(b"\n") for piece in log.account("acme").stream(form)) >= 3001


def test_stream_is_not_begun_after_an_interrupt(log: AuditLog, database: Database) -> None:
    record(log, KEY_CREATED)
    interrupt = Interrupt()
    interrupt.request()
    begun = list[int]()
    with pytest.raises(StorageError, match="cannot read: interrupted"):
        log.account("acme").stream("csv", interrupt=interrupt, begin=lambda: begun.append(1))
    assert begun == []
    record(log, KEY_CREATED)
    assert not database.is_read()


def test_interrupt_without_a_read_does_nothing(log: AuditLog) -> None:
    record(log, KEY_CREATED)
    interrupt = Interrupt()
    assert b"".join(log.account("acme").stream("csv", interrupt=interrupt)).count(b"\r\n") == 2
    interrupt.request()
    assert log.account("acme").count() == 1


def test_request_that_comes_too_late_ends_the_read() -> None:
    interrupt, stopped = Interrupt(), threading.Event()

    def read() -> None:
        with interrupt.ends(stopped.set):
            interrupt.request()

    with pytest.raises(StorageError, match="interrupted"):
        read()
    assert stopped.is_set()
