"""`auditwright database retain` and `hold`: delete old entries, and exempt accounts from that."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from auditwright.catalog import find_catalog
from auditwright.commands.options import (
    account,
    add_actor,
    add_catalog_package,
    add_database,
    end,
)
from auditwright.commands.progress import ProgressLine
from auditwright.commands.text import counted, table
from auditwright.limits import sanitize
from auditwright.operations.retention import list_holds, place_hold, prune, remove_hold
from auditwright.storage.retention import ExpiredEntries, Hold, PruneResult
from auditwright.text import print_lines

MAX_DAYS = 36_500
LISTED = 50
"""Accounts that are listed; more are only counted."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `retain`."""
    parser.add_argument(
        "--older-than",
        type=days,
        metavar="DAYS",
        required=True,
        help="the least age of deleted entries in days, such as 400d",
    )
    parser.add_argument("--dry-run", action="store_true", help="report what would be deleted; delete nothing")
    parser.add_argument("--account", type=account, metavar="ID", help="only this account (default: all)")
    add_actor(parser, "who deletes")
    add_database(parser)
    add_catalog_package(parser)


def days(text: str) -> timedelta:
    """Parse a number of days, such as `400d`."""
    if re.fullmatch("[1-9][0-9]{0,4}d", text) and int(text[:-1]) <= MAX_DAYS:
        return timedelta(days=int(text[:-1]))
    raise argparse.ArgumentTypeError(
        f"{text!r} is not an age; write a number of days, such as 400d, at most {MAX_DAYS}d"
    )


def retain(options: argparse.Namespace) -> int:
    """Delete old entries, or report what would be deleted."""
    with ProgressLine("scanned" if options.dry_run else "deleted") as progress:
        result = prune(
            options.database,
            find_catalog(options.catalog_package),
            datetime.now(UTC) - options.older_than,
            options.actor,
            account_id=None if options.account is None else sanitize(options.account),
            dry_run=options.dry_run,
            progress=progress,
        )
    print_lines(f"{result.name}: {_sentence(result, options.dry_run)}")
    _print_accounts(result.deleted)
    if result.dropped:
        print_lines(f"partitions {'to drop' if options.dry_run else 'dropped'}: {len(result.dropped)}")
    if result.held:
        print_lines("kept because of a hold:")
        _print_accounts(result.held)
    if options.dry_run and result.deleted:
        print_lines("next: run the same command without --dry-run to delete them")
    return 0


def _sentence(result: PruneResult, dry_run: bool) -> str:
    before = f"from before {result.before:%Y-%m-%d %H:%M} (UTC)"
    count = sum(each.entries for each in result.deleted)
    if not count:
        return f"no entries {before} to delete"
    return f"{'would delete' if dry_run else 'deleted'} {counted(count, 'entry')} {before}"


def _print_accounts(accounts: Sequence[ExpiredEntries]) -> None:
    if not accounts:
        return
    rows = [
        [each.account_id, f"{each.entries:,}", f"{each.first:%Y-%m-%d %H:%M}", f"{each.last:%Y-%m-%d %H:%M}"]
        for each in accounts[:LISTED]
    ]
    lines = table(["account", "entries", "first", "last"], rows, whole=("entries", "first", "last"))
    print_lines(*(f"  {line}" for line in lines))
    if len(accounts) > LISTED:
        print_lines(f"  and {counted(len(accounts) - LISTED, 'more account')}")


# --- holds -----------------------------------------------------------------------------------------


def configure_hold(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `hold`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    add = actions.add_parser(
        "add",
        help="add a hold to an account",
        description="Exempt the entries of an account from retention. An account has at most one hold; a new "
        "one replaces it.",
        allow_abbrev=False,
    )
    add.add_argument("--account", type=account, metavar="ID", required=True, help="the account")
    add.add_argument("--reason", metavar="TEXT", required=True, help="the reason; it is recorded")
    add.add_argument(
        "--until",
        type=end,
        metavar="TIME",
        help="the last day or minute of the hold, or when it expires (UTC)",
    )
    add_actor(add, "who adds the hold")
    remove = actions.add_parser(
        "remove",
        help="remove the hold of an account",
        description="Remove the hold of an account; retention applies to its entries again.",
        allow_abbrev=False,
    )
    remove.add_argument("--account", type=account, metavar="ID", required=True, help="the account")
    add_actor(remove, "who removes the hold")
    list_ = actions.add_parser(
        "list", help="list the holds", description="List the holds by account.", allow_abbrev=False
    )
    for each, run in ((add, _add), (remove, _remove), (list_, _list)):
        add_database(each)
        add_catalog_package(each)
        each.set_defaults(hold=run)


def hold(options: argparse.Namespace) -> int:
    """Run the chosen action."""
    code: int = options.hold(options)
    return code


def _add(options: argparse.Namespace) -> int:
    catalog = find_catalog(options.catalog_package)
    account_id, reason = sanitize(options.account), sanitize(options.reason)
    new = place_hold(options.database, catalog, account_id, reason, options.actor, options.until)
    until = "" if options.until is None else f" until {options.until:%Y-%m-%d %H:%M} (UTC)"
    print_lines(f"{account_id} is on hold{until}: {reason}" + " (unchanged)" * (not new))
    return 0


def _remove(options: argparse.Namespace) -> int:
    catalog = find_catalog(options.catalog_package)
    account_id = sanitize(options.account)
    removed = remove_hold(options.database, catalog, account_id, options.actor)
    if removed is None:
        print_lines(f"{account_id} is not on hold")
        return 1
    print_lines(f"{account_id} is no longer on hold: {removed.reason}")
    return 0


def _list(options: argparse.Namespace) -> int:
    holds = list_holds(options.database, find_catalog(options.catalog_package))
    if not holds:
        print_lines("no account is on hold")
        return 0
    rows = [_cells(each) for each in holds]
    print_lines(*table(["account", "since", "until", "reason"], rows, whole=("since", "until")))
    return 0


def _cells(hold: Hold) -> list[str]:
    until = "" if hold.until is None else f"{hold.until:%Y-%m-%d %H:%M}"
    return [hold.account_id, f"{hold.created_at:%Y-%m-%d %H:%M}", until, hold.reason]
