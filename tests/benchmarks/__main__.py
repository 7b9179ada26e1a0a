"""Runs the benchmarks that are named; without names all but those that install, build or kill something.

Numbers after `scale` or `linkml` are how many events to take, after `crashes` how many processes to kill, and
after `pages` which accounts to read, by their millions of entries. `build` makes the log that `pages` and
`export` read.
"""

import platform
import sqlite3
import sys
from importlib import import_module, metadata

NAMES = ("emitters", "first_event", "bulk", "load", "postgresql", "commands", "page", "scale")
OTHERS = ("linkml", "crashes", "build", "pages", "export", "indexes")
SIZED = ("scale", "linkml", "crashes", "pages")
MODULES = {"build": "large"}

if __name__ == "__main__":
    sizes = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    chosen = [argument for argument in sys.argv[1:] if not argument.isdigit()] or NAMES
    unknown = [name for name in chosen if name not in (*NAMES, *OTHERS)]
    if unknown:
        raise SystemExit(f"no benchmark is called {unknown[0]}; there are {', '.join((*NAMES, *OTHERS))}")
    print(
        f"Python {platform.python_version()}, pydantic {metadata.version('pydantic')}, "
        f"SQLite {sqlite3.sqlite_version}"
    )
    for name in chosen:
        import_module(f"tests.benchmarks.{MODULES.get(name, name)}").run(*(sizes if name in SIZED else ()))
