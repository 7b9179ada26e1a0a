"""Filters: conditions with the operators is and is_not, of which all or any must be true.

    Filter.parse(["category:is:account.models", "user:is_not:u-17"], match="any")
    Filter.parse(["target:is:model:m-17", "outcome:is:failure"])

The set of events is finite, so a filter reduces to events with conditions on what differs between entries of
one event. `conjunctions.py` makes index branches of these. Unknown names are errors that list the choices. It
contains no SQL.

Keys of older catalogs remain valid: an alias stands for its event, and events that the catalog no longer has
are known from the account's entries.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import parse_qsl, urlencode

import orjson

from auditwright.effort import did_you_mean, listed
from auditwright.errors import FilterError
from auditwright.limits import MAX_ID, sanitize, shown, text_of, truncate
from auditwright.reading.conjunctions import for_all_events, where_all, where_any
from auditwright.storage.query import Branch, Test

if TYPE_CHECKING:
    from auditwright.catalog import Catalog

FilterField = Literal["category", "event", "user", "on_behalf_of", "outcome", "target"]
Operator = Literal["is", "is_not"]
Match = Literal["all", "any"]

FIELDS: tuple[str, ...] = get_args(FilterField)
OPERATORS: tuple[str, ...] = get_args(Operator)
MATCHES: tuple[str, ...] = get_args(Match)
OUTCOMES = ("success", "failure")
MAX_CONDITIONS = 20
_TYPE = re.compile("[a-z][a-z0-9_]{0,39}")


def _choice(what: str, value: object, choices: Sequence[str]) -> str:
    text = text_of(value)
    if text is None or text not in choices:
        nearest = did_you_mean(text, choices) if text is not None else ""
        raise FilterError(f"{what} is one of {', '.join(choices)}, not {shown(value)}{nearest}")
    return text


def _target(value: object) -> str:
    text = text_of(value) or ""
    kind, colon, target_id = text.partition(":")
    if not _TYPE.fullmatch(kind) or not colon or not 1 <= len(target_id) <= MAX_ID:
        raise FilterError(
            f"a target is written TYPE:ID, such as model:m-17, with an id of 1 to {MAX_ID} characters, "
            f"not {shown(value)}"
        )
    return text


def _check_target(test: Test, catalog: Catalog) -> None:
    for value in test.values if test.field == "target" else ():
        check_target_type(value.partition(":")[0], catalog)


def check_target_type(kind: str, catalog: Catalog) -> None:
    """Raise `FilterError` unless fields of the catalog identify objects of this type."""
    if kind not in catalog.target_types:
        choices = f"there are {listed(catalog.target_types)}" if catalog.target_types else "there are none"
        nearest = did_you_mean(kind, catalog.target_types)
        raise FilterError(f'"{truncate(kind, 80)}" is not a type of targets{nearest} ({choices})')


def _text(what: str, value: object) -> str:
    text = text_of(value)
    if text is None:
        raise FilterError(f"{what} is a text, not {shown(value)}")
    return text


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a filter: a field, an operator, a value. Raises `FilterError`.

    The value is the key of a category or event; the id of a user or app, also for `on_behalf_of`;
    `success` or `failure`; or for `target` a type and an id, such as `model:m-17`.
    """

    field: FilterField
    operator: Operator
    value: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", _choice("a condition's field", self.field, FIELDS))
        object.__setattr__(self, "operator", _choice("a condition's operator", self.operator, OPERATORS))
        value = text_of(self.value)
        if self.field == "outcome":
            value = _choice(f"the value of outcome {self.operator}", self.value, OUTCOMES)
        elif self.field == "target":
            value = _target(self.value)
        elif value is None or not 1 <= len(value) <= MAX_ID:
            raise FilterError(
                f"the value of {self.field} {self.operator} is a string of 1 to {MAX_ID} characters"
            )
        object.__setattr__(self, "value", sanitize(value))  # stored ids are sanitized too

    @classmethod
    def parse(cls, text: str) -> Condition:
        """A condition from `category:is:account.models`; the value may contain colons."""
        text = _text("a condition", text)
        field, first, rest = text.partition(":")
        operator, second, value = rest.partition(":")
        if not first or not second:
            raise FilterError(
                f"a condition is written field:operator:value, such as category:is:account.models, "
                f"not {shown(text)}"
            )
        return cls(field, operator, value)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.field}:{self.operator}:{self.value}"

    @property
    def test(self) -> Test:
        """What an entry is tested for; not for a category or an event."""
        wanted, value = self.operator == "is", self.value
        if self.field == "outcome" and value == "success":
            wanted, value = not wanted, "failure"
        return Test(self.field, wanted, (value,))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter: all of its conditions must be true (`all`), or at least one (`any`).

    Without conditions it selects everything. Raises `FilterError`.
    """

    match: Match = "all"
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "match", _choice("match", self.match, MATCHES))
        conditions: object = self.conditions
        if type(conditions) is list:
            object.__setattr__(self, "conditions", tuple(conditions))
        if type(self.conditions) is not tuple:
            raise FilterError(f"a filter's conditions are a tuple, not {shown(self.conditions)}")
        if len(self.conditions) > MAX_CONDITIONS:
            raise FilterError(f"a filter has at most {MAX_CONDITIONS} conditions, not {len(self.conditions)}")
        for each in self.conditions:
            if type(each) is not Condition:
                raise FilterError(f"each condition of a filter is a Condition, not {shown(each)}")

    @classmethod
    def parse(cls, conditions: Iterable[str], match: str = "all") -> Filter:
        """A filter from conditions in the form of `Condition.parse`."""
        try:
            texts = iter(conditions)
        except TypeError:
            raise FilterError(f"a filter's conditions are a list of texts, not {shown(conditions)}") from None
        return cls(match, tuple(Condition.parse(text) for text in texts))  # type: ignore[arg-type]

    @classmethod
    def from_json(cls, form: bytes | str | Mapping[str, Any]) -> Filter:
        """A filter from `{"match": "all", "conditions": [{"field", "operator", "value"}]}`."""
        parsed: Any = form
        if issubclass(type(form), (bytes, str)):
            fault = ""
            try:
                parsed = orjson.loads(text_of(form) or form)  # type: ignore[arg-type]
            except orjson.JSONDecodeError as error:
                fault = str(error)  # the error itself has the whole text
            if fault:
                raise FilterError(f"a filter is a JSON object, not invalid JSON: {fault}")
        filter_parts = _parts(
            parsed,
            ("match", "conditions"),
            "a filter",
            f"a filter is a JSON object, not {type(parsed).__name__}",
        )
        conditions = filter_parts.get("conditions", [])
        if type(conditions) is not list:
            raise FilterError("a filter's conditions are a list")
        made = []
        for condition in conditions:
            parts = _parts(
                condition,
                ("field", "operator", "value"),
                "a condition",
                "a condition is an object with field, operator and value",
            )
            made.append(Condition(**{"field": None, "operator": None, "value": None, **parts}))
        return cls(filter_parts.get("match", "all"), tuple(made))

    @classmethod
    def from_query(cls, query: str) -> Filter:
        """A filter from a URL query, `match=any&where=user:is:u-17&where=...`; other names are refused."""
        try:
            pairs = parse_qsl(
                _text("a filter's query", query), keep_blank_values=True, max_num_fields=MAX_CONDITIONS + 10
            )
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
        """The form in a URL query; equal filters give equal texts."""
        pairs = [("match", self.match)] if self.match != "all" else []
        return urlencode([*pairs, *(("where", str(condition)) for condition in self.conditions)])

    @property
    def needs_scan(self) -> bool:
        """Whether entries may have to be scanned, because no index returns only those that match."""
        branches = (where_all if self.match == "all" else where_any)("", self._tests)
        return any(branch.tests for branch in branches)

    def identity(self) -> bytes:
        """An 8-byte hash of the filter, for cursors."""
        return hashlib.sha256(orjson.dumps(self.to_json())).digest()[:8]

    def branches(self, catalog: Catalog, stored: Iterable[str]) -> tuple[Branch, ...]:
        """The filter as disjoint branches; `stored` has the keys of the account's events.

        Raises `FilterError` for a category or an event that neither the catalog nor the account has.
        """
        if not self.conditions:
            return (Branch(),)
        stored = list(stored)
        keys = dict.fromkeys([*catalog.current, *stored])
        named = [
            (_named(condition, catalog, keys), condition)
            for condition in self.conditions
            if condition.field in ("category", "event")
        ]
        tests = self._tests
        for test in tests:
            _check_target(test, catalog)
        branches: list[Branch] = []
        for key in stored:
            hits = [(key in events) == (condition.operator == "is") for events, condition in named]
            if self.match == "all":
                branches += where_all(key, tests) if all(hits) else []
            else:
                branches += [Branch(key)] if any(hits) else where_any(key, tests)
        return for_all_events(branches, len(stored))

    @property
    def _tests(self) -> tuple[Test, ...]:
        """The conditions that are not about the event."""
        return tuple(each.test for each in self.conditions if each.field not in ("category", "event"))


def _parts(form: object, names: tuple[str, ...], what: str, wrong: str) -> dict[str, Any]:
    """The parts of a mapping by name; raises `FilterError` for other names and for anything else."""
    if not isinstance(form, Mapping):
        raise FilterError(wrong)
    try:
        parts = dict(dict.items(form) if issubclass(type(form), dict) else form)  # type: ignore[arg-type]
    except Exception as error:  # the mapping's own
        raise FilterError(f"{wrong}; reading it raises {type(error).__name__}") from error
    _only(parts, names, what)
    return {text_of(name) or "": value for name, value in parts.items()}


def _only(form: Mapping[str, Any], names: tuple[str, ...], what: str) -> None:
    for name in form:
        text = text_of(name)
        if text not in names:
            nearest = did_you_mean(text, names) if text is not None else ""
            raise FilterError(f"{what} has {' and '.join(names)}, not {shown(name)}{nearest}")


def _named(condition: Condition, catalog: Catalog, keys: Mapping[str, str | None]) -> frozenset[str]:
    """All keys that match the value of a condition on category or event, including aliases."""
    if condition.field == "category":
        return _members(condition.value, catalog, keys)
    if condition.value not in keys:
        raise FilterError(
            f"{catalog.unknown_event(truncate(condition.value, 80))} (`auditwright events` lists all)"
        )
    event = catalog.event(condition.value)
    return frozenset((event.key, *event.aliases)) if event else frozenset((condition.value,))


def _members(category: str, catalog: Catalog, keys: Iterable[str]) -> frozenset[str]:
    """All keys of a category's events, including the account's events that the catalog does not have.

    A category that the catalog no longer has stands for its former events, in whatever category they are now.
    """
    removed = {key for key in keys if key not in catalog.current and _category_of(key) == category}
    known = {each.key: each.events for each in catalog.every_category}
    events = known.get(category)
    if events is None:
        moved = {now: None for key, now in catalog.current.items() if _category_of(key) == category}
        events = tuple(catalog.every_event[key] for key in moved)
    if category not in known and not events and not removed:
        raise FilterError(
            f'"{truncate(category, 80)}" is not a category{did_you_mean(category, known)} '
            f"(there are {listed(known)})"
        )
    return frozenset(key for event in events for key in (event.key, *event.aliases)) | removed


def _category_of(key: str) -> str:
    """The category of an event's key: `account.models` for `account.models.model_added`."""
    return key.rpartition(".")[0]
