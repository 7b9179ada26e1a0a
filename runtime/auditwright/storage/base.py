"""The protocols that a database engine implements, and the values they return.

Recording and reading use `Storage`; `auditwright database check` uses `Inspection`. No SQL is here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from auditwright.catalog import columns_in
from auditwright.entry import Row
from auditwright.storage.errors import IdConflict
from auditwright.storage.query import Found, Scope

if TYPE_CHECKING:
    from datetime import datetime

    from auditwright.storage.activity import Activity
    from auditwright.storage.interrupt import Interrupt


@dataclass(frozen=True, slots=True)
class SetupResult:
    """What setting up a database created."""

    name: str
    """The name of the database."""
    changes: tuple[str, ...]
    """What was created, in order; empty if everything existed."""
    has_roles: bool
    """Whether `make_roles` can create roles for services in this database."""


MAX_NAMES = 100
"""How many names of one user are kept for searching; a job may use a new name for each run."""

SMALL_CATALOG = 300
"""A catalog of up to this many events is small: probing the index for each of them is cheap."""

Rows = Generator[Row, None, None]
"""Rows of one snapshot, read lazily; closing it releases the connection."""
Pieces = Generator[tuple[int, bytes], None, None]
"""Lines of one snapshot in pieces, each with its number of lines; closing it releases the connection."""


@dataclass(frozen=True, slots=True)
class Count:
    """A number of entries, counted up to a limit."""

    entries: int
    whole: bool
    """Whether all were counted; False if counting ended at the limit or the scan budget."""

    def __str__(self) -> str:
        return f"{self.entries:,}{'' if self.whole else '+'}"


@dataclass(frozen=True, slots=True)
class Stored:
    """How many entries of an event an account has, with their lowest and highest id."""

    account_id: str
    event: str
    entries: int
    first: bytes
    last: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a spool has."""

    entries: int
    """The entries that wait for the database; refused ones are not among them."""
    oldest: datetime | None
    """When the first of them was recorded."""
    refused: int
    """The entries that the database has refused."""
    size: int
    """The bytes of the file that are in use, without its write-ahead log."""
    failure: str | None = None
    """Why none of them could be moved at the last attempt; None before one, and once one was moved."""
    failing_since: datetime | None = None
    """When an attempt failed for that reason first."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry of a spool that the database has refused."""

    account_id: str
    id: bytes
    event: str
    reason: str


@dataclass(frozen=True, slots=True)
class Views:
    """The names of the views that differ from those of the catalog."""

    missing: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    newer: bool = False
    """Whether the database has the views of a newer catalog, which are kept."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A database object that differs from what Auditwright creates."""

    what: str
    hint: str


@dataclass(frozen=True, slots=True)
class Damage:
    """How many entries have one damaged part, with one of them."""

    part: str
    """One of `auditwright.damage.PARTS`."""
    entries: int
    account_id: str
    example: bytes
    """The id of an entry of that account."""


class Inspection(Protocol):
    """A read-only snapshot of a database; nothing is created or repaired.

    Bytes that are not UTF-8 are replaced by U+FFFD. Every method raises `StorageError`.
    """

    name: str
    """The name of the database in reports."""
    opening_updates_views: bool
    """Whether opening a log creates and updates the views; otherwise `upgrade_database` does."""

    def catalogs(self) -> dict[str, str]:
        """The catalog.json of every catalog that was used with the database, by version."""
        ...

    def views(self) -> Views:
        """The views that differ from those of the catalog."""
        ...

    def differences(self) -> tuple[Difference, ...]:
        """Differences in tables, indexes, triggers, functions, partitions and privileges; not in views."""
        ...

    def damaged(self, account_id: str | None) -> tuple[Damage, ...]:
        """The damaged entries of all accounts, or of one; JSON that cannot be read is not among them."""
        ...

    def stored(self, account_id: str | None) -> Generator[Stored, None, None]:
        """The recorded events of all accounts, or of one."""
        ...

    def time_and_version(self, account_id: str, entry_id: bytes) -> tuple[int, str]:
        """`occurred_at` in microseconds since 1970 and the catalog version of an entry."""
        ...

    def entries(self, account_id: str | None) -> Rows:
        """Every entry as a row, in the order of `entry.columns`, with None for a column that is missing.

        The metadata has the values in columns of other catalogs.
        """
        ...

    def close(self) -> None:
        """Close the database."""
        ...


