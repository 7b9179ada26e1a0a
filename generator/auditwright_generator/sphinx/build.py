"""One run of Sphinx on a site, with everything that is wrong with the result as findings.

Works in a folder of its own, the cache: `html`, what Sphinx remembers, and a note of a run without findings,
without which the next run begins from scratch. `publish.py` makes a site of it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from importlib import metadata
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from auditwright_generator.findings import on_one_line
from auditwright_generator.output.incremental import generator_identity
from auditwright_generator.output.manifest import digest
from auditwright_generator.source.yaml_nodes import shown_path
from auditwright_generator.sphinx.build_errors import SiteError, one_line_errors
from auditwright_generator.sphinx.current import outdated_references
from auditwright_generator.sphinx.html_links import check_site
from auditwright_generator.sphinx.site import Site, site_of

HTML, DOCTREES, SOUND = "html", "doctrees", "sound"
"""What a cache holds."""

_WARNING = re.compile(
    r"(?:(?P<path>[^\n]*?)(?::(?P<line>\d+))?:? ?)?\b(?:WARNING|ERROR|CRITICAL): (?P<text>.*)", re.DOTALL
)
_COLOR = re.compile(r"\x1b\[[0-9;]*[mK]")
_NOT_WRITTEN = "Error writing file "
_PACKAGES = ("sphinx", "docutils", "myst-parser", "markdown-it-py", "pydata-sphinx-theme", "sphinx-design")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One mistake of a site, in the file that people edit."""

    path: str
    line: int
    """0 where it is unknown, or the mistake is not in one line."""
    message: str

    def __str__(self) -> str:
        where = f"{on_one_line(self.path)}:{self.line}" if self.line else on_one_line(self.path)
        return f"{where}: {self.message}"


@dataclass(frozen=True, slots=True)
class BuiltSite:
    """What a run made."""

    pages: int
    seconds: float
    findings: tuple[Finding, ...]
    """Sorted. Pages that break a rule are there all the same."""


def build_site(
    source: Path,
    cache: Path,
    catalog: Path,
    overrides: Mapping[str, object],
    show: Callable[[str], object] = lambda _: None,
) -> BuiltSite:
    """Build the HTML of a site in the folder `html` of the cache.

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
    warnings: list[str] = []
    if not (source / "conf.py").is_file():
        shown = shown_path(source)
        raise SiteError(
            f"{shown}/conf.py: no such file; `auditwright site init {shlex.quote(shown)}` writes one"
        )
    with one_line_errors(source / "conf.py"):
        _prepare(cache, source)
        app = _sphinx(source, cache, overrides, _Stream(show), _Stream(warnings.append))
        outdated = outdated_references(site_of(app), catalog, app.config.auditwright_versions)
        findings = [Finding(*each) for each in outdated]
        if not findings:
            (cache / SOUND).unlink(missing_ok=True)  # until this run has ended
            app.connect("env-get-outdated", _remove_pages)
            app.build()
            _refuse_missing(app, warnings)
            findings = _all_findings(app, warnings)
        if not findings:
            (cache / SOUND).write_text(_identity(source), "utf-8")
    return BuiltSite(len(app.env.found_docs), time.monotonic() - began, tuple(sorted(set(findings))))


def forget(cache: Path) -> None:
    """Let the next run build all pages."""
    (cache / SOUND).unlink(missing_ok=True)


def _prepare(cache: Path, source: Path) -> None:
    """Empty the cache, unless the last run was sound and this one is of the same code."""
    if not _is_sound(cache, source):
        for name in (HTML, DOCTREES):
            shutil.rmtree(cache / name, ignore_errors=True)
    (cache / HTML).mkdir(parents=True, exist_ok=True)
    (cache / ".gitignore").write_text("*\n", "utf-8")


def _is_sound(cache: Path, source: Path) -> bool:
    try:
        return (cache / SOUND).read_text("utf-8") == _identity(source)
    except OSError:
        return False


def _identity(source: Path) -> str:
    """The digest of all code that makes pages: Sphinx itself compares sources, templates and values only."""
    versions = [f"{name} {_version(name)}" for name in _PACKAGES]
    conf = digest((source / "conf.py").read_bytes())
    return digest("\n".join([generator_identity(), conf, str(source.resolve()), *versions]).encode())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def _sphinx(
    source: Path, cache: Path, overrides: Mapping[str, object], status: _Stream, warning: _Stream
) -> Sphinx:
    app = Sphinx(
        source,
        source,
        cache / HTML,
        cache / DOCTREES,
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
            raise SiteError(_COLOR.sub("", text[text.index(_NOT_WRITTEN) :]).strip())
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


# --- findings ----------------------------------------------------------------------------------------


def _all_findings(app: Sphinx, warnings: list[str]) -> list[Finding]:
    site = site_of(app)
    findings = [_from_warning(app, site, text) for text in list(warnings)]
    pages = {finding.path for finding in findings}
    # What is wrong with a page's links is known already, where Sphinx has warned about the page.
    return [*findings, *(found for found in _from_html(app, site) if found.path not in pages)]


def _from_warning(app: Sphinx, site: Site, text: str) -> Finding:
    """A warning of Sphinx, at the file that people edit."""
    plain = _COLOR.sub("", text).strip()
    match = _WARNING.fullmatch(plain)
    message = " ".join((match["text"] if match else plain).split())
    if match is None or not match["path"]:
        return Finding(shown_path(site.folder / "conf.py"), 0, message)
    path, line = Path(match["path"]), int(match["line"] or 0)
    docname = (
        path.relative_to(site.folder).with_suffix("").as_posix() if path.is_relative_to(site.folder) else ""
    )
    if docname not in app.env.found_docs:
        return Finding(shown_path(path), line, message)
    origin = site.origin(docname)
    if message.startswith(f"{origin}:{line}: "):
        return Finding(shown_path(origin), line, message.removeprefix(f"{origin}:{line}: "))
    return Finding(shown_path(origin), _line_of_origin(app, docname, line) if line else 0, message)


def _line_of_origin(app: Sphinx, docname: str, line: int) -> int:
    """The line of a page as it was written, for a line of what the extensions made of it."""
    written = app.env.doc2path(docname).read_text("utf-8")
    content = [written]
    app.emit("source-read", docname, content)
    made, lines = content[0].splitlines(), written.splitlines()
    for _, first, last, start, end in SequenceMatcher(None, made, lines, autojunk=False).get_opcodes():
        if first < line <= last:
            return min(start + line - first, max(end, start + 1))
    return min(line, len(lines))


def _from_html(app: Sphinx, site: Site) -> Iterator[Finding]:
    for found in check_site(Path(app.outdir)):
        docname = found.page.removesuffix(".html")
        if docname in app.env.found_docs:
            origin = site.origin(docname)
            yield Finding(shown_path(origin), _line_with(origin, found.sought), found.message)
        else:
            yield Finding(found.page, 0, found.message)


def _line_with(page: Path, text: str) -> int:
    """The first line that has a text; 0 if none has, as for what a theme adds to a page."""
    if not text or not page.is_file():
        return 0
    lines = page.read_text("utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if text in line), 0)
