"""`accepted` in catalog.yaml: breaks that are intended, each for one version and with a reason.

An acceptance applies only to the version it names. Findings report acceptances that are wrong or unused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from auditwright_generator.diff import rules
from auditwright_generator.diff.change import CatalogChange, bare
from auditwright_generator.findings import Finding, Position, hint_for
from auditwright_generator.source.catalog_source import CatalogSource


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One entry of `accepted`."""

    rule: str
    at: str
    version: str
    reason: str
    position: Position
    rule_position: Position


@dataclass(frozen=True, slots=True)
class AcceptedBreaks:
    """The breaks that a catalog accepts, and findings about its acceptances."""

    reasons: Mapping[tuple[str, str], str]
    """The reason for each accepted break, by rule and key."""
    findings: tuple[Finding, ...]

    def reason(self, change: CatalogChange) -> str | None:
        """Why the break is accepted; None if it is not, or if the change is safe."""
        return self.reasons.get((change.rule.code, change.key)) if change.rule.effect == "break" else None


def read_acceptances(source: CatalogSource) -> list[Acceptance]:
    """The entries of `accepted`. The source must have no errors."""
    listed = source.node.get("accepted")
    return [
        Acceptance(
            rule=node.string("rule"),
            at=node.string("at"),
            version=node.string("version"),
            reason=node.string("reason"),
            position=node.position,
            rule_position=node.entries["rule"].position,
        )
        for node in (listed.items if listed else ())
    ]


def accept(
    acceptances: Sequence[Acceptance], changes: Sequence[CatalogChange], old: str, new: str
) -> AcceptedBreaks:
    """Which of the changes between two versions are accepted, and findings about the acceptances."""
    current = [each for each in acceptances if each.version == new]
    breaks = {(change.rule.code, change.key) for change in changes if change.rule.effect == "break"}
    return AcceptedBreaks(
        reasons={(each.rule, each.at): each.reason for each in current},
        findings=tuple(_findings(acceptances, breaks, old, new)),
    )


def _findings(
    acceptances: Sequence[Acceptance], breaks: set[tuple[str, str]], old: str, new: str
) -> Iterator[Finding]:
    effects = {rule.code: rule.effect for rule in rules.CHANGE_RULES}
    for each in acceptances:
        what = f"{each.rule} at {bare(each.at)}"
        if each.version != new:
            message = f"{what} was accepted for {each.version}, but this is {new}; remove it"
            yield rules.STALE_ACCEPTANCE.at(each.position, message)
        elif each.rule not in effects:
            hint = "write the code of a break, such as BR203"
            yield rules.UNKNOWN_BREAK.at(
                each.rule_position, f"{each.rule} is not a rule about changes; {hint}"
            )
        elif effects[each.rule] == "safe":
            message = f"{each.rule} is not a break and need not be accepted; remove it"
            yield rules.UNKNOWN_BREAK.at(each.rule_position, message)
        elif (each.rule, each.at) not in breaks and old != new:
            # Between catalogs of the same version the break is in the past, and the acceptance may stay.
            message = f"{what} is accepted, but there is no such break"
            yield rules.UNUSED_ACCEPTANCE.at(each.position, message + _nearest(each, breaks))


def _nearest(acceptance: Acceptance, breaks: set[tuple[str, str]]) -> str:
    keys = sorted(key for code, key in breaks if code == acceptance.rule)
    return hint_for(acceptance.at, keys, "remove it") if keys else "; remove it"
