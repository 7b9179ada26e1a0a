"""`auditwright check --fix`: only the ends of wrong texts change, in every style of YAML."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.generator.run_command import run
from tests.support.campaigns import examples
from tests.support.small_catalog import write_catalog

from auditwright_generator import cli
from auditwright_generator.check import read_catalog
from auditwright_generator.checks.explanations import BASE
from auditwright_generator.scaffold.fix import plan_fixes, write_fixes

STYLES = {
    "plain": ("description: What opens the link  # here", "description: What opens the link.  # here"),
    "plain on lines": (
        "description: What\n    opens\n    the link",
        "description: What\n    opens\n    the link.",
    ),
    "single": ("description: 'What''s it, ''link'''  # 'x'", "description: 'What''s it, ''link''.'  # 'x'"),
    "double": (r'description: "The \"link\" \u00e9"', r'description: "The \"link\" \u00e9."'),
    "double with space": ('description: "The link "  ', 'description: "The link. "  '),
    "double on lines": ('description: "The\n\n    link"', 'description: "The\n\n    link."'),
    "literal": ("description: |\n    What\n      opens", "description: |\n    What\n      opens."),
    "literal, kept": ("description: |+2\n    What \n\n", "description: |+2\n    What. \n\n"),
    "folded": (
        "description: >-  # x\n    What\n    opens\n  # it\n\n# y",
        "description: >-  # x\n    What\n    opens.\n  # it\n\n# y",
    ),
    "explicit key": ("? description\n  : What opens it", "? description\n  : What opens it."),
}
PLAIN = "  description: What opens the link.\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_catalog(tmp_path / "catalog", {})
    monkeypatch.chdir(tmp_path)
    return tmp_path / "catalog" / "fields.yaml"


def fix(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run(cli.check, "--fix", *arguments)
    printed, problems = capsys.readouterr()
    return code, printed, problems


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff# 🔑\n"])
def test_a_full_stop_is_added_in_every_style(
    project: Path, capsys: pytest.CaptureFixture[str], style: str, line_end: str, mark: str
) -> None:
    def write(description: str) -> bytes:
        text = f"{mark}{BASE['fields.yaml']}".replace(PLAIN, f"  {description}\n")
        return text.replace("\n", line_end).encode()

    wrong, right = STYLES[style]
    project.write_bytes(write(wrong))
    code, printed, problems = fix(capsys)
    assert project.read_bytes() == write(right)
    assert problems == "catalog/fields.yaml: fixed AC302: 1\nfixed 1 finding in 1 file\n"
    assert (code, printed.rpartition(": ")[2]) == (0, "no findings\n")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("title: Passcode.", "title: Passcode"),
        ("title: 'Passcode:'", "title: 'Passcode'"),
        ('title: "Pass, code.;"', 'title: "Pass, code"'),
        ("title: >-\n    Pass\n    code.", "title: >-\n    Pass\n    code"),
    ],
)
def test_the_end_of_a_title_is_removed(
    project: Path, capsys: pytest.CaptureFixture[str], wrong: str, right: str
) -> None:
    text = BASE["fields.yaml"]
    project.write_text(text.replace("title: Passcode", wrong), "utf-8")
    assert fix(capsys)[2].startswith("catalog/fields.yaml: fixed AC307: 1\n")
    assert project.read_text("utf-8") == text.replace("title: Passcode", right)


@pytest.mark.parametrize(
    "description",
    [
        "who opens it.",
        "who opens it",
        '"What opens the link:"',
        "リンクを開く",
        r'"What opens the link\n"',
        '"What opens the link\\\n    "',
        "What opens it, e.g. (x) -",
    ],
)
def test_a_text_that_needs_a_decision_is_left(
    project: Path, capsys: pytest.CaptureFixture[str], description: str
) -> None:
    project.write_text(BASE["fields.yaml"].replace("What opens the link.", description), "utf-8")
    before = project.read_bytes()
    code, printed, problems = fix(capsys)
    assert (code, problems) == (1, "fixed 0 findings in 0 files\n")
    assert printed.startswith("catalog/fields.yaml:")
    assert project.read_bytes() == before


def test_a_text_with_an_escape_does_not_stop_the_rest(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = BASE["fields.yaml"].replace("What opens the link.", r'"What opens the link\n"')
    project.write_text(text.replace("told about it.", "told about it"), "utf-8")
    assert fix(capsys)[2] == "catalog/fields.yaml: fixed AC302: 1\nfixed 1 finding in 1 file\n"
    assert project.read_text("utf-8") == text


def test_a_title_that_would_become_a_date_is_left(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project.write_text(BASE["fields.yaml"].replace("title: Passcode", "title: 2026-01-31."), "utf-8")
    assert fix(capsys)[2] == "fixed 0 findings in 0 files\n"


def test_an_error_elsewhere_does_not_stop_the_fix(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = BASE["fields.yaml"].replace("type: email", "type: emial")
    project.write_text(text.replace("the link.\n", "the link\n"), "utf-8")
    (project.parent / "workspace" / "boards.yaml").write_text("a: [", "utf-8")
    assert fix(capsys)[0] == 1
    assert project.read_text("utf-8") == text


def test_a_diff_is_shown_and_nothing_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project.write_text(BASE["fields.yaml"].replace("opens the link.", "opens the link"), "utf-8")
    before = project.read_bytes()
    code, printed, problems = fix(capsys, "--diff")
    assert (code, problems) == (1, "")
    assert "-  description: What opens the link\n+  description: What opens the link.\n" in printed
    assert printed.endswith("\n--fix would correct 1 finding in 1 file\n")
    assert project.read_bytes() == before
    assert run(cli.check, "--diff") == 2
    assert capsys.readouterr().err == "auditwright: --diff needs --fix; pass both: --fix --diff\n"


def test_check_says_how_many_findings_it_corrects(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = BASE["fields.yaml"].replace("opens the link.", "opens the link")
    project.write_text(wrong.replace("told about it.", "told about it,"), "utf-8")
    assert run(cli.check) == 1
    assert "\n`auditwright check --fix` corrects 1 finding\n" in capsys.readouterr().out
    run(cli.check, "--format", "github")
    assert "--fix" not in capsys.readouterr().out


def test_known_findings_are_not_fixed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = BASE["fields.yaml"].replace("opens the link.", "opens the link")
    project.write_text(known, "utf-8")
    run(cli.check, "--write-baseline", "known.json")
    project.write_text(known.replace("title: Guest", "title: Guest."), "utf-8")
    code, printed, problems = fix(capsys, "--baseline", "known.json")
    assert (code, problems) == (0, "catalog/fields.yaml: fixed AC307: 1\nfixed 1 finding in 1 file\n")
    assert printed.endswith(": no new findings; 1 known\n")
    assert project.read_text("utf-8") == known
    assert fix(capsys, "--write-baseline", "known.json")[2].endswith(
        "known.json: 0 known findings, 0 added and 1 removed\n"
    )
    assert project.read_text("utf-8") == BASE["fields.yaml"]


def test_links_are_followed_inside_the_catalog_only(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = BASE["fields.yaml"].replace("opens the link.", "opens the link")
    inside, outside = project.parent / ".fields", project.parent.parent / "fields.yaml"
    for path in (inside, outside):
        path.write_text(wrong, "utf-8")
    project.unlink()
    project.symlink_to(".fields")
    assert fix(capsys)[0] == 0
    assert project.is_symlink()
    assert inside.read_text("utf-8") == BASE["fields.yaml"]
    inside.write_text(wrong, "utf-8")
    fixes = plan_fixes(project.parent, read_catalog(project.parent).findings)
    project.unlink()
    project.symlink_to(outside)
    with pytest.raises(OSError, match="it is a link that leads out of"):
        write_fixes(project.parent, fixes)
    assert fix(capsys)[0] == 2
    assert outside.read_text("utf-8") == wrong


# --- random catalogs -------------------------------------------------------------------------------

TEXTS = st.text(st.sampled_from("abcé漢🔑 \n\"'`.,:;-#%*]1"), max_size=20).map(lambda text: f"A{text}")


def as_plain(text: str) -> str:
    """The text without quotes where YAML allows it."""
    try:
        return text if yaml.safe_load(f"a: {text}") == {"a": text} else json.dumps(text)
    except yaml.YAMLError:
        return json.dumps(text)


def as_block(text: str, header: str = "|") -> str:
    indented = text.replace("\n", "\n      ")
    return f"{header}\n      {indented}"


WRITTEN = TEXTS.flatmap(
    lambda text: st.sampled_from([
        as_plain(text),
        json.dumps(text),
        json.dumps(text, ensure_ascii=False),
        "'" + text.replace("'", "''").replace("\n", "\n\n      ") + "'",
        as_block(text),
        as_block(text, "|-"),
        as_block(text, "|+"),
        as_block(text, ">"),
    ])
)  # fmt: skip
TITLES = TEXTS.map(lambda text: as_plain(" ".join(text.split())))


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(st.tuples(TITLES, WRITTEN, st.booleans()), min_size=1, max_size=4),
    st.sampled_from(["\n", "\r\n"]),
)
def test_only_ends_change_and_only_once(fields: list[tuple[str, str, bool]], line_end: str) -> None:
    text = "".join(
        f"field_{number}:\n  title: {title}\n  type: string\n  # a comment.\n  description: {description}\n"
        + "# another one\n" * is_noted
        for number, (title, description, is_noted) in enumerate(fields)
    )
    with tempfile.TemporaryDirectory() as folder:
        catalog, path = Path(folder) / "catalog", Path(folder) / "catalog" / "fields.yaml"
        write_catalog(catalog, {"fields.yaml": text.replace("\n", line_end)})
        before, found = path.read_bytes(), read_catalog(catalog).findings
        write_fixes(catalog, plan_fixes(catalog, found))
        after, left = path.read_bytes(), read_catalog(catalog).findings
        assert plan_fixes(catalog, left) == []
    if before == after:
        return
    became_equal = {"AC116", "AC308"}  # texts that differed in a full stop only
    assert {each.code for each in left} <= {each.code for each in found} | became_equal
    old, new = yaml.safe_load(before), yaml.safe_load(after)
    assert list(old) == list(new)
    for name in old:
        for key in old[name]:
            assert_only_the_end_differs(key, old[name][key], new[name][key])
    assert_only_ends_differ(before.decode(), after.decode())


def assert_only_the_end_differs(key: str, old: Any, new: Any) -> None:
    if key == "description" and old != new:
        ended = old.rstrip()
        assert new == f"{ended}.{old[len(ended) :]}"
    elif key == "title" and old != new:
        assert old.startswith(new)
        assert set(old[len(new) :]) <= set(".:;, ")
    else:
        assert old == new


def assert_only_ends_differ(before: str, after: str) -> None:
    """The files differ in full stops that were added, and in ends of titles that were removed."""
    ends = str.maketrans("", "", ".:;, ")
    assert before.translate(ends) == after.translate(ends)
    notes = [line for line in before.splitlines() if line.lstrip().startswith("# a")]
    assert notes == [line for line in after.splitlines() if line.lstrip().startswith("# a")]
