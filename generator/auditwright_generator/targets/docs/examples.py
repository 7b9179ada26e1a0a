"""The example of an event: as JSON, as a call, as a query, and as the log shows the entry.

An event that can fail has the example of a failure too, which is derived from the other.

The description is rendered by the rules of the runtime, which the generator does not import; a test records
the examples and compares.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from auditwright_generator.message import BUILT_IN, pieces
from auditwright_generator.model import Catalog, Category, Event, Field, Scalar, Value
from auditwright_generator.targets.python_code import bracketed, fits, imports, literal, module_of
from auditwright_generator.targets.templating import markdown_cell, markdown_text

ACTOR = {"type": "user", "id": "u-17", "name": "Ada Lovelace"}
ADDRESS = "203.0.113.7"
TIME = "2026-01-31 09:30:00.000"

_MAX_BYTES = 4096
"""The most bytes of a stored text; the runtime cuts longer ones."""
_MAX_COMPARED = 60
"""The longest text that a query compares with."""
_TITLES = {"actor": "User or App Name", "ip_address": "IP Address"}


# --- the message -------------------------------------------------------------------------------------


def message(event: Event, message: str) -> str:
    """A message of the event in Markdown, with the fields named by their titles in emphasis."""
    titles = {field.name: field.title for field in event.metadata} | _TITLES
    parts = [(text, name) for text, name in pieces(" ".join(message.split())) if text or name]
    written = ""
    previous = False
    for index, (text, name) in enumerate(parts):
        next_is_field = index + 1 < len(parts) and parts[index + 1][1] is not None
        written += (
            _emphasized(titles.get(name, name), previous or next_is_field) if name else markdown_text(text)
        )
        previous = name is not None
    return written


def _emphasized(title: str, beside_another: bool) -> str:
    """Asterisks begin and end emphasis only beside letters and digits, and never beside each other."""
    text = markdown_text(" ".join(title.split()))
    if beside_another or not (text[:1].isalnum() and text[-1:].isalnum()):
        return f"<em>{text}</em>"
    return f"*{text}*"


def description(event: Event, failed: dict[str, Value] | None = None) -> str:
    """The description of the example's entry, or of one that failed, as the runtime renders it."""
    fields = {field.name: field for field in event.metadata}
    filled = {"actor": ACTOR["name"], "ip_address": ADDRESS}
    values = event.example if failed is None else failed
    text = ""
    for plain, name in pieces(event.message if failed is None else event.failure_message):
        if name is None:
            text += plain
        elif name in BUILT_IN:
            text += filled[name]
        else:
            text += _shown(values[name], fields[name])
    return _cut(text)


def _shown(value: Any, field: Field) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(item, field) for item in value)
    if field.change and isinstance(value, dict):
        return " -> ".join(
            "not set" if side is None else _shown(side, field) for side in (value["from"], value["to"])
        )
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field.kind == "number":
        return str(float(value) or 0.0)  # never -0.0
    text = str(value).replace("\0", "\ufffd")
    if field.kind == "timestamp":
        return _in_utc(text)
    if field.kind == "uuid":
        return text.lower()
    titles = {each.key: each.title for each in field.values}
    return titles.get(text, _cut(text))


def _in_utc(text: str) -> str:
    moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _cut(text: str) -> str:
    content = text.encode()
    if len(content) <= _MAX_BYTES:
        return text
    return content[: _MAX_BYTES - len("…".encode())].decode(errors="ignore") + "…"


def rows(category: Category, event: Event) -> list[list[str]]:
    """The cells of the entries of a success and a failure, as Markdown, in the order of an exported CSV."""
    failed = event.failure_example
    descriptions = [description(event), *([description(event, failed)] if failed is not None else [])]
    return [
        [TIME, *map(markdown_cell, (event.title, category.title, each, ACTOR["name"])), ADDRESS]
        for each in descriptions
    ]


# --- JSON and Python ---------------------------------------------------------------------------------


FAILURE = {"outcome": "failure", "failure_reason": "The request was refused."}
"""What the example of a failure has besides its metadata, in JSON and as options."""


