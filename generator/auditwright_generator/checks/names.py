"""Checks of names, keys and titles: existence, uniqueness, similarity, reserved words, length."""

from collections.abc import Iterable

from auditwright_generator import names
from auditwright_generator.findings import Mistakes, hint_for, join_words, nearest, quote
from auditwright_generator.model import CHANGE_COLUMNS, camel, identifier
from auditwright_generator.source.catalog_source import (
    CatalogSource,
    CategorySource,
    EventSource,
    FieldSource,
    FieldUse,
)
from auditwright_generator.source.yaml_nodes import Node


def check_category_is_named_like_its_file(source: CatalogSource) -> Mistakes:
    """AC008: `category` repeats the file name, so that a copied file is noticed."""
    for category in source.categories:
        name = category.node.get("category")
        if name and name.scalar != category.name:
            message = f"the file is {category.name}.yaml but its category is {quote(name.scalar)}"
            yield name.position, f"{message}; write category: {category.name}, or rename the file"


def check_folder_is_a_level(source: CatalogSource) -> Mistakes:
    """AC112: a category is in the folder of its level."""
    if not source.has_levels:
        return
    levels = [level.name for level in source.levels]
    for category in source.categories:
        if source.levels_known and category.level not in levels:
            message = f"folder {quote(category.level)} is not a level of catalog.yaml"
            position = category.node.key_position
            yield position, message + hint_for(category.level, levels, f"the levels are {join_words(levels)}")


def check_levels_and_categories_are_not_empty(source: CatalogSource) -> Mistakes:
    """AC111: levels without categories and categories without events appear in no log."""
    levels = [level.name for level in source.levels]
    folders = {category.level for category in source.categories}
    folders |= {nearest(folder, levels) or folder for folder in folders if folder not in levels}
    for level in source.levels:
        if level.name not in folders:
            message = f"level {quote(level.name)} has no category; add {level.name}/<category>.yaml"
            yield level.node.key_position, f"{message}, or remove the level"
    for category in source.categories:
        events = category.node.get("events")
        if events and not events.entries:
            message = f"category {quote(category.name)} has no events; add one, or remove the file"
            yield events.key_position, message


def check_keys_are_unique(source: CatalogSource) -> Mistakes:
    """AC101: a key or alias identifies one event."""
    owners = {event.key: event.key for _, event in source.events}
    for _, event in source.events:
        aliases = event.node.get("aliases")
        for alias in aliases.items if aliases else ():
            key = str(alias.scalar)
            if key in owners:
                what = "the key of that event" if owners[key] == key else f"an alias of {owners[key]}"
                yield alias.position, f"event {event.key} has the alias {key}, which is {what}; remove it"
            elif alias.value and not alias.invalid:
                owners[key] = event.key


def check_listed_events_exist(source: CatalogSource) -> Mistakes:
    """AC105: `only` and `except` name events of the category."""
    for category in source.categories:
        if category.node.get("events"):
            for use in category.uses:
                yield from _unknown_events(category, use)


def _unknown_events(category: CategorySource, use: FieldUse) -> Mistakes:
    known = [event.name for event in category.events]
    for key in ("only", "except"):
        listed = use.node.get(key)
        for item in listed.items if listed else ():
            if not item.invalid and item.scalar not in known:
                message = f"shared field {use.field}: {key} names the unknown event {quote(item.scalar)}"
                hint = f"category {category.name} has no such event"
                yield item.position, message + hint_for(str(item.scalar), known, hint)


def check_generated_names_differ(source: CatalogSource) -> Mistakes:
    """AC103: the classes of a module and the database views have unique names."""
    yield from _same_class("level", [(level.name, level.node) for level in source.levels])
    for level in source.levels:
        inside = [category for category in source.categories if category.level == level.name]
        yield from _same_class("category", [(category.name, category.node) for category in inside])
    for category in source.categories:
        yield from _same_class("event", [(event.name, event.node) for event in category.events])
    if not source.has_levels:
        yield from _same_class("category", [(category.name, category.node) for category in source.categories])
    views: dict[str, str] = {}
    is_own = source.node.string("package") == names.OWN_PACKAGE
    for _, event in source.events:
        view = event.key.replace(".", "_")
        first = views.setdefault(view, event.key)
        if first != event.key:
            message = f"events {first} and {event.key} both have the database view {view}; rename one"
            yield event.node.key_position, message
        elif names.is_own_relation(view) and not is_own and not _is_refused(event):
            message = f"event {event.key} has the database view {view}, a name that Auditwright uses itself"
            yield event.node.key_position, f"{message}; rename the event"
    yield from _same_column(source)


