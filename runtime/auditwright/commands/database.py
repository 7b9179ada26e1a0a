"""`auditwright database`: create, upgrade and maintain a database; the actions are in modules beside this."""

from __future__ import annotations

import argparse

from auditwright.commands import database_check, database_retain, database_setup
from auditwright.commands.actions import Action, add_actions, run_action

EXIT_CODES = "exit code: 0 done or nothing to do, 2 failed"

ACTIONS = {
    "create": Action(
        "create an audit log in a database",
        "Create what an audit log of the catalog needs in a database: tables, indexes, triggers, and a view "
        "for each event; on PostgreSQL also partitions for the coming months and row-level security. "
        "Idempotent: run it again after an interruption.",
        EXIT_CODES,
        database_setup.configure_create,
        database_setup.create,
    ),
    "upgrade": Action(
        "bring a database up to date with this Auditwright and the catalog",
        "Bring a database up to date with this Auditwright and the catalog: revisions of the tables, new "
        "columns and views of the catalog, partitions for the coming months. It only adds, and never "
        "rewrites entries; services can record meanwhile. Views of a newer catalog are left alone.",
        EXIT_CODES,
        database_setup.configure,
        database_setup.upgrade,
    ),
    "roles": Action(
        "create roles that can record and read, but not rewrite (PostgreSQL)",
        "Create three roles on PostgreSQL and grant their rights. The owner owns the tables; use it for "
        "these commands. The writer inserts; it cannot change, delete or read entries. The reader reads one "
        "account at a time, by row-level security. None of them can log in: make your service's login a "
        "member, by GRANT audit_writer TO service. Other rights of writer, reader and PUBLIC are revoked.",
        EXIT_CODES,
        database_setup.configure_roles,
        database_setup.roles,
    ),
    "check": Action(
        "compare the stored entries with the catalog, and the tables with their definition",
        "Report stored entries that the catalog does not cover, because it lacks their event or because "
        "their metadata does not match. Report tables, views, triggers and rights that differ from their "
        "definition. The check only reads, and services can record meanwhile. It never shows values of "
        "entries.",
        "exit code: 0 no findings, 1 findings, 2 the database cannot be read",
        database_check.configure,
        database_check.run,
    ),
    "retain": Action(
        "delete entries older than a number of days",
        "Delete entries older than a number of days, except those of accounts on hold. Each account that "
        "loses entries gets an entry with their number. PostgreSQL drops the partitions of whole months; "
        "SQLite deletes in batches. This cannot be undone: run it with --dry-run first.",
        EXIT_CODES,
        database_retain.configure,
        database_retain.retain,
    ),
    "hold": Action(
        "exempt the entries of an account from retention",
        "Exempt the entries of an account from `retain`, for example for a legal case. Adding and removing "
        "a hold is recorded in the account.",
        "",
        database_retain.configure_hold,
        database_retain.hold,
    ),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    add_actions(parser, "database", ACTIONS)


def run(options: argparse.Namespace) -> int:
    """Run the chosen action."""
    return run_action(options)
