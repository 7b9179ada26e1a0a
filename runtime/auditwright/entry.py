"""The entry: one recorded event, as the row that is stored.

This module alone defines the columns of a row and their order. `recording/recorder.py` builds rows,
`storage/` stores them.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import orjson

from auditwright.actor import Actor
from auditwright.ids import format_time, from_microseconds
from auditwright.limits import MAX_ID, truncate
from auditwright.text import printable

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.event_model import EventModel

T = TypeVar("T")
Row = tuple[Any, ...]


class SpooledRow(Row):
    """A row that is stored in the spool and not yet in the database."""


Outcome = Literal["success", "failure"]
ColumnKind = Literal["text", "id", "timestamp", "digest", "json", "jsonb"]
"""The text of `json` is kept as it was written; of `jsonb` a database may store the values only."""
Progress = Callable[[int], None]
"""Called now and then with the number of entries processed so far."""

LEADING: tuple[tuple[str, ColumnKind, bool], ...] = (
    ("account_id", "text", True),
    ("id", "id", True),
    ("occurred_at", "timestamp", True),
    ("recorded_at", "timestamp", True),
    ("level", "text", True),
    ("category", "text", True),
    ("event", "text", True),
    ("actor_type", "text", True),
    ("actor_id", "text", False),
    ("actor_name", "text", False),
    ("ip_address", "text", False),
    ("description", "text", True),
)
"""Name, kind and NOT NULL of the columns before those that a catalog adds."""
TRAILING: tuple[tuple[str, ColumnKind, bool], ...] = (
    # Checks refuse NULL. NOT NULL would keep a version from before it from opening a SQLite file again.
    ("outcome", "text", False),
    ("failure_reason", "text", False),
    ("on_behalf_of_type", "text", False),
    ("on_behalf_of_id", "text", False),
    ("on_behalf_of_name", "text", False),
    ("context", "json", False),
    ("catalog_version", "text", True),
    ("digest", "digest", True),
    ("row_digest", "digest", False),
    ("alterations", "json", False),
    ("metadata", "jsonb", True),
)
"""The same for the columns after them."""

ACCOUNT_ID, ID, OCCURRED_AT, RECORDED_AT, LEVEL, CATEGORY = range(6)
EVENT, ACTOR_TYPE, ACTOR_ID, ACTOR_NAME, IP_ADDRESS, DESCRIPTION = range(6, len(LEADING))
OUTCOME, FAILURE_REASON, ON_BEHALF_OF_TYPE, ON_BEHALF_OF_ID = range(-len(TRAILING), 4 - len(TRAILING))
ON_BEHALF_OF_NAME, CONTEXT, CATALOG_VERSION, DIGEST, ROW_DIGEST, ALTERATIONS, METADATA = range(-7, 0)
"""Positions in a row. The columns that a catalog adds stand between the two groups."""

SUCCESS: Row = ("success", None, None, None, None)
"""The columns from outcome to on_behalf_of_name of most entries: a success, on nobody's behalf."""

_USUAL: Row = (*SUCCESS, None)

FINGERPRINT = re.compile(r"(?:hkdf|hmac)-sha256:[A-Za-z0-9_-]{1,32}:[0-9a-f]{64}\Z")
"""A fingerprint, which is stored instead of a secret; `recording/fingerprint.py` makes it. Those with `hmac-`
were made without a key of their own for each account and field.
"""

MAX_SHOWN = 100
"""Bytes of each text in an entry's `repr`."""


def columns(catalog: Catalog) -> tuple[tuple[str, ColumnKind, bool], ...]:
    """Name, kind and NOT NULL of each column, in order; a catalog adds its fields with a column."""
    return (*LEADING, *((name, "text", False) for name in catalog.columns), *TRAILING)


def is_usual(row: Row) -> bool:
    """Whether a row has the defaults from outcome to context, and no alterations, as most rows do.

    Its writer leaves these columns out, see `usual_part`, which costs less than writing their NULLs.
    """
    return row[ALTERATIONS] is None and row[OUTCOME:CATALOG_VERSION] == _USUAL


def usual_part(values: tuple[T, ...]) -> tuple[T, ...]:
    """The values, or the `columns`, of a usual row that are written."""
    return (*values[:OUTCOME], *values[CATALOG_VERSION:ALTERATIONS], values[METADATA])


def digest(
    event: str,
    occurred_at: int,
    actor: Actor,
    ip_address: str | None,
    description: str,
    alterations: str | None,
    metadata: bytes,
    outcome: Row = SUCCESS,
) -> bytes:
    """SHA-256 of what the caller said: a retry has the same id and the same digest.

    `outcome` has the columns of `SUCCESS`. The context is not included: a retry may have another.
    `metadata` is JSON with sorted keys, without the secrets: otherwise whoever repeats an entry with a guess
    would learn whether it is right. The description is included because it may end with details, and the
    alterations because they have the SHA-256 of values that were truncated.
    """
    said: Row = (event, occurred_at, actor.type, actor.id, actor.name, ip_address, description, alterations)
    if outcome is not SUCCESS and outcome != SUCCESS:  # the first is quicker
        said = (*said, *outcome)
    head = orjson.dumps(said)
    return hashlib.sha256(head + metadata).digest()


