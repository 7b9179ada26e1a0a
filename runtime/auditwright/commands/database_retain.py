"""`auditwright database retain` and `hold`: what is deleted for its age, and what is kept from that."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from auditwright.actor import Actor
from auditwright.catalog import find_catalog
from auditwright.commands.options import account, actor, add_catalog_package, add_database, moment
from auditwright.commands.progress import Progress
from auditwright.commands.text import table
from auditwright.limits import sanitize
from auditwright.operations.retention import list_holds, place_hold, prune, remove_hold
from auditwright.storage.retention import ExpiredEntries, Hold, PruneResult
from auditwright.text import printable

MAX_DAYS = 36_500
LISTED = 50
"""Accounts that are listed."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `retain`."""
    parser.add_argument(
        "--older-than", type=days, metavar="DAYS", required=True, help="the age in days, such as 400d"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be deleted, and delete nothing"
    )
    parser.add_argument("--account", type=account, metavar="ID", help="only this account (default: all)")
    _add_actor(parser, "deleted", "auditwright database retain")
    add_database(parser)
    add_catalog_package(parser)


def _add_actor(parser: argparse.ArgumentParser, did: str, name: str) -> None:
    parser.add_argument(
        "--actor",
        type=actor,
        default=Actor.system(name),
        help=f"who is recorded as who {did}: user:ID:NAME, app:ID:NAME or system (default: system)",
    )


def days(text: str) -> timedelta:
    """A number of days, such as `400d`."""
    if re.fullmatch("[1-9][0-9]{0,4}d", text) and int(text[:-1]) <= MAX_DAYS:
        return timedelta(days=int(text[:-1]))
    raise argparse.ArgumentTypeError(
        f"{text!r} is no age; write a number of days, such as 400d, at most {MAX_DAYS}d"
    )


def retain(options: argparse.Namespace) -> int:
    """Delete what is too old, or say what that would be."""
    with Progress("looked at" if options.dry_run else "deleted") as progress:
        done = prune(
            options.database,
            find_catalog(options.catalog_package),
            datetime.now(UTC) - options.older_than,
            options.actor,
            account_id=None if options.account is None else sanitize(options.account),
            dry_run=options.dry_run,
            progress=progress,
        )
    print(printable(f"{done.name}: {_sentence(done, options.dry_run)}"))
    _print_accounts(done.deleted)
    if done.dropped:
        print(f"partitions {'to drop' if options.dry_run else 'dropped'}: {len(done.dropped)}")
    if done.held:
        print("kept, as the account is held:")
        _print_accounts(done.held)
    if options.dry_run and done.deleted:
        print("next: the same command without --dry-run deletes them")
    return 0


def _sentence(done: PruneResult, dry_run: bool) -> str:
    before = f"from before {done.before:%Y-%m-%d %H:%M} (UTC)"
    count = sum(old.entries for old in done.deleted)
    if not count:
        return f"no entries {before} to delete"
    return f"{'would delete' if dry_run else 'deleted'} {_entries(count)} {before}"


def _print_accounts(olds: Sequence[ExpiredEntries]) -> None:
    if not olds:
        return
    rows = [
        [old.account_id, f"{old.entries:,}", f"{old.first:%Y-%m-%d %H:%M}", f"{old.last:%Y-%m-%d %H:%M}"]
        for old in olds[:LISTED]
    ]
    for line in table(["account", "entries", "first", "last"], rows):
        print(f"  {line}")
    if len(olds) > LISTED:
        print(f"  and {len(olds) - LISTED:,} more accounts")


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count:,} entries"


# --- holds -----------------------------------------------------------------------------------------


def configure_hold(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `hold`."""
    actions = parser.add_subparsers(title="what to do", metavar="ACTION", required=True)
    add = actions.add_parser(
        "add",
        help="keep the entries of an account",
        description="Keep the entries of an account, whatever their age. An account has one hold; another "
        "one takes its place.",
        allow_abbrev=False,
    )
    add.add_argument("--account", type=account, metavar="ID", required=True, help="the account")
    add.add_argument("--reason", metavar="TEXT", required=True, help="why; it is recorded")
    add.add_argument(
        "--until", type=moment, metavar="TIME", help="when it ends by itself, such as 2027-01-31 (UTC)"
    )
    _add_actor(add, "placed it", "auditwright database hold")
    remove = actions.add_parser(
        "remove",
        help="give an account back to retention",
        description="Give an account back to retention.",
        allow_abbrev=False,
    )
    remove.add_argument("--account", type=account, metavar="ID", required=True, help="the account")
    _add_actor(remove, "removed it", "auditwright database hold")
    every = actions.add_parser(
        "list", help="list the holds", description="List the holds, by account.", allow_abbrev=False
    )
    for each, run in ((add, _add), (remove, _remove), (every, _list)):
        add_database(each)
        add_catalog_package(each)
        each.set_defaults(hold=run)


def hold(options: argparse.Namespace) -> int:
    """Do what is to be done about holds."""
    code: int = options.hold(options)
    return code


def _add(options: argparse.Namespace) -> int:
    catalog = find_catalog(options.catalog_package)
    account_id, reason = sanitize(options.account), sanitize(options.reason)
    new = place_hold(options.database, catalog, account_id, reason, options.actor, options.until)
    until = "" if options.until is None else f" until {options.until:%Y-%m-%d %H:%M} (UTC)"
    print(printable(f"{account_id} is held{until}: {reason}" + " (as before)" * (not new)))
    return 0


def _remove(options: argparse.Namespace) -> int:
    catalog = find_catalog(options.catalog_package)
    account_id = sanitize(options.account)
    removed = remove_hold(options.database, catalog, account_id, options.actor)
    if removed is None:
        print(printable(f"{account_id} is not held"))
        return 1
    print(printable(f"{account_id} is held no longer: {removed.reason}"))
    return 0


def _list(options: argparse.Namespace) -> int:
    holds = list_holds(options.database, find_catalog(options.catalog_package))
    if not holds:
        print("no account is held")
        return 0
    for line in table(["account", "since", "until", "reason"], [_row(each) for each in holds]):
        print(line)
    return 0


def _row(hold: Hold) -> list[str]:
    until = "" if hold.until is None else f"{hold.until:%Y-%m-%d %H:%M}"
    return [hold.account_id, f"{hold.created_at:%Y-%m-%d %H:%M}", until, hold.reason]
