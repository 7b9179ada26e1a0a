"""The Sphinx domain `audit`: what the search finds by a title, a label, a name or a key.

Everything comes from the catalogs of the references. An event is found where it is described, a field and
the label of a value once each, in the indexes of their reference.
"""

from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any, ClassVar

from sphinx.application import Sphinx
from sphinx.domains import Domain, ObjType
from sphinx.environment import BuildEnvironment

from auditwright_generator.model import Category, Event, Field, Level
from auditwright_generator.sphinx.site import Reference, site_of

FIRST, LATER = 0, 1
"""Priorities of Sphinx's search: before and after whatever else has the words."""

SEPARATOR, SUBSTITUTE = "·", "∙"
"""What joins the parts of a shown name, which `auditwright.js` takes apart, and what parts have instead."""


@dataclass(frozen=True)
class Hit:
    """One thing that the search finds, and where that is."""

    kind: str
    key: str
    """What identifies it: the key of an event or a value, the name of a field."""
    title: str
    context: str
    """What tells things of equal titles apart, such as the level and the category; may be empty."""
    page: str
    anchor: str
    priority: int = FIRST

    def shown(self, reference: str = "") -> str:
        """What the list of results shows; the key is last, where Sphinx looks for exact matches."""
        parts = (self.title, reference, self.context, self.key)
        words = (" ".join(part.split()).replace(SEPARATOR, SUBSTITUTE) for part in parts if part)
        return f" {SEPARATOR} ".join(words)


class AuditDomain(Domain):
    """Events, fields and values of the references, for Sphinx's search and for objects.inv."""

    name = "audit"
    label = "Audit log"
    object_types: ClassVar[dict[str, ObjType]] = {
        "event": ObjType("event"),
        "field": ObjType("field"),
        "value": ObjType("value"),
    }
    initial_data: ClassVar[dict[str, Any]] = {"objects": []}

    def merge_domaindata(self, docnames: Set[str], otherdata: dict[str, Any]) -> None:
        """Do nothing: the objects come from the catalogs, after all pages have been read."""

    def resolve_any_xref(self, *_: object, **__: object) -> list[Any]:
        """Nothing: pages link to files and anchors, and MyST asks every domain about a broken link."""
        return []

    def get_type_name(self, type: ObjType, primary: bool = False) -> str:  # noqa: A002  # as Sphinx names it
        """The word for a kind of thing in the list of results."""
        return type.lname

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """All objects, in the form of Sphinx."""
        yield from self.data["objects"]


def find_objects(app: Sphinx, env: BuildEnvironment) -> None:
    """Tell the domain what the references have; all pages have been read."""
    hits = [(each, hit) for each in site_of(app).references for hit in _hits_of(each, env)]
    counts = Counter(hit.shown() for _, hit in hits)
    objects = []
    for reference, hit in hits:
        # Not the anchor alone: Sphinx leaves out an anchor that equals the name, and leads to what is shown.
        name = f"{reference.folder}/{hit.anchor}={hit.key}"
        shown = hit.shown(reference.catalog.title if counts[hit.shown()] > 1 else "")
        objects.append((name, shown, hit.kind, hit.page, hit.anchor, hit.priority))
    env.domaindata[AuditDomain.name]["objects"] = objects


def _hits_of(reference: Reference, env: BuildEnvironment) -> Iterator[Hit]:
    fields: dict[str, Field] = {}
    for level in reference.catalog.levels:
        for category in level.categories:
            places = _places(env, f"{reference.folder}/{category.path}")
            for event in category.events:
                fields |= {field.name: field for field in event.fields if field.name not in fields}
                if event.name in places:
                    yield from _hits_of_event(level, category, event, places[event.name])
    in_fields = _places(env, f"{reference.folder}/fields")
    in_enums = _places(env, f"{reference.folder}/enums")
    for name, field in fields.items():
        if name in in_fields:
            yield Hit("field", name, field.title, "", in_fields[name], name)
        for value in field.values if name in in_enums else ():
            yield Hit("value", value.key, value.title, field.title, in_enums[name], name)


def _hits_of_event(level: Level, category: Category, event: Event, page: str) -> Iterator[Hit]:
    """An event, and its former keys, which lead to it."""
    context = " › ".join(filter(None, (level.title, category.title)))
    title = f"{event.title} (deprecated)" if event.deprecated else event.title
    priority = LATER if event.deprecated else FIRST
    yield Hit("event", event.key, title, context, page, event.name, priority)
    for key in event.aliases:
        yield Hit("event", key, title, f"now {event.key}, formerly", page, event.name, LATER)


def _places(env: BuildEnvironment, page: str) -> dict[str, str]:
    """The anchors of a page and of the pages that continue it -> the page, the last one if there are several.

    The first page of a long category only lists the events; the pages after it describe them.
    """
    further = (
        each for each in env.found_docs if each.startswith(f"{page}/") and each[len(page) + 1 :].isdigit()
    )
    pages = [*({page} & env.found_docs), *further]
    return {anchor: each for each in pages for anchor in env.metadata[each].get("myst_slugs", ())}
