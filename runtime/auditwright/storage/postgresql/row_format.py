"""The formats of rows: into PostgreSQL as one JSON text or as binary COPY, and back to the recorded form.

jsonb normalises JSON text and stores numbers as decimals; the recorded form is restored on reading. It has no
negative zero: -0.0 comes back as 0.0.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

import orjson

from auditwright.entry import ACCOUNT_ID, ID, ColumnKind, Row, is_usual, usual_part
from auditwright.ids import format_time

COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_END = b"\xff\xff"
_PIECE = 200
"""Rows in one chunk of a COPY."""
_LENGTH = struct.Struct("!i").pack
_TIME = struct.Struct("!iq").pack
_NULL = b"\xff\xff\xff\xff"
_SINCE_2000 = 946_684_800_000_000
"""Microseconds from 1970 to PostgreSQL's epoch, 2000."""

Columns = tuple[tuple[str, ColumnKind, bool], ...]


def microseconds(column: str) -> str:
    """SQL for a time in microseconds since 1970; infinity is the end of the range of bigint."""
    return (
        f"CASE WHEN isfinite({column}) THEN (extract(epoch FROM {column}) * 1000000)::bigint "
        f"WHEN {column} > to_timestamp(0) THEN {2**63 - 1} ELSE {-(2**63)} END"
    )


READ = {
    "id": "uuid_send(id)",
    "occurred_at": microseconds("occurred_at"),
    "recorded_at": microseconds("recorded_at"),
    "ip_address": "host(ip_address)",
    "context": "context::text",
    "alterations": "alterations::text",
    "metadata": "metadata::text",
}
"""SQL that reads a column in the form of `entry.columns`; other columns are read as they are."""


def selected(columns: Columns, others: Mapping[str, str]) -> str:
    """The select list whose rows `row_of` takes."""
    return ", ".join([*(READ.get(name, f'"{name}"') for name, _, _ in columns), *map('"{}"'.format, others)])


# --- in --------------------------------------------------------------------------------------------

_GIVEN = {
    "id": ("uuid", "{}"),
    "timestamp": ("timestamptz", "{}"),
    "digest": ("text", "decode({}, 'hex')"),
    "json": ("text", "{}::json"),  # as text, or it would not keep the order of its keys
    "jsonb": ("jsonb", "{}"),
    "text": ("text", "{}"),
    "ip_address": ("inet", "{}"),
}
"""By form: its type in the JSON, and SQL for the stored value."""


def _form(name: str, kind: str) -> str:
    """The form of a column's values: its kind, but for addresses. A catalog may have a column `jsonb`."""
    return "ip_address" if name == "ip_address" else kind


def written(columns: Columns, rows: Sequence[Row]) -> tuple[Columns, Sequence[Row]]:
    """The columns that are written, and their values: not all of them where all rows are usual."""
    if not all(map(is_usual, rows)):
        return columns, rows
    return usual_part(columns), [usual_part(row) for row in rows]


@lru_cache(maxsize=16)
def insert_statement(table: str, columns: Columns) -> str:
    """SQL that inserts the rows of its parameter, made by `as_json`, unless their key is stored already.

    It returns account and id, in hexadecimal, of each inserted row.
    """
    names = [name for name, _, _ in columns]
    given = [(name, *_GIVEN[_form(name, kind)]) for name, kind, _ in columns]
    values = ", ".join(value.replace("{}", f'given."{name}"') for name, _, value in given)
    types = ", ".join(f'"{name}" {type_}' for name, type_, _ in given)
    return (
        f"INSERT INTO {table} ({_quoted(names)}) SELECT {values} "
        f"FROM jsonb_to_recordset(CAST(CAST(%s AS text) AS jsonb)) AS given({types}) "
        "ON CONFLICT (account_id, id) DO NOTHING RETURNING account_id, encode(uuid_send(id), 'hex')"
    )


@lru_cache(maxsize=256)
def values_statement(table: str, columns: Columns, rows: int) -> str:
    """The same for so many rows, whose values are its parameters, made by `as_values`.

    A Citus cluster sends each row straight to its node; it would first copy the rows of a function to all
    nodes that get any.
    """
    names = [name for name, _, _ in columns]
    given = [_GIVEN[_form(name, kind)] for name, kind, _ in columns]
    row = ", ".join(value.replace("{}", f"CAST(%s AS {type_})") for type_, value in given)
    return (
        f"INSERT INTO {table} ({_quoted(names)}) VALUES {', '.join([f'({row})'] * rows)} "
        "ON CONFLICT (account_id, id) DO NOTHING RETURNING account_id, encode(uuid_send(id), 'hex')"
    )


def digests_statement(table: str) -> str:
    """SQL for account, id and digest, in hexadecimal, of the keys in its parameter."""
    return (
        "SELECT given.account_id, encode(uuid_send(given.id), 'hex'), "
        f"(SELECT encode(digest, 'hex') FROM {table} AS stored "
        "WHERE stored.account_id = given.account_id AND stored.id = given.id) "
        "FROM jsonb_to_recordset(CAST(CAST(%s AS text) AS jsonb)) AS given(account_id text, id uuid)"
    )


def stored_digests_statement(table: str) -> str:
    """SQL for account, id and digest, in hexadecimal, of stored entries with accounts and ids of two lists.

    On a Citus cluster, which reads only the nodes of these accounts; it has no plan for `digests_statement`.
    """
    return (
        "SELECT account_id, encode(uuid_send(id), 'hex'), encode(digest, 'hex') "
        f"FROM {table} WHERE account_id = ANY (CAST(%s AS text[])) AND id = ANY (CAST(%s AS uuid[]))"
    )


