"""`auditwright database`: what concerns a database as a whole; its actions stand in modules beside."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from auditwright.commands import Command, database_check, database_retain, database_setup

CODES = "exit code: 0 done, or there already; 2 it cannot be done"


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a command that has several."""

    help: str
    """One line for the list of actions."""
    description: str
    epilog: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


ACTIONS = {
    "create": Action(
        "make what an audit log needs in a database",
        "Make what an audit log of the catalog needs in a database: tables, indexes, triggers, and a view "
        "for each event; on PostgreSQL also partitions for the months ahead and row-level security. What is "
        "there already stays as it is, so that it may be run again, also after it was interrupted.",
        CODES,
        database_setup.configure,
        database_setup.create,
    ),
    "upgrade": Action(
        "bring a database up to date with this Auditwright and the catalog",
        "Bring a database up to date with this Auditwright and the catalog: revisions of the tables, columns "
        "and views that the catalog has gained, partitions for the months ahead. It only adds, and never "
        "rewrites entries; services may go on recording. A newer catalog's views stay as they are.",
        CODES,
        database_setup.configure,
        database_setup.upgrade,
    ),
    "roles": Action(
        "make roles that may record and read, and cannot rewrite (PostgreSQL)",
        "Make three roles on PostgreSQL, and give them their rights. The owner has the tables, and is for "
        "these commands. The writer inserts, and cannot change, delete or read what is recorded. The reader "
        "reads, bound to one account by row-level security. None can log in: make your service's login a "
        "member, by GRANT audit_writer TO service. Rights beyond these are taken from writer, reader and "
        "PUBLIC.",
        CODES,
        database_setup.configure_roles,
        database_setup.roles,
    ),
    "check": Action(
        "report what the present catalog does not cover, and how the tables differ",
        "Report stored entries that the present catalog does not cover: of events that it does not have, and "
        "with metadata that does not fit; and how tables, views, triggers and rights differ from what they "
        "should be. The database is only read, also while services write to it. Values of entries are never "
        "shown.",
        "exit code: 0 all is covered and as it should be, 1 something is not, 2 the database cannot be read",
        database_check.configure,
        database_check.run,
    ),
    "retain": Action(
        "delete entries that are older than so many days",
        "Delete entries that are older than so many days, but for those of accounts that are held. Each "
        "account that loses some gets an entry that says how many. PostgreSQL drops the partitions of whole "
        "months; SQLite deletes in batches. This cannot be undone: look at what --dry-run says first.",
        CODES,
        database_retain.configure,
        database_retain.retain,
    ),
    "hold": Action(
        "keep the entries of an account from retention",
        "Keep the entries of an account from `retain`, such as for a legal case. Placing and removing a hold "
        "is recorded in the account.",
        "",
        database_retain.configure_hold,
        database_retain.hold,
    ),
}


def _configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        title="what to do", metavar="ACTION", required=True, help="see `auditwright database ACTION --help`"
    )
    for name, action in ACTIONS.items():
        own = actions.add_parser(
            name,
            help=action.help,
            description=action.description,
            epilog=action.epilog or None,
            allow_abbrev=False,
        )
        action.configure(own)
        own.set_defaults(action=action.run)


def _run(options: argparse.Namespace) -> int:
    code: int = options.action(options)
    return code


command = Command("make, upgrade and look after a database as a whole", _configure, _run)
