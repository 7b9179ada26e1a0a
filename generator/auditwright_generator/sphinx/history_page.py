"""Makes the page of changes of each reference whose older versions `auditwright_versions` names.

The page is kept with what it was made from, because reading twenty catalogs takes seconds: an unchanged
history costs one look at git.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

from auditwright_generator.diff.git import GitError, git, text_of
from auditwright_generator.diff.history import History, history_in_files, history_in_git
from auditwright_generator.output.incremental import catalog_inputs, generator_identity
from auditwright_generator.output.manifest import digest
from auditwright_generator.source.yaml_nodes import UnreadableCatalog
from auditwright_generator.sphinx.changes_page import changes_page
from auditwright_generator.sphinx.settings import places
from auditwright_generator.sphinx.site import InvalidSite, Reference, Site

PAGE = "changes.md"
_CACHE = "auditwright-changes.json"


def add_changes(app: Sphinx, config: Config, site: Site) -> None:
    """Add the pages of changes to the copies of the site. Raises `InvalidSite`."""
    cache = Path(app.doctreedir) / _CACHE
    former = _read_cache(cache)
    pages: dict[str, list[str]] = {}
    for reference, folder in _folders(Path(app.confdir), config, site):
        inputs = _inputs(reference, folder)
        page = former.get(reference.folder, ["", ""])
        if not inputs or page[0] != inputs:
            page = [inputs, _page(reference, folder)]
        pages[reference.folder] = page
        site.copies[f"{reference.folder}/{PAGE}"] = page[1]
    if pages != former:
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(json.dumps(pages), "utf-8")


def _folders(base: Path, config: Config, site: Site) -> Iterator[tuple[Reference, Path]]:
    """Each reference that has older versions, with the folder that has them."""
    references = {reference.folder: reference for reference in site.references}
    for name, folder in places(config, "auditwright_versions").items():
        if name not in references:
            raise InvalidSite(
                f"auditwright_versions: {name!r} is not in auditwright_references; "
                f"expected one of {', '.join(map(repr, references)) or 'its folders'}"
            )
        yield references[name], base / folder


def _page(reference: Reference, folder: Path) -> str:
    try:
        history = _history(reference, folder)
    except UnreadableCatalog as error:
        raise InvalidSite(f"auditwright_versions: {error}") from error
    return changes_page(history, reference.catalog)


def _history(reference: Reference, folder: Path) -> History:
    if not (folder / "catalog.yaml").exists():
        return history_in_files(folder, reference.catalog)
    history = history_in_git(folder)
    package = history.versions[0].catalog and history.versions[0].catalog.package
    if package != reference.catalog.package:
        raise InvalidSite(
            f"auditwright_versions: {folder} is the catalog of {package}, and {reference.folder!r} is the "
            f"reference of {reference.catalog.package}; name the catalog from which it was generated"
        )
    return history


# --- cache ----------------------------------------------------------------------------------------------


def _inputs(reference: Reference, folder: Path) -> str:
    """The digest of everything that the page is made from; "" if it cannot be told."""
    parts = [generator_identity(), digest((reference.package / "catalog.json").read_bytes())]
    if (folder / "catalog.yaml").exists():
        own = catalog_inputs(folder)
        if own is None:
            return ""
        parts += [own, _head(folder)]
    else:
        parts += [f"{path.name} {digest(path.read_bytes())}" for path in sorted(folder.glob("*.json"))]
    return digest("\n".join(parts).encode())


def _head(folder: Path) -> str:
    """The last commit, and where a shallow clone ends."""
    try:
        lines = text_of(git(folder, "rev-parse", "HEAD", "--git-path", "shallow", refused=b"")).splitlines()
    except GitError as error:
        return error.reason
    if len(lines) != 2:  # there is no repository, or it has no commit
        return ""
    head, shallow = lines[0], folder / lines[1]
    return head + (digest(shallow.read_bytes()) if shallow.is_file() else "")


def _read_cache(path: Path) -> dict[str, list[str]]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
