"""Damaged entries: stored rows that no log can have written, such as one with infinity as its time.

Reading shows what is readable of them. The constraints of the tables (`schema.py` of each engine) refuse new
ones; rows from before the constraints, and those of whoever gets around them, remain.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import orjson

from auditwright.actor import ACTOR_TYPES
from auditwright.entry import (
    ACCOUNT_ID,
    ACTOR_ID,
    ACTOR_NAME,
    ACTOR_TYPE,
    ALTERATIONS,
    CATALOG_VERSION,
    CATEGORY,
    CONTEXT,
    DESCRIPTION,
    DIGEST,
    EVENT,
    FAILURE_REASON,
    ID,
    IP_ADDRESS,
    LEVEL,
    METADATA,
    OCCURRED_AT,
    ON_BEHALF_OF_ID,
    ON_BEHALF_OF_NAME,
    ON_BEHALF_OF_TYPE,
    OUTCOME,
    RECORDED_AT,
    Entry,
)
from auditwright.ids import LAST, id_time
from auditwright.limits import MAX_CONTEXT, MAX_FAILURE_REASON, MAX_ID, MAX_JSON, MAX_STRING, shown, truncate

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.entry import Row

PARTS = (
    "id",
    "occurred_at",
    "recorded_at",
    "actor",
    "texts",
    "digest",
    "alterations",
    "outcome",
    "on_behalf_of",
    "context",
    "metadata",
)
"""The parts of an entry that can be damaged; `texts` are all texts of limited length, but for a failure's
reason, which is of the outcome.
"""
LATER_PARTS = {"outcome": "outcome", "on_behalf_of": "on_behalf_of_id", "context": "context"}
"""Parts that a database from before has no columns for, each with one of its columns."""
MAX_LOGGED = 1000
"""Damaged entries that a process logs, each once."""

_SHORT = ((ACCOUNT_ID, 1), (LEVEL, 0), (CATEGORY, 0), (EVENT, 1))
"""Texts of at most `MAX_ID` characters, with their least number."""
_LONG = (ACTOR_NAME, IP_ADDRESS, DESCRIPTION, CATALOG_VERSION)
"""Texts of at most `MAX_STRING` bytes."""
_OUTCOME = (OUTCOME, FAILURE_REASON, ON_BEHALF_OF_TYPE, ON_BEHALF_OF_ID, ON_BEHALF_OF_NAME)
_BRACKETS = 100
"""Brackets from which on JSON may be nested too deeply to be written again."""

_log = logging.getLogger("auditwright")
_logged: set[tuple[str, bytes]] = set()


def read_entry(catalog: Catalog, row: Row) -> Entry:
    """The entry of a stored row; of a damaged one, what is readable, and a warning in the log."""
    damaged = damaged_parts(row)
    if not damaged:
        return Entry(catalog, row)
    entry = Entry(catalog, readable(row, damaged), damaged)
    key = row[ACCOUNT_ID], row[ID]
    if key not in _logged and len(_logged) < MAX_LOGGED:
        _logged.add(key)
        _log.warning(
            "the entry %s of the account %s is damaged: %s; `auditwright database check` counts such entries",
            entry.id,
            shown(entry.account_id, MAX_ID),
            ", ".join(damaged),
        )
    return entry


def damaged_parts(row: Row) -> tuple[str, ...]:
    """Those of `PARTS` that no log can have written; normally none."""
    occurred_at = row[OCCURRED_AT]
    sound = {
        "id": _is_id(row[ID], occurred_at),
        "occurred_at": 0 <= occurred_at <= LAST,
        "recorded_at": 0 <= row[RECORDED_AT] <= LAST,
        "actor": _is_actor(row[ACTOR_TYPE], row[ACTOR_ID]),
        "texts": all(least <= len(row[column]) <= MAX_ID for column, least in _SHORT)
        and all(row[column] is None or _fits(row[column], MAX_STRING) for column in _LONG),
        "digest": len(row[DIGEST]) == 32,
        "alterations": row[ALTERATIONS] is None or json_object(row[ALTERATIONS]) is not None,
        "outcome": _is_outcome(row[OUTCOME], row[FAILURE_REASON]),
        "on_behalf_of": _is_on_behalf_of(*row[ON_BEHALF_OF_TYPE:CONTEXT]),
        "context": row[CONTEXT] is None or is_context(row[CONTEXT]),
        "metadata": json_object(row[METADATA]) is not None,
    }
    return () if all(sound.values()) else tuple(part for part in PARTS if not sound[part])


def readable(row: Row, damaged: tuple[str, ...]) -> Row:
    """The row with the nearest values that can be read.

    The description names the damaged parts. Times are moved into the years 1970 to 9999, long texts are
    truncated, and unreadable JSON becomes an object with its text.
    """
    values: list[Any] = list(row)
    values[ID] = values[ID][:16].ljust(16, b"\0")
    for column in (OCCURRED_AT, RECORDED_AT):
        values[column] = min(max(values[column], 0), LAST)
    for column in (*(column for column, _ in _SHORT), *_LONG, ACTOR_TYPE, ACTOR_ID, *_OUTCOME):
        if values[column] is not None:
            values[column] = _shortened(values[column])
    for part, column in (("alterations", ALTERATIONS), ("context", CONTEXT), ("metadata", METADATA)):
        if part in damaged:
            values[column] = orjson.dumps({part: _shortened(row[column])}).decode()
    if "on_behalf_of" in damaged:
        values[ON_BEHALF_OF_TYPE] = values[ON_BEHALF_OF_TYPE] or ""
    values[DESCRIPTION] = truncate(f"{mark(damaged)} {values[DESCRIPTION]}")
    return tuple(values)


def readable_row(row: Row) -> Row:
    """A stored row as it is, or with the values that are readable where it is damaged."""
    damaged = damaged_parts(row)
    return readable(row, damaged) if damaged else row


def mark(damaged: tuple[str, ...]) -> str:
    """What the description of a damaged entry begins with."""
    return f"[damaged: {', '.join(damaged)}]"


def json_object(text: str | bytes) -> dict[str, Any] | None:
    """A JSON object that can be written again; None for another text, or a longer one."""
    if len(text) > MAX_JSON:
        return None
    try:
        value = orjson.loads(text)
        if len(text) > _BRACKETS and _brackets(text) > _BRACKETS:
            orjson.dumps(value)
    except (ValueError, TypeError):  # no JSON, a number beyond a double's; nested too deeply
        return None
    return value if type(value) is dict else None


def _brackets(text: str | bytes) -> int:
    return text.count("{") + text.count("[") if isinstance(text, str) else text.count(b"{") + text.count(b"[")


def _is_id(entry_id: bytes, occurred_at: int) -> bool:
    """Whether an id is a UUIDv7, and of the time's millisecond if that is a time of the calendar."""
    stated = id_time(entry_id)
    if stated is None:
        return False
    return stated // 1000 == occurred_at // 1000 or not 0 <= occurred_at <= LAST


