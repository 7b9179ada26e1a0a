"""The migrations of Auditwright's tables on PostgreSQL: Alembic revisions in `versions/`.

What a catalog adds is no revision: see `schema.py`. The current revision is kept in a table of its own, apart
from that of a service's Alembic.
"""

from __future__ import annotations

import io
import re
import threading
from importlib import resources
from typing import TYPE_CHECKING

from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from auditwright.storage.errors import SchemaMismatch
from auditwright.storage.layout import VERSION_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import psycopg
    from sqlalchemy import Connection

MAKE_VERSION_TABLE = (
    f"CREATE TABLE IF NOT EXISTS {VERSION_TABLE} "
    f"(version_num varchar(32) NOT NULL, CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
)
"""The table that Alembic would make."""
_one_at_a_time = threading.Lock()
"""Alembic's `op` and `context` are global to the process."""


def source(name: str, schema: str) -> str:
    """The statement in a file of `sql/`, for a schema given as a quoted identifier.

    A released file is never changed: a later revision gets a file of its own.
    """
    text = (resources.files("auditwright.storage.postgresql.migrations") / "sql" / f"{name}.sql").read_text(
        "utf-8"
    )
    return _for_schema(text, schema)


def _for_schema(text: str, schema: str) -> str:
    unquoted = schema[1:-1].replace('""', '"') if schema.startswith('"') else schema
    # With E a backslash means the same under any `standard_conforming_strings`.
    literal = "'" + unquoted.replace("'", "''").replace("\\", "\\\\") + "'"
    literal = f"E{literal}" if "\\" in literal else literal
    return text.strip().replace("@schema@", schema).replace("@schema_text@", literal)


def run_file(name: str) -> None:
    """Execute the statement in a file of `sql/`, in a revision."""
    config = op.get_context().config
    assert config is not None  # noqa: S101 - for type checkers
    op.execute(source(name, config.attributes["schema"]))


def newest_sources(schema: str) -> dict[str, str]:
    """The latest statement that makes each function, by the function's name."""
    found: dict[str, tuple[int, str]] = {}
    for file in (resources.files("auditwright.storage.postgresql.migrations") / "sql").iterdir():
        stem, _, number = file.name.removesuffix(".sql").rpartition("_")
        if file.name.endswith(".sql"):
            found[stem] = max(found.get(stem, (0, "")), (int(number), f"{stem}_{number}"))
    return {stem: source(name, schema) for stem, (_, name) in sorted(found.items())}


def distributed_sources(schema: str, settings: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The statements that make functions as a Citus cluster needs them, by the function's name.

    They replace those of `sql/`, and an upgrade makes them again: unlike these they may be changed. Under the
    settings a partition with triggers is distributed.
    """
    folder = resources.files("auditwright.storage.postgresql.migrations") / "distributed"
    head = "SET search_path = pg_catalog, pg_temp"
    more = "".join(f" SET {name} = {value}" for name, value in settings)
    partition = newest_sources(schema)["audit_add_partition"].replace(f"{head} AS", f"{head}{more} AS")
    return {"audit_add_partition": partition} | {
        name: _for_schema(text, schema)
        for name, text in sorted(
            (file.name.removesuffix(".sql"), file.read_text("utf-8"))
            for file in folder.iterdir()
            if file.name.endswith(".sql")
        )
    }


_SET = re.compile(r"\bSET ([\w.]+) = (.+?)(?= SET | AS \$\$)")
"""A setting of a function, in the statement that makes it."""


def definition(source: str) -> tuple[str, bool, list[str]]:
    """What PostgreSQL keeps of the function that a statement makes.

    The body, whether it runs with the rights of its owner, and its settings.
    """
    settings = [f"{setting}={value}" for setting, value in _SET.findall(source)]
    return source.split("$$")[1].strip(), "SECURITY DEFINER" in source, settings


def stored_definitions(connection: psycopg.Connection[Any]) -> dict[str, tuple[str, bool, list[str]]]:
    """The same of the functions in the first schema of the search path, by their names."""
    rows = connection.execute(
        "SELECT proname, prosrc, prosecdef, proconfig FROM pg_proc "
        "WHERE pronamespace = quote_ident(current_schema())::regnamespace AND starts_with(proname, 'audit_')"
    ).fetchall()
    return {
        # Made under quote_all_identifiers=on, a setting has quotes.
        name: (body.strip(), definer, [each.replace('"', "") for each in config or ()])
        for name, body, definer, config in rows
    }


def current(connection: Connection) -> str | None:
    """The current revision, None before the first."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def pending(revision: str | None) -> list[tuple[str, str]]:
    """The revisions after one, oldest first, with titles; raises `SchemaMismatch` for an unknown one."""
    scripts = ScriptDirectory.from_config(_config("public"))
    every = [(each.revision, each.doc) for each in scripts.walk_revisions()][::-1]
    if revision is None:
        return every
    names = [name for name, _ in every]
    if revision not in names:
        raise SchemaMismatch(
            f"the database is at revision {revision}, which this Auditwright does not know: a newer one "
            "made it; install that version"
        )
    return every[names.index(revision) + 1 :]


def apply(connection: Connection, revision: str, schema: str) -> None:
    """Apply the next revision in the open transaction."""
    config = _config(schema)
    config.attributes["connection"] = connection
    with _one_at_a_time:
        command.upgrade(config, revision)


def as_sql(revision: str | None, schema: str) -> str:
    """The statements of all revisions after a given one, as a script for psql."""
    config = _config(schema)
    config.output_buffer = io.StringIO()
    with _one_at_a_time:
        command.upgrade(config, f"{revision or 'base'}:head", sql=True)
    # A killed run may have left an empty version table.
    return config.output_buffer.getvalue().replace(
        f"CREATE TABLE {VERSION_TABLE}", f"CREATE TABLE IF NOT EXISTS {VERSION_TABLE}"
    )


def _config(schema: str) -> Config:
    config = Config()
    config.set_main_option("script_location", "auditwright.storage.postgresql:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["schema"] = schema
    return config
