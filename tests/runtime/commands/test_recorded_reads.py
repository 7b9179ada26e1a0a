"""The commands that show entries record who reads, where that is wanted."""

from typing import Any

import pytest
from tests.support.command_line import OS_USER, Auditwright

from auditwright import AuditLog, StorageError

VIEWED = "audit.log.viewed"


def viewed(account_id: str = "acme") -> list[tuple[Any, ...]]:
    """Actor, selection and opened entry of each recorded read."""
    with AuditLog.open("sqlite:///audit.db") as log:
        found = [entry for entry in log.account(account_id).all() if entry.event == VIEWED]
    assert all(entry.metadata["interface"] == "cli" for entry in found)
    return sorted(
        ((each.actor.id, each.metadata.get("selection"), each.metadata.get("entry_id")) for each in found),
        key=str,
    )


def ids(auditwright: Auditwright, *options: str) -> list[str]:
    return auditwright("list", "--account", "acme", "--ids", *options).out.split()


def test_reads_are_not_recorded_by_default(recorded: Auditwright) -> None:
    assert ids(recorded)
    assert viewed() == []


@pytest.mark.sqlite_only
def test_commands_record_a_selection_once(recorded: Auditwright) -> None:
    options = ("--account", "acme", "--record-reads")
    one, _ = ids(recorded)
    for command in (
        ("list",),
        ("list", "--format", "csv"),
        ("list", "--format", "json", "--limit", "1"),
        ("count",),
        ("count", "--exact"),
        ("list", "--where", "user:is:u-17"),
        ("list", "--actor", "app:report"),
        ("show", one),
        ("show", one[:18]),
    ):
        assert recorded(*command, *options).code == 0
    assert viewed() == [
        (OS_USER.id, "where=user%3Ais%3Au-17", None),
        (OS_USER.id, None, one),
        (OS_USER.id, None, None),
        ("report", None, None),
    ]


@pytest.mark.sqlite_only
def test_variable_records_reads_of_a_machine(recorded: Auditwright, monkeypatch: pytest.MonkeyPatch) -> None:
    for value, count in (("", 0), ("0", 0), ("1", 1)):
        monkeypatch.setenv("AUDITWRIGHT_RECORD_READS", value)
        assert recorded("list", "--account", "acme").code == 0
        assert len(viewed()) == count
    monkeypatch.setenv("AUDITWRIGHT_RECORD_READS", "true")
    for command in (("list",), ("count",), ("list", "--format", "csv")):
        done = recorded(*command, "--account", "acme")
        assert (done.code, done.out) == (2, "")
        assert "AUDITWRIGHT_RECORD_READS: expected 1 or 0, got 'true'" in done.err


@pytest.mark.sqlite_only
def test_entries_that_an_ambiguous_id_lists_are_read(recorded: Auditwright) -> None:
    both = ids(recorded)
    number = next(number for number in range(36) if both[0][number] != both[1][number])
    assert recorded("show", both[0][:number], "--account", "acme", "--record-reads").code == 1
    assert [entry_id for _, _, entry_id in viewed()] == sorted(both)


@pytest.mark.sqlite_only
def test_misspelt_account_is_not_made_by_a_read(recorded: Auditwright) -> None:
    assert recorded("list", "--account", "acmee", "--record-reads").code == 0
    with AuditLog.open("sqlite:///audit.db") as log:
        assert log.accounts() == ["acme", "globex"]


def test_read_that_cannot_be_recorded_shows_nothing(
    recorded: Auditwright, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("audit.db: cannot write: disk full")

    one, _ = ids(recorded)
    monkeypatch.setattr("auditwright.log.AuditLog._record_system_event", fail)
    for command in (("list",), ("list", "--format", "csv"), ("count",), ("show", one)):
        done = recorded(*command, "--account", "acme", "--record-reads")
        assert (done.code, done.out) == (2, "")
        assert done.err == (
            "auditwright: nothing is shown, as the read cannot be recorded: "
            "audit.db: cannot write: disk full\n"
        )


@pytest.mark.sqlite_only
def test_a_selection_with_any_characters_is_recorded(recorded: Auditwright) -> None:
    odd = 'a"\n\udcff\x00b'
    for options in (("--search", odd), ("--where", f"user:is:{odd}")):
        assert recorded("list", "--account", "acme", *options, "--record-reads").code == 0
    assert len(viewed()) == 2
