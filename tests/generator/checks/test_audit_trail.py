"""The rules about the audit trail, for the ways in which events are named."""

from pathlib import Path

import pytest

from auditwright_generator.check import read_catalog
from auditwright_generator.checks.explanations import BASE

TRAIL = ("AC651", "AC652", "AC653")


def findings(folder: Path, *events: str) -> list[str]:
    """The findings of the trail's rules in a category with these events: code, event and counterpart."""
    head = BASE["workspace/boards.yaml"].partition("metadata:")[0]
    texts = [
        f"  {name}:\n    title: Event {name}\n    description: It is {name} now.\n"
        f'    message: "It is {name}."\n    example: {{board_id: b-1}}\n'
        for name in events
    ]
    category = f"{head}metadata: [board_id]\nevents:\n{''.join(texts)}"
    for path, text in {**BASE, "workspace/boards.yaml": category}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    found = read_catalog(folder).findings
    return [f"{each.code} {each.message.partition(',')[0]}" for each in found if each.code in TRAIL]


@pytest.mark.parametrize(
    "events",
    [
        ("created", "deleted"),
        ("uploaded", "archived"),
        ("board_created", "board_deleted"),
        ("enabled", "disabled"),
        ("suspended", "resumed"),
        ("undeployed", "re_deployed"),
        ("script_deployed", "script_undeployed", "script_re_deployed"),
        ("re_created", "deleted"),
        ("sent",),
        ("create", "delete"),
        ("board_add", "board_remove"),
        ("grant_access", "revoke_access"),
        ("access_grant", "access_revoke"),
        ("create_board", "board_deleted"),
        ("enable", "disabled"),
        ("link_sent", "send_link", "share_failed", "security_update", "link_click"),
        ("alert_created", "alert_fixed"),
        ("create", "dismiss", "resolve"),
        ("consent_granted", "consent_withdrawn"),
        ("group_unsubscribe", "group_resubscribe"),
    ],
)
def test_counterpart_is_found_with_and_without_a_thing(tmp_path: Path, events: tuple[str, ...]) -> None:
    assert findings(tmp_path, *events) == []


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (("created",), ["AC651 event created has no counterpart such as deleted"]),
        (("created", "board_deleted"), ["AC651 event created has no counterpart such as deleted"]),
        (("user_created", "deleted"), ["AC651 event user_created has no counterpart such as user_deleted"]),
        (("enabled",), ["AC652 event enabled has no counterpart disabled"]),
        (("re_deployed",), ["AC652 event re_deployed has no counterpart undeployed"]),
        (("updated",), ["AC653 event updated carries board_id"]),
        (("create",), ["AC651 event create has no counterpart such as delete"]),
        (("user_add",), ["AC651 event user_add has no counterpart such as user_delete"]),
        (("create_user",), ["AC651 event create_user has no counterpart such as delete_user"]),
        (("grant_role",), ["AC652 event grant_role has no counterpart revoke_role"]),
        (("role_revoke",), ["AC652 event role_revoke has no counterpart role_grant"]),
        (("lock",), ["AC652 event lock has no counterpart unlock"]),
        (("rename_board",), ["AC653 event rename_board carries board_id"]),
    ],
)
def test_missing_counterpart_is_named(tmp_path: Path, events: tuple[str, ...], expected: list[str]) -> None:
    assert findings(tmp_path, *events) == expected
