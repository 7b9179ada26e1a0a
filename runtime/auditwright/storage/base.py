"""What the log needs of a database engine, and how it says what to read."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from auditwright.entry import Row
from auditwright.storage.errors import IdConflict
from auditwright.storage.query import Found, Scope


@dataclass(frozen=True, slots=True)
class SetupResult:
    """What was done to a database."""

    name: str
    """What the database is called."""
    changes: tuple[str, ...]
    """What was made, in words, in that order; nothing where all was there."""


MAX_NAMES = 100
"""The first names of one user, kept to find the user by: a job may record under another one each time."""

SMALL_CATALOG = 300
"""Events up to which a catalog is small: looking for entries of all of them costs little."""

Rows = Generator[Row, None, None]
"""Rows as of one moment, read as they are asked for; closing it lets go of the database."""
Pieces = Generator[tuple[int, bytes], None, None]
"""Lines of a file as of one moment, in pieces, each with their number; closing it as for `Rows`."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many entries there are, up to a limit."""

    entries: int
    whole: bool
    """Whether these are all: False where counting ended at the limit, or at what it may look at."""

    def __str__(self) -> str:
        return f"{self.entries:,}{'' if self.whole else '+'}"


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
    hint: str


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

    def possible_events(self, account_id: str, quick: bool) -> list[str]:
        """The keys of all events that the account may have entries of; of a small catalog's, all.

        So what is recorded for the first time while something is read is not missing in it. With `quick`,
        what no catalog that the database has seen knows may be missing for a minute.
        """
        ...

    def recorded_events(self, account_id: str) -> list[str]:
        """The keys of all events that the account has entries of, and no others, as quickly as for a page."""
        ...

    def accounts(self, most: int) -> list[str]:
        """The first accounts that have entries."""
        ...

    def users(self, account_id: str, text: str, most: int) -> list[Row]:
        """Type, id and name of the first actors with ids, by id, whose id or any name contains the text.

        As in a search, case does not matter. The first `MAX_NAMES` names that were recorded of each are
        known, and the name that comes is the last of these that was new: after A, B and A again it is B.
        """
        ...

    def counts(self, account_id: str, scopes: Iterable[Scope]) -> Generator[int, None, None]:
        """How many entries each of an account's scopes has, as of one moment, however long it takes."""
        ...

    def count_up_to(self, most: int, scope: Scope) -> Counted:
        """How many entries there are, counted no further than `most`, and no longer than a page may take."""
        ...

    def page(self, scope: Scope, newest_first: bool, limit: int) -> Found:
        """The first rows in the order of their ids.

        Where entries have to be looked at one by one, it ends after so many that take about 20 ms.
        """
        ...

    def rows(self, scope: Scope, newest_first: bool = True, limit: int | None = None) -> Rows:
        """The rows in the order of their ids, however long it takes."""
        ...

    def csv_lines(
        self, scope: Scope, full: bool, size: int, limit: int | None = None, processes: int = 1
    ) -> Pieces:
        """The lines of a CSV, newest first, in pieces of at most `size`.

        With several processes SQLite makes much of them in others beside this one.
        """
        ...

    def json_lines(self, scope: Scope, size: int, processes: int = 1) -> Pieces:
        """The entries in their JSON form, one a line, oldest first; otherwise as `csv_lines`."""
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
