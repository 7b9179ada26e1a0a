"""Texts of a catalog that try to become code or markup.

What is generated from them has the code, markup and structure of what tame texts give; only texts differ.
"""

import ast
import csv
import io
import json
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.generator.run_command import run
from tests.security.hostile_texts import HOSTILE, MARKUP, Text, catalog, hostile, tame, write
from tests.support.rendered import html_of
from tests.support.sphinx_site import build_site, write_site

from auditwright_generator import cli
from auditwright_generator.check import read_catalog
from auditwright_generator.diff.comparison import compare_versions
from auditwright_generator.diff.history import History, Version
from auditwright_generator.diff.report import as_markdown
from auditwright_generator.generate import Texts, render, render_whole
from auditwright_generator.model import Catalog
from auditwright_generator.scaffold.site_start import site_files
from auditwright_generator.sphinx.changes_page import changes_page

PACKAGE = "hostile_events"


def resolved(folder: Path, text: Text, number: int = len(HOSTILE), name: str = "catalog") -> Catalog:
    """The catalog with these texts, in a folder `catalog` or of the name that is given."""
    checked = read_catalog(write(folder / name, catalog(PACKAGE, number, text)))
    assert checked.catalog is not None, checked.findings
    return checked.catalog


@pytest.fixture(scope="module")
def hostile_catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return resolved(tmp_path_factory.mktemp("hostile"), hostile())


@pytest.fixture(scope="module")
def tame_catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return resolved(tmp_path_factory.mktemp("tame"), tame)


# --- structure -------------------------------------------------------------------------------------------


def code_of(source: str) -> str:
    """Python without what texts say."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


def _is_kept(attribute: str, value: str) -> bool:
    """Whether the value is no text: anchors of a site are made of titles."""
    return attribute in ("href", "src", "class", "type") and not value.startswith("#")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[tuple[str, tuple[tuple[str, str | None], ...]]] = Counter()
        self.others = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "span" and {name for name, _ in attrs} <= {"id", "class"}:
            return  # an anchor, or the color of a token of an example
        told = ((name, value if _is_kept(name, value or "") else "") for name, value in attrs)
        self.tags[tag, tuple(told)] += 1

    def handle_comment(self, data: str) -> None:
        self.others += 1

    def handle_decl(self, decl: str) -> None:
        self.others += 1

    def handle_pi(self, data: str) -> None:
        self.others += 1

    def unknown_decl(self, data: str) -> None:
        self.others += 1


def tags_of(html: str) -> tuple[Any, ...]:
    """How often each element is there with its attributes, and how many comments there are."""
    reader = _Tags()
    reader.feed(html)
    reader.close()
    return reader.tags, reader.others


def shape_of(value: Any) -> Any:
    """JSON without what texts say."""
    if isinstance(value, dict):
        return {key: shape_of(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape_of(each) for each in value]
    return "" if isinstance(value, str) else value


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts_of(each)
    elif isinstance(value, str):
        yield value


SHAPES: dict[str, Callable[[str], object]] = {
    ".py": cache(code_of),
    ".md": cache(lambda text: tags_of(html_of(text))),
    ".json": cache(lambda text: shape_of(json.loads(text))),
    ".toml": lambda text: shape_of(tomllib.loads(text)),
    ".csv": lambda text: [len(row) for row in csv.reader(io.StringIO(text))],
}
"""What a text may not change, by the kind of the file."""


# --- every place of the catalog --------------------------------------------------------------------------


def test_no_text_becomes_code_or_markup(hostile_catalog: Catalog, tame_catalog: Catalog) -> None:
    made = render(hostile_catalog)
    assert {Path(path).suffix for path in made} >= SHAPES.keys()
    assert_same_shape(made, render(tame_catalog))


def test_hostile_texts_are_in_all_places() -> None:
    """docs/security.md has the figures."""
    asked: list[int] = []

    def count(index: int) -> str:
        asked.append(index)
        return tame(index)

    catalog(PACKAGE, len(HOSTILE), count)
    assert (len(HOSTILE), len(asked)) == (75, 1797)


def test_texts_arrive_as_they_are(hostile_catalog: Catalog) -> None:
    [text] = (text for path, text in render(hostile_catalog).items() if path.endswith("events/catalog.json"))
    assert set(HOSTILE) <= set(texts_of(json.loads(text)))


def assert_same_shape(made: Texts, plain: Texts) -> None:
    """Both have the same code, markup and structure."""
    assert made.keys() == plain.keys()
    for path, text in made.items():
        read = SHAPES.get(Path(path).suffix)
        assert read is None or read(text) == read(plain[path]), path


def test_texts_of_the_whole_become_nothing(tmp_path: Path) -> None:
    catalog = resolved(tmp_path, tame, 1)

    def of_whole(text: str) -> Texts:
        return render_whole(replace(catalog, title=text, description=text))[1]

    plain = of_whole("Text 1")
    for text in HOSTILE:
        made = of_whole(text)
        assert_same_shape(made, plain)
        described = tomllib.loads(made["pyproject.toml"])["project"]["description"]
        assert described.split() == text.split()


NAMES = ("\N{LINE SEPARATOR}x = 1", "a\nimport os", "--> <script>", "`x` <b>", '"""', "'; x", "ca\udcfft")


