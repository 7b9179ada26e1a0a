"""Compares what files emit with the catalog: for each event where it is emitted, and what is wrong.

Everything that is decided about a use is decided here. Prints nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from auditwright_generator.check import without_collector
from auditwright_generator.findings import Finding, Position, Rule, counted
from auditwright_generator.model import Catalog, Event
from auditwright_generator.usage.known import Known
from auditwright_generator.usage.reader import Facts, KeyUse, Use, read
from auditwright_generator.usage.rules import (
    DEPRECATED_EMITTER,
    FORMER_KEY,
    NEVER_EMITTED,
    UNKNOWN_EMITTER,
    UNUSED_ELSEWHERE,
)
from auditwright_generator.usage.sources import Source, parse
from auditwright_generator.usage.values import (
    OTHER,
    Category,
    Emitter,
    Level,
    Log,
    Missing,
    Model,
    Project,
    Resolver,
    Root,
    Text,
    Values,
)

How = Literal["emitter", "model", "key", "by name"]
State = Literal["emitted", "elsewhere", "deprecated", "never"]
NO_PLACE = Position("", 0, 0)
"""Of what stands in no file but on the command line."""


@dataclass(frozen=True, slots=True, order=True)
class Emission:
    """One place that emits an event."""

    position: Position
    how: How
    """By its emitter, its metadata model, its key; or by a call that only its names and keywords tell."""


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """Something that cannot be decided."""

    position: Position
    message: str


@dataclass(frozen=True, slots=True)
class EventCoverage:
    """One event, and what became of it."""

    event: Event
    state: State
    emissions: tuple[Emission, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What comparing came to."""

    events: tuple[EventCoverage, ...]
    """In catalog order."""
    findings: tuple[Finding, ...]
    """Sorted by place."""
    notes: tuple[Note, ...]
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
    def emitting_files(self) -> int:
        """How many files emit anything."""
        return len({emission.position.path for each in self.events for emission in each.emissions})

    @property
    def summary(self) -> str:
        """The outcome on one line."""
        emitted = f"{self.count('emitted')} emitted from {counted(self.emitting_files, 'file')}"
        parts = [emitted if self.emitting_files else "none emitted"]
        others: tuple[tuple[State, str], ...] = (
            ("elsewhere", "elsewhere"),
            ("deprecated", "deprecated and no longer"),
            ("never", "never"),
        )
        for state, words in others:
            number = self.count(state)
            parts += [f"{number} {words}"] if number else []
        warnings = len(self.findings) - self.errors
        problems = [counted(n, noun) for n, noun in ((self.errors, "error"), (warnings, "warning")) if n]
        events, files = counted(len(self.events), "event"), counted(self.files, "file")
        return f"{events}, {files} read: {', '.join(parts)}; {', '.join(problems) or 'no findings'}"


def cover(
    catalog: Catalog,
    positions: dict[str, Position],
    files: Sequence[Path],
    searched: str,
    elsewhere: Sequence[str],
) -> Coverage:
    """Compares the files with the catalog.

    `places` says where each event is declared, `searched` what to call the files in a message, and events
    that `elsewhere` has patterns for need not be emitted in them.
    """
    judge = _Judge(Known.of(catalog))
    judge.read(files)
    judge.judge()
    for key, event in judge.known.events.items():
        if key not in judge.emissions and not event.deprecated:
            judge.never(key, positions[key], searched, elsewhere)
    return judge.outcome(elsewhere)


