"""Filter sets: category, event or user, is or is not a value; all conditions or any of them, never mixed.

    Filter.parse(["category:is:account.models", "user:is_not:u-17"], match="any")

The catalog is closed, so a set comes down to a finite set of events and a condition on the user for each of
them: `branches` says it as what indexes give in order. Anything unknown is an error that names the choices.

Keys of older catalogs go on working: an alias means its event, and what an account has entries of is known
whether the present catalog has it or not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import parse_qsl, urlencode

import orjson

from auditwright.errors import FilterError, did_you_mean
from auditwright.limits import MAX_ID, sanitize, truncate
from auditwright.storage.query import Branch

if TYPE_CHECKING:
    from auditwright.catalog import Catalog

FilterField = Literal["category", "event", "user"]
Operator = Literal["is", "is_not"]
Match = Literal["all", "any"]

FIELDS: tuple[str, ...] = get_args(FilterField)
OPERATORS: tuple[str, ...] = get_args(Operator)
MATCHES: tuple[str, ...] = get_args(Match)
MAX_CONDITIONS = 20


def _choice(what: str, value: object, choices: Sequence[str]) -> None:
    if value not in choices:
        nearest = did_you_mean(value, choices) if isinstance(value, str) else ""
        raise FilterError(f"{what} is one of {', '.join(choices)}, not {truncate(repr(value), 80)}{nearest}")


@dataclass(frozen=True, slots=True)
class Condition:
    """One row of a filter: a field, an operator, a value.

    A category or an event is named by its key, a user (or app) by id. Raises `FilterError`.
    """

    field: FilterField
    operator: Operator
    value: str

    def __post_init__(self) -> None:
        _choice("a condition's field", self.field, FIELDS)
        _choice("a condition's operator", self.operator, OPERATORS)
        if not isinstance(self.value, str) or not 1 <= len(self.value) <= MAX_ID:
            raise FilterError(
                f"the value of {self.field} {self.operator} is a string of 1 to {MAX_ID} characters"
            )
        object.__setattr__(self, "value", sanitize(self.value))  # as the ids that it is compared with

    @classmethod
    def parse(cls, text: str) -> Condition:
        """A condition from `category:is:account.models`; the value may hold colons."""
        field, first, rest = text.partition(":")
        operator, second, value = rest.partition(":")
        if not first or not second:
            raise FilterError(
                f"a condition is written field:operator:value, such as category:is:account.models, "
                f"not {truncate(repr(text), 80)}"
            )
        return cls(field, operator, value)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.field}:{self.operator}:{self.value}"


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter set: its conditions hold all together (`all`), or at least one of them (`any`).

    No condition is no filter. Raises `FilterError`.
    """

    match: Match = "all"
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        _choice("match", self.match, MATCHES)
        if len(self.conditions) > MAX_CONDITIONS:
            raise FilterError(f"a filter has at most {MAX_CONDITIONS} conditions, not {len(self.conditions)}")

    @classmethod
    def parse(cls, conditions: Iterable[str], match: str = "all") -> Filter:
        """A filter from the short form of its conditions."""
        return cls(match, tuple(Condition.parse(text) for text in conditions))  # type: ignore[arg-type]

    @classmethod
    def from_json(cls, form: bytes | str | Mapping[str, Any]) -> Filter:
        """A filter from `{"match": "all", "conditions": [{"field", "operator", "value"}]}`."""
        if isinstance(form, (bytes, str)):
            try:
                form = orjson.loads(form)
            except orjson.JSONDecodeError as error:
                raise FilterError(f"a filter is a JSON object; this is no JSON: {error}") from None
        if not isinstance(form, Mapping):
            raise FilterError(f"a filter is a JSON object, not {type(form).__name__}")
        _only(form, ("match", "conditions"), "a filter")
        conditions = form.get("conditions", [])
        if not isinstance(conditions, list):
            raise FilterError("a filter's conditions are a list")
        parsed = []
        for condition in conditions:
            if not isinstance(condition, Mapping):
                raise FilterError("a condition is an object with field, operator and value")
            _only(condition, ("field", "operator", "value"), "a condition")
            parsed.append(Condition(**{"field": None, "operator": None, "value": None, **condition}))
        return cls(form.get("match", "all"), tuple(parsed))

    @classmethod
    def from_query(cls, query: str) -> Filter:
        """A filter from a URL's query, `match=any&where=user:is:u-17&where=...`; other names are refused."""
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_CONDITIONS + 10)
        except ValueError:
            raise FilterError(f"a filter has at most {MAX_CONDITIONS} conditions") from None
        _only(dict(pairs), ("match", "where"), "a filter's query")
        matches = [value for name, value in pairs if name == "match"]
        if len(matches) > 1:
            raise FilterError("match is given once: all or any holds for the whole set")
        return cls.parse((value for name, value in pairs if name == "where"), *matches)

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "match": self.match,
            "conditions": [
                {"field": each.field, "operator": each.operator, "value": each.value}
                for each in self.conditions
            ],
        }

    def to_query(self) -> str:
        """The form in a URL's query; the same set always gives the same text."""
        pairs = [("match", self.match)] if self.match != "all" else []
        return urlencode([*pairs, *(("where", str(condition)) for condition in self.conditions)])

    def identity(self) -> bytes:
        """8 bytes that tell this set from others, for cursors."""
        return hashlib.sha256(orjson.dumps(self.to_json())).digest()[:8]

    def branches(self, catalog: Catalog, stored: Iterable[str]) -> tuple[Branch, ...]:
        """The set as disjoint branches; `stored` names the events that the account has entries of.

        Raises `FilterError` for a category or an event that neither the catalog nor the account has.
        """
        if not self.conditions:
            return (Branch(),)
        stored = list(stored)
        keys = dict.fromkeys([*catalog.current, *stored])
        named = [
            (_named(condition, catalog, keys), condition)
            for condition in self.conditions
            if condition.field != "user"
        ]
        users = _users(self.match, (each for each in self.conditions if each.field == "user"))
        branches: list[Branch] = []
        for key in stored:
            hits = [(key in events) == (condition.operator == "is") for events, condition in named]
            if self.match == "all":
                belongs = users if all(hits) else _NOBODY
            else:
                belongs = _EVERYBODY if any(hits) else users
            branches += belongs.branches(key)
        return _joined(branches, len(stored))


