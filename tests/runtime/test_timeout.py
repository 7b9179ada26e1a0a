"""`AuditLog.open(timeout=)`: its range, and that calls end where another thread does not let go of the file.

PostgreSQL servers that hang are in `storage/postgresql/test_deadline.py`.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.sample_events import KEY_CREATED, record

from auditwright import AuditLog, StorageError, ValidationError


@pytest.mark.parametrize(
    ("timeout", "got"),
    [
        *((each, "one out of range") for each in (0, 0.999, 3601, -1, float("nan"), float("inf"), 10**5000)),
        *(("30", "str"), (True, "bool"), (None, "NoneType"), ([], "list")),
    ],
    ids=lambda each: str(each)[:10] if not isinstance(each, int) or each < 10**6 else "huge",
)
def test_a_timeout_out_of_range_is_refused(path: Path, timeout: Any, got: str) -> None:
    with pytest.raises(ValidationError) as caught:
        AuditLog.open(f"sqlite:///{path}", timeout=timeout)
    assert str(caught.value) == f"timeout: expected a number of seconds from 1 to 3,600, got {got}"
    assert not path.exists()


@contextmanager
def write_lock_held(log: AuditLog) -> Iterator[None]:
    """Another thread is writing and does not end."""
    lock, held, done = log._storage.connections.lock, threading.Event(), threading.Event()  # type: ignore[attr-defined]

    def hold() -> None:
        with lock.held():
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_calls_and_close_end_while_another_thread_writes(path: Path) -> None:
    log = AuditLog.open(f"sqlite:///{path}", account_id="acme", timeout=1)
    form = {"event": KEY_CREATED, "metadata": {}, "actor": {"type": "user", "id": "u"}}
    with write_lock_held(log):
        for call in (
            lambda: record(log, KEY_CREATED),
            lambda: log.record_many([form]),
            lambda: log.record_forms([form]),
        ):
            with pytest.raises(StorageError, match="another thread has been writing") as caught:
                call()
            assert caught.value.entry is not None
            assert not caught.value.outcome_unknown
        assert log.account("acme").count() == 0
        log.close()
    with pytest.raises(StorageError, match="the log is closed"):
        record(log, KEY_CREATED)
