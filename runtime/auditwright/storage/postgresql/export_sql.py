"""Lines of export files from PostgreSQL: COPY formats and quotes them on the server.

Values that PostgreSQL writes in another form than the recorded one are restored here.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import orjson

from auditwright.storage.csv_cells import FORMULA_SQL, SKIPPED, category_titles, event_titles
from auditwright.storage.postgresql import queries
from auditwright.storage.postgresql.constraints import conditions
from auditwright.storage.postgresql.dsn import sql
from auditwright.storage.postgresql.row_format import normal_json
from auditwright.storage.postgresql.schema import as_object, quoted

if TYPE_CHECKING:
    from psycopg.abc import Buffer

    from auditwright.catalog import Catalog
    from auditwright.storage.postgresql.dsn import Connection
    from auditwright.storage.postgresql.entry_table import EntryTable
    from auditwright.storage.query import Scope

SETTINGS = {"datestyle": "ISO, YMD", "jit": "off"}
"""Settings of every export."""
IN_ORDER = {
    "max_parallel_workers_per_gather": "0",
    "enable_bitmapscan": "off",
    "enable_seqscan": "off",
    "enable_sort": "off",
}
"""Settings that make the planner read in the order of the primary key: the first line comes at once."""
SORTED = {"max_parallel_workers_per_gather": "0", "work_mem": "64MB"}
"""Settings for reading by another index and sorting, one partition at a time."""
PIECE = 2 << 20
"""Bytes after which a piece ends, even with few lines."""

CSV_FORMAT = "FORMAT csv"
JSON_FORMAT = r"FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02'"
"""Writes each line as it is: JSON text never has these characters, so that nothing is quoted."""

_NAME = (
    "coalesce(nullif(actor_name, ''), nullif(actor_id, ''), "
    "CASE actor_type WHEN 'anonymous' THEN 'Anonymous' ELSE 'System' END)"
)
_IN_ONE_LINE = "translate({}, chr(10) || chr(13), '')"
"""SQL that removes line breaks from stored JSON; its strings never have any."""
_RARE = (
    "failure_reason", "on_behalf_of_type", "on_behalf_of_id", "on_behalf_of_name", "CAST(context AS text)",
)  # fmt: skip
_IS_PLAIN = (
    "outcome = 'success' AND coalesce(failure_reason, on_behalf_of_type, on_behalf_of_id, on_behalf_of_name) "
    "IS NULL AND context IS NULL"
)
"""SQL for whether an entry has nothing in the columns from outcome to context."""
_MARK = "\x03"
"""A cell before the metadata at the end of a full line; JSON text never has this character."""
_BEFORE_METADATA = f",{_MARK},".encode()
_DAMAGED = "audit_damaged"
"""The name of the column with the damaged parts of an entry; no field has it."""
_BEFORE_OTHERS = "\x04"
"""Separates the metadata from a JSON object of the values in columns of other catalogs."""


def copied_lines(
    connection: Connection,
    table: EntryTable,
    select: queries.Query,
    scope: Scope,
    newest_first: bool,
    limit: int | None,
    form: str,
    readable: str | None = None,
) -> Generator[Buffer, None, None]:
    """The lines of a scope, made by the server, without their ends; none where it has no branches.

    `readable` is the result of `readable_columns`, None for a table without damaged entries.
    """
    if not scope.branches:
        return
    settings, parts = SETTINGS, [scope]
    if (limit is None or limit > queries.MAX_PROBED) and is_probed(scope):
        statement, values = queries.count_up_to(table.name, scope, queries.MAX_PROBED + 1)
        ((_, found),) = connection.execute(sql(statement), values).fetchall()
        limit = found if found <= queries.MAX_PROBED else limit
    if limit is None or limit > queries.MAX_PROBED:
        if is_in_order(scope):
            settings = settings | IN_ORDER
        else:
            settings = settings | SORTED
            bounds = connection.execute(sql(queries.PARTITION_BOUNDS), (table.oid,)).fetchall()
            parts = queries.by_partition(scope, (bound.bytes for (bound,) in bounds if bound), newest_first)
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, true)", (name, value))
    for part in parts:
        statement, values = copy_statement(table.name, select, part, newest_first, limit, form, readable)
        cursor = connection.cursor()
        with cursor.copy(sql(statement), values) as copy:
            for line in copy:
                yield line[:-1]
        if limit is not None:
            limit -= cursor.rowcount
            if not limit:
                return


def copy_statement(
    table: str, select: queries.Query, scope: Scope, newest_first: bool, limit: int | None, form: str,
    readable: str | None = None,
) -> queries.Query:  # fmt: skip
    """The COPY statement of a scope; `readable` is None for a table without damaged entries."""
    columns, values = select
    if readable is None:
        statement, bound = queries.select_rows(table, columns, scope, newest_first, limit)
    else:
        entries, bound = queries.select_rows(table, readable, scope, newest_first, limit)
        statement = f"SELECT {columns} FROM ({entries}) AS readable"
    return f"COPY ({statement}) TO STDOUT ({form})", [*values, *bound]


def readable_columns(names: Iterable[str]) -> str:
    """SQL for the columns, with the values of `damage.readable` for a damaged entry, and for `_DAMAGED`.

    It is slow, and only for a table whose constraints are not valid: no other has damaged entries.
    """
    sound = {part: f"({check} IS NOT FALSE)" for part, check in conditions().items()}
    first, last = "to_timestamp(0)", "timestamptz '9999-12-31 23:59:59.999999+00'"
    parts = ", ".join(f"CASE WHEN {check} THEN NULL ELSE '{part}' END" for part, check in sound.items())
    is_sound, parts = " AND ".join(sound.values()), f"concat_ws(', ', {parts})"
    changed = {
        "occurred_at": f"least(greatest(occurred_at, {first}), {last})",
        "recorded_at": f"least(greatest(recorded_at, {first}), {last})",
        "description": f"CASE WHEN {is_sound} THEN description "
        f"ELSE '[damaged: ' || {parts} || '] ' || description END",
        "alterations": f"CASE WHEN {sound['alterations']} THEN alterations "
        "ELSE json_build_object('alterations', CAST(alterations AS text)) END",
        "on_behalf_of_type": f"CASE WHEN {sound['on_behalf_of']} THEN on_behalf_of_type "
        "ELSE coalesce(on_behalf_of_type, '') END",
        "context": f"CASE WHEN {sound['context']} THEN context "
        "ELSE json_build_object('context', CAST(context AS text)) END",
        "metadata": "CASE WHEN jsonb_typeof(metadata) = 'object' THEN metadata "
        "ELSE jsonb_build_object('metadata', CAST(metadata AS text)) END",
    }
    columns = [f"{changed.get(name, quoted(name))} AS {quoted(name)}" for name in names]
    return ", ".join([*columns, f"{parts} AS {_DAMAGED}"])


# --- CSV -------------------------------------------------------------------------------------------


def csv_columns(catalog: Catalog, full: bool, others: Mapping[str, str]) -> queries.Query:
    """SQL for the cells; `full_line` restores the recorded form of a full line's metadata."""
    titles, categories = {}, {}
    for key, _, _, title, category in event_titles(catalog):
        titles[key], categories[key] = title, category
    given = [titles, categories, dict(category_titles(catalog))]
    # The added microsecond keeps trailing zeros from being cut.
    time = "date_trunc('milliseconds', occurred_at AT TIME ZONE 'UTC') + interval '1 microsecond'"
    columns = [
        f"left(CAST({time} AS text), 23)",
        f"coalesce(CAST(%s AS jsonb) ->> event, {_guarded('event')})",
        f"coalesce(CAST(%s AS jsonb) ->> event, CAST(%s AS jsonb) ->> category, {_guarded('category')})",
        _guarded("description"),
        _guarded(_NAME),
        "host(ip_address)",
    ]
    if full:
        columns += [
            _guarded("event"), _guarded("category"), _guarded("level"), "actor_type", _guarded("actor_id"),
            "id", _guarded("account_id"), _guarded("outcome"), *map(_rare, _RARE),
            *(_guarded(f'"{name}"') for name in catalog.columns),
            f"'{_MARK}'", _metadata(others),
        ]  # fmt: skip
    return ", ".join(columns), [orjson.dumps(each).decode() for each in given]


