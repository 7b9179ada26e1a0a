"""The PostgreSQL roles owner, writer and reader: their rights, and the statements missing for them.

The writer inserts, and reads of an entry what exactly-once needs. The reader is bound to one account by
row-level security. Neither owns anything, so neither can drop the triggers.

Only missing statements run. One idempotent script would take an ACCESS EXCLUSIVE lock on every table at each
run (ALTER OWNER), would wait for readers, and could report neither what it changed nor "nothing to do".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditwright.storage.base import SetupResult
from auditwright.storage.errors import StorageError
from auditwright.storage.postgresql.distribution import is_distributed
from auditwright.storage.postgresql.owner_connection import (
    become_owner,
    begin,
    connect,
    database_name,
    errors,
    insert_rows,
)
from auditwright.storage.postgresql.schema import (
    ACCOUNT,
    REFERENCE_TABLES,
    Change,
    check_fit,
    columns_of,
    quoted,
    read_views,
)

if TYPE_CHECKING:
    from psycopg import Connection

    from auditwright.catalog import Catalog
    from auditwright.entry import Row
    from auditwright.storage.postgresql.timed_connection import TimedConnection

PREFIX = "audit"
KNOWN = ("account_id", "id", "digest")
"""The columns that the writer reads, to recognise an entry that is stored already."""
OWN_TABLES = ("audit_hold", "audit_retention", "audit_target_field", "audit_alembic_version")
"""Tables that only the owner uses."""
USERS = "audit_user"
"""The table of users, which a trigger fills and the reader reads."""
TARGETS = "audit_target"
"""The same for the objects that entries identify."""

Grant = tuple[str, str, str]
"""Role, privilege, and the column, empty for all."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The names of the three roles."""

    prefix: str = PREFIX

    def __post_init__(self) -> None:
        if not re.fullmatch("[a-z_][a-z0-9_]{0,39}", self.prefix):
            raise StorageError(
                f'the prefix of the roles: expected at most 40 of a to z, 0 to 9 and _, got "{self.prefix}"'
            )

    @property
    def owner(self) -> str:
        """Owns the tables; for `auditwright database`."""
        return f"{self.prefix}_owner"

    @property
    def writer(self) -> str:
        """For the service's `open(url)`."""
        return f"{self.prefix}_writer"

    @property
    def reader(self) -> str:
        """For `open(..., read_url=)`."""
        return f"{self.prefix}_reader"


def role_changes(connection: Connection[Any], roles: Roles) -> list[Change]:
    """The statements missing until the roles exist with exactly their rights; needs a transaction.

    All other rights of the writer, the reader and PUBLIC are revoked.
    """
    schema = _one(connection, "SELECT current_schema()")
    return [
        *_missing_roles(connection, roles),
        *_memberships(connection, roles),
        *_schema_rights(connection, roles, schema),
        *_owners(connection, roles),
        *_rights(connection, roles),
        *_policies(connection, roles),
    ]


def _one(connection: Connection[Any], statement: str, values: tuple[Any, ...] = ()) -> Any:
    row = connection.execute(statement.encode(), values).fetchone()
    assert row is not None  # noqa: S101 - for type checkers
    return row[0]


def _missing_roles(connection: Connection[Any], roles: Roles) -> Iterator[Change]:
    connects = is_distributed(connection)
    for name in (roles.owner, roles.writer, roles.reader):
        login = "LOGIN" if connects and name == roles.owner else "NOLOGIN"
        if not _exists(connection, name):
            yield Change(f"CREATE ROLE {quoted(name)} {login}", f"role {name}")
        elif login == "LOGIN" and not _one(
            connection, "SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", (name,)
        ):
            yield Change(f"ALTER ROLE {quoted(name)} LOGIN", f"login of {name} to the nodes")


