"""`auditwright count`: the number of entries."""

from __future__ import annotations

import argparse
import sys

from auditwright.commands.options import (
    add_log,
    add_reads,
    add_selection,
    no_entries_text,
    open_log,
    query_of,
    record_read,
    selection_of,
)
from auditwright.commands.progress import ProgressLine
from auditwright.storage.base import Count
from auditwright.text import print_lines

COUNT_LIMIT = 10_000
"""Where counting stops without --exact."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--exact",
        action="store_true",
        help=f"count all entries, however long it takes (default: stop at {COUNT_LIMIT:,})",
    )
    add_selection(parser)
    add_reads(parser)
    add_log(parser)


def run(options: argparse.Namespace) -> int:
    """Print the number, with a + where there may be more."""
    selection = selection_of(options)
    with open_log(options) as log:
        account = log.account(options.account)
        if options.exact:
            with ProgressLine("counted") as progress:
                entries = account.count(**selection, progress=lambda count, _: progress(count))
            found = Count(entries, whole=True)
        else:
            found = account.count_up_to(COUNT_LIMIT, **selection)
        record_read(options, log, query_of(selection))
        print_lines(f"{found.entries}{'' if found.whole else '+'}")
        if not found.whole:
            print_lines("there may be more; --exact counts all entries", file=sys.stderr)
        elif not found.entries:
            print_lines(no_entries_text(log, account, selection), file=sys.stderr)
    return 0
