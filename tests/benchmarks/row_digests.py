"""The cost of the digest of a row: in an entry, in `record_many`, and in a check of the database.

Each is compared with the same work where the digest of a row is not computed.

python -m tests.benchmarks row_digests
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest.mock import patch

from tests.benchmarks.measure import print_table, side_by_side

from audit_events import CATALOG
from auditwright import Actor, AuditLog, SecretKey
from auditwright.context import acting
from auditwright.operations.check import check_database
from auditwright.recording.recorder import Recorder
from auditwright.storage import open_inspection

CALLS = 50
EVENTS = 20_000
KEY = SecretKey.generate("k1")
NONE = bytes(32)


def run() -> None:
    """All 78 events, with equal shares."""
    events = list(CATALOG.events.values())
    recorder = Recorder(CATALOG, "acme", KEY)

    def build() -> None:
        for _ in range(CALLS):
            for event in events:
                recorder.entry(event.key, event.example, {})

    with acting(Actor.user("u-17", "Ada Lovelace"), ip_address="203.0.113.7"):
        build()
        _print("Row digests: the entry of an event, without storage", build, CALLS * len(events), rounds=15)
        models = [CATALOG.model(event)(**event.example) for event in events]
        built = [models[number % len(models)] for number in range(EVENTS)]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "audit.db"

            def record() -> None:
                with _fresh(path) as log:
                    assert log.record_many(built) == EVENTS

            _print("Row digests: record_many into SQLite", record, EVENTS, rounds=5)
            record()
            _print("Row digests: database check on SQLite", lambda: _check(path), EVENTS, rounds=5)


def _print(title: str, work: Callable[[], None], units: int, rounds: int) -> None:
    def without() -> None:
        with (
            patch("auditwright.recording.recorder.row_digest", lambda *_: NONE),
            patch("auditwright.operations.row_digests.RowDigests.add", lambda *_: None),
        ):
            work()

    results = side_by_side({"without": without, "with row digests": work}, units=units, rounds=rounds)
    print_table(title, results, "us an event", 1e6)


@contextmanager
def _fresh(path: Path) -> Iterator[AuditLog]:
    for each in path.parent.iterdir():
        each.unlink()
    with AuditLog.open(f"sqlite:///{path}", account_id="acme", catalog=CATALOG, secret_key=KEY) as log:
        yield log


def _check(path: Path) -> None:
    with closing(open_inspection(f"sqlite:///{path}", CATALOG)) as inspection:
        assert check_database(inspection, CATALOG).entries == EVENTS
