"""What the commands share: exit codes, the option `--catalog`, and how a report is printed."""

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from auditwright_generator.text import print_lines, printable, printable_json

if TYPE_CHECKING:
    from auditwright_generator.check import CheckResult

CLEAN, FINDINGS, UNREADABLE = 0, 1, 2


def add_catalog_option(parser: argparse.ArgumentParser) -> None:
    """Adds the option `--catalog`."""
    parser.add_argument(
        "--catalog",
        metavar="DIR",
        default=os.environ.get("AUDITWRIGHT_CATALOG_DIR") or "catalog",
        help="the catalog's folder (default: $AUDITWRIGHT_CATALOG_DIR, or catalog)",
    )


def add_fail_on_option(parser: argparse.ArgumentParser) -> None:
    """Adds the option `--fail-on`."""
    parser.add_argument(
        "--fail-on",
        choices=["error", "warning"],
        default="warning",
        help="the least severity of a finding that makes the exit code 1 (default: warning)",
    )


def read_catalog_option(options: argparse.Namespace) -> "CheckResult | None":
    """Reads and checks the catalog; if it cannot be read, prints the reason to stderr and returns None."""
    from auditwright_generator.check import read_catalog
    from auditwright_generator.source.yaml_nodes import UnreadableCatalog

    try:
        return read_catalog(Path(options.catalog))
    except UnreadableCatalog as error:
        print_lines(f"auditwright: {error}", file=sys.stderr)
        return None


def print_findings(checked: "CheckResult") -> None:
    """Prints errors and the number of warnings to stderr, for commands with other output."""
    from auditwright_generator.colors import color_findings
    from auditwright_generator.source.yaml_nodes import catalog_option

    errors = [str(each) for each in checked.findings if each.severity == "error"]
    summary = checked.summary
    if len(errors) < len(checked.findings):
        where = catalog_option(Path(checked.source.node.position.path).parent)
        summary += f"; `auditwright check{where}` lists the warnings"
    lines = map(printable, (*errors, summary))
    for line in color_findings(lines, sys.stderr):
        print(line, file=sys.stderr)


def print_report(lines: Iterable[str], form: str) -> None:
    """Prints a report to stdout, safe to look at. Its text may have colors, and no other format."""
    from auditwright_generator.colors import color_findings

    if form in ("json", "sarif"):
        lines = map(printable_json, lines)
    elif form != "markdown" or sys.stdout.isatty():  # notes for a file keep the texts of the catalog
        lines = map(printable, lines)
    for line in color_findings(lines, sys.stdout) if form == "text" else lines:
        print(line)


def ask(question: str) -> str:
    """Asks a person at a terminal, on stderr; returns the line that was typed."""
    print(f"{printable(question)}: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()
