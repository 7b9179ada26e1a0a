"""Reads the older catalog that `--against` names: a folder, a file or a git commit.

An existing path wins over a commit. Temporary files are removed.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from auditwright_generator.checks.rules import check_codes, check_meaning
from auditwright_generator.diff.catalog_json import InvalidCatalogJson, read_catalog_json
from auditwright_generator.diff.change import bare
from auditwright_generator.diff.git import HINT, GitError, catalog_at, folder_in_repository
from auditwright_generator.files import is_inside, read_regular
from auditwright_generator.findings import Finding, counted, quote
from auditwright_generator.model import Catalog
from auditwright_generator.source.catalog_source import CatalogSource, read_source
from auditwright_generator.source.resolve import resolve_catalog
from auditwright_generator.source.yaml_nodes import UnreadableCatalog, shown_path

_UNRESOLVABLE = frozenset({"AC101", "AC106", "AC112"})
"""Errors that resolving would ignore: unknown or duplicate keys, fields and levels.

Other errors do not prevent a comparison: an older catalog need not pass today's rules.
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The older catalog."""

    catalog: Catalog | None
    """None if the commit has no catalog, so that everything is new."""
    note: str = ""
    """What a reader has to know about it: that there is none, or that it was in another folder."""


def read_snapshot(against: str, folder: Path, package: str) -> Snapshot:
    """The catalog that `against` names; folder and package are those of the newer catalog.

    Raises `UnreadableCatalog`.
    """
    if not against:
        raise UnreadableCatalog('""', "the name is empty", HINT)
    path = Path(against)
    if not _exists(path):
        return _at_commit(against, folder, package)
    if path.is_dir():
        return Snapshot(_in_folder(path))
    if path.suffix.lower() in (".yaml", ".yml"):
        raise UnreadableCatalog(shown_path(path), "it is one file of a catalog", "name the catalog's folder")
    return Snapshot(_in_json(path))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # the name is too long for a file, or has a NUL
        return False


def _in_folder(path: Path) -> Catalog:
    if (path / "catalog.yaml").is_file():
        return read_folder(path, shown_path(path))[0]
    if (path / "catalog.json").is_file():
        return _in_json(path / "catalog.json")
    packages = [each for each in path.glob("*/catalog.json") if (each.parent / "__init__.py").is_file()]
    if len(packages) == 1:
        return _in_json(packages[0])
    raise UnreadableCatalog(shown_path(path), "the folder has neither catalog.yaml nor catalog.json", HINT)


def _in_json(path: Path) -> Catalog:
    try:
        if not path.is_file():
            raise UnreadableCatalog(shown_path(path), "it is not a regular file", HINT)
        return read_catalog_json(read_regular(path))
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        raise UnreadableCatalog(shown_path(path), reason, "make it readable or name another file") from error
    except InvalidCatalogJson as error:
        raise UnreadableCatalog(
            shown_path(path), str(error), "name the catalog.json of a generated package"
        ) from error


def _at_commit(ref: str, folder: Path, package: str) -> Snapshot:
    found = committed_catalog(ref, folder, package)
    name = bare(ref)
    if found is None:
        where = folder_in_repository(folder)
        return Snapshot(None, f"{name} has no catalog" + (f" in {where}" if where else ""))
    return Snapshot(found.catalog, f"the catalog was in {found.was_in} at {name}" if found.was_in else "")


@dataclass(frozen=True, slots=True)
class Committed:
    """The catalog of a commit, and the files from which it was read."""

    catalog: Catalog
    source: CatalogSource
    was_in: str = ""
    """The folder where it was, if that was another one."""


def committed_catalog(ref: str, folder: Path, package: str) -> Committed | None:
    """The catalog that a folder had at a commit, or None. Raises `UnreadableCatalog`."""
    name = bare(ref)
    try:
        found = catalog_at(folder, ref, package)
    except GitError as error:
        raise UnreadableCatalog(name, error.reason, error.hint) from error
    if found is None:
        return None
    moved = (found.folder or "the root of the repository") if found.is_moved else ""
    with tempfile.TemporaryDirectory(prefix="auditwright-") as made:
        root = Path(made) / folder.resolve().name
        for path, data in found.files.items():
            target = root / path
            if not is_inside(root, path):  # git lists whatever a tree names
                reason = f"its file {quote(path.as_posix())} leads out of the folder of the catalog"
                raise UnreadableCatalog(name, reason, "name another commit")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return Committed(*read_folder(root, f"{moved or shown_path(folder)} at {name}"), moved)


def read_folder(folder: Path, label: str) -> tuple[Catalog, CatalogSource]:
    """The catalog of a folder, even if it has findings, and its files. `label` is its name in errors.

    Raises `UnreadableCatalog`.
    """
    try:
        source, findings = read_source(folder)
    except UnreadableCatalog as error:
        raise UnreadableCatalog(label, error.reason, error.hint) from error
    errors = _errors(findings) or _errors(check_codes(source, _UNRESOLVABLE))
    if not errors:
        try:
            return resolve_catalog(source), source
        except (KeyError, ValueError):  # an example does not fit its field
            errors = _errors(check_meaning(source))
            if not errors:
                raise
    raise _unsound(folder, label, errors)


def _errors(findings: list[Finding]) -> list[Finding]:
    return sorted(finding for finding in findings if finding.severity == "error")


def _unsound(folder: Path, label: str, errors: list[Finding]) -> UnreadableCatalog:
    first = errors[0]
    path = first.path.removeprefix(f"{shown_path(folder)}/")
    message = first.message.partition("; `")[0]  # a command changes today's catalog, not that one
    found = f"{path}:{first.line}:{first.column}: {first.code} {first.name}: {message}"
    reason = f"it has {counted(len(errors), 'error')}, the first at {found}"
    return UnreadableCatalog(label, reason, "compare with the catalog.json that was generated from it")
