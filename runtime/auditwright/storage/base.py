"""What the log needs of a database engine, and how it says what to read."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from auditwright.entry import Row
from auditwright.errors import IdConflict

# A spreadsheet runs a cell that begins with one of these; a ' before it marks it as text, and a cell that
# begins with ' gets a second one, so that the mark can be taken off again (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\n", "\r", "＝", "＋", "－", "＠", "'")
"""What a cell of a CSV begins with that gets a ' before it."""
MOST_USERS = 10_000
"""Ids that a search for users looks at: the first ones, within a tenth of a second."""

Rows = Generator[Row, None, None]
"""Rows as of one moment, read as they are asked for; closing it lets go of the database."""


@dataclass(frozen=True, slots=True)
class Branch:
    """Entries that one index gives in the order of their ids: of one event or all, of one user or not of
    some.
    """

    event: str | None = None
    user: str | None = None
    """Needs an event: the index over users holds the event before the id."""
    not_users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What to read: the union of disjoint branches of one account, within a range of ids and a search."""

    account_id: str
    branches: tuple[Branch, ...]
    low: bytes | None = None
    """The least id that belongs."""
    high: bytes | None = None
    """The least id above that does not."""
    search: str | None = None
    """What the description contains: each character as it is, a letter in any case."""


@dataclass(frozen=True, slots=True)
class Stored:
    """How many entries of an event an account has, and where the first and the last of them are."""

    account_id: str
    event: str
    entries: int
    first: bytes
    last: bytes


@dataclass(frozen=True, slots=True)
class Views:
    """How the views of the database differ from those of a catalog, by name."""

    missing: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    newer: bool = False
    """Whether a newer catalog has been here, whose views stay."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in the database that is not as Auditwright makes it."""

    what: str
    way_out: str


class Inspection(Protocol):
    """A database as it was at one moment, only looked at: nothing is made, repaired or switched.

    Texts that are no UTF-8 come with U+FFFD for what cannot be read. Every method raises `StorageError`.
    """

    name: str
    """What the database is called in reports."""

    def catalogs(self) -> dict[str, str]:
        """The catalog.json of every catalog that the database has seen, by version."""
        ...

    def views(self) -> Views:
        """How the views differ from the catalog's."""
        ...

    def differences(self) -> tuple[Difference, ...]:
        """How tables, indexes, triggers, functions, partitions and rights differ; views are apart."""
        ...

    def stored(self, account_id: str | None) -> Generator[Stored, None, None]:
        """The events that there are entries of, by account; `account_id` narrows it to one."""
        ...

    def place(self, account_id: str, entry_id: bytes) -> tuple[int, str]:
        """When the entry occurred, in microseconds since 1970, and the version that it was recorded under."""
        ...

    def entries(self, account_id: str | None) -> Rows:
        """Of each entry account, id, event, version, alterations, metadata and the catalog's columns.

        The texts are UTF-8 as bytes, as they are stored.
        """
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


class Storage(Protocol):
    """One open database. Every method raises `StorageError`; `insert` and `join` also `IdConflict`."""

    def insert(self, rows: Sequence[Row]) -> int:
        """Store the rows in one transaction of their own, durably; how many were not there before.

        A row whose id is there with equal content is passed over; with other content, nothing is stored.
        """
        ...

    def insert_each(self, rows: Sequence[Row]) -> list[Row | IdConflict]:
        """Store the rows in one transaction of their own, durably, each whatever becomes of the others.

        For each, in order: the row that is stored under its id, or the conflict with what is stored there,
        be it by a row before it.
        """
        ...

    def join(self, session: Any, row: Row) -> int:
        """Store a row in the caller's transaction; 1, or 0 where it was there before."""
        ...

    def row(self, account_id: str, entry_id: bytes) -> Row | None:
        """One row of one account."""
        ...

    def stored_events(self, account_id: str) -> list[str]:
        """The keys of events that the account has entries of."""
        ...

    def accounts(self, most: int) -> list[str]:
        """The first accounts that have entries."""
        ...

    def users(self, account_id: str, text: str, most: int) -> list[Row]:
        """Type, id and a name of the first actors with ids, by id, whose id or name contains the text.

        As in a search, case does not matter. Of the account's ids the first `MOST_USERS` are looked at.
        """
        ...

    def count(self, scope: Scope) -> int:
        """How many entries there are."""
        ...

    def rows(self, scope: Scope, newest_first: bool = True, limit: int | None = None) -> Rows:
        """The rows in the order of their ids."""
        ...

    def csv_lines(self, scope: Scope, full: bool, limit: int | None = None) -> Rows:
        """For each row, newest first: the line's start, the keys of event and category, the line's rest.

        Start and rest are ready for the file; the titles of event and category belong between them.
        """
        ...

    def close(self) -> None:
        """Let go of the database; closing twice is fine."""
        ...


def columns_in(catalog_json: str) -> set[str]:
    """The fields with a column of their own in the text of a catalog.json; none where it is no such text."""
    try:
        levels = orjson.loads(catalog_json)["levels"]
        events = [
            event for level in levels for category in level["categories"] for event in category["events"]
        ]
        return {field["name"] for event in events for field in event["fields"] if field.get("column")}
    except (ValueError, LookupError, TypeError, AttributeError):
        return set()
