"""What a set-up has changed in a database, for the entries of `recording/setup_record.py`.

It is apart from `base.py`, as a log that finds everything in place does without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditwright.catalog import release
from auditwright.storage.base import REPLACED

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.entry import Row


@dataclass(frozen=True, slots=True)
class SetupChange:
    """What a set-up has changed in a database, for the entries that record it."""

    is_new: bool
    """Whether the database had no audit log before."""
    changes: int
    """How many objects were made or changed; partitions of coming months are not counted."""
    revisions: tuple[str, ...] = ()
    """The revisions that were applied."""
    previous_version: str | None = None
    """The newest version of a catalog in the database; None if there was none, or if it had this one too."""


RecordSetup = Callable[[SetupChange], Iterable["Row"]]
"""Makes the rows that record a set-up."""


def previous_version(catalog: Catalog, stored: Iterable[str]) -> str | None:
    """See `SetupChange.previous_version`; `stored` are the versions in the database before."""
    versions = [each for each in stored if REPLACED not in each]
    if catalog.version in versions:
        return None
    return max(versions, key=lambda each: (release(each), each), default=None)
