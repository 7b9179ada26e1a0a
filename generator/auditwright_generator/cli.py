"""The table of the generator's commands. The runtime finds them by the entry points in pyproject.toml.

Importing this module loads no command. The module of a command is imported when it is configured or run.
"""

import argparse
import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Command:
    """A command. The runtime has a class of the same shape for its own."""

    help: str
    """One line for the list of commands."""
    module: str
    """The name of the module with `configure` and `run`."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Adds the options of the command."""
        self._load().configure(parser)

    def run(self, options: argparse.Namespace) -> int:
        """Runs the command and returns the exit code."""
        code: int = self._load().run(options)
        return code

    def _load(self) -> Any:
        return importlib.import_module(f"auditwright_generator.commands.{self.module}")


check = Command("check the catalog and list all mistakes", "check")
coverage = Command("compare the Python code that records events with the catalog", "coverage")
diff = Command("list changes of the catalog and whom they break", "diff")
events = Command("list all events of the catalog with their fields", "events")
explain = Command("explain a rule, with a wrong and a right example", "explain")
generate = Command("generate schemas, models, tables, emitters and docs", "generate")
init = Command("start a new catalog", "init")
new = Command("add an event, a category, a level or a field to the catalog", "new")
rules = Command("list the rules of check, diff and coverage", "rules")
site = Command("build a site from the reference and your own pages", "site")
