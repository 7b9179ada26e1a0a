"""Exports as Parquet: one wide file, with a typed column for each field of its events.

Streamed: one row group is in memory, as Arrow arrays. Needs the extra `analytics`; imported by the first
export to Parquet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]

from auditwright.damage import readable_row
from auditwright.entry import DESCRIPTION, METADATA, Row
from auditwright.entry import columns as stored_columns
from auditwright.ids import to_microseconds
from auditwright.limits import bigint_of
from auditwright.transfer.text_export import CHUNK, Chunks

if TYPE_CHECKING:
    from auditwright.catalog import Catalog, Field
    from auditwright.storage.base import Storage
    from auditwright.storage.query import Scope

GROUP_ROWS, GROUP_BYTES = 20_000, 32_000_000
"""A row group ends at this number of entries, or of bytes before compression."""
BATCH_CHARACTERS = 1_000_000
"""A batch ends here before it has `CHUNK` entries, to bound the memory for large entries."""

WORDS = (
    *("event_title", "category_title", "event", "category", "level"),
    *("actor_type", "account_id", "outcome", "on_behalf_of_type", "catalog_version"),
)
"""Columns with few distinct values, stored as dictionaries."""
ENVELOPE = (
    *("occurred_at", "recorded_at", "event_title", "category_title", "description"),
    *("actor_type", "actor_id", "actor_name", "ip_address"),
    *("event", "category", "level", "account_id", "id", "outcome", "failure_reason"),
    *("on_behalf_of_type", "on_behalf_of_id", "on_behalf_of_name", "context", "catalog_version"),
)
"""The columns of every entry, before those of the fields; the context is JSON, as in the database."""
REST = ("alterations", "metadata")
"""The columns after those of the fields: JSON."""


def parquet_chunks(
    storage: Storage, catalog: Catalog, scope: Scope, events: Collection[str | None]
) -> Chunks:
    """The chunks of the file: a row group each, newest first, and the footer.

    The columns are those of the events; None among them stands for all events.
    """
    columns, sink = _Columns(catalog, scope.account_id, _fields(catalog, events)), _Sink()
    with closing(storage.rows(scope)) as rows:
        groups = _groups(map(columns.batch, columns.batches(map(readable_row, rows))))
        group = next(groups, None)
        with pyarrow.parquet.ParquetWriter(sink, columns.schema, compression="zstd") as writer:
            while group is not None:
                writer.write_table(group, row_group_size=GROUP_ROWS + CHUNK)
                count, group = group.num_rows, None  # free it before the next one is read
                yield count, sink.take()
                group = next(groups, None)
    yield 0, sink.take()


def _groups(batches: Iterator[Any]) -> Iterator[Any]:
    """Combine record batches into tables, one per row group."""
    held: list[Any] = []
    rows = size = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        size += sum(column.nbytes for column in batch.columns if column.null_count < batch.num_rows)
        if rows >= GROUP_ROWS or size >= GROUP_BYTES:
            yield pyarrow.Table.from_batches(held)
            held, rows, size = [], 0, 0
    if held:
        yield pyarrow.Table.from_batches(held)


class _Sink:
    """The file that pyarrow writes to; `take` returns the data since the last call."""

    closed = False

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: data is not buffered."""

    def take(self) -> bytes:
        data = b"".join(self._chunks)
        self._chunks.clear()
        return data


# --- columns -------------------------------------------------------------------------------------


