"""Values for whatever `conf.py` does not set, so that it stays short."""

import html
from typing import Any

from sphinx.application import Sphinx

PYDATA = "pydata_sphinx_theme"

DEFAULTS: dict[str, Any] = {
    "html_theme": PYDATA,
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_show_sphinx": False,
    "html_use_index": False,
    "exclude_patterns": ["_build", ".*", "**/.*"],
    "myst_heading_anchors": 6,  # as forges give every heading an anchor
    "smartquotes": False,  # options such as --out stay what they are
}

PYDATA_OPTIONS: dict[str, Any] = {
    "navbar_align": "left",
    "primary_sidebar_end": [],
    "show_prev_next": False,
    "show_toc_level": 2,
    "collapse_navigation": False,  # one menu for all pages of a folder, which the theme then makes once
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def set_defaults(app: Sphinx) -> None:
    """Set what conf.py and the command line leave open."""
    written = app.config._raw_config  # nothing public tells a value in conf.py from a default of Sphinx
    for name, value in DEFAULTS.items():
        written.setdefault(name, value)
    if written.get("project"):
        written.setdefault("html_title", written["project"])
    if not (written.get("copyright") or written.get("project_copyright")):
        written.setdefault("html_show_copyright", False)
    if app.config.overrides.get("html_theme", written["html_theme"]) == PYDATA:
        written["html_context"] = {"default_mode": "auto"} | written.get("html_context", {})
        options = PYDATA_OPTIONS | written.get("html_theme_options", {})
        if written.get("html_title") and not written.get("html_logo"):
            # The theme writes the title into the bar as HTML.
            options.setdefault("logo", {"text": html.escape(written["html_title"])})
        written["html_theme_options"] = options
