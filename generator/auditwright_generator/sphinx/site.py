"""What a site consists of: its folder, the references and pages copied into it, its files for machines."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ConfigError

from auditwright_generator.diff.catalog_json import InvalidCatalogJson, read_catalog_json
from auditwright_generator.files import read_regular
from auditwright_generator.model import Catalog
from auditwright_generator.text import printable

DEVELOPERS_PAGES = ("json_schema.md",)
"""Pages of a reference that the reader's edition leaves out."""


class InvalidSite(ConfigError):
    """A value in conf.py that no site can be built from; the text says which, and what to do."""

    def __str__(self) -> str:
        return printable(super().__str__())


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
            return read_catalog_json(read_regular(path))
        except InvalidCatalogJson as error:
            raise InvalidSite(f"{path}: {error}; run `auditwright generate`") from None

    @property
    def inventory(self) -> Path:
        """The CSV file of what is logged. Only a catalog with annotation keys has one."""
        return self.generated / "docs" / "inventory.csv"

    @property
    def pages(self) -> Iterator[tuple[str, Path]]:
        """The path of each page inside the reference, and its file."""
        docs = self.generated / "docs"
        return ((path.relative_to(docs).as_posix(), path) for path in sorted(docs.rglob("*.md")))

    @property
    def files(self) -> Iterator[tuple[str, Path]]:
        """The path on the site of each file for machines, and the file."""
        for path in (self.package / "catalog.json", *sorted(self.package.glob("json_schema/**/*.json"))):
            yield f"{self.folder}/{path.relative_to(self.package).as_posix()}", path
        if self.inventory.is_file():
            yield f"{self.folder}/inventory.csv", self.inventory


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
    root: str = "index"
    """The page at the top."""
    copies: dict[str, Path | str] = field(default_factory=dict)
    """Everything that is copied into the folder: path on the site -> the file it comes from, or its text."""
    left_out: set[Path] = field(default_factory=set)
    """Pages of the references that the edition leaves out."""

    def __post_init__(self) -> None:
        self.copies.update(self.pages)
        for reference in self.references:
            for name, path in reference.pages:
                if self.edition == "reader" and name in DEVELOPERS_PAGES:
                    self.left_out.add(path)
                else:
                    self.copies[f"{reference.folder}/{name}"] = path

    @functools.cached_property
    def by_origin(self) -> dict[Path, str]:
        """The file that a copy comes from -> its path on the site."""
        return {origin: path for path, origin in self.copies.items() if isinstance(origin, Path)}

    @functools.cached_property
    def files(self) -> dict[Path, str]:
        """Files that are on the site without being pages, such as schemas -> their path on the site."""
        return {file: path for reference in self.references for path, file in reference.files}

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


def set_site(app: Sphinx, site: Site) -> None:
    """Keep the site for the steps of this run."""
    _SITES[app] = site
