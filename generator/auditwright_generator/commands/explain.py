"""`auditwright explain`: shows a rule with its reason and examples."""

import argparse
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from auditwright_generator.commands.base import CLEAN, UNREADABLE
from auditwright_generator.text import print_lines

if TYPE_CHECKING:
    from auditwright_generator.checks.explanations import Example
    from auditwright_generator.commands.rules import RuleSummary


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "rule",
        metavar="CODE",
        help="a code or a name, such as AC106 or unknown-field; `auditwright rules` lists them",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    from auditwright_generator.commands.rules import every_rule
    from auditwright_generator.findings import hint_for

    rules = every_rule()
    known = {word: rule for rule in rules for word in (rule.code, rule.name)}
    rule = known.get(options.rule) or known.get(options.rule.upper())
    if rule is None:
        hint = hint_for(options.rule, known, "`auditwright rules` lists them")
        print_lines(f"auditwright: unknown rule {options.rule!r}{hint}", file=sys.stderr)
        return UNREADABLE
    print_lines(*explain(rule).split("\n"))
    return CLEAN


def explain(rule: "RuleSummary") -> str:
    """The rule in words, with its examples if it has any."""
    from auditwright_generator.checks.explanations import EXAMPLES
    from auditwright_generator.checks.rules import RULES
    from auditwright_generator.coverage.explanations import EXAMPLES as IN_CODE
    from auditwright_generator.coverage.rules import NEVER_EMITTED
    from auditwright_generator.scaffold.fix import FIXES

    parts = [f"{rule.code} {rule.name} ({rule.kind})", f"Why: {rule.why}.", *rule.more]
    example = EXAMPLES.get(rule.code)
    if example:
        parts.append(f"Wrong, in {example.path}:\n{_excerpt(example, example.bad)}")
        parts.append(f"`auditwright check` says:\n    {_message(example)}")
        parts.append(f"Right:\n{_excerpt(example, example.good) or '    # no such file'}")
    if rule.code in IN_CODE:
        bad, good, _ = IN_CODE[rule.code]
        parts += [f"Wrong:\n{textwrap.indent(bad, '    ')}", f"Right:\n{textwrap.indent(good, '    ')}"]
    if rule.code in FIXES:
        parts.append("Where no decision is needed, `auditwright check --fix` corrects it.")
    suppressed = {each.code for each in RULES if each.can_be_suppressed and not each.code.startswith("AC95")}
    if rule.code in suppressed | {NEVER_EMITTED.code}:
        answer = f"suppress: {{{rule.code}: {{reason: Why it is intended}}}}"
        parts.append(f"To suppress it, add to its owner:\n    {answer}")
    return "\n\n".join(parts)


def _excerpt(example: "Example", text: str) -> str:
    return textwrap.indent(example.shown(text).strip("\n"), "    ")


def _message(example: "Example") -> str:
    """What `check` finds in the wrong version."""
    from auditwright_generator.check import read_catalog

    with tempfile.TemporaryDirectory() as folder:
        for path, text in example.catalog(example.bad).items():
            (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / path).write_text(text, "utf-8")
        return read_catalog(Path(folder)).findings[0].message
