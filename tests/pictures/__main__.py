"""Draws the named kinds of pictures into docs/pictures/; the default is all of them.

    python -m tests.pictures [diagrams] [screenshots]

Needs Debian's chromium, and for diagrams Mermaid: `npm install --prefix FOLDER mermaid@11.17.2`, with
`AUDITWRIGHT_NODE_MODULES=FOLDER/node_modules` in the environment. Nothing is asked of a network.
"""

import sys
from importlib import import_module

KINDS = ("diagrams", "screenshots")

if __name__ == "__main__":
    chosen = sys.argv[1:] or KINDS
    unknown = [name for name in chosen if name not in KINDS]
    if unknown:
        raise SystemExit(f"unknown pictures {unknown[0]!r}; known are {', '.join(KINDS)}")
    for name in chosen:
        for path in import_module(f"tests.pictures.{name}").draw():
            print(f"{path.stat().st_size:>7,} bytes  {path.name}")