def _is_actor(kind: str, actor_id: str | None) -> bool:
    if actor_id is None:
        return kind in ACTOR_TYPES[2:]
    return kind in ACTOR_TYPES and 1 <= len(actor_id) <= MAX_ID


def _is_outcome(outcome: str, reason: str | None) -> bool:
    if reason is None:
        return outcome in ("success", "failure")
    return outcome == "failure" and 1 <= len(reason) <= MAX_FAILURE_REASON


def _is_on_behalf_of(kind: str | None, actor_id: str | None, name: str | None) -> bool:
    if kind is None:
        return actor_id is None and name is None
    if actor_id is None or not 1 <= len(actor_id) <= MAX_ID:
        return False
    return kind in ACTOR_TYPES[:2] and (name is None or _fits(name, MAX_STRING))


def is_context(text: str) -> bool:
    """Whether a log can have written this context: JSON of an object of texts."""
    found = json_object(text) if len(text) <= MAX_CONTEXT else None
    return found is not None and all(isinstance(value, str) for value in found.values())


def _fits(text: str, most: int) -> bool:
    return len(text) <= most // 4 or len(text.encode(errors="replace")) <= most


def _shortened(text: str) -> str:
    """The text as valid Unicode, truncated."""
    return truncate(text[:MAX_STRING].encode(errors="replace").decode())
