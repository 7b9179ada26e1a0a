"""YAML text -> nodes that keep their place: the first stage of the pipeline.

Reads the strict part of YAML that every reader understands alike, from the parser's flat events, so that
neither depth nor an alias can exhaust anything. Knows nothing of catalogs; whether the content makes
sense is for `structure.py` and the checks.
"""

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import yaml

from auditwright_generator.findings import Finding, Position, Rule, quote
from auditwright_generator.source.scalars import YamlScalar, read_plain

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32

SYNTAX = Rule("AC001", "yaml-syntax", "error", "a file that is not YAML in UTF-8 says nothing")
DUPLICATE_KEY = Rule("AC002", "duplicate-key", "error", "most readers keep one of the two, silently")
IMPLICIT_TYPE = Rule("AC006", "yaml-implicit-type", "error", "readers of YAML disagree on what it is")
FEATURE = Rule("AC010", "yaml-feature", "error", "a catalog needs no indirection; readers resolve it unlike")
RULES = (SYNTAX, DUPLICATE_KEY, IMPLICIT_TYPE, FEATURE)


class Invalid(Enum):
    """The value of a node that a finding was given for; later stages pass it over."""

    INVALID = "broken"


INVALID = Invalid.INVALID


class UnreadableCatalog(ValueError):
    """The input cannot be read at all, so that there is nothing to check."""

    def __init__(self, path: str, reason: str, hint: str) -> None:
        self.path = path
        self.reason = reason
        self.hint = hint
        super().__init__(f"cannot read {path}: {reason}; {hint}")


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a file: a scalar, a list or a mapping, where it stands, and where its key stands."""

    value: "YamlScalar | tuple[Node, ...] | dict[str, Node] | Invalid"
    position: Position
    key_position: Position
    """The place of its key; its own place in a list and for a whole file."""
    text: str = ""
    """A scalar as it is written in the file, without its quotes."""
    invalid: bool = field(init=False, compare=False)
    """Whether a finding was given for any part of it."""

    def __post_init__(self) -> None:
        value = self.value
        if isinstance(value, dict):
            invalid = any(part.invalid for part in value.values())
        elif isinstance(value, tuple):
            invalid = any(part.invalid for part in value)
        else:
            invalid = value is INVALID
        object.__setattr__(self, "invalid", invalid)

    @property
    def entries(self) -> "dict[str, Node]":
        """The entries of a mapping, broken ones included; nothing for everything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "tuple[Node, ...]":
        """The items of a list; nothing for everything else."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def scalar(self) -> str | int | float | bool:
        """The value of a scalar; "" for everything else."""
        value = self.value
        return value if isinstance(value, str | int | float | bool) else ""

    def get(self, name: str) -> "Node | None":
        """The sound entry of that name."""
        node = self.entries.get(name)
        return None if node is None or node.value is INVALID else node

    def string(self, name: str) -> str:
        """The text of an entry; "" where there is none."""
        node = self.get(name)
        return node.value if node is not None and isinstance(node.value, str) else ""

    def spans(self, position: Position) -> bool:
        """Whether the place is between its key and its last part."""
        return position.path == self.position.path and self.key_position <= position <= self._last

    @property
    def _last(self) -> Position:
        parts = (*self.entries.values(), *self.items)
        return max((part._last for part in parts), default=self.position)

    def covers(self, positions: Collection[Position]) -> bool:
        """Whether any of the places is in it, that of its key included."""
        if not positions:
            return False
        if self.position in positions or self.key_position in positions:
            return True
        return any(part.covers(positions) for part in (*self.entries.values(), *self.items))


def shown_path(path: Path) -> str:
    """The path as findings print it: relative to the current directory when below it, with slashes."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
    here = Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else absolute).as_posix()


def read_yaml(path: Path) -> tuple[Node, list[Finding]]:
    """The file as a node, broken when it is not YAML, and what is wrong with it as YAML."""
    shown = shown_path(path)
    return parse_yaml(_read_bytes(path, shown), shown)


def parse_yaml(content: bytes, path: str) -> tuple[Node, list[Finding]]:
    """Like `read_yaml`, for content that is already read."""
    return _Reader(path).read(content)


def _read_bytes(path: Path, shown: str) -> bytes:
    try:
        if not path.is_file():
            raise UnreadableCatalog(shown, "it is not a regular file", "replace it by a file or remove it")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        raise UnreadableCatalog(shown, reason, "make it readable or remove it") from error
    if len(content) > MAX_BYTES:
        raise UnreadableCatalog(shown, "it is larger than 4 MiB", "split the catalog into more categories")
    return content


# libyaml refuses these or counts lines by them in ways an editor does not.
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7})(?= |\r?$)", re.MULTILINE)


class _StopReading(Exception):
    """The rest of the file cannot be understood."""


