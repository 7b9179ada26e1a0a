"""Two catalogs -> the list of changes, each with its rule.

A pure function of two resolved catalogs: it reads no files and knows no positions. Catalogs without changes
are equal except for versions, source files and where a field is declared.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from auditwright_generator.diff import rules
from auditwright_generator.diff.annotations import compare_event, compare_keys, compare_owner
from auditwright_generator.diff.change import CatalogChange, Fact, Subject, listed_events, shown
from auditwright_generator.diff.fields import compare_lifecycle
from auditwright_generator.diff.grouping import field_changes
from auditwright_generator.diff.renames import common_order_differs, likely_events
from auditwright_generator.diff.rules import ChangeRule
from auditwright_generator.model import Catalog, Category, Event, Field, Level

Changes = Iterator[CatalogChange]


@dataclass(frozen=True, slots=True)
class CatalogPair:
    """Two catalogs indexed by key, and how their events correspond."""

    old: Catalog
    new: Catalog
    events: tuple[dict[str, Event], dict[str, Event]]
    categories: tuple[dict[str, Category], dict[str, Category]]
    levels: tuple[dict[str, Level], dict[str, Level]]
    renamed: dict[str, Event]
    """By former key: the event that has it as an alias."""
    likely: dict[str, Event]
    """By former key: the event that is probably the same, but has no alias."""
    moved: dict[str, str]
    """By former key: the new key of a renamed category."""

    @property
    def removed(self) -> Iterator[Event]:
        """The older events that have no counterpart."""
        old, new = self.events
        known = new.keys() | self.renamed.keys() | self.likely.keys()
        return (event for key, event in old.items() if key not in known)

    @property
    def added(self) -> Iterator[Event]:
        """The newer events that have no counterpart."""
        old, new = self.events
        known = old.keys() | {event.key for event in (*self.renamed.values(), *self.likely.values())}
        return (event for key, event in new.items() if key not in known)

    @property
    def kept(self) -> Iterator[tuple[Event, Event]]:
        """Each older event with its newer version, by key or alias.

        If several events became one, only the one with the same key, or else the first.
        """
        old, new = self.events
        present = {key: key for key in new if key in old}
        for key, event in self.renamed.items():
            present.setdefault(event.key, key)
        return ((old[was], new[now]) for now, was in present.items())


def compare(old: Catalog, new: Catalog) -> list[CatalogChange]:
    """Every change from the older catalog to the newer one."""
    pair = _match(old, new)
    changes = [change for part in _PARTS for change in part(pair)]
    return changes + list(_declarations(pair, {key for change in changes for key in change.events}))


# --- correspondence -------------------------------------------------------------------------------------


def _match(old: Catalog, new: Catalog) -> CatalogPair:
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
    """Removed categories of which at least half of the events are now in a new category."""
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


def _catalog(pair: CatalogPair) -> Changes:
    old, new = pair.old, pair.new
    if old.package != new.package:
        yield _was(rules.PACKAGE_RENAMED, "package", Subject("", None, ("package",)), old, new, "package")
    elif old.distribution != new.distribution:
        subject = Subject("", None, ("distribution",))
        yield _was(rules.DISTRIBUTION_RENAMED, "distribution", subject, old, new, "distribution")
    for name in ("title", "description"):
        if getattr(old, name) != getattr(new, name):
            yield _was(rules.CATALOG_TEXT_CHANGED, "catalog", Subject("", None, (name,)), old, new, name)
    if common_order_differs(*pair.levels):
        yield _reordered("levels", "catalog", Subject("", None, ("levels",)))


def _levels(pair: CatalogPair) -> Changes:
    old, new = pair.levels
    for name, level in old.items():
        if name and name not in new:
            events = [event.key for event in pair.removed if event.key.startswith(f"{name}.")]
            yield _whole(rules.LEVEL_REMOVED, name, f"the level {shown(level.title)} was removed", events)
    for name, level in new.items():
        if name and name not in old:
            events = [event.key for event in pair.added if event.key.startswith(f"{name}.")]
            yield _whole(rules.LEVEL_ADDED, name, f"the level {shown(level.title)} was added", events)
        elif name in old:
            yield from _facts(_LEVEL_FACTS, name, old[name], level)
            keys = ([category.key for category in each.categories] for each in (old[name], level))
            if common_order_differs(*keys):
                yield _reordered("categories", name or "catalog", Subject(name))


def _categories(pair: CatalogPair) -> Changes:
    old, new = pair.categories
    removed, added = _by_category(pair.removed), _by_category(pair.added)
    for key, category in old.items():
        if key in pair.moved:
            yield _category_renamed(pair, category, new[pair.moved[key]])
        elif key not in new and pair.old.level_of(key) in ("", *pair.levels[1]):
            what = f"the category {shown(category.title)} was removed"
            yield _whole(rules.CATEGORY_REMOVED, key, what, removed.get(key, []))
    for key, category in new.items():
        if key in old:
            yield from _category(old[key], category)
        elif key not in pair.moved.values() and pair.new.level_of(key) in ("", *pair.levels[0]):
            what = f"the category {shown(category.title)} was added"
            yield _whole(rules.CATEGORY_ADDED, key, what, added.get(key, []))
    for was, now in pair.moved.items():
        yield from _category(old[was], new[now])


def _by_category(events: Iterable[Event]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for event in events:
        found.setdefault(_category_of(event.key), []).append(event.key)
    return found


def _category_renamed(pair: CatalogPair, old: Category, new: Category) -> CatalogChange:
    what = f"the category {shown(old.title)} was removed, and its events are now in {new.key}"
    keys = [each.key for each in (pair.renamed.get(event.key) for event in old.events) if each]
    return CatalogChange(
        rules.CATEGORY_RENAMED, old.key, what, Subject(new.key), old.key, new.key, tuple(keys)
    )


def _category(old: Category, new: Category) -> Changes:
    yield from _facts(_CATEGORY_FACTS, new.key, old, new)
    if common_order_differs((event.name for event in old.events), (event.name for event in new.events)):
        yield _reordered("events", new.key, Subject(new.key, None, ("events",)))


# --- events ---------------------------------------------------------------------------------------------


def _events(pair: CatalogPair) -> Changes:
    yield from _lost(pair)
    for event in pair.added:
        category = _category_of(event.key)
        if category in pair.categories[0] or category in pair.moved.values():
            what = f"the event {shown(event.title)} was added"
            yield _of_event(rules.EVENT_ADDED, event.key, what, event.key, (), None, event.title)
    for key, old in pair.events[0].items():
        present = pair.events[1].get(key) or pair.renamed.get(key)
        if present:
            yield from _dropped_aliases(old, present)
    for old, new in pair.kept:
        if old != new:
            yield from _event(pair, old, new)


def _lost(pair: CatalogPair) -> Changes:
    """Events whose keys are gone, except those that went with their category or level."""
    for key, event in pair.renamed.items():
        if not _went_along(pair, key, event.key):
            yield _renamed(pair.events[0][key], event)
    for key, event in pair.likely.items():
        what = (
            f"the event {shown(pair.events[0][key].title)} was removed, and {event.key} is probably the same"
        )
        rule = rules.EVENT_RENAMED_WITHOUT_ALIAS
        yield _of_event(rule, key, what, event.key, (), key, event.key)
    for event in pair.removed:
        category = _category_of(event.key)
        if category in pair.categories[1] or category in pair.moved:
            what = f"the event {shown(event.title)} was removed"
            yield CatalogChange(
                rules.EVENT_REMOVED, event.key, what, Subject(category), event.title, None, (event.key,)
            )


def _went_along(pair: CatalogPair, was: str, now: str) -> bool:
    """Whether the event only moved with its renamed category."""
    category, _, name = was.rpartition(".")
    return pair.moved.get(category) is not None and now == f"{pair.moved[category]}.{name}"


def _renamed(old: Event, new: Event) -> CatalogChange:
    if _category_of(old.key) == _category_of(new.key):
        rule, what = rules.EVENT_RENAMED, f"the event {shown(old.title)} is now {new.key}"
    else:
        rule, what = rules.EVENT_MOVED, f"the event {shown(old.title)} was moved to {new.key}"
    return _of_event(rule, old.key, what, new.key, (), old.key, new.key)


def _event(pair: CatalogPair, old: Event, new: Event) -> Changes:
    yield from _facts(_EVENT_FACTS, new.key, old, new, (new.key,))
    yield from _failure_message(old, new)
    if old.example != new.example:
        yield _of_event(rules.EXAMPLE_CHANGED, new.key, "the example has changed", new.key, ("example",))
    lifecycle = (rules.EVENT_DEPRECATED, rules.EVENT_UNDEPRECATED, rules.EVENT_LIFECYCLE_CHANGED)
    for rule, attribute, what, was, now in compare_lifecycle(lifecycle, old, new):
        yield _of_event(rule, new.key, what, new.key, (attribute,), was, now)
    yield from _added_aliases(pair, old, new)
    names = ([field.name for field in event.fields] for event in (old, new))
    if common_order_differs(*names):
        what = "its fields are in a different order"
        yield _of_event(rules.FIELD_ORDER_CHANGED, new.key, what, new.key)


def _failure_message(old: Event, new: Event) -> Changes:
    was, now = old.failure_message or None, new.failure_message or None
    if was == now:
        return
    if was is None:
        rule, what = rules.FAILURE_MESSAGE_ADDED, f"it can fail, with the failure message {shown(now)}"
    elif now is None:
        rule, what = rules.FAILURE_MESSAGE_REMOVED, "it can no longer fail"
    else:
        rule, what = (
            rules.FAILURE_MESSAGE_CHANGED,
            f"the failure message was {shown(was)} and is now {shown(now)}",
        )
    yield _of_event(rule, new.key, what, new.key, ("failure_message",), was, now)


def _dropped_aliases(old: Event, new: Event) -> Changes:
    for alias in old.aliases:
        if alias not in new.aliases and alias != new.key:
            what = f"the alias {alias} was removed"
            yield _of_event(rules.ALIAS_DROPPED, new.key, what, new.key, ("aliases",), alias)


def _added_aliases(pair: CatalogPair, old: Event, new: Event) -> Changes:
    for alias in new.aliases:
        if alias not in old.aliases and alias not in pair.events[0]:
            what = f"the alias {alias} was added"
            yield _of_event(rules.ALIAS_ADDED, new.key, what, new.key, ("aliases",), None, alias)
    if common_order_differs(old.aliases, new.aliases):
        what = "its aliases are in a different order"
        yield _of_event(rules.ORDER_CHANGED, new.key, what, new.key, ("aliases",))


# --- fields ---------------------------------------------------------------------------------------------


def _fields(pair: CatalogPair) -> Changes:
    return field_changes(list(pair.kept), pair.new.level_of)


def _columns(pair: CatalogPair) -> Changes:
    was, now = ({field.name: field for field in each.columns} for each in (pair.old, pair.new))
    if was.keys() == now.keys():
        return
    known = [{field.name for event in each.events for field in event.fields} for each in (pair.old, pair.new)]
    for name, field in now.items():
        if name not in was:
            rule = rules.COLUMN_MOVED if name in known[0] else rules.COLUMN_ADDED
            what = f"{shown(field.title)} now has a separate column"
            yield _column(rule, field, what, False, True)
    for name, field in was.items():
        if name not in now:
            what = f"{shown(field.title)} no longer has a separate column"
            yield _column(rules.COLUMN_REMOVED, field, what, True, False)


def _column(rule: ChangeRule, field: Field, what: str, old: bool, new: bool) -> CatalogChange:
    return CatalogChange(rule, field.name, what, Subject("", field.name, ("column",)), old, new)


def _declarations(pair: CatalogPair, reached: set[str]) -> Changes:
    """Levels and categories whose `metadata` changed without a change to any of their events."""
    owners: list[tuple[str, Level | Category, Level | Category, Iterable[Event]]] = [
        (key, pair.categories[0][key], category, category.events)
        for key, category in pair.categories[1].items()
        if key in pair.categories[0]
    ]
    owners += [
        (name, pair.levels[0][name], level, (event for each in level.categories for event in each.events))
        for name, level in pair.levels[1].items()
        if name in pair.levels[0]
    ]
    for key, old, new, events in owners:
        if old.metadata != new.metadata and not any(event.key in reached for event in events):
            what = "the fields of its events are declared elsewhere"
            yield CatalogChange(rules.DECLARATION_CHANGED, key, what, Subject(key, None, ("metadata",)))


# --- annotations ----------------------------------------------------------------------------------------


def _annotations(pair: CatalogPair) -> Changes:
    yield from compare_keys(pair.old, pair.new)
    yield from compare_owner("", pair.old.annotations, pair.new.annotations)
    old, new = pair.categories
    former = {now: was for was, now in pair.moved.items()}
    for key, category in new.items():
        if was := old.get(former.get(key, key)):
            yield from compare_owner(key, was.annotations, category.annotations)
    for event, kept in pair.kept:
        yield from compare_event(
            (pair.old, old[_category_of(event.key)], event), (pair.new, new[_category_of(kept.key)], kept)
        )


# --- making changes -----------------------------------------------------------------------------------

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
    """The changed attributes among the rows."""
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
    what = f"the {name} was {shown(was)} and is now {shown(now)}"
    return CatalogChange(rule, key, what, subject, was, now, events)


def _whole(rule: ChangeRule, key: str, what: str, events: list[str]) -> CatalogChange:
    """A change of a level or a category, with the events that were added or removed with it."""
    held = f", with {listed_events(events)}" if events else ""
    return CatalogChange(rule, key, f"{what}{held}", Subject(key), None, None, tuple(events))


def _reordered(what: str, key: str, subject: Subject) -> CatalogChange:
    return CatalogChange(rules.ORDER_CHANGED, key, f"its {what} are in a different order", subject)


def _of_event(
    rule: ChangeRule,
    key: str,
    what: str,
    owner: str,
    attribute: tuple[str, ...] = (),
    old: Fact = None,
    new: Fact = None,
) -> CatalogChange:
    """A change of an event; `owner` is its event or category in the newer catalog."""
    return CatalogChange(rule, key, what, Subject(owner, None, attribute), old, new, (owner,))


_PARTS: tuple[Callable[[CatalogPair], Changes], ...] = (
    _catalog,
    _levels,
    _categories,
    _events,
    _fields,
    _columns,
    _annotations,
)
