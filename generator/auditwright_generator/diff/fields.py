"""The changes between two versions of a field in one event, with a function for each kind of change.

`grouping.py` combines equal changes in several events. Separate columns concern the whole catalog: see
`compare.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from auditwright_generator.diff import rules
from auditwright_generator.diff.annotations import compare_values
from auditwright_generator.diff.change import Fact, bare, shown
from auditwright_generator.diff.renames import likely_fields, likely_values
from auditwright_generator.diff.rules import ChangeRule
from auditwright_generator.findings import either
from auditwright_generator.model import (
    DEFAULT_MAX_BYTES,
    DEFAULT_MAX_DEPTH,
    DEFAULT_MAX_KEYS,
    MAX_INTEGER,
    Condition,
    Deprecated,
    EnumValue,
    Event,
    Field,
)
from auditwright_generator.source.structure import LIMITS


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A change of one field, without its events."""

    rule: ChangeRule
    field: str
    """The name of the field; the old name if it was renamed."""
    what: str
    attribute: tuple[str, ...] = ()
    old: Fact = None
    new: Fact = None
    now: str = ""
    """The new name, if the field was renamed."""


FieldChanges = Iterator[FieldChange]


def compare_fields(old: Event, new: Event) -> FieldChanges:
    """The changes between the fields of two versions of an event."""
    if old.fields == new.fields:
        return
    both_fail = old.can_fail and new.can_fail
    was, now = ({field.name: field for field in _known(event, both_fail)} for event in (old, new))
    removed = [field for name, field in was.items() if name not in now]
    added = [field for name, field in now.items() if name not in was]
    for field, other in _same_in_json(removed, added):
        yield _identifier(field, other)
        yield from compare_field(field, other)
        removed.remove(field)
        added.remove(other)
    renamed = likely_fields(removed, added)
    for field in removed:
        yield _renamed(field, renamed[field.name]) if field.name in renamed else _removed(field)
    for field in added:
        if field not in renamed.values():
            yield _added(field, old)
    for name, field in now.items():
        if name in was:
            yield from compare_field(was[name], field)


def _known(event: Event, both_fail: bool) -> Iterator[Field]:
    """The fields of an event; with a version of it that cannot fail, only successes are comparable."""
    for field in event.fields:
        yield field if both_fail or field.outcome != "success" else replace(field, outcome="")


def compare_field(old: Field, new: Field) -> FieldChanges:
    """The changes between two versions of a field."""
    if old != new:
        for check in _CHECKS:
            yield from check(old, new)


def _removed(field: Field) -> FieldChange:
    rule = rules.ENTRY_FIELD_REMOVED if field.entry else rules.FIELD_REMOVED
    return FieldChange(rule, field.name, f"the field {shown(field.title)} was removed", (), field.type)


def _same_in_json(removed: Sequence[Field], added: Sequence[Field]) -> list[tuple[Field, Field]]:
    """The fields that only have another identifier: their name in JSON is the same."""
    names = {field.stored_name: field for field in added}
    return [(field, names[field.stored_name]) for field in removed if field.stored_name in names]


def _identifier(old: Field, new: Field) -> FieldChange:
    what = f"the identifier of {shown(new.stored_name)} was {old.name} and is now {new.name}"
    return FieldChange(rules.IDENTIFIER_RENAMED, old.name, what, (), old.name, new.name, now=new.name)


def _renamed(old: Field, new: Field) -> FieldChange:
    what = f"the field {shown(old.title)} was removed, and {new.name} is probably the same"
    return FieldChange(rules.FIELD_RENAMED, old.name, what, (), old.name, new.name, now=new.name)


def _added(field: Field, event: Event) -> FieldChange:
    """A field that the older event does not have."""
    what = f"the field {shown(field.title)}, {field.type}, was added"
    if field.entry:
        return FieldChange(rules.ENTRY_FIELD_ADDED, field.name, what, (), None, field.type)
    # No call of an event that cannot fail is one of a failure.
    is_needed = field.required and (event.can_fail or field.outcome != "failure")
    rule = rules.FIELD_ADDED_REQUIRED if is_needed else rules.FIELD_ADDED
    return FieldChange(rule, field.name, f"{what} as {_presence_words(field)}", (), None, field.type)


