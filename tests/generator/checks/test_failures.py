"""Which events auditors want the failed attempts of (AC654)."""

from pathlib import Path

import pytest

from auditwright_generator.check import read_catalog
from auditwright_generator.checks.explanations import BASE


def found(folder: Path, *names: str) -> list[str]:
    """The events of a catalog that AC654 finds."""
    head, _, _ = BASE["workspace/boards.yaml"].partition("events:\n")
    events = "".join(
        f"  {name}:\n    title: {name.replace('_', ' ').capitalize()}\n    description: It is {name}.\n"
        f'    message: "{{actor}} did it."\n    example: {{board_id: b-1, visibility: team}}\n'
        for name in names
    )
    files = BASE | {
        "workspace/boards.yaml": head.replace("{except: [board_deleted]}", "{}") + f"events:\n{events}"
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    findings = [each for each in read_catalog(folder).findings if each.code == "AC654"]
    return [each.message.split()[1] for each in findings]


@pytest.mark.parametrize(
    "name",
    [
        *("login", "logged_in", "user_signed_in", "sign_in", "login_succeeded", "authenticated"),
        *("role_assigned", "permission_granted", "user_role_changed", "access_revoked", "grant_access"),
    ],
)
def test_sign_ins_and_permissions_should_be_able_to_fail(name: str, tmp_path: Path) -> None:
    assert found(tmp_path, name) == [name]


@pytest.mark.parametrize(
    "name",
    [
        *("logout", "signed_out", "login_page_changed", "design_in", "blog_on", "login_method_removed"),
        *("role_created", "default_role_configured", "roles_viewed", "board_changed", "access_requested"),
        *("login_failed", "access_change_denied"),
    ],
)
def test_other_events_need_not(name: str, tmp_path: Path) -> None:
    assert found(tmp_path, name) == []


@pytest.mark.parametrize(
    "names",
    [
        ("logged_in", "login_failed"),
        ("sign_in", "sign_in_rejected"),
        ("role_changed", "role_change_refused"),
        ("access_granted", "access_granted_failed"),
    ],
)
def test_an_event_of_its_own_may_be_the_failure(names: tuple[str, str], tmp_path: Path) -> None:
    assert found(tmp_path, *names) == []
    assert found(tmp_path, names[0], "board_opening_denied") == [names[0]]
