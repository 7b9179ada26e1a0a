"""The findings of a site: warnings of Sphinx and mistakes of the HTML, at the lines that people edit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from sphinx.application import Sphinx

from auditwright_generator.site.html_check import check_site
from auditwright_generator.source.yaml_nodes import shown_path
from auditwright_generator.sphinx.site import Site, site_of
from auditwright_generator.text import printable

_WARNING = re.compile(
    r"(?:(?P<path>[^\n]*?)(?::(?P<line>\d+))?:? ?)?\b(?:WARNING|ERROR|CRITICAL): (?P<text>.*)", re.DOTALL
)
COLOR = re.compile(r"\x1b\[[0-9;]*[mK]")
"""The codes for colors in what Sphinx says."""


@dataclass(frozen=True, slots=True, order=True)
class SiteFinding:
    """One mistake of a site, in the file that people edit."""

    path: str
    line: int
    """0 where it is unknown, or the mistake is not in one line."""
    message: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return printable(f"{where}: {self.message}")


def find_mistakes(app: Sphinx, warnings: Iterable[str]) -> list[SiteFinding]:
    """What Sphinx has warned about, and what the HTML has that a site should not."""
    site = site_of(app)
    # A copy: finding the line of a page reads the page again, and what that warns of is known.
    findings = [_from_warning(app, site, text) for text in tuple(warnings)]
    pages = {finding.path for finding in findings}
    # What is wrong with a page's links is known already, where Sphinx has warned about the page.
    return [*findings, *(found for found in _from_html(app, site) if found.path not in pages)]


def _from_warning(app: Sphinx, site: Site, text: str) -> SiteFinding:
    """A warning of Sphinx, at the file that people edit."""
    plain = COLOR.sub("", text).strip()
    match = _WARNING.fullmatch(plain)
    message = " ".join((match["text"] if match else plain).split())
    if match is None or not match["path"]:
        return SiteFinding(shown_path(site.folder / "conf.py"), 0, message)
    path, line = Path(match["path"]), int(match["line"] or 0)
    docname = (
        path.relative_to(site.folder).with_suffix("").as_posix() if path.is_relative_to(site.folder) else ""
    )
    if docname not in app.env.found_docs:
        return SiteFinding(shown_path(path), line, message)
    origin = site.origin(docname)
    of_links = printable(f"{origin}:{line}: ")
    if message.startswith(of_links):
        return SiteFinding(shown_path(origin), line, message.removeprefix(of_links))
    return SiteFinding(shown_path(origin), _line_of_origin(app, docname, line) if line else 0, message)


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


def _from_html(app: Sphinx, site: Site) -> Iterator[SiteFinding]:
    for found in check_site(Path(app.outdir)):
        docname = found.page.removesuffix(".html")
        if docname in app.env.found_docs:
            origin = site.origin(docname)
            yield SiteFinding(shown_path(origin), _line_with(origin, found.sought), found.message)
        else:
            yield SiteFinding(found.page, 0, found.message)


def _line_with(page: Path, text: str) -> int:
    """The first line that has a text; 0 if none has, as for what a theme adds to a page."""
    if not text or not page.is_file():
        return 0
    lines = page.read_text("utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if text in line), 0)
