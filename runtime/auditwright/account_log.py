"""`AccountLog`: reading the entries of one account, as pages, counts, users and files."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from auditwright.context import Actor
from auditwright.entry import Entry
from auditwright.errors import FilterError, Problem, ValidationError
from auditwright.export import Progress, begun, csv_chunks, data_of, jsonl_chunks, write_export
from auditwright.filters import Filter
from auditwright.limits import MAX_ID, clean
from auditwright.pages import MOST, Page, id_bound, page_of, read_cursor, search_text, selection_of
from auditwright.storage.base import Branch, Scope

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.storage.base import Storage


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
        since: datetime | None = None,
        until: datetime | None = None,
        search: str | None = None,
    ) -> Page:
        """A page of the entries that fit, newest first.

        `limit` is 1 to 1,000; `after` is the `next` of the page before, with the same selection;
        `since` (included) and `until` (not included) are times with a zone; `search` is a text of 3 to 200
        characters that the description contains, a letter in any case; "" is none. Raises `FilterError`.
        """
        _check_number("limit", limit)
        where = Filter() if where is None else where
        rows = self._storage.rows(self._scope(where, since, until, search, after), limit=limit + 1)
        entries = [Entry(self._catalog, row) for row in rows]
        return page_of(entries, limit, selection_of(where, since, until, search_text(search)))

    def all(
        self,
        where: Filter | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        search: str | None = None,
    ) -> Iterator[Entry]:
        """Every entry that fits, newest first, read as it is asked for, as of the start. As `entries`."""
        for row in self._storage.rows(self._scope(where, since, until, search)):
            yield Entry(self._catalog, row)

    def count(
        self,
        where: Filter | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        search: str | None = None,
    ) -> int:
        """How many entries fit. As `entries`."""
        return self._storage.count(self._scope(where, since, until, search))

    def has_entries(self) -> bool:
        """Whether there are any."""
        return bool(list(self._storage.rows(Scope(self.account_id, (Branch(),)), limit=1)))

    def users(self, text: str = "", most: int = 20) -> list[Actor]:
        """Users and apps with entries whose id or name contains the text, a letter in any case, by id.

        The name is one that an entry of theirs was recorded with, and the only one that is looked at. Of
        more than 10,000 ids only the first 10,000 are looked at. `most` is 1 to 1,000, and the text has at
        most 256 characters. Raises `FilterError`.
        """
        _check_number("most", most)
        if not isinstance(text, str) or len(text) > MAX_ID:
            raise FilterError(f"the text to find users by has at most {MAX_ID} characters")
        return [Actor(*found) for found in self._storage.users(self.account_id, clean(text), most)]

    def export_csv(
        self,
        target: str | Path | BinaryIO,
        where: Filter | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        search: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        full: bool = False,
        progress: Progress | None = None,
        begin: Callable[[], object] | None = None,
    ) -> int:
        """Write the entries that fit as CSV, newest first; returns how many.

        `target` is a path, which appears only when the file is whole, or a binary stream. The columns are
        those of the Audit Logs page; `full` adds keys, ids and the metadata. Cells that a spreadsheet would
        run as a formula begin with '. `after` and `limit` narrow it as in `entries`; there is no limit by
        default. `begin` is called when it is settled what the file will hold and before any of it is written:
        what it records is not in the file, and what it raises stops the export. Raises `FilterError`,
        `ExportError`, `StorageError`.
        """
        if limit is not None and not (type(limit) is int and limit >= 1):
            raise FilterError(f"limit is at least 1, not {limit!r}")
        scope = self._scope(where, since, until, search, after)
        chunks = csv_chunks(self._storage, self._catalog, scope, full, limit)
        return write_export(begun(chunks, begin), target, progress)

    def export_jsonl(
        self,
        target: str | Path | BinaryIO,
        where: Filter | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        search: str | None = None,
        progress: Progress | None = None,
        begin: Callable[[], object] | None = None,
    ) -> int:
        """Write the entries that fit as JSON Lines, without loss, oldest first; otherwise as `export_csv`."""
        scope = self._scope(where, since, until, search)
        chunks = jsonl_chunks(self._storage, self._catalog, scope)
        return write_export(begun(chunks, begin), target, progress)

    def stream(
        self,
        form: Literal["csv", "jsonl"],
        where: Filter | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        search: str | None = None,
        full: bool = False,
        begin: Callable[[], object] | None = None,
    ) -> Generator[bytes, None, None]:
        """The file of `export_csv` or `export_jsonl` in pieces, with the entries as of this call.

        The first piece is read before this returns, so that what cannot begin raises here; what fails later
        raises from the iterator, and the file is not to be used. Until it is exhausted or closed it holds a
        read transaction: close it to stop early. Threads may take turns at it. JSON Lines are always full.
        `begin` is called within this call, as `export_csv` does.
        """
        scope = self._scope(where, since, until, search)
        if form == "csv":
            return data_of(begun(csv_chunks(self._storage, self._catalog, scope, full, None), begin))
        if form == "jsonl":
            return data_of(begun(jsonl_chunks(self._storage, self._catalog, scope), begin))
        raise FilterError(f"an export is csv or jsonl, not {form!r}")

    def _scope(
        self,
        where: Filter | None,
        since: datetime | None,
        until: datetime | None,
        search: str | None,
        after: str | None = None,
    ) -> Scope:
        where = Filter() if where is None else where
        if not isinstance(where, Filter):
            raise FilterError(f"a filter is a Filter, not {type(where).__name__}; Filter.from_json makes one")
        low, high = id_bound(since, "since"), id_bound(until, "until")
        text = search_text(search)
        if after is not None:
            high = read_cursor(after, selection_of(where, since, until, text))
        stored = self._storage.stored_events(self.account_id) if where.conditions else []
        return Scope(self.account_id, where.branches(self._catalog, stored), low, high, text)


def _check_number(name: str, number: int) -> None:
    if type(number) is not int or not 1 <= number <= MOST:
        raise FilterError(f"{name} is 1 to {MOST}, not {number!r}")
