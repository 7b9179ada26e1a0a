"""The page of changes between versions of a catalog: its text, and on sites built from git or from files."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import yaml
from markdown_it import MarkdownIt
from sphinx.application import Sphinx
from sphinx.config import Config
from tests.generator.run_command import run
from tests.support.repositories import commit, edit, git
from tests.support.sphinx_site import build_site, text_of, write_site

from auditwright_generator import cli
from auditwright_generator.diff.accepted import read_acceptances
from auditwright_generator.diff.comparison import compare_versions
from auditwright_generator.diff.history import History, Version
from auditwright_generator.diff.snapshot import read_folder
from auditwright_generator.model import Catalog
from auditwright_generator.sphinx.changes_page import MAX_CHANGES, changes_page
from auditwright_generator.sphinx.history_page import add_changes
from auditwright_generator.sphinx.site import InvalidSite, Reference, Site

BASE = Path(__file__).parents[1] / "diff" / "catalog"

# --- the text -------------------------------------------------------------------------------------------


def catalog_in(folder: Path) -> Catalog:
    return read_folder(folder, "catalog")[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A catalog of version 1.0.0."""
    return Path(shutil.copytree(BASE, tmp_path / "catalog"))


def version(folder: Path, older: Catalog | None = None, number: str = "2.0.0") -> Version:
    catalog = catalog_in(folder)
    comparison = compare_versions(older, catalog) if older else None
    return Version(number, "2026-02-01", catalog=catalog, older=older, comparison=comparison)


def page_of(folder: Path, older: Catalog) -> str:
    return changes_page(History((version(folder, older),)), catalog_in(folder))


def test_breaks_come_first_with_whom_they_break(folder: Path) -> None:
    older = catalog_in(folder)
    edit(folder / "shop" / "stock.yaml", ", bin: {required: false}", "")
    edit(folder / "shop" / "stock.yaml", "title: Item counted", "title: Stock taken")
    edit(folder / "shop" / "orders.yaml", "Somebody ordered something.", "Somebody placed an order.")
    with (folder / "shop" / "orders.yaml").open("a", encoding="utf-8") as file:
        file.write(
            "  order_sent:\n    title: Order sent\n    description: It left.\n"
            '    message: "{actor} sent order {order_id}."\n    example: {order_id: o-1}\n'
        )
    page = page_of(folder, older)
    below = page[page.index("## 2") : page.index('<a id="whom')]
    assert re.findall(r"^(?:#+ .*|- .*|\d.*)$", below, re.MULTILINE) == [
        "## 2\\.0.0 (2026-02-01)",
        "4 changes since 1.0.0, 2 of them breaking.",
        "### Breaking changes",
        '- [Stock taken](shop/stock.md#item_counted) (Stock): the title was "Item counted" and is now "Stock '
        'taken". *Breaks exports*: the CSV export shows the titles of events, also for older entries.',
        "- [Item moved](shop/stock.md#item_moved) (Stock), field *Bin*: the field was removed. *Breaks "
        "emitters, readers, database*: calls that pass it are refused, and schemas, models and views no "
        "longer have it.",
        "### Added",
        "- [Order sent](shop/orders.md#order_sent) (Orders): the event was added.",
        "### Other changes",
        '- [Order placed](shop/orders.md#order_placed) (Orders): the description was "Somebody ordered '
        'something." and is now "Somebody placed an order."',
    ]
    assert "| emitters | code that calls the generated emitters |" in page


def test_an_event_that_is_gone_has_no_link(folder: Path) -> None:
    older = catalog_in(folder)
    (folder / "till" / "drawers.yaml").unlink()
    edit(folder / "shop" / "orders.yaml", "order_closed:", "order_ended:")
    edit(folder / "shop" / "orders.yaml", "aliases: [", "aliases: [shop.orders.order_closed, ")
    page = page_of(folder, older)
    assert "- Till-level events: the category" not in page
    assert "Drawers: the category was removed, with 1 event: Drawer opened. " in page
    assert (
        "- [Order closed](shop/orders.md#order_ended) (Orders): the event is now "
        "[`shop.orders.order_ended`](shop/orders.md#order_ended). " in page
    )


def test_categories_of_one_title_are_told_apart_by_level(folder: Path) -> None:
    older = catalog_in(folder)
    edit(folder / "till" / "drawers.yaml", "title: Drawers", "title: Stock")
    edit(folder / "till" / "drawers.yaml", "title: Drawer opened", "title: Opened")
    assert "[Opened](till/drawers.md#drawer_opened) (Till-level events, Stock): the title was" in page_of(
        folder, older
    )


