"""`log`: the audit log of `settings.AUDITWRIGHT`, opened when it is first used."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

from asgiref.sync import sync_to_async

from auditwright.catalog import find_catalog
from auditwright.contrib.django.conf import Configuration, configuration
from auditwright.contrib.django.databases import connection_of, open_transaction, url_of
from auditwright.forks import ForkAware, register
from auditwright.log import AuditLog

if TYPE_CHECKING:
    from auditwright.emitters import FailureOptions, Session
    from auditwright.entry import Entry


class DjangoLog(AuditLog, ForkAware):
    """An `AuditLog` whose entries join the transaction that is open on Django's connection.

    It is opened when it is first used, as settings and databases may differ by then: Django's test runner
    changes the name of the database. `close` releases the database; the next use opens it again.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._opened: AuditLog | None = None
        self._opened_for: tuple[Configuration, object] | None = None
        self.captures: list[list[tuple[Entry, bool]]] = []
        """Where tests want recorded entries to go, each with whether it joined Django's transaction."""
        register(self)

    def after_fork_in_child(self) -> None:
        """See `ForkAware`; the opened log does the same."""
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        """The attributes of an opened log, which this one has not by itself."""
        if name == "catalog":
            return find_catalog(configuration().catalog)
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.opened(), name)

    def opened(self) -> AuditLog:
        """The log of the current settings; raises what `AuditLog.open` raises."""
        settings = configuration()
        name = None if settings.alias is None else connection_of(settings.alias).settings_dict["NAME"]
        if self._opened is None or self._opened_for != (settings, name):
            with self._lock:
                if self._opened is None or self._opened_for != (settings, name):
                    self.close()
                    self._opened = _open(settings)
                    self._opened_for = (settings, name)
        return self._opened

    def close(self) -> None:
        """Close the database; the next use opens it again. Idempotent."""
        with self._lock:
            opened, self._opened = self._opened, None
            if "_schemas" in vars(self):
                del self._schemas
        if opened is not None:
            opened.close()

    def record_event(self, key: str, values: Mapping[str, Any], options: Mapping[str, Any]) -> Entry:
        """See `AuditLog`; without `session` it joins the transaction that is open on Django's connection."""
        return super().record_event(key, values, _joining(options))

    async def record_event_async(
        self, key: str, values: Mapping[str, Any], options: Mapping[str, Any]
    ) -> Entry:
        """See `AuditLog`; without `session` it runs in the thread of Django's connection, as the ORM does."""
        if type(options) is dict and options.get("session") is not None:
            return await super().record_event_async(key, values, options)
        return await sync_to_async(self.record_event)(key, values, options)

    def record_form(self, form: Mapping[str, Any], **options: Unpack[FailureOptions[Session]]) -> Entry:
        """See `AuditLog` and `record_event`."""
        return super().record_form(form, **_joining(options))

    def _store(self, entry: Entry, session: Any) -> Entry:
        stored = super()._store(entry, session)
        for capture in self.captures:
            capture.append((stored, session is not None))
        return stored


def _open(settings: Configuration) -> AuditLog:
    return AuditLog.open(
        settings.url or url_of(settings.alias or "default"),
        account_id=settings.account,
        catalog=find_catalog(settings.catalog),
        secret_key=settings.secret_key,
        read_url=settings.read_url,
        timeout=settings.timeout,
        spool=settings.spool,
        spool_bytes=settings.spool_bytes,
    )


def _joining(options: Any) -> Any:
    if type(options) is dict and "session" not in options and (session := _transaction()) is not None:
        return {**options, "session": session}
    return options


def _transaction() -> Any:
    alias = configuration().alias
    return None if alias is None else open_transaction(alias)


log = DjangoLog()
"""The audit log of this process, to be imported and shared by all threads."""
