"""Checks of uses: that the fields exist, and that each use only narrows what stands outside of it."""

from collections.abc import Callable, Iterator
from operator import ge, le
from typing import Any

from auditwright_generator.checks.fields import RANGES
from auditwright_generator.findings import Mistakes, hint_for, join_words, quote
from auditwright_generator.model import Field
from auditwright_generator.source.catalog_source import CatalogSource, FieldUse
from auditwright_generator.source.resolve import apply_use, conditions, resolve_fields, stack_uses
from auditwright_generator.source.structure import is_name
from auditwright_generator.source.yaml_nodes import Node

_NARROWER: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "min": (ge, "or more"),
    "max": (le, "or less"),
    "min_length": (ge, "or more"),
    "max_length": (le, "or less"),
    "min_items": (ge, "or more"),
    "max_items": (le, "or less"),
}


def check_fields_exist(source: CatalogSource) -> Mistakes:
    """Every field is defined once, in fields.yaml."""
    if not source.fields_known:
        return
    for whose, use in source.all_uses:
        if use.field not in source.fields and is_name(use.field):
            hint = hint_for(use.field, source.fields, "define it in fields.yaml")
            yield use.node.key_position, f"{whose} uses {quote(use.field)}{hint}"


def check_uses_only_narrow(source: CatalogSource) -> Mistakes:
    """A reader who knows the outer use must be right about every event inside."""
    yield from _once(
        mistake for field, use, is_first in _steps(source) for mistake in _widened(field, use, is_first)
    )


def _steps(source: CatalogSource) -> Iterator[tuple[Field, FieldUse, bool]]:
    """Every use with the field as it is outside of it, and whether it is the outermost."""
    seen = set()
    for category, event in source.events:
        for name, uses in source.uses_of(category, event).items():
            if id(uses) in seen:  # of another event that has the field in the same way
                continue
            seen.add(id(uses))
            definition = source.fields.get(name)
            if definition and definition.node.string("type") and not definition.node.invalid:
                for field, use in zip(stack_uses(source, definition, uses), uses, strict=False):
                    yield field, use, use is uses[0]


def _once(mistakes: Mistakes) -> Mistakes:
    """One mistake at each place: an outer use is met again in every event."""
    seen = set()
    for position, message in mistakes:
        if position not in seen:
            seen.add(position)
            yield position, message


def _widened(field: Field, use: FieldUse, is_first: bool) -> Mistakes:
    node = use.node
    if (given := node.get("type")) and given.scalar != field.type:
        message = (
            f"field {field.name} is of type {field.type} in fields.yaml, not {given.scalar}; remove type"
        )
        yield given.key_position, message
    for key, (is_narrower, hint) in _NARROWER.items():
        outer, limit = getattr(field, key), node.get(key)
        if limit and outer is not None and not is_narrower(limit.scalar, outer):
            message = f"field {field.name} has {key} {outer} further out, and {limit.text} is looser"
            yield limit.position, f"{message}; write {outer} {hint}, or leave it out"
    if (pattern := node.get("pattern")) and field.pattern not in (None, pattern.scalar):
        message = f"field {field.name} has the pattern {quote(field.pattern)} further out; leave pattern out"
        yield pattern.position, message
    if not is_first:
        yield from _requirement_changed(field, node)


def _requirement_changed(field: Field, node: Node) -> Mistakes:
    required, when = node.get("required"), node.get("when")
    if required and field.when:
        message = (
            f"field {field.name} has a condition further out, and required contradicts it; remove required"
        )
        yield required.key_position, message
    elif required and required.scalar is False and field.required:
        message = f"field {field.name} is required further out, and required: false is looser; leave it out"
        yield required.position, message
    elif when and field.when and conditions(when) != field.when:
        yield when.key_position, f"field {field.name} has another condition further out; leave when out"
    elif when and not field.when and field.required:
        message = f"field {field.name} is required further out, and a condition is looser; leave when out"
        yield when.key_position, message


def check_uses_leave_something(source: CatalogSource) -> Mistakes:
    """A field that is narrowed to nothing can never be given."""
    yield from _once(
        mistake for field, use, _ in _steps(source) for mistake in _emptied(field, apply_use(field, use), use)
    )


