"""The generator's commands, which the runtime's command line finds by the entry points of pyproject.toml.

Importing this module costs nothing: what reads YAML is imported when a command runs.
"""

from auditwright_generator.commands.check import command as check
from auditwright_generator.commands.coverage import command as coverage
from auditwright_generator.commands.diff import command as diff
from auditwright_generator.commands.events import command as events
from auditwright_generator.commands.explain import command as explain
from auditwright_generator.commands.generate import command as generate
from auditwright_generator.commands.init import command as init
from auditwright_generator.commands.new import command as new
from auditwright_generator.commands.rules import command as rules

__all__ = ["check", "coverage", "diff", "events", "explain", "generate", "init", "new", "rules"]
