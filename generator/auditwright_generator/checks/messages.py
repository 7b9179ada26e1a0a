"""Checks of both messages of events against their fields. Checks of examples are in `examples.py`."""

from collections.abc import Iterator
from dataclasses import dataclass

from auditwright_generator.checks.uses import resembles_undefined_field
from auditwright_generator.findings import Mistakes, Position, hint_for, quote
from auditwright_generator.message import BUILT_IN, placeholders, refused_pieces
from auditwright_generator.model import Field
from auditwright_generator.source.catalog_source import CatalogSource
from auditwright_generator.source.resolve import resolve_fields

Fields = dict[str, Field | None]

OUTCOMES = {"message": "success", "failure_message": "failure"}
"""The keys of messages, each with the outcome of the entries that it describes."""


def check_message_is_plain(source: CatalogSource) -> Mistakes:
    """AC507: a message has names in braces and no other format syntax."""
    for _, event in source.events:
        for key in OUTCOMES:
            message = event.node.get(key)
            if message is None:
                continue
            for piece in refused_pieces(str(message.scalar)):
                hint = "write {name} with the name of a field, or {{ and }} for braces"
                yield message.position, f"{key} of {event.name} has {quote(piece)}; {hint}"


def check_message_names_fields(source: CatalogSource) -> Mistakes:
    """AC504: a message can only show fields of its event."""
    for each in _placeholders(source):
        if each.field and each.field.kind == "json":
            yield (
                each.position,
                f"{each.thing} names {quote(each.name)}, which is a JSON value; name a field of another type",
            )
        fields = each.fields
        if each.name in fields or each.name in BUILT_IN:
            continue
        if resembles_undefined_field(source, fields, each.name):
            continue
        known = [*(field.name for field in fields.values() if field and not field.entry), *BUILT_IN]
        hint = hint_for(each.name, known, "add the field to the event, or remove it from the message")
        yield each.position, f"{each.thing} names {quote(each.name)}, which is not a field of the event{hint}"


def check_message_has_no_entry_fields(source: CatalogSource) -> Mistakes:
    """AC508: messages name the actor and the address in one way."""
    for each in _placeholders(source):
        if each.field and each.field.entry and each.name not in BUILT_IN:
            instead = "{ip_address}" if each.field.entry == "ip_address" else "{actor}"
            yield each.position, f"{each.thing} names {quote(each.name)}; write {instead}"


def check_message_has_no_secrets(source: CatalogSource) -> Mistakes:
    """AC505: messages are stored, shown and exported as plain text."""
    for each in _placeholders(source):
        if each.field and each.field.sensitivity == "secret":
            yield each.position, f"{each.thing} names the secret {quote(each.name)}; remove it"


def check_message_has_what_is_always_there(source: CatalogSource) -> Mistakes:
    """AC506: a message must not have gaps."""
    for each in _placeholders(source):
        field = each.field
        if field is None or field.sensitivity == "secret" or field.entry:
            continue
        text = f"{each.thing} names {quote(each.name)}, which"
        if field.outcome not in ("", each.outcome):
            yield each.position, f"{text} an entry has only with the outcome {field.outcome}; remove it"
        elif field.when or not field.required:
            what = "has a condition" if field.when else "is not required"
            yield each.position, f"{text} {what}; remove it, or make the field required"


@dataclass(frozen=True, slots=True)
class _Placeholder:
    """A placeholder of a message, with the fields of its event."""

    thing: str
    """The message in words: `failure_message of login`."""
    outcome: str
    """The outcome of the entries that the message describes."""
    position: Position
    fields: Fields
    name: str

    @property
    def field(self) -> Field | None:
        return self.fields.get(self.name)


def _placeholders(source: CatalogSource) -> Iterator[_Placeholder]:
    """Every placeholder of every message, once per message."""
    for category, event in source.events:
        for key, outcome in OUTCOMES.items():
            message = event.node.get(key)
            if message and source.has_known_fields(category, event):
                fields = resolve_fields(source, category, event)
                for name in dict.fromkeys(placeholders(str(message.scalar))):
                    yield _Placeholder(f"{key} of {event.name}", outcome, message.position, fields, name)
