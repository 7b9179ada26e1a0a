"""Rows that SQL has stored with hostile texts in every column: every reader shows them as texts."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import unicodedata
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet  # type: ignore[import-untyped]
import pytest
from anyio.from_thread import BlockingPortal
from tests.runtime.server.test_hostile_input import Dangers
from tests.security.hostile_row_texts import HOSTILE_TEXTS
from tests.support.command_line import Auditwright
from tests.support.databases import LONG_AGO, Database, foreign_row, open_log
from tests.support.web import AUDITOR, Client

from audit_events import CATALOG
from auditwright import AccountLog
from auditwright.ids import to_microseconds
from auditwright.server import Principal, create_app

ACCOUNT = '"><script>alert(1)</script>\r\nX: y'
"""The account of the rows, whose name is hostile too."""
TEXTS = tuple(HOSTILE_TEXTS.values())
UNTIL = "2025-01-01"
"""Exports are recorded after this."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d")


@dataclass(frozen=True)
class Rows:
    """The stored rows, and who reads them."""

    database: Database
    ids: tuple[str, ...]
    account: AccountLog
    client: Client


def hostile_row(number: int, text: str, engine: str) -> dict[str, Any]:
    """A row that has a text wherever the tables take one."""
    short = text.encode()[:256].decode(errors="ignore")
    metadata = {text: text, "model_name": text, "list": [text, {text: [text]}], "model_id": 7}
    row = foreign_row(
        CATALOG,
        account_id=ACCOUNT,
        occurred_at=to_microseconds(LONG_AGO) + number,
        level=short,
        category=short,
        event=short,
        actor_id=short,
        actor_name=text,
        description=text,
        catalog_version=text,
        alterations=json.dumps({text: {text: text}}),
        metadata=json.dumps(metadata),
        **dict.fromkeys(CATALOG.columns, text),
    )
    return row | ({"ip_address": text} if engine == "sqlite" else {})


@pytest.fixture(scope="module")
def rows(lasting_database: Database, portal: BlockingPortal) -> Iterator[Rows]:
    def anybody(_: object) -> Principal:
        return Principal(AUDITOR, (ACCOUNT,), may_export=True)

    with open_log(lasting_database) as log:
        made = [hostile_row(*each, lasting_database.engine) for each in enumerate(TEXTS)]
        lasting_database.insert(*made)
        ids = tuple(str(uuid.UUID(bytes=row["id"])) for row in made)
        yield Rows(lasting_database, ids, log.account(ACCOUNT), Client(create_app(log, anybody), portal))


def unprintable(text: str) -> set[str]:
    """The characters of a text that a reader does not see, or that change how others are seen."""
    hidden = {"\u034f", "\u3164", "\u115f", "\u1160", "\uffa0"}
    return {
        character
        for character in set(text)
        if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs") or character in hidden
    }


def test_hostile_rows_are_found_by_search(rows: Rows) -> None:
    page = rows.account.entries(until=UNTIL, limit=len(TEXTS))
    assert [entry.description for entry in reversed(page.entries)] == list(TEXTS)
    for text in TEXTS[::3]:
        found = rows.account.entries(search=text[:200] if len(text) > 2 else "one").entries
        assert len(text) < 3 or text in [entry.description for entry in found]


def test_the_page_shows_hostile_rows_as_texts(rows: Rows) -> None:
    shown = {}
    for name, path in {"list": "", **dict(zip(HOSTILE_TEXTS, rows.ids, strict=True))}.items():
        answer = rows.client.get(f"/entries/{path}" if path else "/?limit=200")
        page = Dangers(answer.text)
        assert (name, answer.status_code, page.found) == (name, 200, [])
        assert unprintable(page.text) <= {"\n"}, name
        shown[name] = page.text
    for name in ("script", "end of an attribute", "entities", "template of Jinja", "format"):
        assert HOSTILE_TEXTS[name] in shown[name]
        assert HOSTILE_TEXTS[name] in shown["list"]


def test_links_from_hostile_rows_lead_to_their_like(rows: Rows) -> None:
    for entry in rows.ids[::8]:
        page = rows.client.get(f"/entries/{entry}").text
        links = {html.unescape(link) for link in re.findall(r'href="(/\?[^"]*where[^"]*)"', page)}
        assert links
        for link in links:
            answer = rows.client.get(link)
            assert Dangers(answer.text).found == []
            assert entry in answer.text or answer.status_code == 400


def test_the_api_answers_hostile_rows_unchanged(rows: Rows) -> None:
    listed = rows.client.get("/api/entries?limit=200")
    assert listed.headers["content-type"] == "application/json"
    entries = {entry["id"]: entry for entry in listed.json()["entries"]}
    for entry_id, text in zip(rows.ids, TEXTS, strict=True):
        entry = rows.client.get(f"/api/entries/{entry_id}").json()
        assert entry == entries[entry_id]
        assert (entry["description"], entry["actor"]["name"]) == (text, text)
        assert entry["metadata"][text] == text


def test_no_cell_of_a_hostile_row_runs(rows: Rows) -> None:
    for excel, between in ((None, ","), ("comma", ","), ("semicolon", ";")):
        file = io.BytesIO()
        rows.account.export_csv(file, until=UNTIL, full=True, excel=excel)  # type: ignore[arg-type]
        text = file.getvalue().decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True))
        assert {len(line) for line in lines} == {len(lines[0])}
        assert len(lines) == len(TEXTS) + 1
        assert [cell for line in lines for cell in line if cell.startswith(FORMULA)] == []


def test_each_hostile_row_is_one_line_of_an_export(rows: Rows) -> None:
    file, table = io.BytesIO(), io.BytesIO()
    rows.account.export_jsonl(file, until=UNTIL)
    lines = [json.loads(line) for line in file.getvalue().decode().split("\n")[:-1]]
    assert [line["description"] for line in lines] == list(TEXTS)
    rows.account.export_parquet(table, until=UNTIL)
    column = pyarrow.parquet.read_table(table).column("description").to_pylist()
    assert sorted(column) == sorted(TEXTS)


def test_the_download_has_a_harmless_name(rows: Rows) -> None:
    for form in ("csv", "jsonl"):
        answer = rows.client.get(f"/api/export?format={form}")
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        name = answer.headers["content-disposition"]
        assert not set("<>\r\n\\/") & set(name)
        assert answer.headers["content-type"].partition(";")[0] in ("text/csv", "application/jsonl")


@pytest.mark.parametrize("form", ["table", "json"])
def test_commands_print_hostile_rows_safely(rows: Rows, auditwright: Auditwright, form: str) -> None:
    where = ("--database", rows.database.url, "--account", ACCOUNT)
    done = auditwright("list", "--to", UNTIL, "--limit", "200", "--format", form, *where)
    assert done.code == 0
    assert unprintable(done.out + done.err) <= {"\n"}
    if form == "json":
        assert [entry["description"] for entry in reversed(json.loads(done.out))] == list(TEXTS)
    else:
        assert len(done.out.splitlines()) == len(TEXTS) + 1


def test_show_prints_a_hostile_row_safely(rows: Rows, auditwright: Auditwright) -> None:
    where = ("--database", rows.database.url, "--account", ACCOUNT)
    for entry in rows.ids[::8]:
        done = auditwright("show", entry, *where)
        assert (done.code, unprintable(done.out + done.err)) == (0, {"\n"})
    done = auditwright("database", "check", "--database", rows.database.url)
    assert unprintable(done.out + done.err) <= {"\n"}
