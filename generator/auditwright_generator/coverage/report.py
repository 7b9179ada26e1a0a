"""Prints a `Coverage` as text, as JSON, or as workflow commands of GitHub Actions. Decides nothing."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from auditwright_generator.coverage.coverage import Coverage, EventCoverage, State
from auditwright_generator.findings import Finding, Position
from auditwright_generator.report import github_command


def print_text(coverage: Coverage, with_list: bool) -> Iterator[str]:
    """A line for each finding and note, in the form of compilers, then the summary."""
    yield from _list(coverage) if with_list else ()
    for finding in coverage.findings:
        yield f"{_at(finding.position)}{finding.severity} {finding.code} {finding.name}: {finding.message}"
    yield from (f"{_at(position)}note: {message}" for position, message in coverage.notes)
    yield coverage.summary


def print_github(coverage: Coverage, with_list: bool) -> Iterator[str]:
    """Workflow commands, which GitHub shows as annotations of the lines, then the summary."""
    yield from _list(coverage) if with_list else ()
    for finding in coverage.findings:
        title = f"{finding.code} {finding.name}"
        yield github_command(finding.severity, finding.position, title, finding.message)
    for position, message in coverage.notes:
        yield github_command("notice", position, "cannot be decided", message)
    yield coverage.summary


def _list(coverage: Coverage) -> Iterator[str]:
    for each in coverage.events:
        positions = [f"{_at(emission.position)}{emission.how}" for emission in each.emissions]
        yield from (f"{each.event.key}: {line}" for line in positions or [each.state])


def _at(position: Position) -> str:
    path, line, column = position
    return f"{path}:{line}:{column}: " if path else ""


def print_json(coverage: Coverage, with_list: bool) -> Iterator[str]:
    """One object with everything. The events are always listed."""
    states: tuple[State, ...] = ("emitted", "elsewhere", "deprecated", "suppressed", "never")
    document = {
        "events": [_event(each) for each in coverage.events],
        "findings": [_finding(each) for each in coverage.findings],
        "notes": [{**_at_json(position), "message": message} for position, message in coverage.notes],
        "summary": {
            "events": len(coverage.events),
            **{str(state): coverage.count(state) for state in states},
            "files": coverage.files,
            "errors": coverage.errors,
            "warnings": len(coverage.findings) - coverage.errors,
        },
    }
    yield json.dumps(document, indent=2)


def _event(each: EventCoverage) -> dict[str, Any]:
    emissions = [{**_at_json(emission.position), "how": emission.how} for emission in each.emissions]
    return {"key": each.event.key, "title": each.event.title, "state": each.state, "emissions": emissions}


def _finding(finding: Finding) -> dict[str, Any]:
    rule = {"code": finding.code, "name": finding.name, "severity": finding.severity}
    return {**rule, **_at_json(finding.position), "message": finding.message}


def _at_json(position: Position) -> dict[str, Any]:
    return {name: value if position.path else None for name, value in position._asdict().items()}


PRINTERS: dict[str, Callable[[Coverage, bool], Iterator[str]]] = {
    "text": print_text,
    "json": print_json,
    "github": print_github,
}