class _Columns:
    """Makes the columns of a file from stored rows."""

    def __init__(self, catalog: Catalog, account_id: str, fields: list[Field]) -> None:
        self._catalog = catalog
        self._stored = [name for name, _, _ in stored_columns(catalog)]
        self._titles: dict[tuple[str, str], tuple[str, str]] = {}
        self._columns = {field.identifier: _columns_of(field) for field in fields}
        self._renamed: dict[str, dict[str, str]] = {}
        self.schema = pyarrow.schema(
            [
                *(pyarrow.field(name, _envelope_type(name)) for name in ENVELOPE),
                *(
                    pyarrow.field(column.name, _type(field), metadata=_about(field))
                    for field in fields
                    for column in self._columns[field.identifier]
                ),
                *(pyarrow.field(name, pyarrow.string()) for name in REST),
            ],
            metadata={
                "auditwright.account_id": account_id,
                "auditwright.catalog": catalog.package,
                "auditwright.catalog_version": catalog.version,
            },
        )

    def batches(self, rows: Iterator[Row]) -> Iterator[list[Row]]:
        """The rows in lists, shorter ones for large rows."""
        held: list[Row] = []
        size = 0
        for row in rows:
            held.append(row)
            size += len(row[DESCRIPTION]) + len(row[METADATA])
            if len(held) >= CHUNK or size >= BATCH_CHARACTERS:
                yield held
                held, size = [], 0
        if held:
            yield held

    def batch(self, rows: list[Row]) -> Any:
        """The rows as a record batch."""
        columns: dict[str, Any] = dict(zip(self._stored, zip(*rows, strict=True), strict=True))
        columns |= self._of_fields(columns)
        titles = list(map(self._titles_of, columns["event"], columns["category"]))
        columns["event_title"], columns["category_title"] = zip(*titles, strict=True)
        columns["id"] = [_id_text(each.hex()) for each in columns["id"]]
        arrays = [
            pyarrow.array(columns[field.name], field.type)
            if field.name in columns
            else _nulls(len(rows), field.type)
            for field in self.schema
        ]
        return pyarrow.record_batch(arrays, schema=self.schema)

    def _of_fields(self, columns: dict[str, Any]) -> dict[str, list[Any]]:
        """A column for each field that any row has, and all of the metadata as JSON."""
        documents = list(columns["metadata"])
        found: dict[str, list[Any]] = {}
        own_columns = [(name, columns[column]) for column, name in self._catalog.columns.items()]
        for number, (event, document) in enumerate(zip(columns["event"], columns["metadata"], strict=True)):
            from_columns = {
                name: column[number] for name, column in own_columns if column[number] is not None
            }
            values, is_object = _values(document)
            if from_columns or not is_object:
                values |= from_columns
                documents[number] = orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()
            renamed = self._renamed_of(event)
            for stored, value in values.items():
                name = renamed.get(stored, stored) if renamed else stored
                for column in self._columns.get(name, ()):
                    if column.name not in found:
                        found[column.name] = [None] * len(documents)
                    found[column.name][number] = column.convert(value)
        return {**found, "metadata": documents}

    def _renamed_of(self, event: str) -> dict[str, str]:
        """The column of each field of an event, if a field has another name in the JSON form than its column.

        A column that no field in the JSON form is named after is of an older entry's field; it has none.
        """
        if event not in self._renamed:
            known = self._catalog.event(event)
            fields = known.metadata if known is not None else ()
            names = {field.name: field.identifier for field in fields}
            renamed = {} if all(name == column for name, column in names.items()) else names
            self._renamed[event] = dict.fromkeys(renamed.values(), "") | renamed
        return self._renamed[event]

    def _titles_of(self, event: str, category: str) -> tuple[str, str]:
        titles = self._titles.get((event, category))
        if titles is None:
            titles = self._titles[event, category] = self._catalog.titles(event, category)
        return titles


def _values(document: str) -> tuple[dict[str, Any], bool]:
    """The metadata, and whether it is a JSON object: a foreign row may have any text."""
    with suppress(orjson.JSONDecodeError):
        values = orjson.loads(document)
        if type(values) is dict:
            return values, True
    return {"metadata": document}, False


@lru_cache(maxsize=100)
def _nulls(length: int, kind: Any) -> Any:
    """An array of nulls, which the columns without a value share: a wide catalog has thousands of them."""
    return pyarrow.nulls(length, kind)


