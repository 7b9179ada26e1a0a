"""Links of a page lead to their place on the site, whatever folder the page comes from."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from sphinx.environment import BuildEnvironment

from auditwright_generator.sphinx.links import pages_with_broken_links, relink
from auditwright_generator.sphinx.site import Site

FILES = ("README.md", "LICENSE", "docs/guide.md", "docs/a page.md", "docs/plan.svg", "made/docs/index.md")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A repository whose README.md is on the site as `readme.md`, and whose `made/docs` is `reference/`."""
    for path in FILES:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    site = Site(tmp_path / "docs", tmp_path, "", "developer", (), {"readme.md": tmp_path / "README.md"})
    site.copies["reference/index.md"] = tmp_path / "made/docs/index.md"
    site.left_out.add(tmp_path / "made/docs/json_schema.md")
    (tmp_path / "made/docs/json_schema.md").write_text("")
    return site


@pytest.fixture
def env() -> BuildEnvironment:
    pages = {"guide", "a page", "readme", "reference/index"}
    return cast(BuildEnvironment, SimpleNamespace(found_docs=pages, metadata={page: {} for page in pages}))


@pytest.mark.parametrize(
    ("docname", "written", "made"),
    [
        ("guide", "[x](../made/docs/index.md)", "[x](<reference/index.md>)"),
        ("guide", "[x](../made/docs/index.md#y)", "[x](<reference/index.md#y>)"),
        ("guide", "[x](../made/docs/)", "[x](<reference/index.md>)"),
        ("guide", "[`a` *b*](../README.md)", "[`a` *b*](<readme.md>)"),
        ("guide", "[two\nlines](../README.md)", "[two\nlines](<readme.md>)"),
        ("guide", "[x](<a page.md>) [x](a%20page.md)", "[x](<a page.md>) [x](<a page.md>)"),
        ("readme", "[x](docs/guide.md)", "[x](<guide.md>)"),
        ("reference/index", "[x](../../docs/guide.md)", "[x](<../guide.md>)"),
        ("reference/index", "![x](../../docs/plan.svg)", "![x](<../plan.svg>)"),
        ("readme", "[![x](docs/plan.svg)](docs/guide.md)", "[![x](<plan.svg>)](<guide.md>)"),
        ("guide", "[the *licence*](../LICENSE)", "the *licence*"),
        ("reference/index", "a\n- [Schemas](json_schema.md): how\nb\n", "a\nb\n"),
    ],
)
def test_link_fits_the_site(site: Site, env: BuildEnvironment, docname: str, written: str, made: str) -> None:
    assert relink(site, env, docname, written) == made


@pytest.mark.parametrize(
    "text",
    [
        "[x](https://acme.example/a.md) [x](mailto:a@acme.example) [x](#part) <https://acme.example>",
        "`[x](../README.md)` ``a ` [x](../README.md)``",
        "```md\n[x](../README.md)\n```\n",
        "~~~~\n```\n[x](../README.md)\n~~~\n~~~~\n",
        "\\[x](../README.md)",
        "[x]\n\n(../README.md) [x",
    ],
    ids=["other places", "code span", "code block", "tildes", "escaped", "no link"],
)
def test_text_that_is_no_link_to_a_file_stays(site: Site, env: BuildEnvironment, text: str) -> None:
    assert relink(site, env, "guide", text) == text


def test_file_of_the_repository_is_linked_at_its_source(site: Site, env: BuildEnvironment) -> None:
    site.source_url = "https://acme.example/main"
    assert relink(site, env, "guide", "[x](../LICENSE#L3)") == "[x](<https://acme.example/main/LICENSE#L3>)"


def test_page_with_a_broken_link_is_read_again(site: Site, env: BuildEnvironment) -> None:
    relink(site, env, "guide", "[x](missing.md)")
    assert list(pages_with_broken_links(cast("object", None), env)) == ["guide"]  # type: ignore[arg-type]


def test_many_open_brackets_take_no_time(site: Site, env: BuildEnvironment) -> None:
    """Each bracket looks ahead only to the end of its paragraph."""
    text = "[a `b \\\n\n" * 50_000
    assert relink(site, env, "guide", text) == text
