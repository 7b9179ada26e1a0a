"""The SQL that builds the lines of a CSV or JSON Lines file, many lines as one text.

A line is built in the query that reads the row: passing columns through a subquery costs 50 % more. Running
the SQL is in `export_worker.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from auditwright.actor import ACTOR_TYPES
from auditwright.ids import LAST
from auditwright.storage.csv_cells import FORMULA_SQL, SKIPPED, category_titles, csv_line, event_titles
from auditwright.storage.sqlite import queries
from auditwright.storage.sqlite.export_worker import EVERY_ID, HIGH, KNOWN_DAY, LOW, Titles, Work
from auditwright.storage.sqlite.schema import all_null, columns_or_json, in_groups, quoted, with_fields
from auditwright.storage.sqlite.triggers import checks

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.storage.query import Scope

_DAY = 86_400_000_000


def work_of(scope: Scope, line: str, newest_first: bool, size: int, entries: int, titles: Titles) -> Work:
    """The work for the lines of a scope; `line` is the SQL of one line."""
    low, high = scope.low or EVERY_ID[LOW], scope.high or EVERY_ID[HIGH]
    open_ends = replace(scope, low=b"low", high=b"high")
    ends = {b"low": LOW, b"high": HIGH}

    def bounded(found: queries.Query) -> list[str | int]:
        return [ends[value] if isinstance(value, bytes) else value for value in found[1]]

    order, last = queries.in_order(newest_first), "min" if newest_first else "max"
    piece = f"SELECT CAST(group_concat(line, '') AS BLOB), count(*), {last}(id) FROM"
    if len(scope.branches) == 1:
        (found,) = queries.statements(open_ends, f"id, {line} AS line")
        made, values, ids = f"{found[0]}{order} LIMIT ?", bounded(found), []
    else:  # merging ids costs less than merging whole rows
        made, values = queries.by_row_ids(f"id, {line} AS line", "?"), []
        ids = [
            (f"{found[0]}{order}", bounded(found))
            for found in queries.statements(open_ends, "id, audit_entry.rowid")
        ]
    candidates = next(queries.statements(open_ends.indexed, "id"))
    return Work(
        titles=titles,
        piece=(f"{piece} ({made})", values),
        ids=ids,
        edge=(f"{candidates[0]}{order} LIMIT 1 OFFSET ?", bounded(candidates)),
        bounds=(low.hex(), high.hex()),
        newest_first=newest_first,
        size=size,
        entries=entries,
    )


def titles_of(catalog: Catalog) -> Titles:
    """The titles of a catalog, for `keep_titles`."""
    return {
        "csv_event": [
            (key, csv_line(titles), _json_keys(key, level, of), level, of)
            for key, level, of, *titles in event_titles(catalog)
        ],
        "csv_category": [(key, csv_line([title])) for key, title in category_titles(catalog)],
    }


def _json_keys(event: str, level: str, category: str) -> str:
    in_level = f'"level":"{level}",' if level else ""
    return f'"event":"{event}",{in_level}"category":"{category}"'


# --- CSV -------------------------------------------------------------------------------------------

_NAME = (
    "(CASE WHEN actor_name > '' THEN actor_name WHEN actor_id > '' THEN actor_id "
    "WHEN actor_type = 'anonymous' THEN 'Anonymous' ELSE 'System' END)"
)
_IS_PLAIN = (
    "outcome = 'success' "
    "AND coalesce(failure_reason, on_behalf_of_type, on_behalf_of_id, on_behalf_of_name, context) IS NULL"
)
"""SQL for whether an entry has nothing in the columns from outcome to context."""
_NO_ADDRESS = "*[^0-9a-f.:]*"
_CATEGORY = "coalesce((SELECT cells FROM temp.csv_category WHERE key = category), {})"
_TITLES = "coalesce((SELECT cells FROM temp.csv_event WHERE key = event), {} || ',' || {})"


def line_of_csv(catalog: Catalog, metadata: str, full: bool) -> str:
    """SQL for a CSV line; `metadata` is the SQL for the metadata."""
    cells = [_Cell("description"), _Cell(_NAME), _Cell("ip_address", optional=True, unusual=_NO_ADDRESS)]
    every, has_nul = cells, ""
    if full:
        cells += [
            _Cell("event"), _Cell("category"), _Cell("level"), _Cell("actor_type", quoted=False),
            _Cell("actor_id", optional=True), _Cell(id_text("id"), quoted=False, stored=False),
            _Cell("account_id"),
        ]  # fmt: skip
        later = [
            _Cell("outcome", quoted=False), _Cell("failure_reason", optional=True),
            _Cell("on_behalf_of_type", quoted=False, optional=True), _Cell("on_behalf_of_id", optional=True),
            _Cell("on_behalf_of_name", optional=True), _Cell("context", optional=True),
        ]  # fmt: skip
        own = [*(_Cell(quoted(name), optional=True) for name in catalog.columns), _Cell(metadata)]
        every = [*cells, *later, *own]
        cells = [*cells, _several(later, f"success{',' * (len(later) - 1)}"), *own]
        has_nul = f" OR NOT ({_IS_PLAIN}) AND instr({_joined(each.text for each in later)}, char(0))"
    time = [*_time("occurred_at"), "occurred_at % 1000000 / 1000"]
    titles = _TITLES.format(_cell("event"), _CATEGORY.format(_cell("category")))
    form = "%s %02d:%02d:%02d.%03d"
    printed = f"printf('{form}', {', '.join(time)})"
    line = _joined([printed, titles, *(each.safe for each in cells)], "','")
    # printf is faster, but truncates its arguments at a NUL, which other programs may have stored.
    printing = [(form, ", ".join(time)), ("%s", titles), *(each.printed for each in cells)]
    quick = _joined(map(_printf, in_groups(printing, 40)), "','")
    texts = ["event", "category", *(each.text for each in cells if each.stored)]
    has_nul = f"instr({_joined(dict.fromkeys(texts))}, char(0)){has_nul}"
    # The types and the outcome of a damaged entry may be any text.
    quoting = _joined([printed, titles, *(each._replace(quoted=True).safe for each in every)], "','")
    return _line_or_damaged(f"iif({has_nul}, {line}, {quick}) || char(13, 10)", f"{quoting} || char(13, 10)")


def _several(cells: Sequence[_Cell], usual: str) -> _Cell:
    """The cells from the outcome to the context as one; those of most entries are `usual`."""
    found = _joined((each.safe for each in cells), "','")
    return _Cell(f"iif({_IS_PLAIN}, '{usual}', {found})", quoted=False, stored=False)


def _line_or_damaged(line: str, damaged_line: str) -> str:
    """SQL for a line, or for that of a damaged entry, which has the values of `damage.readable`."""
    sound = checks("audit_entry.")
    names = " || ".join(f"iif({check}, '', ', {part}')" for part, check in sound.items())
    columns = {
        "id": "substr(CAST(audit_entry.id || zeroblob(16) AS BLOB), 1, 16)",
        "occurred_at": f"max(min(audit_entry.occurred_at, {LAST}), 0)",
        "recorded_at": f"max(min(audit_entry.recorded_at, {LAST}), 0)",
        "description": "'[damaged: ' || audit_parts || '] ' || audit_entry.description",
        "alterations": f"iif({sound['alterations']}, audit_entry.alterations, "
        "json_object('alterations', audit_entry.alterations))",
        "on_behalf_of_type": f"iif({sound['on_behalf_of']}, audit_entry.on_behalf_of_type, "
        "coalesce(audit_entry.on_behalf_of_type, ''))",
        "context": f"iif({sound['context']}, audit_entry.context, "
        "json_object('context', audit_entry.context))",
        "audit_damaged": "audit_parts",
    }
    selected = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    found = f"SELECT {selected} FROM (SELECT substr({names}, 3) AS audit_parts)"
    # A name without `audit_entry.` in the line is that of a readable column, if there is one.
    is_sound = " AND ".join(sound.values())
    return f"CASE WHEN {is_sound} THEN {line} ELSE (SELECT {damaged_line} FROM ({found})) END"


def _printf(cells: list[tuple[str, str]]) -> str:
    forms, values = zip(*cells, strict=True)
    return f"printf('{','.join(forms)}', {', '.join(values)})"


def _joined(texts: Iterable[str], between: str = "") -> str:
    """SQL for the texts in a row; in groups, as an expression may be nested 1,000 deep at most."""
    joint = f" || {between} || " if between else " || "
    return joint.join(f"({joint.join(group)})" for group in in_groups(texts, 100))


class _Cell(NamedTuple):
    """A cell after the time and the titles: its SQL and what it may contain."""

    sql: str
    quoted: bool = True
    optional: bool = False
    """Whether it may be NULL, which becomes an empty cell."""
    stored: bool = True
    """Whether it is text that other programs may have stored."""
    unusual: str = ""
    """Matches (GLOB) the values that are quoted, if the others need no quotes."""

    @property
    def text(self) -> str:
        """SQL for the value, never NULL."""
        return f"coalesce({self.sql}, '')" if self.optional else self.sql

    @property
    def safe(self) -> str:
        """SQL for the cell, correct for every value."""
        if not self.quoted:
            return self.text
        if self.unusual:
            return f"iif({self.sql} GLOB '{self.unusual}', {_cell(self.sql)}, {self.text})"
        return f"iif({self.sql} IS NULL, '', {_cell(self.sql)})" if self.optional else _cell(self.sql)

    @property
    def printed(self) -> tuple[str, str]:
        """The cell in printf: its format, and the SQL of its arguments."""
        if self.quoted and not self.optional:
            return '"%s%w"', f"{_guard(self.sql)}, {self.sql}"
        return "%s", self.safe


def _time(column: str) -> list[str]:
    """SQL for the date, hour, minute and second of a column."""
    date = f"strftime('%Y-%m-%d', {column} / 1000000, 'unixepoch')"
    return [
        f"CASE {column} / {_DAY} {KNOWN_DAY} ELSE {date} END",
        f"{column} / 3600000000 % 24",
        f"{column} / 60000000 % 60",
        f"{column} / 1000000 % 60",
    ]


_UUID = ((1, 4), (5, 2), (7, 2), (9, 2), (11, 6))
"""Start and size in bytes of the parts of a UUID."""


def id_text(column: str) -> str:
    """SQL for a UUID as text."""
    parts = ", ".join(f"hex(substr({column}, {at}, {size}))" for at, size in _UUID)
    return f"lower(printf('%s-%s-%s-%s-%s', {parts}))"


def _guard(expression: str) -> str:
    """SQL for the ' prefix of a formula; comparing with letters first is fast for most texts."""
    return (
        f"CASE WHEN {expression} >= 'A' AND {expression} < '\uff00' THEN '' "
        f"WHEN substr(ltrim({expression}, '{SKIPPED}'), 1, 1) IN ({FORMULA_SQL}) THEN '''' ELSE '' END"
    )


