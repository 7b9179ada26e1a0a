"""Names for the arrows that unfold the side menu, which the PyData theme leaves without one."""

import html
import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

_ARROW = re.compile(r'<summary>(?=<span class="toctree-toggle")')
_TAG = re.compile(r"<[^>]*>")


def name_arrows(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give the arrows of the side menu of a page the names of the pages that they stand beside."""
    make_menu = context.get("generate_toctree_html")
    if make_menu is not None:
        context["generate_toctree_html"] = lambda *options, **named: _named(str(make_menu(*options, **named)))


def _named(menu: str) -> str:
    def named(match: re.Match[str]) -> str:
        title = html.unescape(_TAG.sub("", menu[menu.rfind("<a ", 0, match.start()) : match.start()]))
        return f'<summary aria-label="{html.escape(f"Pages below {title}".strip())}">'

    return _ARROW.sub(named, menu)
