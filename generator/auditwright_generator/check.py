"""The first half of the pipeline: read the source files, check them, resolve the catalog.

`auditwright check` prints the findings; `auditwright generate` continues with the catalog.
"""

import gc
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from auditwright_generator.checks.rules import RULES, check_meaning
from auditwright_generator.checks.suppressions import Suppressed, apply_suppressions
from auditwright_generator.findings import Finding, counted
from auditwright_generator.model import Catalog
from auditwright_generator.source.catalog_source import CatalogSource, read_source
from auditwright_generator.source.resolve import resolve_catalog


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of checking a catalog."""

    findings: tuple[Finding, ...]
    """All findings, sorted by position."""
    catalog: Catalog | None
    """The resolved catalog; None if any finding is an error."""
    source: CatalogSource = field(repr=False)
    """The source files, for callers that need positions."""
    events: int
    rules: int
    suppressed: tuple[Suppressed, ...] = ()
    off: Mapping[str, str] = field(default_factory=dict)
    """The rules that the catalog switches off, with the reasons."""
    dated: bool = False
    """Whether the findings depend on the current date."""
    known: tuple[Finding, ...] = ()
    """The findings of a baseline, which are not among the others."""

    @property
    def summary(self) -> str:
        """The number of events, rules and findings, on one line."""
        errors = sum(finding.severity == "error" for finding in self.findings)
        warnings = len(self.findings) - errors
        counts = ((errors, "error"), (warnings, "warning"))
        result = ", ".join(counted(number, noun) for number, noun in counts if number)
        rules = counted(self.rules, "rule") + (f" ({', '.join(self.off)} off)" if self.off else "")
        answered = f"; {len(self.suppressed)} suppressed ({self._by_rule})" if self.suppressed else ""
        known = f"; {len(self.known)} known" if self.known else ""
        nothing = "no new findings" if self.known else "no findings"
        return f"{counted(self.events, 'event')}, {rules}: {result or nothing}{answered}{known}"

    @property
    def _by_rule(self) -> str:
        numbers = Counter(each.finding.code for each in self.suppressed)
        return ", ".join(f"{code}: {number}" for code, number in sorted(numbers.items()))


def read_catalog(folder: Path, today: date | None = None) -> CheckResult:
    """Reads and checks the catalog of a folder, as of a day (UTC; default: today).

    Raises `UnreadableCatalog` if the files cannot be read.
    """
    with without_collector():
        source, findings = read_source(folder)
        result = apply_suppressions(
            source, {*findings, *check_meaning(source)}, RULES, today or datetime.now(UTC).date()
        )
        sound = not any(finding.severity == "error" for finding in result.findings)
        return CheckResult(
            findings=result.findings,
            suppressed=result.suppressed,
            off=result.off,
            dated=result.dated,
            catalog=resolve_catalog(source) if sound else None,
            source=source,
            events=len(source.event_keys),
            rules=len(RULES),
        )


@contextmanager
def without_collector() -> Iterator[None]:
    """Disables the garbage collector: it takes half of the time and finds nothing in a tree."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
