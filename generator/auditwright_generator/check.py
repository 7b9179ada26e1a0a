"""The front half of the pipeline on one page: load, check, resolve.

`auditwright check` prints what it finds; `auditwright generate` goes on with the catalog.
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
    """What checking a catalog came to."""

    findings: tuple[Finding, ...]
    """All of them, sorted by place."""
    catalog: Catalog | None
    """The resolved catalog; None when a finding is an error."""
    source: CatalogSource = field(repr=False)
    """The files as they are written, for what needs to know where something stands."""
    events: int
    rules: int
    suppressed: tuple[Suppressed, ...] = ()
    off: Mapping[str, str] = field(default_factory=dict)
    """The rules that the catalog switches off, with its reasons."""
    dated: bool = False
    """Whether another day could give other findings."""

    @property
    def summary(self) -> str:
        """How many events and rules were checked, and with what result."""
        errors = sum(finding.severity == "error" for finding in self.findings)
        warnings = len(self.findings) - errors
        counts = ((errors, "error"), (warnings, "warning"))
        result = ", ".join(counted(number, noun) for number, noun in counts if number)
        rules = counted(self.rules, "rule") + (f" ({', '.join(self.off)} off)" if self.off else "")
        answered = f"; {len(self.suppressed)} suppressed ({self._by_rule})" if self.suppressed else ""
        return f"{counted(self.events, 'event')}, {rules}: {result or 'no findings'}{answered}"

    @property
    def _by_rule(self) -> str:
        numbers = Counter(each.finding.code for each in self.suppressed)
        return ", ".join(f"{code}: {number}" for code, number in sorted(numbers.items()))


def read_catalog(folder: Path, today: date | None = None) -> CheckResult:
    """The catalog of a folder, checked as of a day (UTC).

    Raises `load.UnreadableCatalog` when there is nothing to check.
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
    """Without the garbage collector, which finds nothing in a tree and takes half of the time to look."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
