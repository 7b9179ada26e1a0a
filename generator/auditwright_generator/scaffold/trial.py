"""Checks a change of a catalog on a copy, and writes it only if `check` accepts the result."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from auditwright_generator.check import CheckResult, read_catalog
from auditwright_generator.findings import Finding, PrintableError
from auditwright_generator.output.write import replace_file
from auditwright_generator.scaffold.new_entry import NewEntry
from auditwright_generator.source.catalog_source import CatalogSource, read_source
from auditwright_generator.source.yaml_nodes import shown_path

Added = tuple[str, list[Finding]]
"""Path and line of what was written, and the warnings to follow up."""

_FOLLOW_UPS = ("AC110", "AC111", "AC65", "AC952")
"""Prefixes of warnings that ask for a second addition; a command adds one thing at a time."""


class Refused(PrintableError):
    """Nothing was written; says why, with what `check` reports, a line each."""

    def __init__(self, message: str, findings: Iterable[object] = ()) -> None:
        self.findings = tuple(map(str, findings))
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Trial:
    """A catalog, and a copy to try a change on."""

    folder: Path
    before: CheckResult
    _copy: Path

    def source_with(self, path: str, text: str) -> CatalogSource:
        """The source of the copy with one file changed."""
        target = self._copy / path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(text.encode())
        return read_source(self._copy)[0]

    def write(self, path: str, text: str, line: int) -> Added:
        """Write the file with the new entry at a line; raises `Refused` if `check` objects.

        What an older error of the catalog hid is no objection: it is shown.
        """
        self.source_with(path, text)
        copy, real = shown_path(self._copy), shown_path(self.folder)
        found = [
            replace(each, path=each.path.replace(copy, real, 1), message=each.message.replace(copy, real))
            for each in read_catalog(self._copy).findings
        ]
        known = {(each.path, each.code, each.message) for each in self.before.findings}
        new = [each for each in found if (each.path, each.code, each.message) not in known]
        entry = NewEntry.between(self.folder / path, text, line)
        against = [
            each
            for each in new
            if (each.severity == "error" or not each.code.startswith(_FOLLOW_UPS))
            and (self.before.catalog is not None or entry.holds(each))
        ]
        if against:
            shown = map(entry.show, against)
            raise Refused("nothing was added: `auditwright check` would report this", shown)
        replace_file((self.folder / path).resolve(), text)  # a symbolic link still leads to the file
        return f"{shown_path(self.folder / path)}:{line}", new


@contextmanager
def try_out(folder: Path, repairs: str | None = None) -> Iterator[Trial]:
    """A trial of a change; raises `Refused` if the catalog has errors already.

    With `repairs`, the name of a file, only errors in that file count: the change may settle the others.
    """
    before = read_catalog(folder)
    errors = [each for each in before.findings if each.severity == "error"]
    if repairs is not None:
        errors = [each for each in errors if each.path == shown_path(folder / repairs)]
    if errors:
        raise Refused("nothing was added: correct the errors in the catalog first", before.findings)
    with tempfile.TemporaryDirectory(prefix="auditwright-new-") as temporary:
        copy = Path(temporary).resolve() / folder.resolve().name
        shutil.copytree(folder, copy, ignore=_unread)
        yield Trial(folder, before, copy)


def _unread(parent: str, names: list[str]) -> list[str]:
    """What `check` does not read either: it may be large, a link, or without an end."""
    return [
        name
        for name in names
        if name.startswith(".")
        or not (name.lower().endswith((".yaml", ".yml")) or Path(parent, name).is_dir())
    ]