def test_the_name_of_the_folder_becomes_nothing(tmp_path: Path) -> None:
    plain = render(resolved(tmp_path, tame, 2))
    for name in NAMES:
        made = render(resolved(tmp_path, tame, 2, name))
        assert_same_shape(made, plain)
        assert "".join(made.values()).encode()


@pytest.mark.parametrize("character", ["\0", "\x07", "\x0b", "\x0c", "\x1b", "\x7f", "\x85", "\x9b"])
def test_control_characters_are_refused(character: str, tmp_path: Path) -> None:
    text = f"a{character}import os"
    checked = read_catalog(write(tmp_path / "catalog", catalog(PACKAGE, 2, lambda _: text)))
    assert checked.catalog is None
    assert {each.code for each in checked.findings if each.severity == "error"} >= {"AC001"}


PROGRAM = """
import importlib, pathlib, pkgutil, sys, warnings

def watch(event, arguments):
    if event.startswith(("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess", "socket.")):
        print(event, arguments)
    if event == "open" and "w" in str(arguments[1]) and "__pycache__" not in str(arguments[0]):
        print(event, arguments)

sys.addaudithook(watch)
warnings.simplefilter("ignore")
import hostile_events
for module in pkgutil.walk_packages(hostile_events.__path__, "hostile_events."):
    importlib.import_module(module.name)
from auditwright import Actor, AuditLog
with AuditLog.open("sqlite:///log.db", account_id="acme", catalog=hostile_events.CATALOG) as log:
    events, emitters = hostile_events.CATALOG.events.values(), hostile_events.AuditEvents(log)
    entries = []
    with log.acting(Actor.user("u-1", "Ada")):
        for event in events:
            emitter = emitters
            for part in event.key.split("."):
                emitter = getattr(emitter, part)
            entries.append(emitter(**event.example))
    assert [entry.description for entry in entries] == [
        event.message.replace("{{", "{").replace("}}", "}").replace("{actor}", "Ada") for event in events
    ]
    print(len(entries), "entries")
"""


def test_generated_code_runs_nothing(hostile_catalog: Catalog, tmp_path: Path) -> None:
    for path, text in render(hostile_catalog).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.stdout) == ("", f"{len(HOSTILE)} entries\n")
    assert not (tmp_path / "ran").exists()


# --- what compares catalogs ------------------------------------------------------------------------------


def test_release_notes_show_texts_as_text(
    hostile_catalog: Catalog, tame_catalog: Catalog, tmp_path: Path
) -> None:
    other = resolved(tmp_path, lambda index: f"Word {index}")
    notes = [as_markdown(compare_versions(tame_catalog, new)) for new in (hostile_catalog, other)]
    assert tags_of(html_of(notes[0])) == tags_of(html_of(notes[1]))


