"""Marks in pages: what the style sheet and the script of the site hold on to.

Keys and badges get classes, tables become regions that scroll by keyboard, and a table of events that are
partly deprecated gets a switch. All of it works without JavaScript, except for the button that copies a key.
"""

import functools
import html
import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

from auditwright_generator.sphinx.site import Reference, site_of

STATIC = Path(__file__).parent / "static"

_CONTAINER = '<div class="pst-scrollable-table-container">'
_HEADER = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
_ROW = re.compile(r"<tr>(?=\s*<td\b[^>]*>(?:(?!</td>).)*?<em>deprecated)", re.DOTALL)
_BADGE = re.compile(r"<em>(deprecated|personal|secret)\b([^<]*?)\.?</em>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_NAME = re.compile(r"(?<=<td><code>)\w+(?=</code></td>)")
_PLAIN = "audit-table"
_CLASSES = {"Date and Time (UTC)": f"{_PLAIN} audit-entry", "Declared in": f"{_PLAIN} audit-fields"}
"""The classes of a table of the reference by its first or its last header."""


def add_static_files(app: Sphinx, config: Config) -> None:
    """Add the style sheet and the script, before those of the team."""
    config.html_static_path.insert(0, str(STATIC))
    app.add_css_file("auditwright.css")
    app.add_js_file("auditwright.js", loading_method="defer")


def mark_page(app: Sphinx, doctree: nodes.document) -> None:
    """Mark the keys and the tables of a page."""
    site, docname = site_of(app), app.env.docname
    reference = next((each for each in site.references if docname.startswith(f"{each.folder}/")), None)
    if reference is not None:
        for section in doctree.findall(nodes.section):
            _mark_key(section, _keys(reference))
    tables = (raw for raw in doctree.findall(nodes.raw) if raw.astext().startswith(_CONTAINER))
    for number, raw in enumerate(tables, 1):
        table = raw.astext() if reference is None else _mark_deprecated(raw.astext())
        raw[0] = nodes.Text(_region(table, f"Table {number}: {_title_above(raw)}".removesuffix(": ")))


@functools.cache
def _keys(reference: Reference) -> frozenset[str]:
    """The keys of all categories and events."""
    categories = [each for level in reference.catalog.levels for each in level.categories]
    events = (event.key for category in categories for event in category.events)
    return frozenset((*(category.key for category in categories), *events))


def _mark_key(section: nodes.section, keys: frozenset[str]) -> None:
    """The line below the title of a category or an event: its key, and its badges, which are emphasised."""
    line = section[1] if len(section) > 1 else None
    key = line[0] if isinstance(line, nodes.paragraph) and len(line) else None
    if (
        not isinstance(line, nodes.paragraph)
        or not isinstance(key, nodes.literal)
        or key.astext() not in keys
    ):
        return
    line["classes"].append("audit-key-line")
    key["classes"].append("audit-key")
    for badge in list(line.findall(nodes.emphasis)):
        words = badge.astext()
        classes = ["audit-badge", f"audit-{words.split()[0]}"]
        badge.replace_self(nodes.inline(words, words, classes=classes))


def _title_above(node: nodes.Element) -> str:
    """The title of the section that a node is in."""
    outer = node.parent
    while outer is not None and not isinstance(outer, nodes.section):
        outer = outer.parent
    return outer[0].astext() if outer is not None else ""


# --- tables --------------------------------------------------------------------------------------------


def _region(table: str, name: str) -> str:
    """The HTML of a table, with a named container that takes the focus."""
    headers = _headers(table)
    classes = next((_CLASSES[each] for each in (*headers[:1], *headers[-1:]) if each in _CLASSES), _PLAIN)
    if classes.endswith("-fields"):
        table = _NAME.sub(lambda match: match[0].replace("_", "_<wbr>"), table)
    container = (
        f'<div class="{classes} pst-scrollable-table-container" role="region" '
        f'aria-label="{html.escape(name)}" tabindex="0">'
    )
    return table.replace(_CONTAINER, container, 1)


def _mark_deprecated(table: str) -> str:
    """The HTML of a table with badges; a table of events gets a switch for those that are deprecated."""
    switch = ""
    if _headers(table)[:1] == ["Event"]:
        table, deprecated = _ROW.subn('<tr class="audit-deprecated-row">', table)
        switch = _switch(deprecated)
    return switch + _BADGE.sub(_badge, table)


def _headers(table: str) -> list[str]:
    return [html.unescape(_TAG.sub("", header)) for header in _HEADER.findall(table)]


def _badge(match: re.Match[str]) -> str:
    kind = match[1].lower()
    return f'<span class="audit-badge audit-{kind}">{kind}{match[2]}</span>'


def _switch(deprecated: int) -> str:
    if not deprecated:
        return ""
    events = "deprecated event" if deprecated == 1 else "deprecated events"
    return f'<label class="audit-switch"><input type="checkbox"> Show {deprecated} {events}</label>\n'