def as_json(columns: Columns, rows: Iterable[Row]) -> str:
    """The parameter of `insert_statement`."""
    names = [name for name, _, _ in columns]
    packers = [_IN_JSON.get(_form(name, kind)) for name, kind, _ in columns]
    return orjson.dumps(
        [
            {
                name: pack(value) if pack else value
                for name, pack, value in zip(names, packers, row, strict=True)
                if value is not None
            }
            for row in rows
        ]
    ).decode()


def as_values(columns: Columns, rows: Iterable[Row]) -> tuple[Any, ...]:
    """The parameters of `values_statement`."""
    packers = [
        _decimal if kind == "jsonb" and name != "ip_address" else _IN_JSON.get(_form(name, kind))
        for name, kind, _ in columns
    ]
    return tuple(
        pack(value) if pack and value is not None else value
        for row in rows
        for pack, value in zip(packers, row, strict=True)
    )


def keys_as_json(rows: Iterable[Row]) -> str:
    """The parameter of `digests_statement`."""
    return orjson.dumps([{"account_id": row[ACCOUNT_ID], "id": row[ID].hex()} for row in rows]).decode()


_IN_JSON: dict[str, Callable[[Any], Any] | None] = {
    "id": bytes.hex,
    "timestamp": format_time,
    "digest": bytes.hex,
    "json": str,
    "jsonb": lambda text: orjson.Fragment(_decimal(text)),
}


def copy_statement(table: str, columns: Columns) -> str:
    """The COPY statement for the data of `copied`."""
    return f"COPY {table} ({_quoted([name for name, _, _ in columns])}) FROM STDIN (FORMAT binary)"


def copied(columns: Columns, rows: Sequence[Row]) -> Iterator[bytes]:
    """The rows in PostgreSQL's binary format, in chunks: half the CPU of the text format, on both sides."""
    known: dict[str, bytes] = {}
    packers = [_IN_COPY.get(_form(name, kind)) or partial(_packed_text, known) for name, kind, _ in columns]
    count = struct.pack("!h", len(packers))
    yield COPY_HEAD
    for start in range(0, len(rows), _PIECE):
        parts: list[bytes] = []
        for row in rows[start : start + _PIECE]:
            parts.append(count)
            parts += [
                _NULL if value is None else pack(value) for pack, value in zip(packers, row, strict=True)
            ]
        yield b"".join(parts)
    yield COPY_END


def _packed_text(known: dict[str, bytes], text: str) -> bytes:
    """A text; most short texts of a batch are the same few."""
    field = known.get(text)
    if field is None:
        field = _packed(text.encode())
        if len(field) < 100:
            known[text] = field
    return field


def _packed(data: bytes) -> bytes:
    return _LENGTH(len(data)) + data


def _packed_address(address: str) -> bytes:
    if ":" in address:
        return b"\0\0\0\x14\3\x80\0\x10" + socket.inet_pton(socket.AF_INET6, address)
    return b"\0\0\0\x08\2\x20\0\4" + socket.inet_pton(socket.AF_INET, address)


def _packed_time(microseconds: int) -> bytes:
    return _TIME(8, microseconds - _SINCE_2000)


_IN_COPY: dict[str, Callable[[Any], bytes]] = {
    "id": b"\0\0\0\x10".__add__,
    "timestamp": _packed_time,
    "digest": _packed,
    "json": lambda text: _packed(text.encode()),
    "jsonb": lambda text: _packed(b"\1" + _decimal(text).encode()),  # the version of the binary format
    "ip_address": _packed_address,
}
"""By form; each value is prefixed with its length."""

_EXPONENT = re.compile(r"\d[eE]\+?\d")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?[eE]\+?\d+')


def _decimal(text: str) -> str:
    """The JSON with numbers such as 1e22 written out as 10...0.0: jsonb would make them integers."""
    return _TOKEN.sub(_written_out, text) if _EXPONENT.search(text) else text


def _written_out(token: re.Match[str]) -> str:
    found = token[0]
    if found.startswith('"'):
        return found
    number = format(Decimal(found), "f")
    return number if "." in number else f"{number}.0"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


# --- out -------------------------------------------------------------------------------------------


def row_of(columns: Columns, others: Mapping[str, str]) -> Callable[[Row], Row]:
    """A function that restores a recorded row from one that was read by `selected`."""
    address = [name for name, _, _ in columns].index("ip_address")
    return partial(_row, address, len(columns) - 1, list(others.values()))


def _row(address: int, last: int, others: Sequence[str], found: Row) -> Row:
    return (
        *found[:address],
        normal_address(found[address]),
        *found[address + 1 : last],
        normal_json(found[last], others, found[last + 1 :]),
    )


def normal_address(address: str | None) -> str | None:
    """The address as recorded; PostgreSQL writes ::5 as ::0.0.0.5."""
    if address is None or not address.startswith("::"):
        return address
    return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, address))


def normal_json(text: str, others: Sequence[str], values: Sequence[str | None]) -> str:
    """The metadata as recorded, including the values in columns of other catalogs."""
    if text == "{}" and not any(values):
        return text
    try:
        found = orjson.loads(text)
        data = orjson.dumps(found, option=orjson.OPT_SORT_KEYS)
    except (ValueError, TypeError):  # of a damaged entry: a number beyond a double's, or nested too deeply
        return text
    if type(found) is not dict:
        return text
    added = {name: value for name, value in zip(others, values, strict=True) if value is not None}
    return (orjson.dumps(orjson.loads(data) | added) if added else data).decode()
