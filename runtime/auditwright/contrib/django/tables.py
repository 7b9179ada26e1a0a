"""The tables of the audit log: `manage.py migrate` creates and upgrades them, with those of the tests."""

from __future__ import annotations

from functools import partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import router

from auditwright.actor import Actor
from auditwright.catalog import find_catalog
from auditwright.contrib.django.conf import configuration
from auditwright.contrib.django.databases import connection_of, is_in_memory, url_of
from auditwright.contrib.django.django_log import log
from auditwright.recording.setup_record import setup_rows
from auditwright.storage import create_database

if TYPE_CHECKING:
    from django.db.backends.base.creation import BaseDatabaseCreation


def set_up(*, using: str, verbosity: int = 1, **given: Any) -> None:
    """Receiver of `post_migrate`: create what the catalog needs in the database that was migrated.

    Raises `StorageError`.
    """
    settings = configuration()
    # `flush` ends with this signal too, without a plan; it leaves these tables alone.
    if "plan" not in given or using != settings.alias or settings.url or not settings.migrate:
        return
    connection = connection_of(using)
    if not router.allow_migrate(using, "auditwright") or is_in_memory(connection):
        return
    _close_log_in_time(connection.creation)
    if not connection.in_atomic_block:
        connection.close()  # for SQLite, where setting up changes the mode of the file
    catalog = find_catalog(settings.catalog)
    result = create_database(url_of(using), catalog, record=partial(setup_rows, catalog, Actor.system()))
    if verbosity >= 1 and result.changes:
        given["stdout"].write(f"  Audit log: created {len(result.changes)} tables, views and other objects\n")


def _close_log_in_time(creation: BaseDatabaseCreation) -> None:
    """Let the test runner close the log before it drops or copies the database of the tests.

    PostgreSQL refuses to drop a database that somebody is connected to. Beside a SQLite file there is a
    write-ahead log: a copy of the file lacks what is in it, and a later copy of the same name must not get
    what a process of the test runner has left.
    """
    for name in ("destroy_test_db", "clone_test_db"):
        if name not in vars(creation):
            setattr(creation, name, _closing(creation, getattr(creation, name)))


def _closing(creation: BaseDatabaseCreation, function: Any) -> Any:
    def closed(*arguments: Any, **options: Any) -> Any:
        log.close()
        creation.connection.close()
        given = signature(function).bind(*arguments, **options).arguments
        if given.get("suffix") and not given.get("keepdb") and creation.connection.vendor == "sqlite":
            name = creation.get_test_db_clone_settings(given["suffix"])["NAME"]
            for each in ("-wal", "-shm"):
                Path(f"{name}{each}").unlink(missing_ok=True)
        return function(*arguments, **options)

    return closed
