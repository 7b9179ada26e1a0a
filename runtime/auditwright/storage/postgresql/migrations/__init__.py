"""The history of Auditwright's own tables on PostgreSQL, as Alembic revisions in `versions/`.

What a catalog adds to them is no revision: `storage/postgresql_schema.py` works that out. Which revisions a
database has is kept in a table of our own, apart from that of a service's own Alembic.
"""

from __future__ import annotations

import io
import threading
from importlib import resources
from typing import TYPE_CHECKING

from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from auditwright.storage.errors import SchemaMismatch

if TYPE_CHECKING:
    from sqlalchemy import Connection

VERSION_TABLE = "audit_alembic_version"
MAKE_VERSION_TABLE = (
    f"CREATE TABLE IF NOT EXISTS {VERSION_TABLE} "
    f"(version_num varchar(32) NOT NULL, CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
)
"""As Alembic makes it."""
_one_at_a_time = threading.Lock()
"""Alembic's `op` and `context` are of the whole process."""


def source(name: str, schema: str) -> str:
    """The statement of a file in `sql/`, for a schema given as a quoted identifier.

    A file is never changed once it is released: a later revision has a file of its own.
    """
    text = (resources.files("auditwright.storage.postgresql.migrations") / "sql" / f"{name}.sql").read_text(
        "utf-8"
    )
    unquoted = schema[1:-1].replace('""', '"') if schema.startswith('"') else schema
    literal = "'" + unquoted.replace("'", "''") + "'"
    return text.strip().replace("@schema@", schema).replace("@schema_text@", literal)


def run_file(name: str) -> None:
    """Run the statement of a file in `sql/`, in a revision."""
    config = op.get_context().config
    assert config is not None
    op.execute(source(name, config.attributes["schema"]))


def newest_sources(schema: str) -> dict[str, str]:
    """The statement that made each function as it is now, by the function's name."""
    found: dict[str, tuple[int, str]] = {}
    for file in (resources.files("auditwright.storage.postgresql.migrations") / "sql").iterdir():
        stem, _, number = file.name.removesuffix(".sql").rpartition("_")
        if file.name.endswith(".sql"):
            found[stem] = max(found.get(stem, (0, "")), (int(number), f"{stem}_{number}"))
    return {stem: source(name, schema) for stem, (_, name) in sorted(found.items())}


def current(connection: Connection) -> str | None:
    """The revision that the database is at, None before the first."""
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
            f"the database is at revision {revision}, which this Auditwright does not know: a newer one has "
            "been here; install that one"
        )
    return every[names.index(revision) + 1 :]


def apply(connection: Connection, revision: str, schema: str) -> None:
    """Bring a database that is one revision behind to `revision`, in the transaction that is open."""
    config = _config(schema)
    config.attributes["connection"] = connection
    with _one_at_a_time:
        command.upgrade(config, revision)


def as_sql(revision: str | None, schema: str) -> str:
    """The statements of all revisions after one, as a text for psql."""
    config = _config(schema)
    config.output_buffer = io.StringIO()
    with _one_at_a_time:
        command.upgrade(config, f"{revision or 'base'}:head", sql=True)
    # A run that was killed may have left the table of versions, empty.
    return config.output_buffer.getvalue().replace(
        f"CREATE TABLE {VERSION_TABLE}", f"CREATE TABLE IF NOT EXISTS {VERSION_TABLE}"
    )


def _config(schema: str) -> Config:
    config = Config()
    config.set_main_option("script_location", "auditwright.storage.postgresql:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["schema"] = schema
    return config