def _same_column(source: CatalogSource) -> Mistakes:
    """A change has two columns in views and Parquet files, and another field may have the name of one."""
    for name, field in source.fields.items():
        for side in CHANGE_COLUMNS if _is_change(field) else ():
            other = source.fields.get(f"{name}{side}")
            if other:
                message = f"field {other.name} has the name of a column that the change {name} has"
                yield other.node.key_position, f"{message}; rename one"


def _is_refused(event: EventSource) -> bool:
    """Whether its level or its category is Auditwright's own: AC210 says so."""
    return event.key.partition(".")[0] in names.OWN_LEVELS


def _same_class(what: str, named: Iterable[tuple[str, Node]]) -> Mistakes:
    owners: dict[str, str] = {}
    for name, node in named:
        class_name = camel(identifier(name))
        first = owners.setdefault(class_name, name)
        if first != name:
            message = f"{what} {quote(first)} and {what} {quote(name)} both have the class {class_name}"
            yield node.key_position, f"{message}; rename one"


def _is_change(field: FieldSource) -> bool:
    return field.node.string("type").startswith("change of ")


def check_names_are_not_refused(source: CatalogSource) -> Mistakes:
    """AC210: no name breaks or hides something in the generated code."""
    package = source.node.get("package")
    package_name = str(package.scalar) if package else ""
    reason = names.refuse_package(package_name) if package else None
    if package and reason:
        message = f"package {quote(package.scalar)} is refused: {reason}; choose another name"
        yield package.position, f"{message}, such as {names.another_package(package_name)}"
    distribution = source.node.get("distribution")
    if distribution and (reason := names.refuse_distribution(str(distribution.scalar))):
        message = f"distribution {quote(distribution.scalar)} is refused: {reason}; choose another name"
        yield distribution.position, f"{message}, such as one that begins with your company's"
    for field in source.fields.values():
        column = field.node.get("column")
        has_column = column is not None and column.value is True
        if reason := names.refuse_field(field.name, "entry" in field.node.entries, has_column):
            stored = field.node.string("stored_as") or field.name
            hint = "" if "entry" in field.node.entries else f", and stored_as: {stored} if JSON has that name"
            yield field.node.key_position, _refused("field", field.name, reason) + hint
    for level in source.levels:
        if reason := names.refuse_level(level.name, package_name):
            yield level.node.key_position, _refused("level", level.name, reason)
    for category in source.categories:
        refuse = names.refuse_category if source.has_levels else names.refuse_category_without_level
        if reason := refuse(category.name):
            name = category.node.get("category")
            yield (
                name.position if name else category.node.position,
                _refused("category", category.name, reason),
            )
        for event in category.events:
            if reason := names.refuse_event(event.name):
                yield event.node.key_position, _refused("event", event.name, reason)
            yield from _refused_aliases(event, package_name)


def _refused_aliases(event: EventSource, package: str) -> Mistakes:
    """Aliases in a level of Auditwright's own: no service has recorded an event under such a key."""
    aliases = event.node.get("aliases")
    for alias in aliases.items if aliases else ():
        level = str(alias.scalar).partition(".")[0]
        if level in names.OWN_LEVELS and package != names.OWN_PACKAGE:
            message = f"event {event.key} has the alias {alias.scalar}, and Auditwright alone records events"
            yield alias.position, f"{message} of the level {quote(level)}; remove it"


def _refused(what: str, name: str, reason: str) -> str:
    other = quote(names.another_name(what, name))
    return f"{what} {quote(name)} is refused: {reason}; choose another name, such as {other}"


def check_names_are_short_enough(source: CatalogSource) -> Mistakes:
    """AC211: PostgreSQL silently truncates long names, so two of them could become equal."""
    for field in source.fields.values():
        if names.too_long(field.name):
            message = f"field {field.name} has {len(field.name)} characters, but a column may have at most"
            yield field.node.key_position, f"{message} {names.MAX_BYTES}; shorten it"
        elif _is_change(field) and names.too_long(field.name + CHANGE_COLUMNS[0]):
            message = f"field {field.name} is a change and has the column {field.name}{CHANGE_COLUMNS[0]}"
            yield field.node.key_position, f"{message}, but at most {names.MAX_BYTES} are allowed; shorten it"
    for _, event in source.events:
        view = event.key.replace(".", "_")
        if names.too_long(view):
            message = f"event {event.name} has the database view {view} of {len(view)} characters"
            yield (
                event.node.key_position,
                f"{message}, but at most {names.MAX_BYTES} are allowed; shorten the event or its category",
            )


