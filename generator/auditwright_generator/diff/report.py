"""Output formats for a comparison: text, JSON, GitHub workflow commands, release notes in Markdown."""

import json
import re
from collections.abc import Callable
from typing import Any

from auditwright_generator.diff.change import CatalogChange
from auditwright_generator.diff.comparison import Comparison
from auditwright_generator.diff.rules import AUDIENCES
from auditwright_generator.findings import Finding, Position, counted
from auditwright_generator.report import github_command
from auditwright_generator.targets.templating import markdown_cell

# --- text -----------------------------------------------------------------------------------------------


def as_text(comparison: Comparison) -> str:
    """A line for each change and finding, sorted by position, and a summary."""
    lines = [(_position(change), _line(comparison, change)) for change in comparison.changes]
    lines += [(finding.position, str(finding)) for finding in comparison.findings]
    return "".join(f"{line}\n" for _, line in sorted(lines)) + f"{summary(comparison)}\n"


def _line(comparison: Comparison, change: CatalogChange) -> str:
    position, rule = _position(change), change.rule
    effect = "accepted" if comparison.accepted.reason(change) is not None else rule.effect
    head = f"{position.path}:{position.line}:{position.column}: {effect} {rule.code} {rule.name}"
    return f"{head}: {_explained(comparison, change)}"


def _explained(comparison: Comparison, change: CatalogChange) -> str:
    """What changed, whom it breaks, and a hint or why it is accepted."""
    reason = comparison.accepted.reason(change)
    end = change.hint if reason is None else f"accepted for {comparison.new_version}: {reason}"
    return "; ".join(filter(None, (change.message, change.impact, end)))


def _position(change: CatalogChange) -> Position:
    return change.position or Position("", 1, 1)


def summary(comparison: Comparison) -> str:
    """The number of changes and breaks, whether the version is high enough, and how to accept a break."""
    if comparison.old_version is None:
        return f"everything is new in {comparison.new_version}: {comparison.note}"
    if comparison.audience is not None:
        return "; ".join((_counts(comparison), _step(comparison)))
    return "; ".join((_counts(comparison), _versions(comparison), *_how_to_accept(comparison)))


def _counts(comparison: Comparison) -> str:
    total, breaks = len(comparison.changes), len(comparison.breaks)
    whom = f" for {comparison.audience}" if comparison.audience else ""
    if not total:
        return f"no changes{whom}"
    accepted = sum(comparison.accepted.reason(change) is not None for change in comparison.breaks)
    breaking = f"{counted(breaks, 'break')} ({accepted} accepted)"
    return f"{counted(total, 'change')}{whom}: {breaking}, {total - breaks} safe"


def _versions(comparison: Comparison) -> str:
    step = _step(comparison)
    if _is_too_low(comparison):
        return f"{step}, and {comparison.needed_version} is required"
    return f"{step} is enough" if comparison.changes else step


def _step(comparison: Comparison) -> str:
    return f"{comparison.old_version} -> {comparison.new_version}"


def _how_to_accept(comparison: Comparison) -> list[str]:
    """The entry for the first break that is not accepted, if there is one."""
    for change in comparison.breaks:
        if comparison.accepted.reason(change) is None:
            version = comparison.needed_version if _is_too_low(comparison) else comparison.new_version
            entry = f"{{rule: {change.rule.code}, at: {change.key}, version: {version}, reason: ...}}"
            return [f"to accept a break, list it in catalog.yaml: `accepted: [{entry}]`"]
    return []


def _is_too_low(comparison: Comparison) -> bool:
    return any(finding.code in ("BR901", "BR902") for finding in comparison.findings)


# --- JSON -----------------------------------------------------------------------------------------------


def as_json(comparison: Comparison) -> str:
    """One object; docs/changes.md describes it."""
    facts = {
        "old_version": comparison.old_version,
        "new_version": comparison.new_version,
        "needed_version": comparison.needed_version,
        "audience": comparison.audience,
        "changes": [_change_facts(comparison, change) for change in comparison.changes],
        "findings": [_finding_facts(finding) for finding in comparison.findings],
    }
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


