"""The database engines. What differs between them stands here, and nothing else.

`open_storage` picks one by URL; `base.Storage` says what each does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditwright.errors import StorageError

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.storage.base import Storage


def open_storage(url: str, catalog: Catalog, create: bool = True) -> Storage:
    """The storage behind a URL such as `sqlite:///audit.db`; raises `StorageError` for any other kind."""
    scheme, separator, path = url.partition("://")
    if scheme == "sqlite" and separator:
        from auditwright.storage.sqlite import SQLiteStorage

        return SQLiteStorage(path, catalog, create)
    raise StorageError(
        f"{url.partition('@')[2] or url}: no such kind of database; write sqlite:///audit.db for a file "
        "here, or sqlite:////var/lib/audit.db for one anywhere"
    )
