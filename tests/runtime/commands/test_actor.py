"""Who is recorded by a command: the actor option, or else the operating system's user."""

import json
import os
import pwd
import socket
from typing import Any

import pytest
from tests.support.command_line import OS_USER, SCANNER, Auditwright

from auditwright import Actor
from auditwright.commands.options import actor

HOLD = ("database", "hold", "add", "--account", "acme", "--reason", "Case 17")
RELEASE = ("database", "hold", "remove", "--account", "acme")
RETAIN = ("database", "retain", "--older-than", "1d")
EXPORT = ("export", "--account", "acme", "--output", "a.csv")
RECORD = ("record", SCANNER, "--metadata", '{"tool_id": "t-4"}', "--account", "acme")


def actors(run: Auditwright) -> list[dict[str, Any]]:
    """The actors of acme's entries, newest first."""
    done = run("list", "--account", "acme", "--format", "json")
    return [entry["actor"] for entry in json.loads(done.out)]


@pytest.mark.parametrize("command", [EXPORT, RECORD, HOLD, RETAIN], ids=" ".join)
def test_commands_record_the_user_of_the_system(recorded: Auditwright, command: tuple[str, ...]) -> None:
    assert recorded(*command).code == 0
    assert actors(recorded)[0] == {"type": "user", "id": OS_USER.id, "name": OS_USER.name}


@pytest.mark.parametrize("command", [EXPORT, RECORD, HOLD, RETAIN], ids=" ".join)
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("user:u-90:Frances Allen", {"type": "user", "id": "u-90", "name": "Frances Allen"}),
        ("app:ci", {"type": "app", "id": "ci"}),
        ("system", {"type": "system"}),
        ("os", {"type": "user", "id": OS_USER.id, "name": OS_USER.name}),
    ],
)
def test_actor_option_has_precedence(
    recorded: Auditwright, command: tuple[str, ...], given: str, expected: dict[str, str]
) -> None:
    assert recorded(*command, "--actor", given).code == 0
    assert actors(recorded)[0] == expected


def test_a_release_names_who_released(recorded: Auditwright) -> None:
    recorded(*HOLD, "--actor", "user:u-90")
    assert recorded(*RELEASE).code == 0
    assert [each["id"] for each in actors(recorded)[:2]] == [OS_USER.id, "u-90"]


def test_text_of_an_export_names_the_user(recorded: Auditwright) -> None:
    recorded(*EXPORT)
    assert f"  {OS_USER.name} exported the audit log as CSV." in recorded("list", "--account", "acme").out


def test_variables_do_not_change_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "mallory")
    assert actor("os") == OS_USER


def test_user_without_a_name_is_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> None:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(os, "getuid", lambda: 1000700000)
    monkeypatch.setattr(socket, "gethostname", lambda: "web-7f9c")
    found = actor("os")
    assert (found.type, found.id, found.name) == ("user", "os:1000700000", "1000700000@web-7f9c")


def test_unknown_host_leaves_the_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise OSError("no host name")

    monkeypatch.setattr(socket, "gethostname", fail)
    assert actor("os").name == str(OS_USER.id).removeprefix("os:")


def test_unknown_user_is_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.delattr(os, "getuid")
    monkeypatch.setattr("getpass.getuser", fail)
    assert actor("os") == Actor.system()
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    assert actor("os").id == "os:ada"


def test_user_of_the_system_can_be_filtered(recorded: Auditwright) -> None:
    recorded(*EXPORT)
    found = recorded("count", "--account", "acme", "--where", f"user:is:{OS_USER.id}")
    assert found.out.startswith("1")