def _cell(expression: str) -> str:
    """SQL for a text cell: quoted (RFC 4180) and guarded against formulas."""
    return f"'\"' || {_guard(expression)} || replace({expression}, '\"', '\"\"') || '\"'"


# --- JSON ------------------------------------------------------------------------------------------


def line_of_json(catalog: Catalog, metadata: str) -> str:
    """SQL for an entry in its JSON form (`Entry.to_json`); `metadata` is the SQL for the metadata."""
    damaged = ""","damaged":["' || replace(audit_damaged, ', ', '","') || '"]"""
    return _line_or_damaged(_line_of_json(catalog, metadata), _line_of_json(catalog, metadata, damaged))


def _line_of_json(catalog: Catalog, metadata: str, last: str = "") -> str:
    time = '"%sT%02d:%02d:%02d.%06dZ"'
    version = catalog.version
    before = [
        id_text("id"), "json_quote(account_id)", _KEYS,
        *_time("occurred_at"), "occurred_at % 1000000",
        _one_of("actor_type", ACTOR_TYPES),
        _json_member("actor_id", ',"id":'), _json_member("actor_name", ',"name":'),
        _json_member("ip_address", '"ip_address":', ","),
        _outcome(),
    ]  # fmt: skip
    after = [
        *_time("recorded_at"), "recorded_at % 1000000", "json_quote(description)",
        _one_of("catalog_version", (version,) if re.fullmatch("[ -~]+", version) else ()),
        f"iif(coalesce(alterations, '') IN ('', '{{}}'), '', ',\"alterations\":' || {_ALTERATIONS})",
    ]  # fmt: skip
    start = f'{{"id":"%s","account_id":%s,%s,"occurred_at":{time},"actor":{{"type":%s%s%s}},%s%s"metadata":'
    end = f',"recorded_at":{time},"description":%s,"catalog_version":%s%s'
    return (
        f"printf('{start}', {', '.join(before)}) || {_json_metadata(catalog, metadata)} "
        f"|| printf('{end}', {', '.join(after)}) || '{last}}}' || char(10)"
    )


