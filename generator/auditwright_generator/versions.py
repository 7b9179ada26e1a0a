"""Versions of a catalog, as Semantic Versioning 2.0.0 (semver.org) orders them."""

from __future__ import annotations

import functools
from dataclasses import dataclass

Identifier = tuple[bool, int, str]


@functools.total_ordering
@dataclass(frozen=True, slots=True)
class SemanticVersion:
    """Three numbers and what may follow them; build metadata takes no part in the order (item 10)."""

    major: int
    minor: int
    patch: int
    pre: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> SemanticVersion:
        """The version of a text that the catalog's structure lets pass; raises `ValueError` for others."""
        core, _, pre = text.partition("+")[0].partition("-")
        major, minor, patch = (int(part) for part in core.split("."))
        return cls(major, minor, patch, tuple(pre.split(".")) if pre else ())

    @property
    def _order(self) -> tuple[int, int, int, bool, tuple[Identifier, ...]]:
        """Item 11: a pre-release comes before its version; numbers before words, each by its own order."""
        parts = tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in self.pre)
        return (self.major, self.minor, self.patch, not self.pre, parts)

    def __lt__(self, other: SemanticVersion) -> bool:
        return self._order < other._order

    def __str__(self) -> str:
        core = f"{self.major}.{self.minor}.{self.patch}"
        return f"{core}-{'.'.join(self.pre)}" if self.pre else core
