"""Checks of uses: their fields exist, and each use only narrows the outer use."""

from collections.abc import Callable, Iterable, Iterator
from operator import ge, le
from pathlib import Path
from typing import Any

from auditwright_generator.checks.fields import RANGES
from auditwright_generator.findings import Mistakes, hint_for, join_words, nearest, quote
from auditwright_generator.model import OUTCOME, OUTCOMES, Field
from auditwright_generator.source.catalog_source import CatalogSource, EventSource, FieldUse
from auditwright_generator.source.resolve import (
    apply_use,
    conditions,
    outcome_of,
    resolve_fields,
    stack_uses,
)
from auditwright_generator.source.structure import is_name
from auditwright_generator.source.yaml_nodes import Node, catalog_option

_NARROWER: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "min": (ge, "or more"),
    "max": (le, "or less"),
    "min_length": (ge, "or more"),
    "max_length": (le, "or less"),
    "min_items": (ge, "or more"),
    "max_items": (le, "or less"),
}


def check_fields_exist(source: CatalogSource) -> Mistakes:
    """AC106: every field is defined in fields.yaml."""
    if not source.fields_known:
        return
    for owner, use in source.all_uses:
        if use.field not in source.fields and is_name(use.field):
            where = catalog_option(Path(source.node.position.path).parent)
            command = f"`auditwright new field {use.field}{where}` adds it to fields.yaml"
            hint = hint_for(use.field, source.fields, command)
            yield use.node.key_position, f"{owner} uses {quote(use.field)}{hint}"


def resembles_undefined_field(source: CatalogSource, fields: Iterable[str], name: str) -> bool:
    """Whether the name is similar to that of an undefined field, for which AC106 has a finding."""
    undefined = [field for field in fields if field not in source.fields]
    return nearest(name, undefined) is not None


def check_uses_only_narrow(source: CatalogSource) -> Mistakes:
    """AC107: a use may only narrow the outer use."""
    yield from _once(
        mistake for field, use, is_first in _steps(source) for mistake in _widened(field, use, is_first)
    )


def _steps(source: CatalogSource) -> Iterator[tuple[Field, FieldUse, bool]]:
    """Every use with the field before it, and whether it is the outermost use."""
    seen = set()
    for category, event in source.events:
        for name, uses in source.uses_of(category, event).items():
            if id(uses) in seen:  # another event has the field by the same uses
                continue
            seen.add(id(uses))
            definition = source.fields.get(name)
            if definition and definition.node.string("type") and not definition.node.invalid:
                for field, use in zip(stack_uses(source, definition, uses), uses, strict=False):
                    yield field, use, use is uses[0]


def _once(mistakes: Mistakes) -> Mistakes:
    """The first mistake at each position: an outer use applies to many events."""
    seen = set()
    for position, message in mistakes:
        if position not in seen:
            seen.add(position)
            yield position, message


def _widened(field: Field, use: FieldUse, is_first: bool) -> Mistakes:
    node = use.node
    if (given := node.get("type")) and given.scalar != field.type:
        message = (
            f"field {field.name} is of type {field.type} in fields.yaml, not {given.scalar}; remove type, or "
            f"use a second field of this type, with stored_as: {field.stored_name}"
        )
        yield given.key_position, message
    for key, (is_narrower, hint) in _NARROWER.items():
        outer, limit = getattr(field, key), node.get(key)
        if limit and outer is not None and not is_narrower(limit.scalar, outer):
            message = f"field {field.name} has {key} {outer} in the outer use, and {limit.text} is looser"
            yield limit.position, f"{message}; write {outer} {hint}, or remove it"
    if (pattern := node.get("pattern")) and field.pattern not in (None, pattern.scalar):
        message = (
            f"field {field.name} has the pattern {quote(field.pattern)} in the outer use; remove pattern"
        )
        yield pattern.position, message
    if not is_first:
        yield from _requirement_changed(field, node)


def _requirement_changed(field: Field, node: Node) -> Mistakes:
    required, when = node.get("required"), node.get("when")
    if required and field.conditions:
        message = f"field {field.name} has a condition in the outer use, which required contradicts"
        yield required.key_position, f"{message}; remove required"
    elif required and required.scalar is False and field.required:
        message = f"field {field.name} is required in the outer use, and required: false is looser; remove it"
        yield required.position, message
    elif when and field.conditions and (outcome_of(when), conditions(when)) != (field.outcome, field.when):
        yield when.key_position, f"field {field.name} has another condition in the outer use; remove when"
    elif when and not field.conditions and field.required:
        message = f"field {field.name} is required in the outer use, and a condition is looser; remove when"
        yield when.key_position, message


