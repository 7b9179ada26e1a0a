"""`AuditLog`: the log that services open, record into and read from."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self, Unpack

from auditwright import context, imports
from auditwright.catalog import Catalog, find_catalog
from auditwright.entry import Entry, Row
from auditwright.errors import AuditwrightError, FilterError, IdConflict, Problem, ValidationError
from auditwright.events import EventModel
from auditwright.export import Progress, csv_chunks, jsonl_chunks, write_export
from auditwright.filters import Filter
from auditwright.fingerprint import SecretKey, configured_key
from auditwright.pages import MOST, Page, id_bound, page_of, read_cursor, selection_of
from auditwright.recording import Recorder
from auditwright.storage import open_storage
from auditwright.storage.base import Scope, Storage
from auditwright.validate import Schemas, as_form, options_of, parse

if TYPE_CHECKING:
    from auditwright.context import Actor, Context
    from auditwright.emitters import Options, Session

BATCH = 10_000
"""Entries in one transaction of `record_many`: a tenth of a second's writing, and half the cost of 1,000."""


class AuditLog:
    """One audit log: a catalog, a database, and what a deployment configures. Safe to use from many threads.

    Made by `AuditLog.open`; close it, or use it as a context manager.
    """

    def __init__(
        self, storage: Storage, catalog: Catalog, account_id: str | None, secret_key: SecretKey | None
    ) -> None:
        self.catalog = catalog
        self._storage = storage
        self._recorder = Recorder(catalog, account_id, secret_key)
        self._schemas = Schemas(catalog)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        account_id: str | None = None,
        catalog: Catalog | None = None,
        secret_key: SecretKey | None = None,
        create: bool = True,
    ) -> Self:
        """Open the log in a database and make there what is missing.

        `url` is `sqlite:///audit.db` for a file here, `sqlite:////srv/audit.db` for one anywhere.
        `account_id` is the tenant of entries recorded with no other one, 1 to 256 characters. `catalog` is
        the generated package's CATALOG; without it AUDITWRIGHT_CATALOG names the package, or the one that is
        installed is taken. `secret_key` makes the fingerprints of secret fields; without it
        AUDITWRIGHT_SECRET_KEY is read. `create=False` refuses a database that is not there yet.

        Raises `CatalogError`, `SchemaMismatch` for tables of our names that do not fit, `StorageError`.
        """
        if account_id is not None:
            context.identifier("account_id", account_id)
        catalog = catalog or find_catalog()
        key = secret_key or configured_key()
        return cls(open_storage(url, catalog, create), catalog, account_id, key)

    def close(self) -> None:
        """Let go of the database; closing twice is fine."""
        self._storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def acting(
        self, actor: Actor | None = None, *, account_id: str | None = None, ip_address: str | None = None
    ) -> AbstractContextManager[Context]:
        """Say who acts, for which account and from where, for what is recorded inside the `with` block."""
        return context.acting(actor, account_id=account_id, ip_address=ip_address)

    # --- recording -----------------------------------------------------------------------------

    def record_event(self, key: str, values: Mapping[str, Any], options: Mapping[str, Any]) -> Entry:
        """Record an event by its key: what emitters call. See `record`."""
        if "session" in options:
            options = dict(options)
            session = options.pop("session")
        else:
            session = None
        return self._store(self._recorder.entry(key, values, options), session)

    async def record_event_async(
        self, key: str, values: Mapping[str, Any], options: Mapping[str, Any]
    ) -> Entry:
        """`record_event` without blocking the event loop; `session` is an AsyncSession or AsyncConnection."""
        options = dict(options)
        session = options.pop("session", None)
        entry = self._recorder.entry(key, values, options)
        if session is None:
            return await asyncio.to_thread(self._store, entry, None)
        stored: Entry = await session.run_sync(lambda inner: self._store(entry, inner))
        return stored

    def record(self, event: EventModel, **options: Unpack[Options[Session]]) -> Entry:
        """Record an event given as its generated metadata model; returns the entry once it is durable.

        With `session=` the entry joins that transaction and is as durable as it. Recording again with the
        same `id` and content gives the entry that is stored. Raises `ValidationError` for what the catalog
        does not allow, `SecretKeyMissing`, and with the finished entry as `error.entry` `IdConflict` and
        `StorageError`.
        """
        return self.record_event(_key(event), event.__dict__, options)

    def record_json(self, payload: bytes | str) -> Entry:
        """Record an entry in its JSON form, checked against its event's JSON Schema; otherwise as `record`.

        `{"event", "metadata"}` are required; `id, account_id, occurred_at, actor, ip_address` are taken from
        the context and the log where they are left out.
        """
        return self.record_form(parse(payload))

    def record_form(self, form: Mapping[str, Any], **options: Unpack[Options[Session]]) -> Entry:
        """`record_json` of an object that is parsed already; options go before what it says."""
        session = options.pop("session", None)
        return self._store(self._entry_of_json(form, options), session)

    def record_many(self, events: Iterable[EventModel | Mapping[str, Any]]) -> int:
        """Record many events: metadata models, or JSON forms as mappings; returns how many were stored.

        They are stored in transactions of 10,000, in order. The first one that is refused stops it with its
        error, which has a note with its number; all before it are stored, none after it. Events that have ids
        and are there already are not counted.
        """
        stored = done = 0
        batch: list[Row] = []
        try:
            for event in events:
                batch.append(self._row_of(event))
                done += 1
                if len(batch) == BATCH:
                    full, batch = batch, []
                    stored += self._store_batch(full, done)
        except Exception as error:
            # Refused before it was an entry, or whoever gives the events failed: those before it count.
            if getattr(error, "entry", None) is None:
                self._store_batch(batch, done)
                error.add_note(f"event {done} (counted from 0) was refused; the {done} before it are stored")
            raise
        return stored + self._store_batch(batch, done)

    def import_jsonl(
        self, lines: Iterable[bytes], report: Callable[[int, AuditwrightError], None]
    ) -> imports.Imported:
        """Store the entries of JSON Lines, such as `export_jsonl` writes; what another log wrote is kept.

        `report` is told the number (from 1) and the error of each bad line; the good ones are stored.
        """
        return imports.import_lines(lines, self._recorder, self._schemas, self._storage, report)

    def _entry_of_json(self, form: Mapping[str, Any], options: Mapping[str, Any] | None = None) -> Entry:
        form = as_form(form)
        event = self._schemas.check(form)
        return self._recorder.entry(event.key, form["metadata"], {**options_of(form), **(options or {})})

    def _store(self, entry: Entry, session: Any) -> Entry:
        try:
            if session is not None:
                self._storage.join(session, entry.row)
                return entry
            new = self._storage.insert([entry.row])
            stored = None if new else self._storage.row(entry.row[0], entry.row[1])
        except AuditwrightError as error:
            error.entry = entry
            raise
        return entry if stored is None else Entry(self.catalog, stored)

    def _row_of(self, event: EventModel | Mapping[str, Any]) -> Row:
        if isinstance(event, EventModel):
            return self._recorder.row(event.event_key(), event.__dict__, {})
        return self._entry_of_json(event).row

    def _store_batch(self, batch: list[Row], end: int) -> int:
        """Store the rows of the events before number `end`."""
        if not batch:
            return 0
        try:
            return self._storage.insert(batch)
        except IdConflict:
            # One of them is at fault, and the database does not say which: one by one, up to that one.
            numbers = range(end - len(batch), end)
            return sum(self._store_row(row, number) for row, number in zip(batch, numbers, strict=True))
        except AuditwrightError as error:
            error.entry = Entry(self.catalog, batch[0])
            error.add_note(f"none of the {len(batch)} events from this entry on is stored")
            raise

    def _store_row(self, row: Row, number: int) -> int:
        try:
            return self._storage.insert([row])
        except AuditwrightError as error:
            error.entry = Entry(self.catalog, row)
            error.add_note(f"event {number} (counted from 0) was refused; the {number} before it are stored")
            raise

    # --- reading -------------------------------------------------------------------------------

    def account(self, account_id: str) -> AccountLog:
        """The entries of one account; reading is always inside one."""
        return AccountLog(self._storage, self.catalog, context.identifier("account_id", account_id))

    def accounts(self, most: int = 100) -> list[str]:
        """The first accounts that have entries, in the order of their ids: for operators, never for
        tenants.
        """
        return self._storage.accounts(most)


