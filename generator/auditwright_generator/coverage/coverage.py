"""Compares what files emit with the catalog: where each event is emitted, and what is wrong."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, NamedTuple

from auditwright_generator.check import without_collector
from auditwright_generator.checks.suppressions import suppress_never_emitted
from auditwright_generator.coverage import rules
from auditwright_generator.coverage.catalog_index import CatalogIndex, EmitterPath
from auditwright_generator.coverage.names import UNKNOWN, File, Generated, Values
from auditwright_generator.coverage.resolver import Resolver
from auditwright_generator.coverage.sources import parse
from auditwright_generator.coverage.walker import Use, Walker, label
from auditwright_generator.findings import Finding, Position, Rule, counted
from auditwright_generator.model import Catalog, Event
from auditwright_generator.source.catalog_source import CatalogSource

How = Literal["emitter", "model", "key", "by name"]
State = Literal["emitted", "elsewhere", "deprecated", "suppressed", "never"]
"""`suppressed` is an event that is emitted nowhere, which the catalog gives a reason for."""
COMMAND_LINE = Position("", 0, 0)


class Emission(NamedTuple):
    """One place that emits an event."""

    position: Position
    how: How
    """By its emitter, its metadata model, its key; or by a call that only its names and keywords tell."""


@dataclass(frozen=True, slots=True)
class EventCoverage:
    """One event, and where it is emitted."""

    event: Event
    state: State
    emissions: tuple[Emission, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """The result of a comparison."""

    events: tuple[EventCoverage, ...]
    """In catalog order."""
    findings: tuple[Finding, ...]
    """Sorted by position."""
    notes: tuple[tuple[Position, str], ...]
    """What cannot be decided."""
    files: int
    """How many files were read: all but those that auditwright generated."""

    def count(self, state: State) -> int:
        """How many events are in that state."""
        return sum(each.state == state for each in self.events)

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(finding.severity == "error" for finding in self.findings)

    @property
    def summary(self) -> str:
        """The result on one line."""
        emitting = len({emission.position.path for each in self.events for emission in each.emissions})
        emitted = f"{self.count('emitted')} emitted from {counted(emitting, 'file')}"
        states = [emitted if emitting else "none emitted"]
        words: dict[State, str] = {"deprecated": "deprecated and no longer"}
        others: tuple[State, ...] = ("elsewhere", "deprecated", "suppressed", "never")
        states += [f"{self.count(each)} {words.get(each, each)}" for each in others if self.count(each)]
        numbers = (self.errors, "error"), (len(self.findings) - self.errors, "warning")
        problems = ", ".join(counted(number, noun) for number, noun in numbers if number)
        events, files = counted(len(self.events), "event"), counted(self.files, "file")
        return f"{events}, {files} read: {', '.join(states)}; {problems or 'no findings'}"


Positions = Mapping[str, Position]
"""Where each event is declared, by its key."""


def cover(
    catalog: Catalog, declared: Positions, files: Sequence[Path], searched: str, elsewhere: Sequence[str]
) -> Coverage:
    """Compares files, which a message calls `searched`, with the catalog.

    Events that fit a pattern of `elsewhere` need not be emitted in the files.
    """
    comparison = _Comparison(CatalogIndex.of(catalog))
    with without_collector():
        comparison.read(files)
    return comparison.result(declared, searched, elsewhere)


def apply_suppressions(coverage: Coverage, source: CatalogSource, today: date | None = None) -> Coverage:
    """The coverage without the findings that the catalog suppresses, as of a day (UTC; default: today)."""
    declared = {event.key: event.node.key_position for _, event in source.events}
    never = [each for each in coverage.findings if each.code == rules.NEVER_EMITTED.code]
    excused = [
        rules.NEVER_EMITTED.at(declared[each.event.key], "")
        for each in coverage.events
        if each.state == "elsewhere"
    ]
    kept, suppressed = suppress_never_emitted(source, never, excused, today or datetime.now(UTC).date())
    positions = {each.finding.position for each in suppressed}
    events = tuple(
        replace(each, state="suppressed") if declared[each.event.key] in positions else each
        for each in coverage.events
    )
    others = (each for each in coverage.findings if each.code != rules.NEVER_EMITTED.code)
    return replace(coverage, events=events, findings=tuple(sorted((*others, *kept))))


class _Comparison:
    def __init__(self, index: CatalogIndex) -> None:
        self._index = index
        self._modules: dict[tuple[str, ...], File] = {}
        """Each file by every end of its path, as imports may name it."""
        self._walker = Walker()
        self._resolver = Resolver(index, self._modules, self._walker.attributes)
        self._emissions: dict[str, set[Emission]] = defaultdict(set)
        self._findings: set[Finding] = set()
        self._notes: set[tuple[Position, str]] = set()
        self._files = 0

    def read(self, files: Sequence[Path]) -> None:
        """Reads all files, then compares: only now can names be followed from file to file."""
        # Of two files whose paths end alike, an import means the one with the shorter path.
        for path in sorted(files, key=lambda path: len(path.absolute().parts)):
            parsed = parse(path)
            self._files += parsed is not None
            if isinstance(parsed, Finding):
                self._findings.add(parsed)
            elif parsed is not None:
                folder = path.absolute().parts[1:-1]
                parts = folder if path.name == "__init__.py" else (*folder, path.stem)
                for start in range(len(parts)):
                    self._modules.setdefault(parts[start:], parsed[1])
                self._walker.walk(*parsed, folder)
        for use in self._walker.uses:
            self._compare_use(use)
        for key, file in self._walker.keys:
            for value in self._resolver.resolve(key, file):
                if isinstance(value, str):
                    self._compare_key(value, file.position(key.lineno, key.col_offset))

    def _compare_use(self, use: Use) -> None:
        names = (label(use.base), *use.names)
        for number in range(2, len(names) if self._index.has_levels else 0):
            path = names[number - 2 : number + 1]
            if path in self._index.emitters:
                return self._emit(self._index.emitters[path], use.position(number), "emitter")
            if path in self._index.former_emitters:
                return self._find_former(path, use.position(number))
        steps = self._resolver.follow(use.base, use.names, use.file)
        before: Values = frozenset()
        for number, values in enumerate(steps):
            for value in values:
                match value:
                    case Generated(path, is_model=False) if path in self._index.emitters:
                        if number or use.call:
                            self._emit(self._index.emitters[path], use.position(number), "emitter")
                    case Generated(path, is_model=True) if use.call and values is steps[-1]:
                        self._emit(self._index.emitters[path], use.position(number), "model")
            match [each for each in before if isinstance(each, Generated)]:
                case [Generated(owner)] if values == UNKNOWN and (
                    former := self._index.former_path(owner, names[number:])
                ):
                    return self._find_former(former, use.position(number + len(former) - len(owner) - 1))
                case [Generated(owner, sure=True)] if values == UNKNOWN and owner in self._index.below:
                    # A level and a category in the code are certain, whatever else their owner may be.
                    in_a_row = len(owner) == 2 and names[max(number - 2, 0) : number] == owner
                    is_certain = len(before) == 1 or in_a_row
                    if is_certain and not names[number].startswith("_"):
                        message = self._index.unknown_name(owner, names[number])
                        self._find(rules.UNKNOWN_EMITTER, use.position(number), message)
            before = values
        if use.is_dynamic:
            self._note_dynamic(before, use.position(-1))
        elif before == UNKNOWN and use.call and use.call.keywords and not use.call.args and len(names) > 1:
            keywords = {each.arg for each in use.call.keywords}
            called = self._index.emitter_called(names[-2], names[-1], keywords)
            if called is not None:
                self._emit(called, use.position(-1), "by name")
        return None

    def _find_former(self, path: EmitterPath, position: Position) -> None:
        key = self._index.former_emitters[path]
        message = f"{'.'.join(path)} is called {self._index.former[key]} now; emit that"
        self._find(rules.UNKNOWN_EMITTER, position, message)

    def _note_dynamic(self, values: Values, position: Position) -> None:
        for parts in (each.parts for each in values if isinstance(each, Generated)):
            what = f"any event of {'.'.join(parts)}" if parts else "any event"
            self._notes.add((position, f"getattr with a name that is not written out may emit {what}"))

    def _compare_key(self, key: str, position: Position) -> None:
        if key in self._index.events:
            self._emit(key, position, "key")
        elif key in self._index.former:
            today = self._index.former[key]
            self._emit(today, position, "key")
            self._find(rules.FORMER_KEY, position, f"{key} is called {today} now; write that")
        else:
            self._find(rules.UNKNOWN_EMITTER, position, self._index.unknown_key(key))

    def _emit(self, key: str, position: Position, how: How) -> None:
        self._emissions[key].add(Emission(position, how))
        deprecated = self._index.events[key].deprecated
        if deprecated is not None:
            use = f"; emit {deprecated.use} instead" if deprecated.use else ""
            note = f". {deprecated.note}" if deprecated.note else ""
            message = f"{key} is deprecated since {deprecated.since}{use}{note}"
            self._find(rules.DEPRECATED_EMITTER, position, message)

    def _find(self, rule: Rule, position: Position, message: str) -> None:
        self._findings.add(rule.at(position, message))

    def result(self, declared: Positions, searched: str, elsewhere: Sequence[str]) -> Coverage:
        """What was found, and which events are emitted nowhere."""
        events = tuple(
            EventCoverage(event, self._state(event, elsewhere), tuple(sorted(self._emissions[event.key])))
            for event in self._index.events.values()
        )
        for key in (each.event.key for each in events if each.state == "never"):
            hint = (
                f"emit it, deprecate it, excuse it with --elsewhere {key}, or, if nothing emits it yet, "
                "write `suppress: {AC971: {reason: ...}}` at the event"
            )
            self._find(rules.NEVER_EMITTED, declared[key], f"{key} is emitted nowhere in {searched}; {hint}")
        for pattern in elsewhere:
            fitting = {each.state for each in events if fnmatchcase(each.event.key, pattern)}
            if "elsewhere" not in fitting:
                reason = "no event has such a key; correct or remove it"
                reason = "all events it fits are emitted here; remove it" if fitting else reason
                self._find(rules.UNUSED_ELSEWHERE, COMMAND_LINE, f"--elsewhere {pattern}: {reason}")
        return Coverage(events, tuple(sorted(self._findings)), tuple(sorted(self._notes)), self._files)

    def _state(self, event: Event, elsewhere: Sequence[str]) -> State:
        if self._emissions[event.key]:
            return "emitted"
        if any(fnmatchcase(event.key, pattern) for pattern in elsewhere):
            return "elsewhere"
        return "deprecated" if event.deprecated else "never"
