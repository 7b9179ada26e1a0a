"""`auditwright new`: one event, category or field more, and every line that was there as it was."""

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.generator.run_command import run

from auditwright_generator import cli
from auditwright_generator.check import read_catalog
from auditwright_generator.model import Event, Field, Value
from auditwright_generator.scaffold.entries import NewEvent
from auditwright_generator.scaffold.examples import NoExample, derive_example
from auditwright_generator.scaffold.insert import CannotInsert, insert_entry
from auditwright_generator.scaffold.wording import message_of, title_of, yaml_scalar
from auditwright_generator.source.catalog_source import read_source
from auditwright_generator.source.structure import KINDS
from auditwright_generator.source.yaml_nodes import Node, parse_yaml

EVENT = "account.projects.project_archived"
SAYS = ("--description", "Someone put a project aside. Recorded when it can no longer be chosen.")
PROJECTS, FIELDS = Path("catalog/account/projects.yaml"), Path("catalog/fields.yaml")
CHECK = "next: `auditwright check`, then `auditwright generate`\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """The current folder, with a new catalog."""
    monkeypatch.chdir(tmp_path)
    run(cli.init)
    capsys.readouterr()
    return tmp_path


def new(*arguments: str) -> int:
    return run(cli.new, *arguments)


def findings() -> list[str]:
    return [str(finding) for finding in read_catalog(Path("catalog")).findings]


def event_of(key: str) -> Event:
    catalog = read_catalog(Path("catalog")).catalog
    assert catalog is not None
    return next(event for event in catalog.events if event.key == key)


def content() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


# --- events ------------------------------------------------------------------------------------------


def test_an_event_is_added_after_the_others(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = PROJECTS.read_text("utf-8")
    assert new("event", EVENT, *SAYS) == 0
    line = before.count("\n") + 2
    assert capsys.readouterr() == (f"catalog/account/projects.yaml:{line}: added event {EVENT}\n{CHECK}", "")
    assert PROJECTS.read_text("utf-8") == (
        before
        + """
  project_archived:
    title: Project archived
    description: Someone put a project aside. Recorded when it can no longer be chosen.
    message: "{actor} archived project {project_name}."
    example: {project_id: p-17, project_name: Website}
"""
    )
    assert findings() == []
    assert list(Path("catalog").rglob(".*")) == []


def test_an_event_has_what_the_options_say(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = PROJECTS.read_text("utf-8")
    assert (
        new(
            *("event", EVENT, "--title", "Project: put aside", "--message", "{reason} - {actor}"),
            *("--description", "  Someone put a project aside,\nand said why.  " + "It is long. " * 9),
            *("--field", "reason", "--optional", "visibility", "--optional", "visibility"),
            *("--example", "reason=No longer, sadly: used", "--since", "0.1.0"),
        )
        == 0
    )
    assert PROJECTS.read_text("utf-8").removeprefix(before) == (
        """
  project_archived:
    title: "Project: put aside"
    description: >-
      Someone put a project aside, and said why. It is long. It is long. It is long. It is long. It is
      long. It is long. It is long. It is long. It is long.
    message: "{reason} - {actor}"
    since: 0.1.0
    metadata:
      reason: {}
      visibility: {required: false}
    example: {project_id: p-17, project_name: Website, reason: "No longer, sadly: used"}
"""
    )
    assert findings() == []
    assert event_of(EVENT).message == "{reason} - {actor}"


def test_an_example_that_is_long_stands_on_lines_of_its_own(project: Path) -> None:
    words = "Because nobody has looked at it for the better part of a year"
    assert new("event", EVENT, *SAYS, "--field", "reason", "--example", f"reason={words}") == 0
    assert PROJECTS.read_text("utf-8").endswith(
        f"""
    example:
      project_id: p-17
      project_name: Website
      reason: {words}
