"""The OpenAPI document beyond the routes: parameters, schemas, and examples from the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditwright.actor import ACTOR_TYPES
from auditwright.catalog import SYSTEM_LEVEL
from auditwright.damage import PARTS
from auditwright.entry_context import LIMITS, MAX_SUBMITTED_BY, SUBMITTED_BY
from auditwright.limits import MAX_FAILURE_REASON
from auditwright.reading.filters import FIELDS, MATCHES, MAX_CONDITIONS, OPERATORS
from auditwright.reading.pages import MAX_PAGE, MAX_SEARCH, MIN_SEARCH
from auditwright.server.downloads import MEDIA
from auditwright.server.problems import TITLES
from auditwright.server.view import LIMIT, PERIODS
from auditwright.transfer.text_export import SEPARATORS

if TYPE_CHECKING:
    from fastapi import FastAPI

    from auditwright.catalog import Catalog, Event

DESCRIPTION = """\
Entries of the audit log: list, read, export and record them.

Reading is limited to one account, newest first; a page has the cursors of its neighbours. The query of a list
is the same as that of the Audit Logs page. Errors are problem details (RFC 9457); `errors` names each invalid
part of a request with its path.
"""
MAX_ENTRIES = 1000
"""Entries in one recording request."""

TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}
_ID = {"type": "string", "format": "uuid"}
_RETRY_AFTER = {
    "Retry-After": {"description": "After how many seconds to try again.", "schema": {"type": "integer"}}
}

_ON_BEHALF_OF = {
    "type": "object",
    "required": ["type", "id"],
    "properties": {"type": {"enum": ["user", "app"]}, "id": TEXT, "name": TEXT},
    "additionalProperties": False,
}


SCHEMAS: dict[str, dict[str, Any]] = {
    "Problem": {
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"enum": [f"urn:auditwright:{kind}" for kind in TITLES]},
            "title": TEXT,
            "status": {"type": "integer"},
            "detail": TEXT,
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["path", "expected", "got"],
                    "properties": {"path": TEXT, "expected": TEXT, "got": TEXT},
                },
            },
        },
    },
    "Actor": {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(ACTOR_TYPES)}, "id": TEXT, "name": TEXT},
        "additionalProperties": False,
    },
    "Entry": {
        "type": "object",
        "description": "One recorded occurrence of an event.",
        "required": [
            "id", "account_id", "event", "occurred_at", "actor", "metadata", "recorded_at",
            "category", "description", "catalog_version",
        ],
        "properties": {
            "id": _ID,
            "account_id": TEXT,
            "event": TEXT,
            "occurred_at": _TIME,
            "actor": {"$ref": "#/components/schemas/Actor"},
            "on_behalf_of": {**_ON_BEHALF_OF, "description": "On whose behalf the actor acted."},
            "ip_address": TEXT,
            "outcome": {"enum": ["failure"], "description": "Absent from a success."},
            "failure_reason": {**TEXT, "maxLength": MAX_FAILURE_REASON},
            "context": {
                "type": "object",
                "properties": {
                    name: {**TEXT, "maxLength": limit}
                    for name, limit in {**LIMITS, SUBMITTED_BY: MAX_SUBMITTED_BY}.items()
                },
                "description": "The request, trace, session and client, as far as they are known; "
                "`submitted_by` is the type and the id of who sent the entry through the API.",
            },
            "metadata": {"type": "object"},
            "recorded_at": _TIME,
            "level": {**TEXT, "description": "Absent if the catalog had no levels."},
            "category": TEXT,
            "description": TEXT,
            "catalog_version": TEXT,
            "alterations": {"type": "object"},
            "damaged": {
                "type": "array",
                "items": {"enum": list(PARTS)},
                "description": "The parts that no log can have written, such as a time outside of the "
                "calendar; the nearest readable values stand in for them. Absent from other entries.",
            },
        },
        "additionalProperties": False,
    },
    "NewEntry": {
        "type": "object",
        "description": "An entry to record. /api/events/{key}/schema has the JSON Schema of each event.",
        "required": ["event", "metadata"],
        "properties": {
            "event": {
                **TEXT,
                "not": {"pattern": f"^{SYSTEM_LEVEL}[.]"},
                "description": f"The key of an event. Auditwright alone records those of the level "
                f"{SYSTEM_LEVEL}.",
            },
            "metadata": {
                "type": "object",
                "description": "The fields of the event by their names. Null for one that is not required "
                "means that it is not given.",
            },
            "actor": {
                "$ref": "#/components/schemas/Actor",
                "description": "Yourself by default; another one needs the right to impersonate.",
            },
            "on_behalf_of": {
                **_ON_BEHALF_OF,
                "description": "The user or app on whose behalf the actor acted.",
            },
            "outcome": {
                "enum": ["success", "failure"],
                "description": "A success by default. Only an event with a message for failures can fail.",
            },
            "failure_reason": {
                **TEXT,
                "minLength": 1,
                "maxLength": MAX_FAILURE_REASON,
                "description": "Why it failed; only with a failure.",
            },
            "context": {
                "type": "object",
                "properties": dict.fromkeys(LIMITS, TEXT),
                "additionalProperties": False,
                "description": "The request, trace, session and client. Longer texts are truncated.",
            },
            "ip_address": {
                **TEXT,
                "description": "The address of your request by default; another one needs the right to "
                "impersonate.",
            },
            "account_id": TEXT,
            "id": _ID,
            "occurred_at": {
                **_TIME,
                "description": "With Z or any offset; no leap seconds. A time before the last hour needs the "
                "right to impersonate; so does an id that states one.",
            },
        },
        "additionalProperties": False,
    },
    "Result": {
        "type": "object",
        "description": "The result of one entry of an array: stored (201), stored until the database is back "
        "(202), or the problem.",
        "required": ["status"],
        "properties": {
            "status": {"type": "integer"},
            "entry": {"$ref": "#/components/schemas/Entry"},
            "problem": {"$ref": "#/components/schemas/Problem"},
        },
        "additionalProperties": False,
    },
}  # fmt: skip
"""The components of the document, by name."""


def reference(name: str) -> dict[str, str]:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def object_schema(**properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object with these required properties."""
    return {"type": "object", "required": list(properties), "properties": properties}