def json_form(event: Event, failed: dict[str, Value] | None = None) -> str:
    """The entry that a service sends."""
    form: dict[str, Any] = {
        "event": event.key,
        "actor": ACTOR,
        "ip_address": ADDRESS,
        **(FAILURE if failed is not None else {}),
        "metadata": event.stored_form(event.example if failed is None else failed),
    }
    return json.dumps(form, indent=2, ensure_ascii=False)


def call(category: Category, event: Event, failed: dict[str, Value] | None = None) -> str:
    """The emitter call that records the example."""
    emitter = f"audit.{category.path.replace('/', '.')}.{event.name}"
    fields = {field.name: field for field in event.fields}
    values = event.example if failed is None else failed
    given = [(name, _python(value, fields[name])) for name, value in values.items()]
    given += [(name, literal(value)) for name, value in FAILURE.items() if failed is not None]
    arguments = "".join(f"    {name}={value},\n" for name, value in given)
    has_changes = any(fields[name].change for name in values)
    head = f"{imports({'auditwright': ['Change']})}\n\n" if has_changes else ""
    return f"{head}{emitter}(\n{arguments})" if arguments else f"{emitter}()"


def _python(value: Value, field: Field) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_python(item, field) for item in value)}]"
    if field.change and isinstance(value, dict):
        return f"Change({literal(value['from'])}, {literal(value['to'])})"
    if isinstance(value, dict):
        members = (f"{literal(name)}: {_python(item, field)}" for name, item in value.items())
        return f"{{{', '.join(members)}}}"
    return literal(value)


def query(catalog: Catalog, category: Category, event: Event) -> str:
    """A query for the entries of the event through its view class, newest first."""
    cls = event.class_name
    conditions = [f'{cls}.account_id == "acme"', *_condition(event)]
    modules = {
        module_of(catalog, category, "tables"): [cls],
        "sqlmodel": ["Session", "col", "select"],
    }
    return "\n".join(
        [
            imports(modules),
            "",
            *_statement(cls, conditions),
            "with Session(engine) as session:",
            "    entries = session.exec(query).all()",
        ]
    )


def _statement(cls: str, conditions: list[str]) -> list[str]:
    """The assignment of the query, on one line if it fits."""
    order = f".order_by(col({cls}.id).desc())"
    line = f"query = select({cls}).where({', '.join(conditions)}){order}"
    if fits(line):
        return [line]
    where = bracketed(".where(", conditions, ")", 4)
    return ["query = (", f"    select({cls})", f"    {where}", f"    {order}", ")"]


def _condition(event: Event) -> list[str]:
    """A condition that the example fulfils: on a field of its own, if it has one that can be compared."""
    for field in sorted(event.metadata, key=lambda field: field.declared_in != "event"):
        value = event.example.get(field.name)
        if value is not None and field.sensitivity != "secret" and field.kind not in _NOT_COMPARED:
            comparison = _comparison(f"{event.class_name}.{field.name}", field, value)
            if comparison:
                return [comparison]
    return []


_NOT_COMPARED = ("timestamp", "date", "uuid")
"""Types whose values a query would need a class for."""


def _comparison(column: str, field: Field, value: Any) -> str | None:
    if field.change:
        side, column_of_side = next(
            (value[side], f"{column}_{side}") for side in ("to", "from") if value[side] is not None
        )
        return _comparison(column_of_side, replace(field, change=False), side)
    if isinstance(value, dict):
        return None
    if isinstance(value, list):
        items: list[Scalar] = [item for item in value if _is_short(item)]
        first = [str(items[0]) if field.kind == "bigint" else items[0]] if items else []
        return f"col({column}).contains({literal(first[0])})" if first else None
    if isinstance(value, bool):
        return f"col({column}).is_({value})"
    if field.kind in ("integer", "number", "bigint"):
        return f"col({column}) >= {literal(value)}"
    return f"{column} == {literal(value)}" if _is_short(value) else None


def _is_short(value: Scalar) -> bool:
    return not isinstance(value, str) or (len(value) <= _MAX_COMPARED and "\0" not in value)
