"""Runs the named benchmarks; the default is all except those that need installations, gigabytes or kills.

Numbers select sizes: the events of a catalog for `scale`, `linkml` and `site`, the processes to kill for
`crashes`, and the accounts, by millions of entries, for `pages`.
`build` makes the log that `pages` and `export` read. `fleet` runs alone and has options: `fleet --help`.
"""

import platform
import sqlite3
import sys
from importlib import import_module, metadata

NAMES = ("emitters", "first_event", "bulk", "load", "postgresql", "commands", "page", "scale")
OTHERS = (
    "row_digests",
    "linkml",
    "crashes",
    "far",
    "build",
    "pages",
    "export",
    "indexes",
    "site",
    "hostile",
    "fleet",
    "sizes",
)
SIZED = ("scale", "linkml", "crashes", "pages", "site")
MODULES = {"build": "large"}
WITH_OPTIONS = ("fleet",)

if __name__ == "__main__":
    sizes = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    chosen = [argument for argument in sys.argv[1:] if not argument.isdigit()] or NAMES
    options: list[str] = []
    if sys.argv[1:2] and sys.argv[1] in WITH_OPTIONS:
        chosen, options = sys.argv[1:2], sys.argv[2:]
    unknown = [name for name in chosen if name not in (*NAMES, *OTHERS)]
    if unknown:
        raise SystemExit(f"unknown benchmark {unknown[0]!r}; known are {', '.join((*NAMES, *OTHERS))}")
    print(
        f"Python {platform.python_version()}, pydantic {metadata.version('pydantic')}, "
        f"SQLite {sqlite3.sqlite_version}"
    )
    for name in chosen:
        module = import_module(f"tests.benchmarks.{MODULES.get(name, name)}")
        module.run(*(options if name in WITH_OPTIONS else sizes if name in SIZED else ()))
