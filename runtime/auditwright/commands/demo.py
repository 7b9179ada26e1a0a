"""`auditwright demo`: record one of each event, list and export them, in a folder of its own."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import shlex
import sys
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path

from auditwright.actor import Actor
from auditwright.catalog import VARIABLE, Catalog, find_catalog, installed_packages
from auditwright.commands.list import print_page
from auditwright.commands.serve import add_port, serve
from auditwright.errors import CatalogError
from auditwright.log import AuditLog
from auditwright.reading.filters import Filter
from auditwright.recording.fingerprint import SecretKey
from auditwright.text import print_lines

ACCOUNT = "acme"
ACTORS = (
    (Actor.user("u-17", "Ada Lovelace"), "203.0.113.7"),
    (Actor.user("u-42", "Grace Hopper"), "198.51.100.23"),
    (Actor.user("u-58", "Radia Perlman"), "2001:db8::58"),
    (Actor.app("app-ci", "Deployment pipeline"), "192.0.2.80"),
)
FILE = "auditwright-demo.db"
GENERATED, CATALOG = Path("generated"), Path("catalog")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--folder", metavar="DIR", default="demo", help="the folder for the demo's files (default: demo)"
    )
    parser.add_argument(
        "--catalog-package",
        metavar="NAME",
        help=f"the generated package to show (default: ${VARIABLE}, the one in {GENERATED}/, or the one that "
        "is installed)",
    )
    parser.add_argument("--serve", action="store_true", help="also serve the Audit Logs page")
    add_port(parser)


def run(options: argparse.Namespace) -> int:
    """Run the demo; returns 1 where an event was not recorded or not exported."""
    shown = _find_shown(options.catalog_package)
    catalog = shown.catalog
    folder = Path(options.folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix in ("", "-wal", "-shm"):
            (folder / (FILE + suffix)).unlink(missing_ok=True)
    except OSError as error:
        print_lines(f"auditwright: {folder}: {error.strerror}", file=sys.stderr)
        return 2
    database = f"sqlite:///{folder / FILE}"
    with AuditLog.open(
        database, account_id=ACCOUNT, catalog=catalog, secret_key=SecretKey.generate("demo")
    ) as log:
        _record_every_event(log, catalog)
        account = log.account(ACCOUNT)
        count = account.count()
        print_lines(
            f"Recorded {count} of {len(catalog.events)} events by {len(ACTORS)} actors, one of each.", ""
        )

        category = max(catalog.categories, key=lambda each: len(each.events))
        conditions = [f"category:is:{category.key}", f"user:is_not:{ACTORS[0][0].id}"]
        print_lines(f"Entries of {category.title}, except those by {ACTORS[0][0].label}:", "")
        print_page(account.entries(Filter.parse(conditions), limit=10))

        csv = folder / "audit-log.csv"
        exported = account.export_csv(csv)
    print_lines("", f"The database   {folder / FILE}", f"The CSV        {csv} ({exported} entries)")
    _print_next_steps(shown, folder, database, conditions)
    if count != len(catalog.events) or exported != count:
        return 1
    if not options.serve:
        return 0
    print_lines("")
    sys.stdout.flush()
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
            identifiers = {field.name: field.identifier for field in event.metadata}
            values = {identifiers[name]: value for name, value in event.example.items()}
            emit(**values, occurred_at=start + timedelta(minutes=13 * number))


@dataclass(frozen=True, slots=True)
class _Shown:
    """The catalog of the demo, and how other commands are told of it."""

    catalog: Catalog
    command: str
    """`auditwright`, after what makes a package importable that is not installed."""
    option: str
    """`--catalog-package` with the name, or nothing where commands find the package without it."""
    is_of_folder: bool
    """Whether the package is the one in `generated/`."""


def _find_shown(named: str | None) -> _Shown:
    """The named catalog, that of the current folder, or the installed one."""
    here = _generated_package()
    name = named or os.environ.get(VARIABLE) or here
    if not name and (CATALOG / "catalog.yaml").exists():
        raise CatalogError(
            f"{CATALOG}/ has a catalog, but {GENERATED}/ has no package of it; run `auditwright generate` "
            "first, or name a package with --catalog-package"
        )
    command = "auditwright"
    if name and name == here and not _is_found_in(GENERATED, name):
        sys.path.insert(0, str(GENERATED.resolve()))
        others = f"{os.pathsep}$PYTHONPATH" if os.environ.get("PYTHONPATH") else ""
        command = f"PYTHONPATH={GENERATED}{others} auditwright"
    catalog = find_catalog(name)
    found = [os.environ[VARIABLE]] if os.environ.get(VARIABLE) else installed_packages()
    option = "" if found == [catalog.package] else f" --catalog-package {shlex.quote(catalog.package)}"
    return _Shown(catalog, command, option, catalog.package == here)


def _generated_package() -> str | None:
    """The name of the package in `generated/`."""
    found = sorted(path.parent for path in GENERATED.glob("*/catalog.json"))
    packages = [each.name for each in found if each.name.isidentifier() and (each / "__init__.py").exists()]
    return packages[0] if len(packages) == 1 else None


def _is_found_in(folder: Path, package: str) -> bool:
    """Whether Python imports the package from the folder as it is."""
    spec = importlib.util.find_spec(package)
    return (
        spec is not None and spec.origin is not None and Path(spec.origin).parent.parent == folder.resolve()
    )


def _print_next_steps(shown: _Shown, folder: Path, database: str, conditions: list[str]) -> None:
    where = " ".join(f"--where {condition}" for condition in conditions)
    common = f"--account {ACCOUNT} --database {shlex.quote(database)}{shown.option}"
    output = shlex.quote(str(folder / "audit-log.jsonl"))
    reference = GENERATED / "docs" / "index.md"
    if shown.is_of_folder and reference.exists():
        print_lines(f"The reference  {reference}")
    print_lines(
        "",
        "Try next (in .venv/bin, if that is not on the path):",
        f"  {shown.command} list {where} {common}",
        f"  {shown.command} serve {common}",
        f"  {shown.command} export --format jsonl --output {output} {common}",
        "  auditwright --help",
    )
    if shown.is_of_folder and CATALOG.exists():
        print_lines(f"Then edit a file in {CATALOG}/ and run: auditwright check && auditwright generate")
