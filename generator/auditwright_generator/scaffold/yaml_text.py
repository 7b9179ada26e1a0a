"""Writes the YAML text of a new entry, line by line.

The layout is the one of the catalogs in this project: short mappings in braces, long text folded.
"""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping

from auditwright_generator.source.scalars import read_plain

Lines = list[tuple[int, str]]
"""Lines of text, each with its number of indentation steps."""

_WIDTH = 96
_PLAIN = re.compile(r"[^\W_][\w ./@()+%-]*(?<! )")


def yaml_lines(entry: Mapping[str, object], depth: int = 0) -> Lines:
    """The lines of a mapping in block style; keys whose value is None are left out."""
    return [
        line
        for key, value in entry.items()
        if value is not None
        for line in _pair(yaml_flow(key), value, depth)
    ]


def _pair(key: str, value: object, depth: int) -> Iterator[tuple[int, str]]:
    line = f"{key}: {yaml_flow(value)}"
    is_written = isinstance(value, Mapping) and None in value.values()  # null on a side of a change
    if isinstance(value, Mapping) and not is_written and (len(line) > _WIDTH or _is_nested(value)):
        yield depth, f"{key}:"
        yield from yaml_lines(value, depth + 1)
    elif isinstance(value, str) and len(line) > _WIDTH and _can_be_folded(value):
        yield depth, f"{key}: >-"
        for part in textwrap.wrap(value, _WIDTH, break_long_words=False, break_on_hyphens=False):
            yield depth + 1, part
    else:
        yield depth, line


def _is_nested(mapping: Mapping[str, object]) -> bool:
    return any(isinstance(value, Mapping) for value in mapping.values())


def _can_be_folded(text: str) -> bool:
    """Whether it has single spaces between words, which is all that a folded block keeps."""
    return " " in text and text == " ".join(text.split()) and text.isprintable()


def yaml_flow(value: object) -> str:
    """A value on one line; text is quoted where a reader of YAML could take it for something else."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{yaml_flow(key)}: {yaml_flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(yaml_flow, value))}]"
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        plain, surprise = read_plain(value)
        if isinstance(plain, str) and surprise is None:
            return value
    if type(value) is int and read_plain(str(value))[1] is not None:
        return f'"{value}"'  # a whole number of 64 bits, which some readers of YAML would round
    # What is not UTF-8 becomes an escape that `check` reports.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
