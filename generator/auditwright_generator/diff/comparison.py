"""The whole comparison: changes with their places, what of them is accepted, and the version they need."""

from dataclasses import dataclass

from auditwright_generator.diff import rules
from auditwright_generator.diff.accepted import AcceptedBreaks, accept, read_acceptances
from auditwright_generator.diff.change import CatalogChange
from auditwright_generator.diff.compare import compare
from auditwright_generator.diff.locator import Locator
from auditwright_generator.diff.versions import fits, largest, needed_version
from auditwright_generator.findings import Finding, Position
from auditwright_generator.model import Catalog
from auditwright_generator.source.catalog_source import CatalogSource
from auditwright_generator.versions import SemanticVersion


@dataclass(frozen=True, slots=True)
class Comparison:
    """What sets two catalogs apart, and what is to be said of it."""

    title: str
    old_version: str
    new_version: str
    needed_version: str
    """The least version for these changes; the older one's when there are none."""
    changes: tuple[CatalogChange, ...]
    """All of them with their places, sorted by these."""
    accepted: AcceptedBreaks
    findings: tuple[Finding, ...]

    @property
    def breaks(self) -> list[CatalogChange]:
        """The changes that break somebody, accepted or not."""
        return [change for change in self.changes if change.rule.effect == "break"]

    @property
    def refused(self) -> bool:
        """Whether anything stands against the newer catalog."""
        return bool(self.findings) or any(self.accepted.reason(change) is None for change in self.breaks)


def compare_catalogs(old: Catalog, new: Catalog, source: CatalogSource) -> Comparison:
    """The comparison of an older catalog with a newer one, whose files `source` holds."""
    locator = Locator(source)
    changes = sorted((locator.locate(change) for change in compare(old, new)), key=_position)
    accepted = accept(read_acceptances(source), changes, old.version, new.version)
    bump = largest(change.rule.bump for change in changes)
    was, now = SemanticVersion.parse(old.version), SemanticVersion.parse(new.version)
    needed = str(needed_version(was, bump)) if bump else old.version
    findings = list(accepted.findings)
    if now < was:
        findings.append(_went_back(locator.version, old.version, new.version, needed))
    elif not fits(was, now, bump):
        message = f"these changes of {old.version} need a larger version than {new.version}: needs {needed}"
        findings.append(rules.VERSION_TOO_SMALL.at(locator.version, f"{message}; write `version: {needed}`"))
    return Comparison(
        title=new.title,
        old_version=old.version,
        new_version=new.version,
        needed_version=needed,
        changes=tuple(changes),
        accepted=accepted,
        findings=tuple(sorted(findings)),
    )


def _went_back(position: Position, old: str, new: str, needed: str) -> Finding:
    message = f"version {new} comes before {old}, which it is compared with: needs {needed}"
    hint = f"write `version: {needed}`, or compare with an older catalog"
    return rules.VERSION_WENT_BACK.at(position, f"{message}; {hint}")


def _position(change: CatalogChange) -> tuple[Position, str, str, str]:
    return change.position or Position("", 0, 0), change.rule.code, change.key, change.what
