"""The site of this repository: the guides, and the references of both catalogs.

`auditwright site build docs` writes it to build/site. The pages that are copied here are in .gitignore.
"""

import hashlib
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

project = "Auditwright"
extensions = ["auditwright_generator.sphinx"]
auditwright_references = {"reference": "../generated", "system": "../generated/runtime"}
auditwright_pages = {
    "catalog-language.md": "../catalog/README.md",
    "changelog.md": "../CHANGELOG.md",
    "benchmarks.md": "../tests/benchmarks/README.md",
}
html_static_path = ["_static"]
html_css_files = ["brand.css"]
html_favicon = "_static/icon.svg"
html_theme_options = {
    "logo": {"image_light": "_static/icon.svg", "image_dark": "_static/icon.svg", "text": project}
}

_log = logging.getLogger(__name__)


def show_diagrams(app: Sphinx, doctree: nodes.document) -> None:
    """Put the picture of each Mermaid block in its place; `python -m tests.pictures` draws them."""
    pictures = [path.read_text("utf-8") for path in sorted((Path(app.srcdir) / "pictures").glob("*.svg"))]
    for block in list(doctree.findall(nodes.literal_block)):
        if block.get("language") == "mermaid":
            digest = hashlib.sha256(block.astext().strip().encode()).hexdigest()[:16]
            svg = next((each for each in pictures if f'data-source="{digest}"' in each), "")
            if not svg:
                _log.warning("a diagram has no picture; run `python -m tests.pictures`", location=block)
            block.replace_self(nodes.raw("", f'<div class="diagram">{svg}</div>', format="html"))


def setup(app: Sphinx) -> None:
    """Register what only this site has."""
    app.connect("doctree-read", show_diagrams)
