"""The lines of a new entry in a file that is not written yet.

A finding in them has no position that a reader could open: the option that gave the value is named instead.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from auditwright_generator.findings import Finding
from auditwright_generator.source.yaml_nodes import shown_path

_LINE_END = re.compile("\r\n|\r|\n")
_KEY = re.compile(r"( *)([a-z_]+):")
_WITHOUT_OPTION = frozenset({"category", "events"})
_HINT = re.compile(
    r"\b(write|add|remove) (title|description|message|since|order|type|values|sensitivity|unit|pattern"
    r"|min|max|min_length|max_length|min_items|max_items|max_bytes|max_depth|max_keys)"
    r"\b(?!\.)(: \{key: Title\}|:?)"
)
_ANNOTATION = re.compile(r"`annotations: \{([a-z0-9_]+): \.\.\.\}`")


@dataclass(frozen=True, slots=True)
class NewEntry:
    """Where the lines of the entry begin and end, counted from 1, and the text of the whole file."""

    path: str
    lines: tuple[str, ...]
    first: int
    last: int
    added: int
    """How many lines the file gets."""

    @classmethod
    def between(cls, file: Path, text: str, line: int) -> "NewEntry":
        """The entry at a line of the new text of a file, whose older text is on disk, if there is any."""
        old = _LINE_END.split(file.read_bytes().decode()) if file.exists() else []
        new = _LINE_END.split(text)
        above = next(
            (at for at, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), len(old)
        )
        below = 0
        while below < len(old) - above and old[-1 - below] == new[-1 - below]:
            below += 1
        return cls(shown_path(file), tuple(new), line, len(new) - below, len(new) - len(old))

    def holds(self, finding: Finding) -> bool:
        """Whether the finding is in the entry."""
        return finding.path == self.path and self.first <= finding.line <= self.last

    def show(self, finding: Finding) -> str:
        """The finding at the option that it is about, or at the line where it is today."""
        if self.holds(finding):
            message = _ANNOTATION.sub(r"--annotation \1=...", _HINT.sub(_as_option, finding.message))
            return (
                f"{self._option(finding.line)}: {finding.severity} {finding.code} {finding.name}: {message}"
            )
        is_below = finding.path == self.path and finding.line > self.last
        return str(replace(finding, line=finding.line - self.added * is_below))

    def _option(self, line: int) -> str:
        """The option whose value is on the line; NAME for the name of the entry."""
        head = self.lines[self.first - 1]
        is_file = head.startswith("category:") and not self.path.endswith("fields.yaml")
        depth = 0 if is_file else _depth(self.lines[self.first])
        for number in range(line, self.first - is_file, -1):
            found = _KEY.match(self.lines[number - 1])
            if found and len(found[1]) == depth:
                name = found[2]
                if name == "annotations":
                    return "--annotation"
                if name == "metadata":
                    return "--optional" if "required: false" in self.lines[line - 1] else "--field"
                return "NAME" if name in _WITHOUT_OPTION else _option_of(name)
        return "NAME"


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _option_of(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _as_option(hint: re.Match[str]) -> str:
    """`write sensitivity: personal` -> `write --sensitivity personal`."""
    values = " low=Low high=High" if "{" in hint[3] else ""
    return f"{hint[1]} {_option_of(hint[2])}{values}"
