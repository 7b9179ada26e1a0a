"""What a site consists of: the configuration in `conf.py`, checked, with the files that it names."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

from auditwright_generator.diff.catalog_json import InvalidCatalogJson, read_catalog_json
from auditwright_generator.model import Catalog

EDITIONS = ("developer", "reader")
DEVELOPERS_PAGES = ("json_schema.md",)
"""Pages of a reference that the reader's edition leaves out."""


class InvalidSite(ConfigError):
    """A value in conf.py that no site can be built from; the text says which, and what to do."""


@dataclass(frozen=True)
class Reference:
    """One folder that `auditwright generate` writes, and its place on the site."""

    folder: str
    """Where it is on the site: `reference`."""
    generated: Path
    """The folder that `auditwright generate` writes."""
    package: Path
    """The generated package, with catalog.json and the schemas."""

    @functools.cached_property
    def catalog(self) -> Catalog:
        """The catalog, read from catalog.json. Raises `InvalidSite`."""
        path = self.package / "catalog.json"
        try:
            return read_catalog_json(path.read_bytes())
        except InvalidCatalogJson as error:
            raise InvalidSite(f"{path}: {error}; run `auditwright generate`") from None

    @property
    def files(self) -> Mapping[Path, str]:
        """Files for machines, and where they are on the site."""
        return {
            self.package / "catalog.json": f"{self.folder}/catalog.json",
            **{
                path: f"{self.folder}/{path.relative_to(self.package).as_posix()}"
                for path in sorted(self.package.glob("json_schema/**/*.json"))
            },
        }


@dataclass
class Site:
    """The site that one run of Sphinx builds."""

    folder: Path
    """The source folder of Sphinx."""
    repository: Path
    """The folder that links to the source are relative to."""
    source_url: str
    edition: str
    references: tuple[Reference, ...]
    pages: Mapping[str, Path]
    """Single pages: path on the site -> the file."""
    copies: dict[str, Path | str] = field(default_factory=dict)
    """Everything that is copied into the folder: path on the site -> the file it comes from, or its text."""

    def __post_init__(self) -> None:
        self.copies.update(self.pages)
        for reference in self.references:
            self.copies.update(_pages_of(reference, self.edition))

    @functools.cached_property
    def by_origin(self) -> dict[Path, str]:
        """The file that a copy comes from -> its path on the site."""
        return {origin: path for path, origin in self.copies.items() if isinstance(origin, Path)}

    @functools.cached_property
    def files(self) -> dict[Path, str]:
        """Files that are on the site without being pages, such as schemas -> their path on the site."""
        return {path: place for reference in self.references for path, place in reference.files.items()}

    def is_copy(self, docname: str) -> bool:
        """Whether a page comes from elsewhere, and so is Markdown for a forge."""
        return f"{docname}.md" in self.copies

    def origin(self, docname: str) -> Path:
        """The file that a page comes from, which its links are relative to."""
        origin = self.copies.get(f"{docname}.md")
        return origin if isinstance(origin, Path) else self.folder / f"{docname}.md"


_SITES: weakref.WeakKeyDictionary[Sphinx, Site] = weakref.WeakKeyDictionary()


def site_of(app: Sphinx) -> Site:
    """The site that this run of Sphinx builds."""
    return _SITES[app]


def read_site(app: Sphinx, config: Config) -> Site:
    """The site that conf.py describes. Raises `InvalidSite`."""
    if config.auditwright_edition not in EDITIONS:
        raise InvalidSite(
            f"auditwright_edition: expected {' or '.join(map(repr, EDITIONS))}, "
            f"got {config.auditwright_edition!r}"
        )
    base = Path(app.confdir)
    references = tuple(
        _reference(_inside("auditwright_references", folder), base / generated)
        for folder, generated in config.auditwright_references.items()
    )
    pages = {
        _inside("auditwright_pages", path): (base / origin).resolve()
        for path, origin in config.auditwright_pages.items()
    }
    site = Site(
        folder=Path(app.srcdir),
        repository=_repository(base),
        source_url=config.auditwright_source_url.rstrip("/"),
        edition=config.auditwright_edition,
        references=references,
        pages=pages,
    )
    _SITES[app] = site
    return site


def _inside(name: str, path: str) -> str:
    """The path without superfluous parts, if it is a place below the folder of the site."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise InvalidSite(f"{name}: expected a path inside the folder of conf.py, got {path!r}")
    return "/".join(parts)


def _reference(folder: str, generated: Path) -> Reference:
    generated = generated.resolve()
    packages = sorted(
        path.parent for path in generated.glob("*/catalog.json") if (path.parent / "__init__.py").exists()
    )
    if len(packages) != 1 or not (generated / "docs" / "index.md").is_file():
        raise InvalidSite(
            f"auditwright_references: {generated} has no reference; run `auditwright generate` first"
        )
    return Reference(folder, generated, packages[0])


def _pages_of(reference: Reference, edition: str) -> Iterator[tuple[str, Path]]:
    docs = reference.generated / "docs"
    for path in sorted(docs.rglob("*.md")):
        name = path.relative_to(docs).as_posix()
        if edition == "developer" or name not in DEVELOPERS_PAGES:
            yield f"{reference.folder}/{name}", path


def _repository(folder: Path) -> Path:
    """The closest folder above with `.git`; without one, the folder that holds the site."""
    folder = folder.resolve()
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder.parent)
