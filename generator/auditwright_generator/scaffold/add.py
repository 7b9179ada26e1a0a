"""Adds one event, category, level or field to a catalog, unless `check` would object to it.

Only what has a better answer than a finding is refused here: an unknown place, or a name that is taken.
"""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from auditwright_generator.findings import hint_for, join_words, quote
from auditwright_generator.model import AnnotationKey, Event, Field
from auditwright_generator.names import identifier_for
from auditwright_generator.scaffold.derived_text import message_of
from auditwright_generator.scaffold.example_values import derive_example
from auditwright_generator.scaffold.insertion import CannotInsert, insert_entry
from auditwright_generator.scaffold.trial import Added, Refused, Trial, try_out
from auditwright_generator.scaffold.yaml_text import yaml_lines
from auditwright_generator.source.catalog_source import CatalogSource, CategorySource
from auditwright_generator.source.resolve import resolve_annotation_keys, resolve_fields
from auditwright_generator.source.structure import DEFS, is_name, is_stored_name
from auditwright_generator.source.yaml_nodes import Node, catalog_option, shown_path

Entry = dict[str, object]
"""An event, a category or a field as it stands in YAML; a key whose value is None is left out."""

_MODELINE = re.compile(r"# yaml-language-server: \$schema=(\S*)catalog\.json")

_OTHER_FILES = ("catalog.yaml", "fields.yaml")
"""Files beside those of the categories of a catalog without levels."""


def seems_to_have_levels(folder: Path) -> bool:
    """Whether catalog.yaml has levels, by a look at its text; true if that cannot be read."""
    try:
        return (
            re.search(r"^levels *:", (folder / "catalog.yaml").read_text("utf-8"), re.MULTILINE) is not None
        )
    except (OSError, ValueError):
        return True


def add_event(folder: Path, key: str, entry: Entry, example: Mapping[str, str]) -> Added:
    """Add an event to the file of its category; a missing message and missing example values are derived.

    Raises `Refused`, `NoExample` and `UnreadableCatalog`.
    """
    category_key, _, name = key.rpartition(".")
    with try_out(folder) as trial:
        level, category_name = _parts(trial, category_key, "event", key)
        categories = _categories(trial, level)
        if category_name not in categories:
            where = catalog_option(folder)
            hint = f"`auditwright new category {category_key}{where}` adds it"
            hint = hint_for(category_name, categories, hint)
            owner = f"level {level}" if level else "the catalog"
            raise Refused(f"{owner} has no category {quote(category_name)}{hint}")
        _refuse_name("event", key, {event.name: event.node for event in categories[category_name].events})
        path = _file_of(level, category_name)
        entry["annotations"] = _annotations(trial, entry)
        # The level and the category give fields to the event, too: only a copy that holds it knows all.
        fields = _fields_of(trial.source_with(path, _insert(trial, path, "events", name, entry)[0]), key)
        entry["message"] = entry["message"] or message_of(name, str(entry["title"]), fields)
        entry["example"] = derive_example(fields, example, _nearest(trial, category_key, level))
        return trial.write(path, *_insert(trial, path, "events", name, entry))


def add_category(folder: Path, key: str, entry: Entry) -> Added:
    """Add the file of a category without events; raises `Refused` and `UnreadableCatalog`."""
    with try_out(folder) as trial:
        level, name = _parts(trial, key, "category", key)
        entry["category"] = name
        siblings = {name: category.node for name, category in _categories(trial, level).items()}
        for part in name.split("."):
            _refuse_name("category", part, {})
        _refuse_taken("category", key, name, siblings)
        if _file_of(level, name) in _OTHER_FILES:
            reason = f"{name}.yaml is no file of a category"
            raise Refused(f"category {quote(name)} is refused: {reason}; choose another name")
        orders = [int(order.scalar) for node in siblings.values() if (order := node.get("order"))]
        if entry["order"] is None and orders:
            entry["order"] = max(orders) + 1
        entry["annotations"] = _annotations(trial, entry)
        head = _modeline(folder, "category.json", "../" if level else "")
        text = "".join(f"{'  ' * depth}{line}\n" for depth, line in yaml_lines(entry))
        return trial.write(_file_of(level, name), head + text, 1 + bool(head))


def add_level(folder: Path, name: str, entry: Entry) -> Added:
    """Add a level to catalog.yaml; raises `Refused` and `UnreadableCatalog`."""
    with try_out(folder) as trial:
        if not trial.before.source.has_levels and trial.before.source.categories:
            raise Refused(
                "the catalog has no levels, and its categories would be in none; "
                "write levels: in catalog.yaml, and move each category file to the folder of its level"
            )
        _refuse_name("level", name, {each.name: each.node for each in trial.before.source.levels})
        return trial.write("catalog.yaml", *_insert(trial, "catalog.yaml", "levels", name, entry))


