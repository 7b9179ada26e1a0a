"""Markdown pages for tests: their blocks, sections and tables, and how to run what they show.

The word after a fence's language says what becomes of the block:

    ```yaml append=FILE    appended to the file
    ```yaml file=FILE      written to the file; likewise for python
    ```diff                applied to the files it names; its hunks have no line numbers
    ```python              a part of the page's program
    ```console             commands after `$ `, each with its output; `...` matches anything
    ```{name}              a directive of the site, which lays the page out
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from tests.support.paths import DOCS, ROOT

README, LANGUAGE = ROOT / "README.md", ROOT / "catalog" / "README.md"
LESS_COMMON_KEYS = DOCS / "language.md"
CHANGELOG, BENCHMARKS = ROOT / "CHANGELOG.md", ROOT / "tests" / "benchmarks" / "README.md"
COPIED = {"catalog-language.md": LANGUAGE, "changelog.md": CHANGELOG, "benchmarks.md": BENCHMARKS}
"""Pages of the site that are copies: their names in `docs/`, where a build puts them, and what they copy."""
REFERENCE_FOLDER = ROOT / "generated" / "docs"
REFERENCE = sorted(REFERENCE_FOLDER.rglob("*.md"))
GUIDES = sorted(page for page in DOCS.glob("*.md") if page.name not in COPIED)
_FENCED = re.compile(r"^(`{3,})(\w+|{[\w-]+})(?: ([^\n]+))?\n(.*?)^\1$", re.DOTALL | re.MULTILINE)
IMPORT_ROOTS = ("runtime", "generator", "generated", "generated/runtime")
OWN_PAGES = [README, CHANGELOG, LANGUAGE, *GUIDES]
PAGES = [*OWN_PAGES, BENCHMARKS, *sorted((ROOT / "generated").rglob("*.md"))]


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    use: str
    text: str
    line: int


def blocks(page: Path, language: str = "") -> list[Block]:
    text = page.read_text("utf-8")
    found = _FENCED.finditer(text)
    every = [Block(m[2], m[3] or "", m[4], text.count("\n", 0, m.start(4)) + 1) for m in found]
    return [block for block in every if language in ("", block.language)]


def program_text(page: Path) -> str:
    """The Python blocks of a page as one program, whose line numbers are the page's."""
    lines = [""] * len(page.read_text("utf-8").splitlines())
    for block in blocks(page, "python"):
        if not block.use:
            own = block.text.splitlines()
            lines[block.line - 1 : block.line - 1 + len(own)] = own
    return "\n".join(lines)


def program(page: Path) -> CodeType:
    """`program_text`, compiled."""
    return compile(program_text(page), page, "exec")


def prose(page: Path) -> str:
    """What readers see of a page besides its blocks."""
    return re.sub(r"<!--.*?-->", "", _FENCED.sub("", page.read_text("utf-8")), flags=re.DOTALL)


def section(page: Path, title: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    match = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", prose(page), re.DOTALL | re.MULTILINE)
    assert match, f"{page.name} has no section {title}"
    return match[1]


def rows(text: str) -> list[list[str]]:
    """The rows of all tables in a text, without their heads."""
    found = []
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        found += [cells(line) for line in table.splitlines()[2:]]
    return found


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def names_in(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of a page in a folder; packages in the folder are found before installed ones."""
    programs = folder / ".programs"
    programs.mkdir(exist_ok=True)
    modules = (("python", ""), ("auditwright", " -m auditwright"), ("alembic", " -m alembic"))
    for name, arguments in modules:
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
        (programs / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUDITWRIGHT_")}
    environment = {
        **kept,
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(str(folder / name) for name in IMPORT_ROOTS),
        "PYTHONWARNINGS": "error",
    }
    return subprocess.run(  # noqa: S602 - a command of a guide
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


Runner = Callable[[str, Path], "subprocess.CompletedProcess[str]"]


def follow(page: Path, folder: Path, only_errors_fail: bool = True, run: Runner = run) -> int:
    """Apply a page's files, diffs and commands from top to bottom; returns how many commands ran.

    With `only_errors_fail` a command must fail where the page shows an error, and succeed elsewhere.
    """
    count = 0
    for block in blocks(page):
        action, _, path = block.use.partition("=")
        if action == "append":
            with (folder / path).open("a", encoding="utf-8") as stream:
                stream.write(block.text)
        elif action == "file":
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(block.text, "utf-8")
        elif block.language == "diff":
            apply_diff(block.text, folder)
        elif block.language == "console":
            for command, expected in commands(block):
                done = run(command, folder)
                shown = f"{page.name}: {command}\n{done.stdout}{done.stderr}"
                assert fits(done.stdout, expected), shown
                if only_errors_fail:
                    assert (done.returncode != 0) == shows_an_error(expected), shown
                count += 1
    return count


def apply_diff(text: str, folder: Path) -> None:
    """Apply a diff; the old lines of each hunk must stand in the file exactly once."""
    for part in re.split(r"^--- a/", text, flags=re.MULTILINE)[1:]:
        head, *hunks = re.split(r"^@@\n", part, flags=re.MULTILINE)
        path = folder / head.splitlines()[0]
        content = path.read_text("utf-8")
        for hunk in hunks:
            lines = hunk.splitlines(keepends=True)
            old = "".join(line[1:] for line in lines if line[0] != "+")
            new = "".join(line[1:] for line in lines if line[0] != "-")
            assert content.count(old) == 1, f"{path}: {content.count(old)} places for\n{old}"
            content = content.replace(old, new)
        path.write_text(content, "utf-8")


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with the output that the page shows."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


def shows_an_error(output: str) -> bool:
    """Whether what a page shows of a command is an error."""
    return re.search(r"^auditwright: |: error ", output, re.MULTILINE) is not None


def fits(output: str, expected: str) -> bool:
    """Whether the output is the one shown.

    `...` stands for anything in a line, or alone in its line for any lines.
    """
    parts = re.split(r"(^\.\.\.\n|\.\.\.)", expected, flags=re.MULTILINE)
    wanted = "".join({"...": ".*", "...\n": "(?:.*\n)*"}.get(part) or re.escape(part) for part in parts)
    return re.fullmatch(wanted, output) is not None