class AccountLog:
    """The entries of one account: get one, page through them, export them. Made by `AuditLog.account`."""

    def __init__(self, storage: Storage, catalog: Catalog, account_id: str) -> None:
        self._storage = storage
        self._catalog = catalog
        self.account_id = account_id

    def get(self, entry_id: uuid.UUID | str) -> Entry | None:
        """One entry by its id, None where the account has none; `.typed` is its event's model.

        Raises `ValidationError` for what is no UUID.
        """
        try:
            packed = entry_id.bytes if isinstance(entry_id, uuid.UUID) else uuid.UUID(entry_id).bytes
        except (ValueError, AttributeError, TypeError):
            raise ValidationError("entry", (Problem("id", "a UUID", repr(entry_id)[:80]),)) from None
        row = self._storage.row(self.account_id, packed)
        return None if row is None else Entry(self._catalog, row)

    def entries(
        self,
        where: Filter | None = None,
        *,
        limit: int = 50,
        after: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Page:
        """A page of the entries that fit, newest first.

        `limit` is 1 to 1,000; `after` is the `next` of the page before, with the same filter and range;
        `since` (included) and `until` (not included) are times with a zone. Raises `FilterError`.
        """
        if type(limit) is not int or not 1 <= limit <= MOST:
            raise FilterError(f"limit is 1 to {MOST}, not {limit!r}")
        where = Filter() if where is None else where
        rows = self._storage.rows(self._scope(where, since, until, after), limit=limit + 1)
        entries = [Entry(self._catalog, row) for row in rows]
        return page_of(entries, limit, selection_of(where, since, until))

    def all(
        self, where: Filter | None = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[Entry]:
        """Every entry that fits, newest first, read as it is asked for, as of the start. As `entries`."""
        for row in self._storage.rows(self._scope(where, since, until)):
            yield Entry(self._catalog, row)

    def count(
        self, where: Filter | None = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> int:
        """How many entries fit. As `entries`."""
        return self._storage.count(self._scope(where, since, until))

    def export_csv(
        self,
        target: str | Path | BinaryIO,
        where: Filter | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int | None = None,
        full: bool = False,
        progress: Progress | None = None,
    ) -> int:
        """Write the entries that fit as CSV, newest first; returns how many.

        `target` is a path, which appears only when the file is whole, or a binary stream. The columns are
        those of the Audit Logs page; `full` adds keys, ids and the metadata. Cells that a spreadsheet would
        run as a formula begin with '. `after` and `limit` narrow it as in `entries`; there is no limit by
        default. Raises `FilterError`, `ExportError`, `StorageError`.
        """
        if limit is not None and not (type(limit) is int and limit >= 1):
            raise FilterError(f"limit is at least 1, not {limit!r}")
        scope = self._scope(where, since, until, after)
        return write_export(csv_chunks(self._storage, self._catalog, scope, full, limit), target, progress)

    def export_jsonl(
        self,
        target: str | Path | BinaryIO,
        where: Filter | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Write the entries that fit as JSON Lines, without loss, oldest first; otherwise as `export_csv`."""
        scope = self._scope(where, since, until)
        return write_export(jsonl_chunks(self._storage, self._catalog, scope), target, progress)

    def _scope(
        self, where: Filter | None, since: datetime | None, until: datetime | None, after: str | None = None
    ) -> Scope:
        where = Filter() if where is None else where
        if not isinstance(where, Filter):
            raise FilterError(f"a filter is a Filter, not {type(where).__name__}; Filter.from_json makes one")
        low, high = id_bound(since, "since"), id_bound(until, "until")
        if after is not None:
            high = read_cursor(after, selection_of(where, since, until))
        stored = self._storage.stored_events(self.account_id) if where.conditions else []
        return Scope(self.account_id, where.branches(self._catalog, stored), low, high)


def _key(event: EventModel) -> str:
    if not isinstance(event, EventModel) or not event.event_key():
        raise ValidationError(
            "event", (Problem("event", "a generated metadata model", type(event).__name__),)
        )
    return event.event_key()
