"""`<a id="x"></a>` above a heading becomes the id of its section: what links, search and contents lead to."""

import re
from collections.abc import Collection, Iterator

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

_ANCHOR = re.compile(r'<a id="([a-zA-Z0-9_-]+)"></a>')
_START = re.compile(r'<a id="([a-zA-Z0-9_-]+)">')
"""Inside a line of Markdown, the two tags of an anchor are two nodes."""


def move_anchors(app: Sphinx, doctree: nodes.document) -> None:
    """Give sections the ids of the anchors above them, and tell MyST where links to anchors lead."""
    slugs = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
    for holder, name in list(_anchors(doctree)):
        section = _section_below(holder)
        if section is not None:
            _give_id(doctree, section, name)
            holder.parent.remove(holder)
            slugs[name] = (section.line or 0, name, section[0].astext())
        else:
            slugs.setdefault(name, (holder.line or 0, name, name))
    for raw in doctree.findall(nodes.raw):
        for name in _START.findall(raw.astext()):
            slugs.setdefault(name, (raw.line or 0, name, name))
    _link_inside_the_page(doctree, slugs.keys())


def _anchors(doctree: nodes.document) -> Iterator[tuple[nodes.Element, str]]:
    """Paragraphs that have an anchor and nothing else."""
    for holder in doctree.findall(nodes.paragraph):
        match = _ANCHOR.fullmatch("".join(each.astext() for each in holder).strip())
        if match and all(isinstance(each, nodes.raw) for each in holder):
            yield holder, match[1]


def _section_below(holder: nodes.Element) -> nodes.section | None:
    """The section that follows an anchor, which docutils puts at the end of the section before."""
    outer, index = holder.parent, holder.parent.index(holder)
    while index == len(outer) - 1 and isinstance(outer, nodes.section):
        outer, index = outer.parent, outer.parent.index(outer)
    below = outer[index + 1] if index + 1 < len(outer) else None
    return below if isinstance(below, nodes.section) else None


def _give_id(doctree: nodes.document, section: nodes.section, name: str) -> None:
    """An id is unique on a page: another section that docutils gave it gets a longer one."""
    other = doctree.ids.get(name)
    if isinstance(other, nodes.section) and other is not section:
        other["ids"] = [f"{each}-section" if each == name else each for each in other["ids"]]
    section["ids"] = [name, *(each for each in section["ids"] if each != name)]
    doctree.ids[name] = section


def _link_inside_the_page(doctree: nodes.document, names: Collection[str]) -> None:
    """Links to anchors of the same page, which MyST did not know when it read them."""
    for link in list(doctree.findall(addnodes.pending_xref)):
        is_local = link["reftype"] == "myst" and link.get("refdomain") is None
        if is_local and link["reftarget"] in names:
            target = nodes.reference("", "", *link.children, refid=link["reftarget"], internal=True)
            link.replace_self(target)
