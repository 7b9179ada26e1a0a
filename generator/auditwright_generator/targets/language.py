"""JSON Schemas of the catalog language, for completion, hover texts and validation in editors.

There is one for each kind of file: the schema of `source/structure.py`, a description of every key, and the
fields and annotation keys of this catalog. It accepts everything that `check` accepts: unknown fields are not
suggested.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args

from auditwright_generator.model import OUTCOMES, AnnotationKey, Catalog, Field
from auditwright_generator.source.structure import ANNOTATION_OWNERS, DEFS, FileKind, Schema, schema_of
from auditwright_generator.targets.templating import header

KEYS: dict[str, dict[str, str]] = {
    "catalog": {
        "format": "The version of the catalog language.",
        "package": "The Python package to generate.",
        "distribution": "The name under which pip installs it.",
        "title": "The title of the reference.",
        "description": "What the catalog covers.",
        "version": "Stored with every entry; increase it with every change of the catalog.",
        "reserved": "Removed keys and names that must not be used again, with the reason.",
        "accepted": "The intended breaks of this version.",
        "annotation_keys": "The keys that annotations may have.",
        "annotations": "Facts about the catalog, for people and tools.",
        "suppress": "The rules to switch off for the whole catalog.",
        "levels": "The scopes of events; each has a folder.",
    },
    "annotation_key": {
        "title": "The title shown to people.",
        "type": "The type of a value.",
        "description": "What the value means.",
        "values": "The values of an enum with their titles; required for an enum.",
        "for": "What may have the annotation; by default everything.",
        "required": "Whether everything that may have it must have it; an event inherits.",
    },
    "level": {
        "title": "The title shown to people.",
        "description": "Which events belong to the level.",
        "metadata": "The fields of every event of the level.",
        "suppress": "The warnings to suppress here.",
    },
    "field": {
        "title": "The title shown to people.",
        "type": "The type of a value.",
        "description": "What the value means.",
        "stored_as": "The name in JSON, where it is no name of the catalog.",
        "values": "The values of an enum with their titles; required for an enum.",
        "min": "The minimum and maximum value, inclusive.",
        "max": "The minimum and maximum value, inclusive.",
        "min_length": "The minimum and maximum number of characters.",
        "max_length": "The minimum and maximum number of characters.",
        "pattern": "The pattern that the text must match.",
        "min_items": "The minimum and maximum number of items in a list.",
        "max_items": "The minimum and maximum number of items in a list.",
        "max_bytes": "The maximum size of a JSON value.",
        "max_depth": "The maximum depth of a JSON value.",
        "max_keys": "The maximum number of keys in a JSON value.",
        "unit": "The unit of a number, such as seconds.",
        "sensitivity": (
            "personal: errors do not show the value; secret: only a keyed fingerprint is stored."
        ),
        "entry": "The part of the entry that fills the field; callers do not pass it.",
        "column": "Whether the table has a separate column for the field, a text such as an ID.",
        "target": "The type of the object that a value identifies, such as model.",
        "since": "The version of the catalog that added the field.",
        "deprecated": "The field should no longer be used.",
        "annotations": "Facts about the field, for people and tools.",
        "suppress": "The warnings to suppress here.",
    },
    "enum_value": {
        "title": "The title shown to people.",
        "stored_as": "The value in JSON, a text or a whole number, where it is no name of the catalog.",
    },
    "category": {
        "category": "The name of the file, so that a copied file is noticed.",
        "order": "The position of the category in its level.",
        "title": "The title shown to people.",
        "description": "What the category covers.",
        "metadata": "The fields that the category gives to its events.",
        "annotations": "Facts about the category and its events, for people and tools.",
        "suppress": "The warnings to suppress in this file.",
        "events": "The events, in the order of the reference.",
    },
    "event": {
        "title": "The title shown to people.",
        "description": "What happened, and when it is recorded.",
        "message": "The description of an entry, with placeholders.",
        "failure_message": "The description of an entry of a failure; an event that has one can fail.",
        "metadata": "The fields of this event besides the shared ones.",
        "example": "The metadata of a valid call; {} if no field is required.",
        "since": "The version of the catalog that added the event.",
        "deprecated": "The event should no longer be used.",
        "annotations": "Facts about the event, for people and tools.",
        "aliases": "Former keys, under which older entries are stored.",
        "suppress": "The warnings to suppress here.",
    },
    "use": {
        "title": "A different title here.",
        "description": "A different description here.",
        "type": "The type of the field, repeated.",
        "required": "false: the value may be omitted.",
        "when": (
            "Required if every listed field has one of the listed values, refused otherwise. "
            "outcome, success or failure, is that of the entry; only it can be combined with required: false."
        ),
        "min": "A narrower range.",
        "max": "A narrower range.",
        "min_length": "A narrower length.",
        "max_length": "A narrower length.",
        "pattern": "Only if the field has none.",
        "min_items": "A narrower number of items.",
        "max_items": "A narrower number of items.",
        "max_bytes": "A smaller size.",
        "max_depth": "A smaller depth.",
        "max_keys": "A smaller number of keys.",
        "values": "The values of an enum that can occur here.",
    },
    "shared_use": {
        "only": "The events that have the field.",
        "except": "The events that do not have it; cannot be combined with only.",
    },
    "deprecation": {
        "since": "The version of the catalog that deprecated it.",
        "use": "The replacement: the name of a field or the full key of an event.",
        "note": "The reason, or what to do.",
    },
    "suppression": {
        "reason": "Why the finding is intended.",
        "until": 'The last day (UTC) on which it applies, such as "2027-01-31".',
    },
    "accepted_break": {
        "rule": "The rule that diff prints, such as BR203.",
        "at": "The key that diff prints.",
        "version": "The version of the catalog that introduces the break.",
        "reason": "Why the break is accepted.",
    },
}
"""The description of every key, by kind of mapping. The pages of the language have the same texts."""

KEYS["shared_use"] = {**KEYS["use"], **KEYS["shared_use"]}

_CATEGORY, _CATALOG = DEFS["category"]["properties"], DEFS["catalog"]["properties"]
_EVENT = _CATEGORY["events"]["additionalProperties"]
_FIELD = DEFS["fields"]["additionalProperties"]
KINDS: dict[str, Schema] = {
    "catalog": DEFS["catalog"],
    "annotation_key": _CATALOG["annotation_keys"]["additionalProperties"],
    "level": _CATALOG["levels"]["additionalProperties"],
    "field": _FIELD,
    "enum_value": _FIELD["properties"]["values"]["additionalProperties"]["then"],
    "category": DEFS["category"],
    "event": _EVENT,
    "use": _EVENT["properties"]["metadata"]["else"]["additionalProperties"],
    "shared_use": _CATEGORY["metadata"]["else"]["additionalProperties"],
    "deprecation": _EVENT["properties"]["deprecated"],
    "suppression": DEFS["suppress"]["additionalProperties"],
    "accepted_break": _CATALOG["accepted"]["items"],
}
"""The kinds of mapping that have fixed keys, with their schemas."""

_OUTCOME: Schema = {
    "title": "Outcome",
    "description": "Of the entry, in an event that has a failure_message.",
    "anyOf": [{"enum": list(OUTCOMES)}, {"type": "array"}],
}
_KNOWN_FIELDS, _KNOWN_ANNOTATIONS = "known_fields", "known_annotations"


def whole(catalog: Catalog) -> dict[str, str]:
    """`language/catalog.json`, `language/fields.json` and `language/category.json`."""
    fields, annotations = known_fields(catalog), known_annotations(catalog)
    comment = header(f"{catalog.folder}/").replace("\n", " ")
    made = {}
    for kind in get_args(FileKind):
        schema = {"$comment": comment, **editor_schema(kind, fields, annotations)}
        made[f"language/{kind}.json"] = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    return made


def known_fields(catalog: Catalog) -> dict[str, Schema]:
    """What an editor shows for each field of the catalog, by name."""
    found: dict[str, Field] = {}
    for event in catalog.events:
        for field in event.fields:
            found.setdefault(field.name, field)
    return {name: _shown(found[name]) for name in sorted(found)}


def _shown(field: Field) -> Schema:
    deprecated: Schema = {"deprecated": True} if field.deprecated else {}
    return {"title": field.title, "description": f"{field.type}: {field.description}", **deprecated}


def known_annotations(catalog: Catalog) -> dict[str, dict[str, Schema]]:
    """What an editor shows for each annotation key, by what may have it and by name."""
    return {
        owner: {key.name: _shown_key(key) for key in catalog.annotation_keys if owner in key.for_}
        for owner in ANNOTATION_OWNERS
    }


def _shown_key(key: AnnotationKey) -> Schema:
    """An enum offers its values, but accepts others: one may be in the catalog since the last `generate`."""
    told = f"{key.type}: {key.description}" if key.description else key.type
    values = [value.key for value in key.values]
    offered: Schema = {"anyOf": [{"enum": values}, {"type": "string"}]} if values else {}
    return {"title": key.title, "description": told} | ({"items": offered} if key.many else offered)


def editor_schema(
    kind: FileKind, fields: dict[str, Schema], annotations: Mapping[str, dict[str, Schema]] | None = None
) -> Schema:
    """The schema of one kind of file, with descriptions, the known fields and the known annotation keys."""
    defs: Schema = {}
    root = _rewritten(schema_of(kind), defs)
    for owner, keys in (annotations or {}).items():
        if keys and owner in defs:
            name = f"{_KNOWN_ANNOTATIONS}_of_{owner}"
            defs[owner]["properties"]["annotations"]["allOf"] = [{"$ref": f"#/$defs/{name}"}]
            defs[name] = {"type": "object", "properties": keys}
    if _KNOWN_FIELDS in json.dumps(defs):
        defs[_KNOWN_FIELDS] = {"type": "object", "properties": fields}
    return {**root, "$defs": dict(sorted(defs.items()))}


def _rewritten(schema: Any, defs: Schema) -> Any:
    """The schema, with everything it refers to and each kind of mapping moved to `defs`."""
    if isinstance(schema, list):
        return [_rewritten(each, defs) for each in schema]
    if not isinstance(schema, dict):
        return schema
    for kind, known in KINDS.items():
        if schema == known:
            return _define(kind, defs)
    made = {key: _rewritten(value, defs) for key, value in schema.items() if key != "$defs"}
    name = made.get("$ref", "").removeprefix("#/$defs/")
    if name in KINDS:
        return {**made, **_define(name, defs)}
    if name and name not in defs:
        defs[name] = _rewritten(DEFS[name], defs)
    if "description" in made.get("then", ()):
        # This description is for findings; an editor would show it instead of that of a field.
        made["then"].pop("description", None)
    if "pattern" in made and "description" in made:
        made["patternErrorMessage"] = f"Must be {made['description']}."
    return made


def _define(kind: str, defs: Schema) -> Schema:
    """A reference to the kind of mapping, which is added to `defs` with its descriptions."""
    if kind not in defs:
        properties = {
            key: {**_offering_fields(key, _rewritten(value, defs)), "description": KEYS[kind][key]}
            for key, value in KINDS[kind]["properties"].items()
        }
        defs[kind] = {**KINDS[kind], "properties": properties}
    return {"$ref": f"#/$defs/{kind}"}


def _offering_fields(key: str, schema: Schema) -> Schema:
    """The schema of a mapping with field names as keys, extended by the known fields."""
    offered = {"allOf": [{"$ref": f"#/$defs/{_KNOWN_FIELDS}"}]}
    if key == "metadata":
        return {**schema, "else": {**schema["else"], **offered}}
    if key == "when":
        return {**schema, "allOf": [*offered["allOf"], {"properties": {"outcome": _OUTCOME}}]}
    return {**schema, **offered} if key == "example" else schema
