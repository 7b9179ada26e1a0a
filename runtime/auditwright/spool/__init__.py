"""The spool: entries are stored in a local file while the database is away, and moved when it is back.

`spooled_storage.py` decides where an entry goes, `mover.py` moves entries to the database, and the file is
`storage/sqlite/spool_file.py`. It is loaded only for a log that is opened with `spool=`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from auditwright.errors import Problem, ValidationError
from auditwright.limits import shown
from auditwright.spool.spooled_storage import SpooledStorage
from auditwright.storage import is_postgresql, open_spool_file, open_storage
from auditwright.storage.deadline import SHORTEST
from auditwright.storage.errors import StorageError

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.storage.base import Storage

MAX_BYTES = 1024**3
"""The default of `AuditLog.open(spool_bytes=)`."""
SMALLEST, LARGEST = 1024**2, 1024**4
"""The range of `spool_bytes`."""


def open_spooled(
    url: str, catalog: Catalog, read_url: str | None, timeout: float, spool: object, spool_bytes: object
) -> Storage:
    """The storage of a PostgreSQL log with a spool; see `AuditLog.open`.

    It opens the spool, and the database unless that is away. Raises `StorageError`, and `ValidationError`.
    """
    if type(spool) is not str:
        raise ValidationError("spool", (Problem("spool", "the URL of a SQLite file", shown(spool)),))
    if type(spool_bytes) is not int or not SMALLEST <= spool_bytes <= LARGEST:
        expected = f"a whole number from {SMALLEST:,} to {LARGEST:,}"
        raise ValidationError("spool_bytes", (Problem("spool_bytes", expected, shown(spool_bytes)),))
    if not is_postgresql(url):
        raise StorageError(
            "spool= is for PostgreSQL; a SQLite log is a file of this machine itself, so leave spool= out"
        )
    file = open_spool_file(spool, catalog, spool_bytes, max(timeout / 3, SHORTEST))
    try:
        # Entries go into the spool while their own server is away, not while the one that is read is.
        opens = partial(open_storage, url, catalog, read_url=read_url, timeout=timeout, needs_reader=False)
        return cast("Storage", SpooledStorage(file, opens, timeout / 3))
    except BaseException:
        file.close()
        raise
