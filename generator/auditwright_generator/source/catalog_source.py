"""The catalog as written: levels, categories, events, fields and their uses, over nodes with positions.

Reads the files of a folder and checks the structure of each. The checks and `resolve.py` read the result. It
may be incomplete: what has a finding is invalid or missing.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditwright_generator.files import link_out
from auditwright_generator.findings import Finding, Position, Rule
from auditwright_generator.model import OwnerKind
from auditwright_generator.source.structure import FileKind, check_structure
from auditwright_generator.source.yaml_nodes import INVALID, Node, UnreadableCatalog, read_yaml, shown_path

MISPLACED_FILE = Rule("AC011", "misplaced-file", "error", "a file in the wrong place is not read")
RULES = (MISPLACED_FILE,)


@dataclass(frozen=True, slots=True)
class FieldUse:
    """One field in the `metadata` of a level, a category or an event."""

    field: str
    node: Node
    """The keys of the use. Its `key_position` is that of the field's name."""
    declared_in: OwnerKind

    def names(self, key: str) -> tuple[str, ...]:
        """The list of names under a key, such as `only`; empty if there is none."""
        listed = self.node.get(key)
        return tuple(str(item.scalar) for item in listed.items) if listed else ()


@dataclass(frozen=True, slots=True)
class FieldSource:
    """One field of fields.yaml."""

    name: str
    node: Node


@dataclass(frozen=True, slots=True)
class LevelSource:
    """One level of catalog.yaml."""

    name: str
    node: Node
    uses: tuple[FieldUse, ...]


@dataclass(frozen=True, slots=True)
class EventSource:
    """One event of a category file."""

    key: str
    name: str
    node: Node
    own_uses: tuple[FieldUse, ...]


@dataclass(frozen=True, slots=True)
class CategorySource:
    """One category file."""

    level: str
    """Empty in a catalog without levels."""
    name: str
    """The file name without `.yaml`."""
    source: str
    """The path of the file relative to the parent of the catalog folder."""
    node: Node
    uses: tuple[FieldUse, ...]
    events: tuple[EventSource, ...]

    @property
    def key(self) -> str:
        """Level and name; the name alone in a catalog without levels."""
        return f"{self.level}.{self.name}" if self.level else self.name


@dataclass(frozen=True, slots=True)
class CatalogSource:
    """All files of a catalog."""

    folder: str
    node: Node
    fields: dict[str, FieldSource]
    levels: tuple[LevelSource, ...]
    categories: tuple[CategorySource, ...]
    fields_known: bool
    """Whether fields.yaml could be read, so that `fields` is complete."""
    levels_known: bool
    """Like `fields_known`, for the levels of catalog.yaml; true if it has none."""
    events_known: bool
    """Like `fields_known`, for the events of all categories."""
    findings_at: frozenset[Position] = frozenset()
    """Positions of findings. Later checks skip the fields that contain one."""
    _uses: dict[str, dict[str, tuple[FieldUse, ...]]] = field(default_factory=dict, init=False, repr=False)
    """Cache of `uses_of`. Equal stacks are one object, so that results can be cached by identity."""
    memo: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Cache of `resolve.py`."""

    @property
    def has_levels(self) -> bool:
        """Whether events are grouped by level: catalog.yaml has `levels`."""
        return "levels" in self.node.entries

    @property
    def events(self) -> Iterator[tuple[CategorySource, EventSource]]:
        """All events with their categories."""
        return ((category, event) for category in self.categories for event in category.events)

    @property
    def event_keys(self) -> set[str]:
        """The keys of all events."""
        return {event.key for _, event in self.events}

    def uses_of(self, category: CategorySource, event: EventSource) -> dict[str, tuple[FieldUse, ...]]:
        """The uses of each field of an event, by field name, outermost first."""
        known = self._uses.get(event.key)
        if known is None:
            known = self._uses[event.key] = self._gather_uses(category, event)
        return known

    def _gather_uses(self, category: CategorySource, event: EventSource) -> dict[str, tuple[FieldUse, ...]]:
        given = [use for level in self.levels if level.name == category.level for use in level.uses]
        given += [use for use in category.uses if _reaches(use, event.name)]
        uses: dict[str, tuple[FieldUse, ...]] = {}
        for use in (*given, *event.own_uses):
            uses[use.field] = (*uses.get(use.field, ()), use)
        return {name: self.memo.setdefault(("uses", *map(id, stack)), stack) for name, stack in uses.items()}

    def has_known_fields(self, category: CategorySource, event: EventSource) -> bool:
        """Whether the `metadata` of level, category and event could be read."""
        owners = [level.node for level in self.levels if level.name == category.level]
        owners += [category.node, event.node]
        listed = [owner.entries.get("metadata") for owner in owners]
        whole = all(metadata is None or _is_whole(metadata) for metadata in listed)
        return whole and self.fields_known and len(owners) == 2 + self.has_levels

    @property
    def all_uses(self) -> Iterator[tuple[str, FieldUse]]:
        """Every use once, with its owner in words, such as `level account`."""
        for level in self.levels:
            yield from ((f"level {level.name}", use) for use in level.uses)
        for category in self.categories:
            yield from ((f"category {category.name}", use) for use in category.uses)
            for event in category.events:
                yield from ((f"event {event.name}", use) for use in event.own_uses)


def _is_whole(metadata: Node) -> bool:
    """Whether all field names in a `metadata` could be read."""
    return metadata.value is not INVALID and not any(item.invalid for item in metadata.items)


def _reaches(use: FieldUse, event: str) -> bool:
    """Whether a category's use applies to the event, by `only` and `except`."""
    only, exceptions = use.names("only"), use.names("except")
    return event not in exceptions and (not only or event in only)


