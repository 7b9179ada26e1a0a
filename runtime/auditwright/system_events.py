"""The events of Auditwright's own catalog (`runtime/catalog/`), and how reads and exports are recorded.

An import is recorded by `transfer/import_record.py`, a set-up by `recording/setup_record.py`.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from typing import TYPE_CHECKING, Literal

import orjson

from auditwright.catalog import OPERATOR_ACCOUNT
from auditwright.context import current
from auditwright.errors import AuditwrightError
from auditwright.ids import format_time, id_head
from auditwright.limits import shown
from auditwright.storage.errors import IdConflict

if TYPE_CHECKING:
    from auditwright.actor import Actor
    from auditwright.entry import Entry
    from auditwright.log import AuditLog

__all__ = ["OPERATOR_ACCOUNT", "NotRecorded", "ReadRecord", "record_export"]

EXPORTED, VIEWED = "audit.log.exported", "audit.log.viewed"
PRUNED, HELD, RELEASED = "audit.log.pruned", "audit.log.held", "audit.log.released"

READ_WINDOW = 15 * 60
"""Seconds in which reads of the same selection are recorded once, by default."""
MIN_WINDOW, MAX_WINDOW = 60, 24 * 60 * 60
MAX_KNOWN = 10_000
"""Reads of the current window that a process remembers."""

Interface = Literal["page", "api", "cli"]
Shown = Literal["entries", "users"]


def record_export(log: AuditLog, account_id: str, actor: Actor, form: str, selection: str) -> Entry:
    """Record that entries of an account are exported; call it before the first byte.

    `form` is the format, `selection` the query of the selected entries, empty for all.
    """
    with log.acting(actor, account_id=account_id):
        return log._record_system_event(EXPORTED, {"format": form, "selection": selection or None})


class NotRecorded(AuditwrightError):
    """A read could not be recorded, so nothing may be shown."""


class ReadRecord:
    """Records who looks at a log: once for each reader, account and selection in a window of time.

    The id of the entry follows from these four, so processes and machines that share a log record a read once
    without asking each other. Its time is the start of the window.
    """

    def __init__(self, log: AuditLog, window: int = READ_WINDOW) -> None:
        """`window` is a number of seconds, 60 to 86,400; raises `ValueError` for others."""
        if type(window) is not int or not MIN_WINDOW <= window <= MAX_WINDOW:
            raise ValueError(
                f"read_window is a whole number of seconds from {MIN_WINDOW} to {MAX_WINDOW:,}, not "
                f"{shown(window)}"
            )
        self._log = log
        self._window = window
        self._known: tuple[int, set[uuid.UUID]] = (0, set())
        """The start of the current window, and the entries of it that are known to be stored."""

    def record(
        self,
        account_id: str,
        actor: Actor,
        interface: Interface,
        selection: str = "",
        *,
        entry_id: uuid.UUID | None = None,
        what: Shown = "entries",
    ) -> None:
        """Record a read that is not recorded yet; call it before anything is shown.

        `selection` is the query of the selected entries, empty for all; `entry_id` is the one entry that was
        opened. An account without entries gets none by being looked at. Raises `NotRecorded`.
        """
        try:
            with self._log.acting(actor, account_id=account_id):
                self._record(account_id, actor, interface, selection, entry_id, what)
        except AuditwrightError as error:
            raise NotRecorded(f"nothing is shown, as the read cannot be recorded: {error}") from error

    def _record(
        self,
        account_id: str,
        actor: Actor,
        interface: Interface,
        selection: str,
        entry_id: uuid.UUID | None,
        what: Shown,
    ) -> None:
        now = _now()
        start = now - now % self._window
        opened = None if entry_id is None else str(entry_id)
        # Who has no id is told apart by the address.
        reader = (actor.type, actor.id, None if actor.id is not None else current().address_of(actor))
        read_id = _id_of(start, (self._window, reader, account_id, selection, opened, what))
        if self._known[0] != start or len(self._known[1]) >= MAX_KNOWN:
            self._known = (start, set())
        _, known = self._known
        if read_id in known:
            return
        account = self._log.account(account_id)
        if not account.has_entries():
            return
        values = {
            "interface": interface,
            "shown": what,
            "selection": selection or None,
            "entry_id": opened,
            "window_end": format_time((start + self._window) * 1_000_000),
        }
        try:
            self._log._record_system_event(VIEWED, values, {"id": read_id})
        except IdConflict:
            # Recorded already, from another address or interface. Whoever records entries chooses their ids,
            # so another event with this id must not hide the read.
            stored = account.get(read_id)
            if stored is None or stored.event != VIEWED:
                self._log._record_system_event(VIEWED, values)
        known.add(read_id)


def _now() -> int:
    """The seconds since 1970."""
    return time.time_ns() // 1_000_000_000


def _id_of(start: int, parts: object) -> uuid.UUID:
    """The UUIDv7 of a time in seconds, with a hash of the parts instead of its 62 random bits."""
    hashed = int.from_bytes(hashlib.sha256(orjson.dumps((start, parts))).digest()[:8])
    low = hashed & (1 << 62) - 1 | 1 << 63
    return uuid.UUID(bytes=id_head(start * 1_000_000) + low.to_bytes(8))
