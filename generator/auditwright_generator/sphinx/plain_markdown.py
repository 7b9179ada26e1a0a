"""The Markdown beside each page of the site: that of the repository, with links that hold on the site.

A function from text to text; `links.py` has already given the links their places.
"""

import posixpath
import re

from auditwright_generator.sphinx.links import SCHEME
from auditwright_generator.sphinx.markdown import (
    DEVELOPERS_TABS,
    FENCE,
    without_code,
    without_notice,
    without_tabs,
)

_LINK = re.compile(
    rf'<a href="{SCHEME}(?P<file>[^"]*)">(?P<label>.*?)</a>|\]\(<(?P<target>[^<>()\s]+)>\)', re.DOTALL
)
_TOCTREE = re.compile(r"^<!-- toctree\n.*?^-->\n+", re.MULTILINE | re.DOTALL)
_CARD = re.compile(
    r"^```\{grid-item-card\} ([^\n]*)\n((?::[^\n]*\n)*)\n*(.*?)\n```\n+", re.MULTILINE | re.DOTALL
)
_NO_PROSE = re.compile(r"[#<|:>]|[-+*] |!\[|`[^`]*`$|\[[^\]]*\]\([^)]*\) (?:›|·) ")
"""Begins a block that is no paragraph of sentences, such as a list, the breadcrumb or a key."""


def plain_markdown(text: str, docname: str, edition: str) -> str:
    """The text of a page without what only the site needs; in the reader's edition also without Python."""
    text = without_notice(text)
    if edition == "reader":
        text = without_tabs(text, DEVELOPERS_TABS)
    text = _without_directives(_TOCTREE.sub("", text))
    return _links(text, posixpath.dirname(docname)).strip() + "\n"


def _links(text: str, folder: str) -> str:
    """Links as people write them: those to files of the site as Markdown, and brackets only around spaces."""
    pieces, end = [], 0
    for match in _LINK.finditer(without_code(text)):
        if match["file"]:
            label = text[match.start("label") : match.end("label")]
            link = f"[{label}]({posixpath.relpath(match['file'], folder or '.')})"
        else:
            link = f"]({match['target']})"
        pieces += [text[end : match.start()], link]
        end = match.end()
    return "".join(pieces) + text[end:]


def _without_directives(text: str) -> str:
    """Text without toctrees, and with a list of links for each grid of cards. Other code stays as it is."""
    pieces, end = [], 0
    for fence in FENCE.finditer(text):
        directive = re.match(r"`+\{(toctree|grid)\}", fence[0])
        if directive:
            pieces += [text[end : fence.start()], _cards(fence[0]) if directive[1] == "grid" else ""]
            end = fence.end()
            while not pieces[-1] and text[end : end + 1] == "\n":
                end += 1
    return "".join(pieces) + text[end:]


def _cards(grid: str) -> str:
    """Cards as a list of links."""
    return "".join(_card(match) for match in _CARD.finditer(f"{grid}\n")).rstrip()


def _card(card: re.Match[str]) -> str:
    title, options, body = card.groups()
    link = re.search(r"^:link: (\S+)$", options, re.MULTILINE)
    is_page = ":link-type: doc\n" in options
    named = f"[{title}]({link[1]}{'.md' if is_page else ''})" if link else title
    return f"- {named}: {' '.join(body.split())}\n"


def title_and_summary(text: str) -> tuple[str, str]:
    """The title of a page, and the first line of the first paragraph below it, as plain text."""
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    below = FENCE.sub("", text[title.end() :] if title else text)
    lines = (block.strip().partition("\n")[0] for block in re.split(r"\n{2,}", below))
    summary = next((line for line in lines if line and not _NO_PROSE.match(line)), "")
    return title[1] if title else "", _as_text(summary)


def _as_text(line: str) -> str:
    """A line without links and emphasis."""
    line = re.sub(r"!?\[((?:[^\[\]\\]|\\.)*)\]\([^()]*\)", r"\1", line)
    return re.sub(r"(?<!\\)[*`]", "", line)
