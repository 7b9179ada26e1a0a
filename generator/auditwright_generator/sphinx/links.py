"""Links: from the place of a file in the repository to its place on the site.

A link in a page is relative to the file that the page comes from. Its target is a page of the site, a file
that the site publishes, a file that can be viewed in the repository, or plain text.
"""

import os
import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.util import logging
from sphinx.util.osutil import relative_uri

from auditwright_generator.sphinx.markdown import without_code
from auditwright_generator.sphinx.site import Site

SCHEME = "site:"
"""Begins the target of a link in HTML to a path on the site, until the builder knows its URL."""

_LINK = re.compile(
    r"(?<!\\)(?P<image>!?)\[(?P<text>(?:[^\[\]\\]|\\.|\[[^\[\]]*\])*)\]"
    r"\((?P<target><[^<>\n]*>|[^\s()<>]+)(?P<title>\s+\"[^\"]*\")?\)",
    re.DOTALL,
)
_HAS_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//|/")
_PENDING = re.compile(rf'href="{SCHEME}([^"#]*)(#[^"]*)?"')

_logger = logging.getLogger(__name__)


def relink(site: Site, app: Sphinx, docname: str, text: str) -> str:
    """The Markdown of a page with links that fit its place on the site. Code stays as it is."""
    origin = site.origin(docname)
    pieces, end = [], 0
    for match in _LINK.finditer(without_code(text)):
        target = match["target"].strip("<>")
        if target.startswith("#") or _HAS_SCHEME.match(target):
            continue
        label = text[match.start("text") : match.end("text")]
        path, hash_, fragment = target.partition("#")
        file = Path(os.path.normpath(origin.parent / unquote(path)))
        if not file.exists():
            line = text.count("\n", 0, match.start()) + 1
            _logger.warning(
                "%s:%d: a link to %r, which is no file",
                *(origin, line, target),
                location=(docname, line),
                type="auditwright",
                subtype="link",
            )
        made = _linked(site, app, docname, match["image"], label, file, hash_ + fragment)
        if made is not None:
            pieces += [text[end : match.start()], made]
            end = match.end()
    return "".join(pieces) + text[end:]


def _linked(
    site: Site, app: Sphinx, docname: str, image: str, label: str, file: Path, fragment: str
) -> str | None:
    """The Markdown of one link; None to leave it as it is."""
    page = _page(site, app, file)
    if page is not None:
        return f"{image}[{label}]({posixpath.relpath(page, posixpath.dirname(docname) or '.')}{fragment})"
    if file in site.files:
        return f'<a href="{SCHEME}{site.files[file]}{fragment}">{label}</a>'
    if image:
        return f"![{label}](<{Path(os.path.relpath(file, (site.folder / docname).parent)).as_posix()}>)"
    if file.is_relative_to(site.folder) and file.is_file() and file.suffix != ".md":
        return None
    if site.source_url and file.is_relative_to(site.repository):
        return f"[{label}](<{site.source_url}/{file.relative_to(site.repository).as_posix()}{fragment}>)"
    return label


def _page(site: Site, app: Sphinx, file: Path) -> str | None:
    """The path on the site of a file, or of the first page in a folder."""
    for each in (file, file / "index.md", file / "README.md"):
        path = site.by_origin.get(each)
        if path is None and each.suffix == ".md" and each.is_relative_to(site.folder):
            path = each.relative_to(site.folder).as_posix()
        if path is not None and path.removesuffix(".md") in app.env.found_docs:
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
    page = path.removesuffix(".md")
    if page != path and page in builder.env.found_docs:
        return builder.get_relative_uri(docname, page)
    return relative_uri(builder.get_target_uri(docname), path)