"""
    )


def test_conditions_decide_what_the_example_needs(project: Path) -> None:
    text = PROJECTS.read_text("utf-8").replace(
        "  project_name: {}\n",
        "  project_name: {}\n"
        "  visibility: {only: [project_created, project_archived]}\n"
        "  contact_email: {only: [project_archived], when: {visibility: [everyone]}}\n"
        "  reason: {only: [project_archived], when: {visibility: team}}\n",
    )
    PROJECTS.write_text(
        text.replace(
            "only: [project_archived]", "except: [project_created, project_updated, project_deleted]"
        )
        .replace("only: [project_created, project_archived]", "except: [project_updated, project_deleted]")
        .replace("      visibility: {}\n", ""),
        "utf-8",
    )
    assert findings() == []
    assert new("event", EVENT, *SAYS) == 0
    assert event_of(EVENT).example == {
        "project_id": "p-17",
        "project_name": "Website",
        "visibility": "team",
        "reason": "Replaced by another one",
    }
    another = "account.projects.project_hidden"
    assert new("event", another, *SAYS, "--example", "visibility=everyone") == 1  # the same description
    says = ("--description", "Nobody sees it in lists from now on.")
    assert new("event", another, *says, "--example", "visibility=everyone") == 0
    assert event_of(another).example["contact_email"] == "ada@example.com"
    assert "reason" not in event_of(another).example


def test_a_value_that_cannot_be_made_is_asked_for(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new("field", "label", "--description", "What is on it.", "--pattern", "^[A-Z]{2}-[0-9]{4}$") == 0
    capsys.readouterr()
    before = content()
    assert new("event", EVENT, *SAYS, "--field", "label", "--title", "Put aside") == 2
    assert capsys.readouterr() == (
        "",
        "auditwright: no example can be derived for the field label; give one:\n"
        f"auditwright new event {EVENT} --title 'Put aside' --description '{SAYS[1]}' --field label "
        "--example label=VALUE\n",
    )
    assert content() == before
    assert new("event", EVENT, *SAYS, "--field", "label", "--example", "label=ab") == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "auditwright: nothing was added, because `auditwright check` would find this"
    )
    assert content() == before
    assert new("event", EVENT, *SAYS, "--field", "label", "--example", "label=AB-1234") == 0
    assert findings() == []


def test_examples_of_lists_and_numbers_are_read(project: Path) -> None:
    new("field", "ports", "--type", "list of integer", "--description", "Which ports it opened.")
    new("field", "armed", "--type", "boolean", "--description", "Whether it was armed.")
    new("field", "code", "--type", "string", "--description", "What is on its label.")
    arguments = ("--field", "ports", "--field", "armed", "--field", "code")
    examples = ("--example", "ports=80, 443", "--example", "armed=false", "--example", "code=007")
    assert new("event", EVENT, *SAYS, *arguments, *examples) == 0
    assert {name: event_of(EVENT).example[name] for name in ("ports", "armed", "code")} == {
        "ports": [80, 443],
        "armed": False,
        "code": "007",
    }
    assert findings() == []


def test_without_a_description_the_whole_command_is_shown(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content()
    assert new("event", EVENT, "--catalog", "./catalog", "--field", "reason", "--since", "0.1.0") == 2
    assert capsys.readouterr() == (
        "",
        "auditwright: say what happened, and when it is recorded:\n"
        f"auditwright new event {EVENT} --catalog ./catalog --field reason --since 0.1.0 --description ...\n",
    )
    assert content() == before


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_description_is_asked_for(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(f"{SAYS[1]}\n"))
    monkeypatch.setattr(sys, "stderr", talk)
    assert new("event", EVENT) == 0
    assert talk.getvalue() == "Description (what happened, and when it is recorded): "
    assert event_of(EVENT).description == SAYS[1]


def test_nothing_said_on_a_terminal_adds_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content()
    monkeypatch.setattr(sys, "stdin", Terminal("\n"))
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert new("event", EVENT) == 2
    assert content() == before


def test_a_warning_that_asks_for_more_is_shown_and_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = "account.projects.label_added"
    says = ("--description", "Someone marked the project. Recorded when others see it.")
    assert new("event", key, *says) == 0
    printed, problems = capsys.readouterr()
    assert printed.endswith(f": added event {key}\n{CHECK}")
    assert problems.startswith(f"{printed.partition(': ')[0]}:3: warning AC65")
    assert "label_added has no counterpart such as label_deleted" in problems
    assert new("event", "account.projects.label_deleted", "--description", "A mark was taken away.") == 0
    assert findings() == []


# --- events that cannot be added ---------------------------------------------------------------------

LONG = "a" * 60


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (
            ("account.projects.project_deleted",),
            1,
            "event account.projects.project_deleted is there already, at catalog/account/projects.yaml:36",
        ),
        (("acount.projects.x",), 1, 'the catalog has no level "acount"; did you mean "account"?'),
        (
            ("billing.projects.x",),
            1,
            'the catalog has no level "billing"; '
            "write one of account, or name it under `levels` in catalog.yaml",
        ),
        (("account.project.x",), 1, 'level account has no category "project"; did you mean "projects"?'),
        (
            ("account.billing.x",),
            1,
            'level account has no category "billing"; `auditwright new category account.billing` adds it',
        ),
        (
            ("account.projects.Archived",),
            1,
            'event "Archived" must be lower-case letters, digits and single underscores, '
            "beginning with a letter",
        ),
        (
            ("account.projects.import",),
            1,
            'event "import" is refused: it is a keyword of Python; '
            'choose another name, such as "import_event"',
        ),
        (
            (f"account.projects.{LONG}",),
            1,
            f"event {LONG} would get the database view account_projects_{LONG} of 77 characters, "
            "and 63 are allowed; choose a shorter name",
        ),
        (
            (EVENT, "--field", "reasn"),
            1,
            'there is no field "reasn"; did you mean "reason"?\n`auditwright new field reasn` adds it',
        ),
        (
            (EVENT, "--optional", "zzz"),
            1,
            'there is no field "zzz"; see fields.yaml\n`auditwright new field zzz` adds it',
        ),
        (
            (EVENT, "--example", "reason=Old"),
            1,
            f'--example names "reason", which event {EVENT} does not have; give it to the event with --field',
        ),
        (
            (EVENT, "--example", "project_idd=p-1"),
            1,
            f'--example names "project_idd", which event {EVENT} does not have; did you mean "project_id"?',
        ),
        (
            (EVENT, "--example", "project_id"),
            2,
            '--example "project_id" must be a name, =, and what it stands for',
        ),
        (
            ("account.projects",),
            2,
            'event "account.projects" must be named as level.category.event; '
            "`auditwright new event --help` shows an example",
        ),
        (
            (EVENT, "--message", "\udcff"),
            2,
            "--message is not UTF-8: '\\udcff'",
        ),
        (
            (EVENT, "--catalog", "nowhere"),
            2,
            "cannot read nowhere: there is no such folder; "
            "name the folder that holds catalog.yaml with --catalog or AUDITWRIGHT_CATALOG_DIR",
        ),
    ],
)
def test_what_cannot_be_added_is_refused_with_the_way_out(
    arguments: tuple[str, ...],
    code: int,
    reason: str,
    project: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = content()
    assert new("event", *arguments, *SAYS) == code
    assert capsys.readouterr() == ("", f"auditwright: {reason}\n")
    assert content() == before


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--description", "Todo: write this.", "AC"),
        ("--description", "no sentence", "AC"),
        ("--message", "{actr} did it.", "AC504"),
        ("--message", "{actor!r}", "AC507"),
        ("--title", "Project deleted", "AC116"),
        ("--title", "a\x07b", "AC001"),
        ("--title", "a\u2028b", "AC001"),
        ("--title", "a\nb", "AC012"),
        ("--since", "9.0.0", "AC"),
        ("--since", "1.0", "AC"),
        ("--example", "project_id=", "AC502"),
    ],
)
def test_what_check_would_find_is_shown_and_not_written(
    option: str, value: str, code: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content()
    assert new("event", EVENT, *SAYS, option, value) == 1
    printed, problems = capsys.readouterr()
    first, *_, last = problems.splitlines()
    assert printed == ""
    assert first.startswith("catalog/account/projects.yaml:")
    assert f" {code}" in first
    assert last == "auditwright: nothing was added, because `auditwright check` would find this"
    assert content() == before


def test_a_catalog_with_errors_is_not_added_to(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    PROJECTS.write_text(PROJECTS.read_text("utf-8").replace("order", "odrer") + "extra: 1\n", "utf-8")
    before = content()
    assert new("event", EVENT, *SAYS) == 1
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("catalog/account/projects.yaml:")
    assert 'unknown key "extra"' in first
    assert last == "auditwright: nothing was added; mend what is wrong with the catalog first"
    assert content() == before


def test_warnings_that_were_there_before_do_not_matter(project: Path) -> None:
    FIELDS.write_text(
        FIELDS.read_text("utf-8") + "\nspare: {title: Spare, type: string, description: Not used.}\n", "utf-8"
    )
    assert len(findings()) == 1
    assert new("event", EVENT, *SAYS) == 0
    assert len(findings()) == 1


def test_events_in_braces_are_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, _, _ = PROJECTS.read_text("utf-8").partition("events:")
    PROJECTS.write_text(
        head + "events: {ended: {title: Ended, description: It is over., message: Over., "
        "example: {project_id: p, project_name: q}}}\n",
        "utf-8",
    )
    before = content()
    line = head.count("\n") + 1
    assert new("event", EVENT, *SAYS) == 1
    assert capsys.readouterr().err == (
        "auditwright: nothing can be added to catalog/account/projects.yaml: "
        f"line {line} holds a mapping in braces; write each of its entries on lines of its own\n"
    )
    assert content() == before


# --- files as people keep them -----------------------------------------------------------------------


def test_line_ends_byte_order_mark_and_mode_stay(project: Path) -> None:
    old = b"\xef\xbb\xbf" + PROJECTS.read_bytes().replace(b"\n", b"\r\n")
    PROJECTS.write_bytes(old)
    PROJECTS.chmod(0o640)
    assert new("event", EVENT, *SAYS) == 0
    text = PROJECTS.read_bytes()
    assert text.startswith(old)
    assert text.count(b"\n") == text.count(b"\r\n")
    assert text.count(b"\xef\xbb\xbf") == 1
    assert PROJECTS.stat().st_mode & 0o777 == 0o640
    assert findings() == []


def test_a_last_line_without_an_end_gets_one(project: Path) -> None:
    old = PROJECTS.read_bytes().rstrip(b"\n")
    PROJECTS.write_bytes(old)
    assert new("event", EVENT, *SAYS) == 0
    assert PROJECTS.read_bytes().startswith(old + b"\n\n  project_archived:\n")
    assert findings() == []


def test_a_link_is_written_through(project: Path) -> None:
    elsewhere = project / "elsewhere.yaml"
    PROJECTS.rename(elsewhere)
    PROJECTS.symlink_to(elsewhere)
    assert new("event", EVENT, *SAYS) == 0
    assert PROJECTS.is_symlink()
    assert b"project_archived:" in elsewhere.read_bytes()


LAYOUTS = {
    "indented by four, no blank lines": (
        "events:\n    first:\n        title: A\n    second:\n        title: B\n",
        "    new:\n        title: N\n        deep:\n            x: 1\n",
        "",
    ),
    "keys after the events": (
        "events:\n  first:\n    title: A\n",
        "\n  new:\n    title: N\n    deep:\n      x: 1\n",
        "order: 1\n",
    ),
    "comments of the last event and of what follows": (
        "events:\n  first:\n    title: A  # last words\n\n    # of the first\n",
        "\n  new:\n    title: N\n    deep:\n      x: 1\n",
        "\n  # of the events\n# of the file\norder: 1\n",
    ),
    "one-line events": (
        "events:\n  first: {title: A}\n  second: {title: B,\n    x: 1}\n",
        "  new:\n    title: N\n    deep:\n      x: 1\n",
        "# end\n",
    ),
    "a block of text that looks like a comment": (
        "events:\n  first:\n    title: |\n      A\n      # no comment\n",
        "\n  new:\n    title: N\n    deep:\n      x: 1\n",
        "\n\n# end\n",
    ),
    "a block of text that keeps blank lines": (
        "events:\n  first:\n    title: >+\n      A\n\n\n",
        "  new:\n    title: N\n    deep:\n      x: 1\n",
        "# end\n",
    ),
    "no events": ("events:  # none yet\n", "  new:\n    title: N\n    deep:\n      x: 1\n", "order: 1\n"),
    "the end of a document": (
        "---\nevents:\n  first: {}\n",
        "\n  new:\n    title: N\n    deep:\n      x: 1\n",
        "...\n",
    ),
}
ENTRY = [(0, "new:"), (1, "title: N"), (1, "deep:"), (2, "x: 1")]


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_kept(name: str) -> None:
    above, added, below = LAYOUTS[name]
    old = f"{above}{below}" if name != "no events" else f"events: {{}}  # none yet\n{below}"
    inserted = insert_entry(old, ("events",), ENTRY)
    assert inserted.text == f"{above}{added}{below}"
    assert inserted.text.splitlines()[inserted.line - 1].strip() == "new:"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{}\n", "new:\n  title: N\n  deep:\n    x: 1\n"),
        ("# none yet\n{} # here\n", "# none yet\n# here\nnew:\n  title: N\n  deep:\n    x: 1\n"),
        ("a: {x: 1}", "a: {x: 1}\n\nnew:\n  title: N\n  deep:\n    x: 1\n"),
    ],
)
def test_the_whole_file_is_a_mapping_too(text: str, result: str) -> None:
    assert insert_entry(text, (), ENTRY).text == result


@pytest.mark.parametrize("text", ["", "# nothing\n", "[a]\n", "{a: 1}\n"])
def test_what_is_no_block_of_entries_is_refused(text: str) -> None:
    with pytest.raises(CannotInsert):
        insert_entry(text, (), ENTRY)


@pytest.mark.parametrize("text", ["{events: {}}\n", "events: [a]\n", "events: {a: {}}\n"])
def test_a_mapping_that_lines_do_not_fit_into_is_refused(text: str) -> None:
    with pytest.raises(CannotInsert):
        insert_entry(text, ("events",), ENTRY)


# --- any file ----------------------------------------------------------------------------------------

WORDS = st.text("abz ÄÖ🜁{}[]#:'\"\\,&*-?|>%@`0.~", min_size=1, max_size=12)
NAMES = st.from_regex(r"[a-z]{1,4}(_[a-z0-9]{1,3})?", fullmatch=True).map(yaml_scalar)


@st.composite
def scalars(draw: st.DrawFn, column: int) -> str:
    """Any text behind a key, in one of the ways that YAML has for it."""
    words = draw(WORDS)
    spaces = " " * column
    match draw(st.sampled_from(["quoted", "single", "literal", "folded", "plain", "lines"])):
        case "quoted":
            return f" {yaml_scalar(words + ':')}"
        case "single":
            return " '" + words.replace("'", "''") + "'"
        case "literal" | "folded" as style:
            mark = ("|" if style == "literal" else ">") + draw(st.sampled_from(["", "-", "+"]))
            blank = "\n" * draw(st.integers(0, 2))
            return f" {mark}\n{spaces}x{words.rstrip()}\n\n{spaces}# no comment{blank}"
        case "lines":
            return f" one\n{spaces}two  # comment"
        case _:
            return " plain"


@st.composite
def comments(draw: st.DrawFn, columns: Sequence[int]) -> str:
    """Some comments and blank lines."""
    made = st.builds(lambda column, text: f"{' ' * column}#{text}\n", st.sampled_from(columns), WORDS)
    return "".join(draw(st.lists(st.one_of(st.just("\n"), made), max_size=3)))


@st.composite
def category_files(draw: st.DrawFn) -> str:
    """The text of a YAML file with events, and whatever people put between them."""
    outer, step = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    text = draw(comments([0, 3])) + draw(st.sampled_from(["", "---\n"]))
    text += "category: x\n" + draw(comments([0])) + "events:\n"
    for name in draw(st.lists(NAMES.filter(lambda name: name != "new"), min_size=1, max_size=4, unique=True)):
        text += draw(comments([0, outer, outer + step]))
        if draw(st.booleans()):
            text += f"{' ' * outer}{name}: {{a: [1, 2], 'b': {{}}}}{draw(st.sampled_from(['', '  # c']))}\n"
            continue
        text += f"{' ' * outer}{name}:\n"
        for key in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)):
            column = outer + step
            text += f"{' ' * column}{key}:{draw(scalars(column + 2))}\n"
    text += draw(comments([0, outer, outer + step]))
    text += draw(st.sampled_from(["", "order: 1\n", "last: |\n  text\n"]))
    return text + draw(comments([0, 4]))


@settings(max_examples=300)
@given(category_files(), st.sampled_from(["\n", "\r\n"]), st.booleans(), WORDS)
def test_whatever_a_file_looks_like_its_lines_and_values_stay(
    text: str, line_end: str, is_cut: bool, title: str
) -> None:
    old = (text.rstrip("\n") if is_cut else text).replace("\n", line_end)
    before, wrong = parse_yaml(old.encode(), "x.yaml")
    assert wrong == []
    event = NewEvent("new", title.strip() or "N", f"{title} is long. " * 9, "{actor}", example={"a": title})
    inserted = insert_entry(old, ("events",), event.lines())
    lines, rest = old.splitlines(), iter(inserted.text.splitlines())
    assert all(line in rest for line in lines)
    assert inserted.text.splitlines()[inserted.line - 1].strip() == "new:"
    after, wrong = parse_yaml(inserted.text.encode(), "x.yaml")
    assert wrong == []
    assert plain(after)["events"].pop("new") == {
        "title": title.strip() or "N",
        "description": " ".join(f"{title} is long. ".split() * 9),
        "message": "{actor}",
        "example": {"a": title},
    }
    # A last line that was cut short within a block of text has its end now.
    left, there = plain(after), plain(before)
    left["events"].pop("new")
    assert cut(left) == cut(there)
    assert is_cut or left == there


def plain(node: Node) -> dict[str, dict[str, object]]:
    def value(node: Node) -> object:
        if isinstance(node.value, dict):
            return {name: value(entry) for name, entry in node.value.items()}
        return [value(item) for item in node.items] if isinstance(node.value, tuple) else node.value

    result = value(node)
    assert isinstance(result, dict)
    return result


def cut(value: object) -> object:
    if isinstance(value, dict):
        return {name: cut(entry) for name, entry in value.items()}
    return value.rstrip("\n") if isinstance(value, str) else value


@given(st.text(max_size=20).filter(str.isprintable))
def test_any_text_is_written_as_text(text: str) -> None:
    """Also for readers of YAML other than ours."""
    for written in (f"key: {yaml_scalar(text)}\n", f"{{key: {yaml_scalar(text)}}}\n"):
        assert yaml.safe_load(written) == {"key": text}
        node, findings = parse_yaml(written.encode(), "x.yaml")
        assert findings == []
        assert node.string("key") == text


# --- derived words and values ------------------------------------------------------------------------


def field(name: str, kind: str = "string", **facts: object) -> Field:
    given: dict[str, object] = {
        "title": name, "description": "", "many": False, "required": True, "when": (), "declared_in": "event",
    }  # fmt: skip
    return Field(name=name, kind=kind, **{**given, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("model_archived", "Model archived"),
        ("api_key_created", "API key created"),
        ("user_id", "User ID"),
        ("x", "X"),
    ],
)
def test_titles_are_made_of_names(name: str, title: str) -> None:
    assert title_of(name) == title


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("model_archived", [field("model_id"), field("model_name")], "{actor} archived model {model_name}."),
        ("model_archived", [field("model_id")], "{actor} archived model {model_id}."),
        ("model_archived", [field("model_id", required=False)], "{actor} archived a model."),
        ("model_archived", [field("model_name", sensitivity="personal")], "{actor} archived a model."),
        ("model_archived", [field("model_id", entry="actor_id")], "{actor} archived a model."),
        ("api_key_created", [], "{actor} created an API key."),
        ("guardrails_deployed", [], "{actor} deployed guardrails."),
        ("invoice_paid", [], "{actor} paid an invoice."),
        ("login", [], "{actor}: Login."),
        ("deleted", [], "{actor}: Deleted."),
    ],
)
def test_messages_are_made_of_names(name: str, fields: list[Field], message: str) -> None:
    assert message_of(name, title_of(name), fields) == message


def test_titles_with_braces_stay_text_in_messages() -> None:
    assert message_of("login", "Log {in}", []) == "{actor}: Log {{in}}."


@pytest.mark.parametrize(
    ("wanted", "value"),
    [
        (field("model_id"), "m-17"),
        (field("archive_reason"), "Archive reason"),
        (field("archive_reason", max_length=9), "Archive r"),
        (field("code", min_length=6), "Code-1"),
        (field("code", pattern="^[a-z]+$"), "code"),
        (field("code", pattern="^[0-9]+$"), "1"),
        (field("token", sensitivity="secret"), "not-a-real-token"),
        (field("n", "integer"), 1),
        (field("n", "integer", min=5), 5),
        (field("n", "integer", max=-5), -5),
        (field("n", "number", min=-2, max=0.5), -2),
        (field("n", "boolean"), True),
        (field("n", "timestamp"), "2026-01-31T09:30:00Z"),
        (field("n", "ip"), "203.0.113.7"),
        (field("n", "email"), "ada@example.com"),
        (field("run_log", "url"), "https://example.com/run-log"),
        (field("ns", "integer", many=True), [1]),
        (field("ns", "integer", many=True, min_items=3), [1, 1, 1]),
        (field("ns", many=True, max_length=1), ["N"]),
    ],
    ids=str,
)
def test_values_are_made_of_types(wanted: Field, value: Value) -> None:
    assert derive_example([wanted], {}, []) == {wanted.name: value}


def test_a_value_is_made_for_every_kind() -> None:
    from auditwright_generator.model import EnumValue

    for kind in KINDS:
        values = (EnumValue("a", "A"),) if kind == "enum" else ()
        assert derive_example([field("thing", kind, values=values)], {}, []).keys() == {"thing"}


def test_a_value_that_cannot_be_made_is_an_error() -> None:
    with pytest.raises(NoExample, match="no example can be derived for the field code"):
        derive_example([field("code", pattern="^[A-Z]{2}-[0-9]{4}$")], {}, [])


# --- categories --------------------------------------------------------------------------------------


def test_a_category_is_a_file_that_waits_for_events(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content()
    says = ("--description", "What the account pays for.")
    assert new("category", "account.billing", *says, "--field", "project_id", "--optional", "reason") == 0
    printed, problems = capsys.readouterr()
    assert printed == (
        "catalog/account/billing.yaml:2: added category account.billing\n"
        "next: `auditwright new event account.billing.NAME`\n"
    )
    assert problems == (
        "catalog/account/billing.yaml:8:1: warning AC111 empty: "
        'category "billing" has no events; add one, or remove the file\n'
    )
    assert Path("catalog/account/billing.yaml").read_text("utf-8") == (
        """# yaml-language-server: $schema=../../generated/language/category.json
