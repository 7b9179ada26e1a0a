"""`catalog.json` -> `model.Catalog`: the inverse of `targets/registry.py`.

What catalog.json does not hold stays empty: the files that things came from. Keys of newer generators are
passed over, and those that older ones did not write are as by default; everything else that does not fit
is refused, so that nobody after this has to expect it.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from auditwright_generator.model import (
    Catalog,
    Category,
    Condition,
    Deprecated,
    EnumValue,
    Event,
    Field,
    Level,
    Scalar,
    Shared,
    Value,
)
from auditwright_generator.source.structure import DEFS, KINDS

Form = dict[str, Any]


class UnknownForm(ValueError):
    """The text is no catalog.json; says why."""


def read_catalog_json(data: bytes) -> Catalog:
    """The catalog of a catalog.json; raises `UnknownForm`."""
    form = _parse(data)
    if not isinstance(form, dict) or "levels" not in form or "format" not in form:
        raise UnknownForm("it is JSON, and no catalog.json")
    if form["format"] != 1:
        raise UnknownForm("it is of another format than 1; compare with this generator's or a newer one's")
    catalog = Catalog(
        package=_matching(form, "package", "name"),
        title=_text(form, "title"),
        description=_text(form, "description", ""),
        version=_matching(form, "version", "version"),
        levels=tuple(_level(each) for each in _forms(form, "levels")),
    )
    _refuse_twins("level", (level.name for level in catalog.levels))
    _refuse_twins("category", (category.key for category in catalog.categories))
    _refuse_twins("event", (event.key for event in catalog.events))
    return catalog


def _parse(data: bytes) -> object:
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise UnknownForm("it is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0] if isinstance(error, ValueError) else "it is nested too deep"
        raise UnknownForm(f"it is no JSON ({reason})") from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _refuse_twins(what: str, keys: Iterator[str]) -> None:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise UnknownForm(f"it has the {what} {key} twice")
        seen.add(key)


# --- levels, categories, events -------------------------------------------------------------------------


def _level(form: Form) -> Level:
    name = _matching(form, "name", "name")
    return Level(
        name=name,
        title=_text(form, "title"),
        description=_text(form, "description", ""),
        metadata=_shared(form),
        categories=tuple(_category(each, name) for each in _forms(form, "categories")),
    )


def _category(form: Form, level: str) -> Category:
    name = _matching(form, "name", "name")
    key = f"{level}.{name}"
    return Category(
        key=_same(form, key),
        name=name,
        title=_text(form, "title"),
        description=_text(form, "description", ""),
        metadata=_shared(form),
        events=tuple(_event(each, key) for each in _forms(form, "events")),
        source="",
    )


def _event(form: Form, category: str) -> Event:
    name = _matching(form, "name", "name")
    fields = tuple(_field(each) for each in _forms(form, "fields"))
    key = _same(form, f"{category}.{name}")
    _refuse_twins(f"field of {key}", (field.name for field in fields))
    return Event(
        key=key,
        name=name,
        title=_text(form, "title"),
        description=_text(form, "description", ""),
        message=_text(form, "message", ""),
        fields=fields,
        example={
            _word(name, "example"): _value(value, "example") for name, value in _form(form, "example").items()
        },
        source="",
        since=_version(form, "since"),
        deprecated=_deprecated(form),
        aliases=tuple(_fitting(alias, "aliases", "key") for alias in _list(form, "aliases")),
    )


def _same(form: Form, key: str) -> str:
    """The key, which the form says as well."""
    if form.get("key", key) != key:
        raise UnknownForm(f"it has {key} under another key")
    return key


def _shared(form: Form) -> tuple[Shared, ...]:
    return tuple(
        Shared(
            field=_matching(each, "field", "name"),
            title=_text(each, "title"),
            only=tuple(_word(name, "only") for name in _list(each, "only")),
            except_=tuple(_word(name, "except") for name in _list(each, "except")),
        )
        for each in _forms(form, "metadata", optional=True)
    )


def _deprecated(form: Form) -> Deprecated | None:
    found = _form(form, "deprecated")
    if not found:
        return None
    return Deprecated(_matching(found, "since", "version"), _optional(found, "use"), _optional(found, "note"))


# --- fields ---------------------------------------------------------------------------------------------

_WORDS = {
    "kind": KINDS,
    "declared_in": ("level", "category", "event"),
    "sensitivity": ("public", "personal", "secret"),
    "entry": ("actor_id", "actor_name", "ip_address"),
}


def _field(form: Form) -> Field:
    """A field; what is not there is as by default."""
    facts: dict[str, Any] = {
        "name": _matching(form, "name", "name"),
        "title": _text(form, "title"),
        "description": _text(form, "description", ""),
        "kind": "",
        "many": _truth(form.get("many", False), "many"),
        "required": _truth(form.get("required", True), "required"),
        "declared_in": "event",
    }
    for name, words in _WORDS.items():
        if name in form or name == "kind":
            facts[name] = _one_of(form, name, words)
    for name, read in _READERS.items():
        if name in form:
            facts[name] = read(form[name], name)
    return Field(
        **facts,
        when=tuple(_conditions(form)),
        values=tuple(
            EnumValue(_fitting(key, "values", "name"), _word(title, "values"))
            for key, title in _form(form, "values").items()
        ),
        since=_version(form, "since"),
        deprecated=_deprecated(form),
    )


def _conditions(form: Form) -> Iterator[Condition]:
    for name, values in _form(form, "when").items():
        if not isinstance(values, list) or not values:
            raise UnknownForm('it has a "when" that is no list of values')
        yield Condition(_fitting(name, "when", "name"), tuple(_scalar(value, "when") for value in values))


def _number(value: object, name: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UnknownForm(f'it has a "{name}" that is no number')
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _count(value: object, name: str) -> int:
    number = _number(value, name)
    if not isinstance(number, int):
        raise UnknownForm(f'it has a "{name}" that is no whole number')
    return number


def _truth(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise UnknownForm(f'it has a "{name}" that is neither true nor false')
    return value


def _word(value: object, name: str) -> str:
    """Text that can be printed everywhere: half of a surrogate pair cannot."""
    if not isinstance(value, str) or any("\ud800" <= each <= "\udfff" for each in value):
        raise UnknownForm(f'it has a "{name}" that is no text')
    return value


_READERS: dict[str, Callable[[object, str], object]] = {
    "min": _number,
    "max": _number,
    "min_length": _count,
    "max_length": _count,
    "pattern": _word,
    "min_items": _count,
    "max_items": _count,
    "unit": _word,
    "column": _truth,
}


# --- parts of a form ------------------------------------------------------------------------------------


def _text(form: Form, name: str, default: str | None = None) -> str:
    if name not in form and default is not None:
        return default
    if name not in form:
        raise UnknownForm(f'it has something without a "{name}"')
    return _word(form[name], name)


def _optional(form: Form, name: str) -> str | None:
    return _word(form[name], name) if form.get(name) is not None else None


def _matching(form: Form, name: str, kind: str) -> str:
    """Text of a kind that the catalog's structure defines, such as `name` or `version`."""
    return _fitting(_text(form, name), name, kind)