def _metadata(others: Mapping[str, str]) -> str:
    if not others:
        return "metadata"
    nothing = " AND ".join(f'"{name}" IS NULL' for name in others)
    added = f"CAST({as_object(others)} AS text)"
    return f"CAST(metadata AS text) || CASE WHEN {nothing} THEN '' ELSE '{_BEFORE_OTHERS}' || {added} END"


def full_line(row: Buffer) -> bytes:
    """A full line written by COPY, with the metadata as recorded."""
    cells, _, metadata = bytes(row).rpartition(_BEFORE_METADATA)
    if metadata[:1] == b'"':  # else it is {}
        stored, _, others = metadata[1:-1].replace(b'""', b'"').decode().partition(_BEFORE_OTHERS)
        added = orjson.loads(others) if others else {}
        text = normal_json(stored, list(added), list(added.values()))
        metadata = b'"%b"' % text.encode().replace(b'"', b'""')
    return b"%b,%b" % (cells, metadata)


def _guarded(expression: str) -> str:
    """SQL that prefixes a text with ' where a spreadsheet would see a formula; most begin with a letter."""
    return (
        f"CASE WHEN ascii({expression}) BETWEEN 65 AND 65279 THEN {expression} "
        f"WHEN left(ltrim({expression}, '{SKIPPED}'), 1) IN ({FORMULA_SQL}) THEN '''' || {expression} "
        f"ELSE {expression} END"
    )


