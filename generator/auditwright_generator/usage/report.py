"""Prints a `Coverage`: as text, as JSON, and as workflow commands of GitHub Actions.

Each printer gives lines; nothing is decided here.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from auditwright_generator.findings import Finding, Position
from auditwright_generator.report import github_command
from auditwright_generator.usage.coverage import Coverage, EventCoverage


def print_text(coverage: Coverage, with_list: bool) -> Iterator[str]:
    """A line for each finding and note, as compilers write them; then how it came out."""
    if with_list:
        for each in coverage.events:
            yield from _places(each)
    for finding in coverage.findings:
        message = f"{finding.severity} {finding.code} {finding.name}: {finding.message}"
        yield f"{_at(finding.position)}{message}"
    for note in coverage.notes:
        yield f"{_at(note.position)}note: {note.message}"
    yield coverage.summary


def _at(position: Position) -> str:
    return f"{_printable(position.path)}:{position.line}:{position.column}: " if position.path else ""


def _printable(path: str) -> str:
    """The path without what would break the line."""
    return path if path.isprintable() else path.encode("unicode_escape").decode("ascii")


def _places(each: EventCoverage) -> Iterator[str]:
    if not each.emissions:
        yield f"{each.event.key}: {each.state}"
    for emission in each.emissions:
        yield f"{each.event.key}: {_at(emission.position)}{emission.how}"


def print_json(coverage: Coverage, with_list: bool) -> Iterator[str]:
    """One object with everything; the events are always listed."""
    document = {
        "events": [_event(each) for each in coverage.events],
        "findings": [_finding(finding) for finding in coverage.findings],
        "notes": [{**_place(note.position), "message": note.message} for note in coverage.notes],
        "summary": {
            "events": len(coverage.events),
            "emitted": coverage.count("emitted"),
            "elsewhere": coverage.count("elsewhere"),
            "deprecated": coverage.count("deprecated"),
            "never": coverage.count("never"),
            "files": coverage.files,
            "errors": coverage.errors,
            "warnings": len(coverage.findings) - coverage.errors,
        },
    }
    yield json.dumps(document, indent=2)


def _event(each: EventCoverage) -> dict[str, Any]:
    emissions = [{**_place(emission.position), "how": emission.how} for emission in each.emissions]
    return {"key": each.event.key, "title": each.event.title, "state": each.state, "emissions": emissions}


def _finding(finding: Finding) -> dict[str, Any]:
    rule = {"code": finding.code, "name": finding.name, "severity": finding.severity}
    return {**rule, **_place(finding.position), "message": finding.message}


def _place(position: Position) -> dict[str, Any]:
    if not position.path:
        return {"path": None, "line": None, "column": None}
    return {"path": position.path, "line": position.line, "column": position.column}


def print_github(coverage: Coverage, with_list: bool) -> Iterator[str]:
    """Workflow commands, which GitHub shows as annotations of the lines; then how it came out."""
    if with_list:
        for each in coverage.events:
            yield from _places(each)
    for finding in coverage.findings:
        title = f"{finding.code} {finding.name}"
        yield github_command(finding.severity, finding.position, title, finding.message)
    for note in coverage.notes:
        yield github_command("notice", note.position, "cannot be decided", note.message)
    yield coverage.summary


PRINTERS: dict[str, Callable[[Coverage, bool], Iterator[str]]] = {
    "text": print_text,
    "json": print_json,
    "github": print_github,
}
