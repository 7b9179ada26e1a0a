"""What the commands share: exit codes, and the option `--catalog`."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

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


def read_catalog_option(options: argparse.Namespace) -> "CheckResult | None":
    """Reads and checks the catalog; if it cannot be read, prints the reason to stderr and returns None."""
    from auditwright_generator.check import read_catalog
    from auditwright_generator.source.yaml_nodes import UnreadableCatalog

    try:
        return read_catalog(Path(options.catalog))
    except UnreadableCatalog as error:
        print(f"auditwright: {error}", file=sys.stderr)
        return None


def print_findings(checked: "CheckResult") -> None:
    """Prints findings to stderr, for commands with other output."""
    for finding in checked.findings:
        print(finding, file=sys.stderr)
    print(checked.summary, file=sys.stderr)