def _rare(expression: str) -> str:
    """The same for a text that is null in most entries."""
    return f"CASE WHEN {expression} IS NOT NULL THEN {_guarded(expression)} END"


# --- JSON ------------------------------------------------------------------------------------------


def json_columns(catalog: Catalog, others: Mapping[str, str], are_readable: bool = False) -> queries.Query:
    """SQL for the JSON form of an entry (`Entry.to_json`)."""
    columns = {**catalog.columns, **others}
    metadata = "CAST(metadata AS text)"
    if columns:
        nothing = " AND ".join(f'"{name}" IS NULL' for name in columns)
        metadata = (
            f"CASE WHEN {nothing} THEN {metadata} ELSE CAST(metadata || {as_object(columns)} AS text) END"
        )
    parts = [
        "'{\"id\":\"'", "CAST(id AS text)", "'\",\"account_id\":'", _json("account_id"),
        "',\"event\":'", _json("event"), "',\"occurred_at\":\"'", _time("occurred_at"),
        "'\",\"actor\":{\"type\":'", _actor("actor"), "'}'",
        "CASE WHEN ip_address IS NULL THEN '' ELSE ',\"ip_address\":\"' || host(ip_address) || '\"' END",
        _outcome(), "',\"metadata\":'", metadata, "',\"recorded_at\":\"'", _time("recorded_at"),
        f"CASE level WHEN '' THEN '\"' ELSE '\",\"level\":' || {_json('level')} END",
        "',\"category\":'", _json("category"),
        "',\"description\":'", _json("description"), "',\"catalog_version\":'", _json("catalog_version"),
        "CASE WHEN alterations IS NULL OR CAST(alterations AS text) = '{}' THEN '' "
        f"ELSE ',\"alterations\":' || {_IN_ONE_LINE.format('CAST(alterations AS text)')} END",
        *([f"CASE {_DAMAGED} WHEN '' THEN '' ELSE "
           f"',\"damaged\":[\"' || replace({_DAMAGED}, ', ', '\",\"') || '\"]' END"] if are_readable else []),
        "'}'",
    ]  # fmt: skip
    return " || ".join(parts), []


def _actor(name: str) -> str:
    """SQL for the type, the id and the name of somebody."""
    known = (_member(f',"{part}":', f"{name}_{part}") for part in ("id", "name"))
    return " || ".join([_json(f"{name}_type"), *known])


def _outcome() -> str:
    """SQL for the members from the outcome to the context; most entries have none."""
    context = "CAST(context AS text)"
    parts = [
        f"CASE WHEN on_behalf_of_type IS NULL THEN '' "
        f"ELSE ',\"on_behalf_of\":{{\"type\":' || {_actor('on_behalf_of')} || '}}' END",
        f"CASE outcome WHEN 'success' THEN '' ELSE ',\"outcome\":' || {_json('outcome')} END",
        _member(',"failure_reason":', "failure_reason"),
        # An object without quotes is empty.
        f"CASE WHEN position('\"' IN {context}) > 0 THEN ',\"context\":' || {_IN_ONE_LINE.format(context)} "
        "ELSE '' END",
    ]
    return f"CASE WHEN {_IS_PLAIN} THEN '' ELSE {' || '.join(parts)} END"


def _json(column: str) -> str:
    return f"CAST(to_json({column}) AS text)"


def _member(start: str, column: str) -> str:
    return f"CASE WHEN {column} IS NULL THEN '' ELSE '{start}' || {_json(column)} END"


def _time(column: str) -> str:
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


# --- both ------------------------------------------------------------------------------------------


def pieces(lines: Iterable[Buffer], end: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """Joins lines into pieces of at most `size` lines, and fewer if they are long."""
    piece: list[Buffer] = []
    held = 0
    for line in lines:
        piece += line, end
        held += len(line)
        if len(piece) == 2 * size or held >= PIECE:
            yield len(piece) // 2, b"".join(piece)
            piece, held = [], 0
    if piece:
        yield len(piece) // 2, b"".join(piece)


def is_in_order(scope: Scope) -> bool:
    """Whether to read in the order of the primary key, because no other index is narrower."""
    return all(branch.event is None for branch in scope.branches)


def is_probed(scope: Scope) -> bool:
    """Whether probing an index can show that a scope has few entries."""
    return not scope.needs_scan and all(branch.event is not None for branch in scope.branches)
