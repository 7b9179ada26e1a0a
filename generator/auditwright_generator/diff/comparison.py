"""The whole comparison: changes with their places, what of them is accepted, and the version they need."""

from dataclasses import dataclass

from auditwright_generator.diff import rules
from auditwright_generator.diff.accepted import Accepted, accept, read_acceptances
from auditwright_generator.diff.change import Change
from auditwright_generator.diff.compare import compare
from auditwright_generator.diff.places import Places
from auditwright_generator.diff.versions import fits, largest, needed_version
from auditwright_generator.findings import Finding, Place
from auditwright_generator.model import Catalog
from auditwright_generator.source.catalog_source import CatalogSource
from auditwright_generator.versions import Version


@dataclass(frozen=True, slots=True)
class Comparison:
    """What sets two catalogs apart, and what is to be said of it."""

    title: str
    old_version: str
    new_version: str
    needed_version: str
    """The least version for these changes; the older one's when there are none."""
    changes: tuple[Change, ...]
    """All of them with their places, sorted by these."""
    accepted: Accepted
    findings: tuple[Finding, ...]

    @property
    def breaks(self) -> list[Change]:
        """The changes that break somebody, accepted or not."""
        return [change for change in self.changes if change.rule.effect == "break"]

    @property
    def refused(self) -> bool:
        """Whether anything stands against the newer catalog."""
        return bool(self.findings) or any(self.accepted.reason(change) is None for change in self.breaks)


def compare_catalogs(old: Catalog, new: Catalog, source: CatalogSource) -> Comparison:
    """The comparison of an older catalog with a newer one, whose files `source` holds."""
    places = Places(source)
    changes = sorted((places.place(change) for change in compare(old, new)), key=_position)
    accepted = accept(read_acceptances(source), changes, old.version, new.version)
    bump = largest(change.rule.bump for change in changes)
    was, now = Version.parse(old.version), Version.parse(new.version)
    needed = str(needed_version(was, bump)) if bump else old.version
    findings = list(accepted.findings)
    if now < was:
        findings.append(_went_back(places.version, old.version, new.version, needed))
    elif not fits(was, now, bump):
        message = f"these changes of {old.version} need a larger version than {new.version}: needs {needed}"
        findings.append(rules.VERSION_TOO_SMALL.at(places.version, f"{message}; write `version: {needed}`"))
    return Comparison(
        title=new.title,
        old_version=old.version,
        new_version=new.version,
        needed_version=needed,
        changes=tuple(changes),
        accepted=accepted,
        findings=tuple(sorted(findings)),
    )


def _went_back(place: Place, old: str, new: str, needed: str) -> Finding:
    message = f"version {new} comes before {old}, which it is compared with: needs {needed}"
    advice = f"write `version: {needed}`, or compare with an older catalog"
    return rules.VERSION_WENT_BACK.at(place, f"{message}; {advice}")


def _position(change: Change) -> tuple[Place, str, str, str]:
    return change.place or Place("", 0, 0), change.rule.code, change.key, change.what