class _Reader:
    """Builds the nodes of one file from the parser's events."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.findings: list[Finding] = []
        self.events: Iterator[yaml.Event] = iter(())

    def read(self, content: bytes) -> tuple[Node, list[Finding]]:
        start, text = Position(self.path, 1, 1), ""
        try:
            text = self._decode(content)
            self.events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
            root = self._documents(start)
        except _StopReading:
            root = Node(INVALID, start, start)
        except yaml.MarkedYAMLError as error:
            self._syntax_error(text, error)
            root = Node(INVALID, start, start)
        except yaml.YAMLError as error:
            self._report(SYNTAX, start, str(error).partition("\n")[0])
            root = Node(INVALID, start, start)
        return root, self.findings

    def _report(self, rule: Rule, position: Position, message: str) -> None:
        self.findings.append(rule.at(position, message))

    def _place(self, event: yaml.Event) -> Position:
        mark = event.start_mark
        return Position(self.path, mark.line + 1, mark.column + 1) if mark else Position(self.path, 1, 1)

    def _decode(self, content: bytes) -> str:
        """The text, without a byte order mark; every character of it is one that YAML allows."""
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = content[: error.start].decode("utf-8-sig", "replace")
            found = f"byte {content[error.start]:#04x} is not UTF-8; save the file as UTF-8"
            self._report(SYNTAX, self._place_after(before), found)
            raise _StopReading from None
        bad = _UNPRINTABLE.search(text)
        if bad:
            point = ord(bad.group())
            position = self._place_after(text[: bad.start()])
            self._report(SYNTAX, position, f"character U+{point:04X} cannot stand in YAML; remove it")
            raise _StopReading
        return text

    def _place_after(self, text: str) -> Position:
        lines = re.split("\r\n|\r|\n", text)
        return Position(self.path, len(lines), len(lines[-1]) + 1)

    def _syntax_error(self, text: str, error: yaml.MarkedYAMLError) -> None:
        marker = _CONFLICT.search(text)
        if marker:
            position = self._place_after(text[: marker.start()])
            self._report(
                SYNTAX, position, "a conflict marker of git; choose one side, and remove the markers"
            )
            return
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        problem = error.problem or error.context or "it cannot be parsed"
        lines = re.split("\r\n|\r|\n", text)
        if error.context == "while scanning a quoted scalar" and error.context_mark:
            line, column = error.context_mark.line, error.context_mark.column
            problem = "text in quotes that does not end; close the quotes"
        elif line < len(lines) and re.match(" *\t", lines[line]):
            problem = "a tab stands where spaces should; indent with spaces"
        elif "mapping values are not allowed" in problem:
            problem = "a colon where no key can be; put text that holds a colon in quotes"
        else:
            problem += "; check quotes, brackets and indentation from here upwards"
        self._report(SYNTAX, Position(self.path, line + 1, column + 1), problem)

    def _documents(self, start: Position) -> Node:
        """The first document of the file; a second one is a finding."""
        root: Node | None = None
        for event in self.events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            if root is not None:
                self._report(FEATURE, self._place(event), "a second document; a file of a catalog holds one")
                break
            root = self._node(next(self.events), None, 1)
        return root or Node(None, start, start)

    def _node(self, event: yaml.Event, key: Position | None, depth: int) -> Node:
        position = self._place(event)
        if depth > MAX_DEPTH:
            self._report(
                SYNTAX, position, f"nested deeper than {MAX_DEPTH} levels; a catalog never needs that"
            )
            raise _StopReading
        if isinstance(event, yaml.AliasEvent):
            self._report(FEATURE, position, f"alias *{event.anchor}; write the value out")
            return Node(INVALID, position, key or position)
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor is not None:
            self._report(
                FEATURE, position, f"anchor &{anchor}; remove it, and write the value out where it is used"
            )
        if tag is not None:
            self._report(
                FEATURE,
                position,
                f"tag {tag.replace('tag:yaml.org,2002:', '!!')}; remove it, and put text in quotes",
            )
        value, text = self._value(event, position, depth)
        return Node(INVALID if tag is not None else value, position, key or position, text)

    def _value(
        self, event: yaml.Event, position: Position, depth: int
    ) -> tuple["YamlScalar | tuple[Node, ...] | dict[str, Node] | Invalid", str]:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, position), event.value
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(depth), ""
        return self._mapping(depth), ""

    def _sequence(self, depth: int) -> tuple[Node, ...]:
        items = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._node(event, None, depth + 1))
        return tuple(items)

    def _mapping(self, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            position = self._place(event)
            key = self._key(event, position, depth)
            before = len(self.findings)
            value = self._node(next(self.events), position, depth + 1)
            if key is None:
                del self.findings[before:]  # the key's finding stands for all below it
            elif key in entries:
                first = entries[key].key_position
                self._report(
                    DUPLICATE_KEY,
                    position,
                    f"key {quote(key)} stands at line {first.line} already; remove one",
                )
            else:
                entries[key] = value
        return entries

    def _key(self, event: yaml.Event, position: Position, depth: int) -> str | None:
        """The key as text, even where it wants quotes; None if it cannot be one."""
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
            self._report(FEATURE, position, "merge key <<; write the keys out")
            return None
        node = self._node(event, None, depth + 1)
        if not isinstance(event, yaml.ScalarEvent):
            if node.value is not INVALID:
                self._report(SYNTAX, position, "a list or mapping as a key; a key is text")
            return None
        if node.value is None or isinstance(node.value, bool | int | float):
            self._report(
                IMPLICIT_TYPE,
                position,
                f"key {node.text or 'without a name'} is not text; {_instead(node.text)}",
            )
        return node.text

    def _scalar(self, event: yaml.ScalarEvent, position: Position) -> YamlScalar | Invalid:
        text = event.value
        control = _CONTROL.search(text)
        if control:
            self._report(
                SYNTAX, position, f"control character U+{ord(control.group()):04X} in a text; remove it"
            )
            return INVALID
        if not event.implicit[0]:  # in quotes, or a block
            return text
        value, what = read_plain(text)
        if what is None:
            return value
        self._report(
            IMPLICIT_TYPE, position, f"{text} is {what} to some readers of YAML; {_instead(text, what)}"
        )
        return INVALID


def _instead(text: str, what: str = "") -> str:
    """What to write instead of a surprise."""
    quoted = f"write it in quotes if it is text: {quote(text)}"
    return f"{quoted}; if it is a truth value, write true or false" if what == "a truth value" else quoted
