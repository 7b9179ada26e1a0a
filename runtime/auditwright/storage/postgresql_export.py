"""Lines of files out of PostgreSQL: COPY writes them on the server, quotes and all.

What PostgreSQL writes in another form than it was recorded in is put right here.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import orjson

from auditwright.storage import postgresql_queries as queries
from auditwright.storage import postgresql_rows as packing
from auditwright.storage.csv_cells import FORMULA_SQL, category_titles, event_titles

if TYPE_CHECKING:
    from psycopg.abc import Buffer

    from auditwright.catalog import Catalog
    from auditwright.storage.base import Scope

SETTINGS = {"datestyle": "ISO, YMD", "jit": "off"}
"""What every export sets."""
IN_ORDER = {
    "max_parallel_workers_per_gather": "0",
    "enable_bitmapscan": "off",
    "enable_seqscan": "off",
    "enable_sort": "off",
}
"""What has the planner read many entries in the order of the primary key: the first line comes at once."""

CSV_FORMAT = "FORMAT csv"
JSON_FORMAT = r"FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02'"
"""Each line as it is: these characters do not stand in JSON, and without them nothing is quoted."""

_NAME = "coalesce(nullif(actor_name, ''), actor_id, 'System')"
_MARK = "\x03"
"""Stands before an address that PostgreSQL may write in another way than we do."""
_ADDRESS = f"CASE WHEN host(ip_address) LIKE '::%%' THEN '{_MARK}' ELSE '' END || host(ip_address)"
_PLACE = 5
"""Where its cell stands."""


def copy_statement(table: str, select: queries.Query, scope: Scope, newest_first: bool,
                   limit: int | None, form: str) -> queries.Query:  # fmt: skip
    """The COPY of what is selected of a scope."""
    columns, values = select
    statement, bound = queries.select_rows(table, columns, scope, newest_first, limit)
    return f"COPY ({statement}) TO STDOUT ({form})", [*values, *bound]


# --- CSV -------------------------------------------------------------------------------------------


def csv_columns(catalog: Catalog, full: bool, others: Sequence[str]) -> queries.Query:
    """SQL for the cells; a full line ends with the metadata and what `full_lines` puts into it."""
    titles, categories = {}, {}
    for key, _, _, title, category in event_titles(catalog):
        titles[key], categories[key] = title, category
    given = [titles, categories, dict(category_titles(catalog))]
    # With a microsecond at its end a time is never written shorter.
    time = "date_trunc('milliseconds', occurred_at AT TIME ZONE 'UTC') + interval '1 microsecond'"
    columns = [
        f"left(CAST({time} AS text), 23)",
        f"coalesce(CAST(%s AS jsonb) ->> event, {_guarded('event')})",
        f"coalesce(CAST(%s AS jsonb) ->> event, CAST(%s AS jsonb) ->> category, {_guarded('category')})",
        _guarded("description"),
        _guarded(_NAME),
        _ADDRESS,
    ]
    if full:
        columns += [
            _guarded("event"), _guarded("category"), _guarded("level"), "actor_type", _guarded("actor_id"),
            "id", _guarded("account_id"), *(_guarded(f'"{name}"') for name in catalog.columns),
            "metadata", *(f"""'.' || "{name}\"""" for name in others),
        ]  # fmt: skip
    return ", ".join(columns), [orjson.dumps(each).decode() for each in given]


def csv_pieces(rows: Iterable[Buffer], size: int) -> Iterator[tuple[int, bytes]]:
    """The lines of a COPY, in pieces."""
    found = iter(rows)
    mark = _MARK.encode()
    while lines := [row[:-1] for row in islice(found, size)]:
        piece = b"\r\n".join(lines) + b"\r\n"
        if mark in piece:
            piece = b"".join(_written(each) for each in map(_with_address, _cells(lines)))
        yield len(lines), piece


def full_pieces(rows: Iterable[Buffer], size: int, others: Sequence[str]) -> Iterator[tuple[int, bytes]]:
    """The same of full lines."""
    found = iter(rows)
    while lines := [row[:-1] for row in islice(found, size)]:
        yield len(lines), b"".join(_written(_as_recorded(cells, others)) for cells in _cells(lines))


