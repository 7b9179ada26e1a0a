"""A change of one file of a catalog, tried on a copy first, and written only as a whole."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from auditwright_generator.check import CheckResult, read_catalog
from auditwright_generator.findings import Finding
from auditwright_generator.source.catalog_source import CatalogSource, read_source
from auditwright_generator.source.yaml_nodes import shown_path

_BOM = "\ufeff"
_FOLLOW_UPS = ("AC110", "AC111", "AC65", "AC952")
"""Beginnings of the codes of warnings that ask for one more change: nobody can add two things at once."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The findings that a change brings."""

    against: tuple[Finding, ...]
    """Nothing is written while there are any."""
    follow_ups: tuple[Finding, ...]
    """Warnings that say what should follow."""


class Trial:
    """A copy of a catalog, for trying out a change."""

    def __init__(self, folder: Path, copy: Path) -> None:
        self._folder, self._copy = folder, copy

    def put(self, path: Path, text: str) -> None:
        """Change a file of the copy, named by its path in the folder."""
        target = self._copy / path.relative_to(self._folder)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(text.encode())

    def source(self) -> CatalogSource:
        """The copy, read and not checked."""
        return read_source(self._copy)[0]

    def judge(self, before: CheckResult) -> Judged:
        """What checking the copy finds that was not found before."""
        known = Counter(map(_regardless_of_line, before.findings))
        found = [self._at_its_place(finding) for finding in read_catalog(self._copy).findings]
        new = [finding for finding in found if not _take(known, _regardless_of_line(finding))]
        follow_ups = [
            finding
            for finding in new
            if finding.severity == "warning" and finding.code.startswith(_FOLLOW_UPS)
        ]
        return Judged(tuple(each for each in new if each not in follow_ups), tuple(follow_ups))

    def _at_its_place(self, finding: Finding) -> Finding:
        """The finding as if the change had been written."""
        copied, real = shown_path(self._copy), shown_path(self._folder)
        return replace(
            finding,
            path=finding.path.replace(copied, real, 1),
            message=finding.message.replace(copied, real),
        )


def _regardless_of_line(finding: Finding) -> tuple[str, str, str]:
    return finding.path, finding.code, finding.message


def _take(known: Counter[tuple[str, str, str]], finding: tuple[str, str, str]) -> bool:
    known[finding] -= 1
    return known[finding] >= 0


@contextmanager
def try_out(folder: Path) -> Iterator[Trial]:
    """A copy of the catalog's YAML, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="auditwright-new-") as temporary:
        copy = Path(temporary).resolve() / folder.resolve().name
        shutil.copytree(folder, copy, ignore=_all_but_yaml)
        yield Trial(folder, copy)


def _all_but_yaml(parent: str, names: list[str]) -> set[str]:
    return {
        name
        for name in names
        if name.startswith(".")
        or not (Path(parent, name).is_dir() or name.lower().endswith((".yaml", ".yml")))
    }


def read_text(path: Path) -> str:
    """The file's text as it is: line ends are kept, and so is a byte order mark."""
    return path.read_bytes().decode("utf-8")


def split_mark(text: str) -> tuple[str, str]:
    """The byte order mark, if there is one, and the rest."""
    return (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)


def replace_file(path: Path, text: str) -> None:
    """Write the file at once or not at all, with the mode it has; through a link, not over it."""
    target = path.resolve()
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new.") as temporary:
        written = Path(temporary, target.name)
        written.write_bytes(text.encode())
        if target.exists():
            written.chmod(target.stat().st_mode & 0o7777)
        written.replace(target)
