"""Random catalogs over the whole language, and random valid values for their fields.

A catalog is drawn as the content of its files. Names are small and different, because what `check` refuses is
tested elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from auditwright.catalog import Event, Field

Draw = Callable[[st.SearchStrategy[Any]], Any]
Files = dict[str, dict[str, Any]]

KINDS = (
    *("string", "integer", "number", "boolean", "timestamp", "date", "ip", "url", "email", "uuid", "bigint"),
    "enum",
)
STORED = ("{}Id", "addr.{}", "2{}", "{}-ref", "X:{}", "$ref/{}", "@{}#1")
RESERVED = ("id", "event", "category", "description", "session", "level", "metadata", "schema", "class")
"""Names that a field cannot have, and that it can be stored as."""
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
JSON_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e9, 1e9) | JSON_TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(JSON_TEXTS, inner, max_size=3),
    max_leaves=8,
).filter(lambda value: value is not None)

EXAMPLES: dict[str, Any] = {
    "string": "text",
    "integer": 3,
    "number": 0.5,
    "boolean": True,
    "timestamp": "2026-01-02T03:04:05.000000Z",
    "date": "2026-01-02",
    "ip": "203.0.113.7",
    "url": "https://example.com/x",
    "email": "ada@example.com",
    "uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "bigint": "9223372036854775807",
    "json": {"a": [1, None, {"b": "c"}]},
}
BY_KIND: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXTS,
    "integer": st.integers(-(2**53) + 1, 2**53 - 1),
    # Of one digit: the tests' PostgreSQL shows no more of a column to a program that asks for text.
    "number": st.sampled_from([0.0, 0.5, -2e-4, 3.0, -400.0, 2e10]),
    "boolean": st.booleans(),
    "timestamp": st.datetimes(datetime(1970, 1, 1), datetime(2400, 1, 1)).map(
        lambda moment: moment.replace(tzinfo=UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    ),
    "date": st.dates(date(1, 1, 1), date(9999, 12, 31)).map(date.isoformat),
    "ip": st.ip_addresses(v=4).map(str),
    "url": st.sampled_from(["https://example.com", "http://example.org/a?b=%20#c"]),
    "email": st.sampled_from(["ada@example.com", "o'neil+x@example.org"]),
    "uuid": st.uuids().map(str),
    "bigint": st.integers(-(2**63), 2**63 - 1).map(str),
    "json": JSON_VALUES,
}
"""Values in the JSON form."""


@st.composite
def catalogs(draw: Draw, package: str) -> Files:
    """The files of a catalog with one to three categories, by path."""
    has_levels = draw(st.booleans())
    fields = [draw(_fields(number)) for number in range(draw(st.integers(3, 8)))]
    by_name = dict(fields)
    files: Files = {
        "catalog.yaml": {
            "format": 1,
            "package": package,
            "title": "Random events",
            "version": "1.0.0",
            "annotation_keys": {
                "owner": {"title": "Owner", "type": "string"},
                "controls": {"title": "Controls", "type": "list of string", "for": ["event"]},
            },
            **({"levels": {"space": {"title": "Space"}}} if has_levels else {}),
        },
        "fields.yaml": by_name,
    }
    names = ["area", "zone"] if has_levels else ["area", "db.zone"]
    for category in names[: draw(st.integers(1, 2))]:
        path = f"space/{category}.yaml" if has_levels else f"{category}.yaml"
        files[path] = draw(_categories(category, by_name))
    return files


@st.composite
def _fields(draw: Draw, number: int) -> tuple[str, dict[str, Any]]:
    name = f"field_{number}"
    kind = draw(st.sampled_from((*KINDS, "json")))
    form = "" if kind == "json" else draw(st.sampled_from(["", "", "list of ", "change of "]))
    content: dict[str, Any] = {
        "title": f"Field {number}",
        "type": form + kind,
        "description": f"What field {number} was.",
        "sensitivity": draw(st.sampled_from(["public", "personal"])),
    }
    if kind == "enum":
        content["values"] = draw(_enum_values())
    if form == "list of ":
        content["max_items"] = 3
    if draw(st.booleans()):
        reserved = RESERVED[number % len(RESERVED)] if draw(st.booleans()) else ""
        content["stored_as"] = reserved or draw(st.sampled_from(STORED)).format(number)
    if draw(st.booleans()):
        content["annotations"] = {"owner": "team"}
    if kind == "string" and not form and draw(st.booleans()):
        content |= draw(st.sampled_from([{"column": True}, {"max_length": 12}]))
    if kind in ("string", "uuid", "integer", "bigint") and form != "change of " and "column" not in content:
        content |= draw(st.sampled_from([{}, {"target": "thing"}, {"target": "x_2"}]))
    return name, content


@st.composite
def _enum_values(draw: Draw) -> dict[str, Any]:
    stored: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"ready": None, "done": None},
                {"ready": "READY", "done": None},
                {"ready": 0, "done": 1, "other": 99},
                {"ready": "wont-fix", "done": "2fa"},
            ]
        )
    )
    return {
        key: key.title() if value is None else {"title": key.title(), "stored_as": value}
        for key, value in stored.items()
    }


@st.composite
def _categories(draw: Draw, category: str, fields: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    events = {f"thing_{done}": draw(_events(done, fields)) for done in ("added", "removed")}
    return {
        "category": category,
        "title": f"Category {category}",
        "description": "Things of a kind.",
        "events": events,
    }


@st.composite
def _events(draw: Draw, done: str, fields: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    chosen = draw(st.lists(st.sampled_from(sorted(fields)), min_size=1, unique=True))
    can_fail = draw(st.booleans())
    ways = [{}, {}, {"required": False}, *(_BY_OUTCOME if can_fail else ())]
    uses = {name: draw(st.sampled_from(ways)) for name in chosen}
    named = [name for name in chosen if not uses[name] and not fields[name]["type"].endswith("json")]
    values = " ".join(f"{{{name}}}" for name in named)
    return {
        "title": f"Thing {done}",
        "description": f"A thing was {done}.",
        "message": f"{{actor}} did it to {values}.",
        **({"failure_message": f"{{actor}} could not do it to {values}."} if can_fail else {}),
        "metadata": uses,
        "annotations": {"controls": ["C-1", "C-2"]},
        "example": {name: _example(fields[name]) for name in chosen if uses[name] not in _OF_FAILURES},
    }


_OF_FAILURES: tuple[dict[str, Any], ...] = (
    {"when": {"outcome": "failure"}},
    {"when": {"outcome": ["failure"]}, "required": False},
)
_BY_OUTCOME = (*_OF_FAILURES, {"when": {"outcome": "success"}})


def _example(field: Mapping[str, Any]) -> Any:
    form, _, kind = field["type"].rpartition(" of ")
    item = next(iter(field["values"])) if kind == "enum" else EXAMPLES[kind]
    return {"list": [item], "change": {"from": item, "to": None}}.get(form, item)


class _Dumper(yaml.SafeDumper):
    """Writes equal values out, because a catalog has no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def write_catalog(folder: Path, files: Files) -> None:
    """Write the files of a catalog."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
        (folder / path).write_text(text, "utf-8")


@st.composite
def metadata(draw: Draw, event: Event, outcome: str = "success") -> dict[str, Any]:
    """Valid metadata of an event in the JSON form."""
    fields = [field for field in event.metadata if field.outcome in ("", outcome)]
    return {field.name: draw(_values(field)) for field in fields if field.required or draw(st.booleans())}


def _values(field: Field) -> st.SearchStrategy[Any]:
    item = st.sampled_from(list(field.values)) if field.kind == "enum" else BY_KIND[field.kind]
    if field.max_length is not None:
        item = item.map(lambda text: text[: field.max_length])
    if field.change:
        return st.fixed_dictionaries({"from": st.none() | item, "to": st.none() | item})
    return st.lists(item, max_size=field.max_items) if field.many else item
