"""JSON Schema (2020-12): one document an event, for its whole entry in the JSON form, and an index.

Each document is complete: what it repeats stands once under its `$defs`. Patterns decide (see `patterns.py`);
`format` is published only where a validator that asserts it comes to the same verdict.
"""

from __future__ import annotations

import json
from typing import Any

from auditwright_generator import patterns
from auditwright_generator.model import (
    MAX_INTEGER,
    OUTCOMES,
    Annotations,
    Catalog,
    Category,
    Event,
    Field,
    Level,
)
from auditwright_generator.targets.templating import header

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_IDENTIFIER: Schema = {"type": "string", "minLength": 1, "maxLength": 256}
_ACTOR: Schema = {
    "type": "object",
    "properties": {
        "type": {"enum": ["user", "app", "system", "anonymous"]},
        "id": {"$ref": "#/$defs/identifier"},
        "name": {"type": "string"},
    },
    "required": ["type"],
    "additionalProperties": False,
    "if": {"properties": {"type": {"const": "anonymous"}}, "required": ["type"]},
    "then": {"properties": {"id": False, "name": False}},
    "else": {
        "if": {"properties": {"type": {"const": "system"}}},
        "else": {"properties": {"id": True}, "required": ["id"]},
    },
}
_ON_BEHALF_OF: Schema = {
    "title": "On behalf of",
    "description": "The user or app for whom the actor acted.",
    "type": "object",
    "properties": {
        "type": {"enum": ["user", "app"]},
        "id": {"$ref": "#/$defs/identifier"},
        "name": {"type": "string"},
    },
    "required": ["type", "id"],
    "additionalProperties": False,
}
_CONTEXT: Schema = {
    "title": "Context",
    "description": "The request, trace, session and client. Longer texts are truncated, not refused.",
    "type": "object",
    "properties": {
        "request_id": {"type": "string", "description": "128 characters of it are stored."},
        "trace_id": {"type": "string", "pattern": "^(?:[0-9A-Fa-f]{32})?$"},
        "span_id": {"type": "string", "pattern": "^(?:[0-9A-Fa-f]{16})?$"},
        "session_id": {"type": "string", "description": "256 characters of it are stored."},
        "user_agent": {"type": "string", "description": "512 characters of it are stored."},
    },
    "additionalProperties": False,
}
"""An empty text is the same as none. What only the server writes, `submitted_by`, is not in it."""
_FAILED: Schema = {"properties": {"outcome": {"const": "failure"}}, "required": ["outcome"]}
_FAILURE_REASON: Schema = {
    "title": "Failure reason",
    "description": "Why it failed; only with the outcome failure.",
    "type": "string",
    "minLength": 1,
    "maxLength": 300,
}
_BY_KIND: dict[str, Schema] = {
    "timestamp": {"type": "string", "pattern": patterns.TIMESTAMP, "format": "date-time"},
    "date": {"type": "string", "pattern": patterns.DATE, "format": "date"},
    "ip": {"type": "string", "pattern": patterns.IP},
    "url": {"type": "string", "pattern": patterns.URL},
    "email": {"type": "string", "pattern": patterns.EMAIL},
    "uuid": {"type": "string", "pattern": patterns.UUID, "format": "uuid"},
    "bigint": {"type": "string", "pattern": patterns.BIGINT},
}
"""The types that stand under `$defs`. The formats `uri` and `email` are ASCII only, and our types are not."""

_ENVELOPE: Schema = {
    "id": {"type": "string", "pattern": patterns.UUID7, "format": "uuid"},
    "identifier": _IDENTIFIER,
    "actor": _ACTOR,
    "timestamp": _BY_KIND["timestamp"],
    "ip": _BY_KIND["ip"],
    "on_behalf_of": _ON_BEHALF_OF,
    "context": _CONTEXT,
}
"""The `$defs` of every document."""


def of_category(catalog: Catalog, level: Level, category: Category) -> dict[str, str]:
    """`<package>/json_schema/<level>/<category>/<event>.json`."""
    return {
        schema_path(catalog, event): _text(entry_schema(catalog, category, event))
        for event in category.events
    }


