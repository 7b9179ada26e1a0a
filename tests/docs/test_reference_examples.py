"""The examples of the generated reference: calls and JSON are recorded, queries find the entries.

What the page shows of an entry is what the log has then; an event that can fail shows a failure too.
"""

import importlib
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import create_engine
from tests.support.markdown import REFERENCE_FOLDER, blocks
from tests.support.rendered import rows_below

from auditwright import Actor, AuditLog, Catalog, Entry, SecretKey

KEY = SecretKey("test", bytes(range(32)))


@dataclass
class Shown:
    """One event as its section shows it, and the entries of its examples: a success, and maybe a failure."""

    rows: list[list[str]]
    called: list[Entry]
    posted: list[Entry]
    found: list[Any]


def record(folder: Path, catalog: Catalog, audit_events: Any, database: Path) -> list[Shown]:
    """Record every example of the pages in the folder, and run every query."""
    url = f"sqlite:///{database}"
    engine = create_engine(url)
    with (
        AuditLog.open(url, account_id="acme", catalog=catalog, secret_key=KEY) as log,
        log.acting(Actor.user("u-17", "Ada Lovelace"), ip_address="203.0.113.7"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", DeprecationWarning)
        audit = audit_events(log)
        shown = [each for page in sorted(folder.rglob("*.md")) for each in _of_page(page, log, audit, engine)]
    engine.dispose()
    return shown


def _of_page(page: Path, log: AuditLog, audit: Any, engine: Any) -> Iterator[Shown]:
    text = page.read_text("utf-8")
    if "**Query**" not in text:
        return
    python = iter(block.text for block in blocks(page, "python"))
    forms = iter(block.text for block in blocks(page, "json"))
    for section in text.split("\n**JSON**\n")[:-1]:
        rows = list(rows_below(section.rpartition("\n<a id=")[2], "Date and Time (UTC)"))
        called = [_called(next(python), audit) for _ in rows]
        names: dict[str, Any] = {"engine": engine}
        posted = [log.record_json(next(forms)) for _ in rows]
        exec(next(python), names)
        yield Shown(rows, called, posted, names["entries"])


def _called(call: str, audit: Any) -> Entry:
    known: dict[str, Any] = {"audit": audit}
    head, _, expression = call.rpartition("\n\n")
    exec(head, known)
    entry: Entry = eval(expression, known)  # noqa: S307 - code of the reference
    return entry


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> list[Shown]:
    package = importlib.import_module("audit_events")
    database = tmp_path_factory.mktemp("sample") / "audit.db"
    return record(REFERENCE_FOLDER, package.CATALOG, package.AuditEvents, database)


@pytest.fixture
def every_type(kitchen_sink: Path, tmp_path: Path) -> list[Shown]:
    package = importlib.import_module("kitchen_sink_events")
    return record(kitchen_sink / "docs", package.CATALOG, package.AuditEvents, tmp_path / "audit.db")


@pytest.fixture
def further(further_types: Path, tmp_path: Path) -> list[Shown]:
    package = importlib.import_module("typed_events")
    return record(further_types / "docs", package.CATALOG, package.AuditEvents, tmp_path / "audit.db")


def assert_shown_as_recorded(shown: list[Shown]) -> None:
    for each in shown:
        for row, called, posted in zip(each.rows, each.called, each.posted, strict=True):
            time, event, category, description, actor, address = row
            assert re.fullmatch(r"2026-01-31 09:30:00\.000", time)
            for entry in (called, posted):
                assert (event, category) == (entry.event_title, entry.category_title)
                assert (description, actor, address) == (
                    entry.description,
                    entry.actor.label,
                    entry.ip_address,
                )
            assert called.metadata == posted.metadata
            assert (called.outcome, called.failure_reason) == (posted.outcome, posted.failure_reason)
        assert [entry.outcome for entry in each.called] == ["success", "failure"][: len(each.rows)]


def assert_queries_find_the_entries(shown: list[Shown]) -> None:
    """A query has a condition that the example of a success meets."""
    for each in shown:
        newest_first = [each.posted[0].id, each.called[0].id]
        assert [row.id for row in each.found if row.outcome == "success"] == newest_first


def test_sample_examples_are_shown_as_recorded(sample: list[Shown]) -> None:
    assert {each.called[0].event for each in sample} == set(
        importlib.import_module("audit_events").CATALOG.events
    )
    assert len(sample) == 78
    assert [each.called[0].event for each in sample if len(each.rows) == 2] == ["account.login_logout.login"]
    assert_shown_as_recorded(sample)


def test_sample_queries_find_the_entries(sample: list[Shown]) -> None:
    assert_queries_find_the_entries(sample)


def test_examples_of_every_type_are_shown_as_recorded(every_type: list[Shown]) -> None:
    assert len(every_type) == 8
    assert_shown_as_recorded(every_type)


def test_queries_of_every_type_find_the_entries(every_type: list[Shown]) -> None:
    assert_queries_find_the_entries(every_type)


def test_examples_of_failures_are_shown_as_recorded(outcomes: Path, tmp_path: Path) -> None:
    package = importlib.import_module("outcome_events")
    shown = record(outcomes / "docs", package.CATALOG, package.AuditEvents, tmp_path / "audit.db")
    assert [len(each.rows) for each in shown] == [2, 1, 1, 1]
    assert_shown_as_recorded(shown)
    assert_queries_find_the_entries(shown)


def test_examples_with_changes_are_shown_and_found_as_recorded(further: list[Shown]) -> None:
    assert len(further) == 6
    assert_shown_as_recorded(further)
    assert_queries_find_the_entries(further)
