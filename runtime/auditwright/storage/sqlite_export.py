"""The SQL that SQLite makes whole pieces of a file with: Python sees a thousand lines as one text.

Lines are put together where the row is read: a subquery that hands on its columns costs half as much again.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditwright.entry import LAST, id_time
from auditwright.storage import sqlite_queries as queries
from auditwright.storage.csv_cells import FORMULA_SQL, category_titles, csv_line, event_titles

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.storage.base import Scope

_DAY = 86_400_000_000


def piece_statement(scope: Scope, line: str, newest_first: bool) -> queries.Query:
    """SQL for a piece of a scope that one statement holds: its text, its number of lines, its last id.

    It takes the two values of `date_at`, then those that come with it, then the number of lines.
    """
    order = f"{queries.in_order(newest_first)} LIMIT ?"
    if len(scope.branches) == 1:
        ((found, values),) = queries.statements(scope, f"id, {line} AS line")
        lines = found + order
    else:  # the line once, and not once for each branch
        ((found, values),) = queries.statements(scope, "id, *")
        lines = f"SELECT id, {line} AS line FROM ({found}{order})"
    last = "min" if newest_first else "max"
    return f"SELECT group_concat(line, ''), count(*), {last}(id) FROM ({lines})", values


def beyond(scope: Scope, last: bytes, newest_first: bool) -> Scope:
    """What is left of a scope behind an id."""
    return replace(scope, high=last) if newest_first else replace(scope, low=last + b"\0")


def date_at(entry_id: bytes = b"") -> tuple[int, str]:
    """A day since 1970 and its date: those of an entry near by spare SQLite the calendar."""
    moment = (id_time(entry_id) if len(entry_id) == 16 else None) or 0
    day = min(moment, LAST) // _DAY
    return day, datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d")


def keep_titles(connection: sqlite3.Connection, catalog: Catalog) -> None:
    """Have the titles of events and categories at hand in a connection that reads."""
    if connection.execute("SELECT 1 FROM temp.sqlite_schema").fetchone():
        return
    connection.execute("PRAGMA query_only=OFF")  # which holds for tables of the connection's own too
    texts = "key TEXT PRIMARY KEY, cells TEXT, keys TEXT, in_ TEXT, of TEXT"
    connection.execute(f"CREATE TEMP TABLE csv_event ({texts}) WITHOUT ROWID")
    connection.executemany(
        "INSERT INTO temp.csv_event VALUES (?, ?, ?, ?, ?)", [
            (key, csv_line(titles), f'"event":"{key}","level":"{level}","category":"{of}"', level, of)
            for key, level, of, *titles in event_titles(catalog)
        ],
    )  # fmt: skip
    connection.execute("CREATE TEMP TABLE csv_category (key TEXT PRIMARY KEY, cells TEXT) WITHOUT ROWID")
    connection.executemany(
        "INSERT INTO temp.csv_category VALUES (?, ?)",
        [(key, csv_line([title])) for key, title in category_titles(catalog)],
    )
    connection.execute("PRAGMA query_only=ON")


# --- CSV -------------------------------------------------------------------------------------------

_NAME = "(CASE WHEN actor_name > '' THEN actor_name ELSE coalesce(actor_id, 'System') END)"
_CATEGORY = "coalesce((SELECT cells FROM temp.csv_category WHERE key = category), {})"
_TITLES = "coalesce((SELECT cells FROM temp.csv_event WHERE key = event), {} || ',' || {})"


def line_of_csv(catalog: Catalog, metadata: str, full: bool) -> str:
    """SQL for a line; `metadata` is that for the metadata."""
    start = [
        *_time("occurred_at"), "occurred_at % 1000000 / 1000",
        _TITLES.format(_cell("event"), _CATEGORY.format(_cell("category"))),
    ]  # fmt: skip
    form = "%s %02d:%02d:%02d.%03d,%s"
    cells = [("description", True), (_NAME, True), ("ip_address", False)]
    texts = ["description", _NAME]
    if full:
        optional = ["actor_id", *catalog.columns]
        actor_id, *columns = ((_cell_or_nothing(name), False) for name in optional)
        cells += [
            ("event", True), ("category", True), ("level", True), ("actor_type", False), actor_id,
            (id_text("id"), False), ("account_id", True), *columns, (metadata, True),
        ]  # fmt: skip
        texts += ["event", "category", "level", "account_id", metadata]
        texts += [f"coalesce({name}, '')" for name in optional]
    safe = [_cell(each) if is_text else f"coalesce({each}, '')" for each, is_text in cells]
    line = " || ',' || ".join([f"printf('{form}', {', '.join(start)})", *safe]) + " || char(13, 10)"
    # Quicker, but what printf is given ends where a NUL stands, which other hands than ours may have stored.
    for each, is_text in cells:
        form += ',"%s%w"' if is_text else ",%s"
        start += [_guard(each), each] if is_text else [each]
    quick = f"printf('{form}' || char(13, 10), {', '.join(start)})"
    return f"iif(instr({' || '.join(texts)}, char(0)), {line}, {quick})"


def _time(column: str) -> list[str]:
    """SQL for date, hour, minute and second of a column."""
    date = f"strftime('%Y-%m-%d', {column} / 1000000, 'unixepoch')"
    return [
        f"CASE {column} / {_DAY} WHEN ?1 THEN ?2 ELSE {date} END",
        f"{column} / 3600000000 % 24",
        f"{column} / 60000000 % 60",
        f"{column} / 1000000 % 60",
    ]


_UUID = ((1, 4), (5, 2), (7, 2), (9, 2), (11, 6))
"""Where its parts begin, and how many bytes they have."""


def id_text(column: str) -> str:
    """SQL for a UUID as text."""
    parts = ", ".join(f"hex(substr({column}, {at}, {size}))" for at, size in _UUID)
    return f"lower(printf('%s-%s-%s-%s-%s', {parts}))"


def _guard(expression: str) -> str:
    """SQL for the ' before what a spreadsheet would run; a first letter tells most texts apart at once."""
    return (
        f"CASE WHEN {expression} >= 'A' AND {expression} < '\uff00' THEN '' "
        f"WHEN substr({expression}, 1, 1) IN ({FORMULA_SQL}) THEN '''' ELSE '' END"
    )


