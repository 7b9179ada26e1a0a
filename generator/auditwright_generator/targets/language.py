"""JSON Schemas of the catalog language for editors: they complete keys and fields, explain, and underline.

A schema for each kind of file, of the format itself (`structure.py`) with a description for every key, and of
the fields that this catalog has. It never refuses what `check` accepts: an unknown field is only not offered.
"""

from __future__ import annotations

import json
from typing import Any, get_args

from auditwright_generator.model import Catalog, Field
from auditwright_generator.source.structure import DEFS, FileKind, Schema, schema_of
from auditwright_generator.targets.templating import header

KEYS: dict[str, dict[str, str]] = {
    "catalog": {
        "format": "The version of this language.",
        "package": "The Python package to generate.",
        "title": "The head of the reference.",
        "description": "What the catalog covers.",
        "version": "Stored with every entry; raise it when the catalog changes.",
        "reserved": "What may never come back, with the reason.",
        "accepted": "The breaks that this version makes on purpose.",
        "suppress": "The warnings that are meant anywhere.",
        "levels": "The scopes of events; each is a folder.",
    },
    "level": {
        "title": "What people read.",
        "description": "Which events belong here.",
        "metadata": "The fields that every event of the level carries.",
        "suppress": "The warnings that are meant here.",
    },
    "field": {
        "title": "What people read.",
        "type": "What a value is.",
        "description": "What the value means.",
        "values": "The values of an enum, which must have some, with what people read.",
        "min": "The least and the greatest value, both allowed.",
        "max": "The least and the greatest value, both allowed.",
        "min_length": "The fewest and the most characters.",
        "max_length": "The fewest and the most characters.",
        "pattern": "What the text must match.",
        "min_items": "The fewest and the most items of a list.",
        "max_items": "The fewest and the most items of a list.",
        "unit": "What a number counts, such as seconds.",
        "sensitivity": (
            "personal: errors do not repeat the value; secret: only a keyed fingerprint is kept."
        ),
        "entry": "The entry itself fills the field; nobody passes it.",
        "column": "The field, one text such as an id, has a column of its own in the table, for queries.",
        "since": "The version of the catalog that brought the field.",
        "deprecated": "The field is on its way out.",
        "suppress": "The warnings that are meant here.",
    },
    "category": {
        "category": "The file's name again, so that a copied file is noticed.",
        "order": "Where the category stands among those of its level.",
        "title": "What people read.",
        "description": "What the category covers.",
        "metadata": "The fields that the category gives to its events.",
        "suppress": "The warnings that are meant in this file.",
        "events": "What can happen, in the order of the reference.",
    },
    "event": {
        "title": "What people read.",
        "description": "What happened, and when it is recorded.",
        "message": "The description of an entry, with placeholders.",
        "metadata": "The fields that this event carries besides the shared ones.",
        "example": "A right call; {} where nothing is required.",
        "since": "The version of the catalog that brought the event.",
        "deprecated": "The event is on its way out.",
        "aliases": "Keys under which older entries are stored.",
        "suppress": "The warnings that are meant here.",
    },
    "use": {
        "title": "Another title here.",
        "description": "Another meaning here.",
        "type": "The same type, said again.",
        "required": "false: the value may be left out.",
        "when": (
            "Required exactly when every named field has one of its values, and refused otherwise; "
            "never together with required."
        ),
        "min": "A narrower range.",
        "max": "A narrower range.",
        "min_length": "A narrower length.",
        "max_length": "A narrower length.",
        "pattern": "Only where the field has none.",
        "min_items": "A narrower count.",
        "max_items": "A narrower count.",
        "values": "The values of an enum that can occur here.",
    },
    "shared_use": {
        "only": "The events that carry the field.",
        "except": "The events that do not; never together with only.",
    },
    "deprecation": {
        "since": "The version of the catalog that deprecated it.",
        "use": "The field's name, or the event's whole key, that replaces it.",
        "note": "Why, or what to do.",
    },
    "suppression": {
        "reason": "Why it is meant.",
        "until": 'The last day (UTC) on which it holds, such as "2027-01-31".',
    },
    "accepted_break": {
        "rule": "The rule that diff names, such as BR203.",
        "at": "What it is about, as diff names it.",
        "version": "The version of the catalog that makes the break.",
        "reason": "Why it is worth it.",
    },
}
"""What every key means, by the kind of mapping that it stands in. catalog/README.md says the same."""