def test_titles_with_markup_are_shown_as_they_are(folder: Path) -> None:
    title = "<script>|`*x*`_[a](b) \\ {note} ثمن"
    older = catalog_in(folder)
    path = folder / "shop" / "stock.yaml"
    stock = yaml.safe_load(path.read_text("utf-8"))
    stock["title"] = stock["events"]["item_moved"]["title"] = title
    path.write_text(yaml.safe_dump(stock, allow_unicode=True, sort_keys=False), "utf-8")
    html = MarkdownIt("commonmark").enable("table").render(page_of(folder, older))
    assert "<script>" not in html
    assert f"{title} ({title}): the title was" in text_of(html)


def test_long_texts_with_the_same_beginning_have_changed(folder: Path) -> None:
    edit(folder / "shop" / "stock.yaml", "What the shop has.", f"{'What the shop has ' * 5}.")
    older = catalog_in(folder)
    edit(folder / "shop" / "stock.yaml", "has .", "had.")
    assert "- [Stock](shop/stock.md): the description has changed.\n" in page_of(folder, older)


def test_a_version_that_cannot_be_read_says_why(folder: Path) -> None:
    broken = Version("1.1.0", "2026-01-05", problem='it has 1 error: unknown field "a|b"')
    first = version(folder, number="1.0.0")
    page = changes_page(History((broken, first), notes=("Older ones are *elsewhere*.",)), catalog_in(folder))
    assert 'The catalog of this version cannot be read: it has 1 error: unknown field "a\\|b".\n' in page
    assert "The first version that is known, with 6 events in 2 levels.\n" in page
    assert "\nOlder ones are \\*elsewhere\\*.\n" in page


def test_an_accepted_break_has_its_reason(folder: Path) -> None:
    older = catalog_in(folder)
    edit(folder / "shop" / "stock.yaml", ", bin: {required: false}", "")
    accepted = "accepted: [{rule: BR203, at: shop.stock.item_moved.bin, version: 2.0.0, reason: Never used.}]"
    edit(folder / "catalog.yaml", "version: 1.0.0", f"version: 2.0.0\n{accepted}")
    catalog, source = read_folder(folder, "catalog")
    comparison = compare_versions(older, catalog, read_acceptances(source))
    newest = Version("2.0.0", catalog=catalog, older=older, comparison=comparison)
    assert "no longer have it. Accepted: Never used.\n" in changes_page(History((newest,)), catalog)


def test_a_version_with_countless_changes_stays_readable(folder: Path) -> None:
    """Pages of a site have less than 300 kB."""
    older = catalog_in(folder)
    events = "".join(
        f"  order_{number}:\n    title: Order {number}\n    description: Order {number}.\n"
        f'    message: "{{actor}} did {number}."\n    example: {{order_id: o-1}}\n'
        for number in range(1000)
    )
    with (folder / "shop" / "orders.yaml").open("a", encoding="utf-8") as file:
        file.write(events)
    newest = version(folder, older)
    versions = tuple(
        Version(f"1.{minor}.0", catalog=newest.catalog, older=older, comparison=newest.comparison)
        for minor in range(20)
    )
    page = changes_page(History(versions), catalog_in(folder))
    assert page.count("\n- ") == 600
    assert page.count(f"\nNot listed: {1000 - MAX_CHANGES} further changes.\n") == 3
    assert page.count("\nNot listed: 1000 further changes.\n") == 17
    assert len(page.encode()) < 100_000


# --- on a site ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository with the versions 1.0.0 and 2.0.0 of a catalog, and a site in docs/."""
    root = tmp_path_factory.mktemp("changes")
    shutil.copytree(BASE, root / "catalog")
    git(root, "init")
    commit(root, "v1", "2026-01-01")
    edit(root / "catalog" / "catalog.yaml", "version: 1.0.0", "version: 2.0.0")
    edit(root / "catalog" / "shop" / "stock.yaml", ", bin: {required: false}", "")
    commit(root, "v2", "2026-02-01")
    generate(root)
    write_site(
        root / "docs",
        html_theme="basic",
        auditwright_references={"reference": "../generated"},
        auditwright_versions={"reference": "../catalog"},
    )
    build_site(root / "docs", root / "out")
    yield root
    shutil.rmtree(root)


