"""Reads the files of a catalog at a git commit, without a checkout.

Reads trees and blobs, because `git archive` applies attributes that omit or rewrite files.
A catalog that the commit has in another folder is found there, so that a move hides no break.
"""

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from auditwright_generator.files import MAX_YAML_BYTES
from auditwright_generator.findings import PrintableError, join_words
from auditwright_generator.source.yaml_nodes import parse_yaml

HINT = "name a commit or branch, a catalog's folder, a generated package's folder or a catalog.json"
_DISCOVERED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
"""Variables that git sets for hooks. They are removed, so that git finds the repository of the folder."""


class GitError(PrintableError):
    """The files cannot be read; has the reason and a hint."""

    def __init__(self, reason: str, hint: str) -> None:
        self.reason = reason
        self.hint = hint
        super().__init__(f"{reason}; {hint}")


class NoRepository(GitError):
    """The catalog is not in a git repository."""


@dataclass(frozen=True, slots=True)
class _Blob:
    """A file of a commit."""

    mode: str
    id: str
    path: str


@dataclass(frozen=True, slots=True)
class CommittedCatalog:
    """The YAML files of a catalog at a commit."""

    folder: str
    """The folder in the repository, with a slash at its end; "" for the root."""
    is_moved: bool
    """Whether the newer catalog is in another folder."""
    files: dict[PurePosixPath, bytes]
    """The contents, by path relative to the folder."""


def folder_in_repository(folder: Path) -> str:
    """The path of a folder in its repository, with a slash at its end; "" for the root."""
    return text_of(git(folder, "rev-parse", "--show-prefix")).removesuffix("\n")


def catalog_at(folder: Path, ref: str, package: str) -> CommittedCatalog | None:
    """The files that the catalog of a folder had at a commit; None if the commit has no such catalog.

    A catalog of the same package that is in another folder there, and no longer in the working tree, was
    moved. Raises `GitError`.
    """
    if ref.startswith("-") or not ref.isprintable():
        raise GitError("it is not a valid name of a commit", HINT)
    prefix = here = folder_in_repository(folder)
    commit = _commit(folder, ref)
    blobs = list(_blobs(folder, commit, prefix))
    if not _has_catalog(blobs, prefix):
        found = moved_from(folder, commit, package)
        if found is None:
            return None
        prefix = found
        blobs = list(_blobs(folder, commit, prefix))
    for blob in blobs:
        if blob.mode == "120000":
            raise GitError(
                f"{blob.path} is a symbolic link in that commit", "check the commit out and name its folder"
            )
    contents = _contents(folder, [blob.id for blob in blobs])
    files = {
        PurePosixPath(blob.path[len(prefix) :]): data for blob, data in zip(blobs, contents, strict=True)
    }
    return CommittedCatalog(prefix, prefix != here, files)


def _has_catalog(blobs: Sequence[_Blob], prefix: str) -> bool:
    return any(blob.path == f"{prefix}catalog.yaml" for blob in blobs)


def moved_from(folder: Path, commit: str, package: str) -> str | None:
    """The folder of the commit's catalog that is no longer in the working tree; None if there is none."""
    root = Path(text_of(git(folder, "rev-parse", "--show-toplevel")).removesuffix("\n"))
    blobs = [
        blob
        for blob in _blobs(folder, commit, "")
        if PurePosixPath(blob.path).name == "catalog.yaml" and not (root / blob.path).exists()
    ]
    gone: list[str] = []
    for blob, data in zip(blobs, _contents(folder, [blob.id for blob in blobs]), strict=True):
        if len(data) > MAX_YAML_BYTES:
            continue  # no catalog that could be read
        node, _ = parse_yaml(data, blob.path)
        if isinstance(node.value, dict) and "package" in node.entries and node.string("package") == package:
            gone.append(blob.path.removesuffix("catalog.yaml"))
    if len(gone) > 1:
        reason = f"the commit has no catalog in {folder.name}, but the working tree lacks {join_words(gone)}"
        raise GitError(reason, "check the commit out and name the folder to compare with")
    return gone[0] if gone else None


def _commit(folder: Path, ref: str) -> str:
    found = git(folder, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", refused=b"")
    if not found:
        reason = "there is no such file or folder, and no git commit of that name"
        raise GitError(reason, f"{HINT}, and `git fetch` what a shallow clone lacks")
    return text_of(found).strip()


def _blobs(folder: Path, commit: str, prefix: str) -> Iterator[_Blob]:
    """The YAML files of a catalog, without hidden ones."""
    below = ["--", prefix] if prefix else []
    listed = git(folder, "ls-tree", "-r", "-z", "--full-tree", commit, *below)
    for line in listed.split(b"\0")[:-1]:
        head, _, name = line.partition(b"\t")
        mode, kind, blob = head.decode("ascii").split()
        path = os.fsdecode(name)
        parts = PurePosixPath(path[len(prefix) :]).parts
        hidden = any(part.startswith(".") for part in parts)
        if kind == "blob" and path.lower().endswith((".yaml", ".yml")) and not hidden:
            yield _Blob(mode, blob, path)


def _contents(folder: Path, blobs: Sequence[str]) -> Iterator[bytes]:
    """The contents of the blobs."""
    for content in contents_of(folder, blobs):
        if content is None:
            raise GitError("this clone lacks files of that commit", "fetch the whole commit")
        yield content


def contents_of(folder: Path, objects: Sequence[str]) -> Iterator[bytes | None]:
    """The contents of objects such as `<commit>:<path>`, read by one process; None for a missing one."""
    given = b"".join(os.fsencode(f"{name}\n") for name in objects)
    answer = git(folder, "cat-file", "--batch", given=given)
    at = 0
    for _ in objects:
        end = answer.index(b"\n", at)
        size = answer[at:end].split()[-1]
        if size == b"missing":
            at = end + 1
            yield None
        else:
            at = end + 1 + int(size) + 1
            yield answer[end + 1 : at - 1]


def git(folder: Path, *arguments: str, given: bytes = b"", refused: bytes | None = None) -> bytes:
    """The output of git. If git fails, returns `refused`, or raises `GitError` if that is None."""
    environment = {name: value for name, value in os.environ.items() if name not in _DISCOVERED}
    try:
        done = subprocess.run(  # noqa: S603 - no shell; commits and paths are no options
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the one on PATH
            env={**environment, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"},
            input=given,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        reason = f"git cannot be run ({(error.strerror or str(error)).lower()})"
        raise GitError(reason, "install git, or name a folder or a catalog.json") from error
    if done.returncode and refused is not None:
        return refused
    if done.returncode:
        raise _error(done.stderr)
    return done.stdout


def _error(said: bytes) -> GitError:
    text = said.decode("utf-8", "replace").strip()
    if "not a git repository" in text:
        reason = "there is no such file or folder, and the catalog is not in a git repository"
        return NoRepository(reason, "name a catalog's folder, a generated package's folder or a catalog.json")
    first = text.partition("\n")[0].removeprefix("fatal: ")
    return GitError(f"git failed: {first}", "fix that, or name a folder or a catalog.json")


def text_of(output: bytes) -> str:
    """The output of git as text."""
    return os.fsdecode(output)
