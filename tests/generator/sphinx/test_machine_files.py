"""The files for machines on a site: catalog.json, JSON Schemas, Markdown beside each page, and llms.txt."""

import json
import posixpath
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import jsonschema_rs
import pytest
from tests.generator.run_command import run
from tests.support.paths import ROOT
from tests.support.sample_site import WORD
from tests.support.sphinx_site import build_site, write_site

from auditwright_generator import cli
from auditwright_generator.sphinx.plain_markdown import plain_markdown, title_and_summary

CATALOG = Path(__file__).parents[1] / "diff" / "catalog"
LINK = re.compile(r"(?<!\\)\[((?:[^\[\]\\]|\\.)*)\]\(([^()\s]+)\)")
FILES = ("catalog.json", "json_schema/index.json")
REFERENCES = ("reference", "sink", "hostile")
HOME = "# Shop\n\nWhat the shop *logs*, in [events](reference/index.md).\n\n<!-- toctree\nguide\n-->\n"
HREF = re.compile(r'<a href="([^"]*)">')


def links(site: Path, page: str) -> Iterator[tuple[str, str]]:
    """Path on the site and fragment of each link in a Markdown file, without those to other hosts."""
    text = re.sub(
        r"^```.*?^```$|`[^`\n]+`", "", (site / page).read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    for _, target in LINK.findall(text):
        path, _, fragment = unquote(target).partition("#")
        if ":" not in path:
            yield (
                posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page,
                fragment,
            )


def broken_links(site: Path) -> list[str]:
    """Links in Markdown that lead to no file, or to no anchor of a page of a reference."""
    broken = []
    for path in sorted(site.rglob("*.md")):
        page = path.relative_to(site).as_posix()
        for target, fragment in links(site, page):
            file = site / target
            has_anchor = not fragment or f'<a id="{fragment}">' in file.read_text("utf-8")
            if not file.is_file() or not has_anchor:
                broken.append(f"{page}: {target}#{fragment}")
    return broken


# --- the site of the sample catalog ---------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["reference", "sink"])
def test_catalog_and_schemas_are_those_that_were_generated(
    folder: str, sample_site: Path, kitchen_sink: Path
) -> None:
    packages = {"reference": ROOT / "generated/audit_events", "sink": kitchen_sink / "kitchen_sink_events"}
    generated = packages[folder]
    paths = [generated / "catalog.json", *generated.glob("json_schema/**/*.json")]
    assert len(paths) > 5
    for path in paths:
        published = sample_site / folder / path.relative_to(generated)
        assert published.read_bytes() == path.read_bytes()


def test_published_schemas_accept_the_examples(sample_site: Path) -> None:
    reference = sample_site / "reference"
    schemas = json.loads((reference / "json_schema" / "index.json").read_text("utf-8"))["schemas"]
    found = {}
    for page in reference.glob("*/*.md"):
        for block in re.findall(r"^```json\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
            example = json.loads(block)
            schema = json.loads((reference / "json_schema" / schemas[example["event"]]).read_text("utf-8"))
            assert jsonschema_rs.is_valid(schema, example)
            found[example["event"]] = schema["$id"]
    assert found.keys() == schemas.keys()
    assert all(urn.endswith(f":{event}") for event, urn in found.items())


def test_each_page_has_its_markdown(sample_site: Path) -> None:
    pages = [path for path in sample_site.rglob("*.html") if "_static" not in path.parts]
    pages.remove(sample_site / "search.html")
    assert len(pages) > 25
    for page in pages:
        html = page.read_text("utf-8")
        link = re.findall(
            r'<link rel="alternate" type="text/markdown" href="([^"]*)"', html.partition("</head>")[0]
        )
        assert link == [page.with_suffix(".md").name]
        title = title_and_summary(page.with_suffix(".md").read_text("utf-8"))[0]
        assert title.replace("\\", "")


def test_markdown_is_that_of_the_repository_with_other_links(sample_site: Path) -> None:
    text = (sample_site / "reference" / "account" / "models.md").read_text("utf-8")
    assert text.startswith("# Models\n")
    assert "**Python**\n\n```python\n" in text
    assert '<a id="model_added"></a>\n\n### Model added\n' in text
    assert "(../json_schema/account/models/model_added.json)" in text
    assert "Read [the reference](reference/index.md)," in (sample_site / "guide.md").read_text("utf-8")
    home = (sample_site / "index.md").read_text("utf-8")
    assert home == "# Acme audit log\n\nWhat our software records.\n"


def test_links_in_markdown_lead_somewhere(sample_site: Path) -> None:
    assert broken_links(sample_site) == []


def test_llms_txt_lists_every_page_in_sections(sample_site: Path) -> None:
    text = (sample_site / "llms.txt").read_text("utf-8")
    assert text.startswith("# Acme audit log\n\n> What our software records.\n\n## ")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "Pages",
        "Audit log event reference",
        "Kitchen sink",
        f"<b>Hostile</b> & {WORD[:60]}",
        "For machines",
    ]
    entry = "- [Default Role Configuration](reference/account/default_role.md): The role that people receive"
    assert entry in text
    listed = [target for _, target in LINK.findall(text)]
    assert all((sample_site / target).is_file() for target in listed)
    pages = {path.relative_to(sample_site).as_posix() for path in sample_site.rglob("*.md")}
    files = {f"{name}/{file}" for name in REFERENCES for file in FILES}
    assert set(listed) == pages - {"index.md"} | files
    assert len(listed) == len(set(listed))


def test_pages_of_a_reference_end_with_the_files_for_machines(sample_site: Path) -> None:
    html = (sample_site / "reference" / "account" / "models.html").read_text("utf-8")
    (line,) = re.findall(r'<p class="auditwright-machines">(.*?)</p>', html)
    assert HREF.findall(line) == [
        "models.md",
        "../catalog.json",
        "../json_schema/index.json",
        "../../llms.txt",
    ]
    for target in HREF.findall(line):
        assert (sample_site / "reference" / "account" / target).is_file()
    assert "auditwright-machines" not in (sample_site / "guide.html").read_text("utf-8")


# --- a small site, for readers --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository with a site in docs/ for readers, built to out/ in another theme."""
    root = tmp_path_factory.mktemp("readers")
    shutil.copytree(CATALOG, root / "catalog")
    assert run(cli.generate, "--catalog", str(root / "catalog"), "--out", str(root / "generated")) == 0
    write_site(
        root / "docs",
        {
            "index.md": HOME,
            "guide.md": "# Guide\n\nRead it.\n",
        },
        html_theme="basic",
        auditwright_references={"reference": "../generated"},
        auditwright_edition="reader",
    )
    build_site(root / "docs", root / "out")
    yield root
    shutil.rmtree(root)


def test_markdown_for_readers_has_no_python(readers: Path) -> None:
    out = readers / "out"
    pages = {path: path.read_text("utf-8") for path in out.rglob("*.md")}
    assert [path for path, text in pages.items() if "```python" in text or "**Query**" in text] == []
    assert "**JSON**" in pages[out / "reference" / "shop" / "stock.md"]
    assert not (out / "reference" / "json_schema.md").exists()
    assert (out / "reference" / "json_schema" / "shop" / "stock" / "item_moved.json").is_file()
    assert broken_links(out) == []


def test_other_themes_have_the_links_for_machines(readers: Path) -> None:
    html = (readers / "out" / "reference" / "shop" / "stock.html").read_text("utf-8")
    assert '<link rel="alternate" type="text/markdown" href="stock.md"' in html.partition("</head>")[0]
    assert "auditwright-machines" in html


def test_the_home_page_gives_llms_txt_its_summary(readers: Path) -> None:
    text = (readers / "out" / "llms.txt").read_text("utf-8")
    assert text.startswith(
        "# Acme audit log\n\n> What the shop logs, in events.\n\n## Pages\n\n- [Guide](guide.md): Read it.\n"
    )


def test_only_what_differs_is_written_and_what_is_gone_removed(readers: Path) -> None:
    out = readers / "out"
    (out / "own.md").write_text("# Own\n", "utf-8")
    before = {path: path.stat().st_mtime_ns for path in [*out.rglob("*.md"), *out.rglob("*/*.json")]}
    (readers / "docs" / "guide.md").unlink()
    (readers / "docs" / "index.md").write_text("# Shop\n\nChanged.\n", "utf-8")
    build_site(readers / "docs", out)
    assert not (out / "guide.md").exists()
    assert (out / "own.md").exists()
    changed = [path.name for path, was in before.items() if path.exists() and path.stat().st_mtime_ns != was]
    assert changed == ["index.md"]
    assert "guide.md" not in (out / "llms.txt").read_text("utf-8")


def test_markdown_is_made_again_if_it_may_be_another(readers: Path) -> None:
    out = build_site(readers / "docs", readers / "again")
    page, other = out / "reference/shop/stock.md", out / "reference/events.md"
    text = page.read_text("utf-8")
    page.unlink()
    other.write_text("Made before.\n", "utf-8")
    build_site(readers / "docs", out)
    assert page.read_text("utf-8") == text
    assert other.read_text("utf-8") == "Made before.\n"  # nothing that it is made from has changed
    build_site(readers / "docs", out, "-D", "auditwright_edition=developer")
    assert "**Python**" in page.read_text("utf-8")
    assert "# Events" in other.read_text("utf-8")


def test_pages_in_folders_of_their_own_name_their_markdown(readers: Path) -> None:
    doctrees = str(readers / "out" / ".doctrees")  # the pages need not be read again
    out = build_site(readers / "docs", readers / "folders", "-b", "dirhtml", "-d", doctrees)
    html = (out / "reference" / "shop" / "stock" / "index.html").read_text("utf-8")
    assert 'type="text/markdown" href="../stock.md"' in html
    assert (out / "reference" / "shop" / "stock.md").is_file()
    assert 'href="../../catalog.json"' in html


# --- the text -------------------------------------------------------------------------------------------


PAGE_WITH_DIRECTIVES = """\
# Home

````{grid} 1 2
:gutter: 3

```{grid-item-card} Start
:link: a/start
:link-type: doc

From nothing
to something.
```

```{grid-item-card} Elsewhere
:link: https://example.com

Far.
```
````

```{toctree}
:hidden:

start
```

<!-- toctree
other
-->

```text
<b>code</b>
```
"""


def test_toctrees_are_left_out_and_cards_are_a_list() -> None:
    assert plain_markdown(PAGE_WITH_DIRECTIVES, "index", "developer") == (
        "# Home\n\n- [Start](a/start.md): From nothing to something.\n"
        "- [Elsewhere](https://example.com): Far.\n\n"
        "```text\n<b>code</b>\n```\n"
    )


def test_a_toctree_shown_as_code_stays() -> None:
    text = "# Page\n\n````md\n```{toctree}\nstart\n```\n````\n"
    assert plain_markdown(text, "page", "developer") == text


def test_links_to_files_are_relative_to_the_page() -> None:
    text = '# Page\n\n<a href="site:reference/catalog.json">`a`</a> and `<a href="site:b">code</a>`\n'
    assert plain_markdown(text, "guides/page", "developer") == (
        '# Page\n\n[`a`](../reference/catalog.json) and `<a href="site:b">code</a>`\n'
    )


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("# Page\n\nOne line.\nAnother.\n", "One line."),
        ("# Page\n\n`code` and *words* of [a link](x.md).\n", "code and words of a link."),
        (
            "# Page\n\n[Home](index.md) › Page\n\n- a list\n\n| a |\n|---|\n\n```text\n\nx\n```\n\nText.\n",
            "Text.",
        ),
        ("# Page\n", ""),
        ("No title.\n", "No title."),
    ],
)
def test_the_summary_is_the_first_line_of_prose(text: str, summary: str) -> None:
    assert title_and_summary(text)[1] == summary
