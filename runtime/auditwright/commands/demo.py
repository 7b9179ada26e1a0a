"""`auditwright demo`: record one of each event, list and export them, in a folder of its own."""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
import warnings
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path

from auditwright.actor import Actor
from auditwright.catalog import Catalog, find_catalog
from auditwright.commands.list import print_page
from auditwright.commands.serve import add_port, serve
from auditwright.log import AuditLog
from auditwright.reading.filters import Filter
from auditwright.recording.fingerprint import SecretKey

ACCOUNT = "acme"
ACTORS = (
    (Actor.user("u-17", "Ada Lovelace"), "203.0.113.7"),
    (Actor.user("u-42", "Grace Hopper"), "198.51.100.23"),
    (Actor.user("u-58", "Radia Perlman"), "2001:db8::58"),
    (Actor.app("app-ci", "Deployment pipeline"), "192.0.2.80"),
)
FILE = "auditwright-demo.db"
REFERENCE, CATALOG = "generated/docs/index.md", "catalog"
EDITING = f"Then edit a file in {CATALOG}/ and run: auditwright check && auditwright generate"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--folder", metavar="DIR", default="demo", help="the folder for the demo's files (default: demo)"
    )
    parser.add_argument("--catalog-package", metavar="NAME", help="the generated package to show")
    parser.add_argument("--serve", action="store_true", help="also serve the Audit Logs page")
    add_port(parser)


def run(options: argparse.Namespace) -> int:
    """Run the demo; returns 1 where an event was not recorded or not exported."""
    folder = Path(options.folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix in ("", "-wal", "-shm"):
            (folder / (FILE + suffix)).unlink(missing_ok=True)
    except OSError as error:
        print(f"auditwright: {folder}: {error.strerror}", file=sys.stderr)
        return 2
    catalog = find_catalog(options.catalog_package)
    database = f"sqlite:///{folder / FILE}"
    with AuditLog.open(
        database, account_id=ACCOUNT, catalog=catalog, secret_key=SecretKey.generate("demo")
    ) as log:
        _record_every_event(log, catalog)
        account = log.account(ACCOUNT)
        count = account.count()
        print(f"Recorded {count} of {len(catalog.events)} events by {len(ACTORS)} actors, one of each.\n")

        category = max(catalog.categories, key=lambda each: len(each.events))
        conditions = [f"category:is:{category.key}", f"user:is_not:{ACTORS[0][0].id}"]
        print(f"Entries of {category.title}, except those by {ACTORS[0][0].label}:\n")
        print_page(account.entries(Filter.parse(conditions), limit=10))

        csv = folder / "audit-log.csv"
        exported = account.export_csv(csv)
    print(f"\nThe database   {folder / FILE}\nThe CSV        {csv} ({exported} entries)")
    _print_next_steps(options, database, conditions)
    if count != len(catalog.events) or exported != count:
        return 1
    if not options.serve:
        return 0
    print(flush=True)
    with AuditLog.open(database, account_id=ACCOUNT, catalog=catalog, create=False) as log:
        return serve(log, ACCOUNT, options.port, ACTORS[0][0])


def _record_every_event(log: AuditLog, catalog: Catalog) -> None:
    """Record each event's example, 13 minutes apart, through the generated emitters."""
    audit = importlib.import_module(catalog.package).AuditEvents(log)
    start = datetime.now(UTC) - timedelta(minutes=13 * len(catalog.events))
    for number, event in enumerate(catalog.events.values()):
        actor, address = ACTORS[number % len(ACTORS)]
        with log.acting(actor, ip_address=address), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # deprecated events are shown too
            emit = attrgetter(event.key)(audit)
            emit(**event.example, occurred_at=start + timedelta(minutes=13 * number))


def _print_next_steps(options: argparse.Namespace, database: str, conditions: list[str]) -> None:
    where = " ".join(f"--where {condition}" for condition in conditions)
    common = f"--account {ACCOUNT} --database {shlex.quote(database)}"
    if options.catalog_package:
        common += f" --catalog-package {shlex.quote(options.catalog_package)}"
    output = shlex.quote(str(Path(options.folder) / "audit-log.jsonl"))
    print(
        f"""{_in_checkout("The reference  generated/docs/index.md", REFERENCE)}
Try next (in .venv/bin, if that is not on the path):
  auditwright list {where} {common}
  auditwright serve {common}
  auditwright export --format jsonl --output {output} {common}
  auditwright --help
{_in_checkout(EDITING, CATALOG)}""".rstrip()
    )


def _in_checkout(line: str, path: str) -> str:
    """The line if the path exists: an installed package has no catalog beside it."""
    return f"{line}\n" if Path(path).exists() else ""
