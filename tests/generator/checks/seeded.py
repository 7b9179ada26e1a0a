"""Seeds mistakes into the project's catalog, one in each event and in many fields.

Each kind of mistake is a row: the change of the lines of an event or a field, the expected code, and the text
at the position of the finding.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

Lines = list[str]


@dataclass(frozen=True)
class Mistake:
    """One kind of mistake. `change` returns the changed lines, or None if the mistake is not possible."""

    code: str
    culprit: str
    """What the finding points at: its first occurrence in the first line that only the change has."""
    change: Callable[[Lines], Lines | None]


@dataclass(frozen=True, order=True)
class Seeded:
    """An expected finding."""

    path: str
    line: int
    column: int
    code: str


def _replace(pattern: str, new: str) -> Callable[[Lines], Lines | None]:
    """Rewrites the first matching line."""

    def change(lines: Lines) -> Lines | None:
        for number, line in enumerate(lines):
            made = re.sub(pattern, new, line)
            if made != line:
                return [*lines[:number], made, *lines[number + 1 :]]
        return None

    return change


def _after_title(new: str) -> Callable[[Lines], Lines | None]:
    """Adds a line after the title."""

    def change(lines: Lines) -> Lines | None:
        number = next(number for number, line in enumerate(lines) if line.lstrip().startswith("title:"))
        return [*lines[: number + 1], new, *lines[number + 1 :]]

    return change


def _unless(key: str, change: Callable[[Lines], Lines | None]) -> Callable[[Lines], Lines | None]:
    """The change of an event or a field without the key."""
    return lambda lines: None if any(line.lstrip().startswith(key) for line in lines) else change(lines)


def _repeat_title(lines: Lines) -> Lines | None:
    title = next(line for line in lines if line.startswith("  title: ")).removeprefix("  title: ")
    return _replace(r"^  description: [^>].*", f"  description: The {title}.")(lines)


_REPEATED = _replace("^    (message: .*)", r"    \1\n    failure_\1")
IN_EVENTS = (
    Mistake("AC003", "titel", _replace(r"^    title:", "    titel:")),
    Mistake("AC504", '"', _replace(r'^(    message: ".*)\{actor\}', r"\1{actr}")),
    Mistake("AC504", '"', _unless("failure_message:", _after_title('    failure_message: "{actr}."'))),
    Mistake("AC509", '"', _unless("failure_message:", _REPEATED)),
    Mistake("AC507", '"', _replace(r'^(    message: ".*)\{actor\}', r"\1{actor!r}")),
    Mistake("AC502", "zz_unknown", _replace(r"^    example: \{(?=\w)", "    example: {zz_unknown: 1, ")),
    Mistake("AC006", "on", _replace(r"^    title: .*", "    title: on")),
    Mistake("AC002", "title", _after_title("    title: Said twice")),
    Mistake("AC010", "&anchor", _replace(r"^    title: ", "    title: &anchor ")),
    Mistake("AC701", "99.0.0", _after_title("    since: 99.0.0")),
    Mistake("AC706", "deprecated", _after_title("    deprecated: {since: 1.0.0}")),
    Mistake("AC703", "account.no.way", _after_title("    deprecated: {since: 1.0.0, use: account.no.way}")),
    Mistake("AC101", "account.login_logout.login", _after_title("    aliases: [account.login_logout.login]")),
    Mistake("AC306", "TODO", _replace(r"^    description: [^>].*", "    description: TODO.")),
    Mistake("AC302", "someone", _replace(r"^    description: [^>].*", "    description: someone did it.")),
    Mistake("AC302", "Nobody", _replace(r"^    description: [^>].*", "    description: Nobody knows when")),
    Mistake("AC307", "Something", _replace(r"^    title: .*", "    title: Something happened.")),
    Mistake("AC951", "AC999", _after_title("    suppress: {AC999: {reason: No rule}}")),
    Mistake("AC001", '"', _replace(r"^    title: .*", r'    title: "a\\ab"')),
    Mistake("AC005", "[", _replace(r"^    description: [^>].*", "    description: [said, so]")),
    Mistake("AC012", "Very", _replace(r"^    title: .*", f"    title: Very{' long' * 50}")),
    Mistake("AC106", "zz_field", _replace(r"^    metadata: \{", "    metadata: {zz_field: {}, ")),
    Mistake("AC106", "zz_field", _replace(r"^    metadata:$", "    metadata:\n      zz_field: {}")),
    Mistake("AC201", "Bad-Field", _replace(r"^    metadata:$", "    metadata:\n      Bad-Field: {}")),
    Mistake("AC012", '"', _after_title('    since: "01.0"')),
    Mistake("AC702", "0.1.0", _after_title("    since: 0.2.0\n    deprecated: {since: 0.1.0, note: Gone.}")),
)  # fmt: skip
IN_FIELDS = (
    Mistake("AC012", "strng", _replace(r"^  type: string", "  type: strng")),
    Mistake("AC012", "map", _replace(r"^  type: string", "  type: map of string")),
    Mistake("AC012", "Board", _unless("target:", _after_title("  target: Board"))),
    Mistake("AC414", "target", _replace(r"^  type: (enum|number|url)", r"  target: board\n  type: \1")),
    Mistake("AC401", "min_length", _replace(r"^  min_length: 1$", "  min_length: 4000")),
    Mistake("AC402", "unit", _replace(r"^  max_length: .*", "  max_length: 9\n  unit: pieces")),
    Mistake("AC403", "'", _replace(r"^  max_length: .*", r"  pattern: '\\d+'")),
    Mistake("AC003", "lenght", _replace(r"^  max_length:", "  lenght_max:")),
    Mistake("AC413", "max_length", _replace(r"^  max_length: .*", "  max_length: 2\n  pattern: ^[a-z]{3}$")),
    Mistake("AC005", "many", _replace(r"^  max_length: .*", "  max_length: many")),
    Mistake("AC303", "The", _repeat_title),
)  # fmt: skip


def seed(catalog: Path) -> list[Seeded]:
    """Changes the catalog in the folder; returns the expected findings, sorted."""
    found: list[Seeded] = []
    turn = 0
    for path in sorted(catalog.glob("*/*.yaml")):
        head, *events = _blocks(path, r"^  \w+:$", after="events:")
        made, turn = _seed_blocks(path, head, events, IN_EVENTS, turn)
        found += made
    turn = 0
    path = catalog / "fields.yaml"
    head, *fields = _blocks(path, r"^\w+:$")
    found += _seed_blocks(path, head, fields, IN_FIELDS, turn)[0]
    return sorted(found)


def _blocks(path: Path, beginning: str, after: str = "") -> Iterator[Lines]:
    """The head of the file, then the lines of each field or event."""
    block: Lines = []
    begun = not after
    for line in path.read_text("utf-8").splitlines():
        begun = begun or line == after
        if begun and re.match(beginning, line) and line != after:
            yield block
            block = []
        block.append(line)
    yield block


def _seed_blocks(
    path: Path, head: Lines, blocks: list[Lines], kinds: tuple[Mistake, ...], turn: int
) -> tuple[list[Seeded], int]:
    """Each block with the next possible kind of mistake."""
    found, lines = [], [*head]
    for block in blocks:
        for step in range(len(kinds)):
            mistake = kinds[(turn + step) % len(kinds)]
            changed = mistake.change(block)
            if changed is not None:
                break
        else:
            lines += block
            continue
        turn += step + 1
        changed = "\n".join(changed).split("\n")
        line, column = _culprit(block, changed, mistake.culprit)
        found.append(Seeded(path.as_posix(), len(lines) + line, column, mistake.code))
        lines += changed
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return found, turn


def _culprit(before: Lines, after: Lines, culprit: str) -> tuple[int, int]:
    for number, line in enumerate(after):
        if line not in before and culprit in line:
            return number + 1, line.index(culprit) + 1
    number = max(number for number, line in enumerate(after) if culprit in line)  # a duplicate line
    return number + 1, after[number].index(culprit) + 1