def add_field(folder: Path, name: str, entry: Entry) -> Added:
    """Add a field to fields.yaml, a new file if need be; raises `Refused` and `UnreadableCatalog`.

    The rest of the catalog may have errors, such as a use of the field, which it settles.
    """
    with try_out(folder, repairs="fields.yaml") as trial:
        _refuse_name("field", name, {key: field.node for key, field in trial.before.source.fields.items()})
        entry["annotations"] = _annotations(trial, entry)
        return trial.write("fields.yaml", *_insert(trial, "fields.yaml", None, name, entry))


def _annotations(trial: Trial, entry: Entry) -> dict[str, object] | None:
    """The annotations of an entry, whose values are texts, with the types that catalog.yaml declares."""
    given = entry["annotations"]
    keys = {key.name: key for key in resolve_annotation_keys(trial.before.source.node)}
    if not isinstance(given, dict):
        return None
    return {name: _annotation(keys[name], text) if name in keys else text for name, text in given.items()}


def _annotation(key: AnnotationKey, text: str) -> object:
    """The value of an annotation; what does not fit its type stays a text, which `check` reports."""
    if key.many:
        return [part.strip() for part in text.split(",")]
    if key.kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    is_number = key.kind == "integer" and re.fullmatch("-?[0-9]{1,16}", text)
    return int(text) if is_number else text


def _parts(trial: Trial, category: str, thing: str, key: str) -> tuple[str, str]:
    """The level and the name of a category; without levels, no level and the whole key."""
    if not trial.before.source.has_levels:
        return "", category
    if category.count(".") != 1:
        form = "LEVEL.CATEGORY.EVENT" if thing == "event" else "LEVEL.CATEGORY"
        raise Refused(f"{quote(key)} must have the form {form}, as the catalog has levels")
    level, _, name = category.partition(".")
    return level, name


def _file_of(level: str, category: str) -> str:
    return f"{level}/{category}.yaml" if level else f"{category}.yaml"


def _categories(trial: Trial, level: str) -> dict[str, CategorySource]:
    """The categories of a level by name."""
    if not level:
        return {each.name: each for each in trial.before.source.categories}
    levels = [each.name for each in trial.before.source.levels]
    if level not in levels:
        command = f"`auditwright new level {level}{catalog_option(trial.folder)}` adds it"
        hint = f"write one of {join_words(levels)}, or {command}"
        raise Refused(f"the catalog has no level {quote(level)}{hint_for(level, levels, hint)}")
    return {each.name: each for each in trial.before.source.categories if each.level == level}


def _refuse_name(kind: str, key: str, existing: Mapping[str, Node]) -> None:
    name = key.rpartition(".")[2]
    if not is_name(name):
        proposed = identifier_for(name, "field") if kind == "field" and is_stored_name(name) else ""
        hint = f"; write {proposed} --stored-as {shlex.quote(name)}" if proposed else ""
        raise Refused(f"{kind} {quote(name)} must be {DEFS['name']['description']}{hint}")
    _refuse_taken(kind, key, name, existing)


def _refuse_taken(kind: str, key: str, name: str, existing: Mapping[str, Node]) -> None:
    if name in existing:
        position = existing[name].key_position
        raise Refused(f"{kind} {key} already exists at {position.path}:{position.line}")


def _insert(trial: Trial, path: str, under: str | None, name: str, entry: Entry) -> tuple[str, int]:
    file = trial.folder / path
    if not file.exists():
        head = _modeline(trial.folder, "fields.json")
        return head + insert_entry("{}\n", None, name, entry)[0], 1 + bool(head)
    try:
        return insert_entry(file.read_bytes().decode(), under, name, entry)
    except CannotInsert as error:
        raise Refused(f"nothing can be added to {shown_path(file)}: {error}") from error


def _fields_of(source: CatalogSource, key: str) -> list[Field]:
    found = [(category, event) for category, event in source.events if event.key == key]
    return [field for each in found for field in resolve_fields(source, *each).values() if field]


def _nearest(trial: Trial, category: str, level: str) -> list[Event]:
    """All events: those of the category first, then those of the level."""
    events = trial.before.catalog.events if trial.before.catalog else ()
    prefixes = (f"{category}.", f"{level}." if level else "")
    return sorted(events, key=lambda event: [not event.key.startswith(prefix) for prefix in prefixes])


def _modeline(folder: Path, schema: str, up: str = "") -> str:
    """The line that tells editors a file's schema, if catalog.yaml has one."""
    found = _MODELINE.search((folder / "catalog.yaml").read_text("utf-8")[:500])
    if found is None:
        return ""
    return f"# yaml-language-server: $schema={up if found[1].startswith('.') else ''}{found[1]}{schema}\n"
