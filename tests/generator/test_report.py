"""The output formats for findings: text with excerpts, JSON, GitHub, SARIF."""

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.generator.run_command import run

from auditwright_generator import cli
from auditwright_generator.check import read_catalog
from auditwright_generator.checks.explanations import BASE
from auditwright_generator.checks.rules import RULES
from auditwright_generator.findings import Position
from auditwright_generator.report import github_command

BAD = (
    BASE["fields.yaml"]
    .replace("title: Guest\n", "title: Guest, 100%.\n")
    .replace("type: integer", "type: intger")
)


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    files = BASE | {"fields.yaml": BAD}
    for path, text in files.items():
        (tmp_path / "catalog" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "catalog" / path).write_text(text, "utf-8")
    (tmp_path / "catalog" / "catalog.yaml").write_text(
        BASE["catalog.yaml"] + 'suppress: {AC307: {reason: We like it, until: "2199-01-01"}}\n', "utf-8"
    )
    return tmp_path / "catalog"


def check(format_: str, capsys: pytest.CaptureFixture[str], code: int = 1) -> str:
    assert run(cli.check, "--format", format_) == code
    printed, problems = capsys.readouterr()
    assert problems == ""
    return printed


SUMMARY = f"3 events, {len(RULES)} rules (AC307 off): 1 error; 1 suppressed (AC307: 1)"
MESSAGE = 'field "days" has the unknown type "intger"; did you mean "integer"?'


def test_text_shows_the_line_with_a_caret(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("text", capsys) == (
        f"catalog/fields.yaml:24:9: error AC012 wrong-value: {MESSAGE}\n"
        "    24 |   type: intger\n"
        "       |         ^^^^^^\n"
        f"{SUMMARY}\n"
    )


def test_a_long_line_is_shown_around_the_mistake(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = catalog / "fields.yaml"
    values = ", ".join(f"value_{number}: Value {number}" for number in range(40))
    path.write_text(
        BAD.replace("{team: The team, everyone: Everyone}", f"{{{values}, Bad: x, team: T, everyone: E}}")
    )
    lines = check("text", capsys).splitlines()
    [line] = [number for number, text in enumerate(lines) if "name-format" in text]
    assert len(lines[line + 1]) <= 109
    start = lines[line + 2].index("^")
    assert lines[line + 1][start:].startswith("Bad: x")


def test_control_characters_are_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "catalog.yaml").write_bytes(b"title: \x1b[31mred\xe2\x80\xae\xff\n")
    printed = check("text", capsys)
    assert "\x1b" not in printed
    assert "\u202e" not in printed


def test_a_file_name_cannot_end_the_line(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (catalog / "workspace" / "a\n::error::b\x1b[31m.yaml").write_text("title: x\n", "utf-8")
    lines = check("text", capsys).splitlines()
    assert any(r"/workspace/a\n::error::b\x1b[31m.yaml:1:1: error AC004 " in line for line in lines)
    assert [line for line in lines if line.startswith("::") or "\x1b" in line] == []


def test_json_has_findings_suppressions_and_rules(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(check("json", capsys))
    assert found["findings"] == [
        {
            "path": "catalog/fields.yaml",
            "line": 24,
            "column": 9,
            "severity": "error",
            "code": "AC012",
            "name": "wrong-value",
            "message": MESSAGE,
        }
    ]
    [suppressed] = found["suppressed"]
    assert (suppressed["code"], suppressed["line"], suppressed["reason"]) == ("AC307", 40, "We like it")
    assert found["rules"]["off"] == {"AC307": "We like it"}
    assert found["rules"]["ran"] == [rule.code for rule in RULES if rule.code != "AC307"]
    assert found["summary"] == SUMMARY


def test_github_format_prints_workflow_commands(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("github", capsys) == (
        f"::error file=catalog/fields.yaml,line=24,col=9,title=AC012 wrong-value::{MESSAGE}\n{SUMMARY}\n"
    )


def test_workflow_commands_escape_text() -> None:
    made = github_command("warning", Position("a,b:c.yaml", 1, 2), "x::y", "50%\n::error::z\r")
    assert made == "::warning file=a%2Cb%3Ac.yaml,line=1,col=2,title=x%3A%3Ay::50%25%0A::error::z%0D"


# The required parts of SARIF 2.1.0 (OASIS, sections 3.13 to 3.49), written for this test.
SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {"driver": {"type": "object", "required": ["name", "rules"]}},
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["ruleId", "ruleIndex", "level", "message", "locations"],
                            "properties": {"level": {"enum": ["none", "note", "warning", "error"]}},
                        },
                    },
                },
            },
        },
    },
}


def test_sarif_has_results_rules_and_suppressions(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = json.loads(check("sarif", capsys))
    jsonschema.validate(log, SARIF)
    [run_] = log["runs"]
    rules = run_["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.code for rule in RULES]
    found, answered = run_["results"]
    assert rules[found["ruleIndex"]]["id"] == found["ruleId"] == "AC012"
    assert found["level"] == "error"
    assert found["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "catalog/fields.yaml"},
        "region": {"startLine": 24, "startColumn": 9},
    }
    assert "suppressions" not in found
    assert answered["ruleId"] == "AC307"
    assert answered["suppressions"] == [{"kind": "inSource", "justification": "We like it"}]


@pytest.mark.parametrize("format_", ["text", "json", "github", "sarif"])
def test_every_format_reports_no_findings(
    format_: str, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (catalog / "fields.yaml").write_text(BASE["fields.yaml"], "utf-8")
    (catalog / "catalog.yaml").write_text(BASE["catalog.yaml"], "utf-8")
    printed = check(format_, capsys, code=0)
    assert ("AC012" in printed) == (format_ in ("json", "sarif"))


# --- suppressions and time --------------------------------------------------------------------------


def test_a_suppression_applies_until_its_last_day(catalog: Path) -> None:
    from datetime import date

    shutil.copy(catalog / "fields.yaml", catalog / "fields.yaml.bak")
    (catalog / "fields.yaml").write_text(BAD.replace("intger", "integer"), "utf-8")
    assert read_catalog(catalog, date(2199, 1, 1)).findings == ()
    late = [finding.code for finding in read_catalog(catalog, date(2199, 1, 2)).findings]
    assert late == ["AC953", "AC307"]
    assert read_catalog(catalog, date(2199, 1, 1)).dated
