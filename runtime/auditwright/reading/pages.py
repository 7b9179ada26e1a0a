"""Keyset pages, newest first: a cursor is a place between entries, never a number of rows.

What was there when a page was read is on exactly one of the pages before and after it, whatever is recorded
meanwhile; what is recorded later stands at its time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

import orjson

from auditwright.entry import ID, Entry
from auditwright.errors import FilterError
from auditwright.ids import LAST, from_microseconds, id_time, least_id, to_microseconds
from auditwright.limits import sanitize

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.reading.filters import Filter
    from auditwright.storage.query import Found, Scope

MAX_PAGE = 1000
"""Entries on one page."""
MIN_SEARCH = 3
MAX_SEARCH = 200
"""Characters to search for. Fewer would find nearly everything."""


class Selection(TypedDict, total=False):
    """Which entries to read, besides a filter."""

    since: datetime | None
    """The earliest time, with a time zone."""
    until: datetime | None
    """The time before which entries are selected, with a time zone."""
    search: str | None
    """A text of 3 to 200 characters that the description contains, in any case; "" is no search."""


class FilteredSelection(Selection):
    """Which entries to read, with the filter: the arguments that the functions of `AccountLog` share."""

    where: Filter


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, newest first, and the cursors of the pages around them."""

    entries: tuple[Entry, ...]
    next: str | None
    """For `after`: the older page. None where there is none."""
    previous: str | None = None
    """For `before`: the newer page. None on the first one, and where nothing newer was there."""
    scanned_to: datetime | None = None
    """How far the work of one page went, where it ended before the page was full: all entries up to this time
    were looked at, and `next` goes on from there (`previous`, if the page was read by `before`). It ends so
    only where entries have to be looked at one by one: in a search, and where users are left out who recorded
    nearly everything.
    """


def make_cursor(entry_id: bytes, selection: bytes) -> str:
    """The opaque cursor at an entry of a selection (see `selection_digest`)."""
    return base64.urlsafe_b64encode(entry_id + selection).decode().rstrip("=")


def read_cursor(cursor: str, selection: bytes) -> bytes:
    """The entry's id of a cursor; raises `FilterError` where it is none, or of another selection."""
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError, TypeError):
        data = b""
    if len(data) != 16 + len(selection):
        raise FilterError("the cursor is not one of this log; start again from the first page")
    if data[16:] != selection:
        raise FilterError(
            "the cursor belongs to another account, filter, time range or search; start again from the first "
            "page"
        )
    return data[:16]


def selection_digest(
    account_id: str,
    where: Filter,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    search: str | None = None,
) -> bytes:
    """8 bytes that bind a cursor to its account, filter, time range and search."""
    times = b"".join(
        to_microseconds(each).to_bytes(9, "big", signed=True) if each else b"-" for each in (since, until)
    )
    texts = orjson.dumps([account_id, search_text(search)])
    return hashlib.sha256(where.identity() + times + texts).digest()[:8]


def search_text(search: str | None) -> str | None:
    """The text to search for, cleaned as descriptions are; None for no search. Raises `FilterError`."""
    if search is None or search == "":
        return None
    if not isinstance(search, str) or not MIN_SEARCH <= len(search) <= MAX_SEARCH:
        got = len(search) if isinstance(search, str) else type(search).__name__
        raise FilterError(f"a search is a text of {MIN_SEARCH} to {MAX_SEARCH} characters, not {got}")
    return sanitize(search)


def id_bound(moment: datetime | None, name: str) -> bytes | None:
    """The least id of a time; raises `FilterError` for a time without a zone."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise FilterError(f"{name} needs a time zone: write 2026-01-02T03:04:05Z")
    return least_id(max(to_microseconds(moment), 0))


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page is to begin: below an id, above one, or with the newest entry."""

    after: bytes | None = None
    before: bytes | None = None

    @classmethod
    def read(cls, after: str | None, before: str | None, selection: bytes) -> Cursor:
        """The place of cursors. Raises `FilterError`, also where both are given."""
        if after is not None and before is not None:
            raise FilterError("a page is after a cursor or before one, not both")
        return cls(
            None if after is None else read_cursor(after, selection),
            None if before is None else read_cursor(before, selection),
        )

    @property
    def newest_first(self) -> bool:
        """In which direction entries are to be read."""
        return self.before is None

    def page(self, found: Found, limit: int, catalog: Catalog, selection: bytes) -> Page:
        """The page out of what was found from here on, up to one row more than the limit."""
        rows = found.rows[:limit]
        edge = rows[-1][ID] if len(found.rows) > limit else found.scanned_to
        if not self.newest_first:
            rows.reverse()
        # What stands at the place itself is on the page that it was taken from.
        back = None
        if self.before is not None:
            back = rows[-1][ID] if rows else _moved(self.before, 1)
        elif self.after is not None:
            back = rows[0][ID] if rows else _moved(self.after, -1)
        older, newer = (edge, back) if self.newest_first else (back, edge)
        return Page(
            tuple(Entry(catalog, row) for row in rows),
            None if older is None else make_cursor(older, selection),
            None if newer is None else make_cursor(newer, selection),
            _time_of(found.scanned_to) if found.scanned_to and len(rows) < limit else None,
        )

    def narrowed(self, scope: Scope) -> Scope:
        """The scope from here on."""
        if self.after is not None:
            return replace(scope, high=self.after if scope.high is None else min(scope.high, self.after))
        if self.before is not None:
            low = _moved(self.before, 1)
            return replace(scope, low=low if scope.low is None else max(scope.low, low))
        return scope


def _moved(entry_id: bytes, by: int) -> bytes:
    """The id next to one."""
    return min(max(int.from_bytes(entry_id) + by, 0), 2**128 - 1).to_bytes(16)


def _time_of(entry_id: bytes) -> datetime:
    """The time of an id; to the millisecond where another maker of ids put something else behind that."""
    micros = id_time(entry_id)
    return from_microseconds(min(int.from_bytes(entry_id[:6]) * 1000, LAST) if micros is None else micros)
