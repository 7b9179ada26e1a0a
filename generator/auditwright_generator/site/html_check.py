"""What is wrong with a built site: broken links, missing anchors, foreign hosts, pages that are too large.

A pure function from a folder of HTML to findings. It needs no Sphinx, asks no host and reads no source page.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from posixpath import basename, dirname, join, normpath
from urllib.parse import unquote

from auditwright_generator.findings import counted

MAX_BYTES = 300_000
"""The most bytes of a page."""

_LINKS = {"a": "href", "area": "href", "form": "action"}
_RESOURCES = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src",),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src",),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
_FETCHED = {"stylesheet", "icon", "apple-touch-icon", "manifest", "mask-icon", "modulepreload", "preload"}
_FETCHED |= {"preconnect", "dns-prefetch", "prefetch"}
"""The kinds of `<link>` for which a browser asks the host."""
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_OTHER_HOST = re.compile(r"(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?//")
_IN_CSS = re.compile(r"""url\(\s*["']?([^"')\s]+)|@import\s+["']([^"']+)""")
_SIZE = re.compile(r"\s+[\d.]+[wx]$")
_TAG = re.compile(
    r"""<!--.*?-->
    |<style\b[^>]*>(?P<style>.*?)</style\s*>
    |<(?P<script>script\b(?:[^<>"']|"[^"]*"|'[^']*')*)>.*?</script\s*>
    |<span\ class="[^"]*">  # most tags are these, of highlighted code
    |<(?P<tag>[a-z][\w-]*\s(?:[^<>"']|"[^"]*"|'[^']*')*)>
    """,
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)\s*=\s*("[^"]*"|'[^']*'|[^\s"'<>]+)""")


@dataclass(frozen=True, slots=True, order=True)
class HtmlFinding:
    """One mistake of a site."""

    page: str
    """The file that has it, below the site's folder."""
    message: str
    sought: str = ""
    """What the line of a source has that refers to the target, such as the end of its name."""


@dataclass(frozen=True, slots=True)
class _Page:
    """What a page, or a part of one, has and refers to."""

    anchors: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()

    def has(self, anchor: str) -> bool:
        """Whether a browser finds a place for what follows `#`."""
        known = anchor in ("", "top") or anchor.startswith(":~:")  # the last searches for a text
        return known or anchor in self.anchors or unquote(anchor) in self.anchors


def check_site(folder: Path) -> list[HtmlFinding]:
    """All findings of a folder of HTML, sorted. What several pages share is one finding of the first page.

    Raises:
        OSError: A file cannot be read.
    """
    files = frozenset(_files(folder))
    pages = {name: _read_page(folder / name) for name in sorted(files) if _is_read(name)}
    found: dict[tuple[str, str], list[str]] = {}
    for name, page in pages.items():
        for mistake in _mistakes(name, page, pages, files):
            found.setdefault(mistake, []).append(name)
    findings = [
        HtmlFinding(where[0], message + _elsewhere(where), sought)
        for (message, sought), where in found.items()
    ]
    return sorted([*findings, *_too_large(folder, pages)])


def _files(folder: Path) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent, name).relative_to(folder).as_posix()


def _is_read(name: str) -> bool:
    # Themes leave pieces of HTML among their static files, which are no pages.
    return name.endswith(".css") or (name.endswith(".html") and "_static/" not in name)


def _elsewhere(pages: list[str]) -> str:
    return f" (and {counted(len(pages) - 1, 'other page')})" if len(pages) > 1 else ""


def _too_large(folder: Path, names: Iterable[str]) -> Iterator[HtmlFinding]:
    for name in names:
        size = (folder / name).stat().st_size
        if name.endswith(".html") and size > MAX_BYTES:
            yield HtmlFinding(
                name, f"has {size:,} bytes, and {MAX_BYTES:,} are the most that loads well; split the page"
            )


# --- what a page refers to ---------------------------------------------------------------------------


def _mistakes(
    name: str, page: _Page, pages: dict[str, _Page], files: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """The message of each mistake, and what to look for in the source."""
    for url in page.resources:
        if _OTHER_HOST.match(url):
            yield f"loads {url} from another host; a copy belongs into `html_static_path`", url
        elif not _SCHEME.match(url):
            yield from _missing("loads", name, url, pages, files)
    for url in page.links:
        if not _SCHEME.match(url) and not _OTHER_HOST.match(url):
            yield from _missing("links to", name, url, pages, files)


def _missing(
    verb: str, name: str, url: str, pages: dict[str, _Page], files: frozenset[str]
) -> Iterator[tuple[str, str]]:
    path, _, anchor = url.partition("#")
    target = _target(name, unquote(path.partition("?")[0]))
    if target not in files:
        target = normpath(f"{target}/index.html")
    if target not in files:
        shown = target.removesuffix("/index.html")
        yield f"{verb} {shown}, which is not on the site", basename(shown)
    elif target in pages and not pages[target].has(anchor):
        yield f"{verb} {target}#{anchor}, and that page has no such anchor", f"#{anchor}"


def _target(name: str, path: str) -> str:
    """The file that a path leads to from a page. It begins with `..` if it leads out of the site."""
    if not path:
        return name
    return normpath(path.lstrip("/") if path.startswith("/") else join(dirname(name), path))


# --- reading -----------------------------------------------------------------------------------------


def _read_page(path: Path) -> _Page:
    text = path.read_text("utf-8", "replace")
    if path.suffix == ".css":
        return _Page(resources=frozenset(_css_urls(text)))
    # Most tags of a page are those of the page before: its navigation and its highlighted code.
    tags = {
        (match["tag"] or "", match["script"] or "", match["style"] or "") for match in _TAG.finditer(text)
    }
    return _joined(_read_tag(*tag) for tag in tags if any(tag))


@functools.lru_cache(50_000)
def _read_tag(tag: str, script: str, style: str) -> _Page:
    if style:
        return _Page(resources=frozenset(_css_urls(style)))
    name, attributes = _parts(tag or script)
    anchors = [attributes[each] for each in ("id", "name") if each in attributes]
    links, resources = [], list(_css_urls(attributes.get("style", "")))
    if name in _LINKS:
        links.append(attributes.get(_LINKS[name], ""))
    elif name == "link":
        is_fetched = _FETCHED & set(attributes.get("rel", "").lower().split())
        (resources if is_fetched else links).append(attributes.get("href", ""))
    elif name in _RESOURCES:
        resources += [attributes.get(each, "") for each in _RESOURCES[name]]
        resources += [_SIZE.sub("", each.strip()) for each in attributes.get("srcset", "").split(",")]
    return _Page(frozenset(anchors), frozenset(links), frozenset(resources))


def _parts(tag: str) -> tuple[str, dict[str, str]]:
    """The name of a tag and its attributes."""
    attributes = {match[1].lower(): _value(match[2]) for match in _ATTRIBUTE.finditer(tag)}
    return tag.split(None, 1)[0].lower(), attributes


def _value(written: str) -> str:
    return unescape(written[1:-1] if written[0] in "\"'" else written).strip()


def _css_urls(text: str) -> Iterator[str]:
    return (match[1] or match[2] for match in _IN_CSS.finditer(text))


def _joined(parts: Iterable[_Page]) -> _Page:
    pages = list(parts)
    return _Page(
        frozenset().union(*(page.anchors for page in pages)),
        frozenset().union(*(page.links for page in pages)) - {""},
        frozenset().union(*(page.resources for page in pages)) - {""},
    )
