"""The shapes of auditors' queries, as data: filters, time ranges and searches on the log of `large.py`.

The benchmarks measure all of them.
`tests/runtime/reading/test_plans.py` checks their query plans, and compares their entries with a read in
Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations_with_replacement, islice, product

from tests.benchmarks.large import (
    BURST_EVENT,
    BURST_USER,
    COMMON_TARGET,
    COMMON_USER,
    END,
    GONE_EVENT,
    RARE_EVENT,
    RARE_TARGET,
    RARE_TEXT,
    RARE_USER,
    START,
    UNUSED_EVENT,
)

from audit_events import CATALOG
from auditwright import Condition, Filter
from auditwright.reading.filters import FilterField, Match, Operator

COMMON_EVENT = "tool.tool_management.tool_undeployed"
COMMON_TEXT, NO_TEXT = "nightly run", "nobody ever wrote this"
NOBODY = "u-nobody"
NO_FILTER = Filter()
KINDS: tuple[tuple[FilterField, Operator], ...] = (
    ("category", "is"), ("category", "is_not"),
    ("event", "is"), ("event", "is_not"),
    ("user", "is"), ("user", "is_not"),
)  # fmt: skip
MATCHES: Mapping[Match, str] = {"all": "and", "any": "or"}

VALUES: Mapping[FilterField, dict[str, str]] = {
    "category": {
        "that of the burst": "account.login_logout",
        "a common one": "tool.tool_management",
        "that of a rare event": "account.models",
    },
    "event": {"the burst": BURST_EVENT, "a common one": COMMON_EVENT, "a rare one": RARE_EVENT},
    "user": {"the burst's": BURST_USER, "a common one": COMMON_USER, "a rare one": RARE_USER},
}
"""The values of pairs, by their labels in the names of shapes."""
MORE_VALUES: Mapping[FilterField, dict[str, str]] = {
    "category": {"one no longer in the catalog": "account.gone"},
    "event": {"one never recorded": UNUSED_EVENT, "one no longer in the catalog": GONE_EVENT},
    "user": {"one without entries": NOBODY},
}
NO_TARGET = "model:o-none"
SPARSE = {RARE_USER, RARE_TARGET, NO_TARGET}
"""Values with few entries, by which pages are read whatever else is wanted."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A query of one account's log, and its kind."""

    name: str
    kind: str
    where: Filter = NO_FILTER
    since: datetime | None = None
    until: datetime | None = None
    search: str | None = None

    @property
    def bounded(self) -> bool:
        """Whether the cost of a page is small wherever the matching entries are.

        Three shapes may need a long scan: a search, a filter that excludes a user who may have recorded all
        of the newest entries, and one with two conditions that have an index each, and many entries.
        """
        branches = self.where.branches(CATALOG, [*CATALOG.current, GONE_EVENT])
        return self.search is None and not any(
            not {each.value, *test.values} & SPARSE
            if test.wanted
            else BURST_USER in test.values and each.event in (None, BURST_EVENT)
            for each in branches
            for test in each.tests
        )

    @property
    def is_pair(self) -> bool:
        """Whether the shape is one of many of its kind, which tables combine."""
        return self.kind.startswith("pairs: ")

    def until_depth(self, entries: int, depth: int) -> Shape:
        """The same shape below the newest `depth` entries of an account with `entries` entries."""
        until = END - (END - START) * (depth / entries)
        return replace(self, until=min(until, self.until or until))


def shapes() -> list[Shape]:
    """All shapes; their names are unique."""
    return [
        *_singles(), *_pairs(), *_sets(), *_few_or_many(), *_times(), *_searches(), *_objects(), *_others()
    ]  # fmt: skip


def _condition(field: FilterField, operator: Operator, label: str) -> Condition:
    return Condition(field, operator, (VALUES[field] | MORE_VALUES[field])[label])


def _singles() -> Iterator[Shape]:
    yield Shape("no filter", "one condition")
    for field, operator in KINDS:
        for label, value in (VALUES[field] | MORE_VALUES[field]).items():
            where = Filter("all", (Condition(field, operator, value),))
            yield Shape(f"{field} {_words(operator)} {label}", "one condition", where)


def _pairs() -> Iterator[Shape]:
    """Two conditions of every pair of kinds, with every pair of values."""
    for match, word in MATCHES.items():
        for one, other in combinations_with_replacement(KINDS, 2):
            kind = f"pairs: {one[0]} {_words(one[1])} {word} {other[0]} {_words(other[1])}"
            for mine, theirs in product(VALUES[one[0]], VALUES[other[0]]):
                if one != other or mine < theirs:
                    name = f"{one[0]} {_words(one[1])} {mine} {word} {other[0]} {_words(other[1])} {theirs}"
                    where = Filter(match, (_condition(*one, mine), _condition(*other, theirs)))
                    yield Shape(name, kind, where)