category: billing
title: Billing
description: What the account pays for.
metadata:
  project_id: {}
  reason: {required: false}
events: {}
"""
    )
    assert {name: data for name, data in content().items() if "billing" not in name} == before
    assert new("event", "account.billing.invoice_paid", "--description", "The money has arrived.") == 0
    assert findings() == []
    assert (
        Path("catalog/account/billing.yaml")
        .read_text("utf-8")
        .endswith(
            """
events:
  invoice_paid:
    title: Invoice paid
    description: The money has arrived.
    message: "{actor} paid an invoice."
    example: {project_id: p-17}
"""
        )
    )


def test_a_category_stands_after_those_that_have_an_order(project: Path) -> None:
    PROJECTS.write_text(PROJECTS.read_text("utf-8").replace("title: P", "order: 7\ntitle: P", 1), "utf-8")
    assert new("category", "account.billing", "--description", "What the account pays for.") == 0
    assert "\norder: 8\n" in Path("catalog/account/billing.yaml").read_text("utf-8")
    says = ("--description", "Who works in the account.")
    assert new("category", "account.teams", *says, "--order", "2", "--title", "Groups") == 0
    text = Path("catalog/account/teams.yaml").read_text("utf-8")
    assert "category: teams\norder: 2\ntitle: Groups\n" in text


def test_the_first_category_of_a_level_makes_its_folder(project: Path) -> None:
    catalog = Path("catalog/catalog.yaml")
    catalog.write_text(
        catalog.read_text("utf-8") + "  tool:\n    title: Tools\n    description: In one tool.\n", "utf-8"
    )
    assert new("category", "tool.runs", "--description", "One use of a tool.") == 0
    head = Path("catalog/tool/runs.yaml").read_text("utf-8").splitlines()[0]
    assert head == "# yaml-language-server: $schema=../../generated/language/category.json"


def test_a_category_without_others_finds_the_schema_by_the_catalog(project: Path) -> None:
    PROJECTS.unlink()
    FIELDS.unlink()
    catalog = Path("catalog/catalog.yaml")
    catalog.write_text(
        catalog.read_text("utf-8").replace("    metadata: [user_id, ip_address]\n", ""), "utf-8"
    )
    assert new("category", "account.billing", "--description", "What the account pays for.") == 0
    head = Path("catalog/account/billing.yaml").read_text("utf-8").splitlines()[0]
    assert head == "# yaml-language-server: $schema=../../generated/language/category.json"


def test_a_catalog_without_schemas_gets_none(project: Path) -> None:
    for path in Path("catalog").rglob("*.yaml"):
        path.write_text(path.read_text("utf-8").partition("\n")[2], "utf-8")
    assert new("category", "account.billing", "--description", "What the account pays for.") == 0
    assert Path("catalog/account/billing.yaml").read_text("utf-8").startswith("category: billing\n")


@pytest.mark.parametrize(
    ("key", "code", "reason"),
    [
        (
            "account.projects",
            1,
            "category account.projects is there already, at catalog/account/projects.yaml:4",
        ),
        (
            "account.session",
            1,
            'category "session" is refused: the generated code uses the class name Session itself; '
            'choose another name, such as "session_category"',
        ),
        ("acount.billing", 1, 'the catalog has no level "acount"; did you mean "account"?'),
        (
            "billing",
            2,
            'category "billing" must be named as level.category; '
            "`auditwright new category --help` shows an example",
        ),
    ],
)
def test_a_category_that_cannot_be_is_refused(
    key: str, code: int, reason: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content()
    assert new("category", key, "--description", "What it covers.") == code
    assert capsys.readouterr() == ("", f"auditwright: {reason}\n")
    assert content() == before


# --- fields ------------------------------------------------------------------------------------------


def test_a_field_is_added_after_the_others(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = FIELDS.read_text("utf-8")
    assert new("field", "archive_reason", "--description", "Why it was put aside.") == 0
    line = before.count("\n") + 2
    printed, problems = capsys.readouterr()
    assert printed == (
        f"catalog/fields.yaml:{line}: added field archive_reason\n"
        "next: name it under `metadata`, as `auditwright new event ... --field archive_reason` does\n"
    )
    assert problems.startswith(f"catalog/fields.yaml:{line}:1: warning AC110 unused-field: ")
    assert FIELDS.read_text("utf-8") == (
        before
        + """
