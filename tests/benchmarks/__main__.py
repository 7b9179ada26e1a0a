"""Runs the benchmarks that are named, or all."""

import platform
import sqlite3
import sys
from importlib import import_module, metadata

NAMES = ("emitters", "bulk", "commands", "page")

if __name__ == "__main__":
    chosen = sys.argv[1:] or NAMES
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        raise SystemExit(f"no benchmark is called {unknown[0]}; there are {', '.join(NAMES)}")
    print(
        f"Python {platform.python_version()}, pydantic {metadata.version('pydantic')}, "
        f"SQLite {sqlite3.sqlite_version}"
    )
    for name in chosen:
        import_module(f"tests.benchmarks.{name}").run()
