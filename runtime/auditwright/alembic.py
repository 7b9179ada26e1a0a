"""Keeps the tables of the log out of an application's own migrations with Alembic.

Alembic's autogenerate proposes to drop every table that the application has no model of.
`without_audit_log` makes the two hooks that leave out those of the log. This module imports neither Alembic
nor SQLAlchemy. The history of the log's own tables is in `storage/postgresql/migrations`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from auditwright.storage.layout import VERSION_TABLE, is_own_table

EVERY_SCHEMA = "*"


class Hooks(TypedDict):
    """Arguments of Alembic's `context.configure`."""

    include_name: Callable[..., bool]
    include_object: Callable[..., bool]


def without_audit_log(
    include_name: Callable[..., bool] | None = None,
    include_object: Callable[..., bool] | None = None,
    *,
    schema: str | None = EVERY_SCHEMA,
) -> Hooks:
    """The arguments for `context.configure` that leave out the log: `configure(..., **without_audit_log())`.

    `include_name` and `include_object` are hooks of the application's; they are asked for everything else.
    `schema` is the schema of the log's tables, None for the default one. It is needed only if the application
    has a table such as `audit_event` of its own in another schema; without it, such a table is left out too.
    """

    def of_the_log(table: str | None, found_in: str | None) -> bool:
        return table is not None and is_own_table(table) and schema in (EVERY_SCHEMA, found_in)

    def name_hook(name: str | None, type_: str, parent_names: Mapping[str, str | None]) -> bool:
        table = name if type_ == "table" else parent_names.get("table_name")
        if of_the_log(table, parent_names.get("schema_name")):
            # If no table of a schema is left, Alembic reflects all of them, and SQLAlchemy warns of a column
            # type that it does not know. So one stays, which the other hook leaves out.
            return type_ == "table" and name == VERSION_TABLE
        return include_name is None or include_name(name, type_, parent_names)

    def object_hook(item: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
        table = item if type_ == "table" else getattr(item, "table", None)
        if table is not None and (_is_generated(table) or of_the_log(table.name, table.schema)):
            return False
        return include_object is None or include_object(item, name, type_, reflected, compare_to)

    return {"include_name": name_hook, "include_object": object_hook}


def _is_generated(table: Any) -> bool:
    """Whether a class of a generated package declares the table or view; see `sqltypes.own_registry`."""
    return "auditwright" in table.metadata.info
