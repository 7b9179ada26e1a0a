"""AC302 and AC308: how a description begins and ends, and which may be equal."""

import json
from pathlib import Path

import pytest
from tests.support.small_catalog import write_catalog

from auditwright_generator.check import read_catalog
from auditwright_generator.checks.explanations import BASE


@pytest.mark.parametrize(
    ("description", "missing"),
    [
        ("It opens the link", "link"),
        ('It says "open', '\\"open'),
        ('It is called "the link"', 'link\\"'),
        ("One of:\n- the *guest*", None),
        ("One of:\n\n1. the guest\n2. whoever has\n   the link\n", None),
        ("- the guest\n- the user\n\nNobody else", "else"),
        ("As in `open --link`", None),
        ("As in:\n\n```\nopen\n```", None),
        ("See https://example.com/links?id=1", None),
        ('Called "the link."', None),
        ("Called “the link.”", None),
        ("It *opens.*", None),
        ("It opens (or not)", None),
        ("Is it open?", None),
        ("And so on…", None),
        ("リンクを開く。", None),
        ("iOS opens it.", None),
    ],
)
def test_description_needs_a_full_stop(tmp_path: Path, description: str, missing: str | None) -> None:
    field = BASE["fields.yaml"].replace("What opens the link.", json.dumps(description))
    write_catalog(tmp_path, {"fields.yaml": field})
    found = [each.message for each in read_catalog(tmp_path).findings]
    start = "description of field passcode ends with"
    assert found == ([f'{start} "{missing}"; end it with a full stop'] if missing else [])


@pytest.mark.parametrize(("stored_as", "is_found"), [("passcode", False), ("pass", True)])
def test_fields_of_one_stored_name_are_described_alike(
    tmp_path: Path, stored_as: str, is_found: bool
) -> None:
    other = (
        "passcode_2:\n  title: Number\n  type: integer\n  sensitivity: public\n"
        f"  stored_as: {stored_as}\n  description: What opens the link.\n"
    )
    write_catalog(tmp_path, {"fields.yaml": BASE["fields.yaml"] + other})
    found = [each.message for each in read_catalog(tmp_path).findings if each.code == "AC308"]
    same = "description of field passcode_2 is the same as that of field passcode; say how the two differ"
    assert found == ([same] if is_found else [])
