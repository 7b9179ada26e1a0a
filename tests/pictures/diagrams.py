"""Draws the diagrams: every Mermaid block of our pages as an SVG, with text that is text."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from tests.pictures.sources import PICTURES, digest, name_of, sources
from tests.support.browser import ARGUMENTS, CHROMIUM

INSTALL = "npm install --prefix FOLDER mermaid@11.17.2; AUDITWRIGHT_NODE_MODULES=FOLDER/node_modules"

# The boxes are as wide as their text in the font of the machine that draws; most fonts are narrower than
# DejaVu Sans, which Debian has, so that the text also fits elsewhere.
_SETTINGS = {
    "startOnLoad": False,
    "theme": "base",
    "fontFamily": "system-ui, sans-serif",
    "htmlLabels": False,
    "flowchart": {
        "htmlLabels": False,
        "nodeSpacing": 32,
        "rankSpacing": 36,
        "padding": 10,
        "wrappingWidth": 400,
        "subGraphTitleMargin": {"top": 4, "bottom": 14},
    },
}
# The colours are the theme's where the SVG stands in a page of the site, and light ones elsewhere.
_STYLE = """
#ID { background: var(--pst-color-background, #fff); font: 16px system-ui, sans-serif }
#ID text { fill: var(--pst-color-text-base, #222832) }
#ID .node rect, #ID .node path { fill: var(--pst-color-surface, #f3f4f5); rx: 4px }
#ID .node rect, #ID .node path { stroke: var(--pst-color-primary, #0a7d91) }
#ID .cluster rect { fill: none; stroke: var(--pst-color-border, #d1d5da); stroke-width: 1.5px }
#ID .flowchart-link { fill: none; stroke: var(--pst-color-text-muted, #48566b) }
#ID marker { fill: var(--pst-color-text-muted, #48566b) }
#ID .edgeLabel rect { fill: var(--pst-color-background, #fff) }
#ID .node .label, #ID .edgeLabel text { text-anchor: middle }
"""
_DRAW = """async ([settings, id, style, source, digest]) => {
  mermaid.initialize(settings);
  const holder = document.createElement("div");
  holder.innerHTML = (await mermaid.render(id, source)).svg;
  const svg = holder.firstChild;
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  svg.querySelector("style").textContent = style;
  for (const each of svg.querySelectorAll("defs, linearGradient")) each.remove();
  for (const marker of svg.querySelectorAll("marker"))
    if (!svg.querySelector(`[marker-end="url(#${marker.id})"]`)) marker.remove();
  for (const each of svg.querySelectorAll("*"))
    for (const { name } of [...each.attributes]) {
      const isNeeded = name != "id" || ["title", "desc", "marker"].includes(each.tagName);
      if (!isNeeded || name.startsWith("data-") || !each.getAttribute(name)) each.removeAttribute(name);
    }
  for (const edge of svg.querySelectorAll(".flowchart-link")) {
    edge.setAttribute("class", "flowchart-link");
    edge.removeAttribute("style");
  }
  for (const name of ["style", "class", "aria-roledescription"]) svg.removeAttribute(name);
  svg.setAttribute("width", Math.ceil(width));
  svg.setAttribute("height", Math.ceil(height));
  svg.setAttribute("role", "img");
  svg.setAttribute("data-source", digest);
  return new XMLSerializer().serializeToString(svg);
}"""


def draw() -> Iterator[Path]:
    """Draw every block, and remove the pictures of former ones; yields the files."""
    mermaid = Path(os.environ.get("AUDITWRIGHT_NODE_MODULES", "")) / "mermaid/dist/mermaid.min.js"
    if not mermaid.is_file():
        raise SystemExit(f"AUDITWRIGHT_NODE_MODULES names no folder with mermaid: {INSTALL}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        page = browser.new_context(offline=True).new_page()
        page.add_script_tag(path=mermaid)
        wanted = {PICTURES / f"{name_of(source)}.svg": source for source in sources()}
        for former in set(PICTURES.glob("*.svg")) - wanted.keys():
            former.unlink()
        for path, source in wanted.items():
            path.write_text(_svg(page, source, path.stem), "utf-8")
            yield path
        browser.close()


def _svg(page: Page, source: str, name: str) -> str:
    name = f"diagram-{name}"  # a section may have the name alone as its id
    style = _STYLE.replace("ID", name)
    svg: str = page.evaluate(_DRAW, [_SETTINGS, name, style, source, digest(source)])
    # Positions to a tenth of a pixel are exact enough, and a third of the file.
    return re.sub(r"\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}", svg) + "\n"
