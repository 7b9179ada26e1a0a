"""From Markdown that reads well on a forge to MyST: functions from text to text.

Tabs are paragraphs such as `**JSON**`, by the contract with `targets/docs/`. Tables become HTML, since
docutils needs more time for tables than for everything else.
"""

import functools
import posixpath
import re
from collections.abc import Iterator

from markdown_it import MarkdownIt

TABS = ("JSON", "JSON Schema", "Python", "Query")
DEVELOPERS_TABS = ("Python", "Query")
"""Tabs that the reader's edition leaves out."""

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n(?:.*?\n)?? {0,3}\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(?<![`\\])(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_COMMENT = re.compile(r"\A<!--.*?-->\n+", re.DOTALL)
_BREADCRUMB = re.compile(r"^\[[^\n]*\]\([^\n]*\) › [^\n]*\n\n", re.MULTILINE)
_TAB = re.compile(rf"^\*\*({'|'.join(TABS)})\*\*\n\n", re.MULTILINE)
_END_OF_TABS = re.compile(r"^(?:<a id=|#{1,6} )", re.MULTILINE)
_TABLE = re.compile(r"(?<=\n\n)\|[^\n]*\n\|[ :|-]*-[ :|-]*(?:\n\|[^\n]*)*(?=\n\n|\n?\Z)")
_ONLY_IN_MYST = re.compile(r"^(?=%|\+\+\+|:::|\([^\s()]*\)=)|(?=\{[^\s{}`]+\}`)", re.MULTILINE)


def without_code(text: str) -> str:
    """Text of the same length, with code blocks and code spans blanked out."""
    text = _FENCE.sub(lambda match: _blank(match[0]), text)
    return _CODE.sub(lambda match: _blank(match[0]), text)


def _blank(code: str) -> str:
    return re.sub(r"[^\n]", "\0", code)


def from_forge(text: str, edition: str) -> str:
    """MyST of a page that was written for a forge: without notice and breadcrumb, with tabs."""
    text = _BREADCRUMB.sub("", _COMMENT.sub("", text), count=1)
    return tabs(escape_myst(text), DEVELOPERS_TABS if edition == "reader" else ())


def escape_myst(text: str) -> str:
    """Text in which whatever only MyST gives a meaning is escaped: comments, roles, targets, breaks."""
    places = [match.start() for match in _ONLY_IN_MYST.finditer(without_code(text))]
    for place in reversed(places):
        text = f"{text[:place]}\\{text[place:]}"
    return text


# --- tabs ----------------------------------------------------------------------------------------------


def tabs(text: str, left_out: tuple[str, ...] = ()) -> str:
    """Text in which each run of `**JSON**`, `**Python**` ... is a set of tabs."""
    pieces, end = [], 0
    for start, stop in _runs(text):
        parts = _TAB.split(text[start:stop])[1:]
        items = [
            (name, body) for name, body in zip(parts[::2], parts[1::2], strict=True) if name not in left_out
        ]
        pieces += [text[end:start], _tab_set(items) if items else ""]
        end = stop
    return "".join(pieces) + text[end:]


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """Where each set of tabs starts and ends: at the next anchor, heading, or the end of the page."""
    place = 0
    masked = _FENCE.sub(lambda match: _blank(match[0]), text)
    while first := _TAB.search(masked, place):
        stop = _END_OF_TABS.search(masked, first.end())
        place = stop.start() if stop else len(text)
        yield first.start(), place


def _tab_set(items: list[tuple[str, str]]) -> str:
    longest = max((len(run) for _, body in items for run in re.findall("`{3,}", body)), default=2)
    inner, outer = "`" * (longest + 1), "`" * (longest + 2)
    body = "".join(f"{inner}{{tab-item}} {name}\n{content.strip()}\n{inner}\n" for name, content in items)
    return f"{outer}{{tab-set}}\n{body}{outer}\n\n"


# --- tables --------------------------------------------------------------------------------------------


def tables_as_html(text: str, docname: str) -> str:
    """Text with its tables as HTML. Links to pages keep their path on the site until it is built."""
    masked = _FENCE.sub(lambda match: _blank(match[0]), text)
    pieces, end = [], 0
    for match in _TABLE.finditer(masked):
        pieces += [text[end : match.start()], _html(text[match.start() : match.end()], docname)]
        end = match.end()
    return "".join(pieces) + text[end:]


@functools.cache
def _renderer() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def _html(table: str, docname: str) -> str:
    renderer = _renderer()
    tokens = renderer.parse(table)
    for token in tokens:
        for child in token.children or ():
            target = child.attrGet("href")
            if isinstance(target, str) and re.fullmatch(r"[^:#]+\.md(?:#.*)?", target):
                page = posixpath.normpath(posixpath.join(posixpath.dirname(docname), target))
                child.attrSet("href", f"site:{page}")
            elif child.type == "link_open" and isinstance(target, str) and "://" in target:
                child.attrSet("class", "reference external")
    body = renderer.renderer.render(tokens, renderer.options, {}).replace("<table>", '<table class="table">')
    return f'<div class="pst-scrollable-table-container">\n{body.strip()}\n</div>'
