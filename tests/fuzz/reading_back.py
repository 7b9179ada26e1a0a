"""Reads back everything that is stored: by pages, `get`, exports, an import into another log, and views."""

from __future__ import annotations

import csv
import io
import itertools
import traceback
from collections.abc import Callable, Iterator

from sqlmodel import Session, col, select
from tests.fuzz.campaign import Finding
from tests.fuzz.entrances_reading import use, view_of
from tests.fuzz.hostile import shown
from tests.fuzz.world import KEY, World

from audit_events import CATALOG
from auditwright import AccountLog, AuditLog, AuditwrightError, Entry

SOURCE = "reading back"
"""What the record of the import names."""
VIEW_ROWS = 2_000
"""The most rows that are read of each view."""


def read_back(world: World, progress: Callable[[str], None] = lambda _: None) -> list[Finding]:
    """The faults of what is stored."""
    findings: list[Finding] = []
    url = f"sqlite:///{world.folder}/imported.db"
    with AuditLog.open(url, catalog=CATALOG, secret_key=KEY) as other:
        for account_id, entries in world.rows().items():
            progress(f"reading back {entries:,} entries of {shown(account_id)}")
            for check in (_pages, _csv, _imported):
                try:
                    check(world.log.account(account_id), entries, other)
                except Exception as error:
                    findings.append(_finding(f"{check.__name__[1:]} of {shown(account_id)}", error))
    progress("reading back the views")
    for event in CATALOG.events.values():
        try:
            _view(world, event.package, event.key)
        except Exception as error:
            findings.append(_finding(f"the view of {event.key}", error))
    return findings


def _finding(what: str, error: Exception) -> Finding:
    return Finding("reading back", what, "", "", "".join(traceback.format_exception(error))[-6000:])


def _every(account: AccountLog) -> Iterator[Entry]:
    """All entries by pages, newest first."""
    after = None
    while True:
        page = account.entries(limit=1000, after=after)
        yield from page.entries
        if page.next is None:
            return
        after = page.next


def _pages(account: AccountLog, entries: int, _: AuditLog) -> None:
    """Pages have every entry once, and `get` finds each."""
    found = 0
    for entry in _every(account):
        use(entry)
        found += 1
        if found % 20 == 0:
            assert account.get(entry.id) == entry, entry
    assert found == entries, f"pages have {found} entries, and {entries} rows are stored"
    assert account.count() == entries
    account.users(limit=1000)


def _csv(account: AccountLog, entries: int, _: AuditLog) -> None:
    """A CSV file has one line for each entry."""
    stream = io.BytesIO()
    assert account.export_csv(stream, full=True) == entries
    text = io.StringIO(stream.getvalue().decode().removeprefix("\ufeff"), newline="")
    assert sum(1 for _ in csv.reader(text)) == entries + 1


def _imported(account: AccountLog, entries: int, other: AuditLog) -> None:
    """JSON Lines give the same entries in another log."""
    stream = io.BytesIO()
    assert account.export_jsonl(stream) == entries
    refused: list[str] = []

    def report(number: int, error: AuditwrightError) -> None:
        refused.append(f"line {number}: {error}")

    done = other.import_jsonl(stream.getvalue().splitlines(keepends=True), report, source=SOURCE)
    assert not refused, refused[:5]
    assert done.stored == entries, f"{done} of {entries} entries"
    found = _every(other.account(account.account_id))
    imported = (each for each in found if each.metadata.get("source") != SOURCE)
    pairs = itertools.zip_longest(_every(account), imported)
    for ours, theirs in pairs:
        assert ours == theirs, f"{ours.to_json()} was imported as {theirs.to_json()}"


def _view(world: World, package: str, key: str) -> None:
    """A typed view reads the entries of its event."""
    view = view_of(package, key)
    newest = select(view).order_by(col(view.id).desc()).limit(VIEW_ROWS)
    with Session(world.engine) as session:
        for row in session.exec(newest):
            entry = world.log.account(row.account_id).get(row.id)
            assert entry is not None, row
            assert entry.occurred_at == row.occurred_at, row
