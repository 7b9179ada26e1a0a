"""`auditwright coverage`: which events Python code emits, and which it does not."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from auditwright_generator.commands.base import (
    CLEAN,
    FINDINGS,
    UNREADABLE,
    add_catalog_option,
    add_fail_on_option,
    print_findings,
    print_report,
    read_catalog_option,
)
from auditwright_generator.text import print_lines

if TYPE_CHECKING:
    from auditwright_generator.coverage.coverage import Coverage

_HELP = """\
The sources are parsed, and neither imported nor run. An event that nothing emits yet can say so in the
catalog, with `suppress: {AC971: {reason: ...}}`. Calls in tests count like any other: name the folders
of the code that is deployed, or leave tests out with --exclude.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _HELP
    add_catalog_option(parser)
    parser.add_argument(
        "sources", metavar="SRC", nargs="+", help="a Python file, or a folder, read with all below it"
    )
    parser.add_argument(
        "--exclude",
        metavar="PATTERN",
        action="append",
        default=[],
        help="leave out files and folders whose name or path fits, such as tests or '*_test.py'; "
        "may be repeated",
    )
    parser.add_argument(
        "--elsewhere",
        metavar="PATTERN",
        action="append",
        default=[],
        help="events whose keys fit are emitted by other code, such as 'tool.guardrails.*'; may be repeated",
    )
    parser.add_argument("--list", action="store_true", help="list where each event is emitted, too")
    parser.add_argument("--format", choices=["text", "json", "github"], default="text", help="default: text")
    add_fail_on_option(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    from auditwright_generator.coverage.report import PRINTERS
    from auditwright_generator.coverage.sources import NothingToRead, find_files

    try:
        files = find_files([Path(source) for source in options.sources], options.exclude)
    except NothingToRead as error:
        print_lines(f"auditwright: {error}", file=sys.stderr)
        return UNREADABLE
    checked = read_catalog_option(options)
    if checked is None:
        return UNREADABLE
    if checked.catalog is None:
        print_findings(checked)
        return FINDINGS

    from auditwright_generator.coverage.coverage import apply_suppressions, cover

    positions = {event.key: event.node.key_position for _, event in checked.source.events}
    coverage = cover(checked.catalog, positions, files, " ".join(options.sources), options.elsewhere)
    coverage = apply_suppressions(coverage, checked.source)
    print_report(PRINTERS[options.format](coverage, options.list), options.format)
    return _exit_code(coverage, options.fail_on)


def _exit_code(coverage: "Coverage", fail_on: str) -> int:
    failing = coverage.errors if fail_on == "error" else len(coverage.findings)
    return FINDINGS if failing else CLEAN
