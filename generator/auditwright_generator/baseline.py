"""The baseline of a catalog: the warnings that are known, so that `check` fails for new ones only.

A known finding is a rule, a file, the keys that lead to its place in the file, and how often it occurs there.
It has no line number and no message, so that it outlives changes of other lines. Errors are never known:
nothing can be generated from them.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from auditwright_generator.files import read_regular
from auditwright_generator.findings import Finding, KnownFinding, Position, PrintableError, counted
from auditwright_generator.output.write import replace_file
from auditwright_generator.source.catalog_source import CatalogSource
from auditwright_generator.source.yaml_nodes import Node

FORMAT = "auditwright baseline 1"
_MARK = b'"auditwright baseline'
"""What tells a baseline, even a damaged one, from other files."""
_ABOUT = (
    "Warnings of `auditwright check` that are known. `auditwright check --write-baseline` writes this file."
)


class UnreadableBaseline(PrintableError):
    """The file is no baseline that can be used."""


Baseline = Counter[KnownFinding]
"""How often each finding is known."""


@dataclass(frozen=True, slots=True)
class Division:
    """The findings of a run, compared with a baseline."""

    new: tuple[Finding, ...]
    """Errors, and warnings that are not in the baseline."""
    known: tuple[Finding, ...]
    gone: Baseline
    """What is in the baseline and occurs no more."""


def baseline_of(findings: Iterable[Finding], source: CatalogSource) -> Baseline:
    """The baseline that makes all warnings known."""
    return Counter(name for finding, name in _named(findings, source) if finding.severity == "warning")


def divide(findings: Sequence[Finding], source: CatalogSource, baseline: Baseline) -> Division:
    """Which findings are new and which are known, and what the baseline has besides."""
    left, new, known = Counter(baseline), [], []
    for finding, name in _named(findings, source):
        if finding.severity == "warning" and left[name] > 0:
            left[name] -= 1
            known.append(finding)
        else:
            new.append(finding)
    if any(finding.severity == "error" for finding in new):  # an error hides warnings
        left.clear()
    return Division(tuple(new), tuple(known), +left)


def _named(findings: Iterable[Finding], source: CatalogSource) -> Iterator[tuple[Finding, KnownFinding]]:
    folder, subjects = PurePosixPath(source.node.position.path).parent, _subjects(source)
    for finding in findings:
        file = PurePosixPath(finding.path).relative_to(folder).as_posix()
        yield finding, KnownFinding(file, subjects.get(finding.position, ""), finding.code)


def _subjects(source: CatalogSource) -> dict[Position, str]:
    """The keys that lead to each position of a key or a value. An item has those of its list."""
    found: dict[Position, str] = {}

    def visit(node: Node, subject: str) -> None:
        found.setdefault(node.position, subject)
        for key, entry in node.entries.items():
            below = f"{subject}.{key}" if subject else key
            found[entry.key_position] = below
            visit(entry, below)
        for item in node.items:
            visit(item, subject)

    for root in (source.node, *(category.node for category in source.categories)):
        visit(root, "")
    for field in source.fields.values():
        found[field.node.key_position] = field.name
        visit(field.node, field.name)
    return found


def read_baseline(path: Path) -> Baseline:
    """The baseline of a file. Raises `UnreadableBaseline` and `OSError`."""
    try:
        content = json.loads(read_regular(path))
    except (ValueError, RecursionError) as error:
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UnreadableBaseline(f"it is not JSON{where}") from error
    if not isinstance(content, dict) or not str(content.get("format")).startswith("auditwright baseline"):
        raise UnreadableBaseline("it is not a baseline of auditwright")
    if content["format"] != FORMAT:
        raise UnreadableBaseline(f"it is of another version of auditwright; this one reads {FORMAT!r}")
    baseline: Baseline = Counter()
    listed = content.get("known")
    for number, entry in enumerate(listed if isinstance(listed, list) else [None], 1):
        found = _known(entry)
        if found is None:
            raise UnreadableBaseline(
                f"entry {number} of known is not a finding with rule, file, subject and count"
            )
        known, count = found
        baseline[known] += count
    return baseline


def _known(entry: Any) -> tuple[KnownFinding, int] | None:
    """The finding of an entry, and how often it is known; None if it is no such entry."""
    if not isinstance(entry, dict):
        return None
    file, subject, rule, count = (entry.get(key) for key in ("file", "subject", "rule", "count"))
    is_whole = isinstance(file, str) and isinstance(subject, str) and isinstance(rule, str)
    if not is_whole or type(count) is not int or count < 1:
        return None
    return KnownFinding(str(file), str(subject), str(rule)), count


def write_baseline(path: Path, baseline: Baseline) -> str:
    """Write the file; returns in words what it holds and how that differs from before.

    Raises `UnreadableBaseline` if the file exists and is none, even a damaged one, and `OSError`.
    """
    before: Baseline | None = None
    if path.exists():
        content = read_regular(path)
        if content.strip() and _MARK not in content[:1000]:
            raise UnreadableBaseline("it exists and is not a baseline")
        try:
            before = read_baseline(path)
        except UnreadableBaseline:
            before = None
    replace_file(path.resolve(), _text(baseline))  # a symbolic link still leads to the file
    holds = counted(baseline.total(), "known finding")
    if before is None:
        return holds
    return f"{holds}, {(baseline - before).total()} added and {(before - baseline).total()} removed"


def _text(baseline: Baseline) -> str:
    """One finding on a line, sorted, so that changes of two branches merge."""
    lines = [
        json.dumps({"rule": each.rule, "file": each.file, "subject": each.subject, "count": count})
        for each, count in sorted(baseline.items())
    ]
    known = f"[\n    {(',' + chr(10) + '    ').join(lines)}\n  ]" if lines else "[]"
    head = f'  "format": {json.dumps(FORMAT)},\n  "about": {json.dumps(_ABOUT)},\n'
    return f'{{\n{head}  "known": {known}\n}}\n'
