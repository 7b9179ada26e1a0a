"""The values in `conf.py`, checked, as a `Site`. Every mistake is an `InvalidSite` that says what to do."""

import itertools
from pathlib import Path, PurePosixPath

from sphinx.application import Sphinx
from sphinx.config import Config

from auditwright_generator.files import link_out
from auditwright_generator.sphinx.site import InvalidSite, Reference, Site

EDITIONS = ("developer", "reader")
OF_SPHINX = ("genindex", "search")
"""Pages that Sphinx makes itself."""


def read_site(app: Sphinx, config: Config) -> Site:
    """The site that conf.py describes. Raises `InvalidSite`."""
    base = Path(app.confdir)
    folders = places(config, "auditwright_references")
    pages = places(config, "auditwright_pages")
    references = tuple(_reference(folder, base / generated) for folder, generated in folders.items())
    _check_apart(references, pages)
    return Site(
        folder=Path(app.srcdir),
        root=config.root_doc,
        repository=_repository(base),
        source_url=_source_url(config.auditwright_source_url),
        edition=_edition(config.auditwright_edition),
        references=references,
        pages={path: _page(path, base / origin) for path, origin in pages.items()},
    )


def _edition(value: object) -> str:
    if value not in EDITIONS:
        raise InvalidSite(f"auditwright_edition: expected {' or '.join(map(repr, EDITIONS))}, got {value!r}")
    return str(value)


def _source_url(value: object) -> str:
    if not isinstance(value, str) or (value and not value.startswith(("https://", "http://"))):
        raise InvalidSite(
            "auditwright_source_url: expected a URL such as 'https://example.com/acme/blob/main', "
            f"got {value!r}"
        )
    return value.rstrip("/")


def places(config: Config, name: str) -> dict[str, str]:
    """A mapping from places on the site to paths."""
    given = config[name]
    if not isinstance(given, dict) or not all(
        isinstance(each, str) for each in itertools.chain.from_iterable(given.items())
    ):
        raise InvalidSite(
            f"{name}: expected a dict of a place on the site to a path, both texts, got {given!r}"
        )
    places: dict[str, str] = {}
    for site_path, path in given.items():
        inside = _inside(name, site_path)
        if inside in places:
            raise InvalidSite(f"{name}: {inside!r} is there twice; give each its own place")
        places[inside] = path
    return places


def _inside(name: str, site_path: str) -> str:
    """A place on the site without superfluous parts."""
    parts = PurePosixPath(site_path).parts
    if not parts or site_path.startswith("/") or any(part == ".." or part[0] in "._" for part in parts):
        raise InvalidSite(
            f"{name}: expected a place below the folder of conf.py, no part of which starts with '.' or '_', "
            f"got {site_path!r}"
        )
    return "/".join(parts)


def _check_apart(references: tuple[Reference, ...], pages: dict[str, str]) -> None:
    """No reference is inside another or there twice, and no single page is inside a reference."""
    for one, other in itertools.permutations(references, 2):
        if one.generated == other.generated:
            raise InvalidSite(f"auditwright_references: {one.generated} is there twice; name it once")
        if f"{one.folder}/".startswith(f"{other.folder}/"):
            raise InvalidSite(
                f"auditwright_references: {one.folder!r} is inside {other.folder!r}; give each its own folder"
            )
    for path, reference in itertools.product(pages, references):
        if path.startswith(f"{reference.folder}/"):
            raise InvalidSite(
                f"auditwright_pages: {path!r} is inside the reference {reference.folder!r}; "
                "choose another place"
            )


def _reference(folder: str, generated: Path) -> Reference:
    generated = generated.resolve()
    packages = sorted(
        path.parent for path in generated.glob("*/catalog.json") if (path.parent / "__init__.py").exists()
    )
    if len(packages) != 1 or not (generated / "docs" / "index.md").is_file():
        raise InvalidSite(
            f"auditwright_references: {folder!r}: expected a folder that `auditwright generate` has written, "
            f"got {generated}; run `auditwright generate` first"
        )
    reference = Reference(folder, generated, packages[0])
    copied = [path for _, path in (*reference.pages, *reference.files)]
    link = link_out(generated, (path.relative_to(generated).as_posix() for path in copied))
    if link is not None:
        raise InvalidSite(
            f"auditwright_references: {folder!r}: {generated / link} is a link that leads out of "
            f"{generated}; remove it"
        )
    return reference


def _page(site_path: str, origin: Path) -> Path:
    if not site_path.endswith(".md") or site_path.removesuffix(".md") in OF_SPHINX:
        raise InvalidSite(f"auditwright_pages: expected a place such as 'changelog.md', got {site_path!r}")
    if not origin.is_file():
        raise InvalidSite(f"auditwright_pages: {site_path!r}: there is no file {origin.resolve()}")
    return origin.resolve()


def _repository(folder: Path) -> Path:
    """The closest folder above with `.git`; without one, the folder that holds the site."""
    folder = folder.resolve()
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder.parent)
