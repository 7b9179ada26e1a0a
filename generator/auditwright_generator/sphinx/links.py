"""Links: from the place of a file in the repository to its place on the site.

A link in a page is relative to the file that the page comes from. Its target is a page of the site, a file
that the site publishes, a file that can be viewed in the repository, or plain text.
"""

import os
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.osutil import relative_uri

from auditwright_generator.sphinx.markdown import without_code
from auditwright_generator.sphinx.site import Site
from auditwright_generator.text import printable

SCHEME = "site:"
"""Begins the target of a link in HTML to a path on the site, until the builder knows its URL."""

_LINK = re.compile(
    r"(?<!\\)(?P<image>!?)\[(?P<text>(?:[^\[\]\\\n]|\n(?!\n)|\\.|\[[^\[\]\n]*\])*)\]"
    r"\((?P<target><[^<>\n]*>|[^\s()<>]+)(?P<title>\s+\"[^\"\n]*\")?\)"
)
_HAS_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|/")
_PENDING = re.compile(rf'href="{SCHEME}([^"#]*)(#[^"]*)?"')
_HAS_BROKEN_LINKS = "auditwright_broken_links"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Link:
    """One link of a page."""

    image: str
    label: str
    file: Path
    """The file that it leads to."""
    fragment: str
    """The rest of its target: `#model_added`, or nothing."""


def relink(site: Site, env: BuildEnvironment, docname: str, text: str, warn: bool = True) -> str:
    """The Markdown of a page with links that fit its place on the site. Code stays as it is.

    Without `warn`, links that lead to no file are not reported.
    """
    pieces, end = [], 0
    for match in _LINK.finditer(without_code(text)):
        target = match["target"].strip("<>")
        if match.start() < end or target.startswith("#") or _HAS_SCHEME.match(target):
            continue
        start, stop = match.span()
        label = text[match.start("text") : match.end("text")]
        if "](" in label:  # a picture that is a link
            label = relink(site, env, docname, label, warn)
        path, hash_, fragment = target.partition("#")
        file = Path(os.path.normpath(site.origin(docname).parent / unquote(path)))
        if warn and not file.exists():
            _warn(site, env, docname, text.count("\n", 0, start) + 1, target)
        if file in site.left_out:
            start, stop, made = text.rfind("\n", 0, start) + 1, _end_of_line(text, stop), ""
        else:
            made = _linked(site, env, docname, _Link(match["image"], label, file, hash_ + fragment))
        pieces += [text[end:start], made]
        end = stop
    return "".join(pieces) + text[end:]


def _end_of_line(text: str, start: int) -> int:
    return text.find("\n", start) + 1 or len(text)


def _warn(site: Site, env: BuildEnvironment, docname: str, line: int, target: str) -> None:
    env.metadata[docname][_HAS_BROKEN_LINKS] = True
    _logger.warning(
        "%s: a link to %s, which is no file",
        *(printable(f"{site.origin(docname)}:{line}"), printable(repr(target))),
        location=(docname, line),
        type="auditwright",
        subtype="link",
    )


def pages_with_broken_links(_app: Sphinx, env: BuildEnvironment, *_changes: object) -> Iterable[str]:
    """Pages to read again: the file may be there now, and if not, the warning must not be forgotten."""
    return [docname for docname in env.found_docs if env.metadata.get(docname, {}).get(_HAS_BROKEN_LINKS)]


def _linked(site: Site, env: BuildEnvironment, docname: str, link: _Link) -> str:
    """The Markdown of a link at its place on the site."""
    page = _page(site, env, link.file)
    here = posixpath.dirname(docname) or "."
    if page is not None:
        return f"{link.image}[{link.label}](<{posixpath.relpath(page, here)}{link.fragment}>)"
    if link.file in site.files:
        return f'<a href="{SCHEME}{site.files[link.file]}{link.fragment}">{link.label}</a>'
    if link.image or (link.file.is_file() and link.file.is_relative_to(site.folder)):
        path = Path(os.path.relpath(link.file, site.folder / here)).as_posix()
        return f"{link.image}[{link.label}](<{path}{link.fragment}>)"
    if site.source_url and link.file.is_relative_to(site.repository):
        path = link.file.relative_to(site.repository).as_posix()
        return f"[{link.label}](<{site.source_url}/{path}{link.fragment}>)"
    return link.label


def _page(site: Site, env: BuildEnvironment, file: Path) -> str | None:
    """The path on the site of a file, or of the first page in a folder."""
    for each in (file, file / "index.md", file / "README.md"):
        path = site.by_origin.get(each)
        if path is None and each.suffix == ".md" and each.is_relative_to(site.folder):
            path = each.relative_to(site.folder).as_posix()
        if path is not None and path.removesuffix(".md") in env.found_docs:
            return path
    return None


def resolve_links(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give links in HTML the URLs of the builder."""
    builder = app.builder
    if builder.format != "html":
        return

    def url(match: re.Match[str]) -> str:
        return f'href="{_url(builder, docname, match[1])}{match[2] or ""}"'

    for raw in doctree.findall(nodes.raw):
        html = raw.astext()
        if SCHEME in html:
            raw[0] = nodes.Text(_PENDING.sub(url, html))


def _url(builder: Builder, docname: str, path: str) -> str:
    page = unquote(path).removesuffix(".md")
    if page != unquote(path) and page in builder.env.found_docs:
        return builder.get_relative_uri(docname, page)
    return relative_uri(builder.get_target_uri(docname), path)
