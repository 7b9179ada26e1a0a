"""Mistakes in conf.py: each is one error, which says what to write."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sphinx.application import Sphinx
from sphinx.config import Config
from tests.support.sphinx_site import run_sphinx, write_site

from auditwright_generator.sphinx.settings import read_site
from auditwright_generator.sphinx.site import InvalidSite, Site

CATALOG = '{"format": 1, "package": "p", "title": "T", "description": "", "version": "1.0.0", "levels": []}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site beside `generated` and `generated/runtime`, which `auditwright generate` might have written."""
    for generated in ("generated", "generated/runtime"):
        for path in ("docs/index.md", "docs/json_schema.md", "events/__init__.py", "events/catalog.json"):
            (tmp_path / generated / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / generated / path).write_text(CATALOG if path.endswith(".json") else "# T\n")
    (tmp_path / "CHANGELOG.md").write_text("# Changes\n")
    (tmp_path / "docs").mkdir()
    return tmp_path / "docs"


def read(folder: Path, **values: Any) -> Site:
    defaults = {
        "references": {"reference": "../generated"},
        "pages": {},
        "edition": "developer",
        "source_url": "",
    }
    config = {f"auditwright_{name}": value for name, value in (defaults | values).items()}
    app = SimpleNamespace(confdir=folder, srcdir=folder)

    class Values(SimpleNamespace):
        def __getitem__(self, name: str) -> Any:
            return getattr(self, name)

    return read_site(cast(Sphinx, app), cast(Config, Values(root_doc="index", **config)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"edition": "customer"},
            "auditwright_edition: expected 'developer' or 'reader', got 'customer'",
        ),
        (
            {"source_url": "acme/blob"},
            "auditwright_source_url: expected a URL such as 'https://example.com/acme/blob/main', "
            "got 'acme/blob'",
        ),
        (
            {"references": ["../generated"]},
            "auditwright_references: expected a dict of a place on the site to a path, both texts, "
            "got ['../generated']",
        ),
        (
            {"pages": {"news.md": None}},
            "auditwright_pages: expected a dict of a place on the site to a path, both texts, "
            "got {'news.md': None}",
        ),
        (
            {"references": {"../reference": "../generated"}},
            "auditwright_references: expected a place below the folder of conf.py, no part of which starts "
            "with '.' or '_', got '../reference'",
        ),
        (
            {"references": {"/reference": "../generated"}},
            "auditwright_references: expected a place below the folder of conf.py, no part of which starts "
            "with '.' or '_', got '/reference'",
        ),
        (
            {"pages": {"_static/news.md": "../CHANGELOG.md"}},
            "auditwright_pages: expected a place below the folder of conf.py, no part of which starts "
            "with '.' or '_', got '_static/news.md'",
        ),
        (
            {"references": {"": "../generated"}},
            "auditwright_references: expected a place below the folder of conf.py, no part of which starts "
            "with '.' or '_', got ''",
        ),
        (
            {"references": {"reference": "../generated", "reference/": "../generated/runtime"}},
            "auditwright_references: 'reference' is there twice; give each its own place",
        ),
        (
            {"references": {"reference": "../generated", "reference/own": "../generated/runtime"}},
            "auditwright_references: 'reference/own' is inside 'reference'; give each its own folder",
        ),
        (
            {"references": {"one": "../generated", "two": "../docs/../generated"}},
            "auditwright_references: TOP/generated is there twice; name it once",
        ),
        (
            {"references": {"reference": "../made"}},
            "auditwright_references: 'reference': expected a folder that `auditwright generate` has written, "
            "got TOP/made; run `auditwright generate` first",
        ),
        (
            {"pages": {"reference/news.md": "../CHANGELOG.md"}},
            "auditwright_pages: 'reference/news.md' is inside the reference 'reference'; "
            "choose another place",
        ),
        (
            {"pages": {"search.md": "../CHANGELOG.md"}},
            "auditwright_pages: expected a place such as 'changelog.md', got 'search.md'",
        ),
        (
            {"pages": {"news": "../CHANGELOG.md"}},
            "auditwright_pages: expected a place such as 'changelog.md', got 'news'",
        ),
        (
            {"pages": {"news.md": "../NEWS.md"}},
            "auditwright_pages: 'news.md': there is no file TOP/NEWS.md",
        ),
    ],
)
def test_mistake_is_told_with_what_to_write(folder: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSite) as caught:
        read(folder, **values)
    assert str(caught.value) == message.replace("TOP", str(folder.parent))


def test_damaged_catalog_json_is_told(folder: Path) -> None:
    path = folder.parent / "generated" / "events" / "catalog.json"
    path.write_text('{"levels": 5, "format": 1}')
    with pytest.raises(InvalidSite, match=rf"^{re.escape(str(path))}: .*; run `auditwright generate`$"):
        _ = read(folder).references[0].catalog


def test_sphinx_ends_with_the_error(tmp_path: Path) -> None:
    write_site(tmp_path / "docs", auditwright_references={"reference": "../generated"})
    done = run_sphinx(tmp_path / "docs", tmp_path / "out")
    assert done.returncode == 2
    assert "Configuration error!" in done.stderr
    assert f"got {tmp_path}/generated; run `auditwright generate` first" in done.stderr


def test_pages_of_both_references_have_their_place(folder: Path) -> None:
    site = read(folder, references={"reference": "../generated", "own": "../generated/runtime"})
    assert sorted(site.copies) == [
        f"{name}/{page}" for name in ("own", "reference") for page in ("index.md", "json_schema.md")
    ]


def test_readers_have_no_page_about_validation(folder: Path) -> None:
    assert sorted(read(folder, edition="reader").copies) == ["reference/index.md"]