# --- type, presence -------------------------------------------------------------------------------------

_WIDER = {
    ("integer", "number"),
    *((kind, "string") for kind in ("enum", "ip", "url", "email")),
    *((kind, "json") for kind in ("string", "integer", "number", "boolean", "enum", "ip", "url", "email")),
}
"""Pairs of types where the second holds all values of the first. Callers may give a timestamp, a uuid or a
date as an object of Python, which is neither a string nor JSON."""


def _type(old: Field, new: Field) -> FieldChanges:
    if old.type == new.type:
        return
    rule = rules.TYPE_CHANGED
    if old.change != new.change:
        rule = rules.CHANGE_CHANGED
    elif old.many != new.many:
        rule = rules.LIST_CHANGED
    elif _is_wider(old, new):
        rule = rules.TYPE_WIDENED
    yield _changed(rule, new, "type", "the type", old.type, new.type)


def _is_wider(old: Field, new: Field) -> bool:
    """Whether the newer type holds all values of the older one, in the same form."""
    if any(getattr(new, name) is not None for name in LIMITS):
        return False
    if new.kind == "json" and (old.sensitivity == "secret" or old.has_stored_values):
        return False  # the fingerprint of a text as JSON is another one, and JSON takes no identifiers
    return (old.kind, new.kind) in _WIDER


def _stored_name(old: Field, new: Field) -> FieldChanges:
    if old.stored_name != new.stored_name:
        was, now = old.stored_name, new.stored_name
        yield _changed(rules.STORED_NAME_CHANGED, new, "stored_as", "its name in JSON", was, now)


def _presence(old: Field, new: Field) -> FieldChanges:
    if old.entry != new.entry or (old.conditions == new.conditions and old.required == new.required):
        return
    rule = _PRESENCE[_requirement(old), _requirement(new)]
    attribute = "when" if new.conditions else "required"
    yield FieldChange(
        rule,
        new.name,
        f"it was {_presence_words(old)} and is now {_presence_words(new)}",
        (attribute,),
        _presence_words(old),
        _presence_words(new),
    )


def _requirement(field: Field) -> str:
    return "when" if field.conditions else "required" if field.required else "optional"


_PRESENCE = {
    ("optional", "required"): rules.BECAME_REQUIRED,
    ("when", "required"): rules.BECAME_REQUIRED,
    ("required", "optional"): rules.BECAME_OPTIONAL,
    ("required", "when"): rules.CONDITION_ADDED,
    ("optional", "when"): rules.CONDITION_ADDED,
    ("when", "when"): rules.CONDITION_CHANGED,
    ("when", "optional"): rules.CONDITION_REMOVED,
}


def _presence_words(field: Field) -> str:
    needed = "required" if field.required else "optional"
    return f"{needed} when {_condition(field.conditions)}" if field.conditions else needed


def _condition(when: Sequence[Condition]) -> str:
    parts = (f"{part.field} is {either(bare(value) for value in part.values)}" for part in when)
    return " and ".join(parts)


def _entry(old: Field, new: Field) -> FieldChanges:
    if old.entry != new.entry:
        by = [f"the entry's {field.entry}" if field.entry else "the caller" for field in (old, new)]
        what = f"it was filled by {by[0]} and is now filled by {by[1]}"
        yield FieldChange(rules.ENTRY_CHANGED, new.name, what, ("entry",), old.entry, new.entry)


# --- constraints and values -----------------------------------------------------------------------------

_LOWER, _UPPER = ("min", "min_length", "min_items"), ("max", "max_length", "max_items")
_BOUNDS = {"max_bytes": DEFAULT_MAX_BYTES, "max_depth": DEFAULT_MAX_DEPTH, "max_keys": DEFAULT_MAX_KEYS}
"""The bounds of a JSON value, each with its default."""


def _limits(old: Field, new: Field) -> FieldChanges:
    if old.type != new.type:
        return  # the change of type covers it
    for name in LIMITS:
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            yield _changed(_limit_rule(new, name, was, now), new, name, name, was, now)


