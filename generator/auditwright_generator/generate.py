"""The generator on one page: load and check, resolve, render every target, write what changed."""

from __future__ import annotations

from collections.abc import Callable

from auditwright_generator.model import Catalog
from auditwright_generator.targets import docs, emitters, json_schema, models, registry, tables
from auditwright_generator.write import with_manifest

Target = Callable[[Catalog], dict[str, str]]

TARGETS: dict[str, Target] = {
    "json_schema": json_schema.files,
    "models": models.files,
    "tables": tables.files,
    "emitters": emitters.files,
    "registry": registry.files,
    "docs": docs.files,
}
"""Every artifact: a name and a pure function. A new one is a row here, a module and its templates."""


def render(catalog: Catalog) -> dict[str, str]:
    """Every generated file of a catalog, by its path below the output folder, with the manifest of them."""
    files: dict[str, str] = {}
    for name, target in TARGETS.items():
        made = target(catalog)
        twice = sorted(files.keys() & made.keys())
        if twice:
            raise RuntimeError(f"the target {name} makes {twice[0]}, which another one makes too")
        files |= made
    return with_manifest(files)
