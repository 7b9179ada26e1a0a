"""The versions of a catalog: from commits of real git repositories, and from catalog.json files."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.generator.run_command import run
from tests.support.paths import ROOT
from tests.support.repositories import commit, edit, git

from auditwright_generator import cli
from auditwright_generator.diff.catalog_json import read_catalog_json
from auditwright_generator.diff.history import History, history_in_files, history_in_git
from auditwright_generator.source.yaml_nodes import UnreadableCatalog

BASE = Path(__file__).parent / "catalog"
UNCOMMITTED = "It is not committed yet."


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """The catalog of a repository that has its version 1.0.0 since January."""
    folder = tmp_path / "repository" / "services" / "catalog"
    shutil.copytree(BASE, folder)
    git(tmp_path / "repository", "init", "--initial-branch", "main")
    commit(folder, "v1", "2026-01-01")
    return folder


def release(catalog: Path, version: str, date: str, say: str | None = None) -> None:
    """Commits another version, in which the description of a category says something else."""
    change(catalog, version, say)
    commit(catalog, f"v{version}", date)


def change(catalog: Path, version: str, say: str | None = None) -> None:
    path = catalog / "catalog.yaml"
    edit(path, f"version: {version_of(catalog)}", f"version: {version}")
    stock = catalog / "shop" / "stock.yaml"
    was = yaml.safe_load(stock.read_text("utf-8"))["description"]
    edit(stock, f"description: {was}", f"description: {say or f'Stock {version}.'}")


def version_of(catalog: Path) -> str:
    version = yaml.safe_load((catalog / "catalog.yaml").read_text("utf-8"))["version"]
    assert isinstance(version, str)
    return version


def shown(history: History) -> list[tuple[str, str, str]]:
    """Version, date, and the version that it was compared with."""
    return [
        (each.version, each.date, (each.comparison.old_version or "") if each.comparison else "")
        for each in history.versions
    ]


def changes(history: History) -> list[list[str]]:
    return [
        [change.message for change in each.comparison.changes] if each.comparison else []
        for each in history.versions
    ]


# --- git ------------------------------------------------------------------------------------------------


def test_versions_of_the_history_are_compared_in_pairs(catalog: Path) -> None:
    release(catalog, "1.0.1", "2026-02-01")
    release(catalog, "2.0.0", "2026-03-01", say="All goods.")
    history = history_in_git(catalog)
    assert shown(history) == [
        ("2.0.0", "2026-03-01", "1.0.1"),
        ("1.0.1", "2026-02-01", "1.0.0"),
        ("1.0.0", "2026-01-01", ""),
    ]
    described = "shop.stock: the description was {} and is now {}"
    assert changes(history) == [
        [described.format('"Stock 1.0.1."', '"All goods."')],
        [described.format('"What the shop has."', '"Stock 1.0.1."')],
        [],
    ]
    assert (history.omitted, history.notes) == (0, ())
    assert [each.note for each in history.versions] == ["", "", ""]


def test_a_version_has_all_its_commits_and_its_first_date(catalog: Path) -> None:
    release(catalog, "1.0.1", "2026-02-01")
    edit(catalog / "shop" / "stock.yaml", "Stock 1.0.1.", "More of 1.0.1.")
    commit(catalog, "more", "2026-02-02")
    edit(catalog / "catalog.yaml", "What happens in a shop.", "What happens in shops.")
    commit(catalog, "still", "2026-02-03")
    release(catalog, "1.0.2", "2026-03-01")
    history = history_in_git(catalog)
    assert [date for _, date, _ in shown(history)] == ["2026-03-01", "2026-02-01", "2026-01-01"]
    assert sorted(changes(history)[1]) == [
        'catalog: the description was "What happens in a shop." and is now "What happens in shops."',
        'shop.stock: the description was "What the shop has." and is now "More of 1.0.1."',
    ]


def test_commits_of_a_merged_branch_are_no_versions(catalog: Path) -> None:
    git(catalog, "checkout", "-b", "work")
    release(catalog, "1.0.1", "2026-02-01")
    release(catalog, "1.0.2", "2026-02-02")
    git(catalog, "checkout", "main")
    git(catalog, "merge", "--no-ff", "--message", "Merge", "work", date="2026-02-05")
    assert shown(history_in_git(catalog)) == [("1.0.2", "2026-02-05", "1.0.0"), ("1.0.0", "2026-01-01", "")]


def test_an_uncommitted_version_says_so(catalog: Path) -> None:
    change(catalog, "1.0.1")
    history = history_in_git(catalog)
    assert shown(history) == [("1.0.1", "", "1.0.0"), ("1.0.0", "2026-01-01", "")]
    assert [each.note for each in history.versions] == [UNCOMMITTED, ""]


def test_uncommitted_changes_of_a_version_are_named(catalog: Path) -> None:
    release(catalog, "1.0.1", "2026-02-01")
    (catalog / "README.md").write_text("About it.\n", "utf-8")
    assert history_in_git(catalog).versions[0].note == ""
    edit(catalog / "shop" / "stock.yaml", "Stock 1.0.1.", "Edited.")
    newest = history_in_git(catalog).versions[0]
    assert (newest.date, newest.note) == ("2026-02-01", "Some of its changes are not committed yet.")


def test_a_catalog_without_a_commit_is_the_only_version(tmp_path: Path) -> None:
    shutil.copytree(BASE, tmp_path / "catalog")
    git(tmp_path, "init")
    assert shown(history_in_git(tmp_path / "catalog")) == [("1.0.0", "", "")]
    (tmp_path / "README.md").write_text("Shop\n", "utf-8")
    git(tmp_path, "add", "README.md")
    git(tmp_path, "commit", "--message", "begun")
    history = history_in_git(tmp_path / "catalog")
    assert (shown(history), history.versions[0].note) == ([("1.0.0", "", "")], UNCOMMITTED)


def test_a_moved_catalog_keeps_its_versions(catalog: Path) -> None:
    release(catalog, "1.0.1", "2026-02-01")
    moved = catalog.parents[1] / "audit events"
    git(catalog.parents[1], "mv", "services/catalog", moved.name)
    release(moved, "1.0.2", "2026-03-01")
    expected = [
        ("1.0.2", "2026-03-01", "1.0.1"),
        ("1.0.1", "2026-02-01", "1.0.0"),
        ("1.0.0", "2026-01-01", ""),
    ]
    assert shown(history_in_git(moved)) == expected
    shutil.move(moved, catalog.parents[1] / "catalog")
    assert shown(history_in_git(catalog.parents[1] / "catalog")) == expected


def test_which_of_two_former_folders_it_was_is_not_guessed(catalog: Path) -> None:
    root = catalog.parents[1]
    shutil.copytree(catalog, root / "copy")
    commit(root, "two", "2026-02-01")
    shutil.move(root / "copy", root / "catalog")
    shutil.rmtree(catalog)
    history = history_in_git(root / "catalog")
    assert shown(history) == [("1.0.0", "", "")]
    assert history.notes == (
        "Older versions are not shown: the commit has no catalog in catalog, but the working tree lacks "
        "copy/, services/catalog/.",
    )


def test_a_version_that_was_taken_back_is_named(catalog: Path) -> None:
    release(catalog, "2.0.0", "2026-02-01")
    git(catalog, "revert", "--no-edit", "HEAD", date="2026-02-02")
    release(catalog, "1.0.1", "2026-02-03")
    history = history_in_git(catalog)
    assert shown(history) == [("1.0.1", "2026-02-03", "1.0.0"), ("1.0.0", "2026-01-01", "")]
    assert history.notes == ("2.0.0 of 2026-02-01 was taken back, and is not shown.",)


def test_an_unreadable_version_is_named_with_the_reason(catalog: Path) -> None:
    stock = catalog / "shop" / "stock.yaml"
    edit(stock, "metadata: {code: {}}", "metadata: {cod: {}}")
    release(catalog, "1.0.1", "2026-02-01")
    edit(stock, "metadata: {cod: {}}", "metadata: {code: {}}")
    release(catalog, "1.0.2", "2026-03-01")
    history = history_in_git(catalog)
    assert shown(history) == [
        ("1.0.2", "2026-03-01", "1.0.0"),
        ("1.0.1", "2026-02-01", ""),
        ("1.0.0", "2026-01-01", ""),
    ]
    assert history.versions[1].problem == (
        "it has 1 error, the first at shop/stock.yaml:16:16: AC106 unknown-field: event item_counted uses "
        '"cod"; did you mean "code"?'
    )


def test_a_commit_without_a_readable_version_is_none(catalog: Path) -> None:
    path = catalog / "catalog.yaml"
    sound = path.read_text("utf-8")
    for number, broken in enumerate(("version: [", "- a list", "version: one", None)):
        path.unlink() if broken is None else path.write_text(broken, "utf-8")
        commit(catalog, f"broken{number}", "2026-02-01")
    path.write_text(sound, "utf-8")
    release(catalog, "1.0.1", "2026-03-01")
    history = history_in_git(catalog)
    assert [version for version, _, _ in shown(history)] == ["1.0.1", "1.0.0"]
    assert history.versions[0].comparison is not None


def test_accepted_breaks_of_a_version_have_their_reason(catalog: Path) -> None:
    edit(catalog / "shop" / "stock.yaml", ", bin: {required: false}", "")
    accepted = "accepted: [{rule: BR203, at: shop.stock.item_moved.bin, version: 2.0.0, reason: Never used.}]"
    edit(catalog / "catalog.yaml", "levels:", f"{accepted}\nlevels:")
    release(catalog, "2.0.0", "2026-02-01")
    release(catalog, "2.0.1", "2026-03-01")
    comparison = history_in_git(catalog).versions[1].comparison
    assert comparison is not None
    assert [comparison.accepted.reason(each) for each in comparison.breaks] == ["Never used."]


def test_a_shallow_clone_says_that_versions_are_missing(catalog: Path, tmp_path: Path) -> None:
    release(catalog, "1.0.1", "2026-02-01")
    release(catalog, "1.0.2", "2026-03-01")
    url = (catalog.parents[1]).as_uri()
    git(tmp_path, "clone", "--depth", "2", url, "clone")
    history = history_in_git(tmp_path / "clone" / "services" / "catalog")
    assert shown(history) == [("1.0.2", "2026-03-01", "1.0.1"), ("1.0.1", "", "")]
    assert history.notes == (
        "This clone of the repository is shallow and may lack older versions; "
        "`git fetch --unshallow` fetches them.",
    )


def test_at_most_so_many_versions_are_listed(catalog: Path) -> None:
    for number in range(1, 5):
        release(catalog, f"1.0.{number}", f"2026-02-0{number}")
    history = history_in_git(catalog, most=2)
    assert shown(history) == [("1.0.4", "2026-02-04", "1.0.3"), ("1.0.3", "2026-02-03", "1.0.2")]
    assert history.omitted == 3


def test_without_git_the_files_are_the_only_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    folder = tmp_path / "catalog"
    shutil.copytree(BASE, folder)
    history = history_in_git(folder)
    assert (shown(history), history.is_known) == ([("1.0.0", "", "")], False)
    assert history.notes == ("Older versions are not known: the catalog is not in a git repository.",)
    monkeypatch.setenv("PATH", "")
    assert history_in_git(folder).notes == (
        "Older versions are not known: git cannot be run (no such file or directory).",
    )


def test_settings_of_git_do_not_change_the_versions(catalog: Path) -> None:
    release(catalog, "1.0.1", "2026-02-01")
    for setting in ("log.showSignature", "log.follow", "core.quotePath"):
        git(catalog, "config", setting, "true")
    assert [version for version, _, _ in shown(history_in_git(catalog))] == ["1.0.1", "1.0.0"]


def test_versions_of_this_repository_can_be_read() -> None:
    history = history_in_git(ROOT / "catalog")
    assert all(each.catalog for each in history.versions), history.versions


# --- files ----------------------------------------------------------------------------------------------

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the catalog.json of a version under a name in versions/."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(BASE, "catalog")
    Path("versions").mkdir()

    def write(version: str, name: str) -> None:
        change(Path("catalog"), version)
        assert run(cli.generate) == 0
        shutil.copy("generated/shop_events/catalog.json", f"versions/{name}")

    return write


def history_of_files(most: int = 20) -> History:
    current = read_catalog_json(Path("generated/shop_events/catalog.json").read_bytes())
    return history_in_files(Path("versions"), current, most)


def test_files_are_ordered_by_the_version_inside(write: Write) -> None:
    write("1.9.0", "a.json")
    write("1.10.0-rc.1", "0.json")
    write("1.10.0", "z.json")
    write("1.10.1", "b.json")
    Path("versions/b.json").unlink()
    Path("versions/.hidden.json").write_text("{", "utf-8")
    Path("versions/README.md").write_text("Versions\n", "utf-8")
    history = history_of_files()
    assert shown(history) == [
        ("1.10.1", "", "1.10.0"),
        ("1.10.0", "", "1.10.0-rc.1"),
        ("1.10.0-rc.1", "", "1.9.0"),
        ("1.9.0", "", ""),
    ]
    assert changes(history)[0] == [
        'shop.stock: the description was "Stock 1.10.0." and is now "Stock 1.10.1."'
    ]
    assert history.notes == ()
    shorter = history_of_files(most=2)
    assert (shown(shorter), shorter.omitted) == (shown(history)[:2], 2)


def test_the_current_version_may_be_among_the_files(write: Write) -> None:
    write("1.0.1", "1.0.1.json")
    assert (shown(history_of_files()), history_of_files().versions[0].note) == ([("1.0.1", "", "")], "")
    edit(Path("versions/1.0.1.json"), "Stock 1.0.1.", "Former.")
    assert history_of_files().versions[0].note == "It differs from 1.0.1.json, which has the same version."


def test_two_files_of_the_same_version_are_an_error(write: Write) -> None:
    write("1.0.1", "a.json")
    shutil.copy("versions/a.json", "versions/b.json")
    with pytest.raises(UnreadableCatalog) as error:
        history_of_files()
    assert str(error.value) == (
        "cannot read versions: a.json and b.json both have the version 1.0.1; remove one of them"
    )


def test_files_that_cannot_be_shown_are_named(write: Write) -> None:
    write("1.1.0", "later.json")
    write("1.0.1", "1.0.1.json")
    Path("versions/broken.json").write_text("{", "utf-8")
    Path("versions/other.json").write_text("{}", "utf-8")
    assert history_of_files().notes == (
        "broken.json cannot be read: it is not valid JSON (EOF while parsing an object at line 1 column 1).",
        "other.json cannot be read: it is JSON, but not a catalog.json.",
        "later.json has the later version 1.1.0, and is not shown.",
    )


def test_a_missing_folder_is_an_error(write: Write) -> None:
    write("1.0.1", "a.json")
    shutil.rmtree("versions")
    with pytest.raises(UnreadableCatalog) as error:
        history_of_files()
    assert str(error.value) == (
        "cannot read versions: no such file or directory; name the folder of a catalog.yaml, or one with a "
        "catalog.json for each older version"
    )