def responses_of(
    schema: dict[str, Any], *problems: int, status: int = 200
) -> dict[int | str, dict[str, Any]]:
    """The responses of an operation: JSON of a schema, and its possible problems."""
    return {
        status: {"description": "Done", "content": {"application/json": {"schema": schema}}},
        **{each: _problem(each) for each in sorted({*problems, 401, 403})},
    }


def _problem(status: int) -> dict[str, Any]:
    response = {
        "description": "Problem",
        "content": {"application/problem+json": {"schema": reference("Problem")}},
    }
    return response | ({"headers": _RETRY_AFTER} if status == 429 else {})


def _parameter(name: str, description: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}


ACCOUNT = _parameter("account", "The account; your first one by default.", {"type": "string"})
SELECTION = [
    ACCOUNT,
    _parameter("match", "Whether all conditions must hold, or any of them.", {"enum": list(MATCHES)}),
    _parameter(
        "where",
        f"A condition, field:operator:value; fields: {', '.join(FIELDS)}; operators: {', '.join(OPERATORS)}. "
        "The value of `target` is a type and an id, such as target:is:model:m-17; /api/events has the types.",
        {"type": "array", "maxItems": MAX_CONDITIONS, "items": {"type": "string"}},
    ),
    _parameter("period", "The time range.", {"enum": list(PERIODS)}),
    _parameter(
        "from",
        "The start of a custom range: a day, a minute or a time of RFC 3339.",
        TEXT,
        example="2026-01-31",
    ),
    _parameter(
        "to",
        "Its end: a day or a minute is included, a time with seconds is not.",
        TEXT,
        example="2026-01-31T09:30",
    ),
    _parameter("zone", "The time zone of a custom range (IANA).", TEXT, example="Europe/Berlin"),
    _parameter(
        "search",
        "Text in the description, in any case.",
        {"type": "string", "minLength": MIN_SEARCH, "maxLength": MAX_SEARCH},
    ),
]
PAGING = [
    _parameter(
        "limit",
        f"Entries on a page, {LIMIT} by default.",
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE},
    ),
    _parameter("after", "The `next` of a page, to read the older one, with the same selection.", TEXT),
    _parameter(
        "before",
        "The `previous` of a page, to read the newer one, still newest first; not with `after`.",
        TEXT,
    ),
    _parameter("at", "The end of 24h, 7d and 30d; the same for all pages of a list.", _TIME),
]
EXPORT_OPTIONS = [
    _parameter(
        "format",
        "CSV for spreadsheets, or JSON Lines without loss; csv by default.",
        {"enum": list(MEDIA)},
    ),
    _parameter(
        "excel",
        "CSV that Excel opens by a double click, with a byte order mark and times in whole seconds: "
        "semicolon where the decimal sign of the user's system is a comma, else comma. Not with jsonl.",
        {"enum": list(SEPARATORS)},
    ),
]
REQUESTED_WITH = {
    "name": "X-Requested-With",
    "in": "header",
    "description": "Any value. Without it the status is 403, as a link could have started the export.",
    "schema": TEXT,
}
EXPORT_FORM = {
    "type": "object",
    "properties": {
        each["name"]: {**each["schema"], "description": each["description"]}
        for each in (*SELECTION, *EXPORT_OPTIONS)
    },
    "additionalProperties": False,
    "example": {"format": "jsonl", "period": "24h", "where": ["user:is:u-17"]},
}