class Storage(Protocol):
    """An open database. Every method raises `StorageError`; `insert` and `join` also `IdConflict`."""

    def insert(self, rows: Sequence[Row]) -> int:
        """Store the rows durably in one transaction; returns how many are new.

        Idempotent: a row with a stored id and equal content is skipped. If the content differs, nothing is
        stored.
        """
        ...

    def insert_each(self, rows: Sequence[Row]) -> list[Row | IdConflict]:
        """Store the rows durably in one transaction; a conflict refuses only its own row.

        Returns, for each row in order, the row stored under its id, or the conflict. A row may conflict with
        an earlier one of the same call.
        """
        ...

    def insert_new(self, rows: Sequence[Row]) -> list[bool | IdConflict]:
        """Store the rows durably in one transaction; a conflict refuses only its own row.

        Returns, for each row in order, whether it is new, or the conflict. An import counts with it.
        """
        ...

    def join(self, session: Any, row: Row) -> int:
        """Store a row in the caller's transaction; returns 1, or 0 if it was stored before."""
        ...

    def is_stored(self, row: Row) -> bool:
        """Whether a row with the account and the id of this one is stored, whatever its content."""
        ...

    def row(self, account_id: str, entry_id: bytes) -> Row | None:
        """One row of an account, or None."""
        ...

    def possible_events(self, account_id: str, quick: bool) -> list[str]:
        """The keys of all events that the account may have entries of.

        For a small catalog these are all its events, so that a read includes events first recorded while it
        runs. With `quick`, events that are in no catalog known to the database may be missing for a minute.
        """
        ...

    def recorded_events(self, account_id: str) -> list[str]:
        """The keys of all events that the account has entries of, by a loose index scan."""
        ...

    def accounts(self, limit: int) -> list[str]:
        """The first accounts that have entries."""
        ...

    def users(self, account_id: str, text: str, limit: int) -> list[Row]:
        """Type, id and name of the first actors by id whose id or any name contains the text.

        Case is ignored, as in a search. The first `MAX_NAMES` names of each actor are kept. The returned name
        is the one that was added last: after A, B and A again it is B.
        """
        ...

    def targets(self, account_id: str, targets: Sequence[str]) -> list[str]:
        """Those of some targets, such as `model:m-17`, that have entries."""
        ...

    def counts(self, account_id: str, scopes: Iterable[Scope]) -> Generator[int, None, None]:
        """The number of entries in each of an account's scopes, in one snapshot; not bounded in time."""
        ...

    def count_up_to(self, limit: int, scope: Scope) -> Count:
        """The number of entries, counted up to `limit` and within the scan budget of a page."""
        ...

    def page(self, scope: Scope, newest_first: bool, limit: int) -> Found:
        """The first rows in id order. A scan ends at its budget, after about 20 ms."""
        ...

    def rows(self, scope: Scope, newest_first: bool = True, limit: int | None = None) -> Rows:
        """The rows in id order; not bounded in time."""
        ...

    def csv_lines(
        self,
        scope: Scope,
        full: bool,
        size: int,
        limit: int | None = None,
        processes: int = 1,
        interrupt: Interrupt | None = None,
    ) -> Pieces:
        """The lines of a CSV file, newest first, in pieces of at most `size` lines.

        `processes` is the number of processes that read a SQLite file; PostgreSQL ignores it. `interrupt`
        can end it from another thread.
        """
        ...

    def json_lines(
        self, scope: Scope, size: int, processes: int = 1, interrupt: Interrupt | None = None
    ) -> Pieces:
        """The entries in their JSON form, one per line, oldest first; otherwise as `csv_lines`."""
        ...

    @property
    def activity(self) -> Activity:
        """What the writes of this process have shown of the database."""
        ...

    def waiting(self) -> Waiting | None:
        """What waits in the spool; None without a spool."""
        ...

    def ping(self) -> None:
        """Ask the database that is written to for an answer; raises `StorageError` if it takes no entries."""
        ...

    def close(self) -> None:
        """Close the database. Idempotent."""
        ...


REPLACED = "+replaced."
"""Part of the version of a catalog that another of the same version has replaced."""


def replaced_catalog(version: str, content: str, stored: Mapping[str, str]) -> tuple[str, str] | None:
    """The row that keeps a catalog whose row another of the same version replaces; `stored` is by version.

    None if it has no column that the others do not have: readers find the values in such a column by it.
    """
    before = stored.get(version, "")
    others = [text for each, text in stored.items() if each != version]
    if columns_in(before).keys() <= set[str]().union(*map(columns_in, (content, *others))):
        return None
    return f"{version}{REPLACED}{hashlib.sha256(before.encode()).hexdigest()[:8]}", before
