"""SQLModel classes: the table of entries, the reference tables, and a class for the view of each event."""

from __future__ import annotations

from dataclasses import dataclass

from auditwright_generator.model import CHANGE_COLUMNS, Catalog, Category, Field, Level
from auditwright_generator.names import NOT_QUOTED
from auditwright_generator.targets.python_code import (
    described,
    free_name,
    import_as,
    imports,
    literal,
    path_of_categories,
)
from auditwright_generator.targets.templating import python_header, render

_TYPES = {
    "integer": ("int", "BigInteger"),
    "number": ("float", "Float"),
    "boolean": ("bool", "Boolean"),
    "timestamp": ("datetime", "TimestampText"),
    "date": ("date", "DateText"),
    "uuid": ("UUID", "UuidText"),
    "bigint": ("int", "BigInteger"),
    "json": ("Any", "Json"),
}
_TEXT = ("str", "Text")
_ITEMS = {"timestamp": "str", "date": "str", "uuid": "str", "bigint": "str"}
"""The types of items of lists that are text in JSON: a list is read as JSON."""


def of_category(catalog: Catalog, level: Level, category: Category) -> dict[str, str]:
    """`<package>/tables/<level>/<category>.py`, with a class per event."""
    return {f"{catalog.package}/tables/{category.path}.py": _module(catalog, category)}


def whole(catalog: Catalog) -> dict[str, str]:
    """`<package>/tables/__init__.py` and `<package>/tables/<level>/__init__.py`."""
    folder = f"{catalog.package}/tables"
    head = python_header(f"{catalog.folder}/")
    made = {
        f"{folder}/__init__.py": render(
            "tables.py.j2",
            head=head,
            package=catalog.package,
            path=path_of_categories(catalog),
            level="The level's key as of then."
            if catalog.has_levels
            else "Empty: the catalog has no levels.",
            columns=[
                _Column(field.name, "", "Text", described(field.name, field.title, field.description))
                for field in catalog.columns
            ],
            quotes=any(field.name in NOT_QUOTED for field in catalog.columns),
        )
    }
    for level in catalog.levels if catalog.has_levels else ():
        made[f"{folder}/{level.name}/__init__.py"] = (
            f'{head}"""View classes of the level {level.name}, a module for each category."""\n'
        )
    return made


@dataclass(frozen=True, slots=True)
class _Column:
    """One field as a column of a view class."""

    name: str
    annotation: str
    type: str
    text: str

    @property
    def arguments(self) -> str:
        """The arguments of its `Field`."""
        quoted = f", sa_column_kwargs=_quoted({literal(self.name)})" if self.name in NOT_QUOTED else ""
        return f"sa_type={self.type}{quoted}"


def _module(catalog: Catalog, category: Category) -> str:
    names = [field.name for event in category.events for field in event.metadata]
    date = free_name("date", names)
    columns = {
        event.key: [column for field in event.metadata for column in _columns(field, date)]
        for event in category.events
    }
    used = {column.type for each in columns.values() for column in each}
    quotes = any(column.name in NOT_QUOTED for each in columns.values() for column in each)
    return render(
        "views.py.j2",
        head=python_header(category.source),
        title=f"View classes of the category {category.title}: an event's entries as typed, read-only rows.",
        imports=imports(
            {
                "datetime": [
                    *([import_as("date", date)] if "DateText" in used else []),
                    *(["datetime"] if "TimestampText" in used else []),
                ],
                "typing": ["Any", "ClassVar"],
                "uuid": ["UUID"] if "UuidText" in used else [],
                "sqlalchemy": sorted(used & {"BigInteger", "Boolean", "Float"}),
                "sqlmodel": ["Field"] if used else [],
                "auditwright.sqltypes": [
                    *sorted(used & {"DateText", "Json", "Text", "TimestampText", "UuidText"}),
                    *(["quoted as _quoted"] if quotes else []),
                ],
                f"{catalog.package}.tables": ["EventView"],
            },
            own=catalog.package,
        ),
        category=category,
        documentation={
            event.key: described(event.name, event.title, event.description) for event in category.events
        },
        columns=columns,
    )


def _columns(field: Field, date: str) -> list[_Column]:
    """The columns of a field: one, or both sides of a change. `date` is the name of Python's class there."""
    kind, column_type = _TYPES.get(field.kind, _TEXT)
    kind = date if kind == "date" else kind
    text = described(field.name, field.title, field.description)
    if field.many:
        kind, column_type = f"list[{_ITEMS.get(field.kind, kind)}]", "Json"
    # A view also shows older entries, which may lack fields that are required today.
    kind = f"{kind} | None"
    if field.change:
        before, after = CHANGE_COLUMNS
        return [
            _Column(f"{field.name}{before}", kind, column_type, f"{text} Before the change."),
            _Column(f"{field.name}{after}", kind, column_type, f"{text} After the change."),
        ]
    return [_Column(field.name, kind, column_type, text)]
