"""`auditwright database create`, `upgrade` and `roles`: what makes a database, and who may do what in it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby

from auditwright.catalog import Catalog, find_catalog
from auditwright.commands.options import add_catalog_package, add_database
from auditwright.operations.setup import create_database, setup_sql, upgrade_database
from auditwright.storage import is_postgresql
from auditwright.storage.base import SetupResult
from auditwright.storage.errors import StorageError
from auditwright.text import printable

LISTED = 5
"""Things of one kind that are named; more are counted."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `create` and `upgrade`."""
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the SQL that would run, for psql, and change nothing (PostgreSQL)",
    )
    add_database(parser)
    add_catalog_package(parser)


def configure_roles(parser: argparse.ArgumentParser) -> None:
    """Add the options of `roles`."""
    parser.add_argument(
        "--prefix",
        metavar="NAME",
        default="audit",
        help="the roles are NAME_owner, NAME_writer and NAME_reader; databases of one server share roles of "
        "one name (default: audit)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the SQL that would run, for psql, and change nothing"
    )
    add_database(parser)


def create(options: argparse.Namespace) -> int:
    """Make what is missing of a database."""
    catalog = find_catalog(options.catalog_package)
    if options.dry_run:
        return _print_sql(options, catalog, create=True)
    done = create_database(options.database, catalog)
    _report(done, f"all that {_name(catalog)} needs is there already")
    if is_postgresql(options.database):
        print("next: `auditwright database roles` makes roles for services, which cannot rewrite the log")
    return 0


def upgrade(options: argparse.Namespace) -> int:
    """Bring a database up to date."""
    catalog = find_catalog(options.catalog_package)
    if options.dry_run:
        return _print_sql(options, catalog, create=False)
    done = upgrade_database(options.database, catalog)
    _report(done, f"it is up to date with {_name(catalog)}")
    return 0


def roles(options: argparse.Namespace) -> int:
    """Make the roles and give them their rights."""
    if not is_postgresql(options.database):
        raise StorageError(
            "roles are PostgreSQL's; of a SQLite file, who may write to the file may change what is in it"
        )
    from auditwright.storage.postgresql.roles import Roles, make_roles, roles_sql

    names = Roles(options.prefix)
    if options.dry_run:
        return _print(roles_sql(options.database, names))
    _report(make_roles(options.database, names), "the roles are there already, with their rights")
    print("next: make the logins of your service members, such as")
    print(f"  GRANT {names.writer} TO service_login;  -- for AuditLog.open(url)")
    print(f"  GRANT {names.reader} TO page_login;     -- for AuditLog.open(url, read_url=)")
    print(f"  GRANT {names.owner} TO operator_login;  -- for `auditwright database`")
    return 0


def _print_sql(options: argparse.Namespace, catalog: Catalog, create: bool) -> int:
    if not is_postgresql(options.database):
        raise StorageError(
            "--dry-run is for PostgreSQL; in a SQLite file every AuditLog.open makes what is missing"
        )
    return _print(setup_sql(options.database, catalog, create))


def _print(sql: str) -> int:
    if sql:
        print(sql)
    else:
        print("nothing to do", file=sys.stderr)
    return 0


def _report(done: SetupResult, otherwise: str) -> None:
    if not done.changes:
        print(printable(f"{done.name}: nothing to do: {otherwise}"))
        return
    print(printable(f"{done.name}: made"))
    for line in _summary(done.changes):
        print(printable(f"  {line}"))


def _summary(changes: Sequence[str]) -> Iterator[str]:
    for kind, group in groupby(changes, key=_kind):
        names = list(group)
        if len(names) <= LISTED:
            yield from names
        else:
            yield f"{len(names):,} {_PLURALS.get(kind, f'{kind}s')}"


_PLURALS = {"index": "indexes", "policy": "policies", "changed view": "changed views"}


def _kind(change: str) -> str:
    first, _, rest = change.partition(" ")
    if first == "changed":
        return f"{first} {rest.partition(' ')[0]}"
    return change if first.isdecimal() or first in ("revision", "partitions", "column") else first


def _name(catalog: Catalog) -> str:
    return f"{catalog.package} {catalog.version}"
