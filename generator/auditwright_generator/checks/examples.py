"""Checks of the examples that events have in the catalog. `explanations.py` has the examples of rules."""

import ipaddress
import re
from collections.abc import Iterator

from auditwright_generator.checks.uses import resembles_undefined_field
from auditwright_generator.checks.values import refuse_value
from auditwright_generator.findings import Mistakes, either, hint_for, join_words, quote
from auditwright_generator.model import Condition, Field
from auditwright_generator.patterns import BY_KIND, matches
from auditwright_generator.source.catalog_source import CatalogSource, EventSource
from auditwright_generator.source.resolve import resolve_fields
from auditwright_generator.source.yaml_nodes import Node

Fields = dict[str, Field | None]

MAX_SINGLE = 3
"""The most missing fields of an example that have a finding each; more of them share one."""


def check_example_is_valid(source: CatalogSource) -> Mistakes:
    """AC502: docs and tests use the example as a valid call."""
    for category, event in source.events:
        example = event.node.get("example")
        if example and source.has_known_fields(category, event):
            fields = resolve_fields(source, category, event)
            yield from _given(source, event, example, fields)
            yield from _absent(event, example, fields)


def _given(source: CatalogSource, event: EventSource, example: Node, fields: Fields) -> Mistakes:
    """Mistakes in the values of the example."""
    thing = f"example of {event.name}"
    for name, node in example.entries.items():
        field = fields.get(name)
        if name not in fields and not resembles_undefined_field(source, fields, name):
            known = [field.name for field in fields.values() if field and not field.entry]
            hint = hint_for(name, known, "remove it, or add the field to the event")
            yield node.key_position, f"{thing} has {quote(name)}, which is not a field of the event{hint}"
        elif field and field.entry:
            yield node.key_position, f"{thing} has {quote(name)}, which is filled from the entry; remove it"
        elif field and not node.invalid:
            value = node.plain
            wanted = refuse_value(field, value)
            if wanted:
                got = "" if field.sensitivity == "secret" else f", not {quote(value)}"
                yield node.position, f"{thing}: {name} must be {wanted}{got}"


def _absent(event: EventSource, example: Node, fields: Fields) -> Mistakes:
    """Required fields that the example lacks, and conditional fields that it must not have."""
    thing = f"example of {event.name}"
    missing: dict[str, str] = {}
    for name, field in fields.items():
        if field is None or field.entry or not _can_decide(field, example, fields):
            continue
        given = example.entries.get(name)
        # The example is a call that succeeds.
        holds = field.outcome != "failure" and all(_holds(condition, example) for condition in field.when)
        condition = " and ".join(_in_words(part) for part in field.conditions)
        if field.required and holds and given is None:
            missing[name] = f"required because {condition}" if field.conditions else "required"
        elif given and not holds:
            yield (
                given.key_position,
                f"{thing} has {quote(name)}, which is allowed only when {condition}; remove it",
            )
    if len(missing) > MAX_SINGLE:
        lacks = f"lacks {len(missing):,} required fields: {join_words(missing)}"
        yield example.key_position, f"{thing} {lacks}; add them"
    else:
        for name, why in missing.items():
            yield example.key_position, f"{thing} has no {quote(name)}, which is {why}; add it"


def _can_decide(field: Field, example: Node, fields: Fields) -> bool:
    """Whether the conditions of the field refer to valid fields with valid values."""
    for condition in field.when:
        given = example.entries.get(condition.field)
        if fields.get(condition.field) is None or (given and given.invalid):
            return False
    return True


def _holds(condition: Condition, example: Node) -> bool:
    given = example.entries.get(condition.field)
    return given is not None and any(
        given.scalar == value and type(given.scalar) is type(value) for value in condition.values
    )


def _in_words(condition: Condition) -> str:
    values = [str(value).lower() if isinstance(value, bool) else str(value) for value in condition.values]
    return f"{condition.field} is {either(values)}"


_EXAMPLE_HOSTS = re.compile(
    r"(?:^|\.)(?:example|test|invalid|localhost|local|internal|example\.(?:com|org|net))$", re.IGNORECASE
)
"""RFC 2606 and RFC 6761 reserve these names for examples."""
_CREDENTIAL_SHAPES = re.compile(
    r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[0-9A-Za-z]{36}|xox[abprs]-[0-9A-Za-z-]{10,}|sk-[0-9A-Za-z_-]{20,}"
    r"|eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}\.|AIza[0-9A-Za-z_-]{35})|-----BEGIN [A-Z ]*PRIVATE KEY"
)
_EXAMPLE_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
)
"""RFC 5737, RFC 3849 and RFC 9637 reserve these addresses for documentation."""


def check_examples_are_made_up(source: CatalogSource) -> Mistakes:
    """AC503: examples are published and must not show real data."""
    for category, event in source.events:
        example = event.node.get("example")
        if not example or not source.has_known_fields(category, event):
            continue
        fields = resolve_fields(source, category, event)
        for name, node in example.entries.items():
            field = fields.get(name)
            for item in _scalars(node) if field else ():
                kind = field.kind if field else ""
                text = str(item.scalar)
                reason = _looks_real(_probable_kind(text) if kind == "json" else kind, text)
                if reason:
                    yield item.position, f"example of {event.name}: {name} {reason}"


def _scalars(node: Node) -> Iterator[Node]:
    """The valid scalars of a value, also those inside of lists and mappings."""
    if node.invalid:
        return
    inner = node.items or tuple(node.entries.values())
    for each in inner:
        yield from _scalars(each)
    if not inner and node.value is not None:
        yield node


def _probable_kind(text: str) -> str:
    """The type that a text in a JSON value seems to have."""
    return next((kind for kind in ("ip", "url", "email") if matches(BY_KIND[kind], text)), "")


def _looks_real(kind: str, text: str) -> str | None:
    if _CREDENTIAL_SHAPES.search(text):
        return 'looks like a real credential; write an obvious placeholder such as "not-a-real-token"'
    if kind == "ip":
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return None  # AC502 reports it
        made_up = address.is_private or any(address in network for network in _EXAMPLE_NETWORKS)
        return None if made_up else "may be a real address; write a documentation address such as 203.0.113.7"
    if kind == "email":
        host = text.rpartition("@")[2]
        return None if _EXAMPLE_HOSTS.search(host) else "may be a real address; write one at example.com"
    if kind == "url":
        host = re.sub(r"^https?://([^/?#:]+).*$", r"\1", text)
        return None if _EXAMPLE_HOSTS.search(host) else "may be a real host; write one such as example.com"
    return None