def _cells(lines: Iterable[Buffer]) -> Iterator[list[str]]:
    return csv.reader(io.StringIO("\n".join(bytes(line).decode() for line in lines), newline=""), strict=True)


def _written(cells: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()


def _with_address(cells: list[str]) -> list[str]:
    address = cells[_PLACE]
    if address.startswith(_MARK):
        cells[_PLACE] = packing.normal_address(address.removeprefix(_MARK)) or ""
    return cells


def _as_recorded(cells: list[str], others: Sequence[str]) -> list[str]:
    """The cells with the metadata as it was recorded, and what stands in columns of other catalogs in it."""
    metadata = len(cells) - 1 - len(others)
    values = [cell[1:] if cell else None for cell in cells[metadata + 1 :]]
    text = packing.normal_json(cells[metadata], others, values)
    return [*_with_address(cells)[:metadata], text]


def _guarded(expression: str) -> str:
    """SQL for a text with a ' before it where a spreadsheet would run it; most begin with a letter."""
    return (
        f"CASE WHEN ascii({expression}) BETWEEN 65 AND 65279 THEN {expression} "
        f"WHEN left({expression}, 1) IN ({FORMULA_SQL}) THEN '''' || {expression} ELSE {expression} END"
    )


# --- JSON ------------------------------------------------------------------------------------------


def json_columns(catalog: Catalog, others: Sequence[str]) -> queries.Query:
    """SQL for the JSON form of an entry (`Entry.to_json`)."""
    columns = [*catalog.columns, *others]
    metadata = "CAST(metadata AS text)"
    if columns:
        nothing = " AND ".join(f'"{name}" IS NULL' for name in columns)
        values = ", ".join(f"""'{name}', "{name}\"""" for name in columns)
        added = f"jsonb_strip_nulls(jsonb_build_object({values}))"
        metadata = f"CASE WHEN {nothing} THEN {metadata} ELSE CAST(metadata || {added} AS text) END"
    parts = [
        "'{\"id\":\"'", "CAST(id AS text)", "'\",\"account_id\":'", _json("account_id"),
        "',\"event\":'", _json("event"), "',\"occurred_at\":\"'", _time("occurred_at"),
        "'\",\"actor\":{\"type\":'", _json("actor_type"), _member(',"id":', "actor_id"),
        _member(',"name":', "actor_name"), "'}'",
        f"CASE WHEN ip_address IS NULL THEN '' ELSE ',\"ip_address\":\"' || {_ADDRESS} || '\"' END",
        "',\"metadata\":'", metadata, "',\"recorded_at\":\"'", _time("recorded_at"),
        "'\",\"level\":'", _json("level"), "',\"category\":'", _json("category"),
        "',\"description\":'", _json("description"), "',\"catalog_version\":'", _json("catalog_version"),
        "CASE WHEN alterations IS NULL OR CAST(alterations AS text) = '{}' THEN '' "
        "ELSE ',\"alterations\":' || CAST(alterations AS text) END",
        "'}'",
    ]  # fmt: skip
    return " || ".join(parts), []


def _json(column: str) -> str:
    return f"CAST(to_json({column}) AS text)"


def _member(start: str, column: str) -> str:
    return f"CASE WHEN {column} IS NULL THEN '' ELSE '{start}' || {_json(column)} END"


def _time(column: str) -> str:
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


def json_pieces(rows: Iterable[Buffer], size: int) -> Iterator[tuple[int, bytes]]:
    """The lines of a COPY, in pieces."""
    found = iter(rows)
    mark = _MARK.encode()  # which JSON would have written as \\u0003
    while lines := list(islice(found, size)):
        piece = b"".join(lines)
        if mark in piece:
            piece = re.sub(mark + b"([0-9a-f:.]+)", _address_in_json, piece)
        yield len(lines), piece


def _address_in_json(found: re.Match[bytes]) -> bytes:
    return (packing.normal_address(found[1].decode()) or "").encode()


def is_probed(scope: Scope) -> bool:
    """Whether an index may show that a scope has few entries, before all of the account's are read."""
    return not scope.is_looked_for and all(branch.event is not None for branch in scope.branches)
