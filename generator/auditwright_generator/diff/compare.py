"""Two catalogs -> the list of what changed between them, each change under its rule.

A pure function of two resolved catalogs: it reads no files and knows no places. Two catalogs without a
change between them are equal, but for their versions, their files and where a field is declared.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from auditwright_generator.diff import rules
from auditwright_generator.diff.change import CatalogChange, Fact, Subject, listed_events, shown
from auditwright_generator.diff.fields import compare_lifecycle
from auditwright_generator.diff.grouping import field_changes
from auditwright_generator.diff.renames import common_order_differs, likely_events
from auditwright_generator.diff.rules import ChangeRule
from auditwright_generator.model import Catalog, Category, Event, Field, Level

Changes = Iterator[CatalogChange]


@dataclass(frozen=True, slots=True)
class CatalogPair:
    """Two catalogs by key, and which event of the one is which of the other."""

    old: Catalog
    new: Catalog
    events: tuple[dict[str, Event], dict[str, Event]]
    categories: tuple[dict[str, Category], dict[str, Category]]
    levels: tuple[dict[str, Level], dict[str, Level]]
    renamed: dict[str, Event]
    """By former key: the event that has it as an alias."""
    likely: dict[str, Event]
    """By former key: the event that is likely the same, and does not say so."""
    moved: dict[str, str]
    """By former key: the new key of a category that was renamed."""

    @property
    def gone(self) -> Iterator[Event]:
        """The older events that are none of the newer ones under any name."""
        old, new = self.events
        known = new.keys() | self.renamed.keys() | self.likely.keys()
        return (event for key, event in old.items() if key not in known)

    @property
    def come(self) -> Iterator[Event]:
        """The newer events that are none of the older ones."""
        old, new = self.events
        known = old.keys() | {event.key for event in (*self.renamed.values(), *self.likely.values())}
        return (event for key, event in new.items() if key not in known)

    @property
    def stayed(self) -> Iterator[tuple[Event, Event]]:
        """Each event as it was and as it is, those with an alias for the former key among them.

        Of events that became one, only that which had its key, or the first: the others are no longer told
        apart from it.
        """
        old, new = self.events
        present = {key: key for key in new if key in old}
        for key, event in self.renamed.items():
            present.setdefault(event.key, key)
        return ((old[was], new[now]) for now, was in present.items())


def compare(old: Catalog, new: Catalog) -> list[CatalogChange]:
    """Every change from the older catalog to the newer."""
    both = _pair(old, new)
    changes = [change for part in _PARTS for change in part(both)]
    return changes + list(_sharing(both, {key for change in changes for key in change.events}))


# --- which is which -------------------------------------------------------------------------------------


def _pair(old: Catalog, new: Catalog) -> CatalogPair:
    events = {event.key: event for event in old.events}, {event.key: event for event in new.events}
    aliases = {alias: event for event in new.events for alias in event.aliases}
    lost = [key for key in events[0] if key not in events[1]]
    renamed = {key: aliases[key] for key in lost if key in aliases}
    taken = {event.key for event in renamed.values()}
    likely = likely_events(
        [events[0][key] for key in lost if key not in renamed],
        [event for key, event in events[1].items() if key not in events[0] and key not in taken],
    )
    categories = {each.key: each for each in old.categories}, {each.key: each for each in new.categories}
    return CatalogPair(
        old=old,
        new=new,
        events=events,
        categories=categories,
        levels=({each.name: each for each in old.levels}, {each.name: each for each in new.levels}),
        renamed=renamed,
        likely=likely,
        moved=_renamed_categories(categories, {**likely, **renamed}),
    )


def _renamed_categories(
    categories: tuple[dict[str, Category], dict[str, Category]], events: dict[str, Event]
) -> dict[str, str]:
    """The categories that are gone, and of whose events at least half are now in one that is new."""
    old, new = categories
    moves: dict[tuple[str, str], int] = {}
    for key, event in events.items():
        move = _category_of(key), _category_of(event.key)
        moves[move] = moves.get(move, 0) + 1
    found: dict[str, str] = {}
    for (was, now), count in sorted(moves.items(), key=lambda item: (-item[1], item[0])):
        free = was not in new and now not in old and was not in found and now not in found.values()
        if free and was in old and count * 2 >= len(old[was].events):
            found[was] = now
    return found


def _category_of(key: str) -> str:
    return key.rpartition(".")[0]


# --- the catalog, levels, categories --------------------------------------------------------------------


def _catalog(both: CatalogPair) -> Changes:
    old, new = both.old, both.new
    if old.package != new.package:
        yield _was(rules.PACKAGE_RENAMED, "package", Subject("", None, ("package",)), old, new, "package")
    for name in ("title", "description"):
        if getattr(old, name) != getattr(new, name):
            yield _was(rules.CATALOG_WORDS_CHANGED, "catalog", Subject("", None, (name,)), old, new, name)
    if common_order_differs(*both.levels):
        yield _reordered("levels", "catalog", Subject("", None, ("levels",)))


def _levels(both: CatalogPair) -> Changes:
    old, new = both.levels
    for name, level in old.items():
        if name not in new:
            events = [event.key for event in both.gone if event.key.startswith(f"{name}.")]
            yield _whole(rules.LEVEL_REMOVED, name, f"the level {shown(level.title)} is gone", events)
    for name, level in new.items():
        if name not in old:
            events = [event.key for event in both.come if event.key.startswith(f"{name}.")]
            yield _whole(rules.LEVEL_ADDED, name, f"the level {shown(level.title)} is new", events)
        else:
            yield from _facts(_LEVEL_FACTS, name, old[name], level)
            keys = ([category.key for category in each.categories] for each in (old[name], level))
            if common_order_differs(*keys):
                yield _reordered("categories", name, Subject(name))


def _categories(both: CatalogPair) -> Changes:
    old, new = both.categories
    gone, come = _by_category(both.gone), _by_category(both.come)
    for key, category in old.items():
        if key in both.moved:
            yield _category_renamed(both, category, new[both.moved[key]])
        elif key not in new and _level_of(key) in both.levels[1]:
            what = f"the category {shown(category.title)} is gone"
            yield _whole(rules.CATEGORY_REMOVED, key, what, gone.get(key, []))
    for key, category in new.items():
        if key in old:
            yield from _category(old[key], category)
        elif key not in both.moved.values() and _level_of(key) in both.levels[0]:
            what = f"the category {shown(category.title)} is new"
            yield _whole(rules.CATEGORY_ADDED, key, what, come.get(key, []))
    for was, now in both.moved.items():
        yield from _category(old[was], new[now])


def _level_of(key: str) -> str:
    return key.partition(".")[0]


def _by_category(events: Iterable[Event]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for event in events:
        found.setdefault(_category_of(event.key), []).append(event.key)
    return found


def _category_renamed(both: CatalogPair, old: Category, new: Category) -> CatalogChange:
    what = f"the category {shown(old.title)} is gone, and its events are now in {new.key}"
    keys = [each.key for each in (both.renamed.get(event.key) for event in old.events) if each]
    return CatalogChange(
        rules.CATEGORY_RENAMED, old.key, what, Subject(new.key), old.key, new.key, tuple(keys)
    )


def _category(old: Category, new: Category) -> Changes:
    yield from _facts(_CATEGORY_FACTS, new.key, old, new)
    if common_order_differs((event.name for event in old.events), (event.name for event in new.events)):
        yield _reordered("events", new.key, Subject(new.key, None, ("events",)))


# --- events ---------------------------------------------------------------------------------------------


def _events(both: CatalogPair) -> Changes:
    yield from _lost(both)
    for event in both.come:
        category = _category_of(event.key)
        if category in both.categories[0] or category in both.moved.values():
            what = f"the event {shown(event.title)} is new"
            yield _of_event(rules.EVENT_ADDED, event.key, what, event.key, (), None, event.title)
    for key, old in both.events[0].items():
        present = both.events[1].get(key) or both.renamed.get(key)
        if present:
            yield from _dropped_aliases(old, present)
    for old, new in both.stayed:
        if old != new:
            yield from _event(both, old, new)


def _lost(both: CatalogPair) -> Changes:
    """Events whose keys are gone, but for those that went with their category or level."""
    for key, event in both.renamed.items():
        if not _went_along(both, key, event.key):
            yield _renamed(both.events[0][key], event)
    for key, event in both.likely.items():
        what = f"the event {shown(both.events[0][key].title)} is gone, and {event.key} is likely the same"
        rule = rules.EVENT_RENAMED_WITHOUT_ALIAS
        yield _of_event(rule, key, what, event.key, (), key, event.key)
    for event in both.gone:
        category = _category_of(event.key)
        if category in both.categories[1] or category in both.moved:
            what = f"the event {shown(event.title)} is gone"
            yield CatalogChange(
                rules.EVENT_REMOVED, event.key, what, Subject(category), event.title, None, (event.key,)
            )


def _went_along(both: CatalogPair, was: str, now: str) -> bool:
    """Whether the event is where its renamed category is, under its own name."""
    category, _, name = was.rpartition(".")
    return both.moved.get(category) is not None and now == f"{both.moved[category]}.{name}"


def _renamed(old: Event, new: Event) -> CatalogChange:
    if _category_of(old.key) == _category_of(new.key):
        rule, what = rules.EVENT_RENAMED, f"the event {shown(old.title)} is now {new.key}"
    else:
        rule, what = rules.EVENT_MOVED, f"the event {shown(old.title)} was moved to {new.key}"
    return _of_event(rule, old.key, what, new.key, (), old.key, new.key)


def _event(both: CatalogPair, old: Event, new: Event) -> Changes:
    yield from _facts(_EVENT_FACTS, new.key, old, new, (new.key,))
    if old.example != new.example:
        yield _of_event(rules.EXAMPLE_CHANGED, new.key, "the example is another one", new.key, ("example",))
    lifecycle = (rules.EVENT_DEPRECATED, rules.EVENT_UNDEPRECATED, rules.EVENT_LIFECYCLE_CHANGED)
    for rule, attribute, what, was, now in compare_lifecycle(lifecycle, old, new):
        yield _of_event(rule, new.key, what, new.key, (attribute,), was, now)
    yield from _added_aliases(both, old, new)
    names = ([field.name for field in event.fields] for event in (old, new))
    if common_order_differs(*names):
        what = "its fields are in another order"
        yield _of_event(rules.FIELD_ORDER_CHANGED, new.key, what, new.key)


def _dropped_aliases(old: Event, new: Event) -> Changes:
    for alias in old.aliases:
        if alias not in new.aliases and alias != new.key:
            what = f"the alias {alias} is gone"
            yield _of_event(rules.ALIAS_DROPPED, new.key, what, new.key, ("aliases",), alias)


def _added_aliases(both: CatalogPair, old: Event, new: Event) -> Changes:
    for alias in new.aliases:
        if alias not in old.aliases and alias not in both.events[0]:
            what = f"the alias {alias} is new"
            yield _of_event(rules.ALIAS_ADDED, new.key, what, new.key, ("aliases",), None, alias)
    if common_order_differs(old.aliases, new.aliases):
        what = "its aliases are in another order"
        yield _of_event(rules.ORDER_CHANGED, new.key, what, new.key, ("aliases",))


# --- fields ---------------------------------------------------------------------------------------------


def _fields(both: CatalogPair) -> Changes:
    return field_changes(list(both.stayed))


def _columns(both: CatalogPair) -> Changes:
    was, now = ({field.name: field for field in each.columns} for each in (both.old, both.new))
    if was.keys() == now.keys():
        return
    known = [{field.name for event in each.events for field in event.fields} for each in (both.old, both.new)]
    for name, field in now.items():
        if name not in was:
            rule = rules.COLUMN_MOVED if name in known[0] else rules.COLUMN_ADDED
            what = f"{shown(field.title)} has a column of its own now"
            yield _column(rule, field, what, False, True)
    for name, field in was.items():
        if name not in now:
            what = f"{shown(field.title)} no longer has a column of its own"
            yield _column(rules.COLUMN_REMOVED, field, what, True, False)


def _column(rule: ChangeRule, field: Field, what: str, old: bool, new: bool) -> CatalogChange:
    return CatalogChange(rule, field.name, what, Subject("", field.name, ("column",)), old, new)


def _sharing(both: CatalogPair, reached: set[str]) -> Changes:
    """Levels and categories that give their fields otherwise, where no change of an event says it already."""
    owners: list[tuple[str, Level | Category, Level | Category, Iterable[Event]]] = [
        (key, both.categories[0][key], category, category.events)
        for key, category in both.categories[1].items()
        if key in both.categories[0]
    ]
    owners += [
        (name, both.levels[0][name], level, (event for each in level.categories for event in each.events))
        for name, level in both.levels[1].items()
        if name in both.levels[0]
    ]
    for key, old, new, events in owners:
        if old.metadata != new.metadata and not any(event.key in reached for event in events):
            what = "the fields of its events are declared elsewhere"
            yield CatalogChange(rules.SHARING_CHANGED, key, what, Subject(key, None, ("metadata",)))


# --- changes in words -----------------------------------------------------------------------------------

_LEVEL_FACTS = (("title", rules.LEVEL_TITLE_CHANGED), ("description", rules.LEVEL_DESCRIPTION_CHANGED))
_CATEGORY_FACTS = (
    ("title", rules.CATEGORY_TITLE_CHANGED),
    ("description", rules.CATEGORY_DESCRIPTION_CHANGED),
)
_EVENT_FACTS = (
    ("title", rules.EVENT_TITLE_CHANGED),
    ("description", rules.EVENT_DESCRIPTION_CHANGED),
    ("message", rules.MESSAGE_CHANGED),
)


def _facts(
    rows: Iterable[tuple[str, ChangeRule]],
    key: str,
    old: object,
    new: object,
    events: tuple[str, ...] = (),
) -> Changes:
    """The changes of the attributes in the rows."""
    for name, rule in rows:
        if getattr(old, name) != getattr(new, name):
            yield _was(rule, key, Subject(key, None, (name,)), old, new, name, events)


def _was(
    rule: ChangeRule,
    key: str,
    subject: Subject,
    old: object,
    new: object,
    name: str,
    events: tuple[str, ...] = (),
) -> CatalogChange:
    was, now = getattr(old, name), getattr(new, name)
    what = f"the {name} was {shown(was)}, and is {shown(now)}"
    return CatalogChange(rule, key, what, subject, was, now, events)


def _whole(rule: ChangeRule, key: str, what: str, events: list[str]) -> CatalogChange:
    """A change of a level or a category, with the events that came or went with it."""
    held = f", with {listed_events(events)}" if events else ""
    return CatalogChange(rule, key, f"{what}{held}", Subject(key), None, None, tuple(events))


def _reordered(what: str, key: str, subject: Subject) -> CatalogChange:
    return CatalogChange(rules.ORDER_CHANGED, key, f"its {what} are in another order", subject)


def _of_event(
    rule: ChangeRule,
    key: str,
    what: str,
    position: str,
    attribute: tuple[str, ...] = (),
    old: Fact = None,
    new: Fact = None,
) -> CatalogChange:
    """A change of an event, which the newer catalog has at `place`."""
    return CatalogChange(rule, key, what, Subject(position, None, attribute), old, new, (position,))


_PARTS: tuple[Callable[[CatalogPair], Changes], ...] = (
    _catalog,
    _levels,
    _categories,
    _events,
    _fields,
    _columns,
)
