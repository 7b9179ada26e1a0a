"""`auditwright rules`: lists the rules of all commands."""

import argparse
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditwright_generator.commands.base import CLEAN
from auditwright_generator.text import print_lines

if TYPE_CHECKING:
    from auditwright_generator.diff.rules import ChangeRule


@dataclass(frozen=True, slots=True)
class RuleSummary:
    """A rule of any command, for output."""

    code: str
    kind: str
    """error or warning; for a change rule of `diff`, break or safe."""
    name: str
    why: str
    more: tuple[str, ...] = ()
    """Additional sentences."""


def every_rule() -> tuple[RuleSummary, ...]:
    """The rules of `check`, `coverage` and `diff`, by code."""
    from auditwright_generator.checks.rules import RULES
    from auditwright_generator.coverage.rules import RULES as OF_COVERAGE
    from auditwright_generator.diff.rules import CHANGE_RULES, FINDING_RULES

    listed = [
        RuleSummary(rule.code, rule.severity, rule.name, rule.why)
        for rule in (*RULES, *OF_COVERAGE, *FINDING_RULES)
    ]
    listed += [_of_change(rule) for rule in CHANGE_RULES]
    return tuple(sorted(listed, key=lambda rule: rule.code))


def _of_change(rule: "ChangeRule") -> RuleSummary:
    from auditwright_generator.diff.rules import AUDIENCES

    whom = [f"{audience}: {AUDIENCES[audience]}" for audience in rule.audiences]
    heading = "Breaks" if rule.effect == "break" else "Seen by"
    more = [f"{heading} {'; '.join(whom)}."] if whom else []
    hint = rule.hint.replace("{old}", "OLD").replace("{new}", "NEW")
    accepted = f"accepted: [{{rule: {rule.code}, at: KEY, version: NEW, reason: Why it is intended}}]"
    answer = [f"To accept it, add to catalog.yaml:\n    {accepted}"] if rule.effect == "break" else []
    return RuleSummary(
        *(rule.code, rule.effect, rule.name, rule.why),
        more=(*more, f"Requires a {rule.bump} version.", f"What to do: {hint}.", *answer),
    )


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    rules = every_rule()
    if options.format == "json":
        facts = [{"code": rule.code, "kind": rule.kind, "name": rule.name, "why": rule.why} for rule in rules]
        print(json.dumps(facts, indent=2))
        return CLEAN
    width = max(len(rule.name) for rule in rules)
    for rule in rules:
        print_lines(f"{rule.code}  {rule.kind:<7}  {rule.name:<{width}}  {rule.why}")
    print_lines(f"{len(rules)} rules; `auditwright explain CODE` shows one with examples")
    return CLEAN
