"""Checks of messages against the fields of their events. Checks of examples are in `examples.py`."""

from collections.abc import Iterator

from auditwright_generator.checks.uses import resembles_undefined_field
from auditwright_generator.findings import Mistakes, hint_for, quote
from auditwright_generator.message import BUILT_IN, placeholders, refused_pieces
from auditwright_generator.model import Field
from auditwright_generator.source.catalog_source import CatalogSource, EventSource
from auditwright_generator.source.resolve import resolve_fields
from auditwright_generator.source.yaml_nodes import Node

Fields = dict[str, Field | None]


def check_message_is_plain(source: CatalogSource) -> Mistakes:
    """AC507: a message has names in braces and no other format syntax."""
    for _, event in source.events:
        message = event.node.get("message")
        for piece in refused_pieces(str(message.scalar)) if message else ():
            hint = "write {name} with the name of a field, or {{ and }} for braces"
            yield (
                event.node.entries["message"].position,
                f"message of {event.name} has {quote(piece)}; {hint}",
            )


def check_message_names_fields(source: CatalogSource) -> Mistakes:
    """AC504: a message can only show fields of its event."""
    for event, message, fields, name in _placeholders(source):
        field = fields.get(name)
        if field and field.kind == "json":
            yield (
                message.position,
                f"message of {event.name} names {quote(name)}, which is a JSON value; name a field of "
                "another type",
            )
        if name in fields or name in BUILT_IN or resembles_undefined_field(source, fields, name):
            continue
        known = [*(field.name for field in fields.values() if field and not field.entry), *BUILT_IN]
        hint = hint_for(name, known, "add the field to the event, or remove it from the message")
        yield (
            message.position,
            f"message of {event.name} names {quote(name)}, which is not a field of the event{hint}",
        )


def check_message_has_no_entry_fields(source: CatalogSource) -> Mistakes:
    """AC508: messages name the actor and the address in one way."""
    for event, message, fields, name in _placeholders(source):
        field = fields.get(name)
        if field and field.entry and name not in BUILT_IN:
            instead = "{ip_address}" if field.entry == "ip_address" else "{actor}"
            yield message.position, f"message of {event.name} names {quote(name)}; write {instead}"


def check_message_has_no_secrets(source: CatalogSource) -> Mistakes:
    """AC505: messages are stored, shown and exported as plain text."""
    for event, message, fields, name in _placeholders(source):
        field = fields.get(name)
        if field and field.sensitivity == "secret":
            yield message.position, f"message of {event.name} names the secret {quote(name)}; remove it"


def check_message_has_what_is_always_there(source: CatalogSource) -> Mistakes:
    """AC506: a message must not have gaps."""
    for event, message, fields, name in _placeholders(source):
        field = fields.get(name)
        if field and field.sensitivity != "secret" and not field.entry and not field.always:
            what = "has a condition" if field.when else "is not required"
            text = f"message of {event.name} names {quote(name)}, which {what}"
            yield message.position, f"{text}; remove it, or make the field required"


def _placeholders(source: CatalogSource) -> Iterator[tuple[EventSource, Node, Fields, str]]:
    """Every placeholder of every message, once per message, with the fields of the event."""
    for category, event in source.events:
        message = event.node.get("message")
        if message and source.has_known_fields(category, event):
            fields = resolve_fields(source, category, event)
            for name in dict.fromkeys(placeholders(str(message.scalar))):
                yield event, message, fields, name
