"""Keyset pagination, newest first: a cursor is the id of an entry, not an offset.

Entries recorded while somebody pages neither repeat nor hide existing entries; each appears at its time. The
storage reads the rows.
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
from auditwright.limits import sanitize, text_of
from auditwright.reading.time_range import Moment, time_range

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.reading.filters import Filter
    from auditwright.storage.query import Found, Scope

MAX_PAGE = 1000
"""The most entries on one page."""
MIN_SEARCH = 3
MAX_SEARCH = 200
"""The length of a search in characters. A shorter text would match nearly everything."""


class Selection(TypedDict, total=False):
    """Which entries to read, besides a filter."""

    since: Moment | None
    """The start of the range: a datetime with a time zone, a date, or a text; see `Moment`."""
    until: Moment | None
    """Its end: a day or a minute is included, a time is not."""
    search: str | None
    """A text of 3 to 200 characters that the description contains, in any case; "" is no search."""


class FilteredSelection(Selection):
    """Which entries to read, with the filter: the arguments that the functions of `AccountLog` share."""

    where: Filter


@dataclass(frozen=True, slots=True)
class Page:
    """A page of entries, newest first, and the cursors of its neighbours."""

    entries: tuple[Entry, ...]
    next: str | None
    """The cursor of the older page, for `after`; None on the last page."""
    previous: str | None = None
    """The cursor of the newer page, for `before`; None on a first page, also if newer entries follow."""
    scanned_to: datetime | None = None
    """The time of the last scanned entry, if the scan budget ended the page before it was full.

    `next` continues the scan, or `previous` if the page was read with `before`. Only a search, or a filter
    that excludes users who recorded nearly everything, needs a scan.
    """


def make_cursor(entry_id: bytes, selection: bytes) -> str:
    """The opaque cursor of an entry in a selection; `selection` is its `selection_digest`."""
    return base64.urlsafe_b64encode(entry_id + selection).decode().rstrip("=")


def read_cursor(cursor: str, selection: bytes) -> bytes:
    """The entry id of a cursor; raises `FilterError` if it is invalid or of another selection."""
    try:
        text = text_of(cursor) or ""
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != 16 + len(selection):
        raise FilterError("the cursor is invalid; start again from the first page")
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
    since: Moment | None = None,
    until: Moment | None = None,
    search: str | None = None,
) -> bytes:
    """8 bytes that bind a cursor to its account, filter, time range and search."""
    times = b"".join(
        to_microseconds(each).to_bytes(9, "big", signed=True) if each else b"-"
        for each in time_range(since, until)
    )
    texts = orjson.dumps([account_id, search_text(search)])
    return hashlib.sha256(where.identity() + times + texts).digest()[:8]


def search_text(search: str | None) -> str | None:
    """The search text, sanitized like descriptions; None for no search. Raises `FilterError`."""
    if search is None:
        return None
    text = text_of(search)
    if text == "":
        return None
    if text is None or not MIN_SEARCH <= len(text) <= MAX_SEARCH:
        got = type(search).__name__ if text is None else len(text)
        raise FilterError(f"a search is a text of {MIN_SEARCH} to {MAX_SEARCH} characters, not {got}")
    return sanitize(text)


def id_bounds(since: Moment | None, until: Moment | None) -> tuple[bytes | None, bytes | None]:
    """The lowest ids of a range and after it; raises `FilterError` as `time_range` does."""
    start, end = (
        None if each is None else least_id(max(to_microseconds(each), 0)) for each in time_range(since, until)
    )
    return start, end


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: after an id, before an id, or at the newest entry."""

    after: bytes | None = None
    before: bytes | None = None

    @classmethod
    def read(cls, after: str | None, before: str | None, selection: bytes) -> Cursor:
        """The start of a page from its cursors; raises `FilterError` if one is invalid or both are given."""
        if after is not None and before is not None:
            raise FilterError("after and before exclude each other")
        return cls(
            None if after is None else read_cursor(after, selection),
            None if before is None else read_cursor(before, selection),
        )

    @property
    def newest_first(self) -> bool:
        """The direction in which the rows are read."""
        return self.before is None

    def page(self, found: Found, limit: int, catalog: Catalog, selection: bytes) -> Page:
        """The page from the rows found; one row more than the limit shows that there is another page."""
        from auditwright.damage import read_entry  # recording does not need it

        rows = found.rows[:limit]
        edge = rows[-1][ID] if len(found.rows) > limit else found.scanned_to
        if edge is not None:
            edge = _of_16_bytes(edge, older=self.newest_first)
        if not self.newest_first:
            rows.reverse()
        # The entry of the cursor itself belongs to the page that the cursor came from.
        back = None
        if self.before is not None:
            back = _of_16_bytes(rows[-1][ID], older=True) if rows else _moved(self.before, 1)
        elif self.after is not None:
            back = _of_16_bytes(rows[0][ID], older=False) if rows else _moved(self.after, -1)
        older, newer = (edge, back) if self.newest_first else (back, edge)
        return Page(
            tuple(read_entry(catalog, row) for row in rows),
            None if older is None else make_cursor(older, selection),
            None if newer is None else make_cursor(newer, selection),
            _time_of(found.scanned_to) if found.scanned_to and len(rows) < limit else None,
        )

    def narrowed(self, scope: Scope) -> Scope:
        """The scope restricted to the entries beyond the cursor."""
        if self.after is not None:
            return replace(scope, high=self.after if scope.high is None else min(scope.high, self.after))
        if self.before is not None:
            low = _moved(self.before, 1)
            return replace(scope, low=low if scope.low is None else max(scope.low, low))
        return scope


def _of_16_bytes(entry_id: bytes, older: bool) -> bytes:
    """The id; of a damaged one, the nearest id that the pages of older or newer entries can begin at."""
    if len(entry_id) == 16:
        return entry_id
    if len(entry_id) > 16 or not older:
        return entry_id[:16].ljust(16, b"\0")
    # The shorter one comes first: only an id below it leaves it out.
    return max(int.from_bytes(entry_id.ljust(16, b"\0")) - 1, 0).to_bytes(16)


def _moved(entry_id: bytes, by: int) -> bytes:
    """The id plus an offset, within the range of ids."""
    return min(max(int.from_bytes(entry_id) + by, 0), 2**128 - 1).to_bytes(16)


def _time_of(entry_id: bytes) -> datetime:
    """The time of an id; to the millisecond if it is a UUIDv7 of another implementation."""
    micros = id_time(entry_id)
    return from_microseconds(min(int.from_bytes(entry_id[:6]) * 1000, LAST) if micros is None else micros)
