"""`check --fix`: corrects findings that need no decision, in the files of the catalog.

A fix is a row: the code of a rule, and what makes the right text of a wrong one. Only texts change.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from auditwright_generator.check import without_collector
from auditwright_generator.checks.style import end_sentence, end_title
from auditwright_generator.files import MAX_YAML_BYTES, read_regular, refuse_links_out
from auditwright_generator.findings import Finding
from auditwright_generator.output.unified_diff import unified_diff
from auditwright_generator.output.write import Difference, replace_file
from auditwright_generator.source.text_ends import change_ends
from auditwright_generator.source.yaml_nodes import shown_path

FIXES: dict[str, Callable[[str], str | None]] = {"AC302": end_sentence, "AC307": end_title}
"""By the code of a rule: the right text of a wrong one, or None if that takes a decision."""


@dataclass(frozen=True, slots=True)
class FileFix:
    """What would be changed in one file."""

    path: str
    """The path in the folder of the catalog."""
    text: str
    """The whole file after the change."""
    codes: Counter[str]
    """How many findings of each rule it corrects."""

    def __str__(self) -> str:
        return ", ".join(f"{code}: {number}" for code, number in sorted(self.codes.items()))


def plan_fixes(folder: Path, findings: Iterable[Finding]) -> list[FileFix]:
    """The changes that correct as many of the findings as possible, by file. Raises `OSError`."""
    by_path: dict[str, dict[tuple[int, int], str]] = {}
    for finding in findings:
        if finding.code in FIXES:
            by_path.setdefault(finding.path, {})[finding.line, finding.column] = finding.code
    fixes = []
    for path in sorted(Path(shown).relative_to(shown_path(folder)).as_posix() for shown in by_path):
        codes = by_path[shown_path(folder / path)]
        content = read_regular(folder / path, MAX_YAML_BYTES)
        with without_collector():
            changed, starts = change_ends(content, {start: FIXES[code] for start, code in codes.items()})
        if starts:
            fixes.append(FileFix(path, changed.decode(), Counter(codes[start] for start in starts)))
    return fixes


def write_fixes(folder: Path, fixes: Iterable[FileFix]) -> None:
    """Write the files, each atomically. Raises `OSError`, also for a link that leads out of the folder."""
    for fix in fixes:
        refuse_links_out(folder, [fix.path])
        replace_file((folder / fix.path).resolve(), fix.text)  # a link inside still leads to its file


def diff_fixes(folder: Path, fixes: Iterable[FileFix]) -> Iterator[str]:
    """The lines of a unified diff of the changes, truncated."""
    files: dict[str, str | None] = {fix.path: fix.text for fix in fixes}
    return unified_diff(folder, files, Difference((), tuple(files), (), ()))
