"""Render templates: Jinja2 with autoescape; control characters of stored text are shown as escapes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from auditwright.catalog import is_of_system_level
from auditwright.limits import MAX_ID
from auditwright.reading.filters import FIELDS, MAX_CONDITIONS, OPERATORS, OUTCOMES
from auditwright.reading.pages import MAX_SEARCH
from auditwright.server import phrases
from auditwright.server import view as views
from auditwright.server.headers import BASE
from auditwright.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastapi import Request

    from auditwright.catalog import Catalog, Event
    from auditwright.server.problems import HttpProblem


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("auditwright.server"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = printable
    environment.globals.update(
        fields=FIELDS,
        operators=OPERATORS,
        outcomes=OUTCOMES,
        phrases=phrases,
        periods=views.PERIODS,
        max_conditions=MAX_CONDITIONS,
        max_search=MAX_SEARCH,
        zone_options=zone_options,
        category_options=category_options,
        event_options=event_options,
    )
    return environment


def base_of(request: Request) -> str:
    """The application's mount path, without a trailing slash."""
    base: str = request.scope[BASE]
    return base


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a page."""
    text = _environment().get_template(template).render(base=base_of(request), **values)
    return HTMLResponse(text, status)


def error_page(request: Request, problem: HttpProblem) -> HTMLResponse:
    """Render the error page of a problem."""
    query: bytes = request.scope["query_string"]
    address = request.scope["path"] + ("?" + query.decode(errors="replace") if query else "")
    again = address if request.method == "GET" and problem.status in (408, 429, 500, 503) else ""
    return render(request, "error.html", problem.status, problem=problem, again=again)


# --- options of long selects, cached --------------------------------------------------------------


Choice = tuple[str, str, bool]
"""Value and title of an option, and whether there are entries for it."""

_OPTION = Markup('<option value="{}">{}</option>')
_OPTION_WITHOUT_ENTRIES = Markup('<option value="{0}" data-title="{1}">{1} – no entries</option>')


def _options(pairs: list[tuple[str, list[Choice]]]) -> Markup:
    groups = []
    for group, choices in pairs:
        options = [
            (_OPTION if found else _OPTION_WITHOUT_ENTRIES).format(key, printable(title))
            for key, title, found in choices
        ]
        groups.append(
            Markup('<optgroup label="{}">{}</optgroup>').format(printable(group), Markup("").join(options))
        )
    return Markup("\n").join(groups)


def _chosen(options: Markup, value: str | None) -> Markup:
    attribute = Markup('value="{}"').format(value)
    return options.replace(attribute, attribute + " selected", 1) if value else options


@functools.cache
def _zones() -> Markup:
    utc = Markup('<option value="UTC">UTC</option>')
    return utc + _options(
        [(region, [(name, name, True) for name in names]) for region, names in views.zones()]
    )


_GROUPS = ("Categories", "Auditwright")
"""The groups of a catalog without levels: its own categories, and those of the system events."""


@functools.lru_cache(64)
def _categories(catalog: Catalog, recorded: frozenset[str]) -> Markup:
    groups: dict[str, list[Choice]] = {}
    titles = phrases.category_titles(catalog)
    has_levels = all(each.level for each in catalog.categories)
    for each in catalog.every_category:
        found = any(_is_recorded(event, recorded) for event in each.events)
        group = f"Level: {each.level}" if has_levels else _GROUPS[is_of_system_level(each.key)]
        groups.setdefault(group, []).append((each.key, titles[each.key], found))
    removed = {key.rpartition(".")[0] for key in recorded.difference(catalog.current)}
    removed -= {each.key for each in catalog.every_category}
    return _options([*groups.items(), *_removed(removed)])


@functools.lru_cache(64)
def _events(catalog: Catalog, recorded: frozenset[str]) -> Markup:
    titles = phrases.category_titles(catalog)
    known: list[tuple[str, list[Choice]]] = [
        (
            titles[each.key],
            [
                (event.key, phrases.choice_title(event), _is_recorded(event, recorded))
                for event in each.events
            ],
        )
        for each in catalog.every_category
    ]
    return _options([*known, *_removed(recorded.difference(catalog.current))])


def _is_recorded(event: Event, recorded: frozenset[str]) -> bool:
    return not recorded.isdisjoint((event.key, *event.aliases))


def _removed(keys: Iterable[str]) -> list[tuple[str, list[Choice]]]:
    """The group of recorded keys that the catalog no longer has."""
    choices = [(key, key, True) for key in sorted(keys) if key and len(key) <= MAX_ID]
    return [("No longer in the catalog", choices)] if choices else []


def zone_options(chosen: str) -> Markup:
    """The options of the time zone select."""
    if chosen != "UTC" and Markup('value="{}"').format(chosen) not in _zones():
        return Markup('<option value="{0}" selected>{0}</option>').format(chosen) + _zones()
    return _chosen(_zones(), chosen)


def category_options(catalog: Catalog, recorded: frozenset[str], chosen: str | None) -> Markup:
    """The categories by level, if there are levels; those without entries are marked."""
    return _with_chosen(_categories(catalog, recorded), chosen)


def event_options(catalog: Catalog, recorded: frozenset[str], chosen: str | None) -> Markup:
    """The events by category; those without entries are marked. An alias selects its event."""
    chosen = catalog.current.get(chosen, chosen) if chosen else None
    return _with_chosen(_events(catalog, recorded), chosen)


def _with_chosen(options: Markup, chosen: str | None) -> Markup:
    """The options with the chosen one selected; it is added if it is not among them."""
    if chosen and Markup('value="{}"').format(chosen) not in options:
        unknown = Markup('<option value="{0}" data-unknown selected>{1}</option>')
        return unknown.format(chosen, printable(chosen)) + options
    return _chosen(options, chosen)
