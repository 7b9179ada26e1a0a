"""The changes of annotations and of their keys. They break nobody: entries have no annotations.

An event is compared by the values that it has with the inherited ones. What it inherits is one change of its
category or of the catalog.
"""

import json
from collections.abc import Iterator, Set

from auditwright_generator.diff import rules
from auditwright_generator.diff.change import CatalogChange, Fact, Subject, bare, shown
from auditwright_generator.diff.rules import ChangeRule
from auditwright_generator.model import AnnotationKey, Annotations, Catalog, Category, Event, Value


def compare_keys(old: Catalog, new: Catalog) -> Iterator[CatalogChange]:
    """The changes of the declared keys."""
    was, now = ({key.name: key for key in each.annotation_keys} for each in (old, new))
    for name, key in was.items():
        if name not in now:
            what = f"the annotation key {shown(key.title)} was removed"
            yield _of_key(rules.ANNOTATION_KEY_REMOVED, name, what)
    for name, key in now.items():
        if name not in was:
            what = f"the annotation key {shown(key.title)}, {key.type}, was added"
            yield _of_key(rules.ANNOTATION_KEY_ADDED, name, what)
        elif key != was[name]:
            yield from _key(was[name], key)


def _of_key(rule: ChangeRule, name: str, what: str) -> CatalogChange:
    return CatalogChange(rule, name, what, Subject("", None, ("annotation_keys", name)))


def _key(old: AnnotationKey, new: AnnotationKey) -> Iterator[CatalogChange]:
    for attribute in ("title", "type", "description", "values", "for", "required"):
        was, now = (_attribute(key, attribute) for key in (old, new))
        if was != now:
            what = f"its {attribute} changed from {shown(was)} to {shown(now)}"
            subject = Subject("", None, ("annotation_keys", new.name, attribute))
            yield CatalogChange(rules.ANNOTATION_KEY_CHANGED, new.name, what, subject, was, now)


def _attribute(key: AnnotationKey, name: str) -> Fact:
    if name == "values":
        return ", ".join(f"{value.key}: {value.title}" for value in key.values) or None
    fact: Fact = ", ".join(key.for_) if name == "for" else getattr(key, name)
    return None if fact == "" else fact


def compare_owner(
    key: str, old: Annotations, new: Annotations, events: tuple[str, ...] = ()
) -> Iterator[CatalogChange]:
    """The changes of the annotations of a category or an event; the key is "" for the catalog."""
    for rule, name, what, was, now in compare_values(old, new):
        subject = Subject(key, None, ("annotations", name))
        yield CatalogChange(rule, key or "catalog", what, subject, was, now, events)


def compare_event(
    old: tuple[Catalog, Category, Event], new: tuple[Catalog, Category, Event]
) -> Iterator[CatalogChange]:
    """The changes of what an event says itself, as far as they change what it has."""
    own = _changed(old[2].annotations, new[2].annotations)
    if own:
        was, now = (_only(each[0].annotations_of(*each[1:]), own) for each in (old, new))
        yield from compare_owner(new[2].key, was, now, (new[2].key,))


def _changed(old: Annotations, new: Annotations) -> Set[str]:
    return {name for name in {*old, *new} if old.get(name) != new.get(name)}


def _only(annotations: Annotations, names: Set[str]) -> Annotations:
    return {name: value for name, value in annotations.items() if name in names}


def compare_values(old: Annotations, new: Annotations) -> Iterator[tuple[ChangeRule, str, str, Fact, Fact]]:
    """Rule, name, words, old and new value of each annotation that was added, removed or changed."""
    for name, value in old.items():
        was = _fact(value)
        if name not in new:
            what = f"the annotation {name}, {shown(was)}, was removed"
            yield rules.ANNOTATION_REMOVED, name, what, was, None
        elif new[name] != value:
            now = _fact(new[name])
            what = f"the annotation {name} was {shown(was)} and is now {shown(now)}"
            yield rules.ANNOTATION_CHANGED, name, what, was, now
    for name, value in new.items():
        if name not in old:
            now = _fact(value)
            yield rules.ANNOTATION_ADDED, name, f"the annotation {name}, {shown(now)}, was added", None, now


def _fact(value: Value) -> Fact:
    if isinstance(value, list):
        return ", ".join(bare(_fact(item)) for item in value)
    return json.dumps(value) if isinstance(value, dict) else value
