"""`auditwright import`: entries from JSON Lines."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path

from auditwright.commands.options import add_actor, add_log, open_log
from auditwright.commands.progress import ProgressLine
from auditwright.commands.signals import exit_on_signals
from auditwright.errors import AuditwrightError
from auditwright.text import print_lines
from auditwright.transfer.jsonl_import import read_lines


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "file",
        metavar="FILE.jsonl",
        help="JSON Lines, such as an export, plain or compressed with gzip or Zstandard; - is stdin",
    )
    add_actor(parser, "who imports")
    add_log(parser)


def run(options: argparse.Namespace) -> int:
    """Import the lines; report each refused one with its number. Returns 1 where there is one.

    The import is recorded at its end, also when an error or a signal ends it.
    """
    name = options.file

    def report(number: int, error: AuditwrightError) -> None:
        progress.clear()
        print_lines(f"{name}:{number}: {error}", file=sys.stderr)

    source = nullcontext(sys.stdin.buffer) if options.file == "-" else Path(options.file).open("rb")  # noqa: SIM115
    with (
        source as stream,
        open_log(options, create=True) as log,
        exit_on_signals(),
        ProgressLine("read") as progress,
    ):
        lines = progress.counting(read_lines(stream, f"{name}: "))
        origin = "stdin" if options.file == "-" else options.file
        result = log.import_jsonl(lines, report, actor=options.actor, source=origin)
    print_lines(
        f"{name}: {result.stored:,} stored, {result.known:,} already there, {result.refused:,} refused"
    )
    return 1 if result.refused else 0