def _limit_rule(field: Field, name: str, was: Fact, now: Fact) -> ChangeRule:
    if name == "pattern" and was is not None and now is not None:
        return rules.PATTERN_CHANGED
    low, high = _effective(field, name, was), _effective(field, name, now)
    if low == high:
        return rules.CONSTRAINT_RESTATED
    narrower = high > low if name in _LOWER else high < low
    if narrower and name in _BOUNDS:
        return rules.JSON_BOUND_LOWERED
    return rules.CONSTRAINT_NARROWED if narrower else rules.CONSTRAINT_WIDENED


def _effective(field: Field, name: str, limit: Fact) -> float:
    """A limit as a number, also if it is missing. Any pattern is narrower than none."""
    if name == "pattern":
        return 1 if limit is None else 0
    if isinstance(limit, int | float):
        return limit
    if name in ("min_length", "min_items"):
        return 0
    if name in _BOUNDS:
        return _BOUNDS[name]
    bound = MAX_INTEGER if field.kind == "integer" else float("inf")
    return bound if name in _UPPER else -bound


def _values(old: Field, new: Field) -> FieldChanges:
    if old.kind != new.kind or old.values == new.values:
        return
    was = {value.key: value for value in old.values}
    now = {value.key: value for value in new.values}
    removed = [value for key, value in was.items() if key not in now]
    added = [value for key, value in now.items() if key not in was]
    names = {value.stored: value for value in added}
    renamed = {value.key: names[value.stored] for value in removed if value.stored in names}
    others = {value.key for value in renamed.values()}
    renamed |= likely_values(
        tuple(value for value in removed if value.key not in renamed),
        tuple(value for value in added if value.key not in others),
    )
    for value in removed:
        if value.key in renamed:
            yield _renamed_value(new, value, renamed[value.key])
        else:
            what = f"the value {value.key} was removed"
            yield _value(rules.ENUM_VALUE_REMOVED, new, "", what, value.key, None)
    for key, value in was.items():
        if key in now:
            yield from _kept_value(new, value, now[key])
    others = {value.key for value in renamed.values()}
    for value in added:
        if value.key not in others:
            what = f"the value {value.key} ({shown(value.title)}) was added"
            yield _value(rules.ENUM_VALUE_ADDED, new, value.key, what, None, value.key)
    stayed = [key for key in was if key in now]
    if stayed != [key for key in now if key in was]:
        yield _value(rules.ORDER_CHANGED, new, "", "its values are in a different order", None, None)


def _renamed_value(field: Field, old: EnumValue, new: EnumValue) -> FieldChange:
    """The change of a value whose key is gone, and another one is probably the same."""
    rule, what = rules.ENUM_VALUE_RENAMED, f"the value {old.key} ({shown(old.title)})"
    if old.stored == new.stored:
        rule, what = rules.ENUM_IDENTIFIER_RENAMED, f"the identifier of {shown(old.stored)} was {old.key} and"
        what = f"{what} is now {new.key}"
    elif old.title == new.title:
        what = f"{what} is now {new.key}"
    else:
        what = f"{what} was removed, and {new.key} ({shown(new.title)}) is probably the same"
    return _value(rule, field, new.key, what, old.key, new.key)


def _kept_value(field: Field, old: EnumValue, new: EnumValue) -> FieldChanges:
    if old.title != new.title:
        what = f"the title of the value {new.key} was {shown(old.title)} and is now {shown(new.title)}"
        yield _value(rules.ENUM_TITLE_CHANGED, field, new.key, what, old.title, new.title)
    if old.stored != new.stored:
        what = f"the value {new.key} was {shown(old.stored)} in JSON and is now {shown(new.stored)}"
        yield _value(rules.STORED_VALUE_CHANGED, field, new.key, what, old.stored, new.stored)


def _value(rule: ChangeRule, field: Field, key: str, what: str, old: Fact, new: Fact) -> FieldChange:
    return FieldChange(rule, field.name, what, ("values", key) if key else ("values",), old, new)


# --- meaning --------------------------------------------------------------------------------------------


def _unit(old: Field, new: Field) -> FieldChanges:
    if old.unit != new.unit:
        rule = rules.UNIT_STATED if old.unit is None else rules.UNIT_CHANGED
        yield _changed(rule, new, "unit", "the unit", old.unit, new.unit)


_SENSITIVITIES = ("public", "personal", "secret")