def test_page_of_changes_shows_texts_as_text(
    hostile_catalog: Catalog, tame_catalog: Catalog, tmp_path: Path
) -> None:
    def page(new: Catalog) -> str:
        comparison = compare_versions(tame_catalog, new)
        version = Version("2.0.0", "2026-02-01", catalog=new, older=tame_catalog, comparison=comparison)
        return changes_page(History((version,)), new)

    other = resolved(tmp_path, lambda index: f"Word {index}")
    assert tags_of(html_of(page(hostile_catalog))) == tags_of(html_of(page(other)))


# --- what commands write ---------------------------------------------------------------------------------


def test_init_writes_titles_as_text(tmp_path: Path) -> None:
    for number, text in enumerate(HOSTILE[2::4]):
        folder = tmp_path / str(number)
        code = run(cli.init, str(folder), "--package", "new_events", "--distribution", "d", f"--title={text}")
        if any(each in text for each in "\N{LINE SEPARATOR}\N{ZERO WIDTH NO-BREAK SPACE}"):  # not in YAML
            assert (code, folder.exists()) == (2, False)
        else:
            found = read_catalog(folder).catalog
            assert found is not None
            assert found.title == text


def test_new_writes_texts_as_text(tmp_path: Path) -> None:
    folder = str(tmp_path / "catalog")
    assert run(cli.init, folder, "--package", "new_events", "--distribution", "d", "--title", "T") == 0
    descriptions = [f"Says {text} as number {number} does." for number, text in enumerate(HOSTILE[::5])]
    for number, text in enumerate(descriptions):
        options = ("--type", "string", "--description", text, "--catalog", folder)
        assert run(cli.new, "field", f"field_{number}", *options) == 0
    fields = read_catalog(Path(folder)).source.fields
    found = [fields[f"field_{number}"].node.string("description") for number in range(len(descriptions))]
    assert [each.split() for each in found] == [each.split() for each in descriptions]


def test_site_init_writes_texts_as_text(tame_catalog: Catalog, tmp_path: Path) -> None:
    def files(text: str) -> dict[str, str]:
        paths = (tmp_path / "docs", tmp_path / "catalog", tmp_path / "generated")
        return site_files(replace(tame_catalog, title=text, description=text), *paths)

    plain = files("Text 1")
    for text in HOSTILE:
        assert_same_shape(files(text), plain)


# --- the site --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with two references: of hostile and of tame texts."""
    top = tmp_path_factory.mktemp("site")
    for name, text in (("hostile", hostile(MARKUP)), ("tame", tame)):
        folder = write(top / name / "catalog", catalog(f"{name}_events", len(MARKUP), text))
        assert run(cli.generate, "--catalog", str(folder), "--out", str(top / name / "generated")) == 0
    references = {name: f"../{name}/generated" for name in ("hostile", "tame")}
    write_site(top / "docs", auditwright_references=references, html_theme="alabaster")
    return build_site(top / "docs", top / "html")


def test_no_text_becomes_html_of_the_site(site: Path) -> None:
    pages = sorted((site / "hostile").rglob("*.html"))
    assert len(pages) > 5
    for page in pages:
        html = page.read_text("utf-8")
        plain = (site / "tame" / page.relative_to(site / "hostile")).read_text("utf-8")
        body, other = (
            each[each.index('<div class="body"') : each.index('<div class="sphinxside')]
            for each in (html, plain)
        )
        assert tags_of(body.replace("hostile", "tame")) == tags_of(other), page


def test_the_site_shows_texts_as_they_are(site: Path) -> None:
    class Shown(HTMLParser):
        text = ""

        def handle_data(self, data: str) -> None:
            self.text += data

    reader = Shown()
    for page in (site / "hostile").rglob("*.html"):
        reader.feed(page.read_text("utf-8"))
    text = " ".join(reader.text.split())
    assert [each for each in MARKUP if " ".join(each.split()) not in text] == []