def without_fingerprints(row: Row) -> Row:
    """The row without the fingerprints in its metadata and in the columns that a catalog adds."""
    first, last = len(LEADING), len(row) - len(TRAILING)
    metadata = orjson.loads(row[METADATA])
    kept = {name: value for name, value in metadata.items() if not _is_fingerprint(value)}
    in_columns = (None if _is_fingerprint(value) else value for value in row[first:last])
    body = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode()
    # It is no longer the row of this digest.
    return (*row[:first], *in_columns, *row[last:ROW_DIGEST], None, row[ALTERATIONS], body)


def _is_fingerprint(value: object) -> bool:
    return isinstance(value, str) and FINGERPRINT.match(value) is not None


def row_digest(
    leading: Row,
    catalog_version: str,
    content: bytes,
    alterations: str | None,
    metadata: bytes,
    outcome: Row = SUCCESS,
    context: str | None = None,
) -> bytes:
    """SHA-256 of a whole row, by which `auditwright database check` finds rows that were changed.

    `leading` has the values of `LEADING`, `content` is the row's `digest`, and `outcome` has the columns of
    `SUCCESS`. `metadata` is JSON with sorted keys, including the fields with a column of their own: another
    catalog may have other columns. A success without a context has the digest of a row from before them.
    """
    account_id, entry_id, *rest = leading
    parts = (account_id, entry_id.hex(), *rest, catalog_version, content.hex(), alterations)
    if context is not None or (outcome is not SUCCESS and outcome != SUCCESS):
        parts = (*parts, *outcome, context)
    head = orjson.dumps(parts)
    return hashlib.sha256(head + metadata).digest()


