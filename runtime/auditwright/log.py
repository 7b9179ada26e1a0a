"""`AuditLog`: opens a log, records entries, and gives access to the entries of one account.

It connects the recorder, the group commit and the storage. Reading is in `account_log.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, BinaryIO, Self, Unpack
from weakref import WeakSet

from auditwright.actor import identifier
from auditwright.catalog import Catalog, find_catalog
from auditwright.context import acting
from auditwright.entry import ACCOUNT_ID, ID, Entry, Row, without_fingerprints
from auditwright.errors import AuditwrightError, CatalogError, Problem, ValidationError
from auditwright.event_model import EventModel
from auditwright.limits import shown
from auditwright.recording.envelope import TimeAhead
from auditwright.recording.fingerprint import SecretKey, key_of
from auditwright.recording.group_commit import GroupCommit
from auditwright.recording.recorder import Recorder
from auditwright.storage import open_storage
from auditwright.storage.base import Storage
from auditwright.storage.deadline import LONGEST, SHORTEST, TIMEOUT
from auditwright.storage.errors import IdConflict, NotStored, StorageError

if TYPE_CHECKING:
    from auditwright.account_log import AccountLog
    from auditwright.actor import Actor
    from auditwright.context import Context
    from auditwright.emitters import FailureOptions, Session
    from auditwright.entry_context import EntryContext
    from auditwright.health import Health
    from auditwright.recording.json_form import Schemas
    from auditwright.storage.setup_change import SetupChange
    from auditwright.transfer.jsonl_import import Imported

BATCH = 10_000
"""Entries in one transaction of `record_many`: 0.1 seconds of writing, at half the cost of 1,000."""


class AuditLog:
    """An audit log: a catalog, a database and the deployment's configuration. Thread-safe.

    Create it with `AuditLog.open`. Close it, or use it as a context manager.
    """

    def __init__(
        self,
        storage: Storage,
        catalog: Catalog,
        account_id: str | None,
        secret_key: SecretKey | None,
        timeout: float = TIMEOUT,
    ) -> None:
        self.catalog = catalog
        self._storage = storage
        self._recorder = Recorder(catalog, account_id, secret_key)
        self._group_commit = GroupCommit(storage.insert_each, timeout)
        self._failed: deque[bytes] = deque(maxlen=BATCH)
        """The ids of the latest entries whose recording ended with an error, for retries."""
        logs.add(self)
        for call in on_open:
            call(self)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        account_id: str | None = None,
        catalog: Catalog | None = None,
        secret_key: SecretKey | str | None = None,
        create: bool = True,
        read_url: str | None = None,
        timeout: float = TIMEOUT,
        spool: str | None = None,
        spool_bytes: int = 1024**3,
    ) -> Self:
        """Open the log in a database. In SQLite, missing tables are created.

        - `url` is `sqlite:///audit.db` for a relative path, `sqlite:////srv/audit.db` for an absolute one, or
          `postgresql://user:password@host/database`, with tables made by `auditwright database create`.
        - `read_url` is the URL of the same PostgreSQL database with the role that reads.
        - `account_id` is the default tenant of recorded entries, 1 to 256 characters.
        - `catalog` is the CATALOG of the generated package. By default it is the package that
          AUDITWRIGHT_CATALOG names, or the only one installed.
        - `secret_key` is the key for fingerprints of secret fields, or its text as `auditwright secret-key`
          prints it; by default from AUDITWRIGHT_SECRET_KEY.
        - `create=False` raises an error if the SQLite file does not exist.
        - `timeout` is how long a call and `close` may take, in seconds from 1 to 3600; see
          `docs/recording.md`.
        - `spool` is the URL of a SQLite file, such as `sqlite:////var/lib/app/audit-spool.db`. It takes the
          entries while PostgreSQL is away, and opening succeeds then; see `docs/spool.md`.
        - `spool_bytes` is the size up to which the file takes entries, from 1 MiB to 1 TiB.

        Raises `CatalogError`, `StorageError`, `SchemaMismatch` if existing tables do not fit,
        `SecretKeyMissing` for an invalid key, and `ValidationError` for an invalid `account_id`,
        `create`, `timeout`, `spool` or `spool_bytes`.
        """
        if account_id is not None:
            account_id = identifier("account_id", account_id)
        if catalog is None:
            catalog = find_catalog()
        elif not isinstance(catalog, Catalog):
            raise CatalogError(f"catalog= is the CATALOG of a generated package, not {shown(catalog)}")
        if type(create) is not bool:
            raise ValidationError("create", (Problem("create", "True or False", shown(create)),))
        key = key_of(secret_key)
        seconds = _seconds_of(timeout)
        if spool is None:
            storage = open_storage(url, catalog, create, read_url, seconds, partial(_adopted, catalog))
        else:
            from auditwright.spool import open_spooled  # few services have one

            storage = open_spooled(url, catalog, read_url, seconds, spool, spool_bytes)
        return cls(storage, catalog, account_id, key, seconds)

    def close(self) -> None:
        """Close the database. Idempotent."""
        self._storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def acting(
        self,
        actor: Actor | None = None,
        *,
        account_id: str | None = None,
        ip_address: str | None = None,
        on_behalf_of: Actor | None = None,
        context: EntryContext | None = None,
    ) -> AbstractContextManager[Context]:
        """Set who acts, in which account and from where, for what is recorded inside the `with` block.

        Omitted values are inherited; see `acting` in `auditwright.context`.
        """
        return acting(
            actor,
            account_id=account_id,
            ip_address=ip_address,
            on_behalf_of=on_behalf_of,
            context=context,
        )

    def _use(self, storage: Storage) -> Storage:
        """Read and write through this storage from now on; returns the one that was used until now.

        For what watches a log. The recording path is the same without, so watching costs nothing then.
        """
        before, self._storage = self._storage, storage
        self._group_commit.insert_each = storage.insert_each
        return before

    # --- recording -----------------------------------------------------------------------------

    def record_event(self, key: str, values: Mapping[str, Any], options: Mapping[str, Any]) -> Entry:
        """Record an event by its key; emitters call this. See `record`.

        Every method that records refuses the events of the level `audit`, which Auditwright alone records.
        """
        if not (type(key) is str and type(values) is type(options) is dict):
            from auditwright.recording.arguments import event_call

            key, values, options = event_call(key, values, options)
        if "session" in options:
            options = dict(options)
            session = options.pop("session")
        else:
            session = None
        try:
            entry = self._recorder.entry(key, values, options)
        except TimeAhead as error:
            entry = self._known(error)
        return self._store(entry, session)

    async def record_event_async(
        self, key: str, values: Mapping[str, Any], options: Mapping[str, Any]
    ) -> Entry:
        """`record_event` without blocking the event loop; `session` is an AsyncSession or AsyncConnection."""
        if not (type(key) is str and type(values) is type(options) is dict):
            from auditwright.recording.arguments import event_call

            key, values, options = event_call(key, values, options)
        options = dict(options)
        session = options.pop("session", None)
        try:
            entry = self._recorder.entry(key, values, options)
        except TimeAhead as error:
            entry = await self._known_async(error)
        try:
            if session is None:
                return self._as_stored(entry, await self._group_commit.store_async(entry.row))
            if not callable(getattr(session, "run_sync", None)):
                raise StorageError(
                    f"session= takes an AsyncSession or AsyncConnection of SQLAlchemy, not {shown(session)}"
                )
            new = await session.run_sync(lambda inner: self._storage.join(inner, entry.row))
        except BaseException as error:
            self._keep(error, entry)
            raise
        if new:
            return entry
        from asyncio import to_thread

        return await to_thread(self._stored_before, entry.row)

    def _record_system_event(
        self, key: str, values: Mapping[str, Any], options: Mapping[str, Any] | None = None
    ) -> Entry:
        """Record a system event, which no other method does; for `system_events.py`."""
        row = self._recorder.row(key, values, options or {}, by_auditwright=True)
        return self._store(Entry(self.catalog, row), None)

    def record(self, event: EventModel, **options: Unpack[FailureOptions[Session]]) -> Entry:
        """Record an event given as its generated metadata model; returns the entry once it is durable.

        With `session=` the entry joins that transaction and becomes durable with its commit. Idempotent for
        the same `id` and content: the stored entry is returned. Raises `ValidationError` for what the catalog
        does not allow, `SecretKeyMissing`, and with the entry as `error.entry` `IdConflict` and
        `StorageError`.
        """
        return self.record_event(_key(event), event.__dict__, options)

    def record_json(self, payload: bytes | str) -> Entry:
        """Record an entry in its JSON form, checked against its event's JSON Schema; otherwise as `record`.

        `event` and `metadata` are required. All else defaults to the values of the context and the log, and
        `outcome` to "success".
        """
        from auditwright.recording.json_form import parse

        return self.record_form(parse(payload))

    def record_form(self, form: Mapping[str, Any], **options: Unpack[FailureOptions[Session]]) -> Entry:
        """`record_json` for a parsed object; options override its values."""
        session = options.pop("session", None)
        return self._store(self._entry_of_json(form, options), session)

    def record_forms(self, forms: Sequence[object]) -> list[Entry | AuditwrightError]:
        """Record many entries in their JSON form; an invalid one does not affect the others.

        Returns, for each form in order, the stored entry or the error, with the entry as `error.entry` if it
        was built. All valid entries are stored in one transaction. Raises `StorageError` if that fails; then
        none is stored.
        """
        from auditwright.effort import bounded_effort  # not needed by emitters

        with bounded_effort():
            results = [self._entry_or_error(form) for form in self._items("forms", forms)]
        entries = [each for each in results if isinstance(each, Entry)]
        if not entries:
            return results
        try:
            stored = iter(self._storage.insert_each([entry.row for entry in entries]))
        except NotStored as error:
            self._note_outcome(error, [entry.row for entry in entries], "entries from this one on")
            raise
        return [self._outcome(each, next(stored)) if isinstance(each, Entry) else each for each in results]

    def record_many(self, events: Iterable[EventModel | Mapping[str, Any]]) -> int:
        """Record many events, given as metadata models or JSON forms; returns how many are new.

        They are stored in order, in transactions of 10,000. The first refused event raises its error, with a
        note that says its number; all events before it are stored, none after it. Events with an id that are
        stored already are not counted.
        """
        stored = number = 0
        batch: list[Row] = []
        try:
            for event in self._items("events", events):
                batch.append(self._row_of(event))
                number += 1
                if len(batch) == BATCH:
                    full, batch = batch, []
                    stored += self._store_batch(full, number)
        except Exception as error:
            # The event is invalid, or the iterable raised: store the events before it.
            if getattr(error, "entry", None) is None:
                self._store_batch(batch, number)
                error.add_note(
                    f"event {number} (counted from 0) was refused; the {number} before it are stored"
                )
            raise
        return stored + self._store_batch(batch, number)

    def import_jsonl(
        self,
        lines: Iterable[bytes] | BinaryIO,
        report: Callable[[int, AuditwrightError], None],
        *,
        actor: Actor | None = None,
        source: str | None = None,
    ) -> Imported:
        """Import JSON Lines as written by `export_jsonl`; values that the other log set are kept.

        `lines` is a binary stream, such as an open file, or an iterable of lines. A stream may be compressed
        with gzip or Zstandard. `report` is called with the number (from 1) and the error of each invalid
        line. Valid lines are stored.

        At its end, also by an error, the import is recorded in each account that has new entries: by whom,
        from where and how many. `actor` is by default the actor of the context, or else the system. `source`
        says where the lines come from; by default it is the name of the stream, if it has one.

        Raises `StorageError`, and `SourceError` for a stream whose compressed data is damaged or incomplete:
        the lines before it are stored. Errors of `lines` and `report` are raised as they are. Raises
        `ValidationError` if `lines` cannot be iterated, `report` cannot be called, or `actor` or `source` is
        of another type.
        """
        from auditwright.transfer.import_record import ImportRecord
        from auditwright.transfer.jsonl_import import import_lines

        record = ImportRecord.of(lines, actor, source)
        return import_lines(lines, self._recorder, self._schemas, self._storage, report, record)

    @cached_property
    def _schemas(self) -> Schemas:
        from auditwright.recording.json_form import Schemas  # not needed by emitters

        return Schemas(self.catalog)

    def _items(self, name: str, items: Iterable[Any]) -> Iterable[Any]:
        if type(items) is list:
            return items
        from auditwright.recording.arguments import iterator_of

        return iterator_of(name, items)

    def _entry_of_json(self, given: object, options: Mapping[str, Any] | None = None) -> Entry:
        from auditwright.recording.json_form import as_form, options_of

        form, options = as_form(given), options or {}
        for name in ("outcome", "failure_reason"):  # they decide which metadata is valid
            if options.get(name) is not None:
                form[name] = options[name]
        event = self._schemas.check(form)
        try:
            return self._recorder.entry(event.key, form["metadata"], {**options_of(form), **options})
        except TimeAhead as error:
            return self._known(error)

    def _known(self, error: TimeAhead) -> Entry:
        """The entry of an id ahead of the clock, if it is stored or failed to be; otherwise raises the error.

        Its time was not ahead when it was recorded: since then the clock was set back.
        """
        entry = Entry(self.catalog, error.row)
        try:
            is_known = error.row[ID] in self._failed or self._storage.is_stored(error.row)
        except NotStored as failure:
            failure.entry = entry
            raise
        if not is_known:
            raise ValidationError(error.event, error.problems) from None
        return entry

    async def _known_async(self, error: TimeAhead) -> Entry:
        from asyncio import to_thread

        return await to_thread(self._known, error)

    def _entry_or_error(self, form: object) -> Entry | AuditwrightError:
        try:
            return self._entry_of_json(form)
        except AuditwrightError as error:
            return error

    def _outcome(self, entry: Entry, stored: Row | IdConflict) -> Entry | AuditwrightError:
        """The entry of the stored row, or the conflict with its entry attached."""
        if isinstance(stored, IdConflict):
            stored.entry = entry
            return stored
        return entry if stored is entry.row else Entry(self.catalog, stored)

    def _store(self, entry: Entry, session: Any) -> Entry:
        try:
            if session is None:
                return self._as_stored(entry, self._group_commit.store(entry.row))
            new = self._storage.join(session, entry.row)
        except BaseException as error:
            self._keep(error, entry)
            raise
        return entry if new else self._stored_before(entry.row)

    def _stored_before(self, row: Row) -> Entry:
        """The stored entry with the id and content of this row, which joined a transaction as a retry.

        If it cannot be read, because the role may not or it is of the same transaction: the given one without
        its fingerprints, which need not be those that are stored.
        """
        stored: Row | None = None
        with suppress(StorageError):
            stored = self._storage.row(row[ACCOUNT_ID], row[ID])
        return Entry(self.catalog, stored or without_fingerprints(row))

    def _keep(self, error: BaseException, entry: Entry) -> None:
        """Attach the entry to an exception of any class: recording it again with its id is safe."""
        vars(error)["entry"] = entry
        self._failed.append(entry.row[ID])

    def _as_stored(self, entry: Entry, stored: Row) -> Entry:
        return entry if stored is entry.row else Entry(self.catalog, stored)

    def _row_of(self, event: EventModel | Mapping[str, Any]) -> Row:
        if isinstance(event, EventModel):
            return self._recorder.row(event.event_key(), event.__dict__, {})
        return self._entry_of_json(event).row

    def _store_batch(self, batch: list[Row], end: int) -> int:
        """Store the rows of the events up to number `end`, exclusive; returns how many are new."""
        if not batch:
            return 0
        try:
            return self._storage.insert(batch)
        except IdConflict:
            # The database does not say which row conflicts: store them one by one up to that row.
            numbers = range(end - len(batch), end)
            return sum(self._store_row(row, number) for row, number in zip(batch, numbers, strict=True))
        except NotStored as error:
            self._note_outcome(error, batch, "events from this entry on")
            raise

    def _note_outcome(self, error: NotStored, rows: Sequence[Row], what: str) -> None:
        """Add to the error of a transaction whether its rows are stored."""
        entries = tuple(Entry(self.catalog, row) for row in rows)
        error.entry = entries[0]
        self._failed.extend(row[ID] for row in rows)
        if getattr(error, "outcome_unknown", False):
            error.entries = entries
            error.add_note(
                f"it is unknown whether the {len(rows)} {what} are stored; record error.entries again, each "
                "with its id"
            )
        else:
            error.add_note(f"none of the {len(rows)} {what} is stored")

    def _store_row(self, row: Row, number: int) -> int:
        try:
            return self._storage.insert([row])
        except NotStored as error:
            self._keep(error, Entry(self.catalog, row))
            error.add_note(f"event {number} (counted from 0) was refused; the {number} before it are stored")
            raise

    def health(self) -> Health:
        """What this log knows of its database and its spool, for metrics and probes; takes 2 seconds at most.

        Raises `StorageError` if the spool cannot be read, as that of a closed log.
        """
        from auditwright.health import health_of

        return health_of(self._storage, self._group_commit.waiting)

    # --- reading -------------------------------------------------------------------------------

    def account(self, account_id: str) -> AccountLog:
        """The entries of one account. Entries are always read by account."""
        from auditwright.account_log import AccountLog  # not needed for recording

        return AccountLog(self._storage, self.catalog, identifier("account_id", account_id))

    def accounts(self, limit: int = 100) -> list[str]:
        """The first accounts with entries, ordered by id. For operators: never show it to a tenant.

        `limit` is 1 to 1,000. Raises `FilterError`.
        """
        from auditwright.account_log import check_number

        check_number("limit", limit)
        return self._storage.accounts(limit)


logs: WeakSet[AuditLog] = WeakSet()
"""Every log of this process that is still referenced."""
on_open: list[Callable[[AuditLog], object]] = []
"""Called with each log that is opened; for what watches logs, such as the plugin for pytest."""


def _adopted(catalog: Catalog, change: SetupChange) -> list[Row]:
    """The row for a catalog of another version than the database had; see `recording/setup_record.py`."""
    if change.previous_version is None:
        return []
    from auditwright.actor import Actor
    from auditwright.recording.setup_record import adoption_rows  # rarely needed

    return adoption_rows(catalog, Actor.system(), change)


def _seconds_of(timeout: object) -> float:
    """The seconds of a timeout; raises `ValidationError` for one that is not allowed."""
    got = type(timeout).__name__
    if isinstance(timeout, (int, float)) and not isinstance(timeout, bool):
        if SHORTEST <= timeout <= LONGEST:
            return float(timeout)
        got = "one out of range"
    expected = f"a number of seconds from {SHORTEST:g} to {LONGEST:,g}"
    raise ValidationError("timeout", (Problem("timeout", expected, got),))


def _key(event: EventModel) -> str:
    if not isinstance(event, EventModel) or not event.event_key():
        raise ValidationError(
            "event", (Problem("event", "a generated metadata model", type(event).__name__),)
        )
    return event.event_key()
