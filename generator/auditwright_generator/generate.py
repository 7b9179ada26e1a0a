"""The second half of the pipeline: render every target of a resolved catalog.

A target has files for the whole catalog and files for each category. The files of a category are rendered
again only if their input has changed; see `output/incremental.py`. `output/write.py` writes the files.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from auditwright_generator.model import Catalog, Category, Level
from auditwright_generator.output.incremental import CategoryInput, category_inputs, reusable_part
from auditwright_generator.output.manifest import (
    MANIFEST,
    OutputPart,
    digest,
    lines,
    notes_text,
    read_notes,
    sealed,
)
from auditwright_generator.output.write import Files
from auditwright_generator.targets import (
    catalog_json,
    docs,
    emitters,
    json_schema,
    language,
    models,
    packaging,
    tables,
)

Texts = dict[str, str]


def _no_files(catalog: Catalog, level: Level, category: Category) -> Texts:
    return {}


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of artifact: two pure functions that return `{path: text}`."""

    whole: Callable[[Catalog], Texts]
    """The files that do not belong to one category."""
    of_category: Callable[[Catalog, Level, Category], Texts] = _no_files
    """The files of one category. It gets catalog and level reduced to what `CategoryInput` contains."""


TARGETS: dict[str, Target] = {
    "json_schema": Target(json_schema.whole, json_schema.of_category),
    "models": Target(models.whole, models.of_category),
    "tables": Target(tables.whole, tables.of_category),
    "emitters": Target(emitters.whole, emitters.of_category),
    "catalog_json": Target(catalog_json.whole),
    "docs": Target(docs.whole, docs.of_category),
    "language": Target(language.whole),
    "packaging": Target(packaging.whole),
}
"""Every artifact by name. To add one, add a row here, a module in `targets/` and its templates."""


def render(catalog: Catalog) -> Texts:
    """Every generated file by its path below the output folder, including the manifest."""
    made = [render_whole(catalog), *(render_category(item) for item in category_inputs(catalog))]
    texts = _joined(texts for _, texts in made)
    return {**texts, MANIFEST: _manifest(part for part, _ in made)}


def render_changed(catalog: Catalog, folder: Path | None, inputs: str | None = None) -> tuple[Files, str]:
    """Like `render`, but with None for a file that is current in the folder; and the notes of the run.

    `inputs` is the digest of the catalog's files; see `incremental.current_run`.
    """
    with _catalog_uncollected():
        earlier = {part.name: part for part in read_notes(folder).parts} if folder else {}
        made: list[tuple[OutputPart, Texts]] = [render_whole(catalog)]
        files: Files = {}
        for item in category_inputs(catalog):
            part = reusable_part(item, earlier, folder) if folder else None
            files |= dict.fromkeys(part.digests if part else ())
            made.append((part, {}) if part else render_category(item))
        files |= _joined(texts for _, texts in made)
    events = sum(1 for _ in catalog.events)
    parts = [part for part, _ in made]
    return {**files, MANIFEST: _manifest(parts)}, notes_text(parts, events, inputs)


def _manifest(parts: Iterable[OutputPart]) -> str:
    return lines({path: digest for part in parts for path, digest in part.digests.items()})


@contextmanager
def _catalog_uncollected() -> Iterator[None]:
    """Excludes existing objects from garbage collection, which takes half a second for 10,000 events."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def render_whole(catalog: Catalog) -> tuple[OutputPart, Texts]:
    """The files that show the whole catalog."""
    texts = _joined(target.whole(catalog) for target in TARGETS.values())
    return OutputPart(digests=_digests(texts)), texts


def render_category(item: CategoryInput) -> tuple[OutputPart, Texts]:
    """The files of one category."""
    texts = _joined(
        target.of_category(item.catalog, item.level, item.category) for target in TARGETS.values()
    )
    return sealed(item.category.key, item.input_digest, _digests(texts)), texts


def _joined(made: Iterable[Texts]) -> Texts:
    files: Texts = {}
    for texts in made:
        twice = sorted(files.keys() & texts.keys())
        if twice:
            raise RuntimeError(f"two targets generate {twice[0]}")
        files |= texts
    return files


def _digests(texts: Texts) -> dict[str, str]:
    return {path: digest(text.encode()) for path, text in texts.items()}
