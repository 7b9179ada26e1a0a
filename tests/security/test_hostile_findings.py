"""What the generator's commands show of hostile catalogs, code and folders: nothing unprintable."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command_line import Auditwright, CommandResult
from tests.support.unprintable import FORGED, HOSTILE, STORABLE, unsafe_lines

from auditwright_generator.coverage.sources import NothingToRead
from auditwright_generator.diff.catalog_json import InvalidCatalogJson
from auditwright_generator.diff.git import GitError
from auditwright_generator.scaffold.example_values import NoExample
from auditwright_generator.scaffold.insertion import CannotInsert
from auditwright_generator.scaffold.trial import Refused
from auditwright_generator.site.errors import SiteError
from auditwright_generator.source.yaml_nodes import UnreadableCatalog
from auditwright_generator.sphinx.site import InvalidSite
from auditwright_generator.text import printable

CATALOG = Path(__file__).parents[1] / "generator" / "diff" / "catalog"
NAME = f"shop\n{FORGED}{STORABLE}".replace("/", "")[:80]
"""A file name of at most 255 bytes."""


def check(done: CommandResult, code: int) -> CommandResult:
    assert done.code == code
    assert done.out + done.err != ""
    assert unsafe_lines(done.out) + unsafe_lines(done.err) == []
    return done


@pytest.fixture
def hostile(auditwright: Auditwright, tmp_path: Path) -> Auditwright:
    """The command line, in a folder with a hostile catalog, a copy of it as it was, and hostile code."""
    for name in ("old", "catalog"):
        shutil.copytree(CATALOG, tmp_path / name)
    quoted = json.dumps("".join(each for each in HOSTILE if each <= "\uffff"))
    category = {"category": HOSTILE, "title": HOSTILE, HOSTILE: 1, "events": {HOSTILE: {"title": HOSTILE}}}
    (tmp_path / "catalog" / f"{NAME}.yaml").write_text(json.dumps(category), "utf-8")
    fields = tmp_path / "catalog" / "fields.yaml"
    fields.write_text(fields.read_text("utf-8") + f"{quoted}: {{type: {quoted}, title: {quoted}}}\n", "utf-8")
    code = tmp_path / "code"
    code.mkdir()
    (code / f"{NAME}.py").write_text(f"x = 'a\u200b'\n{STORABLE}", "utf-8")
    return auditwright


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_findings_of_a_hostile_catalog_are_safe(hostile: Auditwright, form: str) -> None:
    done = check(hostile("check", "--format", form), 1)
    if form in ("json", "sarif"):
        assert json.loads(done.out)
    else:
        assert NAME[:4] in done.out


COMMANDS: dict[str, tuple[int, tuple[str, ...]]] = {
    "generate": (1, ("generate",)),
    "no such catalog": (2, ("check", "--catalog", HOSTILE)),
    "folder of the output": (2, ("generate", "--catalog", "old", "--out", "old/" + NAME)),
    "file as output": (2, ("generate", "--catalog", "old", "--out", f"code/{NAME}.py")),
    "current": (0, ("generate", "--catalog", "old", "--out", NAME)),
    "no such version": (2, ("diff", "--catalog", "old", "--against", HOSTILE)),
    "event": (2, ("new", "event", HOSTILE, "--catalog", "old")),
    "title": (1, ("new", "level", "a", "--title", HOSTILE, "--description", HOSTILE, "--catalog", "old")),
    "pair": (2, ("new", "field", "a", "--values", HOSTILE, "--catalog", "old")),
    "catalog that exists": (1, ("init", f"code/{NAME}.py")),
    "new catalog": (0, ("init", NAME, "--package", "a_events", "--distribution", "a", "--title", "T")),
    "package": (2, ("init", NAME, "--package", HOSTILE)),
    "rule": (2, ("explain", HOSTILE)),
    "no code": (2, ("coverage", HOSTILE, "--catalog", "old")),
    "code": (1, ("coverage", "code", "--catalog", "old", "--list")),
    "code as JSON": (1, ("coverage", "code", "--catalog", "old", "--format", "json")),
    "code on GitHub": (1, ("coverage", "code", "--catalog", "old", "--format", "github")),
    "site": (2, ("site", "build", HOSTILE, "--catalog", "old")),
    "site of nothing": (1, ("site", "init", f"code/{NAME}.py", "--catalog", "old")),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_generator_command_shows_what_is_unprintable(hostile: Auditwright, name: str) -> None:
    code, arguments = COMMANDS[name]
    check(hostile(*arguments), code)


@pytest.fixture
def titled(auditwright: Auditwright, tmp_path: Path) -> Auditwright:
    """The command line, in a folder where the titles of a valid catalog have invisible characters."""
    for name in ("old", "catalog"):
        shutil.copytree(CATALOG, tmp_path / name)
    for path in (tmp_path / "catalog").rglob("*.yaml"):
        text = path.read_text("utf-8").replace("title: ", "title: \u202e\u2066A\u200b\u061c ")
        path.write_text(text, "utf-8")
    return auditwright


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_titles_of_events_are_shown_with_escapes(
    titled: Auditwright, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert r"\u202e" in check(titled("events", "--format", form), 0).out


@pytest.mark.parametrize("form", ["text", "json", "github", "markdown"])
def test_changes_are_shown_with_escapes(
    titled: Auditwright, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    done = titled("diff", "--against", "old", "--format", form)
    assert unsafe_lines(done.out) == []


def test_edited_file_is_shown_with_escapes(titled: Auditwright, tmp_path: Path) -> None:
    assert titled("generate").code == 0
    page = tmp_path / "generated" / "docs" / "index.md"
    page.write_text(page.read_text("utf-8") + HOSTILE, "utf-8")
    done = titled("generate", "--check", "--diff")
    assert done.code == 1
    assert [line for line in done.out.split("\n") if printable(line) != line] == []


def test_commit_of_a_hostile_name_is_refused_safely(titled: Auditwright, tmp_path: Path) -> None:
    subprocess.run(("git", "init", "-q"), cwd=tmp_path, check=True)
    check(titled("diff", "--against", f"HEAD{STORABLE}"), 2)


ERRORS: dict[str, Callable[[str], Exception]] = {
    "UnreadableCatalog": lambda hostile: UnreadableCatalog(hostile, hostile, hostile),
    "GitError": lambda hostile: GitError(hostile, hostile),
    **{
        each.__name__: each
        for each in (
            CannotInsert,
            InvalidCatalogJson,
            InvalidSite,
            NoExample,
            NothingToRead,
            Refused,
            SiteError,
        )
    },
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_of_the_generator_are_on_one_line(name: str) -> None:
    shown = str(ERRORS[name](HOSTILE))
    assert "\n" not in shown
    assert unsafe_lines(shown) == []
