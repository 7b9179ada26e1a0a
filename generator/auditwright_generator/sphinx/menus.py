"""Titles as text, where themes write them as HTML, and names for the arrows of the PyData theme's menu."""

import html
import re
from collections.abc import Callable
from typing import Any

from docutils import nodes
from markupsafe import escape
from sphinx.application import Sphinx

_ARROW = re.compile(r'<summary>(?=<span class="toctree-toggle")')
_TAG = re.compile(r"<[^>]*>")

_TITLES = {"docstitle", "project", "shorttitle"}
"""What templates call the title of the site; that of the theme's search page writes it as HTML."""

Make = Callable[..., object]
"""A function of the theme that makes the HTML of a menu."""


def correct_menus(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Correct the menus of a page, which the theme makes when the page is rendered."""
    for name in _TITLES & context.keys():
        context[name] = escape(context[name])  # themes that escape it themselves do not do so twice
    for name, correct in (
        ("generate_toctree_html", _name_arrows),
        ("generate_header_nav_html", _escape_titles),
    ):
        if name in context:
            context[name] = correct(app, context[name])


def _name_arrows(app: Sphinx, make: Make) -> Make:
    """Arrows that unfold the side menu have the names of the pages that they stand beside."""
    return lambda *options, **named: _named(str(make(*options, **named)))


def _named(menu: str) -> str:
    def named(match: re.Match[str]) -> str:
        title = html.unescape(_TAG.sub("", menu[menu.rfind("<a ", 0, match.start()) : match.start()]))
        return f'<summary aria-label="{html.escape(f"Pages below {title}".strip())}">'

    return _ARROW.sub(named, menu)


def _escape_titles(app: Sphinx, make: Make) -> Make:
    """Titles at the top of a page are text: the theme would write them as HTML."""

    def make_from_escaped(*options: Any, **named: Any) -> object:
        titles, below = app.env.titles, app.env.toctree_includes.get(app.config.root_doc, ())
        written = {page: titles[page] for page in below if page in titles}
        texts = {page: html.escape(title.astext(), quote=False) for page, title in written.items()}
        titles.update({page: nodes.title(text, text) for page, text in texts.items()})
        try:
            return make(*options, **named)
        finally:
            titles.update(written)

    return make_from_escaped
