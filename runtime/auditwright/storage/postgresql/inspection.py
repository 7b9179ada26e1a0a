"""Reading a PostgreSQL database as its owner, for `auditwright database check`; see `Inspection`."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from auditwright.entry import IP_ADDRESS, METADATA, columns
from auditwright.limits import MAX_METADATA
from auditwright.storage.base import Damage, Difference, Rows, Stored, Views
from auditwright.storage.errors import StorageError
from auditwright.storage.layout import DEFAULTS, VERSION_TABLE
from auditwright.storage.postgresql import constraints
from auditwright.storage.postgresql.drift import differences
from auditwright.storage.postgresql.owner_connection import (
    become_owner,
    begin,
    connect,
    database_name,
    errors,
    schema_of,
)
from auditwright.storage.postgresql.row_format import READ, microseconds, normal_address, normal_json
from auditwright.storage.postgresql.schema import as_object, columns_of, quoted, read_state, views

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditwright.catalog import Catalog
    from auditwright.entry import Row

_ADDRESS = (
    "CASE WHEN masklen(ip_address) < CASE family(ip_address) WHEN 4 THEN 32 ELSE 128 END "
    "THEN ip_address::text ELSE host(ip_address) END"
)
"""SQL for an address, with the mask of a network, which no log writes and no page shows."""
FETCH = 2_000
"""Rows fetched at once."""


class PostgreSQLInspection:
    """One database in one read-only transaction."""

    opening_updates_views = False

    def __init__(self, url: str, catalog: Catalog) -> None:
        self.name = database_name(url)
        self._catalog = catalog
        self._connection = connect(url, read_only=True)
        try:
            with self._errors():
                self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        connection = self._connection
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        begin(connection)
        self._schema = schema_of(connection, self.name)
        if not all(columns_of(connection, table) for table in ("audit_entry", VERSION_TABLE)):
            raise StorageError(f"{self.name}: there is no audit log in this database")
        become_owner(connection, self.name)
        self._state = read_state(connection)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        with errors(self.name, "read"):
            yield

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._errors():
            return self._connection.execute(statement.encode(), values or None).fetchall()

    def catalogs(self) -> dict[str, str]:
        """See `Inspection.catalogs`."""
        return {key: text for key, (_, text) in self._state.rows.get("audit_catalog", {}).items()}

    def views(self) -> Views:
        """See `Inspection.views`."""
        stored = self._state.views
        wanted = views(self._catalog, self._state.other_columns(self._catalog))
        return Views(
            tuple(sorted(name for name in wanted if name not in stored)),
            tuple(
                sorted(
                    name
                    for name, statement in wanted.items()
                    if name in stored and not stored[name].is_made_by(statement)
                )
            ),
            not self._state.is_newest(self._catalog),
        )

    def differences(self) -> tuple[Difference, ...]:
        """See `Inspection.differences`."""
        with self._errors():
            return tuple(differences(self._connection, self._state, self._catalog, self._schema))

    def damaged(self, account_id: str | None) -> tuple[Damage, ...]:
        """See `Inspection.damaged`."""
        with self._errors():
            return tuple(constraints.damage(self._connection, account_id))

    def stored(self, account_id: str | None) -> Generator[Stored, None, None]:
        """See `Inspection.stored`."""
        where, values = _narrowed(account_id)
        for account, event, entries, first, last in self._rows(
            'SELECT account_id, event, count(*), min(id::text COLLATE "C"), max(id::text COLLATE "C") '
            f"FROM audit_entry{where} GROUP BY account_id, event",
            *values,
        ):
            yield Stored(account, event, entries, _id(first), _id(last))

    def time_and_version(self, account_id: str, entry_id: bytes) -> tuple[int, str]:
        """See `Inspection.place`."""
        found = self._rows(
            f"SELECT {microseconds('occurred_at')}, catalog_version FROM audit_entry "
            "WHERE account_id = %s AND id = encode(%s, 'hex')::uuid",
            account_id,
            entry_id,
        )
        return found[0] if found else (0, "")

    def entries(self, account_id: str | None) -> Rows:
        """See `Inspection.entries`."""
        where, values = _narrowed(account_id)
        names = [name for name, _, _ in columns(self._catalog)]
        present = self._state.columns
        parts = [
            READ.get(name, quoted(name)) if name in present else DEFAULTS.get(name, "NULL") for name in names
        ]
        parts[IP_ADDRESS] = _ADDRESS
        parts[METADATA] = f"({_metadata(self._others())})::text"
        statement = f"SELECT {', '.join(parts)} FROM audit_entry{where}"
        with self._errors(), self._connection.cursor("audit_check", binary=True) as cursor:
            cursor.itersize = FETCH
            cursor.execute(statement.encode(), values)
            for row in cursor:
                yield _as_recorded(row)

    def _others(self) -> dict[str, str]:
        return self._state.other_columns(self._catalog)

    def close(self) -> None:
        """See `Inspection.close`."""
        self._connection.close()


def _metadata(others: Mapping[str, str]) -> str:
    """SQL for the metadata, including the values in columns of other catalogs."""
    if not others:
        return "metadata"
    return f"metadata || {as_object(others)}"


def _as_recorded(row: Row) -> Row:
    """The row with its address and its long metadata in the recorded form; short metadata is read anyway."""
    given: str | None = row[IP_ADDRESS]
    address = given if given and "/" in given else normal_address(given)
    if address is not given:
        row = (*row[:IP_ADDRESS], address, *row[IP_ADDRESS + 1 :])
    if len(row[METADATA]) > MAX_METADATA:  # numbers such as 1e308 have all their digits in jsonb
        row = (*row[:METADATA], normal_json(row[METADATA], (), ()))
    return row


def _narrowed(account_id: str | None) -> tuple[str, tuple[str, ...]]:
    return ("", ()) if account_id is None else (" WHERE account_id = %s", (account_id,))


def _id(text: str) -> bytes:
    return bytes.fromhex(text.replace("-", ""))
