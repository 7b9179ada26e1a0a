"""`auditwright explain`: shows a rule with its reason and examples."""

import argparse
import sys
import textwrap
from typing import TYPE_CHECKING

from auditwright_generator.commands.base import CLEAN, UNREADABLE

if TYPE_CHECKING:
    from auditwright_generator.commands.rules import RuleSummary


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("rule", metavar="CODE", help="a code or a name, such as AC106 or unknown-field")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    from auditwright_generator.commands.rules import every_rule
    from auditwright_generator.findings import hint_for

    rules = every_rule()
    known = {word: rule for rule in rules for word in (rule.code, rule.name)}
    rule = known.get(options.rule) or known.get(options.rule.upper())
    if rule is None:
        hint = hint_for(options.rule, known, "`auditwright rules` lists them")
        print(f"auditwright: unknown rule {options.rule!r}{hint}", file=sys.stderr)
        return UNREADABLE
    print(explain(rule))
    return CLEAN


def explain(rule: "RuleSummary") -> str:
    """The rule in words, with its examples if it has any."""
    from auditwright_generator.checks.explanations import EXAMPLES

    parts = [f"{rule.code} {rule.name} ({rule.kind})", f"Why: {rule.why}.", *rule.more]
    example = EXAMPLES.get(rule.code)
    if example:
        parts.append(f"Wrong, in {example.path}:\n{textwrap.indent(example.bad.strip(chr(10)), '    ')}")
        right = example.good.strip("\n") or "# no such file"
        parts.append(f"Right:\n{textwrap.indent(right, '    ')}")
        if rule.kind == "warning" and not rule.code.startswith("AC95"):
            answer = f"suppress: {{{rule.code}: {{reason: Why it is intended}}}}"
            parts.append(f"To suppress it, add to its owner:\n    {answer}")
    return "\n\n".join(parts)
