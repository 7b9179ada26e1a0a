"""The whole comparison: changes with positions, accepted breaks, the required version, and findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from auditwright_generator.diff import rules
from auditwright_generator.diff.accepted import Acceptance, AcceptedBreaks, accept, read_acceptances
from auditwright_generator.diff.change import CatalogChange
from auditwright_generator.diff.compare import compare
from auditwright_generator.diff.locator import Locator
from auditwright_generator.diff.rules import Audience
from auditwright_generator.diff.versions import fits, largest, needed_version
from auditwright_generator.findings import Finding, Position
from auditwright_generator.model import Catalog
from auditwright_generator.source.catalog_source import CatalogSource
from auditwright_generator.versions import SemanticVersion


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of comparing two catalogs."""

    title: str
    old_version: str | None
    """None if there is no older catalog, and everything is new."""
    new_version: str
    needed_version: str
    """The lowest version for these changes; the older version if there are none."""
    changes: tuple[CatalogChange, ...]
    """The changes, sorted by position."""
    accepted: AcceptedBreaks
    findings: tuple[Finding, ...]
    note: str = ""
    """Why everything is new."""
    audience: Audience | None = None
    """Whom all changes concern; None if it has the changes for everybody."""

    @property
    def breaks(self) -> list[CatalogChange]:
        """The breaking changes, accepted or not."""
        return [change for change in self.changes if change.rule.effect == "break"]

    @property
    def refused(self) -> bool:
        """Whether there are findings or breaks that are not accepted."""
        return bool(self.findings) or any(self.accepted.reason(change) is None for change in self.breaks)

    def only_for(self, audience: Audience) -> Comparison:
        """What concerns one audience, without findings: they are for whoever publishes the catalog."""
        changes = tuple(change for change in self.changes if audience in change.rule.audiences)
        return replace(self, changes=changes, findings=(), audience=audience)


def compare_catalogs(old: Catalog, new: Catalog, source: CatalogSource) -> Comparison:
    """Compares an older catalog with a newer one; `source` has the files of the newer one."""
    locator = Locator(source)
    changes = sorted((locator.locate(change) for change in compare(old, new)), key=_position)
    accepted = accept(read_acceptances(source), changes, old.version, new.version)
    bump = largest(change.rule.bump for change in changes)
    was, now = SemanticVersion.parse(old.version), SemanticVersion.parse(new.version)
    needed = str(needed_version(was, bump)) if bump else old.version
    findings = list(accepted.findings)
    if now < was:
        findings.append(_decreased(locator.version, old.version, new.version, needed))
    elif not fits(was, now, bump):
        message = f"these changes to {old.version} require a higher version than {new.version}"
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


def compare_versions(old: Catalog, new: Catalog, accepted: Sequence[Acceptance] = ()) -> Comparison:
    """Compares two published versions: without positions and findings.

    `accepted` are the breaks that the newer one accepts.
    """
    changes = compare(old, new)
    return Comparison(
        title=new.title,
        old_version=old.version,
        new_version=new.version,
        needed_version=new.version,
        changes=tuple(sorted(changes, key=_position)),
        accepted=replace(accept(accepted, changes, old.version, new.version), findings=()),
        findings=(),
    )


def everything_is_new(new: Catalog, source: CatalogSource, note: str) -> Comparison:
    """The comparison with a commit that has no catalog: all levels are added, and nothing is refused.

    Without levels, all categories.
    """
    locator = Locator(source)
    whole = rules.LEVEL_ADDED if new.has_levels else rules.CATEGORY_ADDED
    changes = [change for change in compare(replace(new, levels=()), new) if change.rule is whole]
    return Comparison(
        title=new.title,
        old_version=None,
        new_version=new.version,
        needed_version=new.version,
        changes=tuple(sorted(map(locator.locate, changes), key=_position)),
        accepted=AcceptedBreaks({}, ()),
        findings=(),
        note=note,
    )


def _decreased(position: Position, old: str, new: str, needed: str) -> Finding:
    message = f"version {new} is lower than {old}, the version of the older catalog"
    hint = f"write `version: {needed}`, or compare with an older catalog"
    return rules.VERSION_DECREASED.at(position, f"{message}; {hint}")


def _position(change: CatalogChange) -> tuple[Position, str, str, str]:
    return change.position or Position("", 0, 0), change.rule.code, change.key, change.what