def check_titles_differ(source: CatalogSource) -> Mistakes:
    """AC116: people see titles and cannot tell equal ones apart."""
    yield from _same_title("level", [(level.name, level.node) for level in source.levels])
    for level in {category.level: None for category in source.categories}:
        inside = [category for category in source.categories if category.level == level]
        yield from _same_title("category", [(category.name, category.node) for category in inside])
    for category in source.categories:
        yield from _same_title("event", [(event.name, event.node) for event in category.events])


def _same_title(what: str, named: Iterable[tuple[str, Node]]) -> Mistakes:
    owners: dict[str, str] = {}
    for name, node in named:
        title = node.get("title")
        if title is None:
            continue
        first = owners.setdefault(str(title.scalar), name)
        if first != name:
            message = (
                f"{what} {quote(name)} has the same title {quote(title.scalar)} as {what} {quote(first)}"
            )
            yield title.position, f"{message}; change one of them"


def check_keys_are_not_alike(source: CatalogSource) -> Mistakes:
    """AC102: callers and readers confuse names made of the same words."""
    for many in (False, True):  # a list may have the plural of an item's name
        fields = source.fields.values()
        listed = [field for field in fields if field.node.string("type").startswith("list of") is many]
        yield from _alike("field", "name", [(field.name, field.node) for field in listed])
    for level in {category.level: None for category in source.categories}:
        inside = [category for category in source.categories if category.level == level]
        yield from _alike("category", "name", [(category.name, category.node) for category in inside])
    for category in source.categories:
        yield from _alike("event", "name", [(event.name, event.node) for event in category.events])


def check_titles_are_not_alike(source: CatalogSource) -> Mistakes:
    """AC117: titles that differ only in case, spaces or punctuation look the same."""
    for level in {category.level: None for category in source.categories}:
        inside = [category for category in source.categories if category.level == level]
        yield from _alike("category", "title", [(category.name, category.node) for category in inside])
    for category in source.categories:
        yield from _alike("event", "title", [(event.name, event.node) for event in category.events])


def _alike(what: str, key: str, named: Iterable[tuple[str, Node]]) -> Mistakes:
    """Names or titles that are similar to another but not equal; AC101 and AC116 report equal ones."""
    owners: dict[tuple[str, ...], tuple[str, str]] = {}
    for name, node in named:
        title = node.get("title")
        text = name if key == "name" else str(title.scalar) if title else ""
        first, shown = owners.setdefault(_signature(text, key), (name, text))
        if text and first != name and shown != text:
            position = node.key_position if key == "name" or not title else title.position
            message = f"{what} {quote(name)} has a {key} similar to that of {what} {quote(first)}"
            texts = f": {quote(text)} and {quote(shown)}" if key == "title" else ""
            yield position, f"{message}{texts}; choose words that distinguish them"


def _signature(text: str, key: str) -> tuple[str, ...]:
    """What similar texts share: the sorted singular words of a name; the letters and digits of a title."""
    if key == "title":
        return ("".join(character for character in text.lower() if character.isalnum()),)
    return tuple(sorted(word.removesuffix("s") for word in identifier(text).split("_")))


def check_replacements_exist(source: CatalogSource) -> Mistakes:
    """AC703: `deprecated.use` names another field, or another event by its full key."""
    for name, field in source.fields.items():
        yield from _replacement("field", name, field.node, source.fields)
    if source.events_known:
        keys = sorted(source.event_keys)
        for _, event in source.events:
            yield from _replacement("event", event.key, event.node, keys)


def _replacement(what: str, name: str, node: Node, known: Iterable[str]) -> Mistakes:
    deprecated = node.get("deprecated")
    use = deprecated.get("use") if deprecated else None
    if use is None:
        return
    others = [other for other in known if other != name]
    if use.scalar not in others:
        hint = f"write the {'full key of another event' if what == 'event' else 'name of another field'}"
        message = f"{what} {name} is replaced by {quote(use.scalar)}, which is not another {what}"
        yield use.position, message + hint_for(str(use.scalar), others, hint)