def file_responses(*problems: int) -> dict[int | str, dict[str, Any]]:
    """The responses of an export, with problems besides those that every export has."""
    types = {each.partition(";")[0]: {"schema": TEXT} for each in MEDIA.values()}
    return {
        **responses_of({}, 400, 404, 429, 503, *problems),
        200: {"description": "The file", "content": types},
    }


def describe(app: FastAPI, catalog: Catalog) -> None:
    """Add the schemas, and examples from the catalog, to the application's document."""
    generate = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = generate()
            made.setdefault("components", {})["schemas"] = SCHEMAS
            _remove_framework_errors(made)
            post = made["paths"]["/api/entries"]["post"]
            post["requestBody"]["content"]["application/json"]["examples"] = _examples(catalog)
        assert app.openapi_schema is not None  # noqa: S101 - for type checkers
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _remove_framework_errors(made: dict[str, Any]) -> None:
    """Remove the 422 responses that FastAPI adds; the application returns problems instead."""
    for operations in made["paths"].values():
        for operation in operations.values():
            found = operation["responses"].get("422", {}).get("content", {})
            if "application/problem+json" not in found:
                operation["responses"].pop("422", None)


def _examples(catalog: Catalog) -> dict[str, Any]:
    """One entry of each level, and all of them as an array; without secret fields, which need a key.

    Without levels there is one entry.
    """
    levels: dict[str, Event] = {}
    for event in catalog.events.values():
        if event.metadata and not any(field.sensitivity == "secret" for field in event.metadata):
            levels.setdefault(event.level or "entry", event)
    entries = {level: _entry(event) for level, event in levels.items()}
    several = {"summary": "Several entries", "value": list(entries.values())}
    return {level: {"summary": levels[level].title, "value": entry} for level, entry in entries.items()} | {
        "several": several
    }


def _entry(event: Event) -> dict[str, Any]:
    return {
        "event": event.key,
        "actor": {"type": "user", "id": "u-17", "name": "Ada Lovelace"},
        "ip_address": "203.0.113.7",
        "metadata": event.example,
    }
