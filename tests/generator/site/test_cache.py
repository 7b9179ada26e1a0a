"""The cache of a site: when the HTML of a run is known to be without mistakes."""

from pathlib import Path

import pytest

from auditwright_generator.site.cache import BuildCache


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "conf.py").write_text('project = "Acme"\n', "utf-8")
    return folder


@pytest.fixture
def cache(tmp_path: Path, source: Path) -> BuildCache:
    """The cache after a run without findings."""
    cache = BuildCache.beside(tmp_path / "site")
    cache.prepare(source, {})
    (cache.html / "index.html").write_text("<p>Index</p>", "utf-8")
    cache.keep(source, {})
    return cache


def test_the_digest_of_a_noted_run_is_that_of_its_html(cache: BuildCache) -> None:
    assert cache.forget() == cache.html_digest()


@pytest.mark.parametrize("path", ["index.html", "new.html"])
def test_a_changed_file_has_another_digest(path: str, cache: BuildCache) -> None:
    (cache.html / path).write_text("<a href='missing.html'>Missing</a>", "utf-8")
    assert cache.forget() != cache.html_digest()


def test_a_run_that_was_not_noted_has_no_digest(cache: BuildCache) -> None:
    cache.forget()
    assert cache.forget() is None


def test_html_goes_when_conf_py_has_changed(cache: BuildCache, source: Path) -> None:
    (source / "conf.py").write_text('project = "Globex"\n', "utf-8")
    cache.prepare(source, {})
    assert list(cache.html.iterdir()) == []


def test_html_goes_for_another_edition(cache: BuildCache, source: Path) -> None:
    cache.prepare(source, {"auditwright_edition": "reader"})
    assert list(cache.html.iterdir()) == []
