"""Computes the digests of stored rows again, and counts the rows that differ from theirs.

A row that differs was changed after it was recorded. It is no proof: whoever can change a row can also
compute its digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from auditwright.entry import (
    ACCOUNT_ID,
    ALTERATIONS,
    CATALOG_VERSION,
    CONTEXT,
    DIGEST,
    ID,
    LEADING,
    OUTCOME,
    ROW_DIGEST,
    row_digest,
)

if TYPE_CHECKING:
    from auditwright.entry import Row


@dataclass(slots=True)
class RowDigests:
    """The number of rows that differ, with the first of them, and of those without a digest."""

    changed: int = 0
    account_id: str = ""
    example: bytes = b""
    """The id of an entry of that account."""
    missing: int = 0

    def add(self, row: Row, metadata: dict[str, Any] | None) -> None:
        """Compare a row; `metadata` has all of its fields, or is None if it cannot be read."""
        if row[ROW_DIGEST] is None:
            self.missing += 1
        elif metadata is None or row[ROW_DIGEST] != _digest_of(row, metadata):
            if not self.changed:
                self.account_id, self.example = row[ACCOUNT_ID], row[ID]
            self.changed += 1


def _digest_of(row: Row, metadata: dict[str, Any]) -> bytes:
    body = orjson.dumps(metadata, option=orjson.OPT_SORT_KEYS)
    return row_digest(
        row[: len(LEADING)],
        row[CATALOG_VERSION],
        row[DIGEST],
        row[ALTERATIONS],
        body,
        row[OUTCOME:CONTEXT],
        row[CONTEXT],
    )
