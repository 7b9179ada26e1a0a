"""The errors with which the coordinator of a Citus cluster says that it has lost another node.

A trigger raises them on one server, as Citus does in `remote_commands.c` and `placement_connection.c`.
"""

import pytest
from tests.support.databases import PostgreSQLDatabase
from tests.support.sample_events import KEY_CREATED, record

from auditwright import AuditLog, StorageError

pytestmark = pytest.mark.postgresql_only

BROKEN = "connection to the remote node audit@worker-2:5432 failed with the following error: "
NOT_KNOWN = "; it is not known whether it was stored: record it again with id=error.entry.id, which is safe"
NOTHING = "; nothing is stored"


def fail(database: PostgreSQLDatabase, code: str, message: str) -> None:
    """Let every insert fail with an error."""
    database.change(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '{code}'; END $$",
        "CREATE TRIGGER fail AFTER INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION fail()",
    )


@pytest.mark.parametrize(
    ("code", "message", "hint"),
    [
        ("08006", f"{BROKEN}server closed the connection unexpectedly", NOT_KNOWN),
        ("57P01", "terminating connection due to administrator command", NOT_KNOWN),
        ("XX000", "could not commit transaction for shard 102008 on at least one active node", NOT_KNOWN),
        ("XX000", "server closed the connection unexpectedly", NOT_KNOWN),
        ("XX000", "could not receive data from server: Connection timed out", NOT_KNOWN),
        ("XX000", "SSL error: unexpected eof while reading", NOT_KNOWN),
        ("08006", f"{BROKEN}Connection refused", NOTHING),
        ("08006", f"{BROKEN}FATAL:  the database system is starting up", NOTHING),
    ],
)
def test_a_lost_node_is_away(
    log: AuditLog, database: PostgreSQLDatabase, code: str, message: str, hint: str
) -> None:
    fail(database, code, message)
    with pytest.raises(StorageError) as caught:
        record(log, KEY_CREATED)
    assert str(caught.value) == f"{database.name}: cannot write: {message} ({code}){hint}"
    assert caught.value.outcome_unknown == (hint == NOT_KNOWN)
    assert caught.value.unavailable
    assert caught.value.of_node


def test_other_internal_errors_are_of_no_node(log: AuditLog, database: PostgreSQLDatabase) -> None:
    fail(database, "XX000", "cache lookup failed for relation 4711")
    with pytest.raises(StorageError) as caught:
        record(log, KEY_CREATED)
    assert not caught.value.unavailable
    assert not caught.value.of_node
