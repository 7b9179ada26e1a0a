"""A new entry in a mapping of a YAML file, by inserting lines of text: every other line stays as it is.

Knows the layout of YAML and nothing of catalogs; the file must be YAML. Whether the entry means anything is
for whoever checks the result.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import yaml

Lines = Sequence[tuple[int, str]]
"""Lines with how many steps each is indented, the key of the entry first, at 0."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_COMMENT = re.compile(r"( *)#")
_KEPT = re.compile(r"[|>][0-9]?\+")


class CannotInsert(ValueError):
    """The mapping is written in a way that lines cannot be inserted into."""


@dataclass(frozen=True, slots=True)
class Inserted:
    """A text with the entry in it, and the number of the line that holds its key."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where lines go: before which line, after which column, by which step, and whether a blank line
    parts them from those above.
    """

    before: int
    column: int
    step: int
    is_parted: bool


def insert_entry(text: str, path: tuple[str, ...], lines: Lines) -> Inserted:
    """The text with the entry at the end of the mapping that the path leads to; () is the whole file.

    Raises `CannotInsert`.
    """
    root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if root is None:
        raise CannotInsert("the file is empty")
    mapping, column = _find(root, path)
    written = _LINE.findall(text)
    if mapping.flow_style:
        written, before = _without_braces(written, mapping)
        spot = _Spot(before, column, _step(root), is_parted=False)
    else:
        spot = _spot_at_end(written, mapping)
    found = re.search(r"\r\n|\r|\n", text)
    return _insert(written, spot, lines, found.group() if found else "\n")


def _find(root: yaml.Node, path: tuple[str, ...]) -> tuple[yaml.MappingNode, int]:
    """The mapping, in a block or empty, and the column that its first entry would have."""
    node, column = root, 0
    for name in path:
        _refuse_braces(node)
        key, node = next((key, value) for key, value in node.value if key.value == name)
        column = key.start_mark.column + _step(root)
    if not isinstance(node, yaml.MappingNode):
        raise CannotInsert(f"line {node.start_mark.line + 1} holds no mapping")
    if node.value:
        _refuse_braces(node)
    return node, column


def _refuse_braces(node: yaml.Node) -> None:
    if isinstance(node, yaml.CollectionNode) and node.flow_style:
        position = f"line {node.start_mark.line + 1} holds a mapping in braces"
        raise CannotInsert(f"{position}; write each of its entries on lines of its own")


def _spot_at_end(written: list[str], mapping: yaml.MappingNode) -> _Spot:
    key, value = mapping.value[-1]
    column = key.start_mark.column
    end, is_kept = _end_of(written, value)
    return _Spot(
        before=_with_own_comments(written, end, column),
        column=column,
        step=_step(mapping),
        is_parted=not is_kept and _are_parted(written, mapping),
    )


def _end_of(written: list[str], node: yaml.Node) -> tuple[int, bool]:
    """The line after the node's last one, and whether blank lines there belong to its text."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        node = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    if not (isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")):
        return node.end_mark.line + 1, False
    end = node.end_mark.line + (1 if node.end_mark.column else 0)  # within a line only at the file's end
    if _KEPT.match(written[node.start_mark.line][node.start_mark.column :]):
        return end, True
    while not written[end - 1].strip("\r\n"):
        end -= 1
    return end, False


def _with_own_comments(written: list[str], end: int, column: int) -> int:
    """The line after comments that stand deeper than the entries: they belong to the last one."""
    line = end
    while line < len(written):
        comment = _COMMENT.match(written[line])
        if comment and len(comment[1]) > column:
            end = line + 1
        elif written[line].strip():
            break
        line += 1
    return end


def _are_parted(written: list[str], mapping: yaml.MappingNode) -> bool:
    """Whether a blank line stands before the last entry; where there is but one, there will."""
    if len(mapping.value) == 1:
        return True
    line = mapping.value[-1][0].start_mark.line - 1
    while _COMMENT.match(written[line]):
        line -= 1
    return not written[line].strip()


def _step(node: yaml.Node) -> int:
    """By how much the first block in it is indented; 2 where there is none."""
    for key, value in reversed(node.value) if isinstance(node, yaml.MappingNode) else ():
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            return int(value.start_mark.column - key.start_mark.column)
    return 2


def _without_braces(written: list[str], mapping: yaml.MappingNode) -> tuple[list[str], int]:
    """The lines without an empty mapping's braces, and where its entries go; a comment there stays."""
    start, end = mapping.start_mark, mapping.end_mark
    before, after = written[start.line][: start.column].rstrip(), written[end.line][end.column :]
    rest = before + after if before else after.lstrip(" ")
    above = [*written[: start.line], *([rest] if rest.strip() else [])]
    return [*above, *written[end.line + 1 :]], len(above)


def _insert(written: list[str], spot: _Spot, lines: Lines, line_end: str) -> Inserted:
    above, below = written[: spot.before], written[spot.before :]
    if above and not above[-1].endswith(("\n", "\r")):
        above[-1] += line_end
    if spot.is_parted:
        above.append(line_end)
    added = [f"{' ' * (spot.column + depth * spot.step)}{text}{line_end}" for depth, text in lines]
    return Inserted("".join((*above, *added, *below)), len(above) + 1)
