"""`auditwright check`: every rule has a case, whose complete output is compared.

After a change of messages update them with `AUDITWRIGHT_UPDATE_CASES=1 pytest tests/generator`, and review
the diff.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.generator.run_command import run

from auditwright_events import CATALOG as OWN
from auditwright_generator import cli
from auditwright_generator.check import read_catalog
from auditwright_generator.checks.rules import RULES

CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())
CATALOG = Path(__file__).parents[2] / "catalog"
OWN_CATALOG = Path(__file__).parents[2] / "runtime" / "catalog"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_gives_its_findings(
    case: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(case)
    code = run(cli.check)
    printed, problems = capsys.readouterr()
    expected = case / "findings.txt"
    if os.environ.get("AUDITWRIGHT_UPDATE_CASES"):
        expected.write_text(printed, encoding="utf-8")
    assert printed == expected.read_text(encoding="utf-8")
    assert problems == ""
    assert code == (0 if ": no findings" in printed.splitlines()[-1] else 1)


def test_every_rule_has_a_case() -> None:
    text = "".join((case / "findings.txt").read_text(encoding="utf-8") for case in CASES)
    found = set(re.findall(r": (error|warning) (AC[0-9]{3}) ([a-z-]+): ", text))
    assert found == {(rule.severity, rule.code, rule.name) for rule in RULES}


def test_rules_have_unique_codes_and_names() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_catalog_of_the_project_has_no_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.check, "--catalog", str(CATALOG)) == 0
    suppressed = r"\d+ suppressed \(AC651: \d+, AC652: \d+, AC653: \d+, AC654: \d+\)"
    summary = rf"78 events, {len(RULES)} rules: no findings; {suppressed}\n"
    assert re.fullmatch(summary, capsys.readouterr().out)


def test_level_audit_is_reserved_for_the_runtime(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(cli.check, "--catalog", str(OWN_CATALOG)) == 0
    own = len(OWN.events)
    summary = f"{own} events, {len(RULES)} rules: no findings; 3 suppressed (AC651: 2, AC652: 1)\n"
    assert capsys.readouterr().out == summary
    shutil.copytree(OWN_CATALOG, tmp_path / "catalog")
    path = tmp_path / "catalog" / "catalog.yaml"
    path.write_text(path.read_text("utf-8").replace("auditwright_events", "other_events"), "utf-8")
    monkeypatch.chdir(tmp_path)
    [finding] = read_catalog(Path("catalog")).findings
    assert str(finding).endswith(
        'error AC210 reserved-name: level "audit" is refused: Auditwright records its own events there; '
        'choose another name, such as "audit_level"'
    )


SEEDED = [
    (
        "account/models.yaml",
        "model_name: {}",
        "model_nmae: {}",
        'AC106 unknown-field: category models uses "model_nmae"; did you mean "model_name"?',
    ),
    (
        "account/models.yaml",
        "deployment_name: {when: {model_type: [open_source, fine_tuned]}}",
        "deployment_name: {when: {model_type: [open_sauce]}}",
        "AC408 invalid-condition: the condition of field deployment_name tests whether model_type "
        "is open_sauce, which is not one of its values; write one of open_source, fine_tuned, commercial",
    ),
    (
        "account/roles.yaml",
        "role_id: {except: [role_changed]}",
        "role_id: {except: [role_change]}",
        'AC105 unknown-event: shared field role_id: except names the unknown event "role_change"; '
        'did you mean "role_changed"?',
    ),
    (
        "account/default_role.yaml",
        "title: Default Role Configured",
        "titel: Default Role Configured",
        'AC003 unknown-key: event "default_role_configured" has the unknown key "titel"; '
        'did you mean "title"?',
    ),
    (
        "tool/tool_management.yaml",
        "timeout: {}",
        "timeout: {required: no}",
        "AC006 yaml-implicit-type: some YAML readers take no for a boolean; quote it if it is "
        'text: "no"; write true or false if it is a boolean',
    ),
    (
        "fields.yaml",
        "type: list of string",
        "type: list of strings",
        'AC012 wrong-value: field "added_user_ids" has the unknown type "list of strings"; '
        'did you mean "list of string"?',
    ),
    (
        "catalog.yaml",
        "version: 1.1.0",
        "version: 1.0",
        'AC006 yaml-implicit-type: the catalog: "version" must be a version such as 1.0.0, not 1.0',
    ),
    (
        "catalog.yaml",
        "package: audit_events",
        "package: 7",
        'AC006 yaml-implicit-type: the catalog: "package" must be lower-case letters, digits and single '
        "underscores, beginning with a letter, not 7",
    ),
    (
        "catalog.yaml",
        "title: Audit log event reference",
        "title: 7",
        'AC006 yaml-implicit-type: the catalog: "title" must be text, not 7; quote it: "7"',
    ),
    (
        "account/login_logout.yaml",
        "email_id: ada@example.com",
        "email_id: 2026-01-31",
        "AC006 yaml-implicit-type: some YAML readers take 2026-01-31 for a date; quote it if it is text: "
        '"2026-01-31"; write the time too if it is a timestamp: "2026-01-31T12:00:00Z"',
    ),
    (
        "account/login_logout.yaml",
        "email_id: ada@example.com",
        "email_id: 2026-01-31T12:00:00Z",
        "AC006 yaml-implicit-type: some YAML readers take 2026-01-31T12:00:00Z for a date; quote it if it "
        'is text: "2026-01-31T12:00:00Z"',
    ),
    (
        "tool/tool_management.yaml",
        "timeout: {}",
        "timeout: {max: 1_000}",
        "AC006 yaml-implicit-type: some YAML readers take 1_000 for a number; quote it if it is text: "
        '"1_000"; write only digits, such as 1000 or 0.5, if it is a number',
    ),
    (
        "catalog.yaml",
        "version: 1.1.0",
        'version: "1.1.0\\n"',
        'AC012 wrong-value: the catalog: "version" must be a version such as 1.0.0',
    ),
    (
        "account/login_logout.yaml",
        "email_id: ada@example.com",
        'email_id: "ada@example.com\\n"',
        "AC502 invalid-example: example of login: email_id must be an e-mail address, such as "
        'ada@example.com, not "ada@example.com\\n"',
    ),
    (
        "account/login_logout.yaml",
        "login_method: single sign-on",
        "login_methd: single sign-on",
        'AC502 invalid-example: example of login has "login_methd", which is not a field of the event; '
        'did you mean "login_method"?',
    ),
]


@pytest.mark.parametrize(("file", "right", "wrong", "expected"), SEEDED, ids=lambda value: str(value)[:30])
def test_mistake_is_found_at_its_position(
    file: str, right: str, wrong: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(CATALOG, tmp_path / "catalog")
    text = (tmp_path / "catalog" / file).read_text(encoding="utf-8")
    (tmp_path / "catalog" / file).write_text(text.replace(right, wrong, 1), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    checked = read_catalog(Path("catalog"))
    assert checked.catalog is None
    [finding] = checked.findings
    line = text[: text.index(right)].count("\n") + 1
    assert str(finding).startswith(f"catalog/{file}:{line}:")
    assert str(finding).endswith(f": error {expected}")


def test_columns_point_at_the_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(CATALOG, tmp_path / "catalog")
    path = tmp_path / "catalog" / "account" / "models.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("[open_source, fine_tuned]", "[open_source, fine_tund]", 1), encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    [finding] = read_catalog(Path("catalog")).findings
    line = path.read_text(encoding="utf-8").splitlines()[finding.line - 1]
    assert line[finding.column - 1 :].startswith("fine_tund")


def test_missing_folder_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.check, "--catalog", str(tmp_path / "nothing")) == 2
    printed, problems = capsys.readouterr()
    assert printed == ""
    assert problems == (
        f"auditwright: cannot read {tmp_path}/nothing: there is no such folder; "
        "name the folder of catalog.yaml with --catalog or AUDITWRIGHT_CATALOG_DIR\n"
    )


def test_folder_without_a_catalog_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cli.events, "--catalog", str(tmp_path)) == 2
    assert capsys.readouterr().err == (
        f"auditwright: cannot read {tmp_path}: it has no catalog.yaml; "
        "name the folder of catalog.yaml with --catalog or AUDITWRIGHT_CATALOG_DIR\n"
    )


def test_folder_comes_from_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITWRIGHT_CATALOG_DIR", str(CATALOG))
    assert run(cli.check) == 0


def test_warnings_alone_leave_a_catalog() -> None:
    checked = read_catalog(Path(__file__).parent / "cases" / "unused_field" / "catalog")
    assert [finding.severity for finding in checked.findings] == ["warning"]
    assert checked.catalog is not None


def test_checking_imports_no_sqlmodel() -> None:
    program = (
        "import sys; from pathlib import Path; import auditwright_generator.cli\n"
        "assert 'yaml' not in sys.modules and 'jsonschema_rs' not in sys.modules\n"
        "from auditwright_generator.check import read_catalog\n"
        f"assert not read_catalog(Path({str(CATALOG)!r})).findings\n"
        "heavy = {'sqlmodel', 'sqlalchemy', 'pydantic', 'jinja2', 'jsonschema', 'auditwright'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    root = Path(__file__).parents[2] / "generator"
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": str(root)})


def test_a_link_to_a_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(CATALOG, tmp_path / "catalog")
    (tmp_path / "catalog" / "account").rename(tmp_path / "account")
    (tmp_path / "catalog" / "account").symlink_to(tmp_path / "account")
    monkeypatch.chdir(tmp_path)
    assert run(cli.check) == 2
    assert capsys.readouterr().err == (
        "auditwright: cannot read catalog/account: it is a link to a folder; replace it by the "
        "folder, or remove it\n"
    )


def test_a_git_conflict_marker_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(CATALOG, tmp_path / "catalog")
    path = tmp_path / "catalog" / "account" / "models.yaml"
    path.write_text(path.read_text("utf-8").replace("events:", "<<<<<<< HEAD\nevents:", 1), "utf-8")
    monkeypatch.chdir(tmp_path)
    [finding] = [each for each in read_catalog(Path("catalog")).findings if each.code == "AC001"]
    line = path.read_text("utf-8").splitlines().index("<<<<<<< HEAD") + 1
    assert str(finding) == (
        f"catalog/account/models.yaml:{line}:1: error AC001 yaml-syntax: a git conflict marker; keep one "
        "side and remove the markers"
    )


def test_findings_about_a_wide_event_are_short(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    head = "format: 1\npackage: shop_events\ntitle: Shop\nversion: 1.0.0\nlevels: {shop: {title: Shop}}\n"
    (tmp_path / "catalog.yaml").write_text(head, "utf-8")
    values = ", ".join(f"value_{number}: Value {number}" for number in range(700))
    lines = [
        f"part_{number}: {{title: Part {number}, type: enum, values: {{{values}}}}}" for number in (0, 1)
    ]
    lines += [f"part_{number}: {{title: Part {number}, type: string}}" for number in range(2, 700)]
    (tmp_path / "fields.yaml").write_text("\n".join(lines), "utf-8")
    when = f"when: {{part_0: [{', '.join(f'value_{number}' for number in range(600))}]}}"
    uses = ", ".join(f"part_{number}: {{{when if number == 1 else ''}}}" for number in range(700))
    (tmp_path / "shop" / "orders.yaml").write_text(
        "category: orders\ntitle: Orders\ndescription: Orders.\nevents:\n  order_placed:\n"
        "    title: Order placed\n    description: Someone ordered.\n"
        f'    message: "{{actor}} ordered {{prt}}."\n    metadata: {{{uses}}}\n'
        "    example: {part_0: value_699, part_1: value_x, other: 1}\n"
        "  order_paid:\n    title: Order paid\n    description: Someone paid.\n"
        f'    message: "{{actor}} paid."\n    metadata: {{{uses}}}\n    example: {{part_0: value_1}}\n',
        "utf-8",
    )
    found = [each.message for each in read_catalog(tmp_path).findings if each.severity == "error"]
    assert max(map(len, found)) < 350
    names = ", ".join(f"part_{number}" for number in range(1, 11))
    assert f"example of order_paid lacks 699 required fields: {names}, ... (699); add them" in found
    values = ", ".join(f"value_{number}" for number in range(10))
    only = f"is allowed only when part_0 is one of {values}, ... (600); remove it"
    assert f'example of order_placed has "part_1", which {only}' in found