def whole(catalog: Catalog) -> dict[str, str]:
    """`<package>/json_schema/index.json`."""
    lines = ",\n".join(
        f'    {json.dumps(event.key)}: "{event.key.replace(".", "/")}.json"' for event in catalog.events
    )
    comment = header(f"{catalog.folder}/").replace("\n", " ")
    comment = json.dumps(f"{comment} In the patterns of the schemas, $ means the very end of the text.")
    names = [keyword(key.name) for key in catalog.annotation_keys]
    keywords = f'  "keywords": {json.dumps(names)},\n' if names else ""
    text = f'{{\n  "$comment": {comment},\n{keywords}  "schemas": {{\n{lines}\n  }}\n}}\n'
    return {f"{catalog.package}/json_schema/index.json": text}


def schema_path(catalog: Catalog, event: Event) -> str:
    """Where the schema of an event stands, in the folder of what is generated."""
    return f"{catalog.package}/json_schema/{event.key.replace('.', '/')}.json"


def schema_id(catalog: Catalog, event: Event) -> str:
    """The `$id` of an event's schema: it names the event, never a version or a place."""
    return f"urn:auditwright:{catalog.package}:{event.key}"


def entry_schema(catalog: Catalog, category: Category, event: Event) -> Schema:
    """The schema of an event's entry as `record_json` takes it."""
    keys = [event.key, *event.aliases]
    kinds = {field.kind for field in event.metadata}
    return {
        "$schema": DIALECT,
        "$id": schema_id(catalog, event),
        "$comment": header(event.source).replace("\n", " "),
        "title": event.title,
        "description": event.description,
        **({"deprecated": True} if event.deprecated else {}),
        **_keywords(catalog.annotations_of(category, event)),
        "type": "object",
        "properties": {
            "id": _ref("id"),
            "account_id": _ref("identifier"),
            "event": {"enum": keys} if len(keys) > 1 else {"const": event.key},
            "occurred_at": _ref("timestamp"),
            "actor": _ref("actor"),
            "on_behalf_of": _ref("on_behalf_of"),
            "ip_address": _ref("ip"),
            **_outcome(event),
            "context": _ref("context"),
            "metadata": metadata_schema(event),
        },
        "required": ["event", "metadata"],
        "additionalProperties": False,
        **_of_outcome(event),
        "examples": [{"event": event.key, "metadata": event.stored_form(event.example)}],
        "$defs": _ENVELOPE | {kind: schema for kind, schema in _BY_KIND.items() if kind in kinds},
    }


def _outcome(event: Event) -> Schema:
    """The properties of the outcome."""
    if not event.can_fail:
        return {"outcome": {"title": "Outcome", "description": "The event cannot fail.", "const": "success"}}
    described = {"title": "Outcome", "description": "How it ended; success, if it is left out."}
    return {"outcome": {**described, "enum": list(OUTCOMES)}, "failure_reason": _FAILURE_REASON}


def _of_outcome(event: Event) -> Schema:
    """What the outcome of an event that can fail decides, as if/then/else: the reason, and some fields."""
    if not event.can_fail:
        return {}
    failed, succeeded = (_metadata_of(event, outcome) for outcome in ("failure", "success"))
    without_reason = {"failure_reason": False}
    return {
        "if": _FAILED,
        **({"then": {"properties": failed}} if failed else {}),
        "else": {"properties": without_reason | succeeded},
    }


def _metadata_of(event: Event, outcome: str) -> Schema:
    """The property `metadata` as the fields with a condition on the outcome need it; empty without one."""
    fields = [field for field in event.metadata if field.outcome]
    if not fields:
        return {}
    of_it = [field for field in fields if field.outcome == outcome]
    needed = [field.stored_name for field in of_it if field.required and not field.when]
    properties = {
        **{name: {"not": {"type": "null"}} for name in needed},
        **{field.stored_name: {"type": "null"} for field in fields if field.outcome != outcome},
    }
    conditions = [_condition(event, field) for field in of_it if field.when]
    schema = {
        "type": "object",
        **({"properties": properties} if properties else {}),
        **({"required": needed} if needed else {}),
        **({"allOf": conditions} if conditions else {}),
    }
    return {"metadata": schema} if len(schema) > 1 else {}


