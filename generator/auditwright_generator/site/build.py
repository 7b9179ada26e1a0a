"""One run of Sphinx on a site, with everything that is wrong with the result as findings."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from auditwright_generator.site.cache import BuildCache
from auditwright_generator.site.errors import SiteError, one_line_errors
from auditwright_generator.site.findings import COLOR, SiteFinding, find_mistakes
from auditwright_generator.site.outdated import outdated_references
from auditwright_generator.site.process_state import restored_process_state
from auditwright_generator.source.yaml_nodes import shown_path
from auditwright_generator.sphinx.site import site_of

_NOT_WRITTEN = "Error writing file "


@dataclass(frozen=True, slots=True)
class BuiltSite:
    """What a run made."""

    pages: int
    seconds: float
    findings: tuple[SiteFinding, ...]
    """Sorted. Pages that break a rule are there all the same."""


def build_site(
    source: Path,
    cache: BuildCache,
    catalog: Path,
    overrides: Mapping[str, object],
    show: Callable[[str], object] = lambda _: None,
) -> BuiltSite:
    """Build the HTML of a site in a cache.

    Args:
        source: The folder with conf.py.
        cache: Where to build; what an earlier run left there is reused, if it was without findings.
        catalog: Of which the references should be current, if it is theirs.
        overrides: Values that replace those of conf.py.
        show: Gets what Sphinx says about its progress.

    Raises:
        SiteError: There is no site, for a reason of one line.
    """
    began = time.monotonic()
    conf = source / "conf.py"
    if not conf.is_file():
        start = f"auditwright site init {shlex.quote(shown_path(source))}"
        raise SiteError(f"{shown_path(conf)}: no such file; `{start}` writes one")
    with one_line_errors(conf), restored_process_state(source):
        cache.prepare(source, overrides)
        warnings: list[str] = []
        app = _sphinx(source, cache, overrides, _Stream(show), _Stream(warnings.append))
        outdated = outdated_references(site_of(app), catalog, app.config.auditwright_versions)
        findings = [SiteFinding(*each) for each in outdated]
        if not findings:
            findings = _build(app, cache, warnings)
        if not findings:
            cache.keep(source, overrides)
    return BuiltSite(len(app.env.found_docs), time.monotonic() - began, tuple(sorted(set(findings))))


def _build(app: Sphinx, cache: BuildCache, warnings: list[str]) -> list[SiteFinding]:
    app.connect("env-get-outdated", _remove_pages)
    checked = cache.forget()
    app.build()
    _refuse_missing(app, warnings)
    # The same HTML has the same mistakes: none. Checking it takes a second for 1,000 events.
    return [] if cache.html_digest() == checked and not warnings else find_mistakes(app, warnings)


def _sphinx(
    source: Path, cache: BuildCache, overrides: Mapping[str, object], status: _Stream, warning: _Stream
) -> Sphinx:
    app = Sphinx(
        source,
        source,
        cache.html,
        cache.doctrees,
        "html",
        confoverrides=dict(overrides),
        status=status,  # type: ignore[arg-type]
        warning=warning,  # type: ignore[arg-type]
    )
    if "auditwright_generator.sphinx" not in app.extensions:
        raise SiteError(
            f"{shown_path(source / 'conf.py')}: the extension is missing; "
            'write extensions = ["auditwright_generator.sphinx"]'
        )
    # An extension that is not safe for it is a warning of Sphinx, and a finding is for what pages say.
    extensions = app.extensions.values()
    if all(each.parallel_read_safe and each.parallel_write_safe for each in extensions):
        app.parallel = (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        )
    return app


def _remove_pages(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Sphinx leaves the HTML of pages that are gone."""
    for docname in removed:
        Path(app.builder.get_outfilename(docname)).unlink(missing_ok=True)  # type: ignore[attr-defined]
    return []


def _refuse_missing(app: Sphinx, warnings: list[str]) -> None:
    """Raise `SiteError` if a page was not written, which Sphinx may pass over."""
    for text in warnings:
        if _NOT_WRITTEN in text:
            raise SiteError(COLOR.sub("", text[text.index(_NOT_WRITTEN) :]).strip())
    for docname in sorted(app.env.found_docs):
        if not Path(app.builder.get_outfilename(docname)).is_file():  # type: ignore[attr-defined]
            raise SiteError(f"the page {docname} was not written; free memory and disk, and run it again")


class _Stream:
    """A text stream that gives each text to a function."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write

    def flush(self) -> None:
        """Nothing is kept."""

    def isatty(self) -> bool:
        """No colors."""
        return False