def _id_text(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _fields(catalog: Catalog, events: Collection[str | None]) -> list[Field]:
    """The fields of the events, each name once, in catalog order.

    A field that the service's catalog and Auditwright's own define differently becomes JSON text. A field
    with the name of another column is only in the metadata.
    """
    found: dict[str, Field] = {}
    for event in catalog.every_event.values():
        if event.key in events or None in events:
            for field in event.metadata:
                known = found.setdefault(field.identifier, field)
                if (known.kind, known.many, known.change) != (field.kind, field.many, field.change):
                    found[field.identifier] = replace(known, kind="mixed", many=False, change=False)
    return [field for name, field in found.items() if name not in (*ENVELOPE, *REST)]


def _about(field: Field) -> dict[str, str]:
    """The metadata of a column, from the catalog."""
    about = {"title": field.title, "description": field.description, "sensitivity": field.sensitivity}
    return {**about, "unit": field.unit} if field.unit else about


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of a field: its name, and the function that converts a stored value."""

    name: str
    convert: Callable[[Any], Any]


def _columns_of(field: Field) -> list[_Column]:
    """The columns of a field: one, or both sides of a change."""
    convert = _converter(field)
    if not field.change:
        return [_Column(field.identifier, convert)]
    return [
        _Column(f"{field.identifier}_from", lambda value: _side(value, "from", convert)),
        _Column(f"{field.identifier}_to", lambda value: _side(value, "to", convert)),
    ]


def _side(value: Any, side: str, convert: Callable[[Any], Any]) -> Any:
    given = value.get(side) if type(value) is dict else None
    return None if given is None else convert(given)


# --- types ---------------------------------------------------------------------------------------


def _envelope_type(name: str) -> Any:
    if name in WORDS:
        return pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    return pyarrow.timestamp("us", "UTC") if name.endswith("_at") else pyarrow.string()


def _type(field: Field) -> Any:
    """The Arrow type of a field's column."""
    types = {
        "integer": pyarrow.int64(),
        "number": pyarrow.float64(),
        "boolean": pyarrow.bool_(),
        "timestamp": pyarrow.timestamp("us", "UTC"),
        "date": pyarrow.date32(),
        "bigint": pyarrow.int64(),
    }
    found = types.get(_kind(field), pyarrow.string())
    return pyarrow.list_(found) if field.many else found


def _kind(field: Field) -> str:
    """The kind of the stored values: the values of some enums are stored as integers."""
    return "integer" if any(type(value) is int for value in field.values) else field.kind


def _converter(field: Field) -> Callable[[Any], Any]:
    """Converts a stored value to the column's type; None for a value that has another type."""
    convert = _CONVERTERS.get(_kind(field), _text)
    return (lambda values: _list(values, convert)) if field.many else convert


def _text(value: Any) -> str | None:
    return value if type(value) is str else None


def _json(value: Any) -> str:
    return value if type(value) is str else orjson.dumps(value).decode()


def _json_text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _integer(value: Any) -> int | None:
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def _number(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) else None


def _boolean(value: Any) -> bool | None:
    return value if type(value) is bool else None


def _timestamp(value: Any) -> int | None:
    """Microseconds since 1970."""
    try:
        return to_microseconds(datetime.fromisoformat(value))
    except (TypeError, ValueError):  # not a string, not a time, or without a zone
        return None


def _date(value: Any) -> date | None:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def _bigint(value: Any) -> int | None:
    return bigint_of(value) if type(value) is str else None


def _list(values: Any, convert: Callable[[Any], Any]) -> list[Any] | None:
    if type(values) is not list:
        return None
    converted = [convert(value) for value in values]
    return None if None in converted else converted


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "date": _date,
    "bigint": _bigint,
    "json": _json_text,
    "mixed": _json,
}
"""By kind of field; all other kinds are text."""
