"""Checks of annotations: every value fits the key that catalog.yaml declares for it, and none is missing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from auditwright_generator.findings import Mistakes, hint_for, join_words, quote
from auditwright_generator.model import MAX_INTEGER, AnnotationKey, AnnotationOwner
from auditwright_generator.patterns import BY_KIND, matches
from auditwright_generator.source.catalog_source import CatalogSource
from auditwright_generator.source.resolve import resolve_annotation_keys
from auditwright_generator.source.yaml_nodes import INVALID, Node

_WANTED = {
    "string": "text",
    "integer": "a whole number of at most 2^53-1",
    "boolean": "true or false",
    "date": 'a date in quotes, such as "2027-01-31"',
    "url": "an http or https address without a password, such as https://example.com/runbook",
}
"""The expected value in words, by the type of a single value; an enum lists its values."""


@dataclass(frozen=True, slots=True)
class _Owner:
    """Something that can have annotations."""

    kind: AnnotationOwner
    key: str
    node: Node

    @property
    def name(self) -> str:
        """In words, such as `event shop.orders.order_placed`."""
        return f"{self.kind} {self.key}" if self.key else "the catalog"

    @property
    def values(self) -> dict[str, Node]:
        """Its own annotations by key, including invalid ones."""
        given = self.node.get("annotations")
        return given.entries if given else {}

    @property
    def is_known(self) -> bool:
        """Whether its annotations could be read."""
        unread = "annotations" in self.node.entries and self.node.get("annotations") is None
        return self.node.value is not INVALID and not unread


def _inherited(source: CatalogSource) -> Iterator[tuple[_Owner, tuple[_Owner, ...]]]:
    """Everything that can have annotations, each with the owners that it inherits from."""
    catalog = _Owner("catalog", "", source.node)
    yield catalog, ()
    for each in source.categories:
        category = _Owner("category", each.key, each.node)
        yield category, (catalog,)
        for event in each.events:
            yield _Owner("event", event.key, event.node), (category, catalog)
    for field in source.fields.values():
        yield _Owner("field", field.name, field.node), ()


def _annotated(source: CatalogSource) -> list[_Owner]:
    """Everything that has annotations."""
    memo = source.memo
    if "annotated" not in memo:
        memo["annotated"] = [owner for owner, _ in _inherited(source) if "annotations" in owner.node.entries]
    found: list[_Owner] = memo["annotated"]
    return found


def _declared(source: CatalogSource) -> dict[str, AnnotationKey]:
    """The keys by name, without those whose declaration has a finding."""
    nodes = source.node.get("annotation_keys")
    return {
        key.name: key
        for key in resolve_annotation_keys(source.node)
        if nodes and not nodes.entries[key.name].invalid and key.kind
    }


def check_annotations_are_declared(source: CatalogSource) -> Mistakes:
    """AC801: a misspelt key would be one more key."""
    declared = source.node.entries.get("annotation_keys")
    names = declared.entries if declared else {}
    for owner in _annotated(source):
        for name, value in owner.values.items():
            if name not in names:
                message = (
                    f"{owner.name} has the annotation {quote(name)}, which catalog.yaml does not declare"
                )
                write = f"write `annotation_keys: {{{name}: {{title: ..., type: string}}}}` there"
                yield value.key_position, f"{message}{hint_for(name, names, write)}"


def check_annotations_are_in_their_place(source: CatalogSource) -> Mistakes:
    """AC802: nobody looks for an annotation where its key is not meant to be."""
    declared = _declared(source)
    for owner in _annotated(source):
        for name, value in owner.values.items():
            key = declared.get(name)
            if key and owner.kind not in key.for_:
                message = f"{owner.name} has the annotation {name}, which is for {_listed(key.for_)}"
                yield value.key_position, f"{message}; move it, or add {owner.kind} to its `for`"


def _listed(kinds: tuple[AnnotationOwner, ...]) -> str:
    many = {"catalog": "the catalog", "category": "categories", "event": "events", "field": "fields"}
    words = [many[kind] for kind in kinds]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def check_annotations_fit_their_type(source: CatalogSource) -> Mistakes:
    """AC803: a tool that reads annotations relies on their types."""
    declared = _declared(source)
    for owner in _annotated(source):
        for name, value in owner.values.items():
            key = declared.get(name)
            has_values = key is not None and (key.kind != "enum" or bool(key.values))
            if key and has_values and not value.invalid:
                yield from _wrong_parts(owner, key, value)


def _wrong_parts(owner: _Owner, key: AnnotationKey, value: Node) -> Mistakes:
    head = f"{owner.name}: the annotation {key.name}"
    if key.many and not value.items:
        yield value.position, f"{head} must be a list, such as [{value.text}]; got {_got(value)}"
    elif value.items and not key.many:
        yield value.position, f"{head} must be {_wanted(key)}; got a list; write a single value"
    else:
        for part in value.items or (value,):
            if not _is_valid(key, part.scalar):
                thing = f"{owner.name}: each item of {key.name}" if key.many else head
                yield part.position, f"{thing} must be {_wanted(key)}; got {_got(part)}{_hint(key, part)}"


def _wanted(key: AnnotationKey) -> str:
    if key.kind == "enum":
        return f"one of {join_words(value.key for value in key.values)}"
    return _WANTED[key.kind]


def _got(node: Node) -> str:
    return quote(node.scalar) if isinstance(node.scalar, str) else node.text


def _hint(key: AnnotationKey, node: Node) -> str:
    if key.kind == "enum" and isinstance(node.scalar, str):
        hint = hint_for(node.scalar, [value.key for value in key.values])
        return hint if "did you mean" in hint else ""
    if key.kind == "string" and not isinstance(node.scalar, str):
        return f"; quote it: {quote(node.text)}"
    return ""


def _is_valid(key: AnnotationKey, value: object) -> bool:
    if key.kind == "boolean":
        return isinstance(value, bool)
    if key.kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_INTEGER
    if not isinstance(value, str) or not value.strip():
        return False
    if key.kind == "enum":
        return any(value == each.key for each in key.values)
    return key.kind not in BY_KIND or matches(BY_KIND[key.kind], value)


def check_annotations_are_not_missing(source: CatalogSource) -> Mistakes:
    """AC804: what everything must have says nothing if some lack it.

    It is reported once: at the outermost owner that may have it.
    """
    required = [key for key in _declared(source).values() if key.required]
    for owner, outer in _inherited(source) if required else ():
        for key in required:
            may_have = owner.kind in key.for_ and not any(each.kind in key.for_ for each in outer)
            if may_have and not any(key.name in each.values or not each.is_known for each in (owner, *outer)):
                position = owner.node.position if owner.kind == "catalog" else owner.node.key_position
                message = f"{owner.name} has no annotation {key.name}, which catalog.yaml requires"
                yield position, f"{message}; add `annotations: {{{key.name}: ...}}` with {_wanted_whole(key)}"


def _wanted_whole(key: AnnotationKey) -> str:
    return f"a list, each item {_wanted(key)}" if key.many else _wanted(key)


def check_annotation_keys_are_used(source: CatalogSource) -> Mistakes:
    """AC805: the inventory would have a column without values.

    A required key has a finding for what lacks it, and an unknown annotation may be a misspelt key.
    """
    declared = source.node.get("annotation_keys")
    owners = [owner for owner, _ in _inherited(source)] if declared else []
    used = {name for owner in owners for name in owner.values}
    is_whole = source.events_known and source.fields_known and all(owner.is_known for owner in owners)
    if declared and is_whole and used <= declared.entries.keys():
        for name, node in declared.entries.items():
            required = node.get("required")
            if name not in used and not (required and required.scalar):
                message = f"nothing has the annotation {name}; use it, or remove it from annotation_keys"
                yield node.key_position, message


def check_annotation_keys_say_their_values(source: CatalogSource) -> Mistakes:
    """AC806: without values nothing would fit an enum, and elsewhere they would be ignored."""
    declared = source.node.get("annotation_keys")
    for name, node in declared.entries.items() if declared else ():
        type_, values = node.string("type"), node.entries.get("values")
        if type_.endswith("enum") and values is None:
            message = f"annotation key {name} is an enum without values; add values: {{key: Title}}"
            yield node.key_position, message
        elif type_ and not type_.endswith("enum") and values is not None:
            message = f"annotation key {name} is of type {type_}, but values is for enum; remove it"
            yield values.key_position, message


def check_annotation_titles_differ(source: CatalogSource) -> Mistakes:
    """AC807: people see titles, in the columns of the inventory and in the docs."""
    declared = source.node.get("annotation_keys")
    keys = declared.entries if declared else {}
    yield from _repeated("annotation keys", {name: node.get("title") for name, node in keys.items()})
    for name, node in keys.items():
        values = node.get("values")
        if values:
            titles = {each: values.get(each) for each in values.entries}
            yield from _repeated(f"annotation key {name}: values", titles)


def _repeated(what: str, titles: Mapping[str, Node | None]) -> Mistakes:
    first: dict[str, str] = {}
    for name, node in titles.items():
        text = " ".join(str(node.scalar).split()).casefold() if node else ""
        if node and text in first:
            message = f"{what} {first[text]} and {name} have the title {quote(node.scalar)}"
            yield node.position, f"{message}; give one of them another title"
        first.setdefault(text, name)
