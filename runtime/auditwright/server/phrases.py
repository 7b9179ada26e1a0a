"""A view as text: chips for its parts above the table, and titles for keys."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditwright.reading.filters import Condition, Filter
from auditwright.server.view import View

if TYPE_CHECKING:
    from auditwright.catalog import Catalog, Event
    from auditwright.entry import Entry

FIELD_TITLES = {
    "category": "Category",
    "event": "Event",
    "user": "User",
    "on_behalf_of": "On behalf of",
    "outcome": "Outcome",
    "target": "Target",
}
OPERATOR_TITLES = {"is": "Is Equal To", "is_not": "Is Not Equal To"}
OUTCOME_TITLES = {"success": "Success", "failure": "Failure"}
PERIOD_TITLES = {
    "24h": "Last 24 hours",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "custom": "Custom range",
    "all": "All time",
}

NameOf = Callable[[str], str | None]
"""Returns the name of a user by id, or None."""


@dataclass(frozen=True, slots=True)
class Chip:
    """One active part of a view as text, and the query of the view without it."""

    text: str
    without: str


def chips(view: View, catalog: Catalog, name_of: NameOf) -> Iterator[Chip]:
    """Each condition, the search and the range."""
    conditions = view.where.conditions
    for number, condition in enumerate(conditions):
        rest = conditions[:number] + conditions[number + 1 :]
        where = Filter(view.where.match if len(rest) > 1 else "all", rest)
        text = condition_text(condition, catalog, name_of)
        yield Chip(text, view.first_page(where=where).query())
    if view.search:
        yield Chip(f"Description contains “{view.search}”", view.first_page(search="").query())
    if view.period != "all":
        text = f"{_range(view)} ({view.zone})" if view.period == "custom" else PERIOD_TITLES[view.period]
        yield Chip(text[:1].upper() + text[1:], view.first_page(period="all").query())


def condition_text(condition: Condition, catalog: Catalog, name_of: NameOf) -> str:
    """A condition with titles for keys; an event has its category added, as titles are not unique."""
    if condition.field in ("category", "event", "user"):
        operator = OPERATOR_TITLES[condition.operator].lower()
    else:  # what follows is no title: `Target is model m-17`
        operator = condition.operator.replace("_", " ")
    return f"{FIELD_TITLES[condition.field]} {operator} {value_title(condition, catalog, name_of)}"


def value_title(condition: Condition, catalog: Catalog, name_of: NameOf) -> str:
    """The title of a condition's value."""
    if condition.field == "category":
        titles = category_titles(catalog)
        return titles.get(condition.value, condition.value)
    if condition.field == "event":
        event = catalog.event(condition.value)
        return f"{event.title} ({category_titles(catalog)[event.category]})" if event else condition.value
    if condition.field == "outcome":
        return condition.value
    if condition.field == "target":
        return target_text(condition.value)
    name = name_of(condition.value)
    return f"{name} ({condition.value})" if name else condition.value


def target_text(target: str) -> str:
    """A target in words: `model m-17` for `model:m-17`."""
    kind, _, target_id = target.partition(":")
    return f"{type_text(kind)} {target_id}"


def type_text(kind: str) -> str:
    """The name of a type of objects as words: `api key` for `api_key`."""
    return kind.replace("_", " ")


def choice_title(event: Event) -> str:
    """The title of an event in a list of choices; deprecated ones are marked."""
    return f"{event.title} (deprecated)" if event.deprecated else event.title


def category_title(entry: Entry, catalog: Catalog) -> str:
    """The title of an entry's category, with its level if another category has the same title."""
    event = catalog.event(entry.event)
    key = event.category if event else entry.category
    return category_titles(catalog).get(key, entry.category_title)


@functools.lru_cache(64)
def category_titles(catalog: Catalog) -> dict[str, str]:
    """The title of each category by key; with the level or the key added to titles that are not unique."""
    titles = [category.title for category in catalog.every_category]
    return {
        each.key: f"{each.title}, {each.level or each.key}" if titles.count(each.title) > 1 else each.title
        for each in catalog.every_category
    }


def _range(view: View) -> str:
    since, until = view.since.replace("T", " "), view.until.replace("T", " ")
    if since and until:
        return f"from {since} to {until}"
    return f"from {since}" if since else f"to {until}" if until else "at any time"
