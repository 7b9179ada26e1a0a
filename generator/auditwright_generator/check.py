"""The front half of the pipeline on one page: load, check, resolve.

`auditwright check` prints what it finds; `auditwright generate` goes on with the catalog.
"""

from dataclasses import dataclass
from pathlib import Path

from auditwright_generator.findings import Finding
from auditwright_generator.model import Catalog
from auditwright_generator.resolve import resolve_catalog
from auditwright_generator.rules import RULES, check_meaning
from auditwright_generator.source import read_source


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking a catalog came to."""

    findings: tuple[Finding, ...]
    """All of them, sorted by place."""
    catalog: Catalog | None
    """The resolved catalog; None when a finding is an error."""
    events: int
    rules: int

    @property
    def summary(self) -> str:
        """How many events and rules were checked, and with what result."""
        errors = sum(finding.severity == "error" for finding in self.findings)
        warnings = len(self.findings) - errors
        counts = ((errors, "error"), (warnings, "warning"))
        result = ", ".join(counted(number, noun) for number, noun in counts if number)
        return f"{counted(self.events, 'event')}, {counted(self.rules, 'rule')}: {result or 'no findings'}"


def counted(number: int, noun: str) -> str:
    """`1 event`, `2 events`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def read_catalog(folder: Path) -> Checked:
    """The catalog of a folder, checked; raises `load.UnreadableCatalog` when there is nothing to check."""
    source, findings = read_source(folder)
    findings = sorted({*findings, *check_meaning(source)})
    sound = not any(finding.severity == "error" for finding in findings)
    return Checked(
        findings=tuple(findings),
        catalog=resolve_catalog(source) if sound else None,
        events=len(source.event_keys),
        rules=len(RULES),
    )