def check_uses_leave_something(source: CatalogSource) -> Mistakes:
    """AC412: no value fits an empty range."""
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
            message = f"field {before.name} has {low} {lower} above {high} {upper} here"
            yield position, f"{message}; choose a range that is not empty"


def check_values_are_of_the_enum(source: CatalogSource) -> Mistakes:
    """AC411: a use can only choose values of the enum."""

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
    """AC114: `only` and `except` together are ambiguous."""
    for category in source.categories:
        for use in category.uses:
            exceptions = use.node.get("except")
            if exceptions and use.node.get("only"):
                message = f"shared field {use.field} has only and except; keep one of them"
                yield exceptions.key_position, message


def check_conditions_can_be_decided(source: CatalogSource) -> Mistakes:
    """AC408: a condition tests enum or boolean fields of the same event."""
    yield from _once(_undecidable(source))


def check_conditions_decide_something(source: CatalogSource) -> Mistakes:
    """AC409: a condition that always holds means required."""
    yield from _once(_always_true(source))


def _always_true(source: CatalogSource) -> Mistakes:
    for category, event in source.events:
        fields = resolve_fields(source, category, event)
        for name, uses in source.uses_of(category, event).items():
            for use in uses:
                when = use.node.get("when")
                if when is None or when.invalid:
                    continue
                if OUTCOME in when.entries and len(when.entries[OUTCOME].items) == len(OUTCOMES):
                    message = f"the condition of field {name} holds for every outcome"
                    yield when.entries[OUTCOME].key_position, f"{message}; remove it, or name one outcome"
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
                            f"{message}; remove it, or name fewer values",
                        )


def _undecidable(source: CatalogSource) -> Mistakes:
    for owner, use in source.all_uses:
        when, required = use.node.get("when"), use.node.get("required")
        if when and required and not (required.scalar is False and set(when.entries) == {OUTCOME}):
            message = f"{owner}: field {use.field} has both required and when, which decides alone"
            yield required.key_position, f"{message}; remove required"
    for category, event in source.events:
        fields = resolve_fields(source, category, event)
        for name, uses in source.uses_of(category, event).items():
            for use in uses:
                when = use.node.get("when")
                for asked, node in when.entries.items() if when else ():
                    if asked == OUTCOME:
                        yield from _condition_on_outcome(event, name, node)
                    else:
                        yield from _condition(event.name, name, asked, node, fields)


def _condition_on_outcome(event: EventSource, name: str, node: Node) -> Mistakes:
    thing = f"the condition of field {name}"
    if "failure_message" not in event.node.entries:
        message = f"{thing} tests the outcome, but event {event.name} cannot fail"
        yield node.key_position, f"{message}; give the event a failure_message, or remove the condition"
    for item in node.items or (node,):
        if not item.invalid and item.scalar not in OUTCOMES:
            message = f"{thing} tests whether the outcome is {item.text or quote(item.scalar)}"
            yield item.position, f"{message}; write one of {join_words(OUTCOMES)}"


def _condition(event: str, name: str, asked: str, node: Node, fields: dict[str, Field | None]) -> Mistakes:
    thing = f"the condition of field {name}"
    if asked not in fields:
        near = hint_for(asked, [*fields, OUTCOME], "add it to the event, or test another field")
        yield node.key_position, f"{thing} tests {asked}, which is not a field of event {event}{near}"
        return
    field = fields[asked]
    reason = "tests the field itself" if asked == name else _cannot_be_tested(field) if field else None
    if reason:
        yield node.key_position, f"{thing} {reason}; test an enum or boolean field without a condition"
    elif field:
        known: list[object] = [value.key for value in field.values] if field.kind == "enum" else [True, False]
        for item in node.items or (node,) if known else ():
            if not item.invalid and not any(
                item.scalar is each or item.scalar == each
                for each in known
                if type(each) is type(item.scalar)
            ):
                choices = join_words(each if isinstance(each, str) else str(each).lower() for each in known)
                message = f"{thing} tests whether {asked} is {item.text or quote(item.scalar)}"
                yield item.position, f"{message}, which is not one of its values; write one of {choices}"


def _cannot_be_tested(field: Field) -> str | None:
    if field.entry:
        return f"tests {field.name}, which is filled from the entry"
    if field.many or field.change or field.kind not in ("enum", "boolean"):
        return f"tests {field.name}, which is of type {field.type}"
    if field.conditions:
        return f"tests {field.name}, which has a condition itself"
    return None
