"""Versions: of a catalog, ordered by Semantic Versioning 2.0.0 (semver.org), and of the runtime it needs."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

RUNTIME_SERIES = "0.1"
"""The series of auditwright, `major.minor`, that generated code needs: the generator's own."""


def _requirement(series: str) -> str:
    """The requirement of a distribution on the series, such as `auditwright>=0.1,<0.2`."""
    major, minor = series.split(".")
    return f"auditwright>={series},<{major}.{int(minor) + 1}"


RUNTIME_REQUIREMENT = _requirement(RUNTIME_SERIES)
"""The requirement of a generated distribution on auditwright."""

_PACKAGE_VERSION = re.compile(
    r"[0-9]+\.[0-9]+\.[0-9]+"
    r"(-(a|alpha|b|beta|c|rc|pre|preview|dev)([.-]?[0-9]+)?)?"
    r"(\+[a-z0-9]+([.-][a-z0-9]+)*)?",
    re.IGNORECASE,
)
"""The versions of a catalog that PEP 440 takes for the same release or pre-release of a package."""


def is_package_version(text: str) -> bool:
    """Whether a version of a catalog can be that of a Python distribution (PEP 440).

    `1.0.0-1` and `1.0.0-post.1` cannot: they precede 1.0.0 as a catalog, and would follow it as a package.
    """
    return _PACKAGE_VERSION.fullmatch(text) is not None


Identifier = tuple[bool, int, str]


@functools.total_ordering
@dataclass(frozen=True, slots=True)
class SemanticVersion:
    """Major, minor, patch and pre-release. Build metadata does not affect the order (item 10)."""

    major: int
    minor: int
    patch: int
    pre: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> SemanticVersion:
        """The version that the text denotes; raises `ValueError`."""
        core, _, pre = text.partition("+")[0].partition("-")
        major, minor, patch = (int(part) for part in core.split("."))
        return cls(major, minor, patch, tuple(pre.split(".")) if pre else ())

    @property
    def _order(self) -> tuple[int, int, int, bool, tuple[Identifier, ...]]:
        """Item 11: a pre-release precedes its version; numeric identifiers precede alphanumeric ones."""
        parts = tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in self.pre)
        return (self.major, self.minor, self.patch, not self.pre, parts)

    def __lt__(self, other: SemanticVersion) -> bool:
        return self._order < other._order

    def __str__(self) -> str:
        core = f"{self.major}.{self.minor}.{self.patch}"
        return f"{core}-{'.'.join(self.pre)}" if self.pre else core