def _words(operator: str) -> str:
    return operator.replace("_", " ")


def _filter(match: Match, *conditions: tuple[FilterField, Operator, str]) -> Filter:
    return Filter(match, tuple(Condition(*each) for each in conditions))


def _sets() -> Iterator[Shape]:
    commonest = [f"u-{number:04}" for number in range(1, 6)]
    seldom = [f"u-{number}" for number in range(4990, 4995)]
    events = list(islice((key for key in CATALOG.events if key.startswith("account.models.")), 5))
    with_burst = [BURST_EVENT, COMMON_EVENT, *events[:3]]
    categories = ["account.login_logout", "tool.tool_management", "account.models", "account.roles",
                  "account.dataset"]  # fmt: skip
    every: list[tuple[str, Match, FilterField, Operator, list[str]]] = [
        ("any of the five commonest users", "any", "user", "is", commonest),
        ("any of five users who do little", "any", "user", "is", seldom),
        ("the burst's user or four common ones", "any", "user", "is", [BURST_USER, *commonest[:4]]),
        ("none of the five commonest users", "all", "user", "is_not", commonest),
        ("neither the burst's user nor four common ones", "all", "user", "is_not",
         [BURST_USER, *commonest[:4]]),
        ("any of five events of one category", "any", "event", "is", events),
        ("any of five events, the burst among them", "any", "event", "is", with_burst),
        ("none of five events", "all", "event", "is_not", events),
        ("none of five events, the burst among them", "all", "event", "is_not", with_burst),
        ("any of five categories", "any", "category", "is", categories),
        ("none of five categories", "all", "category", "is_not", categories),
    ]  # fmt: skip
    for name, match, field, operator, values in every:
        where = Filter(match, tuple(Condition(field, operator, value) for value in values))
        yield Shape(name, "sets of five", where)
    where = _filter(
        "all",
        ("category", "is_not", "account.login_logout"),
        ("event", "is_not", COMMON_EVENT),
        ("event", "is_not", RARE_EVENT),
        ("user", "is_not", COMMON_USER),
        ("user", "is_not", "u-0001"),
    )
    yield Shape("not a category, two events and two users", "sets of five", where)
    where = _filter(
        "any",
        ("category", "is", "account.roles"),
        ("event", "is", COMMON_EVENT),
        ("event", "is", RARE_EVENT),
        ("user", "is", COMMON_USER),
        ("user", "is", RARE_USER),
    )
    yield Shape("a category, either of two events or either of two users", "sets of five", where)
    where = _filter(
        "any",
        ("category", "is", "account.roles"),
        ("event", "is", COMMON_EVENT),
        ("event", "is_not", BURST_EVENT),
        ("user", "is", COMMON_USER),
        ("user", "is", BURST_USER),
    )
    yield Shape("all but some of one event, said in five ways", "sets of five", where)


def _few_or_many() -> Iterator[Shape]:
    nothing, few, most = "sets that match nothing", "sets that match 3 entries", "sets that match nearly all"
    yield Shape(
        "two events at once",
        nothing,
        _filter("all", ("event", "is", BURST_EVENT), ("event", "is", COMMON_EVENT)),
    )
    yield Shape(
        "two common users at once",
        nothing,
        _filter("all", ("user", "is", COMMON_USER), ("user", "is", "u-0001")),
    )
    yield Shape(
        "an event in another category than its own",
        nothing,
        _filter("all", ("event", "is", COMMON_EVENT), ("category", "is", "account.models")),
    )
    yield Shape(
        "a common user, of whom a category's only event is left out",
        nothing,
        _filter("all", ("user", "is", COMMON_USER), ("category", "is", "account.gone"),
                ("event", "is_not", GONE_EVENT)),
    )  # fmt: skip
    yield Shape(
        "a rare user or an event never recorded",
        few,
        _filter("any", ("user", "is", RARE_USER), ("event", "is", UNUSED_EVENT)),
    )
    yield Shape(
        "a rare event, not by a common user",
        few,
        _filter("all", ("event", "is", RARE_EVENT), ("user", "is_not", COMMON_USER)),
    )
    yield Shape(
        "not one or not the other of two events",
        most,
        _filter("any", ("event", "is_not", BURST_EVENT), ("event", "is_not", COMMON_EVENT)),
    )
    yield Shape(
        "neither a rare event nor a rare user",
        most,
        _filter("all", ("event", "is_not", RARE_EVENT), ("user", "is_not", RARE_USER)),
    )
    yield Shape(
        "neither a user without entries nor a gone category",
        most,
        _filter("all", ("user", "is_not", NOBODY), ("category", "is_not", "account.gone")),
    )


