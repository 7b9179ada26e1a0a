"""`AccountLog`: reads the entries of one account as pages, counts, users and exported files.

It turns filters and selections into scopes for the storage. Writing files is in `transfer/`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Unpack

from auditwright.actor import Actor, packed_id
from auditwright.effort import did_you_mean
from auditwright.entry import ID, Entry
from auditwright.errors import ExportError, FilterError, Problem, ValidationError
from auditwright.ids import least_id
from auditwright.limits import MAX_ID, sanitize, shown, text_of
from auditwright.reading.filters import Condition, Filter
from auditwright.reading.pages import (
    MAX_PAGE,
    Cursor,
    Page,
    Selection,
    id_bounds,
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
    from auditwright.storage.interrupt import Interrupt
    from auditwright.transfer.text_export import ExcelSeparator, TextFormat

MAX_COUNTED = 100_000
"""The highest limit of `count_up_to`."""
MAX_PROCESSES = 8
"""The most processes for one export."""
SLICES = 50
"""The number of progress reports of one count."""


class AccountLog:
    """The entries of one account: get, page, search and export them. Returned by `AuditLog.account`."""

    def __init__(self, storage: Storage, catalog: Catalog, account_id: str) -> None:
        self._storage = storage
        self._catalog = catalog
        self.account_id = account_id

    def get(self, entry_id: uuid.UUID | str) -> Entry | None:
        """One entry by its id, or None; `.typed` is its metadata as a model.

        Raises `ValidationError` for an id that is not a UUID.
        """
        packed = packed_id(entry_id)
        if packed is None:
            raise ValidationError("entry", (Problem("id", "a UUID", shown(entry_id)),))
        row = self._storage.row(self.account_id, packed)
        if row is None:
            return None
        from auditwright.damage import read_entry  # recording does not need it

        return read_entry(self._catalog, row)

    def find(self, prefix: str, limit: int = 10) -> list[Entry]:
        """The entries whose id begins with these hexadecimal digits, newest first.

        Hyphens and case are ignored. `limit` is 1 to 1,000. Raises `ValidationError` for other text.
        """
        check_number("limit", limit)
        digits = (text_of(prefix) or "").replace("-", "").lower()
        if not re.fullmatch("[0-9a-f]{1,32}", digits):
            raise ValidationError("entry", (Problem("id", "a UUID or its beginning", shown(prefix)),))
        low = bytes.fromhex(digits.ljust(32, "0"))
        after = int(digits, 16) + 1 << 4 * (32 - len(digits))
        high = after.to_bytes(16, "big") if after < 1 << 128 else None
        scope = Scope(self.account_id, (Branch(),), low, high)
        from auditwright.damage import read_entry

        return [read_entry(self._catalog, row) for row in self._storage.page(scope, True, limit).rows]

    def entries(
        self,
        where: Filter | None = None,
        *,
        limit: int = 50,
        after: str | None = None,
        before: str | None = None,
        **selection: Unpack[Selection],
    ) -> Page:
        """A page of the selected entries, newest first.

        - `limit` is 1 to 1,000.
        - `after` is the `next` cursor of a page and gives the older page; `before` is its `previous` cursor
          and gives the newer page. Both are valid for the same selection only.
        - `since` (included) and `until` (not included) are times with a zone. A `date`, or a text such as
          "2026-01-31" or "2026-01-31T09:30", is the whole day or minute, in UTC: as `until` it is included.
        - `search` is a text of 3 to 200 characters that the description contains, ignoring case; "" is no
          search.

        A page takes a few milliseconds, whatever the size of the log. A page that needs a scan may end
        early, see `Page.scanned_to`. Raises `FilterError`.
        """
        check_number("limit", limit)
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
        """All selected entries of one snapshot, newest first, read lazily. Parameters as for `entries`."""
        from auditwright.damage import read_entry

        for row in self._storage.rows(self._scope(where, **selection)):
            yield read_entry(self._catalog, row)

    def count(
        self,
        where: Filter | None = None,
        *,
        progress: Callable[[int, float], None] | None = None,
        **selection: Unpack[Selection],
    ) -> int:
        """The exact number of selected entries; not bounded in time. Parameters as for `entries`.

        `progress` is called from time to time with the number counted so far and the fraction of the log's
        time span that is done, 0 to 1. `count_up_to` is fast.
        """
        _check_function("progress", progress)
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
        """The scope split into `SLICES` equal time spans."""
        ends = [self._storage.page(scope.indexed, newest, 1).rows for newest in (False, True)]
        if not ends[0]:
            return [scope]
        lowest, highest = (rows[0][ID] for rows in ends)
        first, last = (int.from_bytes(each[:6]) * 1000 for each in (lowest, highest))
        inner = [first + (last - first) * number // SLICES for number in range(1, SLICES)]
        # No edge is outside of the scope: the first id may be later than the start of its millisecond.
        edges = [scope.low, *(min(max(least_id(micros), lowest), highest) for micros in inner), scope.high]
        return [replace(scope, low=low, high=high) for low, high in pairwise(edges)]

    def count_up_to(
        self,
        limit: int,
        where: Filter | None = None,
        **selection: Unpack[Selection],
    ) -> Count:
        """The number of selected entries, counted up to `limit`, 1 to 100,000. Fast.

        As text it is `312` or `10,000+`. A scan (a search, or a filter that excludes users) may end before
        the limit; `Count.whole` says whether all entries were counted. Raises `FilterError`.
        """
        if type(limit) is not int or not 1 <= limit <= MAX_COUNTED:
            raise FilterError(f"limit is 1 to {MAX_COUNTED:,}, not {shown(limit)}")
        return self._storage.count_up_to(limit, self._scope(where, None, True, **selection))

    def history(
        self,
        type: str,  # noqa: A002 - as the catalog calls it
        id: str,  # noqa: A002
        where: Filter | None = None,
        *,
        limit: int = 50,
        after: str | None = None,
        before: str | None = None,
        **selection: Unpack[Selection],
    ) -> Page:
        """A page of the entries about one object, such as `history("model", "m-17")`, newest first.

        These are the entries with this id in a field that the catalog says identifies an object of the type.
        Otherwise as `entries`; all conditions of `where` must hold too. Raises `FilterError`.
        """
        where = Filter() if where is None else where
        if isinstance(where, Filter) and where.match == "any" and len(where.conditions) > 1:
            raise FilterError("a history takes a filter of which all conditions must hold")
        target = Condition("target", "is", f"{_text('a type', type)}:{_text('an id', id)}")
        if isinstance(where, Filter):
            where = Filter("all", (*where.conditions, target))
        return self.entries(where, limit=limit, after=after, before=before, **selection)

    def targets(self, target_id: str) -> list[str]:
        """The types of the objects with this id that have entries, such as `["model"]` for "m-17".

        The id is exact, of at most 256 characters. Raises `FilterError`.
        """
        plain = text_of(target_id)
        if plain is None or len(plain) > MAX_ID:
            raise FilterError(f"the id of an object is a text of at most {MAX_ID} characters")
        wanted = [f"{each}:{sanitize(plain)}" for each in self._catalog.target_types]
        found = self._storage.targets(self.account_id, wanted if plain else [])
        return sorted(each.partition(":")[0] for each in found)

    def has_entries(self) -> bool:
        """Whether the account has any entries."""
        return bool(self._storage.page(Scope(self.account_id, (Branch(),)), True, 1).rows)

    def events(self) -> list[str]:
        """The keys of all recorded events, including those that the catalog no longer has."""
        return sorted(self._storage.recorded_events(self.account_id))

    def users(self, text: str = "", limit: int = 20) -> list[Actor]:
        """Users and apps with entries whose id or name contains the text, ignoring case; ordered by id.

        A user with several names is found by each of the first 100. The returned name is the one that was
        added last: after A, B and A again it is B. `limit` is 1 to 1,000; the text has at most 256
        characters. Raises `FilterError`.
        """
        check_number("limit", limit)
        plain = text_of(text)
        if plain is None or len(plain) > MAX_ID:
            raise FilterError(f"the text for finding users has at most {MAX_ID} characters")
        return [
            Actor.stored(*found) for found in self._storage.users(self.account_id, sanitize(plain), limit)
        ]

    def export_csv(
        self,
        target: str | Path | BinaryIO,
        where: Filter | None = None,
        *,
        after: str | None = None,
        limit: int | None = None,
        full: bool = False,
        excel: ExcelSeparator | None = None,
        processes: int = 1,
        progress: Progress | None = None,
        begin: Callable[[], object] | None = None,
        **selection: Unpack[Selection],
    ) -> int:
        """Write the selected entries as CSV, newest first; returns how many.

        - `target` is a binary stream or a path. The file appears at the path only when it is complete. It is
          compressed if the name ends in .gz or .zst.
        - `full` adds keys, ids and the metadata to the columns of the Audit Logs page.
        - `excel`, "comma" or "semicolon", makes a file that Excel opens by a double click: with a byte order
          mark, times in whole seconds, and columns separated as the system's settings have it.
        - `after` and `limit` are as in `entries`; by default there is no limit.
        - `processes`, 1 to 8, is how many processes read a large SQLite log. The others run
          `sys.executable`.
        - `begin` is called after the snapshot is taken and before anything is written: an entry that it
          records is not in the file, and an exception that it raises stops the export.

        What a spreadsheet would run as a formula gets a ' before it, whatever separator it splits at. Raises
        `FilterError`, `ExportError`, `StorageError`.
        """
        from auditwright.transfer.export_file import write_export
        from auditwright.transfer.text_export import csv_chunks

        if limit is not None and not (type(limit) is int and limit >= 1):
            raise FilterError(f"limit is at least 1, not {shown(limit)}")
        _check_flag("full", full)
        _check_processes(processes)
        excel = _checked_excel(excel)
        scope = self._scope(where, after, **selection)
        chunks = csv_chunks(self._storage, self._catalog, scope, full, limit, processes, excel=excel)
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
        """Write the selected entries as JSON Lines, lossless, oldest first; otherwise as `export_csv`."""
        from auditwright.transfer.export_file import write_export
        from auditwright.transfer.text_export import jsonl_chunks

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
        """Write the selected entries as Parquet, newest first; otherwise as `export_csv`.

        Besides the entry's columns there is a typed column for each field of the selected events. Needs the
        extra `analytics`.
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
        form: TextFormat,
        where: Filter | None = None,
        *,
        full: bool = False,
        excel: ExcelSeparator | None = None,
        begin: Callable[[], object] | None = None,
        interrupt: Interrupt | None = None,
        **selection: Unpack[Selection],
    ) -> Generator[bytes, None, None]:
        """The file of `export_csv` or `export_jsonl` in pieces, from a snapshot taken by this call.

        The first piece is read before this returns, so that errors at the start are raised here. Later
        errors are raised by the iterator; the file is then incomplete. The iterator holds a read transaction
        until it is exhausted or closed. Threads may take turns to read from it. JSON Lines are always full.
        `excel` is as in `export_csv`, for CSV only.
        `begin` is called during this call, as in `export_csv`. `interrupt` ends the reading from another
        thread; this call or the iterator then raises `StorageError`.
        """
        from auditwright.storage.interrupt import Interrupt
        from auditwright.transfer.text_export import csv_chunks, data_of, jsonl_chunks, primed

        _check_flag("full", full)
        _check_function("begin", begin)
        if interrupt is not None and not isinstance(interrupt, Interrupt):
            raise FilterError(f"interrupt is an Interrupt, not {type(interrupt).__name__}")
        excel = _checked_excel(excel)
        scope = self._scope(where, **selection)
        if text_of(form) == "csv":
            chunks = csv_chunks(self._storage, self._catalog, scope, full, None, 1, interrupt, excel)
            return data_of(primed(chunks, begin))
        if text_of(form) == "jsonl":
            if excel is not None:
                raise FilterError("excel is for csv, not jsonl")
            return data_of(primed(jsonl_chunks(self._storage, self._catalog, scope, 1, interrupt), begin))
        raise FilterError(f"an export is csv or jsonl, not {shown(form)}")

    def _scope(
        self,
        where: Filter | None,
        after: str | None = None,
        quick: bool = False,
        /,  # positional, so that a misspelt keyword of a selection cannot set them
        **selection: Unpack[Selection],
    ) -> Scope:
        for name in selection:
            if name not in Selection.__annotations__:
                nearest = did_you_mean(name, Selection.__annotations__)
                raise TypeError(f"unexpected keyword argument {shown(name)}{nearest}")
        where = Filter() if where is None else where
        if not isinstance(where, Filter):
            raise FilterError(f"a filter is a Filter, not {type(where).__name__}; Filter.from_json makes one")
        low, high = id_bounds(selection.get("since"), selection.get("until"))
        text = search_text(selection.get("search"))
        if after is not None:
            high = read_cursor(after, selection_digest(self.account_id, where, **selection))
        possible = self._storage.possible_events(self.account_id, quick) if where.conditions else []
        return Scope(self.account_id, where.branches(self._catalog, possible), low, high, text)


