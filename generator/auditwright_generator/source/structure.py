"""The JSON Schema of the catalog format, and findings from its violations.

It covers the keys of a file and the types of their values; the checks cover how values relate. jsonschema-rs
validates. Only an invalid file loads jsonschema, whose errors become the findings.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, Literal

import jsonschema_rs

from auditwright_generator.findings import Finding, Rule, hint_for, join_words, nearest, quote
from auditwright_generator.names import identifier_for
from auditwright_generator.patterns import matches
from auditwright_generator.source.other_types import instead_of
from auditwright_generator.source.yaml_nodes import IMPLICIT_TYPE, INVALID, Node

FileKind = Literal["catalog", "fields", "category"]
Schema = dict[str, Any]
KeyPath = tuple[str | int, ...]

UNKNOWN_KEY = Rule("AC003", "unknown-key", "error", "an unknown key has no effect")
MISSING_KEY = Rule("AC004", "missing-key", "error", "schemas, emitters and docs need the key")
WRONG_TYPE = Rule("AC005", "wrong-value-type", "error", "the value has the wrong type")
FORMAT_VERSION = Rule("AC007", "unsupported-format", "error", "another format may give keys another meaning")
BAD_VALUE = Rule("AC012", "wrong-value", "error", "nothing can be generated from the value")
NAME_FORMAT = Rule("AC201", "name-format", "error", "names become identifiers in Python, SQL and JSON")
RULES = (UNKNOWN_KEY, MISSING_KEY, WRONG_TYPE, FORMAT_VERSION, BAD_VALUE, NAME_FORMAT)

_BASIC = (
    "string",
    "integer",
    "number",
    "boolean",
    "timestamp",
    "date",
    "ip",
    "url",
    "email",
    "uuid",
    "bigint",
)
KINDS = (*_BASIC, "enum", "json")
"""The types of a single value."""
PARTS = (*_BASIC, "enum")
"""The types of an item of a list and of a side of a change."""
TYPES = (*KINDS, *(f"list of {kind}" for kind in PARTS), *(f"change of {kind}" for kind in PARTS))
ANNOTATION_KINDS = ("string", "integer", "boolean", "date", "url", "enum")
"""The types of a single value of an annotation."""
ANNOTATION_TYPES = (*ANNOTATION_KINDS, *(f"list of {kind}" for kind in ("string", "url", "enum")))
ANNOTATION_OWNERS = ("catalog", "category", "event", "field")
LIMITS = (
    *("min", "max", "min_length", "max_length", "pattern", "min_items", "max_items"),
    *("max_bytes", "max_depth", "max_keys"),
)
"""The keys that constrain values. A use may narrow them."""

_LINE = r"[^ \t\n]([^\t\n]*[^ \t\n])?"
_NAME = r"[a-z][a-z0-9]*(_[a-z0-9]+)*"
_KEY = rf"{_NAME}(\.{_NAME})+"
_STORED_NAME = "[A-Za-z0-9_.:/@$#-]{1,63}"
_VERSION = r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"

_YAML_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
"""Words that are no texts to some readers of YAML."""
_DIFFERENT_NAMES = "a list of different names"


def _text(description: str, pattern: str, **more: Any) -> Schema:
    return {"type": "string", "pattern": f"^{pattern}$", "description": description, **more}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _mapping(properties: Schema, *required: str) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _named(values: Schema, **more: Any) -> Schema:
    """A mapping whose keys are names."""
    return {"type": "object", "propertyNames": _ref("name"), "additionalProperties": values, **more}


def _list_or(item: Schema, otherwise: Schema, **more: Any) -> Schema:
    """A list, or something else; if/then/else, because anyOf cannot say which of the two was meant."""
    array = {"type": "array", "items": item, "uniqueItems": True, **more}
    return {"if": {"type": "array"}, "then": array, "else": otherwise}


_LIMITS: Schema = {
    "min": {"type": "number"},
    "max": {"type": "number"},
    "min_length": {"type": "integer", "minimum": 0, "description": "0 or more"},
    "max_length": {"type": "integer", "minimum": 1, "description": "1 or more"},
    "pattern": {"type": "string", "minLength": 1, "description": "a pattern, not empty"},
    "min_items": {"type": "integer", "minimum": 0, "description": "0 or more"},
    "max_items": {"type": "integer", "minimum": 1, "description": "1 or more"},
    "max_bytes": {"type": "integer", "minimum": 2, "maximum": 32768, "description": "2 to 32768"},
    "max_depth": {"type": "integer", "minimum": 1, "maximum": 64, "description": "1 to 64"},
    "max_keys": {"type": "integer", "minimum": 0, "maximum": 10000, "description": "0 to 10000"},
}
_SUPPRESS: Schema = {"suppress": _ref("suppress")}
_ANNOTATIONS: Schema = {"annotations": _ref("annotations")}
_LIFECYCLE: Schema = {
    "since": _ref("version"),
    "deprecated": _mapping({"since": _ref("version"), "use": _ref("title"), "note": _ref("text")}, "since"),
}
_USE: Schema = {
    "title": _ref("title"),
    "description": _ref("text"),
    "type": {"enum": list(TYPES)},
    "required": {"type": "boolean"},
    "when": _named(
        _list_or(
            {"type": ["string", "boolean"]},
            {"type": ["string", "boolean"]},
            minItems=1,
            description="a list of different values, at least one",
        ),
        minProperties=1,
        description="a mapping from at least one field to its values",
    ),
    **_LIMITS,
    "values": _ref("names"),
}
_SHARED_USE: Schema = {**_USE, "only": _ref("names"), "except": _ref("names")}


def _uses(properties: Schema) -> Schema:
    return _list_or(_ref("name"), _named(_mapping(properties)), description=_DIFFERENT_NAMES)


_LEVEL = _mapping(
    {"title": _ref("title"), "description": _ref("text"), "metadata": _uses(_USE), **_SUPPRESS}, "title"
)
_ENUM_VALUE = _mapping(
    {
        "title": _ref("title"),
        "stored_as": {
            "type": ["string", "integer"],
            "pattern": f"^{_LINE}$",
            "maxLength": 200,
            "description": "a whole number, or one line of 1 to 200 characters, without spaces around it",
        },
    },
    "title",
)
_FIELD = _mapping(
    {
        "title": _ref("title"),
        "type": {"enum": list(TYPES)},
        "description": _ref("text"),
        "stored_as": _ref("stored_name"),
        "values": _named(
            {"if": {"type": "object"}, "then": _ENUM_VALUE, "else": _ref("title")},
            minProperties=1,
            description="a mapping from at least one key to its title",
        ),
        **_LIMITS,
        "unit": _ref("title"),
        "sensitivity": {"enum": ["public", "personal", "secret"]},
        "entry": {"enum": ["actor_id", "actor_name", "ip_address"]},
        "column": {"type": "boolean"},
        "target": _ref("target_type"),
        **_LIFECYCLE,
        **_ANNOTATIONS,
        **_SUPPRESS,
    },
    *("title", "type", "description"),
)
_SINGLE: Schema = {"type": ["string", "number", "boolean"]}
_ANNOTATION_KEY = _mapping(
    {
        "title": _ref("title"),
        "type": {"enum": list(ANNOTATION_TYPES)},
        "description": _ref("text"),
        "values": _named(
            _ref("title"), minProperties=1, description="a mapping from at least one key to its title"
        ),
        "for": {
            "type": "array",
            "items": {"enum": list(ANNOTATION_OWNERS)},
            "uniqueItems": True,
            "minItems": 1,
            "description": f"a list of {', '.join(ANNOTATION_OWNERS)}",
        },
        "required": {"type": "boolean"},
    },
    *("title", "type"),
)
_EVENT = _mapping(
    {
        "title": _ref("title"),
        "description": _ref("text"),
        "message": _ref("message"),
        "failure_message": _ref("message"),
        "metadata": _uses(_USE),
        "example": {
            "type": "object",
            # The types of the fields decide.
            "additionalProperties": {"type": ["string", "number", "boolean", "array", "object"]},
        },
        **_LIFECYCLE,
        **_ANNOTATIONS,
        "aliases": {
            "type": "array",
            "items": _ref("key"),
            "uniqueItems": True,
            "description": "a list of different keys",
        },
        **_SUPPRESS,
    },
    *("title", "description", "message", "example"),
)

DEFS: Schema = {
    "name": _text("lower-case letters, digits and single underscores, beginning with a letter", _NAME),
    "names": {
        "type": "array",
        "items": _ref("name"),
        "uniqueItems": True,
        "minItems": 1,
        "description": f"{_DIFFERENT_NAMES}, at least one",
    },
    "category_name": _text(
        "lower-case letters, digits and single underscores, beginning with a letter; "
        "without levels, several such names joined by dots",
        rf"{_NAME}(\.{_NAME})*",
    ),
    "stored_name": _text(
        "1 to 63 ASCII letters, digits and characters of _.:/@$#-, without spaces", _STORED_NAME
    ),
    "target_type": _text(
        "lower-case letters, digits and underscores, beginning with a letter, at most 40 characters",
        "[a-z][a-z0-9_]{0,39}",
    ),
    "annotations": _named(
        _list_or(_SINGLE, _SINGLE, minItems=1, description="a list of different values, at least one")
    ),
    "key": _text("the whole key of an event, such as level.category.event", _KEY),
    "reserved": _text(
        "the whole key of an event, the key of a category or the name of a field",
        rf"{_NAME}(\.{_NAME})*",
    ),
    "code": _text("the code of a rule, such as AC651", "[A-Z]{2}[0-9]{3}"),
    "date": _text('a date in quotes, such as "2027-01-31"', "[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "suppress": {
        "type": "object",
        "propertyNames": _ref("code"),
        "additionalProperties": _mapping({"reason": _ref("title"), "until": _ref("date")}, "reason"),
    },
    "distribution": _text(
        "lower-case letters, digits and single hyphens, such as acme-audit",
        "[a-z0-9]+(-[a-z0-9]+)*",
        maxLength=100,
    ),
    "version": _text("a version such as 1.0.0", _VERSION, maxLength=100),
    "title": _text("one line of 1 to 200 characters, without spaces around it", _LINE, maxLength=200),
    "message": _text("one line of 1 to 500 characters, without spaces around it", _LINE, maxLength=500),
    "text": {"type": "string", "pattern": r"[^ \t\n]", "description": "some text, not only spaces"},
    "catalog": _mapping(
        {
            "format": {"const": 1},
            "package": _ref("name"),
            "distribution": _ref("distribution"),
            "title": _ref("title"),
            "description": _ref("text"),
            "version": _ref("version"),
            "reserved": {
                "type": "object",
                "propertyNames": _ref("reserved"),
                "additionalProperties": _ref("title"),
            },
            "accepted": {
                "type": "array",
                "items": _mapping(
                    {
                        "rule": _ref("code"),
                        "at": _ref("title"),
                        "version": _ref("version"),
                        "reason": _ref("title"),
                    },
                    *("rule", "at", "version", "reason"),
                ),
            },
            "annotation_keys": _named(_ANNOTATION_KEY),
            **_ANNOTATIONS,
            **_SUPPRESS,
            "levels": _named(_LEVEL, minProperties=1, description="a mapping with at least one level"),
        },
        *("format", "package", "title", "version"),
    ),
    "fields": _named(_FIELD),
    "category": _mapping(
        {
            "category": _ref("category_name"),
            "order": {"type": "integer"},
            "title": _ref("title"),
            "description": _ref("text"),
            "metadata": _uses(_SHARED_USE),
            **_ANNOTATIONS,
            **_SUPPRESS,
            "events": _named(_EVENT),
        },
        *("category", "title", "description", "events"),
    ),
}


def is_name(text: str) -> bool:
    """Whether the text is a valid name."""
    return re.fullmatch(_NAME, text) is not None


def is_stored_name(text: str) -> bool:
    """Whether JSON can have a field of that name."""
    return re.fullmatch(_STORED_NAME, text) is not None


def schema_of(kind: FileKind) -> Schema:
    """The complete JSON Schema (2020-12) of one kind of file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_ref(kind), "$defs": DEFS}