def _exists(connection: Connection[Any], role: str) -> bool:
    return bool(_one(connection, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", (role,)))


def _memberships(connection: Connection[Any], roles: Roles) -> Iterator[Change]:
    """Whoever runs this becomes a member of the owner: to give it the tables, and to upgrade."""
    if _exists(connection, roles.owner) and _one(
        connection, "SELECT pg_has_role(session_user, %s, 'USAGE')", (roles.owner,)
    ):
        return
    user, is_super = connection.execute(
        "SELECT session_user, rolsuper FROM pg_roles WHERE rolname = session_user"
    ).fetchone() or ("", False)
    if not is_super:
        yield Change(f"GRANT {quoted(roles.owner)} TO {quoted(user)}", f"{user} is a member of {roles.owner}")


def _schema_rights(connection: Connection[Any], roles: Roles, schema: str) -> Iterator[Change]:
    wanted = {roles.owner: ("USAGE", "CREATE"), roles.writer: ("USAGE",), roles.reader: ("USAGE",)}
    for role, privileges in wanted.items():
        lacking = [each for each in privileges if not _may_in_schema(connection, role, schema, each)]
        if lacking:
            yield Change(
                f"GRANT {', '.join(lacking)} ON SCHEMA {quoted(schema)} TO {quoted(role)}",
                "right to the schema",
            )


def _may_in_schema(connection: Connection[Any], role: str, schema: str, privilege: str) -> bool:
    return _exists(connection, role) and bool(
        _one(connection, "SELECT has_schema_privilege(%s, %s, %s)", (role, schema, privilege))
    )


def relations(connection: Connection[Any]) -> dict[str, str]:
    """Auditwright's tables and views: `TABLE`, `PARTITION` or `VIEW`, by name."""
    partitions = connection.execute("""
        SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent IN (to_regclass('audit_entry'), to_regclass('audit_target')) ORDER BY relname""")
    views = (name for name, view in sorted(read_views(connection).items()) if view.ours)
    return {
        **dict.fromkeys(("audit_entry", USERS, TARGETS, *REFERENCE_TABLES, *OWN_TABLES), "TABLE"),
        **dict.fromkeys((name for (name,) in partitions), "PARTITION"),
        **dict.fromkeys(views, "VIEW"),
    }


_FUNCTIONS = """
    SELECT pg_proc.oid::regprocedure::text, pg_get_userbyid(proowner), proname FROM pg_proc
    WHERE pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'audit_entry'::regclass)
        AND proname = ANY (%s) ORDER BY 1"""
FUNCTIONS = (
    "audit_add_partition",
    "audit_add_targets",
    "audit_add_users",
    "audit_first_id",
    "audit_index_targets",
    "audit_last_month",
    "audit_make_partitions",
    "audit_mark_view",
    "audit_refuse",
    "audit_target_ids",
)


def _owners(connection: Connection[Any], roles: Roles) -> Iterator[Change]:
    for name, kind in relations(connection).items():
        owner = _one(
            connection,
            "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass(%s)",
            (quoted(name),),
        )
        if owner != roles.owner:
            what = "VIEW" if kind == "VIEW" else "TABLE"
            yield Change(f"ALTER {what} {quoted(name)} OWNER TO {quoted(roles.owner)}", "owner")
    for function, owner, _ in connection.execute(_FUNCTIONS, (list(FUNCTIONS),)).fetchall():
        if owner != roles.owner:
            yield Change(f"ALTER FUNCTION {function} OWNER TO {quoted(roles.owner)}", "owner")


def _rights(connection: Connection[Any], roles: Roles) -> Iterator[Change]:
    bound = ("PUBLIC", roles.writer, roles.reader)
    for name, kind in relations(connection).items():
        wanted = _wanted(name, kind, roles)
        found = {grant for grant in _granted(connection, quoted(name)) if grant[0] in bound}
        for role, privilege, column in sorted(found - wanted):
            of = f"({column})" * bool(column)
            yield Change(f"REVOKE {privilege}{of} ON {quoted(name)} FROM {_role(role)}", "right taken away")
            if not column:  # revokes the privilege on single columns too
                found -= {grant for grant in found if grant[:2] == (role, privilege)}
        for role, privilege, column in sorted(wanted - found):
            of = f" ({column})" * bool(column)
            yield Change(f"GRANT {privilege}{of} ON {quoted(name)} TO {_role(role)}", "right")
    for function, _, name in connection.execute(_FUNCTIONS, (list(FUNCTIONS),)).fetchall():
        wanted_roles = {roles.writer} if name == "audit_make_partitions" else set()
        found_roles = {role for role in _executors(connection, function) if role in bound}
        for role in sorted(found_roles - wanted_roles):
            yield Change(f"REVOKE EXECUTE ON FUNCTION {function} FROM {_role(role)}", "right taken away")
        for role in sorted(wanted_roles - found_roles):
            yield Change(f"GRANT EXECUTE ON FUNCTION {function} TO {_role(role)}", "right")


def _wanted(name: str, kind: str, roles: Roles) -> set[Grant]:
    if name == "audit_entry":
        known = {(roles.writer, "SELECT", column) for column in KNOWN}
        return {(roles.writer, "INSERT", ""), (roles.reader, "SELECT", ""), *known}
    if name in REFERENCE_TABLES:
        return {(roles.writer, "SELECT", ""), (roles.reader, "SELECT", "")}
    return {(roles.reader, "SELECT", "")} if kind == "VIEW" or name in (USERS, TARGETS) else set()


def _granted(connection: Connection[Any], relation: str) -> set[Grant]:
    """The privileges on a table or view and on its columns, except the owner's."""
    found = connection.execute(
        """
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END, privilege_type, attname
        FROM (SELECT relowner, relacl AS acl, '' AS attname FROM pg_class WHERE oid = to_regclass(%(name)s)
            UNION ALL
            SELECT relowner, attacl, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
            WHERE attrelid = to_regclass(%(name)s) AND NOT attisdropped) AS given,
            aclexplode(acl)
        WHERE grantee <> relowner""",
        {"name": relation},
    )
    return set(found.fetchall())


def _executors(connection: Connection[Any], function: str) -> list[str]:
    found = connection.execute(
        """
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END
        FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
        WHERE pg_proc.oid = to_regprocedure(%s) AND grantee <> proowner""",
        (function,),
    )
    return [role for (role,) in found]


def _policies(connection: Connection[Any], roles: Roles) -> Iterator[Change]:
    """Let the writer pass row-level security: to insert for any account, and to recognise stored entries.

    In a session that names an account, as reading does, it sees only that account: a role that is both writer
    and reader is bound like the reader.
    """
    found = connection.execute("SELECT polname FROM pg_policy WHERE polrelid = 'audit_entry'::regclass")
    existing = {name for (name,) in found}
    unbound = f"coalesce(current_setting('{ACCOUNT}', true), '') = ''"
    for name, rule in (
        (f"{roles.writer}_inserts", f"FOR INSERT TO {quoted(roles.writer)} WITH CHECK (true)"),
        (f"{roles.writer}_knows", f"FOR SELECT TO {quoted(roles.writer)} USING ({unbound})"),
    ):
        if name not in existing:
            yield Change(f"CREATE POLICY {quoted(name)} ON audit_entry {rule}", f"policy {name}")


def _role(name: str) -> str:
    return name if name == "PUBLIC" else quoted(name)


def make_roles(
    url: str, roles: Roles, catalog: Catalog | None = None, record: Callable[[int], Row] | None = None
) -> SetupResult:
    """Make the roles and give them their rights; idempotent. Raises `StorageError`.

    `record` makes the row of that catalog for a number of changes; it is stored with them.
    """
    name, changes = database_name(url), []
    with _connected(url) as connection:
        with _locked(connection, name):
            on_cluster = is_distributed(connection)
            if on_cluster:  # nodes let a role log in once it is committed
                changes += list(_missing_roles(connection, roles))
                _execute(connection, changes)
        with _locked(connection, name):
            further = role_changes(connection, roles)
            _execute(connection, further)
            changes += further
            if changes and catalog is not None and record is not None:
                check_fit(connection, catalog, name)
                if not on_cluster:  # there, nodes do not let the owner see what is not committed
                    become_owner(connection, name)
                insert_rows(connection, catalog, [record(len(changes))])
    return SetupResult(name, tuple(_counted(changes)), True)


def roles_sql(url: str, roles: Roles) -> str:
    """The statements that `make_roles` would execute, as a script for psql; empty if there are none."""
    with _connected(url) as connection, _locked(connection, database_name(url), lock=False):
        changes = role_changes(connection, roles)
        path = _one(connection, "SELECT quote_ident(current_schema())")
    if not changes:
        return ""
    head = (f"SET search_path = {path};", "BEGIN;")
    return "\n".join([*head, *(f"{change.statement};" for change in changes), "COMMIT;"])


def _execute(connection: TimedConnection, changes: list[Change]) -> None:
    for change in changes:
        connection.execute(change.statement.encode())


@contextmanager
def _connected(url: str) -> Iterator[TimedConnection]:
    with closing(connect(url)) as connection, errors(database_name(url), "make the roles"):
        yield connection


@contextmanager
def _locked(connection: TimedConnection, name: str, lock: bool = True) -> Iterator[None]:
    """A transaction; with `lock`, nobody else sets the database up meanwhile. `name` is the database's."""
    with connection.transaction():
        begin(connection)
        if not columns_of(connection, TARGETS):
            raise StorageError(
                f"{name}: there is no audit log in this database, or an older one; run "
                "`auditwright database create` first"
            )
        if lock:
            connection.execute("LOCK TABLE audit_alembic_version IN SHARE ROW EXCLUSIVE MODE")
        yield


def _counted(changes: list[Change]) -> Iterator[str]:
    """The changes in words, with those of one kind counted."""
    counts = Counter(change.what for change in changes)
    for what, count in counts.items():
        if what == "owner":
            yield f"owner of {count} tables, views and functions"
        elif what.startswith("right"):
            yield f"{count} {what.replace('right', 'rights' if count > 1 else 'right', 1)}"
        else:
            yield what
