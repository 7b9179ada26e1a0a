"""The versions that a catalog had in the first-parent history of its repository.

A version is in the history from the commit that wrote it into catalog.yaml until the commit that wrote
another one. Follows a catalog that was moved, as `git.py` finds it. Reads nothing but catalog.yaml.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from auditwright_generator.diff.git import (
    GitError,
    NoRepository,
    contents_of,
    folder_in_repository,
    git,
    moved_from,
    text_of,
)
from auditwright_generator.source.structure import DEFS
from auditwright_generator.source.yaml_nodes import parse_yaml
from auditwright_generator.versions import SemanticVersion


@dataclass(frozen=True, slots=True)
class CommittedVersion:
    """One version in the history."""

    version: str
    date: str
    """The day of the first commit that had it, such as `2026-01-31`; "" if this clone lacks that commit."""
    commit: str
    """The last commit that had it, as a name that git resolves."""
    package: str


@dataclass(frozen=True, slots=True)
class CommittedVersions:
    """All versions in the history."""

    versions: tuple[CommittedVersion, ...]
    """Newest first. Each is lower than the one before."""
    notes: tuple[str, ...]
    """What is not among the versions, in sentences."""


@dataclass(frozen=True, slots=True)
class _State:
    """catalog.yaml as a commit wrote it."""

    commit: str
    date: str
    until: str
    """The last commit that had it so."""
    version: str = ""
    """ "" if it cannot be read."""
    package: str = ""


def committed_versions(folder: Path, package: str) -> CommittedVersions:
    """The versions of the catalog of a folder, which has a package; none if nothing is committed.

    Raises `GitError`.
    """
    try:
        prefix = folder_in_repository(folder)
    except NoRepository as error:
        raise GitError("the catalog is not in a git repository", error.hint) from error
    states, notes = _states(folder, prefix, package) if _exists(folder, "HEAD") else ([], [])
    if states and _is_cut_off(folder, states[-1].commit):
        states[-1] = replace(states[-1], date="")
        notes.append(
            "This clone of the repository is shallow and may lack older versions; "
            "`git fetch --unshallow` fetches them."
        )
    versions, withdrawn = _versions(states)
    return CommittedVersions(tuple(versions), (*notes, *withdrawn))


def _exists(folder: Path, commit: str) -> bool:
    return bool(git(folder, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}", refused=b""))


def _is_cut_off(folder: Path, commit: str) -> bool:
    """Whether a commit has no parent because the clone is shallow."""
    shallow = text_of(git(folder, "rev-parse", "--is-shallow-repository")).strip() == "true"
    return shallow and not _exists(folder, f"{commit}^")


def _states(folder: Path, prefix: str, package: str) -> tuple[list[_State], list[str]]:
    """Every state of catalog.yaml, newest first, also in folders where it was before; and notes."""
    found: list[_State] = []
    tip = "HEAD"
    while True:
        found += _states_in(folder, prefix, tip)
        if found:
            tip, package = f"{found[-1].commit}^", found[-1].package
        if not _exists(folder, tip):
            return found, []
        try:
            moved = moved_from(folder, tip, package)
        except GitError as error:
            return found, [f"Older versions are not shown: {error.reason}."]
        if moved is None:
            return found, []
        prefix = moved


def _states_in(folder: Path, prefix: str, tip: str) -> Iterator[_State]:
    path, until = f"{prefix}catalog.yaml", tip
    if "\n" in path:
        raise GitError("the name of the folder has a line break", "rename it")
    listed = git(folder, *_LOG, tip, "--", f":(top,literal){path}")
    commits = [line.split() for line in text_of(listed).splitlines()]
    contents = contents_of(folder, [f"{commit}:{path}" for commit, _ in commits])
    for (commit, date), content in zip(commits, contents, strict=True):
        version, package = _read(content) if content is not None else ("", "")
        yield _State(commit, date, until, version, package)
        until = f"{commit}^"


_LOG = (
    *("-c", "log.follow=false", "-c", "log.showSignature=false"),
    *("log", "--first-parent", "--format=%H %cs"),
)


def _read(content: bytes) -> tuple[str, str]:
    """The version and the package of a catalog.yaml; "" for what cannot be read."""
    node, _ = parse_yaml(content, "catalog.yaml")
    if not isinstance(node.value, dict):
        return "", ""
    version = node.string("version")
    is_version = re.fullmatch(DEFS["version"]["pattern"], version)
    return version if is_version else "", node.string("package")


def _versions(states: Sequence[_State]) -> tuple[list[CommittedVersion], list[str]]:
    """The versions, and sentences about those that were taken back."""
    found: dict[str, CommittedVersion] = {}
    withdrawn: dict[str, str] = {}
    lowest: SemanticVersion | None = None
    for state in states:
        if not state.version:
            continue
        parsed = SemanticVersion.parse(state.version)
        if state.version in found:
            found[state.version] = replace(found[state.version], date=state.date)
        elif lowest is None or parsed <= lowest:
            lowest = parsed
            found[state.version] = CommittedVersion(state.version, state.date, state.until, state.package)
        else:
            withdrawn[state.version] = f"{state.version} of {state.date} was taken back, and is not shown."
    return list(found.values()), list(withdrawn.values())
