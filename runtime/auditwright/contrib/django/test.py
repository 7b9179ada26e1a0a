"""What tests of a Django project need: the entries that were recorded, also inside `TestCase`."""

from __future__ import annotations

from asgiref.sync import sync_to_async

from auditwright.contrib.django.conf import configuration
from auditwright.contrib.django.databases import connection_of
from auditwright.contrib.django.django_log import log
from auditwright.entry import Entry


def recorded_entries() -> RecordedEntries:
    """Use it as `with recorded_entries() as entries:`, and in async tests by `async with`.

    At the end of the block the list has the entries that were recorded in it through `log`, in order. Those
    that were rolled back are not in it. Inside `TestCase` the page and the methods of `log` that read do not
    see what its transaction has recorded; this does. `record_many` and `record_forms` are left out.
    """
    return RecordedEntries()


class RecordedEntries:
    """A context manager, synchronous and asynchronous; see `recorded_entries`."""

    def __init__(self) -> None:
        self._capture: list[tuple[Entry, bool]] = []
        self._found: list[Entry] = []

    def __enter__(self) -> list[Entry]:
        log.captures.append(self._capture)
        return self._found

    def __exit__(self, *_: object) -> None:
        log.captures.remove(self._capture)
        self._found += [entry for entry, is_joined in self._capture if not is_joined or _exists(entry)]

    async def __aenter__(self) -> list[Entry]:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        await sync_to_async(self.__exit__)()


def _exists(entry: Entry) -> bool:
    """Whether Django's connection, which may be in the same transaction, finds the entry."""
    connection = connection_of(configuration().alias or "default")
    is_sqlite = connection.vendor == "sqlite"
    entry_id = "%s" if is_sqlite else "CAST(%s AS uuid)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM audit_entry WHERE account_id = %s AND id = {entry_id}",  # noqa: S608 - one of two constants
            [entry.account_id, entry.id.bytes if is_sqlite else str(entry.id)],
        )
        return cursor.fetchone() is not None