@cache
def _decider(kind: FileKind) -> Callable[[object], bool]:
    return jsonschema_rs.validator_for(schema_of(kind)).is_valid


def check_structure(root: Node, kind: FileKind) -> tuple[Node, list[Finding]]:
    """The file with every violation marked as invalid, and one finding for each."""
    data: object = root.plain
    if root.value is INVALID or _decider(kind)(data):
        return root, []
    explained = _Explainer(root, kind).explain(data)
    if not explained and not root.invalid:
        # The two libraries disagree: report the file as a whole rather than accept it.
        explained = [((), BAD_VALUE.at(root.position, f"{_thing(kind, ())} does not fit the format"))]
    wrong = {path for path, _ in explained}
    return _without(root, wrong, ()), [finding for _, finding in explained]


def _without(node: Node, wrong: set[KeyPath | None], path: KeyPath) -> Node:
    """The node with everything at the wrong paths marked as invalid."""
    value = node.value
    if path in wrong:
        value = INVALID
    elif isinstance(value, dict):
        value = {key: _without(entry, wrong, (*path, key)) for key, entry in value.items()}
    elif isinstance(value, tuple):
        value = tuple(_without(item, wrong, (*path, index)) for index, item in enumerate(value))
    return Node(value, node.position, node.key_position, node.text)


