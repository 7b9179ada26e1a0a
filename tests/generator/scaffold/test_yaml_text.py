"""YAML text of new entries: every reader gets the value back, and the layout is easy to read."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditwright_generator.scaffold.yaml_text import yaml_flow, yaml_lines
from auditwright_generator.source.yaml_nodes import parse_yaml

LONG = "It is long. " * 9


def text_of(entry: dict[str, object]) -> str:
    return "".join(f"{'  ' * depth}{line}\n" for depth, line in yaml_lines(entry))


def test_long_mappings_and_long_text_are_blocks() -> None:
    entry: dict[str, object] = {
        "title": "Project: put aside",
        "left_out": None,
        "description": LONG.strip(),
        "metadata": {"reason": {}, "visibility": {"required": False}},
        "example": {"ports": [80, 443], "armed": False},
        "values": {"first": LONG.replace(" ", "-"), "second": "No"},
        "events": {},
    }
    assert text_of(entry) == (
        f"""title: "Project: put aside"
description: >-
  {LONG[:95]}
  {LONG[96:].strip()}
metadata:
  reason: {{}}
  visibility: {{required: false}}
example: {{ports: [80, 443], armed: false}}
values:
  first: {LONG.replace(" ", "-")}
  second: "No"
events: {{}}
"""
    )


@given(st.text(max_size=20).filter(str.isprintable))
def test_any_text_is_read_back_as_text(text: str) -> None:
    """Also by readers of YAML other than ours."""
    for written in (f"key: {yaml_flow(text)}\n", f"{{key: {yaml_flow(text)}}}\n"):
        assert yaml.safe_load(written) == {"key": text}
        node, findings = parse_yaml(written.encode(), "x.yaml")
        assert findings == []
        assert node.string("key") == text


@given(st.text("ab -:#.'\"\xa0é", min_size=90, max_size=300))
def test_long_text_is_read_back_as_it_was(text: str) -> None:
    assert yaml.safe_load(text_of({"key": text})) == {"key": text}


@pytest.mark.parametrize("text", ["\udcff", "\x07", "\u2028", f"{LONG}\udcff"])
def test_text_that_yaml_cannot_hold_is_escaped_or_reported(text: str) -> None:
    assert parse_yaml(text_of({"key": text}).encode(), "x.yaml")[1] != []
