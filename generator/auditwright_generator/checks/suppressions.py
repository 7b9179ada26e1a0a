"""`suppress:` in a catalog hides a warning, with a reason and optionally until a date.

A suppression applies to the thing it is written at and to everything inside it, in the same file: one at a
level does not reach its categories. At the top of catalog.yaml it switches the rule off. Errors cannot be
suppressed, because nothing can be generated from them; AC602 can, which guesses from a name.

`check` leaves the suppressions of AC971 to `coverage`, which alone knows whether code records an event.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from auditwright_generator.findings import Finding, Position, Rule, quote
from auditwright_generator.source.catalog_source import CatalogSource
from auditwright_generator.source.yaml_nodes import Node

INVALID_SUPPRESSION = Rule("AC951", "invalid-suppression", "error", "the suppression has no effect")
UNUSED_SUPPRESSION = Rule(
    "AC952", "unused-suppression", "warning", "it would hide the next finding of the rule"
)
EXPIRED_SUPPRESSION = Rule(
    "AC953", "expired-suppression", "warning", "its author wanted to review it after that date"
)
RULES = (INVALID_SUPPRESSION, UNUSED_SUPPRESSION, EXPIRED_SUPPRESSION)
NEVER_EMITTED = Rule("AC971", "event-never-emitted", "warning", "readers wait for entries that never come")
"""The rule of `coverage` whose findings are in the catalog."""

_CODE = re.compile("[A-Z]{2}[0-9]{3}")


@dataclass(frozen=True, slots=True)
class Suppression:
    """One code under a `suppress`."""

    code: str
    reason: str
    until: date | None
    """The last day on which it applies."""
    position: Position
    owner: Node
    everywhere: bool
    """Whether it is at the top of catalog.yaml and applies to every file."""

    def reaches(self, finding: Finding) -> bool:
        """Whether the suppression applies to the finding."""
        return finding.code == self.code and (self.everywhere or self.owner.spans(finding.position))

    def is_over(self, today: date) -> bool:
        """Whether its last day has passed."""
        return self.until is not None and self.until < today


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A suppressed finding, with the reason."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True)
class SuppressionResult:
    """The findings of a run after suppression."""

    findings: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...]
    off: Mapping[str, str]
    """The rules that are switched off, with the reasons."""
    dated: bool
    """Whether the result depends on the current date."""


def apply_suppressions(
    source: CatalogSource, findings: Iterable[Finding], rules: Sequence[Rule], today: date
) -> SuppressionResult:
    """Removes suppressed findings, and adds findings about the suppressions themselves."""
    known = {rule.code: rule for rule in rules}
    given, wrong = [], []
    for suppression in _suppressions(source):
        mistake = _mistake(suppression, known)
        if mistake:
            wrong.append(mistake)
        elif isinstance(suppression, Suppression) and suppression.code != NEVER_EMITTED.code:
            given.append(suppression)
    valid = [each for each in given if not each.is_over(today)]
    kept, suppressed, unused = _divide(findings, valid)
    kept += wrong
    if not any(finding.severity == "error" for finding in kept):  # errors can hide suppressed findings
        kept += map(_unused, unused)
    kept += [_expired(each) for each in given if each.is_over(today)]
    off = {each.code: each.reason for each in sorted(valid, key=_by_code) if each.everywhere}
    return SuppressionResult(
        tuple(sorted(set(kept))), tuple(suppressed), off, any(each.until for each in given)
    )


def suppress_never_emitted(
    source: CatalogSource, findings: Iterable[Finding], excused: Iterable[Finding], today: date
) -> tuple[list[Finding], list[Suppressed]]:
    """What remains of the findings of `coverage` in a catalog without errors, and what is suppressed.

    A suppression is also of use if it reaches one of the `excused`, which other code may emit.
    """
    given = [
        each
        for each in _suppressions(source)
        if isinstance(each, Suppression) and each.code == NEVER_EMITTED.code
    ]
    valid = [each for each in given if not each.is_over(today)]
    kept, suppressed, unused = _divide(findings, valid)
    others = list(excused)
    kept += [_unused(each) for each in unused if not any(map(each.reaches, others))]
    kept += [_expired(each) for each in given if each.is_over(today)]
    return kept, suppressed


def _divide(
    findings: Iterable[Finding], valid: Sequence[Suppression]
) -> tuple[list[Finding], list[Suppressed], list[Suppression]]:
    """The findings that remain, those that a suppression hides, and the suppressions that hide none."""
    kept, suppressed, used = [], [], set()
    for finding in findings:
        answer = next((each for each in valid if each.reaches(finding)), None)
        if answer is None:
            kept.append(finding)
        else:
            used.add(id(answer))
            suppressed.append(Suppressed(finding, answer.reason))
    return kept, suppressed, [each for each in valid if id(each) not in used]


def _by_code(suppression: Suppression) -> str:
    return suppression.code


def _suppressions(source: CatalogSource) -> "Iterator[Suppression | Finding]":
    """Every suppression of the catalog; a finding for one with an invalid date."""
    for owner in _owners(source):
        given = owner.get("suppress")
        for code, node in given.entries.items() if given else ():
            if node.invalid or not _CODE.fullmatch(code):
                continue
            until = node.get("until")
            try:
                day = date.fromisoformat(str(until.scalar)) if until else None
            except ValueError:
                assert until is not None  # noqa: S101 - for type checkers
                message = (
                    f"suppression of {code}: {quote(until.scalar)} is not a date in the calendar; correct it"
                )
                yield INVALID_SUPPRESSION.at(until.position, message)
                continue
            yield Suppression(
                code, node.string("reason"), day, node.key_position, owner, owner is source.node
            )


def _owners(source: CatalogSource) -> Iterator[Node]:
    yield source.node
    yield from (level.node for level in source.levels)
    yield from (field.node for field in source.fields.values())
    for category in source.categories:
        yield category.node
        yield from (event.node for event in category.events)


def _mistake(suppression: "Suppression | Finding", known: Mapping[str, Rule]) -> Finding | None:
    if isinstance(suppression, Finding):
        return suppression
    if suppression.code == NEVER_EMITTED.code:
        return None
    rule = known.get(suppression.code)
    if rule is None:
        if suppression.code.startswith("BR"):
            hint = "; accept a break with `accepted` in catalog.yaml"
        elif suppression.code.startswith("AC97"):
            hint = "; `coverage` finds it in Python code, which no suppression reaches"
        else:
            hint = "; `auditwright rules` lists them"
        return INVALID_SUPPRESSION.at(
            suppression.position, f"there is no rule {suppression.code} of check{hint}"
        )
    if not rule.can_be_suppressed or rule in RULES:
        why = "an error" if rule.severity == "error" else "about suppressions"
        message = f"{rule.code} {rule.name} cannot be suppressed, because it is {why}; fix what it finds"
        return INVALID_SUPPRESSION.at(suppression.position, message)
    return None


def _unused(suppression: Suppression) -> Finding:
    message = f"suppression of {suppression.code} has no effect here; remove it"
    return UNUSED_SUPPRESSION.at(suppression.position, message)


def _expired(suppression: Suppression) -> Finding:
    message = f"suppression of {suppression.code} expired after {suppression.until}"
    message += "; fix what it hides, or extend the date"
    return EXPIRED_SUPPRESSION.at(suppression.position, message)
