"""`auditwright rules` and `auditwright explain`; every rule has correct examples."""

import json
import shlex
from pathlib import Path

import pytest
from tests.generator.run_command import run

from auditwright_generator import cli
from auditwright_generator.check import CheckResult, read_catalog
from auditwright_generator.checks.explanations import BASE, EXAMPLES, Example
from auditwright_generator.checks.rules import RULES
from auditwright_generator.commands.rules import every_rule
from auditwright_generator.coverage.explanations import EXAMPLES as IN_CODE
from auditwright_generator.coverage.rules import RULES as RULES_OF_COVERAGE


def checked(folder: Path, files: dict[str, str]) -> CheckResult:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return read_catalog(folder)


def test_the_base_catalog_of_the_examples_has_no_findings(tmp_path: Path) -> None:
    assert checked(tmp_path, BASE).findings == ()


def test_every_rule_of_check_has_an_example() -> None:
    assert list(EXAMPLES) == [rule.code for rule in RULES]


@pytest.mark.parametrize("code", EXAMPLES)
def test_only_the_wrong_example_gives_the_finding(code: str, tmp_path: Path) -> None:
    example: Example = EXAMPLES[code]
    assert example.path not in BASE or (example.instead_of or example.good) in BASE[example.path]
    found = checked(tmp_path / "bad", example.catalog(example.bad)).findings
    assert {finding.code for finding in found} == {code}, [str(finding) for finding in found]
    assert {Path(finding.path).name for finding in found} <= {Path(path).name for path in BASE}
    right = checked(tmp_path / "good", example.catalog(example.good)).findings
    assert right == (), [str(finding) for finding in right]


def test_every_rule_of_coverage_has_an_example() -> None:
    assert list(IN_CODE) == [rule.code for rule in RULES_OF_COVERAGE]


@pytest.mark.parametrize("code", IN_CODE)
def test_only_the_wrong_code_gives_the_finding(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, good, deleted = IN_CODE[code]
    boards = BASE["workspace/boards.yaml"].replace(
        "    title: Board deleted\n", f"    title: Board deleted\n    {deleted}\n"
    )
    checked(tmp_path / "catalog", BASE | {"workspace/boards.yaml": boards})
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUDITWRIGHT_CATALOG_DIR", raising=False)
    for text in (bad, good):
        command = shlex.split(text)[2:] if text.startswith("auditwright coverage ") else ["src"]
        (tmp_path / "src").mkdir(exist_ok=True)
        service = f"from board_events import AuditEvents\naudit: AuditEvents\n{text}\n"
        (tmp_path / "src" / "service.py").write_text(service, "utf-8")
        run(cli.coverage, *command, "--format", "json")
        findings = json.loads(capsys.readouterr().out)["findings"]
        found = {each["code"] for each in findings if code != "AC971" or "board_deleted" in each["message"]}
        assert (code in found) == (text == bad)


def test_codes_and_names_are_unique_across_commands() -> None:
    rules = every_rule()
    assert len({rule.code for rule in rules}) == len({rule.name for rule in rules}) == len(rules)


def test_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.rules) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"{len(every_rule())} rules; `auditwright explain CODE` shows one with examples"
    assert "AC106  error    unknown-field" in "\n".join(lines)
    assert [line[:5] for line in lines[:-1]] == sorted(rule.code for rule in every_rule())


def test_rules_are_listed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.rules, "--format", "json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts[0] == {
        "code": "AC001",
        "name": "yaml-syntax",
        "kind": "error",
        "why": "a file must be YAML in UTF-8",
    }
    assert len(facts) == len(every_rule())


@pytest.mark.parametrize("word", ["AC302", "ac302", "description-style"])
def test_a_rule_is_explained(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.explain, word) == 0
    assert capsys.readouterr().out == (
        "AC302 description-style (warning)\n\n"
        "Why: the reference shows descriptions as prose.\n\n"
        "Wrong, in fields.yaml:\n    guest:\n      description: who was told about it\n\n"
        "`auditwright check` says:\n"
        '    description of field guest starts with "who"; start with a capital letter\n\n'
        "Right:\n    guest:\n      description: Who was told about it.\n\n"
        "Where no decision is needed, `auditwright check --fix` corrects it.\n\n"
        "To suppress it, add to its owner:\n    suppress: {AC302: {reason: Why it is intended}}\n"
    )


def test_explain_offers_no_suppression_for_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.explain, "AC011") == 0
    assert capsys.readouterr().out == (
        "AC011 misplaced-file (error)\n\n"
        "Why: a file in the wrong place is not read.\n\n"
        "Wrong, in workspace/old/boards.yaml:\n    category: boards\n\n"
        "`auditwright check` says:\n"
        "    workspace/old/boards.yaml is not read; move it directly into the folder of its level\n\n"
        "Right:\n    # no such file\n"
    )


def test_explain_shows_an_event_that_the_message_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.explain, "AC652") == 0
    wrong = (
        "    events:\n"
        "      board_locked:\n"
        "        title: Board locked\n"
        "        description: Someone locked a board. Recorded when nobody can edit it any more.\n"
        '        message: "{actor} locked board {board_id}."\n'
        "        example: {board_id: b-1, visibility: team}\n"
    )
    shown = capsys.readouterr().out
    assert f"Wrong, in workspace/boards.yaml:\n{wrong}\n" in shown
    assert f"Right:\n{wrong}      board_unlocked:\n        title: Board unlocked\n" in shown


@pytest.mark.parametrize("code", EXAMPLES)
def test_examples_are_shown_below_their_keys(code: str) -> None:
    example = EXAMPLES[code]
    for text in (example.bad, example.good):
        first = example.shown(text).strip("\n").partition("\n")[0]
        assert first == first.lstrip()


def test_explain_shows_whom_a_change_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.explain, "type-widened") == 0
    lines = capsys.readouterr().out.split("\n\n")
    assert lines[0] == "BR222 type-widened (break)"
    assert lines[2] == (
        "Breaks readers: code that reads entries, or sends them as JSON, with schemas or models; "
        "database: queries of the table and of the events' views."
    )
    assert lines[3] == "Requires a major version."
    assert lines[4].startswith("What to do: ")
    assert lines[5:] == [
        "To accept it, add to catalog.yaml:\n"
        "    accepted: [{rule: BR222, at: KEY, version: NEW, reason: Why it is intended}]\n"
    ]


@pytest.mark.parametrize("word", ["event-added", "BR901"])
def test_explain_accepts_only_breaks(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.explain, word) == 0
    assert "accepted:" not in capsys.readouterr().out


@pytest.mark.parametrize(("word", "number"), [("AC971", 1), ("AC973", 0)])
def test_explain_suppresses_only_events_without_code(
    word: str, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cli.explain, word) == 0
    assert capsys.readouterr().out.count(f"suppress: {{{word}: {{reason: Why it is intended}}}}\n") == number


def test_every_rule_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    for rule in every_rule():
        assert run(cli.explain, rule.code) == 0
        assert capsys.readouterr().out.startswith(f"{rule.code} {rule.name} ({rule.kind})\n\nWhy: ")


def test_an_unknown_rule_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.explain, "unknown-feild") == 2
    assert capsys.readouterr().err == (
        "auditwright: unknown rule 'unknown-feild'; did you mean \"unknown-field\"?\n"
    )