class _Judge:
    def __init__(self, known: Known) -> None:
        self.known = known
        self.emissions: dict[str, set[Emission]] = {}
        self._project = Project(known)
        self._facts = Facts()
        self._findings: set[Finding] = set()
        self._notes: set[Note] = set()
        self._passed: set[Level | Category] = set()
        self._unclear: list[Use] = []
        self._files = 0

    def read(self, files: Sequence[Path]) -> None:
        """Reads all files; afterwards every name can be worked out."""
        paths = {path: _parts(path) for path in files}
        for _, parts in sorted(paths.items(), key=lambda item: (len(item[1]), item[1])):
            self._project.add_file(parts)
        for path, parts in paths.items():
            with without_collector():
                source = parse(path)
                self._files += source is not None
                if isinstance(source, Source):
                    facts = read(source, self._project.files[parts], parts, self._project)
                    self._facts.uses += facts.uses
                    self._facts.keys += facts.keys
                elif source is not None:
                    self._findings.add(source)

    def judge(self) -> None:
        """Decides about every use; what only names tell comes last, when all that is passed on is known."""
        resolver = Resolver(self._project)
        for use in self._facts.uses:
            self._judge_use(use, resolver.follow(use.base, use.names, use.label))
        for key in self._facts.keys:
            self._judge_key(key, resolver)
        for use in self._unclear:
            self._judge_by_name(use)

    # --- emitters and models -----------------------------------------------------------------------------

    def _judge_use(self, use: Use, steps: list[Values]) -> None:
        index = _triple(use, self.known)
        if index is not None:
            self._judge_triple(use, index)
            return
        decided = False
        for position, values in zip(use.positions, steps, strict=True):
            decided |= self._judge_step(use, position, values)
        last = steps[-1]
        if use.dynamic:
            self._note_dynamic(use, last)
        elif use.passed:
            self._passed |= {each for each in last if isinstance(each, Level | Category)}
        if not decided and use.fits:
            self._unclear.append(use)

    def _judge_step(self, use: Use, position: Position, values: Values) -> bool:
        is_last = position is use.positions[-1]
        decided = False
        for value in values:
            match value:
                case Emitter(key) if use.names or use.called:
                    decided = self._emit(key, position, "emitter")
                case Model(key) if use.called and is_last:
                    decided = self._emit(key, position, "model")
                case Missing(message):
                    decided = True
                    self._find(UNKNOWN_EMITTER, position, message)
        return decided

    def _judge_triple(self, use: Use, index: int) -> None:
        """Level, category and event stand one after the other."""
        names = (use.label, *use.names)
        key, position = ".".join(names[index : index + 3]), use.positions[index + 2]
        if key in self.known.events:
            self._emit(key, position, "emitter")
        else:
            level, category, name = names[index : index + 3]
            self._find(UNKNOWN_EMITTER, position, self.known.unknown_event(level, category, name))

    def _judge_by_name(self, use: Use) -> None:
        """A call of what could not be followed, whose keywords fit an emitter."""
        owner = use.names[-2] if len(use.names) > 1 else use.label
        for key in use.fits:
            level, category, _ = key.split(".")
            was_passed = any(
                each.name == category if isinstance(each, Category) else owner == category
                for each in self._passed
                if (each.level if isinstance(each, Category) else each.name) == level
            )
            alone = owner == category and use.has_fields and len(use.fits) == 1
            if was_passed or alone:
                self._emit(key, use.positions[-1], "by name")

    def _note_dynamic(self, use: Use, values: Values) -> None:
        for value in values:
            match value:
                case Root():
                    what = "any event"
                case Level(name):
                    what = f"any event of {name}"
                case Category(level, name):
                    what = f"any event of {level}.{name}"
                case _:
                    continue
            self._notes.add(
                Note(use.positions[-1], f"getattr with a name that is not written out may emit {what}")
            )

    # --- keys --------------------------------------------------------------------------------------------

    def _judge_key(self, use: KeyUse, resolver: Resolver) -> None:
        to_log = use.log is not None and Log() in resolver.values(use.log)
        values = resolver.values(use.key)
        for value in values:
            if isinstance(value, Text):
                self._judge_text(value.text, use.position, to_log)
        if to_log and OTHER in values:
            self._notes.add(Note(use.position, "a key that is not written out may record any event"))

    def _judge_text(self, key: str, position: Position, to_log: bool) -> None:
        if key in self.known.events:
            self._emit(key, position, "key")
        elif key in self.known.former:
            today = self.known.former[key]
            self._emit(today, position, "key")
            self._find(FORMER_KEY, position, f"{key} is called {today} now; write that")
        elif to_log or self.known.looks_like_key(key):
            self._find(UNKNOWN_EMITTER, position, self.known.unknown_key(key))

    # --- outcome -----------------------------------------------------------------------------------------

    def _emit(self, key: str, position: Position, how: How) -> bool:
        self.emissions.setdefault(key, set()).add(Emission(position, how))
        deprecated = self.known.events[key].deprecated
        if deprecated is not None:
            use = f"; emit {deprecated.use} instead" if deprecated.use else ""
            note = f". {deprecated.note}" if deprecated.note else ""
            message = f"{key} is deprecated since {deprecated.since}{use}{note}"
            self._find(DEPRECATED_EMITTER, position, message)
        return True

    def _find(self, rule: Rule, position: Position, message: str) -> None:
        self._findings.add(rule.at(position, message))

    def never(self, key: str, position: Position, searched: str, elsewhere: Sequence[str]) -> None:
        """An event that no file emits, unless it is emitted elsewhere."""
        if not _fitting(key, elsewhere):
            way = f"emit it, deprecate it, or excuse it with --elsewhere {key}"
            self._find(NEVER_EMITTED, position, f"{key} is emitted nowhere in {searched}; {way}")

    def outcome(self, elsewhere: Sequence[str]) -> Coverage:
        """All that was decided."""
        events = tuple(self._event(event, elsewhere) for event in self.known.events.values())
        excused = [each.event.key for each in events if each.state == "elsewhere"]
        for pattern in dict.fromkeys(elsewhere):
            if not any(fnmatchcase(key, pattern) for key in excused):
                self._find(UNUSED_ELSEWHERE, NO_PLACE, _unused(pattern, self.known))
        return Coverage(events, tuple(sorted(self._findings)), tuple(sorted(self._notes)), self._files)

    def _event(self, event: Event, elsewhere: Sequence[str]) -> EventCoverage:
        emissions = tuple(sorted(self.emissions.get(event.key, ())))
        state: State = "never"
        if emissions:
            state = "emitted"
        elif _fitting(event.key, elsewhere):
            state = "elsewhere"
        elif event.deprecated:
            state = "deprecated"
        return EventCoverage(event, state, emissions)


def _parts(path: Path) -> tuple[str, ...]:
    """A file as an import may name it: its path without the suffix."""
    parts = path.absolute().parts[1:]
    return parts[:-1] if path.name == "__init__.py" else (*parts[:-1], path.stem)


def _triple(use: Use, known: Known) -> int | None:
    """Where level, category and the name of an event, today's or a former one, stand in a row."""
    names = (use.label, *use.names)
    for index in range(len(names) - 2):
        if names[index] in known.levels or known.former:
            key = ".".join(names[index : index + 3])
            if key in known.events or key in known.former:
                return index
    return None


def _fitting(key: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in patterns)


def _unused(pattern: str, known: Known) -> str:
    if any(fnmatchcase(key, pattern) for key in known.events):
        return f"--elsewhere {pattern}: all events it fits are emitted here; remove it"
    return f"--elsewhere {pattern}: no event has such a key; correct or remove it"
