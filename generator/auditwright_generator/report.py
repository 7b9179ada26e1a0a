"""Output formats for findings: text with an excerpt, JSON, GitHub annotations, SARIF.

`auditwright check` prints with `FORMATS`. Nothing here decides what is a finding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from auditwright_generator.checks.suppressions import Suppressed
from auditwright_generator.files import read_regular
from auditwright_generator.findings import Finding, KnownFinding, Rule
from auditwright_generator.text import UNPRINTABLE

WIDTH = 100
"""The maximum number of characters of a line in an excerpt."""

_TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'|[^\s,:\[\]{}#]+|\S")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a baseline says of the findings."""

    known: Sequence[Finding]
    """Findings that it has; those of the report are new."""
    gone: Mapping[KnownFinding, int]
    """What it has and what no longer occurs, with numbers."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of a run, for output."""

    findings: Sequence[Finding]
    summary: str
    rules: Sequence[Rule]
    suppressed: Sequence[Suppressed] = ()
    off: Mapping[str, str] = field(default_factory=dict)
    """The rules that are switched off, with the reasons."""
    compared: Comparison | None = None
    """The comparison with a baseline, if there is one."""

    notes: Sequence[str] = ()
    """What to do next, in text."""


def text(report: CheckReport) -> Iterator[str]:
    """`path:line:column: severity code name: message` with an excerpt for each finding, then the summary."""
    files: dict[str, list[str]] = {}
    for finding in report.findings:
        yield str(finding)
        if finding.path not in files:
            files[finding.path] = read_lines(finding.path)
        yield from excerpt(finding, files[finding.path])
    yield from (*report.notes, report.summary)


def excerpt(finding: Finding, lines: Sequence[str]) -> Iterator[str]:
    """The line of a finding with carets under the token; nothing if the file has no such line."""
    if not 0 < finding.line <= len(lines):
        return
    line, start = lines[finding.line - 1], finding.column - 1
    token = _TOKEN.match(line, start)
    length = len(token.group()) if token else 1
    cut = max(0, min(start - WIDTH // 2, len(line) - WIDTH)) if len(line) > WIDTH else 0
    shown = UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", line[cut : cut + WIDTH].replace("\t", " "))
    yield f"{finding.line:>6} | {shown}".rstrip()
    yield f"{'':>6} | {' ' * (start - cut)}{'^' * max(1, min(length, WIDTH - (start - cut)))}"


def read_lines(path: str) -> list[str]:
    """The lines of a file as YAML counts them; empty if the file cannot be read."""
    try:
        content = read_regular(Path(path)).decode("utf-8-sig", "replace")
    except OSError:
        return []
    return re.split("\r\n|\r|\n", content)


def as_json(report: CheckReport) -> Iterator[str]:
    """One object: findings, suppressed findings with reasons, the rules that ran or were off, the summary.

    With a baseline also the known findings, and what is gone from the baseline.
    """
    found: dict[str, Any] = {
        "findings": [_facts(finding) for finding in report.findings],
        "suppressed": [{**_facts(each.finding), "reason": each.reason} for each in report.suppressed],
        "rules": {
            "ran": [rule.code for rule in report.rules if rule.code not in report.off],
            "off": dict(report.off),
        },
        "summary": report.summary,
    }
    if report.compared:
        gone = report.compared.gone.items()
        found["known"] = [_facts(finding) for finding in report.compared.known]
        found["gone"] = [{**asdict(each), "count": count} for each, count in gone]
    yield json.dumps(found, indent=2, ensure_ascii=False)


def _facts(finding: Finding) -> dict[str, Any]:
    return {
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "severity": finding.severity,
        "code": finding.code,
        "name": finding.name,
        "message": finding.message,
    }


def github(report: CheckReport) -> Iterator[str]:
    """Workflow commands, which GitHub Actions shows as annotations of a pull request, then the summary."""
    for finding in report.findings:
        yield github_command(finding.severity, finding, f"{finding.code} {finding.name}", finding.message)
    yield from (*report.notes, report.summary)


def github_command(level: str, position: Any, title: str, message: str) -> str:
    """One workflow command (`error`, `warning` or `notice`) at a position with path, line and column.

    An empty path means no file.
    """
    where = {"file": position.path, "line": position.line, "col": position.column} if position.path else {}
    properties = {**where, "title": title}
    given = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in properties.items())
    return f"::{level} {given}::{_escaped(message)}"


def _escaped(value: str, more: str = "") -> str:
    return "".join(f"%{ord(each):02X}" if each in f"%\r\n{more}" else each for each in value)


def sarif(report: CheckReport) -> Iterator[str]:
    """SARIF 2.1.0 (OASIS) for code scanning. Suppressed and known findings are included and marked."""
    numbers = {rule.code: number for number, rule in enumerate(report.rules)}
    results = [_result(finding, numbers) for finding in report.findings]
    if report.compared:
        results = [{**result, "baselineState": "new"} for result in results]
        known = (_result(finding, numbers) for finding in report.compared.known)
        results += [{**result, "baselineState": "unchanged"} for result in known]
    for each in report.suppressed:
        answer = {"kind": "inSource", "justification": each.reason}
        results.append({**_result(each.finding, numbers), "suppressions": [answer]})
    rules = [
        {
            "id": rule.code,
            "name": "".join(part.capitalize() for part in rule.name.split("-")),
            "shortDescription": {"text": f"{rule.name}: {rule.why}"},
            "help": {"text": f"auditwright explain {rule.code}"},
            "defaultConfiguration": {"level": rule.severity, "enabled": rule.code not in report.off},
        }
        for rule in report.rules
    ]
    run = {
        "tool": {"driver": {"name": "auditwright", "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    whole = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    yield json.dumps(whole, indent=2, ensure_ascii=False)


def _result(finding: Finding, numbers: Mapping[str, int]) -> dict[str, Any]:
    position = {
        "artifactLocation": {"uri": finding.path},
        "region": {"startLine": finding.line, "startColumn": finding.column},
    }
    return {
        "ruleId": finding.code,
        "ruleIndex": numbers[finding.code],
        "level": finding.severity,
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": position}],
    }


FORMATS: dict[str, Callable[[CheckReport], Iterator[str]]] = {
    "text": text,
    "json": as_json,
    "github": github,
    "sarif": sarif,
}
