"""An audit log on a Citus cluster: where its rows are, what its roles may, and what a check sees."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from tests.support.citus import CitusCluster, CitusDatabase, connected
from tests.support.command_line import Auditwright
from tests.support.databases import foreign_row, open_log
from tests.support.sample_events import ADA, ADDED, DEPLOYED, MODEL, record

from audit_events import CATALOG
from auditwright import AuditLog
from auditwright.entry import DIGEST
from auditwright.storage import create_database, make_roles, open_inspection, query, upgrade_database
from auditwright.storage.errors import IdConflict, StorageError
from auditwright.storage.postgresql import connections, queries
from auditwright.storage.postgresql.engine import PostgreSQLStorage
from auditwright.storage.query import Branch, Scope

PREFIX = "citus_test"
LOGINS = ("owner", "writer", "reader")


@pytest.fixture
def own(citus: CitusCluster) -> Iterator[CitusDatabase]:
    """A database of its own, which a test may change."""
    made = citus.another()
    yield made
    citus.drop(made)


@pytest.fixture
def logins(own: CitusDatabase) -> dict[str, str]:
    """The URL of a login for each role; the roles of a cluster are those of all its databases."""
    make_roles(own.url, PREFIX, CATALOG)
    found = {}
    for role in LOGINS:
        login = f"{PREFIX}_{role}_login"
        if not own.rows(f"SELECT 1 FROM pg_roles WHERE rolname = '{login}'"):
            own.change(f"CREATE ROLE {login} LOGIN")
        own.change(f"GRANT {PREFIX}_{role} TO {login}")
        host = own.url.rpartition("@")[2]
        found[role] = f"postgresql://{login}@{host}"
    return found


def differences(database: CitusDatabase) -> list[str]:
    with closing(open_inspection(database.url, CATALOG)) as inspection:
        return [each.what for each in inspection.differences()]


def add(log: AuditLog, account_id: str = "acme") -> None:
    record(log, ADDED, {**MODEL, "deployment_name": "d"}, account_id=account_id)


def some_shard(database: CitusDatabase, table: str) -> tuple[str, str]:
    """The name of a shard of a table, and the URL of its node."""
    ((shard, port),) = database.rows(
        "SELECT shard_name(logicalrelid, shardid), nodeport FROM pg_dist_shard JOIN pg_dist_shard_placement "
        f"USING (shardid) WHERE logicalrelid = '{table}'::regclass ORDER BY 1 LIMIT 1"
    )
    (node,) = (each for each in database.nodes if f":{port}/" in each)
    return shard, node


# --- set-up ----------------------------------------------------------------------------------------


def test_rows_of_an_account_are_on_one_node(database: CitusDatabase, log: AuditLog) -> None:
    add(log)
    placed = dict(database.rows("SELECT table_name::text, citus_table_type FROM citus_tables"))
    reference = {name for name, kind in placed.items() if kind == "reference"}
    assert sorted(reference) == [
        "audit_catalog",
        "audit_category",
        "audit_event",
        "audit_hold",
        "audit_retention",
        "audit_target_field",
    ]
    groups = database.rows(
        "SELECT DISTINCT colocation_id FROM citus_tables WHERE citus_table_type = 'distributed'"
    )
    assert len(groups) == 1
    nodes = database.rows(
        "SELECT DISTINCT nodeport FROM pg_dist_shard_placement WHERE shardid IN ("
        "get_shard_id_for_distribution_column('audit_entry', 'acme'), "
        "get_shard_id_for_distribution_column('audit_target', 'acme'), "
        "get_shard_id_for_distribution_column('audit_user', 'acme'))"
    )
    assert len(nodes) == 1


def test_distributing_again_changes_nothing(own: CitusDatabase) -> None:
    assert create_database(own.url, CATALOG, distribute=True).changes == ()
    assert upgrade_database(own.url, CATALOG).changes == ()
    assert differences(own) == []


def test_distributing_keeps_stored_entries(citus: CitusCluster) -> None:
    plain = citus.bare()
    try:
        create_database(plain.url, CATALOG)
        with open_log(plain) as log:
            for account_id in ("acme", "globex", "initech"):
                add(log, account_id)
            before = plain.rows()
        create_database(plain.url, CATALOG, distribute=True)
        assert plain.rows() == before
        assert plain.rows("SELECT count(*) FROM audit_user") == [(3,)]
        assert differences(plain) == []
        with open_log(plain) as log:
            add(log)
            assert len(log.account("acme").entries().entries) == 2
    finally:
        citus.drop(plain)


def test_shards_move_to_another_node(own: CitusDatabase) -> None:
    """As rebalancing moves them: recording goes on, and what protects entries moves too."""
    with open_log(own) as log:
        add(log)
        shard, _ = some_shard(own, "audit_entry")
        number = shard.rpartition("_")[2]
        ((host, port),) = own.rows(
            f"SELECT nodename, nodeport FROM pg_dist_shard_placement WHERE shardid = {number}"
        )
        ((other_host, other_port),) = own.rows(
            "SELECT nodename, nodeport FROM pg_dist_node WHERE shouldhaveshards AND nodeport "
            f"<> {port} ORDER BY nodeport LIMIT 1"
        )
        nodes = f"'{host}', {port}, '{other_host}', {other_port}"
        own.change(f"SELECT citus_move_shard_placement({number}, {nodes}, 'auto')")
        add(log)
        assert len(log.account("acme").entries().entries) == 2
        assert log.account("acme").users() == [ADA]
    assert own.rows(f"SELECT nodeport FROM pg_dist_shard_placement WHERE shardid = {number}") == [
        (other_port,)
    ]
    assert differences(own) == []


def test_other_databases_are_not_distributed(citus: CitusCluster, auditwright: Auditwright) -> None:
    bare = citus.bare()
    try:
        with connected(bare.url) as connection:
            connection.execute("SET citus.enable_create_database_propagation = off")
            connection.execute(f"CREATE DATABASE {bare.nodes[0].rpartition('/')[2]}_plain")
        for url, wrong in (
            (f"{bare.nodes[0]}_plain", "got a database without the extension citus"),
            (bare.nodes[1], "got a worker"),
        ):
            done = auditwright("database", "create", "--distribute", "--database", url)
            assert (done.code, wrong in done.err) == (2, True), done.err
        assert bare.rows("SELECT to_regclass('audit_entry') IS NULL") == [(True,)]
    finally:
        with connected(bare.url) as connection:
            connection.execute("SET citus.enable_create_database_propagation = off")
            connection.execute(f"DROP DATABASE {bare.nodes[0].rpartition('/')[2]}_plain")
        citus.drop(bare)


# --- one node --------------------------------------------------------------------------------------


def explained(database: CitusDatabase, statement: str, values: list[Any]) -> str:
    import psycopg

    with connected(database.url) as connection, psycopg.ClientCursor(connection) as cursor:
        found = cursor.execute(f"EXPLAIN {statement}".encode(), values).fetchall()
    return "\n".join(line for (line,) in found)


@pytest.mark.parametrize(
    "branches",
    [
        (Branch(None),),
        (Branch(ADDED), Branch(DEPLOYED)),
        (Branch(ADDED, "user", "u-17"), Branch(DEPLOYED, "user", "u-17")),
        (Branch(ADDED, "target", "model:m-17"),),
        (Branch(ADDED, "target", "model:m-17", (query.Test("outcome", True, ("failure",)),)),),
        (Branch(ADDED, "user", "u-17", (query.Test("target", False, ("model:m-17",)),)),),
    ],
    ids=["all", "events", "user", "target", "tested target", "tested user"],
)
def test_a_page_is_one_task_on_one_node(database: CitusDatabase, branches: tuple[Branch, ...]) -> None:
    scope = Scope("acme", branches)
    for statement, values in (
        queries.select_rows("audit_entry", "*", scope, True, 51),
        queries.first_ids("audit_entry", scope, True, 51, 51),
        queries.count_up_to("audit_entry", scope, 1000),
        queries.select_count("audit_entry", scope),
        *(
            queries.sparse("audit_entry", scope, group, group.values, 300)
            for group in queries.groups(scope.branches)
            if group.values is not None
        ),
    ):
        plan = explained(database, statement, values)
        assert "Task Count: 1\n" in plan, plan


# --- roles -----------------------------------------------------------------------------------------


def test_roles_record_and_read_one_account(own: CitusDatabase, logins: dict[str, str]) -> None:
    options: dict[str, Any] = {"catalog": CATALOG, "account_id": "acme", "read_url": logins["reader"]}
    with AuditLog.open(logins["writer"], **options) as log:
        entry = record(log, ADDED, {**MODEL, "deployment_name": "d"})
        again = record(
            log, ADDED, {**MODEL, "deployment_name": "d"}, id=entry.id, occurred_at=entry.occurred_at
        )
        assert again.id == entry.id
        add(log, "globex")
        for account_id in ("acme", "globex"):
            account = log.account(account_id)
            assert [each.account_id for each in account.entries().entries] == [account_id]
            assert account.users() == [ADA]
            assert account.events() == [ADDED]
            assert len(account.history("model", "m-17").entries) == 1
        assert log.accounts() == ["acme", "globex"]


def test_reader_sees_one_account_on_every_node(own: CitusDatabase, logins: dict[str, str]) -> None:
    """Also one that goes around the coordinator."""
    import psycopg

    with open_log(own) as log:
        for number in range(20):
            add(log, f"account-{number}")
    shard, node = some_shard(own, "audit_entry")
    with connected(node) as connection:
        ((account_id,),) = connection.execute(f"SELECT min(account_id) FROM {shard}").fetchall()
    url = logins["reader"].rpartition("@")[0] + "@" + node.rpartition("@")[2]
    with closing(psycopg.connect(url)) as reader:
        count = f"SELECT count(*), min(account_id) FROM {shard}".encode()
        assert reader.execute(count).fetchall() == [(0, None)]
        reader.execute("SELECT set_config('auditwright.account_id', %s, false)", (account_id,))
        assert reader.execute(count).fetchall() == [(1, account_id)]


@pytest.mark.parametrize("number", [1, 30, 150, 250], ids=["one", "values", "statement", "copy"])
def test_batches_of_any_size_are_stored_once(database: CitusDatabase, number: int) -> None:
    """Of several accounts, of which some are stored already, and one with other content."""
    rows = [
        tuple(foreign_row(CATALOG, account_id=f"account-{each % 7}", actor_name="Ada").values())
        for each in range(number + 1)
    ]
    storage = PostgreSQLStorage(database.url, CATALOG)
    try:
        assert storage.insert_new(rows[:number]) == [True] * number
        other = (*rows[0][:DIGEST], bytes(32), *rows[0][DIGEST + 1 :])
        *outcomes, conflict = storage.insert_new([*rows, other])
    finally:
        storage.close()
    assert outcomes == [*[False] * number, True]
    assert isinstance(conflict, IdConflict)
    assert database.rows("SELECT count(*) FROM audit_entry") == [(number + 1,)]
    assert database.rows("SELECT count(*) FROM audit_user") == [(min(number + 1, 7),)]


def test_writer_changes_nothing_on_any_node(own: CitusDatabase, logins: dict[str, str]) -> None:
    import psycopg

    with open_log(own) as log:
        add(log)
    shard, node = some_shard(own, "audit_entry")
    worker = logins["writer"].rpartition("@")[0] + "@" + node.rpartition("@")[2]
    for url, table in ((logins["writer"], "audit_entry"), (worker, shard)):
        with closing(psycopg.connect(url, autocommit=True)) as connection:
            connection.execute("SET citus.enable_manual_changes_to_shards = on")
            for statement in (
                f"DELETE FROM {table}",
                f"UPDATE {table} SET description = ''",
                f"TRUNCATE {table}",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())


def test_entries_are_append_only_on_every_node(own: CitusDatabase) -> None:
    import psycopg

    with open_log(own) as log:
        for number in range(20):
            add(log, f"account-{number}")
    shard, node = some_shard(own, "audit_entry")
    for url, table in ((own.url, "audit_entry"), (node, shard)):
        with connected(url) as connection:
            connection.execute("SET citus.enable_manual_changes_to_shards = on")
            for statement in (
                f"DELETE FROM {table}",
                f"UPDATE {table} SET description = ''",
                f"TRUNCATE {table}",
            ):
                with pytest.raises(psycopg.Error, match="audit_entry is append-only"):
                    connection.execute(statement.encode())


def test_reader_without_its_account_is_refused(
    own: CitusDatabase, logins: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row-level security would show no entries, and nobody would know."""
    monkeypatch.setattr(connections, "PROPAGATE", "SET LOCAL citus.propagate_set_commands = 'none'")
    with pytest.raises(StorageError, match="do not get the setting"):
        AuditLog.open(logins["writer"], read_url=logins["reader"], catalog=CATALOG)