def read_source(folder: Path) -> tuple[CatalogSource, list[Finding]]:
    """Reads the files of a catalog folder; the findings are those of each file alone."""
    paths = _find_files(folder)
    findings: list[Finding] = []

    def read(path: Path, kind: FileKind) -> Node:
        node, wrong_yaml = read_yaml(path)
        node, wrong_structure = check_structure(node, kind)
        positions = {finding.position for finding in wrong_yaml}
        findings.extend(wrong_yaml)
        findings.extend(finding for finding in wrong_structure if finding.position not in positions)
        return node

    catalog = read(paths.pop(folder / "catalog.yaml"), "catalog")
    fields_path = paths.pop(folder / "fields.yaml", None)
    fields = read(fields_path, "fields") if fields_path else Node({}, catalog.position, catalog.key_position)
    # Of a file that cannot be read, nobody knows.
    has_levels = None if catalog.value is INVALID else "levels" in catalog.entries
    categories = []
    for path in paths.values():
        misplaced = _misplaced(path.relative_to(folder), has_levels)
        if misplaced:
            findings.append(MISPLACED_FILE.at(Position(shown_path(path), 1, 1), misplaced))
        else:
            categories.append(_category(folder, path, read(path, "category")))

    levels = catalog.get("levels")
    source = CatalogSource(
        folder=folder_name(folder),
        node=catalog,
        fields={name: FieldSource(name, node) for name, node in fields.entries.items()},
        levels=tuple(
            LevelSource(name, node, _uses(node, "level"))
            for name, node in (levels.entries.items() if levels else ())
        ),
        categories=tuple(categories),
        fields_known=fields.value is not INVALID,
        levels_known=levels is not None or "levels" not in catalog.entries,
        events_known=all(category.node.get("events") for category in categories),
    )
    return source, findings


def folder_name(folder: Path) -> str:
    """The name of a folder as generated files show it: in comments and Markdown, which it may not end."""
    name = folder.resolve().name
    return "".join(each if each.isprintable() and each not in "<>`\\" else "_" for each in name)


def _find_files(folder: Path) -> dict[Path, Path]:
    """Every YAML file below the folder, sorted, without hidden files. Raises `UnreadableCatalog`."""
    shown = shown_path(folder)
    hint = "name the folder of catalog.yaml with --catalog or AUDITWRIGHT_CATALOG_DIR"
    if not folder.is_dir():
        raise UnreadableCatalog(shown, "there is no such folder", hint)

    def refuse(error: OSError) -> None:
        reason = (error.strerror or "it cannot be listed").lower()
        raise UnreadableCatalog(shown_path(Path(error.filename)), reason, "make the folder readable")

    found = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if Path(parent, name).is_symlink():
                linked = shown_path(Path(parent, name))
                raise UnreadableCatalog(
                    linked, "it is a link to a folder", "replace it by the folder, or remove it"
                )
        found += [Path(parent, name) for name in names if not name.startswith(".")]
    paths = {path: path for path in sorted(found) if path.suffix.lower() in (".yaml", ".yml")}
    _refuse_links_out(folder, paths)
    if folder / "catalog.yaml" not in paths:
        raise UnreadableCatalog(shown, "it has no catalog.yaml", hint)
    return paths


def _refuse_links_out(folder: Path, paths: Iterable[Path]) -> None:
    """A file of somebody else would be read, and its lines shown in findings."""
    link = link_out(folder, (path.relative_to(folder).as_posix() for path in paths))
    if link is not None:
        reason = "it is a link that leads out of the folder of the catalog"
        raise UnreadableCatalog(shown_path(folder / link), reason, "replace it by the file, or remove it")


def _misplaced(path: Path, has_levels: bool | None) -> str | None:
    """Why the file is not read as a category, or None; `has_levels` is None where it is not known."""
    if path.suffix != ".yaml":
        return f"{path.as_posix()} is not read; rename it to end in .yaml"
    if has_levels is None:
        return None
    if not has_levels:
        reason = (
            "is not read: catalog.yaml has no levels; move it to the folder of catalog.yaml, or add levels:"
        )
        return f"{path.as_posix()} {reason}" if len(path.parts) > 1 else None
    match len(path.parts):
        case 1:
            return f"{path} is not read; move it to the folder of its level: <level>/{path}"
        case 2:
            return None
        case _:
            return f"{path.as_posix()} is not read; move it directly into the folder of its level"


def _category(folder: Path, path: Path, node: Node) -> CategorySource:
    inside = path.relative_to(folder)
    level, name = inside.parent.name, path.stem
    key = f"{level}.{name}" if level else name
    events = node.get("events")
    return CategorySource(
        level=level,
        name=name,
        source=f"{folder_name(folder)}/{inside.as_posix()}",
        node=node,
        uses=_uses(node, "category"),
        events=tuple(
            EventSource(f"{key}.{event}", event, entry, _uses(entry, "event"))
            for event, entry in (events.entries.items() if events else ())
        ),
    )


def _uses(owner: Node, declared_in: OwnerKind) -> tuple[FieldUse, ...]:
    """The uses of a `metadata`: a mapping, or a list of names as its short form."""
    metadata = owner.get("metadata")
    if metadata is None:
        return ()
    listed = [
        FieldUse(str(item.scalar), Node({}, item.position, item.position), declared_in)
        for item in metadata.items
        if item.value is not INVALID
    ]
    return (*listed, *(FieldUse(name, node, declared_in) for name, node in metadata.entries.items()))
