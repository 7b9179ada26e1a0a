"""`auditwright events`: the resolved catalog as JSON, table and CSV."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.generator.run_command import run
from tests.support.paths import TEST_CATALOGS

from auditwright_generator import cli

CATALOG = str(Path(__file__).parents[3] / "catalog")
CASES = Path(__file__).parents[1] / "cases"


def events_as_json(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert run(cli.events, "--catalog", CATALOG, "--format", "json") == 0
    events: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return events


def test_json_has_every_event_with_every_fact(capsys: pytest.CaptureFixture[str]) -> None:
    events = events_as_json(capsys)
    assert len(events) == 78
    keys = [
        "key",
        "level",
        "category",
        "category_title",
        "event",
        "title",
        "description",
        "message",
        "metadata",
    ]
    facts = ["name", "title", "type", "required", "sensitivity", "declared_in"]
    for event in events:
        assert [key for key in event if key != "failure_message"] == keys
        assert ("failure_message" in event) == (event["event"] == "login")
        assert event["key"] == f"{event['category']}.{event['event']}"
        for field in event["metadata"]:
            conditional = field["required"] == "when"
            known = [key for key in field if key != "target"]
            assert known == [*facts, *(["when"] if conditional else [])]


def test_json_shows_a_condition_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    [added] = [event for event in events_as_json(capsys) if event["key"] == "account.models.model_added"]
    assert added["category_title"] == "Models"
    assert added["metadata"][-1] == {
        "name": "connection_name",
        "title": "Connection Name",
        "type": "string",
        "required": "when",
        "sensitivity": "public",
        "declared_in": "event",
        "when": {"model_type": ["commercial"]},
    }


def test_json_has_failures_targets_and_their_conditions(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.events, "--catalog", str(TEST_CATALOGS / "outcomes"), "--format", "json") == 0
    events = {event["event"]: event for event in json.loads(capsys.readouterr().out)}
    assert events["document_copied"]["failure_message"] == "{actor} could not copy {copied_from}."
    assert "failure_message" not in events["document_moved"]
    owner = next(field for field in events["document_copied"]["metadata"] if field["name"] == "owner_id")
    assert (owner["target"], owner["when"]) == ("person", {"outcome": ["success"]})
    factor = next(field for field in events["signed_in"]["metadata"] if field["name"] == "second_factor")
    assert factor["when"] == {"outcome": ["success"], "method": ["password"]}


def test_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.events, "--catalog", str(CASES / "unused_field" / "catalog")) == 0
    assert capsys.readouterr().out == (
        "KEY                             TITLE          CATEGORY  FIELDS\n"
        "workspace.boards.board_created  Board created  Boards    board_id\n"
    )


def test_csv_has_the_same_facts(capsys: pytest.CaptureFixture[str]) -> None:
    events = events_as_json(capsys)
    assert run(cli.events, "--catalog", CATALOG, "--format", "csv") == 0
    text = capsys.readouterr().out
    assert text.count("\r\n") == 79
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    for row, event in zip(rows, events, strict=True):
        assert [row["key"], row["title"], row["message"]] == [event["key"], event["title"], event["message"]]
        assert row["failure_message"] == event.get("failure_message", "")
        assert row["metadata"] == "; ".join(field["name"] for field in event["metadata"])
        assert row["metadata_required"] == "; ".join(
            field["required"] if field["required"] == "when" else str(field["required"]).lower()
            for field in event["metadata"]
        )


def test_catalog_with_errors_lists_no_events(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.events, "--catalog", str(CASES / "long_names" / "catalog")) == 1
    printed, problems = capsys.readouterr()
    assert printed == ""
    assert re.fullmatch(r"2 events, \d+ rules .*: 2 errors; .*", problems.splitlines()[-1])
