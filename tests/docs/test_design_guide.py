"""docs/design-events.md: its right examples are a clean catalog, and wrong ones give their findings."""

import re
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import yaml
from tests.support.markdown import Block, blocks, commands, fits, prose, run
from tests.support.paths import DOCS

from auditwright_generator.check import read_catalog
from auditwright_generator.checks.rules import RULES

PAGE = DOCS / "design-events.md"
EVENTS, FIELDS = "catalog/account/documents.yaml", "catalog/fields.yaml"
OF_WRONG_EXAMPLES = """
action: {title: Action, type: enum, values: {created: Created, deleted: Deleted}, description: What was done.}
allowed: {title: Allowed, type: boolean, description: Whether access was granted.}
"""
"""Fields that only wrong examples have."""
GOOD = [block for block in blocks(PAGE, "yaml") if block.use == "good"]
BAD = [block for block in blocks(PAGE, "yaml") if block.use == "bad"]


def parsed(block: Block) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(block.text)
    return found


def name_of(block: Block) -> str:
    return next(iter(parsed(block)))


def codes_of(bad: Block) -> set[str]:
    """The rules whose findings a wrong example gives, as the line above it names them."""
    label = PAGE.read_text("utf-8").splitlines()[bad.line - 4]
    assert label.startswith("Wrong")
    return set(re.findall(r"AC\d+", label))


def path_of(block: Block) -> str:
    """The file that an example belongs to: events have messages, fields have none."""
    return EVENTS if all("message" in each for each in parsed(block).values()) else FIELDS


def write_catalog(folder: Path, examples: list[Block]) -> None:
    """The catalog at the end of the page, with these examples in it."""
    texts = {
        block.use.removeprefix("file="): block.text for block in blocks(PAGE, "yaml") if "=c" in block.use
    }
    for block in examples:
        path = path_of(block)
        texts[path] += indent(block.text, "  ") if path == EVENTS else block.text
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")


def codes(folder: Path) -> set[str]:
    """The rules with findings, without AC110: a field is unused while its only event is replaced."""
    return {finding.code for finding in read_catalog(folder / "catalog").findings} - {"AC110"}


def test_the_right_examples_are_a_catalog_without_findings(tmp_path: Path) -> None:
    write_catalog(tmp_path, GOOD)
    ((command, expected),) = (each for block in blocks(PAGE, "console") for each in commands(block))
    done = run(command, tmp_path)
    assert fits(done.stdout, expected), done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize("bad", BAD, ids=name_of)
def test_a_wrong_example_gives_the_findings_it_names(tmp_path: Path, bad: Block) -> None:
    """It takes the place of the right example after it; without a code no rule finds its mistake."""
    after = min((block for block in GOOD if block.line > bad.line), key=lambda block: block.line)
    replaced = path_of(bad) == EVENTS or parsed(bad).keys() == parsed(after).keys()
    write_catalog(tmp_path, [*(block for block in GOOD if block != after or not replaced), bad])
    with (tmp_path / FIELDS).open("a", encoding="utf-8") as stream:
        stream.write(OF_WRONG_EXAMPLES)
    assert codes(tmp_path) == codes_of(bad)


def test_every_rule_that_the_page_names_exists() -> None:
    named = set(re.findall(r"AC\d+", prose(PAGE)))
    assert len(named) > 10
    assert named <= {rule.code for rule in RULES}
