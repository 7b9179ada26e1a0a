"""`CatalogSource` -> `model.Catalog`: every event gets its complete list of fields.

The checks also use `stack_uses` and `resolve_fields`, which therefore skip invalid nodes; `resolve_catalog`
needs a catalog without errors. Results that many events share are cached.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal, cast

from auditwright_generator.model import (
    OUTCOME,
    OUTCOMES,
    AnnotationKey,
    AnnotationOwner,
    Annotations,
    Catalog,
    Category,
    Condition,
    Deprecated,
    EnumValue,
    Event,
    Field,
    Level,
    SharedField,
    Value,
)
from auditwright_generator.source.catalog_source import (
    CatalogSource,
    CategorySource,
    EventSource,
    FieldSource,
    FieldUse,
    LevelSource,
)
from auditwright_generator.source.structure import ANNOTATION_OWNERS, LIMITS
from auditwright_generator.source.yaml_nodes import Node

FieldUses = tuple[FieldUse, ...]


def resolve_catalog(source: CatalogSource) -> Catalog:
    """The resolved catalog. The source must have no errors."""
    return Catalog(
        package=source.node.string("package"),
        distribution=source.node.string("distribution"),
        title=source.node.string("title"),
        description=source.node.string("description").strip(),
        version=source.node.string("version"),
        levels=tuple(_level(source, level) for level in source.levels) or (_without_name(source),),
        folder=source.folder,
        annotation_keys=tuple(resolve_annotation_keys(source.node)),
        annotations=_annotations(source.node),
    )


def _level(source: CatalogSource, level: LevelSource) -> Level:
    return Level(
        name=level.name,
        title=level.node.string("title"),
        description=level.node.string("description").strip(),
        metadata=tuple(_shared(source, use) for use in level.uses),
        categories=_categories(source, level.name),
    )


def _without_name(source: CatalogSource) -> Level:
    """The level of a catalog without levels."""
    return Level(name="", title="", description="", metadata=(), categories=_categories(source, ""))


def _categories(source: CatalogSource, level: str) -> tuple[Category, ...]:
    own = (category for category in source.categories if category.level == level)
    return tuple(_category(source, category) for category in sorted(own, key=_position))


def resolve_annotation_keys(catalog: Node) -> Iterator[AnnotationKey]:
    """The annotation keys that catalog.yaml declares."""
    declared = catalog.get("annotation_keys")
    for name, node in declared.entries.items() if declared else ():
        kind, owners, required = node.string("type"), node.get("for"), node.get("required")
        yield AnnotationKey(
            name=name,
            title=node.string("title"),
            kind=kind.removeprefix("list of "),
            many=kind.startswith("list of "),
            description=node.string("description").strip(),
            for_=tuple(cast(AnnotationOwner, owner) for owner in ANNOTATION_OWNERS if _lists(owners, owner)),
            required=bool(required and required.scalar),
            values=tuple(_enum_values(node)),
        )


def _lists(names: Node | None, name: str) -> bool:
    """Whether the list has the name; a list that is not there has every name."""
    return names is None or any(item.scalar == name for item in names.items)


def _annotations(owner: Node) -> Annotations:
    """The annotations of an owner as they are written."""
    given = owner.get("annotations")
    return {name: node.plain for name, node in given.entries.items()} if given else {}


def _position(category: CategorySource) -> tuple[int, str]:
    """Sort key: by `order`, then categories without `order` by name."""
    order = category.node.get("order")
    return (int(order.scalar) if order else sys.maxsize, category.name)


def _category(source: CatalogSource, category: CategorySource) -> Category:
    return Category(
        key=category.key,
        name=category.name,
        title=category.node.string("title"),
        description=category.node.string("description").strip(),
        metadata=tuple(_shared(source, use) for use in category.uses),
        events=tuple(_event(source, category, event) for event in category.events),
        source=category.source,
        annotations=_annotations(category.node),
    )


def _shared(source: CatalogSource, use: FieldUse) -> SharedField:
    title = use.node.string("title") or source.fields[use.field].node.string("title")
    return SharedField(field=use.field, title=title, only=use.names("only"), except_=use.names("except"))


def _event(source: CatalogSource, category: CategorySource, event: EventSource) -> Event:
    fields = {name: field for name, field in resolve_fields(source, category, event).items() if field}
    example = event.node.get("example")
    aliases = event.node.get("aliases")
    return Event(
        key=event.key,
        name=event.name,
        title=event.node.string("title"),
        description=event.node.string("description").strip(),
        message=event.node.string("message"),
        fields=tuple(fields.values()),
        example={
            name: _example_value(fields[name], node)
            for name, node in (example.entries if example else {}).items()
        },
        source=category.source,
        since=event.node.string("since") or None,
        deprecated=_deprecated(event.node),
        aliases=tuple(str(alias.scalar) for alias in aliases.items) if aliases else (),
        annotations=_annotations(event.node),
        failure_message=event.node.string("failure_message"),
    )


def _example_value(field: Field, node: Node) -> Value:
    """The value with names of the catalog: 1.0 of an integer field and "1" of a bigint become 1."""

    def item(value: Any) -> Any:
        return int(value) if field.kind in ("integer", "bigint") and value is not None else value

    plain = node.plain
    if field.change:
        return {side: item(value) for side, value in plain.items()}
    return [item(part) for part in plain] if field.many else cast(Value, item(plain))


def resolve_fields(
    source: CatalogSource, category: CategorySource, event: EventSource
) -> dict[str, Field | None]:
    """The fields of an event by name, in order; None for a field whose definition or use has a finding."""
    memo = source.memo
    fields: dict[str, Field | None] | None = memo.get(("fields", event.key))
    if fields is None:
        uses = source.uses_of(category, event)
        fields = {name: _resolve_field(source, name, stack) for name, stack in uses.items()}
        memo["fields", event.key] = fields
    return fields


def _resolve_field(source: CatalogSource, name: str, uses: FieldUses) -> Field | None:
    """The field, cached for all events that have it by the same uses."""
    key = ("field", id(uses))
    if key not in source.memo:
        definition = source.fields.get(name)
        nodes = [use.node for use in uses] + ([definition.node] if definition else [])
        sound = not any(node.invalid or node.covers(source.findings_at) for node in nodes)
        known = definition if definition and definition.node.string("type") else None
        source.memo[key] = stack_uses(source, known, uses)[-1] if known and sound else None
    field: Field | None = source.memo[key]
    return field


def stack_uses(source: CatalogSource, definition: FieldSource, uses: FieldUses) -> tuple[Field, ...]:
    """The field before each use, outermost first, and finally with all uses applied."""
    key = ("stack", id(uses))
    if key not in source.memo:
        fields = [define_field(definition, uses)]
        for use in uses:
            fields.append(apply_use(fields[-1], use))
        source.memo[key] = tuple(fields)
    stack: tuple[Field, ...] = source.memo[key]
    return stack


def define_field(definition: FieldSource, uses: FieldUses) -> Field:
    """The field as defined in fields.yaml."""
    node = definition.node
    type_ = node.string("type")
    column = node.get("column")
    return Field(
        name=definition.name,
        title=node.string("title"),
        description=node.string("description").strip(),
        kind=kind_of(type_),
        many=type_.startswith("list of "),
        change=type_.startswith("change of "),
        required=True,
        when=(),
        declared_in=uses[0].declared_in if uses else "event",
        stored_as=node.string("stored_as") if node.string("stored_as") != definition.name else "",
        values=tuple(_enum_values(node)),
        unit=node.string("unit") or None,
        sensitivity=cast(Literal["public", "personal", "secret"], node.string("sensitivity") or "public"),
        entry=cast(Literal["actor_id", "actor_name", "ip_address"] | None, node.string("entry") or None),
        column=bool(column and column.scalar),
        target=node.string("target"),
        since=node.string("since") or None,
        deprecated=_deprecated(node),
        annotations=_annotations(node),
        **_limits(node),
    )


def kind_of(type_: str) -> str:
    """The type of a single value: `string` for `string`, `list of string` and `change of string`."""
    return type_.removeprefix("list of ").removeprefix("change of ")


def _enum_values(owner: Node) -> Iterator[EnumValue]:
    """The values of an enum, each written as its title or as a mapping."""
    values = owner.get("values")
    for key, node in values.entries.items() if values else ():
        if not isinstance(node.value, dict):
            yield EnumValue(key, str(node.scalar))
            continue
        stored = node.get("stored_as")
        value = None if stored is None or stored.scalar == key else _number(stored.scalar)
        yield EnumValue(key, node.string("title"), cast("str | int | None", value))


def apply_use(field: Field, use: FieldUse) -> Field:
    """The field with the use applied."""
    node = use.node
    if not node.entries:
        return field
    changes: dict[str, Any] = _limits(node)
    if node.string("title"):
        changes["title"] = node.string("title")
    if node.string("description"):
        changes["description"] = node.string("description").strip()
    if when := node.get("when"):
        changes["outcome"], changes["when"] = outcome_of(when), conditions(when)
        changes["required"] = True
    if required := node.get("required"):
        changes["required"] = required.scalar
    if node.get("values"):
        kept = use.names("values")
        changes["values"] = tuple(value for value in field.values if value.key in kept)
    return replace(field, **changes)


def conditions(when: Node) -> tuple[Condition, ...]:
    """The conditions of a `when` on other fields."""
    return tuple(
        Condition(name, tuple(item.scalar for item in node.items) or (node.scalar,))
        for name, node in when.entries.items()
        if name != OUTCOME
    )


def outcome_of(when: Node) -> str:
    """The outcome that a `when` asks for; empty if it may be either."""
    node = when.entries.get(OUTCOME)
    named = {item.scalar for item in node.items or (node,)} if node else set()
    return next((each for each in OUTCOMES if named == {each}), "")


def _limits(node: Node) -> dict[str, Any]:
    given = {name: limit.scalar for name in node.entries if name in LIMITS and (limit := node.get(name))}
    return {name: _number(value) for name, value in given.items()}


def _number(value: str | int | float | bool) -> str | int | float | bool:
    """2.0 becomes 2, so that a limit reads the same however it is written."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _deprecated(node: Node) -> Deprecated | None:
    deprecated = node.get("deprecated")
    if deprecated is None:
        return None
    return Deprecated(
        since=deprecated.string("since"),
        use=deprecated.string("use") or None,
        note=deprecated.string("note").strip() or None,
    )
