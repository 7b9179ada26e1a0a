"""The versions of a catalog, newest first, each compared with the one before it.

Older versions come from git or from a folder of `catalog.json` files. An older version that cannot be read
stays in the list with the reason, and the next newer one is compared with the version before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from auditwright_generator.diff.accepted import Acceptance, read_acceptances
from auditwright_generator.diff.catalog_json import InvalidCatalogJson, read_catalog_json
from auditwright_generator.diff.comparison import Comparison, compare_versions
from auditwright_generator.diff.git import GitError, git
from auditwright_generator.diff.git_versions import CommittedVersion, committed_versions
from auditwright_generator.diff.snapshot import committed_catalog, read_folder
from auditwright_generator.files import read_regular
from auditwright_generator.model import Catalog
from auditwright_generator.source.yaml_nodes import UnreadableCatalog, shown_path
from auditwright_generator.versions import SemanticVersion

MAX_VERSIONS = 20
"""How many versions are listed by default."""
UNCOMMITTED = "It is not committed yet."
EDITED = "Some of its changes are not committed yet."


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a catalog."""

    version: str
    date: str = ""
    """The day on which it was committed, such as `2026-01-31`; "" if that is not known."""
    note: str = ""
    """What else there is to say about it, in a sentence."""
    catalog: Catalog | None = None
    """None if it cannot be read."""
    problem: str = ""
    """Why it cannot be read."""
    acceptances: tuple[Acceptance, ...] = ()
    """The breaks that it accepts."""
    older: Catalog | None = None
    """The nearest older version that can be read; None if there is none."""
    comparison: Comparison | None = None
    """With `older`."""


@dataclass(frozen=True, slots=True)
class History:
    """The versions of a catalog."""

    versions: tuple[Version, ...]
    """Newest first."""
    omitted: int = 0
    """How many older versions are known, but not listed."""
    notes: tuple[str, ...] = ()
    """What else there is to know about older versions, in sentences."""
    is_known: bool = True
    """False if git has no history of the catalog to read."""


def history_in_git(folder: Path, most: int = MAX_VERSIONS) -> History:
    """The versions of the catalog in a folder: that of its files, and those in the history of git.

    `most` limits how many are listed. Raises `UnreadableCatalog` if the files themselves cannot be read.
    """
    catalog, source = read_folder(folder, shown_path(folder))
    newest = Version(catalog.version, catalog=catalog, acceptances=tuple(read_acceptances(source)))
    try:
        committed = committed_versions(folder, catalog.package)
        newest = _dated(newest, committed.versions, folder)
    except GitError as error:
        return History((newest,), notes=(f"Older versions are not known: {error.reason}.",), is_known=False)
    older = [each for each in committed.versions if _is_before(each.version, catalog.version)]
    read = [newest, *(_committed(folder, each) for each in older[:most])]
    return History(_compared(read)[:most], max(0, 1 + len(older) - most), committed.notes)


def history_in_files(folder: Path, current: Catalog, most: int = MAX_VERSIONS) -> History:
    """The versions of a catalog: the current one, and older ones from the `catalog.json` files of a folder.

    The files may have any names that end in `.json`; the version of each is read from it. Raises
    `UnreadableCatalog` if the folder cannot be read, or two files have the same version.
    """
    found, notes = _read_files(folder)
    newest = Version(current.version, catalog=current)
    name, released = found.pop(current.version, ("", current))
    if compare_versions(released, current).changes:
        newest = replace(newest, note=f"It differs from {name}, which has the same version.")
    for name, catalog in found.values():
        if not _is_before(catalog.version, current.version):
            notes.append(f"{name} has the later version {catalog.version}, and is not shown.")
    older = [catalog for _, catalog in found.values() if _is_before(catalog.version, current.version)]
    older.sort(key=lambda catalog: SemanticVersion.parse(catalog.version), reverse=True)
    read = [newest, *(Version(each.version, catalog=each) for each in older[:most])]
    return History(_compared(read)[:most], max(0, 1 + len(older) - most), tuple(notes))


def _is_before(version: str, other: str) -> bool:
    """Whether a version can be older than another one, and is not the same."""
    return version != other and SemanticVersion.parse(version) <= SemanticVersion.parse(other)


def _compared(versions: Sequence[Version]) -> tuple[Version, ...]:
    """The versions, each compared with the nearest older one that could be read."""
    found: list[Version] = []
    previous: Catalog | None = None
    for version in reversed(versions):
        if version.catalog and previous:
            comparison = compare_versions(previous, version.catalog, version.acceptances)
            version = replace(version, older=previous, comparison=comparison)
        previous = version.catalog or previous
        found.append(version)
    return tuple(reversed(found))


# --- git ------------------------------------------------------------------------------------------------


def _dated(newest: Version, committed: Sequence[CommittedVersion], folder: Path) -> Version:
    """The version of the files, with its date and whether it is committed."""
    dates = {each.version: each.date for each in committed}
    if newest.version not in dates:
        return replace(newest, note=UNCOMMITTED)
    note = EDITED if _is_edited(newest, folder) else ""
    return replace(newest, date=dates[newest.version], note=note)


def _is_edited(newest: Version, folder: Path) -> bool:
    """Whether the catalog of the files differs from that of the last commit."""
    if newest.catalog is None or not git(folder, "status", "--porcelain", "--", "."):
        return False
    try:
        last = committed_catalog("HEAD", folder, newest.catalog.package)
    except UnreadableCatalog:
        return True
    return last is None or bool(compare_versions(last.catalog, newest.catalog).changes)


def _committed(folder: Path, committed: CommittedVersion) -> Version:
    """A version of the history, with its catalog or the reason why that cannot be read."""
    version = Version(committed.version, committed.date)
    try:
        found = committed_catalog(committed.commit, folder, committed.package)
    except UnreadableCatalog as error:
        return replace(version, problem=error.reason)
    if found is None:
        return replace(version, problem="the commit has no catalog")
    return replace(version, catalog=found.catalog, acceptances=tuple(read_acceptances(found.source)))


# --- files ----------------------------------------------------------------------------------------------


def _read_files(folder: Path) -> tuple[dict[str, tuple[str, Catalog]], list[str]]:
    """The catalogs of a folder by version, each with its file's name; and notes about unreadable ones."""
    found: dict[str, tuple[str, Catalog]] = {}
    notes: list[str] = []
    for path in _json_files(folder):
        try:
            catalog = read_catalog_json(read_regular(path))
        except (OSError, InvalidCatalogJson) as error:
            strerror = getattr(error, "strerror", None)
            notes.append(f"{path.name} cannot be read: {strerror.lower() if strerror else error}.")
            continue
        if catalog.version in found:
            reason = f"{found[catalog.version][0]} and {path.name} both have the version {catalog.version}"
            raise UnreadableCatalog(shown_path(folder), reason, "remove one of them")
        found[catalog.version] = path.name, catalog
    return found, notes


def _json_files(folder: Path) -> list[Path]:
    try:
        files = [path for path in folder.iterdir() if path.suffix == ".json" and path.is_file()]
    except OSError as error:
        reason = (error.strerror or "it cannot be listed").lower()
        hint = "name the folder of a catalog.yaml, or one with a catalog.json for each older version"
        raise UnreadableCatalog(shown_path(folder), reason, hint) from error
    return sorted(path for path in files if not path.name.startswith("."))
