"""The Mermaid blocks of our pages. The site shows each as an SVG, and needs neither script nor network.

A block's `accTitle` names its file, and `accDescr` is its text for whoever does not see it. The SVG holds the
digest of its source, by which docs/conf.py finds it and a test tells that it is older than the block.
"""

import hashlib
import re

from tests.support.markdown import OWN_PAGES, README, blocks
from tests.support.paths import DOCS

PICTURES = DOCS / "pictures"


def digest(source: str) -> str:
    """What tells one version of a block from another."""
    return hashlib.sha256(source.strip().encode()).hexdigest()[:16]


def name_of(source: str) -> str:
    """The name of a block's picture, without its suffix."""
    title = re.search(r"^\s*accTitle: (.+)$", source, re.MULTILINE)
    assert title, f"a diagram needs accTitle and accDescr, which say what it shows:\n{source}"
    return re.sub(r"\W+", "-", title[1].strip().lower())


def sources() -> list[str]:
    """The blocks of all pages that are on the site."""
    return [block.text for page in OWN_PAGES if page != README for block in blocks(page, "mermaid")]