def _cell(expression: str) -> str:
    """SQL for a text cell: quoted (RFC 4180), and not to be run as a formula."""
    return f"'\"' || {_guard(expression)} || replace({expression}, '\"', '\"\"') || '\"'"


def _cell_or_nothing(expression: str) -> str:
    return f"iif({expression} IS NULL, '', {_cell(expression)})"


# --- JSON ------------------------------------------------------------------------------------------


def line_of_json(catalog: Catalog, metadata: str) -> str:
    """SQL for a line in the JSON form of an entry (`Entry.to_json`); `metadata` is that for the metadata."""
    time = '"%sT%02d:%02d:%02d.%06dZ"'
    version = catalog.version
    before = [
        id_text("id"), "json_quote(account_id)", _KEYS,
        *_time("occurred_at"), "occurred_at % 1000000",
        _one_of("actor_type", ("user", "app", "system")),
        _json_member("actor_id", ',"id":'), _json_member("actor_name", ',"name":'),
        _json_member("ip_address", '"ip_address":', ","),
    ]  # fmt: skip
    after = [
        *_time("recorded_at"), "recorded_at % 1000000", "json_quote(description)",
        _one_of("catalog_version", (version,) if re.fullmatch("[ -~]+", version) else ()),
        "iif(coalesce(alterations, '') IN ('', '{}'), '', ',\"alterations\":' || json(alterations))",
    ]  # fmt: skip
    start = f'{{"id":"%s","account_id":%s,%s,"occurred_at":{time},"actor":{{"type":%s%s%s}},%s"metadata":'
    end = f',"recorded_at":{time},"description":%s,"catalog_version":%s%s}}'
    return (
        f"printf('{start}', {', '.join(before)}) || {_json_metadata(catalog, metadata)} "
        f"|| printf('{end}' || char(10), {', '.join(after)})"
    )


_KEYS = """coalesce(
    (SELECT keys FROM temp.csv_event WHERE key = event AND of = category AND in_ = level),
    '"event":' || json_quote(event) || ',"level":' || json_quote(level)
    || ',"category":' || json_quote(category)
)"""


def _one_of(column: str, values: Sequence[str]) -> str:
    """SQL for a text in JSON that is mostly one of a few."""
    known = " ".join(
        f"""WHEN '{value}' THEN '"{value}"'""" for value in values if not set(value) & set("'\\\"")
    )
    return f"CASE {column} {known} ELSE json_quote({column}) END" if known else f"json_quote({column})"


def _json_member(column: str, start: str, end: str = "") -> str:
    after = f" || '{end}'" if end else ""
    return f"iif({column} IS NULL, '', '{start}' || json_quote({column}){after})"


def _json_metadata(catalog: Catalog, metadata: str) -> str:
    """SQL for the metadata, the fields with a column of their own among it."""
    # What others have stored may be laid out in lines.
    plain = f"iif(instr({metadata}, char(10)), json({metadata}), {metadata})"
    if not catalog.columns:
        return plain
    values = ", ".join(f"'{name}', {name}" for name in catalog.columns)
    # A NULL in the patch takes the field away, which is not there then.
    whole = f"json_patch({metadata}, json_object({values}))"
    return f"iif(coalesce({', '.join([*catalog.columns, 'NULL'])}) IS NULL, {plain}, {whole})"
