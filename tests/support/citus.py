"""A Citus cluster that tests use, in databases of their own on all its nodes.

Nothing here starts one: AUDITWRIGHT_TEST_CITUS holds the URL of a coordinator, whose user is a superuser on
every node. Without it no test of Citus is collected.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from tests.support.databases import USUAL, PostgreSQLDatabase
from tests.support.waiting import wait_until

from audit_events import CATALOG

CITUS = "AUDITWRIGHT_TEST_CITUS"
"""The environment variable with the URL of a coordinator."""
SHARDS = 4
"""The shards of each table in a test: what makes a cluster slow is their number."""
NOT_RUN = f"Citus: no test ran against a cluster, as {CITUS} holds no coordinator's URL"
_OPTIONS = f"{USUAL} -c citus.multi_shard_modify_mode=sequential -c citus.enable_unsafe_triggers=on"


def coordinator() -> str:
    """The URL of the coordinator; empty without one."""
    return os.environ.get(CITUS, "")


class CitusDatabase(PostgreSQLDatabase):
    """One database on every node of a cluster, with the tables distributed; to tests it is PostgreSQL's."""

    is_distributed = True

    def __init__(self, nodes: tuple[str, ...]) -> None:
        super().__init__(f"{nodes[0]}?gssencmode=disable")  # tests add further parameters
        self.name = re.sub("//[^@/]*@", "//", nodes[0])
        self.nodes = nodes
        """The URL of the database on each node, the coordinator first."""

    def empty(self) -> None:
        """See `PostgreSQLDatabase`: the shards are emptied on their nodes."""
        with self.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                "AND backend_type = 'client backend'"
            )
            ((shards,),) = connection.execute(
                "SELECT array_agg(shard_name(logicalrelid, shardid)) FROM pg_dist_shard "
                "WHERE logicalrelid = ANY "
                "(ARRAY['audit_entry', 'audit_target', 'audit_user', 'audit_hold']::regclass[])"
            ).fetchall()
        for node in self.nodes:
            with connected(node) as connection, connection.transaction():
                connection.execute("SET LOCAL session_replication_role = replica")
                connection.execute("SET LOCAL citus.enable_manual_changes_to_shards = on")
                connection.execute("SET LOCAL citus.override_table_visibility = off")
                ((own,),) = connection.execute(
                    "SELECT string_agg(name, ', ') FROM unnest(%s::text[]) AS name "
                    "WHERE to_regclass(name) IS NOT NULL",
                    (shards,),
                ).fetchall()
                if own:
                    connection.execute(f"TRUNCATE {own}")

    def _alter(self, connection: Any, actions: Sequence[str]) -> None:
        """One by one: Citus adds no constraint together with others."""
        for action in actions:
            connection.execute(f"ALTER TABLE audit_entry {action}")

    def is_waited(self) -> bool:
        """See `PostgreSQLDatabase`: on any node."""
        for node in self.nodes:
            with connected(node) as connection:
                ((count,),) = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
                ).fetchall()
            if count:
                return True
        return False

    @contextmanager
    def connect(self) -> Iterator[Any]:
        """See `PostgreSQLDatabase`."""
        with connected(self.url) as connection:
            yield connection


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A connection in which each statement is a transaction, and several statements use one for each node."""
    import psycopg

    with closing(psycopg.connect(url, autocommit=True, options=_OPTIONS)) as connection:
        yield connection


class CitusCluster:
    """The databases of tests on a cluster."""

    def __init__(self, url: str) -> None:
        self.bare_url = url
        """The URL of the coordinator's own database."""
        with connected(url) as connection:
            self._workers = connection.execute(
                "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid > 0 AND noderole = 'primary' "
                "AND isactive ORDER BY 1, 2"
            ).fetchall()
            ((self._host, self._port),) = connection.execute(
                "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid = 0"
            ).fetchall()
        assert len(self._workers) >= 2, "two workers or more make a cluster"
        self._template: CitusDatabase | None = None
        self._shared: CitusDatabase | None = None

    def database(self) -> CitusDatabase:
        """The database that tests use one after the other, without entries; one of another layout is gone."""
        if self._shared is not None and self._shared.is_as_made:
            self._shared.empty()
            return self._shared
        if self._shared is not None:
            self.drop(self._shared)
        self._shared = self.another()
        return self._shared

    def another(self) -> CitusDatabase:
        """A database of its own: a copy of the template on every node, which takes less than distributing."""
        from auditwright.storage import create_database

        if self._template is None:
            self._template = self.bare()
            create_database(self._template.url, CATALOG, distribute=True)
        copy = self._named(f"audit_{uuid.uuid4().hex[:12]}")
        for source, node in zip(self._template.nodes, copy.nodes, strict=True):
            _copy_database(self._server(node), _name(source), _name(node))
        return copy

    def bare(self) -> CitusDatabase:
        """A database without tables on every node."""
        made = self._named(f"audit_{uuid.uuid4().hex[:12]}")
        for node in made.nodes:
            with connected(self._server(node)) as server:
                server.execute("SET client_min_messages = error")
                server.execute("SET citus.enable_create_database_propagation = off")
                server.execute(f"CREATE DATABASE {_name(node)}")
            with connected(node) as connection:
                connection.execute("CREATE EXTENSION citus")
        with connected(made.url) as connection:
            connection.execute(f"ALTER DATABASE {_name(made.nodes[0])} SET citus.shard_count = {SHARDS}")
            connection.execute("SELECT citus_set_coordinator_host(%s, %s)", (self._host, self._port))
            for worker in self._workers:
                connection.execute("SELECT citus_add_node(%s, %s)", worker)
        return made

    def drop(self, database: PostgreSQLDatabase) -> None:
        """Remove a database on every node, whoever is connected."""
        assert isinstance(database, CitusDatabase)
        for node in database.nodes:
            with connected(self._server(node)) as server:
                server.execute("SET citus.enable_create_database_propagation = off")
                server.execute(f"DROP DATABASE {_name(node)} WITH (FORCE)")

    def change(self, *statements: str) -> None:
        """Run statements on the coordinator's own database."""
        with connected(self.bare_url) as connection:
            for statement in statements:
                connection.execute(statement)

    def stop(self) -> None:
        """Remove what is left."""
        for each in (self._shared, self._template):
            if each is not None:
                self.drop(each)

    def _server(self, node: str) -> str:
        """The URL of a node's own database."""
        return f"{node.rpartition('/')[0]}/postgres"

    def _named(self, name: str) -> CitusDatabase:
        server = self.bare_url.rpartition("/")[0]
        login = server.rpartition("@")[0]
        workers = tuple(f"{login}@{host}:{port}/{name}" for host, port in self._workers)
        return CitusDatabase((f"{server}/{name}", *workers))


def _copy_database(server: str, source: str, name: str) -> None:
    """Copy a database; a maintenance daemon of Citus that connects to it is ended."""
    import psycopg

    def is_copied() -> bool:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (source,)
        )
        try:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
        except psycopg.errors.ObjectInUse:
            return False
        return True

    with connected(server) as connection:
        connection.execute("SET citus.enable_create_database_propagation = off")
        connection.execute("SET client_min_messages = error")
        connection.execute(f"ALTER DATABASE {source} ALLOW_CONNECTIONS false")
        wait_until(is_copied)


def _name(url: str) -> str:
    return url.rpartition("/")[2]