def test_a_service_makes_distributed_partitions(own: CitusDatabase, logins: dict[str, str]) -> None:
    import psycopg

    def partitions() -> list[tuple[Any, ...]]:
        return own.rows(
            "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
            "JOIN pg_dist_partition ON logicalrelid = inhrelid "
            "WHERE inhparent IN ('audit_entry'::regclass, 'audit_target'::regclass)"
        )

    before = partitions()
    with closing(psycopg.connect(logins["writer"], autocommit=True)) as connection:
        connection.execute("SELECT audit_make_partitions(5)")
    assert len(partitions()) == len(before) + 4
    assert differences(own) == []


def test_owner_upgrades_and_prunes(
    own: CitusDatabase, logins: dict[str, str], auditwright: Auditwright
) -> None:
    with open_log(own) as log:
        add(log)
    database = ("--database", logins["owner"])
    assert "nothing to do" in auditwright("database", "upgrade", *database).out
    auditwright("database", "hold", "add", "--account", "acme", "--reason", "Case 17", *database)
    auditwright("database", "retain", "--older-than", "30d", *database)
    assert "Covered: all entries." in auditwright("database", "check", *database).out


# --- what a check sees -----------------------------------------------------------------------------


def test_check_sees_what_is_not_distributed(own: CitusDatabase) -> None:
    own.change(
        "SELECT undistribute_table('audit_user')",
        "SELECT undistribute_table('audit_hold')",
    )
    assert differences(own) == [
        "the table audit_hold is not a reference table, which every node has",
        "the table audit_user is not distributed by account_id",
    ]
    upgrade_database(own.url, CATALOG)
    assert differences(own) == []