def metadata_schema(event: Event) -> Schema:
    """The schema of an event's metadata, with its conditions as if/then/else; refers to `$defs`.

    Conditions on the outcome stand in the schema of the entry.
    """
    schema: Schema = {
        "type": "object",
        "properties": {field.stored_name: _published(field) for field in event.metadata},
        "required": [field.stored_name for field in event.metadata if field.always],
        "additionalProperties": False,
    }
    conditions = [_condition(event, field) for field in event.metadata if field.when and not field.outcome]
    return schema | ({"allOf": conditions} if conditions else {})


def field_schema(field: Field) -> Schema:
    """What a field's values are; complete, without a reference."""
    if field.many:
        bounds = {"minItems": field.min_items, "maxItems": field.max_items}
        return {"type": "array", "items": _item(field), **_given(bounds)}
    return _change(_item(field)) if field.change else _item(field)


def _change(side: Schema) -> Schema:
    """A change: what each side is, or null where it was or is not set."""
    sides = {"from": _or_null(side), "to": _or_null(side)}
    return {"type": "object", "properties": sides, "required": ["from", "to"], "additionalProperties": False}


def _published(field: Field) -> Schema:
    """A property as it is published: titled, described, and with a reference to what stands under `$defs`."""
    schema = field_schema(field)
    if field.kind in _BY_KIND:
        of_one = _ref(field.kind)
        schema = {**schema, "items": of_one} if field.many else _change(of_one) if field.change else of_one
    if field.kind == "json":
        schema = {"$comment": _bounds(field), **schema}
    if not field.always:
        schema = _or_null(schema)
    deprecated = {"deprecated": True} if field.deprecated else {}
    facts = {"title": field.title, "description": field.description, **deprecated}
    return {**facts, **_keywords(field.annotations), **schema}


def keyword(annotation: str) -> str:
    """The keyword of an annotation: `runbook_url` -> `x-runbook-url`."""
    return f"x-{annotation.replace('_', '-')}"


def _keywords(annotations: Annotations) -> Schema:
    return {keyword(name): value for name, value in annotations.items()}


def _bounds(field: Field) -> str:
    if field.sensitivity == "secret":
        return "Any JSON value; the log keeps its fingerprint."
    size, depth, keys = field.json_bounds
    return (
        f"Any JSON value. One of more than {size} bytes, {depth} levels or {keys} names is replaced when it "
        "is stored, and noted in alterations."
    )


def _or_null(schema: Schema) -> Schema:
    """The schema of what may be null: a field that can be left out, or a side of a change."""
    if schema.get("not") == {"type": "null"}:
        return {name: each for name, each in schema.items() if name != "not"}
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    values = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **values}


def _item(field: Field) -> Schema:
    if field.kind == "enum":
        stored = [value.stored for value in field.values]
        return {"type": "string" if isinstance(stored[0], str) else "integer", "enum": stored}
    if field.kind == "json":
        return {"not": {"type": "null"}}
    if field.kind == "boolean":
        return {"type": "boolean"}
    if field.kind == "number":
        return {"type": "number", **_given({"minimum": field.min, "maximum": field.max})}
    if field.kind == "integer":
        low = -MAX_INTEGER if field.min is None else field.min
        high = MAX_INTEGER if field.max is None else field.max
        return {"type": "integer", "minimum": low, "maximum": high}
    bounds = {
        "minLength": field.min_length,
        "maxLength": field.max_length,
        "pattern": patterns.BY_KIND.get(field.kind, field.pattern),
    }
    return {"type": "string", **_given(bounds)}


def _condition(event: Event, field: Field) -> Schema:
    name, when = field.stored_name, event.stored_when(field)
    return {
        "if": {
            "properties": {other: {"enum": values} for other, values in when.items()},
            "required": list(when),
        },
        # `required` beside a property of the same name: ajv's strictRequired wants both in one place.
        "then": {"properties": {name: {"not": {"type": "null"}}}, "required": [name]},
        "else": {"properties": {name: {"type": "null"}}},
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _given(values: dict[str, Any]) -> Schema:
    return {name: value for name, value in values.items() if value is not None}


def _text(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
