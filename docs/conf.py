"""The site of this repository: the guides, and the references of both catalogs.

`python3 dev.py site` builds it into build/site. What is copied into this folder is in .gitignore.
"""

import hashlib
import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

project = "Auditwright"
extensions = ["auditwright_generator.sphinx"]
auditwright_references = {"reference": "../generated", "system": "../generated/runtime"}
auditwright_versions = {"reference": "../catalog", "system": "../runtime/catalog"}
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


def name_files(app: Sphinx, docname: str, content: list[str]) -> None:
    """Show the name of the file that a block is written or appended to, which its first line has."""
    block = r"^(`{3,})(\w+) (?:file|append)=(\S+)$"
    content[0] = re.sub(block, r"\1{code-block} \2\n:caption: \3", content[0], flags=re.MULTILINE)


def show_diagrams(app: Sphinx, doctree: nodes.document) -> None:
    """Put the picture of each Mermaid block in its place; `python -m tests.pictures` draws them."""
    pictures = [path.read_text("utf-8") for path in sorted((Path(app.srcdir) / "pictures").glob("*.svg"))]
    for block in list(doctree.findall(nodes.literal_block)):
        if block.get("language") == "mermaid":
            digest = hashlib.sha256(block.astext().strip().encode()).hexdigest()[:16]
            svg = next((each for each in pictures if f'data-source="{digest}"' in each), "")
            if not svg:
                hint = "a diagram has no picture of it as it is now; run `python -m tests.pictures`"
                logging.getLogger(__name__).warning(hint, location=block)
            block.replace_self(nodes.raw("", f'<div class="diagram">{svg}</div>', format="html"))


def setup(app: Sphinx) -> None:
    """Register what only this site has."""
    app.connect("source-read", name_files, priority=900)
    app.connect("doctree-read", show_diagrams)