def _fitting(value: object, name: str, kind: str) -> str:
    text = _word(value, name)
    definition = DEFS[kind]
    if len(text) > definition.get("maxLength", 200) or not re.search(definition["pattern"], text):
        raise UnknownForm(f'it has a "{name}" that is not {definition["description"]}')
    return text


def _version(form: Form, name: str) -> str | None:
    return _matching(form, name, "version") if form.get(name) is not None else None


def _one_of(form: Form, name: str, words: tuple[str, ...]) -> str:
    if form.get(name) not in words:
        raise UnknownForm(f'it has a "{name}" that is none of {", ".join(words)}')
    return str(form[name])


def _list(form: Form, name: str) -> list[Any]:
    found = form.get(name, [])
    if not isinstance(found, list):
        raise UnknownForm(f'it has "{name}" that is no list')
    return found


def _forms(form: Form, name: str, optional: bool = False) -> list[Form]:
    if name not in form and not optional:
        raise UnknownForm(f'it has something without "{name}"')
    found = _list(form, name)
    if not all(isinstance(each, dict) for each in found):
        raise UnknownForm(f'it has "{name}" that is no list of objects')
    return found


def _form(form: Form, name: str) -> Form:
    found = form.get(name) or {}
    if not isinstance(found, dict):
        raise UnknownForm(f'it has "{name}" that is no object')
    return found


def _scalar(value: object, name: str) -> Scalar:
    if isinstance(value, bool):
        return value
    return _word(value, name) if isinstance(value, str) else _number(value, name)


def _value(value: object, name: str) -> Value:
    return [_scalar(item, name) for item in value] if isinstance(value, list) else _scalar(value, name)