def _change_facts(comparison: Comparison, change: CatalogChange) -> dict[str, Any]:
    rule = change.rule
    return {
        "code": rule.code,
        "name": rule.name,
        "effect": rule.effect,
        "audiences": list(rule.audiences),
        "bump": rule.bump,
        "key": change.key,
        "message": change.message,
        "hint": change.hint,
        "accepted": comparison.accepted.reason(change),
        "old": change.old,
        "new": change.new,
        "events": list(change.events),
        **_position(change)._asdict(),
    }


def _finding_facts(finding: Finding) -> dict[str, Any]:
    return {
        **finding.position._asdict(),
        "severity": finding.severity,
        "code": finding.code,
        "name": finding.name,
        "message": finding.message,
    }


# --- GitHub ---------------------------------------------------------------------------------------------


def as_github(comparison: Comparison) -> str:
    """Workflow commands: an error for each break, a notice for an accepted one. Counts safe changes."""
    lines = []
    for change in comparison.breaks:
        level = "error" if comparison.accepted.reason(change) is None else "notice"
        title = f"{change.rule.code} {change.rule.name}"
        lines.append(github_command(level, _position(change), title, _explained(comparison, change)))
    for finding in comparison.findings:
        title = f"{finding.code} {finding.name}"
        lines.append(github_command(finding.severity, finding, title, finding.message))
    return "".join(f"{line}\n" for line in (*lines, summary(comparison)))


# --- Markdown -------------------------------------------------------------------------------------------

_SECTIONS = ("Breaking", "Added", "Deprecated", "Changed")


def as_markdown(comparison: Comparison) -> str:
    """Release notes: a section for each kind of change, with a line for each change."""
    parts = [f"# {markdown_cell(comparison.title)} {comparison.new_version}\n"]
    if comparison.audience:
        parts.append(f"What concerns {AUDIENCES[comparison.audience]}.\n")
    if comparison.old_version is None:
        parts.append("Everything is new.\n")
    elif not comparison.changes:
        parts.append(f"Nothing changed since {comparison.old_version}.\n")
    for section in _SECTIONS:
        lines = [
            _note(comparison, change) for change in _in_order(comparison) if change.rule.section == section
        ]
        if lines:
            parts.append(f"## {section}\n\n" + "".join(lines))
    return "\n".join(parts)


def _in_order(comparison: Comparison) -> list[CatalogChange]:
    return sorted(comparison.changes, key=lambda change: (change.key, change.rule.code, change.what))


def _note(comparison: Comparison, change: CatalogChange) -> str:
    reason = comparison.accepted.reason(change)
    what = change.message[len(change.key) + 2 :]
    parts = [marked(what), change.impact if change.rule.effect == "break" else ""]
    if change.rule.effect == "break":
        parts.append(marked(change.hint) if reason is None else f"accepted: {markdown_cell(reason)}")
    return f"- `{change.key}`: {'; '.join(filter(None, parts))}\n"


_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`|\b[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+\b')
"""Quoted text, which comes from the catalog; code; and keys outside of both."""


def _code(key: str) -> str:
    return f"`{key}`"


def marked(text: str, show_key: Callable[[str], str] = _code) -> str:
    """A message as Markdown: text of the catalog escaped, and keys as `show_key` gives them."""
    made, at = [], 0
    for piece in _PIECE.finditer(text):
        made += [_plain(text[at : piece.start()]), _mark(piece.group(), show_key)]
        at = piece.end()
    return "".join((*made, _plain(text[at:])))


def _mark(piece: str, show_key: Callable[[str], str]) -> str:
    if piece.startswith("`"):
        return piece
    return _plain(piece) if piece.startswith('"') else show_key(piece)


def _plain(text: str) -> str:
    """`markdown_cell` for a part of a text: the spaces around it stay."""
    inner = text.strip()
    if not inner:
        return text
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return f"{before}{markdown_cell(inner)}{after}"


FORMATS: dict[str, Callable[[Comparison], str]] = {
    "text": as_text,
    "json": as_json,
    "github": as_github,
    "markdown": as_markdown,
}
