"""YAML text -> nodes with positions, the first stage of the pipeline.

Accepts the subset of YAML that all readers interpret alike. Reads the parser's flat event stream, so that
neither depth nor aliases can exhaust memory. Knows nothing of catalogs: see `structure.py` and the checks.
"""

import errno
import os
import re
import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from auditwright_generator.files import MAX_YAML_BYTES, read_regular
from auditwright_generator.findings import Finding, Position, PrintableError, Rule, quote
from auditwright_generator.patterns import TIMESTAMP, matches
from auditwright_generator.source.scalars import YamlScalar, read_plain

MAX_DEPTH = 32

SYNTAX = Rule("AC001", "yaml-syntax", "error", "a file must be YAML in UTF-8")
DUPLICATE_KEY = Rule("AC002", "duplicate-key", "error", "most readers silently keep one of the two")
IMPLICIT_TYPE = Rule("AC006", "yaml-implicit-type", "error", "YAML readers disagree on its type")
FEATURE = Rule("AC010", "yaml-feature", "error", "readers resolve aliases and tags differently")
RULES = (SYNTAX, DUPLICATE_KEY, IMPLICIT_TYPE, FEATURE)


class Invalid(Enum):
    """The value of a node that has a finding; later stages skip it."""

    INVALID = "invalid"


INVALID = Invalid.INVALID


class UnreadableCatalog(PrintableError):
    """The input cannot be read, so nothing can be checked."""

    def __init__(self, path: str, reason: str, hint: str) -> None:
        self.path = path
        self.reason = reason
        self.hint = hint
        super().__init__(f"cannot read {path}: {reason}; {hint}")


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a file: a scalar, a list or a mapping, with its position and that of its key."""

    value: "YamlScalar | tuple[Node, ...] | dict[str, Node] | Invalid"
    position: Position
    key_position: Position
    """The position of its key; for a list item and a whole file, its own position."""
    text: str = ""
    """A scalar as written in the file, without quotes."""
    invalid: bool = field(init=False, compare=False)
    """Whether any part of it has a finding."""

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
        """The entries of a mapping, including invalid ones; empty for other nodes."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "tuple[Node, ...]":
        """The items of a list; empty for other nodes."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def scalar(self) -> str | int | float | bool:
        """The value of a scalar; "" for other nodes."""
        value = self.value
        return value if isinstance(value, str | int | float | bool) else ""

    @property
    def plain(self) -> Any:
        """The value as plain Python data, without the entries that are invalid."""
        value = self.value
        if isinstance(value, str):
            return value
        if isinstance(value, dict):
            return {key: part.plain for key, part in value.items() if part.value is not INVALID}
        if isinstance(value, tuple):
            return [part.plain for part in value]
        return "" if value is INVALID else value

    def get(self, name: str) -> "Node | None":
        """The entry of that name; None if it is missing or invalid."""
        value = self.value  # `entries` would be another call, for hundreds of nodes an event
        node = value.get(name) if isinstance(value, dict) else None
        return None if node is None or node.value is INVALID else node

    def string(self, name: str) -> str:
        """The text of an entry; "" if there is none."""
        node = self.get(name)
        return node.value if node is not None and isinstance(node.value, str) else ""

    def spans(self, position: Position) -> bool:
        """Whether the position is between its key and its last part."""
        return position.path == self.position.path and self.key_position <= position <= self._last

    @property
    def _last(self) -> Position:
        parts = (*self.entries.values(), *self.items)
        return max((part._last for part in parts), default=self.position)

    def covers(self, positions: Collection[Position]) -> bool:
        """Whether any of the positions is that of the node, of its key or of a part."""
        if not positions:
            return False
        if self.position in positions or self.key_position in positions:
            return True
        return any(part.covers(positions) for part in (*self.entries.values(), *self.items))


def shown_path(path: Path) -> str:
    """The path as shown in findings: with forward slashes, relative if below the current directory."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
    here = Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else absolute).as_posix()


def catalog_option(folder: Path) -> str:
    """` --catalog DIR` for a command that a message proposes; "" for the folder that is read by default."""
    default = os.environ.get("AUDITWRIGHT_CATALOG_DIR") or "catalog"
    is_default = os.path.abspath(folder) == os.path.abspath(default)  # noqa: PTH100 - as `shown_path`
    return "" if is_default else f" --catalog {shlex.quote(shown_path(folder))}"


def read_yaml(path: Path) -> tuple[Node, list[Finding]]:
    """The root node of a file and the YAML findings; the node is invalid if the file is not YAML."""
    shown = shown_path(path)
    return parse_yaml(_read_bytes(path, shown), shown)


def parse_yaml(content: bytes, path: str) -> tuple[Node, list[Finding]]:
    """Like `read_yaml`, for content in memory."""
    return _Reader(path).read(content)


def _read_bytes(path: Path, shown: str) -> bytes:
    try:
        if not path.is_file():
            raise UnreadableCatalog(shown, "it is not a regular file", "replace it by a file or remove it")
        return read_regular(path, MAX_YAML_BYTES)
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        hint = "make it readable or remove it"
        if error.errno == errno.EFBIG:
            reason, hint = "it is larger than 4 MiB", "split the catalog into more categories"
        raise UnreadableCatalog(shown, reason, hint) from error


# libyaml refuses these, or counts them as line breaks where an editor does not.
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7})(?= |\r?$)", re.MULTILINE)