def test_check_sees_another_group_of_shards(own: CitusDatabase) -> None:
    own.change("SELECT update_distributed_table_colocation('audit_user', colocate_with => 'none')")
    with closing(open_inspection(own.url, CATALOG)) as inspection:
        (found,) = inspection.differences()
    assert found.what == "the table audit_user is not colocated with audit_entry"
    own.change(found.hint)
    assert differences(own) == []


def test_check_sees_changes_on_a_node(own: CitusDatabase) -> None:
    shard, node = some_shard(own, "audit_entry")
    if not own.rows("SELECT 1 FROM pg_roles WHERE rolname = 'citus_test_other'"):
        own.change("CREATE ROLE citus_test_other")
    with connected(node) as connection:
        connection.execute("SET citus.enable_manual_changes_to_shards = on")
        connection.execute("SET citus.enable_ddl_propagation = off")
        connection.execute("SET citus.enable_metadata_sync = off")
        number = shard.rpartition("_")[2]
        for statement in (
            f"ALTER TABLE {shard} DISABLE TRIGGER audit_entry_users_{number}",
            f"ALTER TABLE {shard} DISABLE ROW LEVEL SECURITY",
            f"GRANT DELETE ON {shard} TO citus_test_other",
            "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql "
            "AS 'BEGIN RETURN NULL; END'",
        ):
            connection.execute(statement)
    host = node.rpartition("@")[2].rpartition("/")[0]
    assert sorted(differences(own)) == [
        f"citus_test_other has the right to DELETE on the shard {shard} of the node {host}",
        f"row-level security of the shard {shard} of the node {host} is switched off",
        f"the function audit_refuse of the node {host} is not that of the coordinator",
        f"the trigger audit_entry_users of the shard {shard} of the node {host} is missing or switched off",
    ]
