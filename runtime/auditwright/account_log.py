"""`AccountLog`: reading the entries of one account, as pages, counts, users and files."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Unpack

from auditwright.actor import Actor
from auditwright.entry import OCCURRED_AT, Entry
from auditwright.errors import ExportError, FilterError, Problem, ValidationError
from auditwright.ids import least_id
from auditwright.limits import MAX_ID, sanitize
from auditwright.reading.filters import Filter
from auditwright.reading.pages import (
    MAX_PAGE,
    Cursor,
    Page,
    Selection,
    id_bound,
    read_cursor,
    search_text,
    selection_digest,
)
from auditwright.storage.base import Count
from auditwright.storage.query import Branch, Scope

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.entry import Progress
    from auditwright.storage.base import Storage

MAX_COUNTED = 100_000
"""Up to which `count_up_to` counts at most."""
MAX_PROCESSES = 8
"""That make one export."""
SLICES = 50
"""Parts in which a count tells its progress."""


class AccountLog:
    """The entries of one account: get, page, search and export them. Made by `AuditLog.account`."""

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
        before: str | None = None,
        **selection: Unpack[Selection],
    ) -> Page:
        """A page of the entries that fit, newest first.

        `limit` is 1 to 1,000; `after` is the `next` of a page, for the older one, and `before` the `previous`
        of one, for the newer one, both with the same selection; `since` (included) and `until` (not included)
        are times with a zone; `search` is a text of 3 to 200 characters that the description contains, a
        letter in any case; "" is none. A page is found in a few milliseconds, however large the log is and
        wherever the page; where that takes looking at entries one by one, it may end early, see
        `Page.scanned_to`. Raises `FilterError`.
        """
        _check_number("limit", limit)
        where = Filter() if where is None else where
        scope = self._scope(where, None, True, **selection)
        bound_to = selection_digest(self.account_id, where, **selection)
        cursor = Cursor.read(after, before, bound_to)
        found = self._storage.page(cursor.narrowed(scope), cursor.newest_first, limit + 1)
        return cursor.page(found, limit, self._catalog, bound_to)

    def all(
        self,
        where: Filter | None = None,
        **selection: Unpack[Selection],
    ) -> Iterator[Entry]:
        """Every entry that fits, newest first, read as it is asked for, as of the start. As `entries`."""
        for row in self._storage.rows(self._scope(where, **selection)):
            yield Entry(self._catalog, row)

    def count(
        self,
        where: Filter | None = None,
        *,
        progress: Callable[[int, float], None] | None = None,
        **selection: Unpack[Selection],
    ) -> int:
        """How many entries fit, all of them counted. As `entries`.

        `progress` is told now and then how many were counted, and in which share of the time that the log
        spans, 0 to 1. `count_up_to` is for a number at once.
        """
        scope = self._scope(where, **selection)
        slices = [scope] if progress is None else self._slices(scope)
        counted = 0
        with closing(self._storage.counts(self.account_id, slices)) as counts:
            for number, entries in enumerate(counts, 1):
                counted += entries
                if progress is not None:
                    progress(counted, number / len(slices))
        return counted

    def _slices(self, scope: Scope) -> list[Scope]:
        """The scope in equal parts of the time that its entries span."""
        ends = [self._storage.page(scope.indexed, newest, 1).rows for newest in (False, True)]
        if not ends[0]:
            return [scope]
        first, last = (rows[0][OCCURRED_AT] for rows in ends)
        inner = [first + (last - first) * number // SLICES for number in range(1, SLICES)]
        edges = [scope.low, *(least_id(micros) for micros in inner), scope.high]
        return [replace(scope, low=low, high=high) for low, high in pairwise(edges)]

    def count_up_to(
        self,
        limit: int,
        where: Filter | None = None,
        **selection: Unpack[Selection],
    ) -> Count:
        """How many entries fit, counted no further than `limit`, 1 to 100,000, which is quick.

        As text it is `312` or `10,000+`. A search, or one that leaves users out, may end before `limit` is
        reached: `Count.whole` says whether these are all. Raises `FilterError`.
        """
        if type(limit) is not int or not 1 <= limit <= MAX_COUNTED:
            raise FilterError(f"entries are counted up to 1 to {MAX_COUNTED:,}, not {limit!r}")
        return self._storage.count_up_to(limit, self._scope(where, None, True, **selection))

    def has_entries(self) -> bool:
        """Whether there are any."""
        return bool(self._storage.page(Scope(self.account_id, (Branch(),)), True, 1).rows)

    def events(self) -> list[str]:
        """The keys of all events that there are entries of, also those that the catalog no longer has."""
        return sorted(self._storage.recorded_events(self.account_id))

    def users(self, text: str = "", limit: int = 20) -> list[Actor]:
        """Users and apps with entries whose id or name contains the text, a letter in any case, by id.

        A user of several names is found by each of the first 100, and comes with the last of these that was
        new: after A, B and A again, with B. `limit` is 1 to 1,000, and the text has at most 256 characters.
        Raises `FilterError`.
        """
        _check_number("limit", limit)
        if not isinstance(text, str) or len(text) > MAX_ID:
            raise FilterError(f"the text to find users by has at most {MAX_ID} characters")
        return [Actor(*found) for found in self._storage.users(self.account_id, sanitize(text), limit)]

    def export_csv(
        self,
        target: str | Path | BinaryIO,
        where: Filter | None = None,
        *,
        after: str | None = None,
        limit: int | None = None,
        full: bool = False,
        processes: int = 1,
        progress: Progress | None = None,
        begin: Callable[[], object] | None = None,
        **selection: Unpack[Selection],
    ) -> int:
        """Write the entries that fit as CSV, newest first; returns how many.

        `target` is a path, which appears only when the file is whole and is compressed where its name ends
        in .gz or .zst, or a binary stream. The columns are those of the Audit Logs page; `full` adds keys,
        ids and the metadata. Cells that a spreadsheet would run as a formula begin with '. `after` and
        `limit` narrow it as in `entries`; there is no limit by default. With `processes` from 2 to 8, so many
        make an export of a large SQLite log, which takes less time; each but this one is a Python that
        `sys.executable` starts. `begin` is called when it is settled what the file will hold and before any
        of it is written: what it records is not in the file, and what it raises stops the export. Raises
        `FilterError`, `ExportError`, `StorageError`.
        """
        from auditwright.transfer.export import csv_chunks
        from auditwright.transfer.export_file import write_export

        if limit is not None and not (type(limit) is int and limit >= 1):
            raise FilterError(f"limit is at least 1, not {limit!r}")
        _check_processes(processes)
        scope = self._scope(where, after, **selection)
        chunks = csv_chunks(self._storage, self._catalog, scope, full, limit, processes)
        return write_export(chunks, target, progress, begin)

    def export_jsonl(
        self,
        target: str | Path | BinaryIO,
        where: Filter | None = None,
        *,
        processes: int = 1,
        progress: Progress | None = None,
        begin: Callable[[], object] | None = None,
        **selection: Unpack[Selection],
    ) -> int:
        """Write the entries that fit as JSON Lines, without loss, oldest first; otherwise as `export_csv`."""
        from auditwright.transfer.export import jsonl_chunks
        from auditwright.transfer.export_file import write_export

        _check_processes(processes)
        scope = self._scope(where, **selection)
        chunks = jsonl_chunks(self._storage, self._catalog, scope, processes)
        return write_export(chunks, target, progress, begin)

    def export_parquet(
        self,
        target: str | Path | BinaryIO,
        where: Filter | None = None,
        *,
        progress: Progress | None = None,
        begin: Callable[[], object] | None = None,
        **selection: Unpack[Selection],
    ) -> int:
        """Write the entries that fit as Parquet, newest first; otherwise as `export_csv`.

        Beside the entry's own columns there is a typed one for each field of the events that are selected.
        It needs the extra `analytics`.
        """
        from auditwright.transfer.export_file import write_export

        try:
            from auditwright.transfer.parquet import parquet_chunks
        except ImportError:
            raise ExportError(
                'Parquet needs the package pyarrow: pip install "auditwright[analytics]"'
            ) from None
        scope = self._scope(where, **selection)
        possible = self._storage.possible_events(self.account_id, quick=False)
        known = dict.fromkeys([*self._catalog.every_event, *possible])
        selected = {branch.event for branch in (where or Filter()).branches(self._catalog, known)}
        chunks = parquet_chunks(self._storage, self._catalog, scope, selected)
        return write_export(chunks, target, progress, begin, is_compressed=True)

    def stream(
        self,
        form: Literal["csv", "jsonl"],
        where: Filter | None = None,
        *,
        full: bool = False,
        begin: Callable[[], object] | None = None,
        **selection: Unpack[Selection],
    ) -> Generator[bytes, None, None]:
        """The file of `export_csv` or `export_jsonl` in pieces, with the entries as of this call.

        The first piece is read before this returns, so that what cannot begin raises here; what fails later
        raises from the iterator, and the file is not to be used. Until it is exhausted or closed it holds a
        read transaction: close it to stop early. Threads may take turns at it. JSON Lines are always full.
        `begin` is called within this call, as `export_csv` does.
        """
        from auditwright.transfer.export import csv_chunks, data_of, jsonl_chunks, primed

        scope = self._scope(where, **selection)
        if form == "csv":
            return data_of(primed(csv_chunks(self._storage, self._catalog, scope, full, None), begin))
        if form == "jsonl":
            return data_of(primed(jsonl_chunks(self._storage, self._catalog, scope), begin))
        raise FilterError(f"an export is csv or jsonl, not {form!r}")

    def _scope(
        self,
        where: Filter | None,
        after: str | None = None,
        quick: bool = False,
        /,  # so that no caller's misspelt selection is taken for one of these
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        search: str | None = None,
    ) -> Scope:
        where = Filter() if where is None else where
        if not isinstance(where, Filter):
            raise FilterError(f"a filter is a Filter, not {type(where).__name__}; Filter.from_json makes one")
        low, high = id_bound(since, "since"), id_bound(until, "until")
        text = search_text(search)
        if after is not None:
            digest = selection_digest(self.account_id, where, since=since, until=until, search=search)
            high = read_cursor(after, digest)
        possible = self._storage.possible_events(self.account_id, quick) if where.conditions else []
        return Scope(self.account_id, where.branches(self._catalog, possible), low, high, text)


def _check_processes(number: int) -> None:
    if type(number) is not int or not 1 <= number <= MAX_PROCESSES:
        raise FilterError(f"processes is 1 to {MAX_PROCESSES}, not {number!r}")


def _check_number(name: str, number: int) -> None:
    if type(number) is not int or not 1 <= number <= MAX_PAGE:
        raise FilterError(f"{name} is 1 to {MAX_PAGE}, not {number!r}")