def _check_processes(number: int) -> None:
    if type(number) is not int or not 1 <= number <= MAX_PROCESSES:
        raise FilterError(f"processes is 1 to {MAX_PROCESSES}, not {shown(number)}")


def check_number(name: str, number: int) -> None:
    """Raise `FilterError` unless it is a number of entries for one page."""
    if type(number) is not int or not 1 <= number <= MAX_PAGE:
        raise FilterError(f"{name} is 1 to {MAX_PAGE}, not {shown(number)}")


def _check_flag(name: str, value: bool) -> None:
    if type(value) is not bool:
        raise FilterError(f"{name} is True or False, not {shown(value)}")


def _checked_excel(separator: object) -> ExcelSeparator | None:
    """The separator, one of the texts of the type itself. Raises `FilterError`."""
    from auditwright.transfer.text_export import SEPARATORS

    if separator is None:
        return None
    for known in SEPARATORS:
        if text_of(separator) == known:
            return known
    raise FilterError(f"excel is {' or '.join(SEPARATORS)}, not {shown(separator)}")


def _text(what: str, value: object) -> str:
    text = text_of(value)
    if text is None:
        raise FilterError(f"{what} is a text, not {shown(value)}")
    return text


def _check_function(name: str, function: object) -> None:
    if function is not None and not callable(function):
        raise FilterError(f"{name} is a function or None, not {shown(function)}")
