"""The table audit_entry of one open log: its name and oid, and the columns that it has at the moment.

What the table should look like is in `schema.py`, how values are written and read in `row_format.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditwright.entry import Row, columns
from auditwright.storage.postgresql import row_format
from auditwright.storage.postgresql.distribution import HAS_CITUS, is_distributed
from auditwright.storage.postgresql.schema import other_columns

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.storage.postgresql.dsn import Connection


@dataclass(frozen=True, slots=True)
class Layout:
    """How rows are read from the table."""

    others: Mapping[str, str]
    """The columns of other catalogs."""
    select: str
    """SQL for the selected columns."""
    row: Callable[[Row], Row]
    """Makes of what was selected the row as it was recorded."""


class EntryTable:
    """Looks itself up on a connection."""

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        ((self.oid, self._schema, has_citus),) = connection.execute(
            f"SELECT oid::text, relnamespace::regnamespace::text, {HAS_CITUS} FROM pg_class "
            "WHERE oid = to_regclass('audit_entry')"
        ).fetchall()
        self.is_distributed = has_citus and is_distributed(connection)
        """Whether it is distributed over the nodes of a Citus cluster."""
        self.name = self.sibling("audit_entry")
        self.columns = columns(catalog)
        self._catalog = catalog
        self._layouts: dict[int, Layout] = {}

    def sibling(self, name: str) -> str:
        """The qualified name of a table or function in the same schema."""
        return f"{self._schema}.{name}"

    def layout(self, connection: Connection) -> Layout:
        """How rows are read now: another catalog may add a column while this log is open."""
        ((count,),) = connection.execute(
            "SELECT relnatts FROM pg_class WHERE oid = CAST(%s AS oid)", (self.oid,)
        ).fetchall()
        if count not in self._layouts:
            others = other_columns(connection, self._catalog)
            self._layouts[count] = Layout(
                others,
                row_format.selected(self.columns, others),
                row_format.row_of(self.columns, others),
            )
        return self._layouts[count]
