"""Runs the fault campaign; see `--help`. The exit code is 1 if a promise is broken."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tests.faults.campaign import world_of
from tests.faults.report import Report
from tests.faults.scenarios import BY_NAME, SCENARIOS, run

EPILOG = """
Each row is a log without a spool (direct) or with one. All entries that were acknowledged have to be in the
database at the end, once. "errors" are documented ones, for the caller to record the entry again; any other
exception is undocumented. "longest" is the longest call in seconds, which has its timeout and a second, and
"stall", how late a thread ran at most that had nothing to wait for.

  python -m tests.faults --scale long
  python -m tests.faults kill frozen --seed 7
"""
COLUMNS = (
    ("scenario", 20),
    ("log", 7),
    ("announced", 10),
    ("database", 9),
    ("spool", 8),
    ("errors", 8),
    ("missing", 8),
    ("twice", 6),
    ("undocumented", 13),
    ("longest", 12),
    ("stall", 7),
    ("MB", 15),
    ("seconds", 8),
)


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; returns the exit code."""
    options = _parse(arguments)
    chosen = [BY_NAME[name] for name in options.scenario] or SCENARIOS
    broken = not_run = 0
    print(_line([name for name, _ in COLUMNS]))
    for scenario in chosen:
        with world_of(options.seed, options.scale == "long") as world:
            for report in run(world, scenario):
                print("\n".join(lines(report)), flush=True)
                broken += bool(report.broken())
                not_run += bool(report.not_run)
    print(f"{broken} broken, {not_run} not run, seed {options.seed}, scale {options.scale}")
    return 1 if broken else 0


def lines(report: Report) -> list[str]:
    """A row of the table, and below it what is wrong and which errors there were."""
    if report.not_run:
        return [f"{report.scenario:20} not run: {report.not_run}"]
    row = _line(
        (
            report.scenario,
            report.way,
            f"{len(report.announced):,}",
            f"{len(report.in_database):,}",
            f"{len(report.in_spool):,}",
            f"{report.errors.total():,}",
            str(report.missing),
            str(report.twice),
            str(len(report.undocumented)),
            f"{report.longest:.1f} of {report.deadline:g}",
            f"{report.stall:.1f}",
            " ".join(f"{each:.0f}" for each in report.sizes),
            f"{report.seconds:.0f}",
        )
    )
    kills = [f"    {report.kills} kills"] if report.kills else []
    loop = [f"    the event loop ran up to {report.loop_lag:.1f} s late"] if report.loop_lag else []
    errors = [f"    {count:,} times: {text}" for text, count in report.errors.most_common(4)]
    return [row, *kills, *loop, *errors, *(f"  BROKEN {each}" for each in report.broken())]


def _line(values: Sequence[str]) -> str:
    aligned = [
        f"{value:{width}}" if number < 2 else f"{value:>{width}}"
        for number, (value, (_, width)) in enumerate(zip(values, COLUMNS, strict=True))
    ]
    return "".join(aligned).rstrip()


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.faults",
        description="Let the database, the disk, the network and the clock fail under writers.",
        epilog="\n".join(["", *(f"  {each.name:10} {each.title}" for each in SCENARIOS), EPILOG]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO", help="one of those below (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="for what is random (1)")
    parser.add_argument("--scale", choices=("short", "long"), default="short", help="how long each takes")
    options = parser.parse_args(arguments)
    for name in options.scenario:
        if name not in BY_NAME:
            parser.error(f"there is no scenario {name!r}; expected one of: {', '.join(BY_NAME)}")
    return options


if __name__ == "__main__":
    started = time.monotonic()
    code = main()
    print(f"{time.monotonic() - started:,.0f} s")
    sys.exit(code)
