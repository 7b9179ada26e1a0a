"""Keyset pages, newest first: a cursor says which entry the page before ended with, never a number of
rows.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from auditwright.entry import Entry, id_head, to_microseconds
from auditwright.errors import FilterError
from auditwright.limits import clean

if TYPE_CHECKING:
    from auditwright.filters import Filter

MOST = 1000
"""Entries on one page."""
LEAST_SEARCH = 3
MOST_SEARCH = 200
"""Characters to search for. Fewer would find nearly everything."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, newest first, and the cursor of the page after them: None where there is none."""

    entries: tuple[Entry, ...]
    next: str | None


def make_cursor(entry_id: bytes, selection: bytes) -> str:
    """The opaque cursor after an entry of a selection (`selection_of`)."""
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
            "the cursor belongs to another filter, time range or search; start again from the first page"
        )
    return data[:16]


def selection_of(where: Filter, since: datetime | None, until: datetime | None, search: str | None) -> bytes:
    """What a cursor is bound to: the filter set, the time range and the text of `search_text`."""
    times = b"".join(
        to_microseconds(each).to_bytes(9, "big", signed=True) if each else b"-" for each in (since, until)
    )
    return hashlib.sha256(where.identity() + times + (search or "").encode()).digest()[:8]


def search_text(search: str | None) -> str | None:
    """The text to search for, cleaned as descriptions are; None for no search. Raises `FilterError`."""
    if search is None or search == "":
        return None
    if not isinstance(search, str) or not LEAST_SEARCH <= len(search) <= MOST_SEARCH:
        came = len(search) if isinstance(search, str) else type(search).__name__
        raise FilterError(f"a search is a text of {LEAST_SEARCH} to {MOST_SEARCH} characters, not {came}")
    return clean(search)


def id_bound(moment: datetime | None, name: str) -> bytes | None:
    """The least id of a time; raises `FilterError` for a time without a zone."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise FilterError(f"{name} needs a time zone: write 2026-01-02T03:04:05Z")
    return id_head(max(to_microseconds(moment), 0)) + bytes(8)


def page_of(entries: Sequence[Entry], limit: int, selection: bytes) -> Page:
    """A page of `limit` entries out of one more than that, which tells whether another page follows."""
    if len(entries) <= limit:
        return Page(tuple(entries), None)
    return Page(tuple(entries[:limit]), make_cursor(entries[limit - 1].row[1], selection))
