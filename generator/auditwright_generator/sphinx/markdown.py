"""From Markdown that reads well on a forge to MyST: functions from text to text.

Tabs are paragraphs such as `**JSON**`, by the contract with `targets/docs/`. Tables become HTML, since
docutils needs more time for tables than for everything else.
"""

import functools
import posixpath
import re
from collections.abc import Iterator
from html import escape

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
_TABLE_START = '<div class="pst-scrollable-table-container">\n<table class="table">'
_ALIGNMENTS = {
    ":-": ' style="text-align:left"',
    "-:": ' style="text-align:right"',
    "::": ' style="text-align:center"',
}
_MARKUP = re.compile(r"[\\`*_<&\[!]")
_PAGE_LINK = re.compile(r'href="([^":#]+\.md)(?=[#"])')
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


def _html(table: str, docname: str) -> str:
    header, delimiters, *rows = table.split("\n")
    styles = [_ALIGNMENTS.get(f"{each[:1]}{each[-1:]}", "") for each in _cells(delimiters)]
    lines = ["<thead>", _row("th", header, styles), "</thead>", "<tbody>"]
    lines += [_row("td", row, styles) for row in rows]
    body = _PAGE_LINK.sub(lambda match: f'href="site:{_on_site(docname, match[1])}', "\n".join(lines))
    body = body.replace('<a href="http', '<a class="reference external" href="http')
    return f"{_TABLE_START}\n{body}\n</tbody>\n</table>\n</div>"


def _row(tag: str, row: str, styles: list[str]) -> str:
    cells = _cells(row)[: len(styles)]
    cells += [""] * (len(styles) - len(cells))
    return "".join(
        (
            "<tr>",
            *(f"<{tag}{style}>{_cell(cell)}</{tag}>" for cell, style in zip(cells, styles, strict=True)),
            "</tr>",
        )
    )


def _cells(row: str) -> list[str]:
    cells = re.split(r"(?<!\\)\|", row.strip().removeprefix("|"))
    return [cell.strip().replace("\\|", "|") for cell in (cells if cells[-1].strip() else cells[:-1])]


@functools.lru_cache(maxsize=10_000)
def _cell(text: str) -> str:
    """The HTML of one cell. Most cells are repeated in many tables, or have no markup."""
    return _renderer().renderInline(text) if _MARKUP.search(text) else escape(text, quote=False)


@functools.cache
def _renderer() -> MarkdownIt:
    return MarkdownIt("commonmark")


def _on_site(docname: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(docname), target))
