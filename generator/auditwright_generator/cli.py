"""The generator's commands: a static table, found by the runtime through the entry points of pyproject.toml.

Importing this module loads no command; a command's module is imported when the command is configured or run.
"""

import argparse
import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Command:
    """One command; the runtime's are of the same shape."""

    help: str
    """One line for the list of commands."""
    module: str
    """The module with its `configure` and `run`."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add its options."""
        self._load().configure(parser)

    def run(self, options: argparse.Namespace) -> int:
        """Run it; returns the exit code."""
        code: int = self._load().run(options)
        return code

    def _load(self) -> Any:
        return importlib.import_module(f"auditwright_generator.commands.{self.module}")


check = Command("check the catalog, and list everything that is wrong with it", "check")
coverage = Command("compare the Python code that records events with the catalog", "coverage")
diff = Command("list what changed in the catalog, and whom it breaks", "diff")
events = Command("list all events of the catalog with their fields", "events")
explain = Command("explain a rule, with a wrong and a right example", "explain")
generate = Command("generate schemas, models, tables, emitters and docs", "generate")
init = Command("start a new catalog", "init")
new = Command("add an event, a category or a field to the catalog", "new")
rules = Command("list the rules of check, diff and coverage", "rules")