KEYS["shared_use"] = {**KEYS["use"], **KEYS["shared_use"]}

_CATEGORY, _CATALOG = DEFS["category"]["properties"], DEFS["catalog"]["properties"]
_EVENT = _CATEGORY["events"]["additionalProperties"]
KINDS: dict[str, Schema] = {
    "catalog": DEFS["catalog"],
    "level": _CATALOG["levels"]["additionalProperties"],
    "field": DEFS["fields"]["additionalProperties"],
    "category": DEFS["category"],
    "event": _EVENT,
    "use": _EVENT["properties"]["metadata"]["else"]["additionalProperties"],
    "shared_use": _CATEGORY["metadata"]["else"]["additionalProperties"],
    "deprecation": _EVENT["properties"]["deprecated"],
    "suppression": DEFS["suppress"]["additionalProperties"],
    "accepted_break": _CATALOG["accepted"]["items"],
}
"""The kinds of mapping with keys of the language, and what the format says of each."""

_KNOWN_FIELDS = "known_fields"


def whole(catalog: Catalog) -> dict[str, str]:
    """`language/catalog.json`, `language/fields.json` and `language/category.json`."""
    fields = known_fields(catalog)
    comment = header(f"{catalog.folder}/").replace("\n", " ")
    made = {}
    for kind in get_args(FileKind):
        schema = {"$comment": comment, **editor_schema(kind, fields)}
        made[f"language/{kind}.json"] = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    return made


def known_fields(catalog: Catalog) -> dict[str, Schema]:
    """What an editor shows of each field of the catalog, by name."""
    found: dict[str, Field] = {}
    for event in catalog.events:
        for field in event.fields:
            found.setdefault(field.name, field)
    return {name: _shown(found[name]) for name in sorted(found)}


def _shown(field: Field) -> Schema:
    deprecated: Schema = {"deprecated": True} if field.deprecated else {}
    return {"title": field.title, "description": f"{field.type}: {field.description}", **deprecated}


def editor_schema(kind: FileKind, fields: dict[str, Schema]) -> Schema:
    """The schema of one kind of file, with descriptions and the known fields."""
    defs: Schema = {}
    root = _rewritten(schema_of(kind), defs)
    if _KNOWN_FIELDS in json.dumps(defs):
        defs[_KNOWN_FIELDS] = {"type": "object", "properties": fields}
    return {**root, "$defs": dict(sorted(defs.items()))}


def _rewritten(schema: Any, defs: Schema) -> Any:
    """The schema with all that it refers to in `defs`, and each kind of mapping there too."""
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
    if "then" in made:
        # Words for a finding, which would stand in the place of what a known field is.
        made["then"].pop("description", None)
    if "pattern" in made and "description" in made:
        made["patternErrorMessage"] = f"Must be {made['description']}."
    return made


def _define(kind: str, defs: Schema) -> Schema:
    """A reference to the kind of mapping, which stands in `defs` with its descriptions from then on."""
    if kind not in defs:
        properties = {
            key: {**_offering_fields(key, _rewritten(value, defs)), "description": KEYS[kind][key]}
            for key, value in KINDS[kind]["properties"].items()
        }
        defs[kind] = {**KINDS[kind], "properties": properties}
    return {"$ref": f"#/$defs/{kind}"}


def _offering_fields(key: str, schema: Schema) -> Schema:
    """The schema of what is mapped from names of fields, with the known ones beside it."""
    offered = {"allOf": [{"$ref": f"#/$defs/{_KNOWN_FIELDS}"}]}
    if key == "metadata":
        return {**schema, "else": {**schema["else"], **offered}}
    return {**schema, **offered} if key in ("when", "example") else schema