class Entry:
    """One entry, read-only. Two entries are equal if all stored values are equal."""

    __slots__ = ("_catalog", "damaged", "row")

    row: Row
    """The stored values, in the order of `columns`."""
    damaged: tuple[str, ...]
    """The parts that no log can have written, see `auditwright.damage`; normally none."""

    def __init__(self, catalog: Catalog, row: Row, damaged: tuple[str, ...] = ()) -> None:
        self._catalog = catalog
        self.row = row
        self.damaged = damaged

    @property
    def account_id(self) -> str:
        """The tenant."""
        return self.row[ACCOUNT_ID]  # type: ignore[no-any-return]

    @property
    def id(self) -> uuid.UUID:
        """The UUIDv7. It makes recording idempotent and orders the entries."""
        return uuid.UUID(bytes=self.row[ID])

    @property
    def occurred_at(self) -> datetime:
        """When it happened, in UTC."""
        return from_microseconds(self.row[OCCURRED_AT])

    @property
    def recorded_at(self) -> datetime:
        """When it was recorded, in UTC."""
        return from_microseconds(self.row[RECORDED_AT])

    @property
    def level(self) -> str:
        """The level's key at the time of recording; empty if the catalog had no levels."""
        return self.row[LEVEL]  # type: ignore[no-any-return]

    @property
    def category(self) -> str:
        """The category's key at the time of recording."""
        return self.row[CATEGORY]  # type: ignore[no-any-return]

    @property
    def event(self) -> str:
        """The event's key at the time of recording."""
        return self.row[EVENT]  # type: ignore[no-any-return]

    @property
    def event_title(self) -> str:
        """The event's title in the current catalog, or its key if the catalog no longer has it."""
        return self._catalog.titles(self.event, self.category)[0]

    @property
    def category_title(self) -> str:
        """The title of the event's category in the current catalog, or the category's key."""
        return self._catalog.titles(self.event, self.category)[1]

    @property
    def actor(self) -> Actor:
        """Who acted, with the name at the time of recording."""
        return Actor.stored(*self.row[ACTOR_TYPE : ACTOR_NAME + 1])

    @property
    def on_behalf_of(self) -> Actor | None:
        """The user or app on whose behalf the actor acted, with the name at the time of recording."""
        kind = self.row[ON_BEHALF_OF_TYPE]
        return None if kind is None else Actor.stored(kind, *self.row[ON_BEHALF_OF_ID:CONTEXT])

    @property
    def outcome(self) -> Outcome:
        """Whether the event succeeded or failed."""
        return self.row[OUTCOME]  # type: ignore[no-any-return]

    @property
    def failure_reason(self) -> str | None:
        """Why the event failed, if somebody said it."""
        return self.row[FAILURE_REASON]  # type: ignore[no-any-return]

    @property
    def context(self) -> dict[str, str]:
        """The request, trace, session and client of the call, as far as they were known: see `EntryContext`.

        `submitted_by` is the type and the id of who sent the entry through the API.
        """
        found: dict[str, str] = orjson.loads(self.row[CONTEXT]) if self.row[CONTEXT] else {}
        return found

    @property
    def ip_address(self) -> str | None:
        """The address of the actor, in normal form."""
        return self.row[IP_ADDRESS]  # type: ignore[no-any-return]

    @property
    def description(self) -> str:
        """The text that describes the event, rendered when it was recorded."""
        return self.row[DESCRIPTION]  # type: ignore[no-any-return]

    @property
    def spooled(self) -> bool:
        """Whether the entry was stored in the spool, because the database was away when it was recorded.

        It comes into the database later, and is not among the entries that are read until then.
        """
        return type(self.row) is SpooledRow

    @property
    def catalog_version(self) -> str:
        """The version of the catalog at the time of recording."""
        return self.row[CATALOG_VERSION]  # type: ignore[no-any-return]

    @property
    def digest(self) -> bytes:
        """SHA-256 of what the caller said; see `digest` in this module."""
        return self.row[DIGEST]  # type: ignore[no-any-return]

    @property
    def row_digest(self) -> bytes | None:
        """SHA-256 of the whole row; see `row_digest` in this module. None for an entry from before it, and
        for one that could not be read back.
        """
        return self.row[ROW_DIGEST]  # type: ignore[no-any-return]

    @property
    def alterations(self) -> dict[str, Any]:
        """The values that were sanitized, truncated or replaced before storing, by path; usually empty.

        Each has `length` and `sha256` of the original, and `cleaned` if it was sanitized, `cut` if truncated,
        `replaced` if it is a JSON value that was too large.
        """
        found: dict[str, Any] = orjson.loads(self.row[ALTERATIONS]) if self.row[ALTERATIONS] else {}
        return found

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata in catalog order, including the fields with a column of their own.

        Fields that the current catalog does not have come last.
        """
        stored: dict[str, Any] = orjson.loads(self.row[METADATA])
        for name, value in zip(self._catalog.columns.values(), self.row[len(LEADING) :], strict=False):
            if value is not None:
                stored[name] = value
        event = self._catalog.event(self.event)
        known = [f.name for f in event.metadata if f.name in stored] if event else []
        return {name: stored.pop(name) for name in known} | stored

    @property
    def typed(self) -> EventModel:
        """The metadata as the generated model of its event; an alias gives the model of its event.

        It is not validated again: values from another catalog version, truncated values and fingerprints
        may violate the current constraints. A missing field is None, even if it is required now. Fields that
        the current event does not have are only in `metadata`. Raises `LookupError` if the catalog does not
        have the event.
        """
        event = self._catalog.event(self.event)
        if event is None:
            raise LookupError(self._catalog.unknown_event(self.event))
        model = self._catalog.model(event)
        values = self.metadata
        return model.model_construct(
            **{field.identifier: field.model_value(values.get(field.name)) for field in event.metadata}
        )

    @property
    def log_fields(self) -> dict[str, str]:
        """The id and the event, to bind to the lines of a service's own log; see docs/logging.md.

        The names fit structlog, and are no attributes of a `logging.LogRecord`.
        """
        return {"audit_id": str(self.id), "audit_event": _printed(self.event, MAX_ID)}

    def to_json(self) -> dict[str, Any]:
        """The JSON form, including the parts that only the log writes; empty parts are left out."""
        form = {
            "id": str(self.id),
            "account_id": self.account_id,
            "event": self.event,
            "occurred_at": format_time(self.row[OCCURRED_AT]),
            "actor": _actor_form(self.row[ACTOR_TYPE : ACTOR_NAME + 1]),
            "on_behalf_of": _actor_form(self.row[ON_BEHALF_OF_TYPE:CONTEXT]),
            "ip_address": self.ip_address,
            "outcome": None if self.outcome == "success" else self.outcome,
            "failure_reason": self.failure_reason,
            "context": self.context or None,
            "metadata": self.metadata,
            "recorded_at": format_time(self.row[RECORDED_AT]),
            "level": self.level or None,
            "category": self.category,
            "description": self.description,
            "catalog_version": self.catalog_version,
            "alterations": self.alterations or None,
            "damaged": list(self.damaged) or None,
        }
        return {name: value for name, value in form.items() if value is not None}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entry) and self.row == other.row

    def __hash__(self) -> int:
        return hash((self.row[ACCOUNT_ID], self.row[ID]))

    def __repr__(self) -> str:
        """On one line of bounded length: id, event, time, actor, and what is damaged."""
        actor_id, name = self.row[ACTOR_ID], self.row[ACTOR_NAME]
        who = " ".join(_printed(part) for part in (self.row[ACTOR_TYPE], actor_id) if part)
        who += f" ({_printed(name)})" if name else ""
        damaged = f", damaged: {', '.join(self.damaged)}" if self.damaged else ""
        when = format_time(self.row[OCCURRED_AT])
        return f"<Entry {self.id} {_printed(self.event)} {when} by {who}{damaged}>"


def _actor_form(parts: Row) -> dict[str, str] | None:
    """The JSON form of type, id and name; None without a type."""
    named = zip(("type", "id", "name"), parts, strict=True)
    return {name: value for name, value in named if value is not None} or None


def _printed(text: str, limit: int = MAX_SHOWN) -> str:
    return truncate(printable(text), limit)
