"""`yaml_nodes.py`: values have positions, and no input causes a traceback."""

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples

from auditwright_generator.check import read_catalog
from auditwright_generator.files import MAX_YAML_BYTES
from auditwright_generator.source.structure import FileKind, check_structure
from auditwright_generator.source.yaml_nodes import (
    INVALID,
    Node,
    UnreadableCatalog,
    parse_yaml,
    read_yaml,
)

CLEAN = Path(__file__).parents[1] / "cases" / "clean" / "catalog"


def parse(text: str) -> Node:
    node, findings = parse_yaml(text.encode(), "file.yaml")
    assert findings == []
    return node


def test_values_and_keys_have_positions() -> None:
    root = parse("a: 1\nb:\n  - x\n  - {c: 'y'}\n")
    b = root.entries["b"]
    c = b.items[1].entries["c"]
    assert (b.key_position.line, b.key_position.column) == (2, 1)
    assert (b.items[0].position.line, b.items[0].position.column) == (3, 5)
    assert (c.key_position.line, c.key_position.column, c.position.line, c.position.column) == (4, 6, 4, 9)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-12", -12),
        ("0.5", 0.5),
        ("1.0e-4", 0.0001),
        ("null", None),
        ("~", None),
        ("text", "text"),
        ("'no'", "no"),
        ('"1.10"', "1.10"),
        ("1.2.3", "1.2.3"),
        ("2001:db8::1", "2001:db8::1"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_plain_scalars_have_the_type_all_readers_give(text: str, value: object) -> None:
    assert parse(f"a: {text}").entries["a"].value == value


@pytest.mark.parametrize(
    "text", ["No", "off", "Y", "0777", "0x1F", "1:30", "2026-1-2", "1_0", "1e3", ".nan", "01"]
)
def test_ambiguous_scalars_are_findings(text: str) -> None:
    node, [finding] = parse_yaml(f"a: {text}\n".encode(), "file.yaml")
    assert node.entries["a"].value is INVALID
    assert str(finding).startswith(
        f"file.yaml:1:4: error AC006 yaml-implicit-type: some YAML readers take {text} for "
    )


def test_byte_order_mark_and_crlf_change_nothing() -> None:
    root = parse("\ufeffa: 1\r\nb: x\r\n")
    assert root.entries["b"].value == "x"
    assert root.entries["b"].key_position.line == 2
    assert root.entries["a"].key_position.column == 1


def test_comment_is_an_empty_file() -> None:
    assert parse("# nothing\n").value is None


def test_nested_aliases_are_not_expanded() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    node, findings = parse_yaml("\n".join(lines).encode(), "file.yaml")
    assert len(findings) == 60 + 2 * 59
    assert len(node.entries) == 60


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000])
def test_depth_is_bounded(text: str) -> None:
    node, [finding] = parse_yaml(text.encode(), "file.yaml")
    assert node.value is INVALID
    assert finding.message == "nested deeper than 32 levels; reduce the nesting"


def test_too_large_file_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("big.yaml").write_bytes(b"#" * (MAX_YAML_BYTES + 1))
    with pytest.raises(UnreadableCatalog) as caught:
        read_yaml(Path("big.yaml"))
    assert str(caught.value) == (
        "cannot read big.yaml: it is larger than 4 MiB; split the catalog into more categories"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes in folders")
def test_pipe_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.yaml")
    with pytest.raises(UnreadableCatalog) as caught:
        read_yaml(Path("pipe.yaml"))
    assert str(caught.value) == (
        "cannot read pipe.yaml: it is not a regular file; replace it by a file or remove it"
    )


def test_broken_link_is_unreadable(tmp_path: Path) -> None:
    copy_clean(tmp_path)
    (tmp_path / "device" / "gone.yaml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UnreadableCatalog, match="it is not a regular file"):
        read_catalog(tmp_path)


def copy_clean(folder: Path) -> None:
    for path in CLEAN.rglob("*.yaml"):
        target = folder / path.relative_to(CLEAN)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())


FILES = ["catalog.yaml", "fields.yaml", "device/lifecycle.yaml"]
yaml_text = st.text(
    st.sampled_from(list("abc:-{}[],&*!|>'\"%@`#?~<= \t\n\r0129._é\x00\ufeff\u2028")), max_size=80
)


@settings(max_examples=examples(150))
@given(st.binary(max_size=200) | yaml_text.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_random_bytes_give_a_node_or_findings(content: bytes) -> None:
    node, findings = parse_yaml(content, "file.yaml")
    assert findings or node.value is not INVALID
    kinds: tuple[FileKind, ...] = ("catalog", "fields", "category")
    for kind in kinds:
        pruned, wrong = check_structure(node, kind)
        assert findings or wrong or not pruned.invalid


WORDS = """
title type string enum values serial state required when only min x metadata example events device_seen
{state} no 1.0.0 message pattern ^a$ deprecated since use
"""
words = st.sampled_from([*WORDS.split(), "list of ip", "", " ", "a\nb"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=5)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.integers(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=examples(100))
@given(file=st.sampled_from(FILES), data=st.data())
def test_random_changes_give_a_catalog_or_findings(
    file: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("changed")
    copy_clean(folder)
    tree = yaml.safe_load((folder / file).read_text(encoding="utf-8"))
    position = tree
    while True:
        key = data.draw(
            st.sampled_from(list(position) if isinstance(position, dict) else list(range(len(position))))
        )
        inner = position[key]
        if isinstance(inner, dict | list) and inner and data.draw(st.integers(0, 5)):
            position = inner
            continue
        break
    if isinstance(position, dict) and data.draw(st.booleans()):
        del position[key]
        position[data.draw(words)] = data.draw(st.just(inner) | anything)
    else:
        position[key] = data.draw(anything)
    (folder / file).write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    checked = read_catalog(folder)
    assert (checked.catalog is None) == any(finding.severity == "error" for finding in checked.findings)
    assert list(checked.findings) == sorted(checked.findings)
