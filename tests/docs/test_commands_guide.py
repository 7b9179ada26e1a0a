"""docs/commands.md lists every command, option and variable; its lines for shells install the completion."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.command_options import options_by_command
from tests.support.markdown import blocks, names_in, rows, section
from tests.support.paths import DOCS, ROOT

from auditwright.cli import COMMANDS, find_commands

PAGE = DOCS / "commands.md"


def listed(title: str) -> list[str]:
    return [names_in(row[0])[0].removeprefix("auditwright ") for row in rows(section(PAGE, title))]


def test_the_page_lists_every_command_and_no_other() -> None:
    own = listed("On the log") + listed("For the shell")
    assert own == list(COMMANDS)
    assert listed("On the catalog") + own == list(find_commands())


def test_the_page_lists_every_option_of_every_command() -> None:
    listed_options = {
        names_in(row[0])[0].removeprefix("auditwright "): tuple(names_in(row[1]))
        for row in rows(section(PAGE, "Options"))
    }
    wanted = {name: options for name, options in options_by_command().items() if options}
    assert list(listed_options.items()) == list(wanted.items())


def test_the_page_lists_every_variable_that_is_read() -> None:
    sources = [*(ROOT / "runtime").rglob("*.py"), *(ROOT / "generator").rglob("*.py")]
    read = {
        name for path in sources for name in re.findall(r'"(AUDITWRIGHT_[A-Z_]+)"', path.read_text("utf-8"))
    }
    assert set(listed("Variables")) == read


def test_the_lines_for_shells_install_the_completion(tmp_path: Path) -> None:
    """They write into the home folder, where the lines of bash are enough for its completion package."""
    lines = [line for block in blocks(PAGE, "sh") for line in block.text.splitlines()]
    script = "\n".join(["set -e", f'auditwright() {{ "{sys.executable}" -m auditwright "$@"; }}', *lines])
    environment = os.environ | {"HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    scripts = {
        ".local/share/bash-completion/completions/auditwright": "complete -o bashdefault -F",
        ".zsh/completions/_auditwright": "#compdef auditwright",
        ".auditwright.tcsh": "complete auditwright",
    }
    for path, part in scripts.items():
        assert part in (tmp_path / path).read_text("utf-8")
    assert (tmp_path / ".tcshrc").read_text("utf-8") == "source ~/.auditwright.tcsh\n"