def generate(root: Path) -> None:
    assert run(cli.generate, "--catalog", str(root / "catalog"), "--out", str(root / "generated")) == 0


def page(root: Path) -> str:
    return (root / "out" / "reference" / "changes.html").read_text("utf-8")


def test_the_page_on_the_site_links_to_events(repository: Path) -> None:
    shown = text_of(page(repository))
    assert "2.0.0 (2026-02-01)" in shown
    assert (
        "Item moved (Stock), field Bin: the field was removed. Breaks emitters, readers, database: " in shown
    )
    assert "1.0.0 (2026-01-01)" in shown
    assert 'href="shop/stock.html#item_moved"' in page(repository)
    assert 'id="item_moved"' in (repository / "out" / "reference" / "shop" / "stock.html").read_text("utf-8")
    assert 'id="version-2-0-0"' in page(repository)


def test_an_unchanged_history_is_not_read_again(repository: Path) -> None:
    """Without the objects of older versions nothing but the page of the first build can be shown."""
    objects, hidden = repository / ".git" / "objects", repository / ".git" / "hidden"
    former = page(repository)
    objects.rename(hidden)
    try:
        objects.mkdir()
        build_site(repository / "docs", repository / "out")
    finally:
        objects.rmdir()
        hidden.rename(objects)
    assert page(repository) == former


def test_a_new_version_is_on_the_page_of_the_next_build(repository: Path) -> None:
    edit(repository / "catalog" / "catalog.yaml", "version: 2.0.0", "version: 2.0.1")
    edit(repository / "catalog" / "shop" / "stock.yaml", "What the shop has.", "What there is.")
    generate(repository)
    build_site(repository / "docs", repository / "out")
    shown = text_of(page(repository))
    assert "It is not committed yet. 1 change since 2.0.0, none of them breaking." in shown
    commit(repository, "v3", "2026-03-01")
    build_site(repository / "docs", repository / "out")
    assert "2.0.1 (2026-03-01)" in text_of(page(repository))


# --- where the versions are -------------------------------------------------------------------------------


def made(root: Path, versions: dict[str, str]) -> str:
    """The page that the extension adds to a site, as Markdown."""
    generated, docs = root / "generated", root / "docs"
    docs.mkdir()
    references = (Reference("reference", generated, generated / "shop_events"),)
    site = Site(docs, root, "", "developer", references, {})
    app = SimpleNamespace(confdir=docs, doctreedir=root / "doctrees")
    add_changes(cast(Sphinx, app), cast(Config, {"auditwright_versions": versions}), site)
    return str(site.copies["reference/changes.md"])


def test_older_versions_come_from_files_too(repository: Path, tmp_path: Path) -> None:
    shutil.copytree(repository / "generated", tmp_path / "generated")
    (tmp_path / "versions").mkdir()
    current = tmp_path / "generated" / "shop_events" / "catalog.json"
    shutil.copy(current, tmp_path / "versions" / "first.json")
    edit(tmp_path / "versions" / "first.json", '"version": "2.0', '"version": "1.5')
    edit(tmp_path / "versions" / "first.json", '"Item moved"', '"Item carried"')
    text = made(tmp_path, {"reference": "../versions"})
    assert 'the title was "Item carried" and is now "Item moved". *Breaks exports*' in text


def test_without_git_the_page_says_how_to_give_versions(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in ("catalog", "generated"):
        shutil.copytree(repository / name, tmp_path / name)
    text = made(tmp_path, {"reference": "../catalog"})
    assert "Older versions are not known: the catalog is not in a git repository.\n\nWithout git, " in text


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        (
            {"refrence": "../catalog"},
            "auditwright_versions: 'refrence' is not in auditwright_references; expected one of 'reference'",
        ),
        (
            {"reference": "../nowhere"},
            "nowhere: no such file or directory; name the folder of a catalog.yaml",
        ),
        (
            {"reference": "../other"},
            "other is the catalog of till_events, and 'reference' is the reference of shop_events; name the "
            "catalog from which it was generated",
        ),
    ],
)
def test_a_mistake_in_the_versions_is_an_error(
    versions: dict[str, str], said: str, repository: Path, tmp_path: Path
) -> None:
    for name in ("catalog", "generated"):
        shutil.copytree(repository / name, tmp_path / name)
    shutil.copytree(BASE, tmp_path / "other")
    edit(tmp_path / "other" / "catalog.yaml", "shop_events", "till_events")
    with pytest.raises(InvalidSite, match=re.escape(said)):
        made(tmp_path, versions)
