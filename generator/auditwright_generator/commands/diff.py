"""`auditwright diff`: compares two catalogs and prints the changes."""

import argparse
import sys
from pathlib import Path

from auditwright_generator.commands.base import (
    CLEAN,
    FINDINGS,
    UNREADABLE,
    add_catalog_option,
    print_findings,
    print_report,
    read_catalog_option,
)
from auditwright_generator.diff.rules import AUDIENCES
from auditwright_generator.text import print_lines


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = "exit code: 0 nothing to do, 1 a break or a version that is too low, 2 unreadable input"
    add_catalog_option(parser)
    parser.add_argument(
        "--against",
        metavar="REF|DIR|FILE",
        required=True,
        help="the older catalog: a git commit or branch, a catalog's folder, a generated package's folder "
        "or a catalog.json; an existing path wins over a commit; in a commit without the catalog "
        "everything is new",
    )
    parser.add_argument(
        "--format",
        choices=("text", "json", "github", "markdown"),
        default="text",
        help="text, json, github (workflow commands) or markdown (release notes); default: text",
    )
    parser.add_argument(
        "--for",
        dest="audience",
        choices=tuple(AUDIENCES),
        help="only what concerns them: their breaks and what they see; the exit code is about these changes, "
        "not about the version (default: everything)",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    checked = read_catalog_option(options)
    if checked is None:
        return UNREADABLE
    if checked.catalog is None:
        print_findings(checked)
        return UNREADABLE
    from auditwright_generator.check import without_collector
    from auditwright_generator.diff.comparison import compare_catalogs, everything_is_new
    from auditwright_generator.diff.report import FORMATS
    from auditwright_generator.diff.snapshot import read_snapshot
    from auditwright_generator.source.yaml_nodes import UnreadableCatalog

    with without_collector():
        try:
            old = read_snapshot(options.against, Path(options.catalog), checked.catalog.package)
        except UnreadableCatalog as error:
            print_lines(f"auditwright: {error}", file=sys.stderr)
            return UNREADABLE
        if old.catalog is None:
            comparison = everything_is_new(checked.catalog, checked.source, old.note)
        else:
            comparison = compare_catalogs(old.catalog, checked.catalog, checked.source)
            if old.note:
                print_lines(f"auditwright: {old.note}, and is compared with it", file=sys.stderr)
    if options.audience:
        comparison = comparison.only_for(options.audience)
    print_report(FORMATS[options.format](comparison).removesuffix("\n").split("\n"), options.format)
    return FINDINGS if comparison.refused else CLEAN
