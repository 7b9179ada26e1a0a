"""The examples of the generated reference: calls and JSON are recorded, queries find the entries.

What the page shows of the entry is what the log has then.
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
    """One event as its section shows it, and the entries of its examples."""

    row: list[str]
    called: Entry
    posted: Entry
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
    python = [block.text for block in blocks(page, "python")]
    forms = [block.text for block in blocks(page, "json")]
    entries = list(rows_below(text, "Date and Time (UTC)"))
    for call, query, form, row in zip(python[::2], python[1::2], forms, entries, strict=True):
        known: dict[str, Any] = {"audit": audit}
        head, _, expression = call.rpartition("\n\n")
        exec(head, known)
        called, posted = eval(expression, known), log.record_json(form)  # noqa: S307 - code of the reference
        names: dict[str, Any] = {"engine": engine}
        exec(query, names)
        yield Shown(row, called, posted, names["entries"])


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
        time, event, category, description, actor, address = each.row
        assert re.fullmatch(r"2026-01-31 09:30:00\.000", time)
        for entry in (each.called, each.posted):
            assert (event, category) == (entry.event_title, entry.category_title)
            assert (description, actor, address) == (entry.description, entry.actor.label, entry.ip_address)
        assert each.called.metadata == each.posted.metadata


def assert_queries_find_the_entries(shown: list[Shown]) -> None:
    for each in shown:
        assert [row.id for row in each.found] == [each.posted.id, each.called.id]


def test_sample_examples_are_shown_as_recorded(sample: list[Shown]) -> None:
    assert {each.called.event for each in sample} == set(
        importlib.import_module("audit_events").CATALOG.events
    )
    assert len(sample) == 78
    assert_shown_as_recorded(sample)


def test_sample_queries_find_the_entries(sample: list[Shown]) -> None:
    assert_queries_find_the_entries(sample)


def test_examples_of_every_type_are_shown_as_recorded(every_type: list[Shown]) -> None:
    assert len(every_type) == 8
    assert_shown_as_recorded(every_type)


def test_queries_of_every_type_find_the_entries(every_type: list[Shown]) -> None:
    assert_queries_find_the_entries(every_type)


def test_examples_with_changes_are_shown_and_found_as_recorded(further: list[Shown]) -> None:
    assert len(further) == 6
    assert_shown_as_recorded(further)
    assert_queries_find_the_entries(further)
