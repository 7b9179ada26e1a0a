"""Whether the references of a site are current with their catalogs, where a catalog is there to compare."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from auditwright_generator.check import read_catalog
from auditwright_generator.files import read_regular
from auditwright_generator.generate import render_changed
from auditwright_generator.output.incremental import catalog_inputs, current_run
from auditwright_generator.output.write import compare
from auditwright_generator.source.yaml_nodes import UnreadableCatalog, catalog_option, shown_path
from auditwright_generator.sphinx.site import Reference, Site

_PACKAGE = re.compile(r"""^package:\s*["']?([a-z0-9_]+)""", re.MULTILINE)


def outdated_references(
    site: Site, catalog: Path, versions: Mapping[str, str]
) -> Iterator[tuple[str, int, str]]:
    """Path, line and message for each reference that is not current, with the command that makes it so.

    Its catalog is the one that is given, that of its versions, or the one beside it.
    """
    for reference in site.references:
        beside = reference.generated.parent / "catalog"
        of_versions = site.folder / versions.get(reference.folder, beside)
        for folder in (catalog, Path(os.path.normpath(of_versions)), beside):
            if _package_of(folder) == reference.package.name:
                yield from _outdated(reference, folder)
                break


def _package_of(catalog: Path) -> str | None:
    """The package that is generated from a catalog; None where there is no catalog."""
    try:
        found = _PACKAGE.search(read_regular(catalog / "catalog.yaml").decode())
    except (OSError, ValueError):
        return None
    return found[1] if found else None


def _outdated(reference: Reference, catalog: Path) -> Iterator[tuple[str, int, str]]:
    generated = reference.generated
    if current_run(catalog_inputs(catalog), generated) is not None:
        return
    try:
        checked = read_catalog(catalog)
    except UnreadableCatalog as error:
        yield shown_path(catalog), 0, str(error)
        return
    where = catalog_option(catalog)
    if checked.catalog is None:
        yield shown_path(catalog), 0, f"the catalog has errors; run `auditwright check{where}`"
    elif compare(generated, render_changed(checked.catalog, generated)[0]):
        shown = shown_path(generated)
        out = "" if shown == "generated" else f" --out {shlex.quote(shown)}"
        yield shown, 0, f"not current with {shown_path(catalog)}; run `auditwright generate{where}{out}`"