def _sensitivity(old: Field, new: Field) -> FieldChanges:
    if old.sensitivity == new.sensitivity:
        return
    raised = _SENSITIVITIES.index(new.sensitivity) > _SENSITIVITIES.index(old.sensitivity)
    if new.sensitivity == "secret":
        rule = rules.BECAME_SECRET
    elif old.sensitivity == "secret":
        rule = rules.NO_LONGER_SECRET
    else:
        rule = rules.SENSITIVITY_RAISED if raised else rules.SENSITIVITY_LOWERED
    yield _changed(rule, new, "sensitivity", "the sensitivity", old.sensitivity, new.sensitivity)


def _title(old: Field, new: Field) -> FieldChanges:
    if old.title != new.title:
        rule = rules.COLUMN_TITLE_CHANGED if old.column and new.column else rules.FIELD_TITLE_CHANGED
        yield _changed(rule, new, "title", "the title", old.title, new.title)


def _description(old: Field, new: Field) -> FieldChanges:
    if old.description != new.description:
        what = f"the description is now {shown(new.description)}"
        rule = rules.FIELD_DESCRIPTION_CHANGED
        yield FieldChange(rule, new.name, what, ("description",), old.description, new.description)


def _lifecycle(old: Field, new: Field) -> FieldChanges:
    for rule, attribute, what, was, now in compare_lifecycle(
        (rules.FIELD_DEPRECATED, rules.FIELD_UNDEPRECATED, rules.FIELD_LIFECYCLE_CHANGED), old, new
    ):
        yield FieldChange(rule, new.name, what, (attribute,), was, now)


def compare_lifecycle(
    found: tuple[ChangeRule, ChangeRule, ChangeRule], old: Field | Event, new: Field | Event
) -> Iterator[tuple[ChangeRule, str, str, Fact, Fact]]:
    """The changes of `since` and `deprecated` of a field or an event: rule, attribute, words, old and new."""
    deprecated, undeprecated, changed = found
    if old.since != new.since:
        what = f"since was {shown(old.since)} and is now {shown(new.since)}"
        yield changed, "since", what, old.since, new.since
    if old.deprecated == new.deprecated:
        return
    was, now = _deprecation(old.deprecated), _deprecation(new.deprecated)
    if now is None:
        yield undeprecated, "deprecated", "it is no longer deprecated", was, None
    elif was is None:
        yield deprecated, "deprecated", f"it is deprecated {now}", None, now
    else:
        yield changed, "deprecated", f"it was deprecated {was} and is now deprecated {now}", was, now


def _deprecation(deprecated: Deprecated | None) -> str | None:
    """`since 1.2.0; use model_name; "The name changed."`: use and note are optional."""
    if deprecated is None:
        return None
    use = f"; use {bare(deprecated.use)}" if deprecated.use else ""
    note = f"; {shown(deprecated.note)}" if deprecated.note else ""
    return f"since {deprecated.since}{use}{note}"


def _changed(rule: ChangeRule, field: Field, attribute: str, named: str, old: Fact, new: Fact) -> FieldChange:
    what = f"{named} was {shown(old)} and is now {shown(new)}"
    return FieldChange(rule, field.name, what, (attribute,), old, new)


def _target(old: Field, new: Field) -> FieldChanges:
    if old.target == new.target:
        return
    was, now = old.target or None, new.target or None
    if was is None:
        what = f"a value now identifies an object of type {now}"
        yield FieldChange(rules.TARGET_ADDED, new.name, what, ("target",), None, now)
    elif now is None:
        what = f"a value no longer identifies an object of type {was}"
        yield FieldChange(rules.TARGET_REMOVED, new.name, what, ("target",), was, None)
    else:
        yield _changed(rules.TARGET_CHANGED, new, "target", "the type of the object", was, now)


def _annotations(old: Field, new: Field) -> FieldChanges:
    for rule, name, what, was, now in compare_values(old.annotations, new.annotations):
        yield FieldChange(rule, new.name, what, ("annotations", name), was, now)


_CHECKS: tuple[Callable[[Field, Field], FieldChanges], ...] = (
    _stored_name, _type, _presence, _entry, _limits, _values, _unit, _sensitivity, _target, _title,
    _description, _lifecycle, _annotations,
)  # fmt: skip
