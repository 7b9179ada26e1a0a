"""Generated Markdown as a reader sees it: rendered by markdown-it, with tables as texts."""

from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

from markdown_it import MarkdownIt


@dataclass
class Rendered:
    """The visible parts of a page."""

    tables: list[list[list[str]]]
    """The texts of the cells of each table, with the head as the first row."""
    headings: list[tuple[str, str]]
    """The level of each heading, such as `h2`, and its text."""
    paragraphs: list[str]
    """The texts of paragraphs and of items of lists."""
    elements: set[str]
    """The names of all elements."""
    links: list[str]
    anchors: list[str]
    code: list[str]


def rendered(markdown: str) -> Rendered:
    """The page as CommonMark with tables, as a forge shows it."""
    reader = _Reader()
    reader.feed(html_of(markdown))
    return reader.page


def html_of(markdown: str) -> str:
    """The HTML of a page, without a theme."""
    html: str = MarkdownIt("commonmark").enable("table").render(markdown)
    return html


def rows_below(markdown: str, head: str) -> Iterator[list[str]]:
    """The rows of every table whose first column has this head."""
    for table in rendered(markdown).tables:
        if table[0][0] == head:
            yield from table[1:]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Rendered([], [], [], set(), [], [], [])
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.elements.add(tag)
        given = dict(attrs)
        if tag == "table":
            self.page.tables.append([])
        elif tag == "tr":
            self.page.tables[-1].append([])
        elif tag == "a":
            self.page.links += [given["href"] or ""] if "href" in given else []
            self.page.anchors += [given["id"] or ""] if "id" in given else []
        if tag in ("th", "td", "p", "h1", "h2", "h3", "pre", "li"):
            self._text = []

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        text = "".join(self._text)
        if tag in ("th", "td"):
            self.page.tables[-1][-1].append(text)
        elif tag in ("h1", "h2", "h3"):
            self.page.headings.append((tag, text))
        elif tag in ("p", "li"):
            self.page.paragraphs.append(text)
        elif tag == "pre":
            self.page.code.append(text)
