"""A site as plain Sphinx builds it, of a small catalog: links, anchors, editions, themes, rebuilding."""

import json
import re
import shutil
from html import unescape
from pathlib import Path

import pytest
from tests.generator.run_command import run
from tests.support.sphinx_site import article, build_site, run_sphinx, text_of, write_site

from auditwright_generator import cli

DOCS = "../../generated/docs"
TITLE = 'Acme </title><script>alert(1)</script> "log" & more'
GUIDE = f"""\
# Where to look

- [A list]({DOCS}/workspace/lists.md#lists_given) is an event.
- [As JSON](../../generated/kitchen_sink_events/catalog.json), for machines.

| Page | Event |
|---|---|
| [Lists]({DOCS}/workspace/lists.md) | [Seen]({DOCS}/device/lifecycle.md#device_seen) |
"""


@pytest.fixture(scope="module")
def repository(kitchen_sink: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a team has: generated files, a changelog, and the folder of a site."""
    top = tmp_path_factory.mktemp("repository")
    shutil.copytree(kitchen_sink, top / "generated", ignore=shutil.ignore_patterns("__pycache__"))
    (top / "CHANGELOG.md").write_text("# Changelog\n\n- [A guide](docs/guides/look.md)\n")
    write_site(
        top / "docs",
        {"guides/look.md": GUIDE, "index.md": "# Acme audit log\n\n<!-- toctree\nguides/look\n-->\n"},
        project=TITLE,
        auditwright_references={"reference": "../generated"},
        auditwright_pages={"changelog.md": "../CHANGELOG.md"},
    )
    return top


@pytest.fixture(scope="module")
def site(repository: Path) -> Path:
    """The site, built from nothing."""
    return build_site(repository / "docs", repository / "site")


def test_anchor_of_an_event_is_its_section(site: Path) -> None:
    page = article(site, "reference/workspace/lists.html")
    assert '<section id="lists_given">' in page
    assert '<a id="lists_given">' not in page


def test_links_between_pages_lead_to_events(site: Path) -> None:
    page = article(site, "guides/look.html")
    assert 'href="../reference/workspace/lists.html#lists_given"' in page
    assert '<td><a href="../reference/device/lifecycle.html#device_seen">Seen</a></td>' in page
    assert 'href="../reference/catalog.json"' in page


def test_title_of_the_site_is_text_on_every_page(site: Path) -> None:
    for path in (path for path in site.rglob("*.html") if "_static" not in path.parts):
        head = path.read_text().partition("</head>")[0]
        title = head.partition("<title>")[2].partition("</title>")[0]
        assert unescape(title).endswith(TITLE), path
        assert "<script>alert" not in path.read_text(), path


def test_links_of_a_single_page_fit_its_place(site: Path) -> None:
    assert 'href="guides/look.html"' in article(site, "changelog.html")


def test_notice_and_breadcrumb_of_the_forge_are_gone(site: Path) -> None:
    text = text_of(article(site, "reference/workspace/lists.html"))
    assert "DO NOT EDIT" not in text
    assert "›" not in text


def test_menus_list_what_the_catalog_has(site: Path) -> None:
    top, reference = (site / "index.html").read_text(), (site / "reference/index.html").read_text()
    for page in ("reference/index.html", "changelog.html", "guides/look.html"):
        assert f'href="{page}"' in top
    for page in ("workspace/index.html", "workspace/lists.html", "device/lifecycle.html", "events.html"):
        assert f'href="{page}"' in reference.partition("<article")[0]


def test_two_processes_write_the_same_pages_as_one(site: Path, repository: Path, tmp_path: Path) -> None:
    other = build_site(repository / "docs", tmp_path, "-j", "2")
    pages = [path.relative_to(site) for path in site.rglob("*.html")]
    assert len(pages) > 10
    assert [page for page in pages if (site / page).read_bytes() != (other / page).read_bytes()] == []


def test_only_a_changed_page_is_read_again(repository: Path, site: Path) -> None:
    page = repository / "generated/docs/workspace/lists.md"
    page.write_text(page.read_text() + "\nA new line.\n")
    done = run_sphinx(repository / "docs", site)
    assert "0 added, 1 changed, 0 removed" in done.stdout
    assert "A new line." in (site / "reference/workspace/lists.html").read_text()


# --- other catalogs, themes and editions ---------------------------------------------------------------

HOSTILE = {
    "title": "<script>alert(1)</script> `{sub}` % | {{x}}",
    "description": "% {ref}`x` (x)= ::: **JSON** [x](y.md) <!-- $a$ @b `|` \\\\ $${x}$$ " + "word" * 100,
}


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reader's edition of a catalog with one level and hostile texts, in another theme."""
    top = tmp_path_factory.mktemp("other")
    event = {**HOSTILE, "message": "{actor} did % it to {thing}.", "example": {"thing": "```"}}
    names = ("all_events", "events", "python")
    events = {name: {**event, "title": f"{HOSTILE['title']} {name}"} for name in names}
    catalog = {
        "catalog.yaml": {"format": 1, "package": "other_events", "version": "1.0.0", **HOSTILE}
        | {"levels": {"scope": {**HOSTILE, "metadata": ["thing"]}}},
        "fields.yaml": {"thing": {**HOSTILE, "type": "string"}},
        "scope/events.yaml": {"category": "events", **HOSTILE, "events": events},
    }
    for path, content in catalog.items():
        (top / "catalog" / path).parent.mkdir(parents=True, exist_ok=True)
        (top / "catalog" / path).write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
    assert run(cli.generate, "--catalog", str(top / "catalog"), "--out", str(top / "generated")) == 0
    write_site(
        top / "docs",
        auditwright_references={"events": "../generated"},
        auditwright_edition="reader",
        html_theme="alabaster",
    )
    return build_site(top / "docs", top / "site")


def test_hostile_texts_are_shown_as_written(other: Path) -> None:
    page = article(other, "events/scope/events.html")
    text = text_of(page)
    assert HOSTILE["title"] in text
    assert "% {ref}`x` (x)= ::: **JSON** [x](y.md) <!-- $a$ @b `|` \\\\ $${x}$$ wordword" in text
    assert "<script>alert" not in page


def test_every_id_is_there_once(other: Path) -> None:
    for path in other.rglob("*.html"):
        ids = re.findall(r'\bid="([^"]+)"', path.read_text())
        assert sorted(ids) == sorted(set(ids)), path


def test_readers_see_neither_python_nor_validation(other: Path) -> None:
    text = text_of(article(other, "events/scope/events.html"))
    assert "JSON Schema" in text
    assert not re.search(r"\bPython\b|\bQuery\b|audit\.json", text)
    assert not (other / "events/json_schema.html").exists()
    assert "json_schema.html" not in (other / "events/index.html").read_text()


def test_broken_link_is_told_by_every_run(tmp_path: Path) -> None:
    folder = write_site(tmp_path / "docs", {"index.md": "# Home\n\nSee [x](../missing.md).\n"})
    for _ in range(2):
        done = run_sphinx(folder, tmp_path / "out", "-q", "-b", "dummy")
        assert done.returncode == 1
        assert f"{folder}/index.md:3: a link to '../missing.md', which is no file" in done.stderr


def test_tables_of_sphinx_serve_other_builders(tmp_path: Path) -> None:
    table = '| A |\n|---|\n| <a id="here"></a>[Look](guide.md#here) |\n'
    folder = write_site(
        tmp_path / "docs",
        {"index.md": f"# Home\n\n{table}\n<!-- toctree\nguide\n-->\n", "guide.md": f"# Guide\n\n{table}"},
        auditwright_html_tables=False,
    )
    out = build_site(folder, tmp_path / "out", "-b", "text")
    assert "| Look" in (out / "guide.txt").read_text()