def _only(form: Mapping[str, Any], names: tuple[str, ...], what: str) -> None:
    for name in form:
        if name not in names:
            nearest = did_you_mean(str(name), names)
            raise FilterError(f"{what} has {' and '.join(names)}, not {truncate(repr(name), 80)}{nearest}")


def _named(condition: Condition, catalog: Catalog, keys: Mapping[str, str | None]) -> frozenset[str]:
    """All keys that a condition on category or event names: aliases belong to their event."""
    if condition.field == "category":
        return _members(condition.value, catalog, keys)
    if condition.value not in keys:
        raise FilterError(
            f"{catalog.unknown_event(truncate(condition.value, 80))} (`auditwright events` lists all)"
        )
    event = catalog.event(condition.value)
    return frozenset((event.key, *event.aliases)) if event else frozenset((condition.value,))


def _members(category: str, catalog: Catalog, keys: Iterable[str]) -> frozenset[str]:
    """All keys of a category's events, with what the account has of events that the catalog lacks.

    A category that the catalog no longer has is the events that were in it, wherever they are now.
    """
    lacking = {key for key in keys if key not in catalog.current and _category_of(key) == category}
    known = {each.key: each.events for each in catalog.every_category}
    events = known.get(category)
    if events is None:
        moved = {now: None for key, now in catalog.current.items() if _category_of(key) == category}
        events = tuple(catalog.every_event[key] for key in moved)
    if category not in known and not events and not lacking:
        raise FilterError(
            f'"{truncate(category, 80)}" is no category{did_you_mean(category, known)} '
            f"(there are {', '.join(known)})"
        )
    return frozenset(key for event in events for key in (event.key, *event.aliases)) | lacking


def _category_of(key: str) -> str:
    """The category in an event's key: `account.models` of `account.models.model_added`."""
    return key.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class _Users:
    """A set of users: these ones, or (`others`) everybody but these, entries without a user among them."""

    ids: frozenset[str]
    others: bool

    def __invert__(self) -> _Users:
        return _Users(self.ids, not self.others)

    def __and__(self, other: _Users) -> _Users:
        if self.others and other.others:
            return _Users(self.ids | other.ids, True)
        if self.others:
            return _Users(other.ids - self.ids, False)
        return _Users(self.ids - other.ids if other.others else self.ids & other.ids, False)

    def __or__(self, other: _Users) -> _Users:
        return ~(~self & ~other)

    def branches(self, event: str) -> list[Branch]:
        if self.others:
            return [Branch(event, None, tuple(sorted(self.ids)))]
        return [Branch(event, user) for user in sorted(self.ids)]


_NOBODY = _Users(frozenset(), False)
_EVERYBODY = _Users(frozenset(), True)


def _users(match: Match, conditions: Iterable[Condition]) -> _Users:
    """What the conditions on users come down to: all of them intersected, or any of them united."""
    result = _EVERYBODY if match == "all" else _NOBODY
    for condition in conditions:
        one = _Users(frozenset((condition.value,)), condition.operator == "is_not")
        result = result & one if match == "all" else result | one
    return result


def _joined(branches: list[Branch], events: int) -> tuple[Branch, ...]:
    """One branch over all events where every event's branch is the same but for the event."""
    if len(branches) == events and branches:
        rest = {(branch.user, branch.not_users) for branch in branches}
        if len(rest) == 1 and branches[0].user is None:
            return (Branch(None, None, branches[0].not_users),)
    return tuple(branches)
