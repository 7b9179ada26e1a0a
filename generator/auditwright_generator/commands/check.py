"""`auditwright check`: prints the findings of a catalog."""

import argparse

from auditwright_generator.commands.base import (
    CLEAN,
    FINDINGS,
    UNREADABLE,
    add_catalog_option,
    print_report,
    read_catalog_option,
)

FORMATS = ("text", "json", "github", "sarif")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = "exit code: 0 no findings, 1 findings, 2 the catalog cannot be read"
    add_catalog_option(parser)
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="text",
        help="text, json, github (annotations of a pull request) or sarif (code scanning); default: text",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    checked = read_catalog_option(options)
    if checked is None:
        return UNREADABLE
    from auditwright_generator import report
    from auditwright_generator.checks.rules import RULES

    found = report.CheckReport(checked.findings, checked.summary, RULES, checked.suppressed, checked.off)
    print_report(report.FORMATS[options.format](found), options.format)
    return FINDINGS if checked.findings else CLEAN
