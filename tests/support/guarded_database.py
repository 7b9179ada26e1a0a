"""A PostgreSQL database with the three roles, a login of each, and entries of two accounts."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.support.databases import USUAL, PostgreSQLDatabase, PostgreSQLServer
from tests.support.shops import KEY, PAID, START, record_each, record_example

from auditwright import AuditLog, Catalog, Entry
from auditwright.storage import create_database
from auditwright.storage.postgresql.roles import Roles, make_roles

LOGINS = {"service": "writer", "page": "reader", "operator": "owner", "stranger": None}
"""The role of each login; a stranger has none."""

COLUMNS = "account_id, id, occurred_at, recorded_at, level, category, event, actor_type, description"
ROW = "'acme', gen_random_uuid(), now(), now(), 'l', 'c', 'e', 'user', 'd'"
"""SQL of an entry, without its `catalog_version`, `digest` and `metadata`."""


@dataclass(frozen=True)
class Guarded:
    """The database, the prefix of its roles, and its entries."""

    database: PostgreSQLDatabase
    prefix: str
    entries: list[Entry]

    def url(self, login: str) -> str:
        """The URL of a login, one of `LOGINS`."""
        return self.database.url.replace("postgres:@", f"{self.prefix}_{login}@")

    @contextmanager
    def connected(self, login: str) -> Iterator[Any]:
        """A connection of psycopg's in which each statement is a transaction."""
        import psycopg

        with closing(psycopg.connect(self.url(login), autocommit=True, options=USUAL)) as connection:
            yield connection

    def contents(self) -> list[tuple[Any, ...]]:
        """The rows of all entries."""
        return self.database.rows("SELECT * FROM audit_entry ORDER BY account_id, id")

    @cached_property
    def partition(self) -> str:
        """The partition with the entries."""
        ((name,),) = self.database.rows("SELECT DISTINCT tableoid::regclass::text FROM audit_entry")
        return str(name)


@contextmanager
def guarded_database(server: PostgreSQLServer, catalog: Catalog, prefix: str) -> Iterator[Guarded]:
    """Make it; all databases of a server share the roles, so each has a prefix of its own."""
    made = server.bare()
    create_database(made.url, catalog)
    make_roles(made.url, Roles(prefix))
    for login, role in LOGINS.items():
        made.change(f"CREATE ROLE {prefix}_{login} LOGIN" + f" IN ROLE {prefix}_{role}" * bool(role))
    guarded = Guarded(made, prefix, [])
    with AuditLog.open(guarded.url("service"), catalog=catalog, secret_key=KEY, account_id="acme") as log:
        guarded.entries.extend(record_each(log))
        guarded.entries.append(record_example(log, PAID, START, account_id="globex"))
    yield guarded
    server.drop(made)
    for each in (*LOGINS, "writer", "reader", "owner"):
        server.change(f"DROP ROLE {prefix}_{each}")
