"""What the connected role could do beyond its task, and the warning about it when a log is opened."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from auditwright.text import printable

if TYPE_CHECKING:
    from psycopg import Connection


_log = logging.getLogger("auditwright")
_POWER = """
    SELECT current_user,
        EXISTS (SELECT FROM pg_roles WHERE rolsuper AND pg_has_role(oid, 'MEMBER')),
        pg_has_role(relowner, 'USAGE'),
        pg_has_role(relowner, 'MEMBER'),
        (SELECT array_agg(privilege ORDER BY privilege)
            FROM unnest(ARRAY['DELETE', 'TRUNCATE', 'UPDATE']) AS privilege
            WHERE has_table_privilege(entry.oid, privilege)
                OR privilege = 'UPDATE' AND has_any_column_privilege(entry.oid, privilege)
                OR EXISTS (SELECT FROM pg_inherits WHERE inhparent = entry.oid
                    AND has_table_privilege(inhrelid, privilege))),
        (SELECT array_agg(rolname::text ORDER BY rolname) FROM pg_roles
            WHERE rolname IN ('pg_execute_server_program', 'pg_write_server_files')
                AND pg_has_role(oid, 'MEMBER')),
        (SELECT rolbypassrls FROM pg_roles WHERE rolname = current_user)
            AND has_table_privilege(entry.oid, 'SELECT'),
        pg_get_userbyid(relowner)
    FROM pg_class AS entry WHERE oid = to_regclass('audit_entry')"""


def powers(connection: Connection[Any]) -> tuple[str, list[str]]:
    """The connected role, and in words what lets it rewrite the log or read other accounts."""
    row = connection.execute(_POWER).fetchone()
    if row is None:
        return "", []
    user, superuser, owns, may_own, privileges, predefined, bypasses, owner = row
    if superuser:
        return user, ["is a superuser, or may become one"]
    found = []
    if owns:
        found.append(
            "owns the table audit_entry"
            if user == owner
            else f"is a member of {owner}, which owns the table audit_entry"
        )
    elif may_own:
        found.append(f"may become {owner}, which owns the table audit_entry")
    if privileges and not owns:
        found.append(f"may {', '.join(privileges)} on audit_entry or a partition of it")
    found += [f"is a member of {role}" for role in predefined or ()]
    if bypasses and not owns:
        found.append("reads the entries of every account, as it has BYPASSRLS")
    return user, found


def warn_of_power(connection: Connection[Any], name: str) -> None:
    """Log a warning if the connected role could rewrite the log; `name` is the database's."""
    user, found = powers(connection)
    if found:
        _log.warning(
            "%s: the role %s could rewrite the audit log, or see more of it than one account: it %s; "
            "`auditwright database roles` makes roles that cannot",
            printable(name),
            printable(user),
            printable(" and ".join(found)),
        )