_ONE_TYPE = (
    "write one type: json for values of several types, and required: false at a use whose value may be "
    "missing"
)
_WANTED = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
}


def _pattern_errors(validator: Any, pattern: str, instance: object, schema: Any) -> Iterator[Any]:
    """The keyword `pattern` for jsonschema, where `$` also matches before a final newline."""
    from jsonschema import ValidationError

    if isinstance(instance, str) and not matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


class _Explainer:
    """Turns the errors of jsonschema for one file into findings, one per mistake."""

    def __init__(self, root: Node, kind: FileKind) -> None:
        self.root = root
        self.kind: FileKind = kind

    def explain(self, data: Any) -> list[tuple[KeyPath | None, Finding]]:
        """The findings, each with the path to mark as invalid, or None."""
        from jsonschema import Draft202012Validator, validators

        extend: Any = validators.extend  # it has no types
        validator = extend(Draft202012Validator, {"pattern": _pattern_errors})(schema_of(self.kind))
        found: dict[object, tuple[KeyPath | None, Finding]] = {}
        for error in validator.iter_errors(data):
            path = tuple(error.absolute_path)
            if self._node(path).value is INVALID:
                continue
            for wrong, finding in self._explain_one(error, path):
                # One value can violate several keywords; the first is enough.
                found.setdefault((wrong or finding), (wrong, finding))
        return list(found.values())

    def _explain_one(self, error: Any, path: KeyPath) -> Iterator[tuple[KeyPath | None, Finding]]:
        node, thing = self._node(path), _thing(self.kind, path)
        if error.validator == "additionalProperties":
            yield from self._unknown_keys(node, thing, path, list(error.schema["properties"]))
        elif error.validator == "required":
            yield from self._missing_keys(node, thing, error.schema)
        elif "propertyNames" in error.relative_schema_path:
            key = str(error.instance)
            message = f"name {quote(key)} must be {error.schema['description']}"
            yield (
                None,
                NAME_FORMAT.at(node.entries[key].key_position, message + self._stored_as(node, path, key)),
            )
        elif error.validator == "type":
            yield path, self._wrong_type(node, thing, path, error.schema)
        elif error.validator == "const":
            message = f"format {quote(error.instance)} is unknown; this version reads format: 1"
            yield path, FORMAT_VERSION.at(node.position, message)
        elif error.validator == "enum":
            yield path, self._unknown_choice(node, thing, path, error.validator_value)
        elif not (error.validator == "minProperties" and node.invalid):
            names_something = error.schema in (DEFS["name"], DEFS["category_name"])
            rule = NAME_FORMAT if names_something else BAD_VALUE
            message = f"{thing}: {_slot(path)} must be {error.schema['description']}"
            yield path, rule.at(node.position, message)

    def _stored_as(self, node: Node, path: KeyPath, key: str) -> str:
        """What to write where JSON has the name: an identifier with `stored_as`; "" without a good one."""
        if self.kind == "fields" and not path and is_stored_name(key):
            name, form = identifier_for(key, "field"), "stored_as: {stored}, ..."
        elif self.kind == "fields" and path[1:] == ("values",):
            name, form = identifier_for(key, "value"), "title: {title}, stored_as: {stored}"
        elif path and path[-1] == "metadata" and identifier_for(key, "field"):
            return f"; write the field's name in the catalog, such as {identifier_for(key, 'field')}"
        elif path == ("events",) and (name := identifier_for(key, "event")):
            return f"; write {name}"
        else:
            return ""
        if not name or name in node.entries:
            return ""
        is_plain = re.fullmatch("[A-Za-z][A-Za-z0-9_.:/-]*[A-Za-z0-9]|-?(0|[1-9][0-9]*)", key)
        title = node.entries[key].text or "..."
        if not re.fullmatch("[A-Za-z][A-Za-z0-9 '_-]*", title) and title != "...":
            title = quote(title)
        stored = key if is_plain and key.lower() not in _YAML_WORDS else quote(key)
        return f"; write {name}: {{{form.format(stored=stored, title=title)}}}"

    def _unknown_keys(
        self, node: Node, thing: str, path: KeyPath, known: Sequence[str]
    ) -> Iterator[tuple[KeyPath, Finding]]:
        free = [key for key in known if key not in node.entries]
        for key, entry in node.entries.items():
            if key in known:
                continue
            message = f"{thing} has the unknown key {quote(key)}"
            if path and "metadata" in path and key in DEFS["fields"]["additionalProperties"]["properties"]:
                message += "; it belongs to the field itself, in fields.yaml"
            else:
                message += hint_for(key, free, f"the keys are {join_words(known)}")
            yield (*path, key), UNKNOWN_KEY.at(entry.key_position, message)

    def _unknown_choice(self, node: Node, thing: str, path: KeyPath, choices: Sequence[str]) -> Finding:
        is_type = list(choices) == list(TYPES)
        if is_type and not isinstance(node.value, str):
            message = f"{thing} has a type that is not text; {_ONE_TYPE}"
            return WRONG_TYPE.at(node.position, message)
        given = str(node.plain)
        unknown = f" has the unknown {path[-1]}" if isinstance(path[-1], str) else f": {_slot(path)} is"
        instead = instead_of(given, TYPES) if is_type else None
        hint = f"; {instead}" if instead else hint_for(given, choices)
        return BAD_VALUE.at(node.position, f"{thing}{unknown} {quote(given)}{hint}")

    def _missing_keys(self, node: Node, thing: str, schema: Schema) -> Iterator[tuple[None, Finding]]:
        unknown = [key for key in node.entries if key not in schema["properties"]]
        for key in schema["required"]:
            if key in node.entries or any(nearest(other, [key]) for other in unknown):
                continue  # the finding of the unknown key suggests the missing one
            yield None, MISSING_KEY.at(node.key_position, f"{thing} has no {quote(key)}; add {key}: ...")

    def _wrong_type(self, node: Node, thing: str, path: KeyPath, schema: Schema) -> Finding:
        wanted: str | list[str] = schema["type"]
        kinds = [wanted] if isinstance(wanted, str) else wanted
        words = " or ".join(_WANTED[kind] for kind in kinds)
        introduced = not path or thing != _thing(self.kind, path[:-1])
        where = thing if introduced else f"{thing}: {_slot(path)}"
        value = node.value
        if "string" in kinds and isinstance(value, bool | int | float):
            if not matches(schema.get("pattern", ""), node.text):  # quotes would not be enough
                message = f"{where} must be {schema['description']}, not {node.text}"
                return IMPLICIT_TYPE.at(node.position, message)
            message = f"{where} must be {words}, not {node.text}; quote it: {quote(node.text)}"
            return IMPLICIT_TYPE.at(node.position, message)
        if value is None and not path:
            keys = join_words(DEFS[self.kind]["required"]) if self.kind != "fields" else "its fields"
            return WRONG_TYPE.at(node.position, f"the file is empty; write {keys}")
        if value is None:
            empty = "{}" if "object" in kinds else "a value"
            return WRONG_TYPE.at(node.key_position, f"{where} must be {words}, but is empty; write {empty}")
        if isinstance(value, dict):
            got, hint = "a mapping", "; quote text that begins with {" if "string" in kinds else ""
        elif isinstance(value, tuple):
            got, hint = "a list", "; quote text that begins with [" if "string" in kinds else ""
            if self.kind == "fields" and path[1:] == ("values",):
                hint = f"; write a title for each value: {_titled(value)}"
        else:
            got, hint = quote(value), ""
        return WRONG_TYPE.at(node.position, f"{where} must be {words}, not {got}{hint}")

    def _node(self, path: KeyPath) -> Node:
        node = self.root
        for step in path:
            node = node.entries[step] if isinstance(step, str) else node.items[step]
        return node


