"""Tables as HTML, since docutils needs more time for tables than for everything else.

A table starts after an empty line, with a bar in front of each row, as the generator and most people write
it; Sphinx reads any other. Cells are Markdown as a forge reads it.
"""

import functools
import posixpath
import re
from html import escape

from markdown_it import MarkdownIt

from auditwright_generator.sphinx.markdown import without_code_blocks

_TABLE = re.compile(r"(?<=\n\n)\|[^\n]*\n\|[ :|-]*-[ :|-]*(?:\n\|[^\n]*)*(?=\n\n|\n?\Z)")
_START = '<div class="pst-scrollable-table-container">\n<table class="table">'
_ALIGNMENTS = {
    ":-": ' style="text-align:left"',
    "-:": ' style="text-align:right"',
    "::": ' style="text-align:center"',
}
_MARKUP = re.compile(r"[\\`*_<&\[!]")
_PAGE_LINK = re.compile(r'href="([^":#]+\.md)(?=[#"])')


def tables_as_html(text: str, docname: str) -> str:
    """Text with its tables as HTML. Links to pages keep their path on the site until it is built."""
    masked = without_code_blocks(text)
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
    return f"{_START}\n{body}\n</tbody>\n</table>\n</div>"


def _row(tag: str, row: str, styles: list[str]) -> str:
    cells = _cells(row)[: len(styles)]
    cells += [""] * (len(styles) - len(cells))
    made = (f"<{tag}{style}>{_cell(cell)}</{tag}>" for cell, style in zip(cells, styles, strict=True))
    return f"<tr>{''.join(made)}</tr>"


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