_KEYS = """coalesce(
    (SELECT json_keys FROM temp.csv_event AS known WHERE known.key = event
     AND known.category = audit_entry.category AND known.level = audit_entry.level),
    '"event":' || json_quote(event) || iif(level = '', '', ',"level":' || json_quote(level))
    || ',"category":' || json_quote(category)
)"""


def _one_of(column: str, values: Sequence[str]) -> str:
    """SQL for a JSON string that usually is one of these values."""
    known = " ".join(
        f"""WHEN '{value}' THEN '"{value}"'""" for value in values if not set(value) & set("'\\\"")
    )
    return f"CASE {column} {known} ELSE json_quote({column}) END" if known else f"json_quote({column})"


def _json_member(column: str, start: str, end: str = "") -> str:
    after = f" || '{end}'" if end else ""
    return f"iif({column} IS NULL, '', '{start}' || json_quote({column}){after})"


def _outcome() -> str:
    """SQL for the members from the person on whose behalf to the context; most entries have none."""
    parts = [
        _json_member("on_behalf_of_type", '"on_behalf_of":{"type":'),
        _json_member("on_behalf_of_id", ',"id":'),
        _json_member("on_behalf_of_name", ',"name":'),
        "iif(on_behalf_of_type IS NULL, '', '},')",
        "iif(outcome = 'success', '', '\"outcome\":' || json_quote(outcome) || ',')",
        _json_member("failure_reason", '"failure_reason":', ","),
        # An object without quotes is empty.
        "iif(instr(context, '\"'), '\"context\":' || json(context) || ',', '')",
    ]
    return f"iif({_IS_PLAIN}, '', {' || '.join(parts)})"


_ALTERATIONS = "iif(json_valid(alterations), json(alterations), json_quote(alterations))"


def _json_metadata(catalog: Catalog, metadata: str) -> str:
    """SQL for the metadata on one line, including the fields with a column of their own.

    Metadata of other programs may have several lines. If it is not a JSON object, it becomes a string in one.
    """
    plain = (
        f"CASE WHEN {metadata} GLOB '{{*' AND NOT instr({metadata}, char(10)) AND json_valid({metadata}) "
        f"THEN {metadata} WHEN json_valid({metadata}) AND json_type({metadata}) = 'object' "
        f"THEN json({metadata}) ELSE json_object('metadata', {metadata}) END"
    )
    if not catalog.columns:
        return plain
    fields = (field for event in catalog.events.values() for field in event.fields)
    if all(field.name == field.identifier for field in fields):
        values = {name: quoted(name) for name in catalog.columns}
    else:  # fields of several events can have one name in the JSON form, one of them with a column
        values = columns_or_json(catalog.columns, metadata)
    return f"iif({all_null(map(quoted, catalog.columns))}, {plain}, {with_fields(plain, values)})"