archive_reason:
  title: Archive reason
  type: string
  description: Why it was put aside.
"""
    )
    assert new("event", EVENT, *SAYS, "--field", "archive_reason") == 0
    assert findings() == []
    assert event_of(EVENT).example["archive_reason"] == "Archive reason"


def test_a_field_has_what_the_options_say(project: Path) -> None:
    before = FIELDS.read_text("utf-8")
    says = ("--description", "How it went.")
    values = ("--values", "all_good=All good", "bad=Bad: very", "no=No")
    assert new("field", "outcomes", "--type", "list of enum", *says, *values, "--max-items", "3") == 0
    says = ("--description", "How long it took.")
    assert new("field", "took", "--type", "number", *says, "--unit", "seconds", "--min", "0.5") == 0
    says = ("--description", "Who is told.")
    assert new("field", "owner_email", "--type", "email", *says, "--sensitivity", "personal") == 0
    assert FIELDS.read_text("utf-8").removeprefix(before) == (
        """
outcomes:
  title: Outcomes
  type: list of enum
  values: {all_good: All good, bad: "Bad: very", "no": "No"}
  max_items: 3
  description: How it went.

took:
  title: Took
  type: number
  unit: seconds
  min: 0.5
  description: How long it took.

owner_email:
  title: Owner email
  type: email
  sensitivity: personal
  description: Who is told.