class _StopReading(Exception):
    """The rest of the file cannot be parsed."""


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

    def _position(self, event: yaml.Event) -> Position:
        mark = event.start_mark
        return Position(self.path, mark.line + 1, mark.column + 1) if mark else Position(self.path, 1, 1)

    def _decode(self, content: bytes) -> str:
        """The text without a byte order mark. All its characters are allowed in YAML."""
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = content[: error.start].decode("utf-8-sig", "replace")
            found = f"byte {content[error.start]:#04x} is not UTF-8; save the file as UTF-8"
            self._report(SYNTAX, self._position_after(before), found)
            raise _StopReading from None
        bad = _UNPRINTABLE.search(text)
        if bad:
            point = ord(bad.group())
            position = self._position_after(text[: bad.start()])
            self._report(SYNTAX, position, f"character U+{point:04X} is not allowed in YAML; remove it")
            raise _StopReading
        return text

    def _position_after(self, text: str) -> Position:
        lines = re.split("\r\n|\r|\n", text)
        return Position(self.path, len(lines), len(lines[-1]) + 1)

    def _syntax_error(self, text: str, error: yaml.MarkedYAMLError) -> None:
        marker = _CONFLICT.search(text)
        if marker:
            position = self._position_after(text[: marker.start()])
            self._report(SYNTAX, position, "a git conflict marker; keep one side and remove the markers")
            return
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        problem = error.problem or error.context or "it cannot be parsed"
        lines = re.split("\r\n|\r|\n", text)
        if error.context == "while scanning a quoted scalar" and error.context_mark:
            line, column = error.context_mark.line, error.context_mark.column
            problem = "quoted text does not end; close the quotes"
        elif line < len(lines) and re.match(" *\t", lines[line]):
            problem = "a tab in the indentation; indent with spaces"
        elif "mapping values are not allowed" in problem:
            problem = "a colon where no key is allowed; quote text that contains a colon"
        else:
            problem += "; check quotes, brackets and indentation above this line"
        self._report(SYNTAX, Position(self.path, line + 1, column + 1), problem)

    def _documents(self, start: Position) -> Node:
        """The first document of the file. A second document is a finding."""
        root: Node | None = None
        for event in self.events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            if root is not None:
                self._report(FEATURE, self._position(event), "a second document; a catalog file has one")
                break
            root = self._node(next(self.events), None, 1)
        return root or Node(None, start, start)

    def _node(self, event: yaml.Event, key: Position | None, depth: int) -> Node:
        position = self._position(event)
        if depth > MAX_DEPTH:
            self._report(SYNTAX, position, f"nested deeper than {MAX_DEPTH} levels; reduce the nesting")
            raise _StopReading
        if isinstance(event, yaml.AliasEvent):
            self._report(FEATURE, position, f"alias *{event.anchor}; write the value out")
            return Node(INVALID, position, key or position)
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor is not None:
            self._report(
                FEATURE, position, f"anchor &{anchor}; remove it and repeat the value where it is used"
            )
        if tag is not None:
            self._report(
                FEATURE,
                position,
                f"tag {tag.replace('tag:yaml.org,2002:', '!!')}; remove it and quote the text",
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
            position = self._position(event)
            key = self._key(event, position, depth)
            before = len(self.findings)
            value = self._node(next(self.events), position, depth + 1)
            if key is None:
                del self.findings[before:]  # the finding of the key is enough
            elif key in entries:
                first = entries[key].key_position
                self._report(
                    DUPLICATE_KEY,
                    position,
                    f"key {quote(key)} is already at line {first.line}; remove one",
                )
            else:
                entries[key] = value
        return entries

    def _key(self, event: yaml.Event, position: Position, depth: int) -> str | None:
        """The key as text, even if it should be quoted; None if it cannot be a key."""
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
            self._report(FEATURE, position, "merge key <<; write the keys out")
            return None
        node = self._node(event, None, depth + 1)
        if not isinstance(event, yaml.ScalarEvent):
            if node.value is not INVALID:
                self._report(SYNTAX, position, "a list or mapping is used as a key; a key must be text")
            return None
        if node.value is None or isinstance(node.value, bool | int | float):
            message = f"key {node.text or 'without a name'} is not text; {_instead(node.text)}"
            if node.text.isdecimal() and node.text.isascii():
                named = f"value_{node.text}: {{title: ..., stored_as: {node.text}}}"
                message += f", or write a value of an enum as {named}"
            self._report(IMPLICIT_TYPE, position, message)
        return node.text

    def _scalar(self, event: yaml.ScalarEvent, position: Position) -> YamlScalar | Invalid:
        text = event.value
        control = _CONTROL.search(text)
        if control:
            self._report(
                SYNTAX, position, f"control character U+{ord(control.group()):04X} in a text; remove it"
            )
            return INVALID
        if not event.implicit[0]:  # quoted, or a block scalar
            return text
        value, what = read_plain(text)
        if what is None:
            return value
        self._report(
            IMPLICIT_TYPE, position, f"some YAML readers take {text} for {what}; {_instead(text, what)}"
        )
        return INVALID


def _instead(text: str, what: str = "") -> str:
    """How to write an ambiguous plain scalar."""
    quoted = f"quote it if it is text: {quote(text)}"
    if what == "a boolean":
        return f"{quoted}; write true or false if it is a boolean"
    if what == "a date" and not matches(TIMESTAMP, text):
        return f'{quoted}; write the time too if it is a timestamp: "2026-01-31T12:00:00Z"'
    if what in ("a number", "a number in base 60", "a number in another base"):
        return f"{quoted}; write only digits, such as 1000 or 0.5, if it is a number"
    return quoted