def _titled(items: Sequence[Node]) -> str:
    """`{phone: Phone, web: Web}` for a list of names."""
    keys = [item.text for item in items if is_name(item.text)] or ["key"]
    pairs = [f"{key}: {key.replace('_', ' ').capitalize()}" for key in keys[:3]]
    return f"{{{', '.join(pairs)}{', ...' if len(items) > len(pairs) else ''}}}"


def _slot(path: KeyPath) -> str:
    """The last part of a path in words, such as `"title"` or `item 2 of "only"`."""
    if path and isinstance(path[-1], int):
        return f"item {path[-1] + 1} of {_slot(path[:-1])}"
    return quote(path[-1]) if path else "the file"


def _thing(kind: FileKind, path: KeyPath) -> str:
    """The subject of a path in words, such as `field "board_id"`."""
    match kind, path:
        case _, (*_, "suppress", str(code)) | (*_, "suppress", str(code), "reason" | "until"):
            return f"suppression of {code}"
        case "fields", (name, *_):
            return f"field {quote(name)}"
        case "catalog", ("levels", level, "metadata", str(field), *_):
            return f"field {quote(field)} of level {quote(level)}"
        case "catalog", ("accepted", int(index), *_):
            return f"accepted break {index + 1}"
        case "catalog", ("annotation_keys", key, *_):
            return f"annotation key {quote(key)}"
        case "catalog", ("levels", level, *_):
            return f"level {quote(level)}"
        case "category", ("events", event, "metadata", str(field), *_):
            return f"field {quote(field)} of event {quote(event)}"
        case "category", ("events", event, *_):
            return f"event {quote(event)}"
        case "category", ("metadata", str(field), *_):
            return f"shared field {quote(field)}"
        case "category", _:
            return "the category"
        case "fields", _:
            return "fields.yaml"
        case _:
            return "the catalog"
