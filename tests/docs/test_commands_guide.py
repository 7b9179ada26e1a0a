"""docs/commands.md lists every command and every variable."""

import re

from tests.support.markdown import names_in, rows, section
from tests.support.paths import DOCS, ROOT

from auditwright.cli import COMMANDS, find_commands

PAGE = DOCS / "commands.md"


def listed(title: str) -> list[str]:
    return [names_in(row[0])[0].removeprefix("auditwright ") for row in rows(section(PAGE, title))]


def test_the_page_lists_every_command_and_no_other() -> None:
    assert listed("On the log") == list(COMMANDS)
    assert listed("On the catalog") + listed("On the log") == list(find_commands())


def test_the_page_lists_every_variable_that_is_read() -> None:
    sources = [*(ROOT / "runtime").rglob("*.py"), *(ROOT / "generator").rglob("*.py")]
    read = {
        name for path in sources for name in re.findall(r'"(AUDITWRIGHT_[A-Z_]+)"', path.read_text("utf-8"))
    }
    assert set(listed("Variables")) == read
