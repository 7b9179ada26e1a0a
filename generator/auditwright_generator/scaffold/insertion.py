"""Inserts an entry into a mapping of a YAML file. Every other line stays byte for byte as it is.

Knows the layout of YAML and nothing of catalogs; the result is checked by the caller.
"""

import re
from collections.abc import Mapping

import yaml

from auditwright_generator.findings import PrintableError
from auditwright_generator.scaffold.yaml_text import yaml_flow, yaml_lines

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_KEEPS_BLANK_LINES = re.compile(r"[|>]\d?\+")


class CannotInsert(PrintableError):
    """The mapping is written in a style that has no place for a new line."""


def insert_entry(text: str, under: str | None, name: str, entry: Mapping[str, object]) -> tuple[str, int]:
    """Insert at the end of the mapping under a top-level key; None stands for the whole file.

    Returns the text and the line number of the new key; raises `CannotInsert`.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    lines = _LINE.findall(text)
    root = mapping = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    column = 0
    if under and isinstance(root, yaml.MappingNode) and not root.flow_style:
        key, mapping = next((key, value) for key, value in root.value if key.value == under)
        column = key.start_mark.column + _step(root)
    if not isinstance(root, yaml.MappingNode) or not isinstance(mapping, yaml.MappingNode):
        raise CannotInsert("it holds no mapping")
    at, end, is_parted = mapping.start_mark.line, mapping.end_mark, False
    if mapping.flow_style and (mapping.value or end.line != at):
        raise CannotInsert(f"line {at + 1} holds a mapping in braces; write each entry on its own lines")
    if mapping.flow_style:  # the braces give way, a comment behind them stays
        rest = lines[at][: mapping.start_mark.column].rstrip() + lines[at][end.column :]
        lines[at : at + 1] = [rest] * bool(rest.strip())
        at += bool(rest.strip())
    else:
        column = mapping.value[-1][0].start_mark.column
        at, is_parted = _end_of_last_entry(lines, mapping, column)
    line_end = (re.findall(r"\r\n|\r|\n", text) or ["\n"])[0]
    above, below = lines[:at], lines[at:]
    if above and not above[-1].endswith(("\n", "\r")):
        above[-1] += line_end
    above += [line_end] * is_parted
    new, step = [(0, f"{yaml_flow(name)}:"), *yaml_lines(entry, 1)], _step(mapping, root)
    added = [f"{' ' * (column + depth * step)}{line}{line_end}" for depth, line in new]
    return mark + "".join((*above, *added, *below)), len(above) + 1


def _step(*nodes: yaml.MappingNode) -> int:
    """The indentation of the last nested block; 2 where there is none."""
    for key, value in (pair for node in nodes for pair in reversed(node.value)):
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            return int(value.value[0][0].start_mark.column - key.start_mark.column)
    return 2


def _end_of_last_entry(lines: list[str], mapping: yaml.MappingNode, column: int) -> tuple[int, bool]:
    """The line after the last entry and its comments, and whether a blank line goes before a new one."""
    node: yaml.Node = mapping
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        node = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    is_block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    end = (node.start_mark if is_block else node.end_mark).line + 1
    for number, line in enumerate(lines[end:], end + 1):
        content = line.rstrip("\r\n")
        if len(content) - len(content.lstrip(" ")) > column:
            end = number  # its text, or a comment of its own
        elif content.strip():
            break
    if is_block and _KEEPS_BLANK_LINES.match(lines[node.start_mark.line], node.start_mark.column):
        while end < len(lines) and not lines[end].strip():  # these belong to the text
            end += 1
        return end, False
    above = mapping.value[-1][0].start_mark.line - 1
    while lines[above].lstrip(" ").startswith("#"):
        above -= 1
    return end, len(mapping.value) == 1 or not lines[above].strip()
