"""SQLModel classes: the table of entries, the reference tables, and a class for the view of each event."""

from __future__ import annotations

from dataclasses import dataclass

from auditwright_generator.model import Catalog, Category, Field, Level
from auditwright_generator.names import NOT_QUOTED
from auditwright_generator.targets.python_code import described, imports, literal
from auditwright_generator.targets.templating import python_header, render

_TYPES = {
    "integer": ("int", "BigInteger"),
    "number": ("float", "Float"),
    "boolean": ("bool", "Boolean"),
    "timestamp": ("datetime", "TimestampText"),
}
_TEXT = ("str", "Text")


def of_category(catalog: Catalog, level: Level, category: Category) -> dict[str, str]:
    """`<package>/tables/<level>/<category>.py`, with a class per event."""
    return {f"{catalog.package}/tables/{level.name}/{category.name}.py": _module(catalog, category)}


def whole(catalog: Catalog) -> dict[str, str]:
    """`<package>/tables/__init__.py` and `<package>/tables/<level>/__init__.py`."""
    folder = f"{catalog.package}/tables"
    head = python_header(f"{catalog.folder}/")
    made = {
        f"{folder}/__init__.py": render(
            "tables.py.j2",
            head=head,
            package=catalog.package,
            columns=[
                _Column(field.name, "", "Text", described(field.name, field.title, field.description))
                for field in catalog.columns
            ],
            quotes=any(field.name in NOT_QUOTED for field in catalog.columns),
        )
    }
    for level in catalog.levels:
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
    columns = {event.key: [_column(field) for field in event.metadata] for event in category.events}
    used = {column.type for each in columns.values() for column in each}
    quotes = any(column.name in NOT_QUOTED for each in columns.values() for column in each)
    return render(
        "views.py.j2",
        head=python_header(category.source),
        title=f"View classes of the category {category.title}: an event's entries as typed, read-only rows.",
        imports=imports(
            {
                "datetime": ["datetime"] if "TimestampText" in used else [],
                "typing": ["Any", "ClassVar"],
                "sqlalchemy": sorted(used & {"BigInteger", "Boolean", "Float"}),
                "sqlmodel": ["Field"] if used else [],
                "auditwright.sqltypes": [
                    *sorted(used & {"Json", "Text", "TimestampText"}),
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


def _column(field: Field) -> _Column:
    kind, column_type = _TYPES.get(field.kind, _TEXT)
    if field.many:
        item = "str" if field.kind == "timestamp" else kind
        kind, column_type = f"list[{item}]", "Json"
    # A view also shows older entries, which may lack fields that are required today.
    return _Column(
        field.name,
        f"{kind} | None",
        column_type,
        described(field.name, field.title, field.description),
    )