"""
    )


def test_the_first_field_makes_the_file(project: Path) -> None:
    PROJECTS.unlink()
    FIELDS.unlink()
    catalog = Path("catalog/catalog.yaml")
    catalog.write_text(
        catalog.read_text("utf-8").replace("    metadata: [user_id, ip_address]\n", ""), "utf-8"
    )
    assert new("field", "size", "--type", "integer", "--description", "How much it holds.") == 0
    assert FIELDS.read_text("utf-8") == (
        """# yaml-language-server: $schema=../generated/language/fields.json
size:
  title: Size
  type: integer
  description: How much it holds.
"""
    )


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("reason",), 1, "field reason is there already, at catalog/fields.yaml:56"),
        (
            ("actor",),
            1,
            'field "actor" is refused: every emitter takes an option of that name; '
            'choose another name, such as "actor_field"',
        ),
        (
            ("a" * 64,),
            1,
            f"field {'a' * 64} has 64 characters, and a column may have 63; choose a shorter name",
        ),
        (("x", "--values", "a"), 2, '--values "a" must be a name, =, and what it stands for'),
    ],
)
def test_a_field_that_cannot_be_is_refused(
    arguments: tuple[str, ...],
    code: int,
    reason: str,
    project: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = content()
    assert new("field", *arguments, "--description", "What it means.") == code
    assert capsys.readouterr() == ("", f"auditwright: {reason}\n")
    assert content() == before


@pytest.mark.parametrize(
    "arguments", [("token",), ("size", "--type", "strng"), ("size", "--min", "3"), ("kind", "--type", "enum")]
)
def test_a_field_that_check_would_find_fault_with_is_not_written(
    arguments: tuple[str, ...], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content()
    assert new("field", *arguments, "--description", "What it means.") == 1
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first.startswith("catalog/fields.yaml:")
    assert last == "auditwright: nothing was added, because `auditwright check` would find this"
    assert content() == before


def test_a_thing_has_to_be_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ((), ("planet", "earth"), ("event",), ("field", "size", "--min", "much")):
        with pytest.raises(SystemExit) as raised:
            new(*arguments)
        assert raised.value.code == 2


def test_a_catalog_anywhere_is_named_in_the_next_command(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("catalog").rename("my catalog")
    assert new("event", EVENT, *SAYS, "--catalog", "my catalog") == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "next: `auditwright check --catalog 'my catalog'`, then `auditwright generate --catalog 'my catalog'`"
    )
    monkeypatch.chdir("my catalog/account")
    says = ("--description", "It can be found again from now on.")
    assert new("event", "account.projects.project_found", *says, "--catalog", "..") == 0
    assert read_source(Path(".."))[1] == []
    assert os.listdir() == ["projects.yaml"]  # noqa: PTH208 - with hidden files


def test_a_field_is_required_or_optional_and_not_both(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = PROJECTS.read_bytes()
    assert new("event", EVENT, "--description", "It was.", "--field", "reason", "--optional", "reason") == 2
    assert "--field and --optional both name reason; give one of them" in capsys.readouterr().err
    assert PROJECTS.read_bytes() == before
