"""What a name can stand for, and what files bind names to. Nothing here knows the catalog.

`walker.py` collects the bindings, `resolver.py` resolves them.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from auditwright_generator.findings import Position


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated class or an instance of it, or an emitter.

    `()` is AuditEvents, and `(level, category, event)` an emitter: `(category, event)` without levels.
    """

    parts: tuple[str, ...]
    sure: bool = True
    """False where a wrong name below it is no finding, because it may be something else."""
    is_model: bool = False
    """Whether it is the metadata model of the event, not its emitter."""


class Binding(NamedTuple):
    """One value that a file gives a name. The annotation counts first."""

    file: "File"
    value: "ast.expr | Value"
    annotation: ast.expr | None = None


Bindings = dict[str, list[Binding]]
"""All values of each name."""


@dataclass(slots=True, eq=False)
class File:
    """A parsed file, and all values that it gives its names in any of its scopes."""

    path: str
    lines: Sequence[str]
    names: Bindings = field(default_factory=dict)
    stars: list[tuple[str, ...]] = field(default_factory=list)
    """The modules of `from ... import *`."""

    def position(self, line: int, column: int) -> Position:
        """The position of a node, whose column counts bytes of UTF-8 from 0."""
        text = self.lines[line - 1].encode("utf-8", "replace")[:column]
        return Position(self.path, line, len(text.decode("utf-8", "ignore")) + 1)


Value = Generated | tuple[str, ...] | str | None
"""A tuple is a dotted name, a string an event's key, and None anything else."""
Values = frozenset[Value]
UNKNOWN: Values = frozenset({None})
