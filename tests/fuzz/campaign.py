"""Runs inputs of entrances and judges what comes back.

An input is stored, known (stored before, with the same content), refused with a documented error, or
answered. Anything else is a finding. The n-th call of an entrance depends on the seed, the entrance and n.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz.hostile import Raised, shown
from tests.fuzz.world import World

from auditwright import AuditwrightError

LONGEST_ERROR = 40_000
"""The most characters of an error's text: 50 problems at some hundred characters each."""


@dataclass
class Outcome:
    """What became of the inputs of one call."""

    stored: int = 0
    known: int = 0
    refused: int = 0
    answered: int = 0
    """Inputs that store nothing: reads, and objects that were made."""
    passed: int = 0
    """Calls that ended with the exception of the caller's own iterable, callback or stream."""

    @property
    def inputs(self) -> int:
        """How many inputs the call had."""
        return self.stored + self.known + self.refused + self.answered + self.passed

    def add(self, other: Outcome) -> None:
        """Count the inputs of another call too."""
        self.stored += other.stored
        self.known += other.known
        self.refused += other.refused
        self.answered += other.answered
        self.passed += other.passed


Call = Callable[[World, Random], Outcome]


@dataclass(frozen=True)
class Entrance:
    """A way into the library, and how its calls are made and judged."""

    name: str
    share: float
    """Its part of all inputs, relative to the others."""
    call: Call
    documented: tuple[type[Exception], ...] = ()
    """Errors that it documents besides `AuditwrightError`."""
    passes: bool = False
    """Whether it takes iterables, callbacks or streams, whose exceptions pass through."""


class WrongAnswer(Exception):
    """The call returned what it must not."""


@dataclass
class Finding:
    """A kind of fault: an exception at a place, with the first input that shows it."""

    entrance: str
    title: str
    repeat: str
    shown: str
    text: str
    count: int = 1


@dataclass
class Result:
    """What became of an entrance's inputs."""

    entrance: str
    outcome: Outcome = field(default_factory=Outcome)
    findings: dict[str, Finding] = field(default_factory=dict)
    seconds: float = 0.0
    """CPU time of this process, because machines are shared; a PostgreSQL server is another process."""
    slowest: float = 0.0
    slowest_repeat: str = ""

    @property
    def undocumented(self) -> int:
        """How many calls are findings."""
        return sum(each.count for each in self.findings.values())


def run(
    world: World, entrance: Entrance, seed: int, inputs: int, progress: Callable[[int], None] = lambda _: None
) -> Result:
    """Run calls until an entrance has had so many inputs; then compare the rows with what was stored."""
    result = Result(entrance.name)
    before = world.entries()
    started = time.process_time()
    number = 0
    while result.outcome.inputs + result.undocumented < inputs:
        run_one(world, entrance, seed, number, result)
        number += 1
        if number % 500 == 0:
            progress(result.outcome.inputs)
    result.seconds = time.process_time() - started
    added = world.entries() - before
    if added != result.outcome.stored:
        text = f"{result.outcome.stored} entries were reported as stored, and {added} rows were added"
        result.findings["rows"] = Finding(entrance.name, "stored + refused is not what came in", "", "", text)
    return result


def run_one(world: World, entrance: Entrance, seed: int, number: int, result: Result) -> None:
    """Run one call and judge it."""
    random = Random(f"{seed}:{entrance.name}:{number}")
    documented: tuple[type[Exception], ...] = (AuditwrightError, *entrance.documented)
    repeat = f"{entrance.name}:{number}"
    began = time.perf_counter()
    try:
        with world.log.acting(account_id=f"fuzz-{entrance.name}"):
            outcome = entrance.call(world, random)
    except documented as error:
        outcome = Outcome(refused=1)
        if isinstance(error, AuditwrightError) and (fault := fault_of_text(error)):
            _note(result, entrance, repeat, world, error, fault)
    except Raised as error:
        outcome = Outcome(passed=1)
        if not entrance.passes:
            outcome = Outcome()
            _note(result, entrance, repeat, world, error)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        outcome = Outcome()
        _note(result, entrance, repeat, world, error)
    result.outcome.add(outcome)
    took = time.perf_counter() - began
    if took > result.slowest:
        result.slowest, result.slowest_repeat = took, repeat


def fault_of_text(error: BaseException) -> str:
    """What is wrong with the text of a documented error; empty if nothing is."""
    try:
        text = str(error)
        text.encode()
    except Exception as fault:
        return f"str() of the error: {type(fault).__name__}"
    return f"the error has {len(text)} characters" if len(text) > LONGEST_ERROR else ""


def _note(
    result: Result, entrance: Entrance, repeat: str, world: World, error: BaseException, fault: str = ""
) -> None:
    title = fault or f"{type(error).__name__} at {place_of(error)}"
    if title in result.findings:
        result.findings[title].count += 1
        return
    name, args, options = world.input
    lines = traceback.format_exception(error)
    result.findings[title] = Finding(
        entrance.name, title, repeat, f"{name}({shown(args)}, {shown(options)})", "".join(lines)[-6000:]
    )


def place_of(error: BaseException) -> str:
    """Where an exception came from: the last line of the library, and the last line of all."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        frame for frame in frames if "/auditwright" in frame.filename or "/audit_events" in frame.filename
    ]
    last = ours[-1] if ours else frames[-1]
    return f"{Path(last.filename).name}:{last.lineno} {last.name}"


def progress_line(name: str, done: int, wanted: int, started: float) -> None:
    """Show the progress on a terminal."""
    if sys.stderr.isatty():
        rate = done / max(time.perf_counter() - started, 1e-9)
        print(f"\r{name}: {done:,} of {wanted:,} ({rate:,.0f} a second)   ", end="", file=sys.stderr)
