"""Actors and events that the runtime's tests record, with helpers to record and read them."""

import json
import shutil
import uuid
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import timedelta
from importlib import import_module, invalidate_caches, resources
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from tests.support import databases
from tests.support.databases import ALL, SQLiteDatabase

from auditwright import Actor, AuditLog, Catalog, Entry, ValidationError
from auditwright.storage.write_lock import WriteLock

ADA = Actor.user("u-17", "Ada Lovelace")
GRACE = Actor.user("u-18", "Grace Hopper")

MODEL = {"model_id": "m-17", "model_name": "Llama", "model_type": "open_source"}
ADDED = "account.models.model_added"
DEPLOYED = "account.models.model_deployed"
TUNED = "account.models.model_fine_tuning"
ASYNC = "tool.tool_management.api_async_enabled"
KEY_CREATED = "account.app_api_key.app_api_key_created"
LONG_AGO = databases.LONG_AGO
EXPORTED, IMPORTED = "audit.log.exported", "audit.log.imported"


def any_text(most: int = 20, least: int = 0, often: str = "") -> st.SearchStrategy[str]:
    """Texts of any characters, often of those that make trouble.

    Not `st.text`: it makes one set of its whole alphabet, in which a surrogate is rare.
    """
    trouble = st.sampled_from(["\0", "\ud800", "\udfff", "é", "😀", "a", *often])
    return st.lists(st.characters() | trouble, min_size=least, max_size=most).map("".join)


def record(log: AuditLog, key: str, values: dict[str, Any] | None = None, **options: Any) -> Entry:
    """Record an event by its key, by Ada where nobody else is named."""
    return log.record_event(key, values or {}, {"actor": ADA, **options})


def record_system_event(log: AuditLog, key: str, values: dict[str, Any], actor: Actor = ADA) -> Entry:
    """Record one of Auditwright's own events, as only its own code does."""
    with log.acting(actor):
        return log._record_system_event(key, values)


def without_imports(found: Iterable[Any]) -> list[Any]:
    """The entries, rows or lines of an export, without those that record an import."""
    return [each for each in found if not _is_import(each)]


def _is_import(found: Any) -> bool:
    if isinstance(found, bytes):
        return bool(json.loads(found)["event"] == IMPORTED)
    return IMPORTED in (found.row if isinstance(found, Entry) else found)


def refused(log: AuditLog, key: str, values: dict[str, Any] | None = None, **options: Any) -> ValidationError:
    """The error with which an event is refused."""
    try:
        entry = record(log, key, values, **options)
    except ValidationError as error:
        return error
    raise AssertionError(f"{entry!r} was stored")


def stored_or_refused(log: AuditLog, key: str, values: dict[str, Any], **options: Any) -> Entry | set[str]:
    """The entry, or the paths of the problems for which it was refused."""
    try:
        return record(log, key, values, **options)
    except ValidationError as error:
        return {problem.path for problem in error.problems}


def form(key: str, values: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    """The JSON form of an event by Ada."""
    return {"event": key, "actor": {"type": "user", "id": "u-17"}, "metadata": values, **envelope}


def rows(path: Path, sql: str = ALL) -> list[tuple[Any, ...]]:
    """What a query finds in the file, read by plain sqlite3."""
    return SQLiteDatabase(path).rows(sql)


def change(path: Path, *statements: str) -> None:
    """Run statements on the file as its owner, each in its own transaction."""
    SQLiteDatabase(path).change(*statements)


def insert_row(path: Path, catalog: Catalog, **changes: Any) -> dict[str, Any]:
    """Insert a row as some other version of the catalog would have, and return it by column names."""
    return databases.insert_row(SQLiteDatabase(path), catalog, **changes)


def make_catalog(folder: Path, edit: Callable[[dict[str, Any]], None]) -> Catalog:
    """The catalog of audit_events as another package, with its catalog.json edited.

    `folder` is on sys.path. Models and schemas are as they were.
    """
    name = f"events_{uuid.uuid4().hex}"
    package = folder / name
    package.mkdir()
    with resources.as_file(resources.files("audit_events")) as source:
        content = json.loads((source / "catalog.json").read_text())
        for part in ("models", "json_schema"):
            shutil.copytree(source / part, package / part, ignore=shutil.ignore_patterns("__pycache__"))
    edit(content)
    content["package"] = name
    (package / "catalog.json").write_text(json.dumps(content))
    (package / "__init__.py").write_text("from auditwright import Catalog\n\nCATALOG = Catalog(__name__)\n")
    invalidate_caches()
    catalog = import_module(name).CATALOG
    assert isinstance(catalog, Catalog)
    return catalog


def event_of(content: dict[str, Any], key: str) -> dict[str, Any]:
    """An event in the content of a catalog.json."""
    for level in content["levels"]:
        for category in level["categories"]:
            for event in category["events"]:
                if event["key"] == key:
                    found: dict[str, Any] = event
                    return found
    raise KeyError(key)


def minutes(count: float) -> timedelta:
    """So many minutes."""
    return timedelta(minutes=count)


def write_lock(log: AuditLog) -> AbstractContextManager[None]:
    """Holds the lock of the log's writing connection, as a commit under way does."""
    storage: Any = log._storage
    lock: WriteLock = storage.connections.lock
    return lock.held()
