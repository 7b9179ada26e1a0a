"""`auditwright database create`, `upgrade` and `roles`: tables, views and roles of a database."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby

from auditwright.catalog import Catalog, find_catalog
from auditwright.commands.options import add_actor, add_catalog_package, add_database
from auditwright.commands.text import counted
from auditwright.recording.setup_record import roles_row, setup_rows
from auditwright.storage import create_database, make_roles, roles_sql, setup_sql, upgrade_database
from auditwright.storage.base import SetupResult
from auditwright.text import print_lines

LISTED = 5
"""Changes of one kind that are listed by name; more are only counted."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `upgrade`."""
    _add_dry_run(parser)
    _add_common(parser)


def configure_create(parser: argparse.ArgumentParser) -> None:
    """Add the options of `create`."""
    choice = parser.add_mutually_exclusive_group()
    _add_dry_run(choice)
    choice.add_argument(
        "--distribute",
        action="store_true",
        help="distribute the tables by account over the nodes of a Citus cluster, whose coordinator has the "
        "database",
    )
    _add_common(parser)


def _add_dry_run(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="only print the SQL that would run, for psql (PostgreSQL)",
    )


def _add_common(parser: argparse.ArgumentParser) -> None:
    add_actor(parser, "who sets the database up")
    add_database(parser)
    add_catalog_package(parser)


def configure_roles(parser: argparse.ArgumentParser) -> None:
    """Add the options of `roles`."""
    parser.add_argument(
        "--prefix",
        metavar="NAME",
        default="audit",
        help="the roles are NAME_owner, NAME_writer and NAME_reader; all databases of a server share them "
        "(default: audit)",
    )
    parser.add_argument("--dry-run", action="store_true", help="only print the SQL that would run, for psql")
    add_actor(parser, "who makes the roles")
    add_database(parser)
    add_catalog_package(parser)


def create(options: argparse.Namespace) -> int:
    """Create what the database lacks."""
    catalog = find_catalog(options.catalog_package)
    if options.dry_run:
        return _print_sql(options, catalog, create=True)
    record = partial(setup_rows, catalog, options.actor)
    result = create_database(options.database, catalog, record, options.distribute)
    _report(result, f"everything that {_name(catalog)} needs exists")
    if result.has_roles:
        print_lines(
            "next: `auditwright database roles` creates roles for services that cannot rewrite the log"
        )
    return 0


def upgrade(options: argparse.Namespace) -> int:
    """Bring a database up to date."""
    catalog = find_catalog(options.catalog_package)
    if options.dry_run:
        return _print_sql(options, catalog, create=False)
    result = upgrade_database(options.database, catalog, partial(setup_rows, catalog, options.actor))
    _report(result, f"up to date with {_name(catalog)}")
    return 0


def roles(options: argparse.Namespace) -> int:
    """Create the roles and grant their rights."""
    prefix = options.prefix
    if options.dry_run:
        return _print(roles_sql(options.database, prefix))
    catalog = find_catalog(options.catalog_package)
    record = partial(roles_row, catalog, options.actor, prefix)
    _report(make_roles(options.database, prefix, catalog, record), "the roles exist, with their rights")
    print_lines("next: make the logins of your service members of the roles, for example")
    print_lines(f"  GRANT {prefix}_writer TO service_login;  -- for AuditLog.open(url)")
    print_lines(f"  GRANT {prefix}_reader TO page_login;     -- for AuditLog.open(url, read_url=)")
    print_lines(f"  GRANT {prefix}_owner TO operator_login;  -- for `auditwright database`")
    return 0


def _print_sql(options: argparse.Namespace, catalog: Catalog, create: bool) -> int:
    return _print(setup_sql(options.database, catalog, create))


def _print(sql: str) -> int:
    if sql and sys.stdout.isatty():
        print_lines(*sql.split("\n"))
    elif sql:
        print(sql)
    else:
        print_lines("nothing to do", file=sys.stderr)
    return 0


def _report(result: SetupResult, nothing_to_do: str) -> None:
    if not result.changes:
        print_lines(f"{result.name}: nothing to do: {nothing_to_do}")
        return
    print_lines(f"{result.name}: created", *(f"  {line}" for line in _summary(result.changes)))


def _summary(changes: Sequence[str]) -> Iterator[str]:
    for kind, group in groupby(changes, key=_kind):
        names = list(group)
        if len(names) <= LISTED:
            yield from names
        else:
            yield counted(len(names), kind)


def _kind(change: str) -> str:
    first, _, rest = change.partition(" ")
    if first == "changed":
        return f"{first} {rest.partition(' ')[0]}"
    return (
        change if first.isdecimal() or first in ("revision", "partitions", "column", "constraint") else first
    )


def _name(catalog: Catalog) -> str:
    return f"{catalog.package} {catalog.version}"