REPRESENTATIVES = (
    "no filter",
    "category is a common one",
    "category is not that of the burst",
    "event is a common one",
    "event is not the burst",
    "event is one no longer in the catalog",
    "user is a common one",
    "user is a rare one",
    "user is not a common one",
    "user is not the burst's",
    "category is a common one and user is a common one",
    "event is a common one or user is a common one",
    "any of five users who do little",
    "none of five events, the burst among them",
)
"""The shapes that are also measured in time ranges and at a depth."""


def representatives() -> list[Shape]:
    """The shapes of `REPRESENTATIVES`."""
    found = {each.name: each for each in (*_singles(), *_pairs(), *_sets())}
    return [found[name] for name in REPRESENTATIVES]


def _times() -> Iterator[Shape]:
    day, year = timedelta(days=1), timedelta(days=365)
    ranges = {
        "in the newest day": (END - day, None),
        "in a day two years ago": (END - 2 * year, END - 2 * year + day),
        "in the newest year": (END - year, None),
        "in the oldest year": (None, START + year),
        "in the year between": (START + year, START + 2 * year),
    }
    for (name, (since, until)), shape in product(ranges.items(), representatives()):
        yield replace(shape, name=f"{shape.name}, {name}", kind=name, since=since, until=until)


def _searches() -> Iterator[Shape]:
    texts = {
        "a common text": COMMON_TEXT,
        "a rare text": RARE_TEXT.upper(),
        "a text that is nowhere": NO_TEXT,
    }
    names = ("event is a common one", "user is a common one", "user is a rare one", "event is not the burst")
    by_name = {each.name: each for each in _singles()}
    for name, text in texts.items():
        yield Shape(name, "searches", search=text)
        for each in names:
            yield replace(by_name[each], name=f"{name}, {each}", kind="searches", search=text)
    day = END - timedelta(days=1)
    yield Shape("a rare text, in the newest day", "searches", since=day, search=RARE_TEXT)


def _objects() -> Iterator[Shape]:
    """Objects alone, and with each other field."""
    targets = {"a common object": COMMON_TARGET, "a rare object": RARE_TARGET, "no object": NO_TARGET}
    for label, target in targets.items():
        yield Shape(f"target is {label}", "objects", _filter("all", ("target", "is", target)))
        yield Shape(f"target is not {label}", "objects", _filter("all", ("target", "is_not", target)))
        for field, operator in KINDS:
            for name, value in VALUES[field].items():
                where = _filter("all", ("target", "is", target), (field, operator, value))
                text = f"target is {label} and {field} {_words(operator)} {name}"
                yield Shape(text, f"objects, and {field} {_words(operator)}", where)
    for field in VALUES:
        where = _filter("any", ("target", "is", COMMON_TARGET), (field, "is", VALUES[field]["a common one"]))
        yield Shape(f"target is a common object or {field} is a common one", "objects, or another", where)
    both = _filter("all", ("target", "is", COMMON_TARGET), ("outcome", "is", "failure"))
    yield Shape("target is a common object and outcome is failure", "objects, and outcome", both)


def _others() -> Iterator[Shape]:
    """Failures and entries on somebody's behalf, alone, and with each other field."""
    first: dict[str, tuple[FilterField, Operator, str]] = {
        "outcome is failure": ("outcome", "is", "failure"),
        "on behalf of a common one": ("on_behalf_of", "is", COMMON_USER),
        "on behalf of a rare one": ("on_behalf_of", "is", RARE_USER),
    }
    for label, one in first.items():
        kind = "failures" if one[0] == "outcome" else "on behalf"
        yield Shape(label, kind, _filter("all", one))
        for field in VALUES:
            for name, value in VALUES[field].items():
                where = _filter("all", one, (field, "is", value))
                yield Shape(f"{label} and {field} is {name}", f"{kind}, and {field} is", where)
    yield Shape("outcome is success", "failures", _filter("all", ("outcome", "is", "success")))
    yield Shape("on behalf of anybody but a common one", "on behalf",
                _filter("all", ("on_behalf_of", "is_not", COMMON_USER)))  # fmt: skip
