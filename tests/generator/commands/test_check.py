"""`auditwright check`: its baseline, and which findings make it fail."""

import json
import os
from pathlib import Path

import pytest
from tests.generator.run_command import run
from tests.support.small_catalog import write_catalog

from auditwright_generator import cli
from auditwright_generator.checks.explanations import BASE

FIELDS = BASE["fields.yaml"]
UNENDED = FIELDS.replace("What opens the link.", "What opens the link")
"""One warning: AC302 at `passcode.description`."""
KNOWN = '{"rule": "AC302", "file": "fields.yaml", "subject": "passcode.description", "count": 1}'
NOT_JSON = "it is not JSON at line 1; `auditwright check --write-baseline known.json` writes one"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a catalog that has one warning."""
    write_catalog(tmp_path / "catalog", {"fields.yaml": UNENDED})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], str]:
    """The exit code, the lines of stdout without excerpts and the note about --fix, and stderr."""
    capsys.readouterr()
    code = run(cli.check, *arguments)
    printed, problems = capsys.readouterr()
    return code, [line for line in printed.splitlines() if not line.startswith(("   ", "`"))], problems


def write_fields(text: str) -> None:
    Path("catalog/fields.yaml").write_text(text, "utf-8")


# --- the baseline ----------------------------------------------------------------------------------


def test_a_baseline_is_one_line_for_each_finding(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, [summary], problems = check(capsys, "--write-baseline", "known.json")
    assert (code, problems) == (0, "known.json: 1 known finding\n")
    assert summary.endswith(": no new findings; 1 known")
    text = Path("known.json").read_text("utf-8")
    assert text.splitlines()[3:] == ['  "known": [', f"    {KNOWN}", "  ]", "}"]
    assert json.loads(text)["format"] == "auditwright baseline 1"


def test_known_findings_pass_and_new_ones_fail(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(cli.check, "--write-baseline", "known.json")
    # The known finding is on another line, and another field has the same mistake.
    write_fields(f"# moved\n\n{UNENDED.replace('told about it.', 'told about it')}")
    code, lines, problems = check(capsys, "--baseline", "known.json")
    assert (code, problems) == (1, "")
    assert [line.partition(": warning ")[2] for line in lines[:-1]] == [
        'AC302 description-style: description of field guest ends with "it"; end it with a full stop'
    ]
    assert lines[-1].endswith(": 1 warning; 1 known")


def test_a_finding_is_known_as_often_as_it_was_found(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boards = BASE["workspace/boards.yaml"].replace("{required: false}\n    example", "{}\n    example")
    one = boards.replace("ada@example.com", "ada@lovelace.net")
    fields = FIELDS.replace("type: email", "type: list of email")
    write_fields(fields)
    path = Path("catalog/workspace/boards.yaml")
    path.write_text(one.replace("guest: ada@lovelace.net", "guest: [ada@lovelace.net]"), "utf-8")
    assert check(capsys, "--write-baseline", "known.json")[0] == 0
    assert '"subject": "events.link_sent.example.guest", "count": 1' in Path("known.json").read_text("utf-8")
    more = "guest: [ada@example.com, bob@lovelace.net, cy@lovelace.net]"
    path.write_text(one.replace("guest: ada@lovelace.net", more), "utf-8")
    code, lines, _ = check(capsys, "--baseline", "known.json")
    assert code == 1
    assert lines[-1].endswith(": 1 warning; 1 known")


def test_findings_that_are_gone_are_counted_and_pass(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(cli.check, "--write-baseline", "known.json")
    write_fields(FIELDS)
    code, lines, _ = check(capsys, "--baseline", "known.json")
    assert code == 0
    assert lines[0] == (
        "1 known finding no longer occurs; `auditwright check --write-baseline known.json` writes the "
        "baseline anew"
    )
    assert lines[1].endswith(": no findings")
    assert check(capsys, "--write-baseline", "known.json")[2] == (
        "known.json: 0 known findings, 0 added and 1 removed\n"
    )
    assert check(capsys, "--baseline", "known.json")[1][0].endswith(": no findings")


def test_errors_are_never_known(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(cli.check, "--write-baseline", "known.json")
    before = Path("known.json").read_bytes()
    write_fields(UNENDED.replace("type: email", "type: emial"))
    code, lines, problems = check(capsys, "--write-baseline", "known.json")
    assert code == 1
    assert problems == "auditwright: no baseline was written; correct the errors of the catalog first\n"
    assert Path("known.json").read_bytes() == before
    code, lines, _ = check(capsys, "--baseline", "known.json", "--fail-on", "error")
    assert code == 1
    assert [line.partition(": ")[2][:11] for line in lines[:-1]] == ["error AC012"]
    assert lines[-1].endswith(": 1 error; 1 known")


def test_a_baseline_serves_from_any_folder(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(cli.check, "--write-baseline", "catalog/known.json")
    os.chdir("catalog")
    assert check(capsys, "--catalog", ".", "--baseline", "known.json")[0] == 0
    os.chdir("/")
    assert (
        check(capsys, "--catalog", f"{project}/catalog", "--baseline", f"{project}/catalog/known.json")[0]
        == 0
    )


def test_formats_for_machines_mark_known_findings(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(cli.check, "--write-baseline", "known.json")
    write_fields(UNENDED.replace("title: Guest", "title: Guest."))
    known = Path("known.json").read_text("utf-8")
    Path("known.json").write_text(
        known.replace(KNOWN, f"{KNOWN}, {KNOWN.replace('AC302', 'AC303')}"), "utf-8"
    )
    capsys.readouterr()
    run(cli.check, "--baseline", "known.json", "--format", "json")
    found = json.loads(capsys.readouterr().out)
    assert [each["code"] for each in found["findings"]] == ["AC307"]
    assert [each["code"] for each in found["known"]] == ["AC302"]
    assert found["gone"] == [{**json.loads(KNOWN), "rule": "AC303"}]
    run(cli.check, "--baseline", "known.json", "--format", "sarif")
    results = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    assert [(each["ruleId"], each["baselineState"]) for each in results] == [
        ("AC307", "new"),
        ("AC302", "unchanged"),
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "no such file or directory; `auditwright check --write-baseline known.json` writes one"),
        (b"", NOT_JSON),
        (b"<<<<<<< HEAD\n{}", NOT_JSON),
        (b"\xff\xff", "it is not JSON; `auditwright check --write-baseline known.json` writes one"),
        (b"[" * 100_000, "it is not JSON; `auditwright check --write-baseline known.json` writes one"),
        (
            b'{"known": []}',
            "it is not a baseline of auditwright; `auditwright check --write-baseline known.json` writes one",
        ),
        (
            b'{"format": "auditwright baseline 2"}',
            "it is of another version of auditwright; this one reads 'auditwright baseline 1'; "
            "`auditwright check --write-baseline known.json` writes one",
        ),
        (
            b'{"format": "auditwright baseline 1", "known": [{"rule": "AC302", "count": true}]}',
            "entry 1 of known is not a finding with rule, file, subject and count; "
            "`auditwright check --write-baseline known.json` writes one",
        ),
    ],
)
def test_a_file_that_is_no_baseline_is_wrong_usage(
    project: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, problem: str
) -> None:
    if content is not None:
        Path("known.json").write_bytes(content)
    assert check(capsys, "--baseline", "known.json") == (
        *(2, []),
        f"auditwright: cannot use known.json as baseline: {problem}\n",
    )


def test_a_baseline_replaces_no_other_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("catalog/fields.yaml").read_bytes()
    assert check(capsys, "--write-baseline", "catalog/fields.yaml") == (
        *(2, []),
        "auditwright: cannot use catalog/fields.yaml as baseline: it exists and is not a baseline; "
        "name another file\n",
    )
    assert Path("catalog/fields.yaml").read_bytes() == before
    run(cli.check, "--write-baseline", "known.json")
    damaged = Path("known.json").read_text("utf-8").replace("{\n", "{\n<<<<<<< HEAD\n", 1)
    Path("known.json").write_text(damaged, "utf-8")
    assert check(capsys, "--write-baseline", "known.json")[2] == "known.json: 1 known finding\n"


# --- which findings fail ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "fail_on", "code"),
    [
        (UNENDED, (), 1),
        (UNENDED, ("--fail-on", "warning"), 1),
        (UNENDED, ("--fail-on", "error"), 0),
        (FIELDS.replace("type: email", "type: emial"), ("--fail-on", "error"), 1),
        (FIELDS, (), 0),
    ],
)
def test_fail_on_says_which_findings_fail(
    project: Path, capsys: pytest.CaptureFixture[str], fields: str, fail_on: tuple[str, ...], code: int
) -> None:
    write_fields(fields)
    found, lines, problems = check(capsys, *fail_on)
    assert (found, problems) == (code, "")
    assert len(lines) == (1 if fields == FIELDS else 2)
