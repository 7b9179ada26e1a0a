"""Insertion into YAML files: hand-made layouts, all catalogs of this repository, and random files."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples

from auditwright_generator.scaffold.insertion import CannotInsert, insert_entry
from auditwright_generator.scaffold.yaml_text import yaml_flow
from auditwright_generator.source.yaml_nodes import Node, parse_yaml

ROOT = Path(__file__).parents[3]
ENTRY = {"title": "New", "deep": {"x": {"z": 1}}}
NEW = "  new:\n    title: New\n    deep:\n      x: {z: 1}\n"

LAYOUTS = {
    "indented by four, no blank lines": (
        "events:\n    first:\n        title: A\n    second:\n        title: B\n",
        "    new:\n        title: New\n        deep:\n            x: {z: 1}\n",
        "",
    ),
    "keys after the events": ("events:\n  first:\n    title: A\n", f"\n{NEW}", "order: 1\n"),
    "comments of the last event and of what follows": (
        "events:\n  first:\n    title: A  # last words\n\n    # of the first\n",
        f"\n{NEW}",
        "\n  # of the events\n# of the file\norder: 1\n",
    ),
    "comments between events": (
        "events:\n  # one\n\n  first: {}\n\n  # two\n  # three\n  second: {}\n",
        f"\n{NEW}",
        "",
    ),
    "blank lines between some events": (
        "events:\n  first: {}\n\n\n  second: {}\n  third: {}\n",
        NEW,
        "\n\n\n",
    ),
    "flow mappings": (
        "events:\n  first: {title: A, x: [1,2]}\n  second: { title: B,  # why\n    x: 1 }\n",
        NEW,
        "# end\n",
    ),
    "a brace that closes in the first column": (
        "events:\n  first: {\n    a: 1\n}\n",
        f"\n{NEW}",
        "order: 1\n",
    ),
    "quoted keys": ("'events':\n  \"first\": {'title' : \"A\"}\n  'second':   {}\n", NEW, ""),
    "anchors, aliases and tags": (
        "base: &a {x: 1}\nevents:\n  first: *a\n  second: &b\n    title: !!str A\n",
        NEW,
        "",
    ),
    "text over several lines": (
        'events:\n  first:\n    title: one\n      two\n    quoted: "one\n\n      # two"\n',
        f"\n{NEW}",
        "# end\n",
    ),
    "long lines and other scripts": (f"events:\n  first:\n    title: {'Größe 🜁 ' * 40}x\n", f"\n{NEW}", ""),
    "a block of text that looks like a comment": (
        "events:\n  first:\n    title: |\n      A\n      # no comment\n",
        f"\n{NEW}",
        "\n\n# end\n",
    ),
    "a block of text that keeps blank lines": (
        "events:\n  first:\n    title: >+\n      A\n\n\n",
        NEW,
        "# end\n",
    ),
    "the end of a document": ("---\nevents:\n  first: {}\n", f"\n{NEW}", "...\n"),
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_kept(name: str, line_end: str) -> None:
    above, added, below = (part.replace("\n", line_end) for part in LAYOUTS[name])
    text, line = insert_entry(f"\ufeff{above}{below}", "events", "new", ENTRY)
    assert text == f"\ufeff{above}{added}{below}"
    assert text.splitlines()[line - 1].strip() == "new:"


@pytest.mark.parametrize(
    ("text", "under", "result"),
    [
        ("events: {}  # none yet\norder: 1\n", "events", f"events:  # none yet\n{NEW}order: 1\n"),
        ("a:\n    b: 1\nevents: {}", "events", "a:\n    b: 1\nevents:\n    new:\n        title: New\n"),
        ("{}\n", None, "new:\n  title: New\n"),
        ("# none yet\n{} # here\n", None, "# none yet\n # here\nnew:\n  title: New\n"),
        ("a: {x: 1}", None, "a: {x: 1}\n\nnew:\n  title: New\n"),
    ],
)
def test_the_first_entry_replaces_empty_braces(text: str, under: str | None, result: str) -> None:
    entry = ENTRY if "deep" in result else {"title": "New"}
    assert insert_entry(text, under, "new", entry)[0] == result


@pytest.mark.parametrize(
    ("text", "under"),
    [
        ("", None),
        ("# nothing\n", None),
        ("[a]\n", None),
        ("{a: 1}\n", None),
        ("{events: {}}\n", "events"),
        ("events: [a]\n", "events"),
        ("events: {a: {}}\n", "events"),
        ("events: {  # none yet\n}\n", "events"),
    ],
)
def test_non_block_mapping_is_refused(text: str, under: str | None) -> None:
    with pytest.raises(CannotInsert):
        insert_entry(text, under, "new", ENTRY)


FILES = [
    path
    for folder in ("catalog", "runtime/catalog", "generator", "tests/catalogs", "tests/generator/cases")
    for path in sorted((ROOT / folder).rglob("*.yaml"))
]


def test_every_catalog_of_the_repository_keeps_its_lines() -> None:
    tried = 0
    for path in FILES:
        old = path.read_bytes()
        node, wrong = parse_yaml(old, path.name)
        under = "events" if "events" in node.entries else None
        mapping = node.entries.get("events", node)
        if wrong or not isinstance(mapping.value, dict) or path.name == "catalog.yaml":
            continue
        try:
            text, line = insert_entry(old.decode(), under, "new", ENTRY)
        except CannotInsert as error:
            assert "in braces" in str(error)  # noqa: PT017 - the others go on
            continue
        tried += 1
        if mapping.value:
            assert_only_inserted(old.decode(), text)
        after, wrong = parse_yaml(text.encode(), path.name)
        assert wrong == []
        assert plain(after) == with_entry(plain(node), under, ENTRY), path
        assert text.splitlines()[line - 1].strip() == "new:"
    assert tried > 60


# --- random files ------------------------------------------------------------------------------------

WORDS = st.text("abz ÄÖ🜁{}[]#:'\"\\,&*-?|>%@`0.~", min_size=1, max_size=12)
NAMES = st.from_regex(r"[a-z]{1,4}(_[a-z0-9]{1,3})?", fullmatch=True).map(yaml_flow)


@st.composite
def scalars(draw: st.DrawFn, column: int) -> str:
    """Any text behind a key, in one of the styles of YAML."""
    words = draw(WORDS)
    spaces = " " * column
    match draw(st.sampled_from(["quoted", "single", "literal", "folded", "plain", "lines"])):
        case "quoted":
            return f" {yaml_flow(words + ':')}"
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
    """The text of a YAML file with events, and whatever people write between them."""
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


@settings(max_examples=examples(80))
@given(category_files(), st.sampled_from(["\n", "\r\n"]), st.booleans(), WORDS)
def test_random_files_keep_their_lines_and_values(text: str, line_end: str, is_cut: bool, title: str) -> None:
    old = (text.rstrip("\n") if is_cut else text).replace("\n", line_end)
    before, wrong = parse_yaml(old.encode(), "x.yaml")
    assert wrong == []
    entry = {"title": title, "description": f"{title} is long. " * 9, "example": {"a": title}}
    new, line = insert_entry(old, "events", "new", entry)
    assert_only_inserted(old, new)
    assert new.splitlines()[line - 1].strip() == "new:"
    after, wrong = parse_yaml(new.encode(), "x.yaml")
    assert wrong == []
    left, there = plain(after), with_entry(plain(before), "events", entry)
    # A block of text at the very end of a file without a last line end gets that line end.
    assert left == there or (is_cut and cut(left) == cut(there))


def assert_only_inserted(old: str, new: str) -> None:
    """Every old line is there, in order, and the new lines stand together."""
    line_end = "\r\n" if "\r\n" in old else "\n"
    # A last line without an end gets one if the entry follows it.
    lines, whole = (
        f"{text.removesuffix(line_end)}{line_end}".splitlines(keepends=True) for text in (old, new)
    )
    added = len(whole) - len(lines)
    assert any(whole[:at] + whole[at + added :] == lines for at in range(len(lines) + 1))


def with_entry(data: object, under: str | None, entry: object) -> object:
    assert isinstance(data, dict)
    return {**data, under: {**data[under], "new": entry}} if under else {**data, "new": entry}


def plain(node: Node) -> object:
    if isinstance(node.value, dict):
        return {name: plain(entry) for name, entry in node.value.items()}
    return [plain(item) for item in node.items] if isinstance(node.value, tuple) else node.value


def cut(value: object) -> object:
    if isinstance(value, dict):
        return {name: cut(entry) for name, entry in value.items()}
    return value.rstrip("\n") if isinstance(value, str) else value
