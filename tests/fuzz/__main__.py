"""Fuzzes every entrance of the runtime; see `--help`. The exit code is 1 if anything is undocumented."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager
from functools import partial
from pathlib import Path

from tests.fuzz.campaign import Finding, Result, progress_line, run, run_one
from tests.fuzz.entrances import BY_NAME, ENTRANCES
from tests.fuzz.reading_back import read_back
from tests.fuzz.world import World
from tests.support.databases import Database, SQLiteDatabase, temporary_server

EPILOG = """
Each entrance gets its share of the inputs. A call with several inputs, such as record_forms, counts each.
An input is stored, known (the same entry again), refused with a documented error, answered (reads), or
passed (the exception of the caller's own iterable, callback or stream). At the end the rows are counted by
SQL, and all are read back by pages, get, views, exports and an import into another log.

  python -m tests.fuzz --number 1000000
  python -m tests.fuzz --engine postgresql --number 100000 --seed 7
  python -m tests.fuzz --repeat record_form:1234 --seed 7
"""


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; returns the exit code."""
    options = _parse(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # inputs have lone surrogates
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    try:
        with (
            _database(options.engine, options.folder) as (database, folder),
            chdir(folder),  # a name in an input never touches the caller's files
            closing(World(database, folder, options.seed)) as world,
        ):
            if options.repeat:
                return _repeat(world, options.seed, options.repeat)
            return _fuzz(world, options)
    finally:
        logging.disable(logging.NOTSET)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.fuzz",
        description="Fuzz every entrance of the runtime and judge what comes back.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--number", type=int, default=100_000, help="inputs over all entrances (100,000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same inputs (1)")
    parser.add_argument(
        "--entrance", action="append", choices=tuple(BY_NAME), help="only this one; may be repeated"
    )
    parser.add_argument("--repeat", metavar="ENTRANCE:N", help="run one call again and show it")
    parser.add_argument(
        "--folder", type=Path, help="where the database is made (default: in memory if it can be)"
    )
    options = parser.parse_args(arguments)
    if options.repeat:
        name, _, number = options.repeat.rpartition(":")
        if name not in BY_NAME or not number.isdigit():
            parser.error(
                f"--repeat: expected an entrance and a number, such as emitters:12, got {options.repeat}"
            )
    return options


@contextmanager
def _database(engine: str, folder: Path | None) -> Iterator[tuple[Database, Path]]:
    """An empty database. Durability is not what is tried here, so that a file in memory will do."""
    memory = Path("/dev/shm")  # noqa: S108 - memory, with a folder of its own in it
    parent = folder or (memory if os.access(memory, os.W_OK) else None)
    with tempfile.TemporaryDirectory(prefix="auditwright-fuzz-", dir=parent) as made:
        if engine == "sqlite":
            yield SQLiteDatabase(Path(made) / "audit.db"), Path(made)
            return
        with temporary_server() as server:
            yield server.database(), Path(made)


def _fuzz(world: World, options: argparse.Namespace) -> int:
    chosen = [BY_NAME[name] for name in options.entrance or ()] or list(ENTRANCES)
    shares = sum(entrance.share for entrance in chosen)
    results: list[Result] = []
    started = time.perf_counter()
    for entrance in chosen:
        wanted = max(round(options.number * entrance.share / shares), 1)
        show = partial(progress_line, entrance.name, wanted=wanted, started=time.perf_counter())
        results.append(run(world, entrance, options.seed, wanted, show))
        print(_row(results[-1]), flush=True) if len(results) > 1 else print(
            _head() + _row(results[-1]), flush=True
        )
    print(_total(results))
    took = time.perf_counter() - started
    findings = [each for result in results for each in result.findings.values()]
    began = time.perf_counter()
    findings += read_back(world, lambda text: print(text, file=sys.stderr) if sys.stderr.isatty() else None)
    entries, back = sum(world.rows().values()), time.perf_counter() - began
    print(f"{took:,.0f} s, and {back:,.0f} s to read {entries:,} entries back")
    for finding in findings:
        _print_finding(finding, options)
    return 1 if findings else 0


COLUMNS = "{:15} {:>9} {:>9} {:>7} {:>9} {:>9} {:>7} {:>9} {:>8}  {}"


def _head() -> str:
    names = (
        "entrance",
        "inputs",
        "stored",
        "known",
        "refused",
        "answered",
        "passed",
        "findings",
        "a CPU s",
        "slowest",
    )
    return COLUMNS.format(*names) + "\n"


def _row(result: Result) -> str:
    came = result.outcome
    rate = came.inputs / max(result.seconds, 1e-9)
    numbers = (
        came.inputs,
        came.stored,
        came.known,
        came.refused,
        came.answered,
        came.passed,
        result.undocumented,
    )
    slowest = f"{result.slowest * 1000:,.0f} ms, {result.slowest_repeat}" if result.slowest_repeat else ""
    return COLUMNS.format(result.entrance, *(f"{each:,}" for each in numbers), f"{rate:,.0f}", slowest)


def _total(results: list[Result]) -> str:
    total = Result("all", seconds=sum(each.seconds for each in results))
    for result in results:
        total.outcome.add(result.outcome)
    total.findings = {
        f"{each.entrance}{title}": found for each in results for title, found in each.findings.items()
    }
    return _row(total)


def _print_finding(finding: Finding, options: argparse.Namespace) -> None:
    print(f"\n{finding.entrance}: {finding.count:,} times: {finding.title}")
    if finding.shown:
        print(f"  input: {finding.shown[:1500]}")
    print("  " + finding.text.strip().replace("\n", "\n  "))
    if finding.repeat:
        print(
            f"  repeat: python -m tests.fuzz --engine {options.engine} --seed {options.seed} "
            f"--repeat {finding.repeat}"
        )


def _repeat(world: World, seed: int, repeat: str) -> int:
    name, _, number = repeat.rpartition(":")
    result = Result(name)
    run_one(world, BY_NAME[name], seed, int(number), result)
    for finding in result.findings.values():
        print(f"{finding.title}\n{finding.shown}\n{finding.text}")
    print(result.outcome)
    return 1 if result.findings else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        traceback.clear_frames(sys.exc_info()[2])
        sys.exit(1)
