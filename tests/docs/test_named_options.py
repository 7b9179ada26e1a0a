"""All pages: every command of `auditwright` that they name exists, and has the options that they give it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.command_options import OPTION, options_by_command
from tests.support.markdown import GUIDES, LANGUAGE, README, blocks, prose
from tests.support.paths import ROOT

PAGES = [README, LANGUAGE, *GUIDES]
OF_OTHERS = {"--editable", "--engine", "--no-proxy-headers", "--number", "--seed"}
"""Options of other programs, such as pip and uvicorn, that a page names alone."""
EXAMPLE = "users"
"""The command that docs/contributing.md adds."""


def path_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def spans(page: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", prose(page))


def named_commands(page: Path) -> Iterator[str]:
    """What follows `auditwright` where a page names or runs a command, up to the end of it."""
    texts = [text for text in spans(page) if text.startswith("auditwright ")]
    for block in blocks(page):
        if block.language in ("console", "sh", "text", "yaml", "diff"):
            texts += re.findall(r"(?<!by )(?<![\w.-])auditwright [^\n]*", block.text.replace("\\\n", " "))
    for text in texts:
        yield re.split(r"\s*(?:[|;)<`]|&&|\d?>)", text.removeprefix("auditwright "))[0]


def problem_of(command: str) -> str | None:
    """What is wrong with a command line, or None."""
    known = options_by_command()
    try:
        words = shlex.split(command, comments=True)
    except ValueError:  # a quote that the page closes further down
        words = command.split()
    path = ""
    while words and any(name.startswith(f"{path} {words[0]}".strip()) for name in known):
        step = f"{path} {words[0]}".strip()
        if not any(name == step or name.startswith(f"{step} ") for name in known):
            break
        path = step
        words = words[1:]
    if not path:
        return (
            None if words[0].isupper() or words[0] in ("--help", "--version") else "there is no such command"
        )
    options = {option for name in known if f"{name} ".startswith(f"{path} ") for option in known[name]}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    unknown = sorted(given - options - {"--help"})
    return f"`{path}` has no {', '.join(unknown)}" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=path_of)
def test_named_commands_and_options_exist(page: Path) -> None:
    problems = [
        (command, problem)
        for command in named_commands(page)
        if (problem := problem_of(command)) and not command.startswith(EXAMPLE)
    ]
    assert problems == []


@pytest.mark.parametrize("page", PAGES, ids=path_of)
def test_options_without_a_command_exist(page: Path) -> None:
    known = {option for options in options_by_command().values() for option in options} | {"--help"}
    named = {found[0] for text in spans(page) if (found := OPTION.match(text))}
    assert named - known - OF_OTHERS == set()


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("list --limits 3", "`list` has no --limits"),
        ("database hold add --account acme --older-than 3d", "`database hold add` has no --older-than"),
        ("prune --dry-run", "there is no such command"),
        ("database retain --older-than=400d --dry-run", None),
        ("database --help", None),
        ("COMMAND --help", None),
    ],
)
def test_wrong_commands_and_options_are_found(command: str, problem: str | None) -> None:
    assert problem_of(command) == problem