def _emptied(before: Field, after: Field, use: FieldUse) -> Mistakes:
    for low, high in RANGES:
        lower, upper = getattr(after, low), getattr(after, high)
        was_empty = None not in (getattr(before, low), getattr(before, high)) and (
            getattr(before, low) > getattr(before, high)
        )
        if lower is not None and upper is not None and lower > upper and not was_empty:
            limit = use.node.get(low) or use.node.get(high)
            position = limit.position if limit else use.node.key_position
            message = f"field {before.name} has {low} {lower} above its {high} {upper} here"
            yield position, f"{message}; narrow it to a range that holds something"


def check_values_are_of_the_enum(source: CatalogSource) -> Mistakes:
    """A use chooses among the values of the enum."""

    def unknown() -> Mistakes:
        for field, use, _ in _steps(source):
            values = use.node.get("values")
            known = [value.key for value in field.values]
            for item in values.items if values and known else ():
                if not item.invalid and item.scalar not in known:
                    message = f"field {field.name} has no value {quote(item.scalar)}"
                    yield item.position, message + hint_for(str(item.scalar), known)

    yield from _once(unknown())


def check_only_or_except(source: CatalogSource) -> Mistakes:
    """`only` says all there is to say; `except` beside it would have two readings."""
    for category in source.categories:
        for use in category.uses:
            exceptions = use.node.get("except")
            if exceptions and use.node.get("only"):
                message = f"shared field {use.field} has only and except; keep one of them"
                yield exceptions.key_position, message


def check_conditions_can_be_decided(source: CatalogSource) -> Mistakes:
    """A condition asks for values of enum or boolean fields that the same event carries."""
    yield from _once(_undecidable(source))


def check_conditions_decide_something(source: CatalogSource) -> Mistakes:
    """A condition that always holds is a complicated way to say required."""
    yield from _once(_always_true(source))


def _always_true(source: CatalogSource) -> Mistakes:
    for category, event in source.events:
        fields = resolve_fields(source, category, event)
        for name, uses in source.uses_of(category, event).items():
            for use in uses:
                when = use.node.get("when")
                if when is None or when.invalid:
                    continue
                for part in conditions(when):
                    asked = fields.get(part.field)
                    if asked is None or not asked.always:
                        continue
                    every: set[object] = {each.key for each in asked.values}
                    every |= {True, False} if asked.kind == "boolean" else set()
                    if every and every == set(part.values):
                        message = f"the condition of field {name} holds for every value of {part.field}"
                        yield (
                            when.entries[part.field].key_position,
                            f"{message}; leave it out, or name fewer values",
                        )


def _undecidable(source: CatalogSource) -> Mistakes:
    for whose, use in source.all_uses:
        if use.node.get("when") and (required := use.node.get("required")):
            message = f"{whose}: field {use.field} has required beside when; when says when it is required"
            yield required.key_position, f"{message}, so remove required"
    for category, event in source.events:
        fields = resolve_fields(source, category, event)
        for name, uses in source.uses_of(category, event).items():
            for use in uses:
                when = use.node.get("when")
                for asked, node in when.entries.items() if when else ():
                    yield from _condition(event.name, name, asked, node, fields)


def _condition(event: str, name: str, asked: str, node: Node, fields: dict[str, Field | None]) -> Mistakes:
    thing = f"the condition of field {name}"
    if asked not in fields:
        near = hint_for(asked, fields, "give it to the event, or ask another field")
        yield node.key_position, f"{thing} asks for {asked}, which event {event} does not have{near}"
        return
    field = fields[asked]
    reason = "asks for the field itself" if asked == name else _cannot_be_asked(field) if field else None
    if reason:
        yield node.key_position, f"{thing} {reason}; ask an enum or boolean field that stands on its own"
    elif field:
        known: list[object] = [value.key for value in field.values] if field.kind == "enum" else [True, False]
        for item in node.items or (node,) if known else ():
            if not item.invalid and not any(
                item.scalar is each or item.scalar == each
                for each in known
                if type(each) is type(item.scalar)
            ):
                choices = join_words(each if isinstance(each, str) else str(each).lower() for each in known)
                message = f"{thing} asks whether {asked} is {item.text or quote(item.scalar)}"
                yield item.position, f"{message}, which it never is; write one of {choices}"


def _cannot_be_asked(field: Field) -> str | None:
    if field.entry:
        return f"asks for {field.name}, which the entry fills"
    if field.many or field.kind not in ("enum", "boolean"):
        return f"asks for {field.name}, which is of type {field.type}"
    if field.when:
        return f"asks for {field.name}, which has a condition itself"
    return None
