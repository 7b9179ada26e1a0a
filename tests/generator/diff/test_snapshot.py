"""`--against` with commits of a real git repository, folders, files, and invalid names."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.generator.run_command import run
from tests.support.repositories import commit, edit, git

from auditwright_generator import cli
from auditwright_generator.check import read_catalog
from auditwright_generator.diff.snapshot import read_snapshot
from auditwright_generator.source.yaml_nodes import UnreadableCatalog

BASE = Path(__file__).parent / "catalog"
NOTHING = "no changes; 1.0.0 -> 1.0.0\n"
NAMED = "name a commit or branch, a catalog's folder, a generated package's folder or a catalog.json"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a repository with the catalog in services/catalog since its second commit."""
    folder = tmp_path / "repository"
    (folder / "services").mkdir(parents=True)
    monkeypatch.chdir(folder)
    git(folder, "init", "--initial-branch", "main")
    (folder / "README.md").write_text("Shop\n", "utf-8")
    commit(folder, "begun")
    shutil.copytree(BASE, folder / "services" / "catalog")
    commit(folder, "catalog")
    return folder


def diff(against: str, catalog: str = "services/catalog") -> int:
    return run(cli.diff, "--catalog", catalog, "--against", against)


def test_a_commit_is_compared_with_the_working_tree(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(repository / "services/catalog/shop/stock.yaml", "What the shop has.", "What there is.")
    for ref in ("HEAD", "main", "catalog", "refs/tags/catalog", "HEAD^0"):
        assert diff(ref) == 1
        printed, problems = capsys.readouterr()
        assert problems == ""
        assert printed == (
            "services/catalog/catalog.yaml:5:10: error BR901 version-too-small: these changes to 1.0.0 "
            "require a higher version than 1.0.0; write `version: 1.0.1`\n"
            "services/catalog/shop/stock.yaml:3:1: safe BR125 category-description-changed: shop.stock: the "
            'description was "What the shop has." and is now "What there is."; no action needed\n'
            "1 change: 0 breaks (0 accepted), 1 safe; 1.0.0 -> 1.0.0, and 1.0.1 is required\n"
        )


def test_a_commit_is_read_from_any_folder_and_in_a_hook(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    monkeypatch.chdir(repository / "services" / "catalog" / "shop")
    assert diff("HEAD", "..") == 0
    monkeypatch.chdir("/")
    assert diff("HEAD", str(repository / "services" / "catalog")) == 0
    assert capsys.readouterr().out == 2 * NOTHING


def test_a_catalog_at_the_root_of_the_repository_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "events"
    shutil.copytree(BASE, folder)
    git(folder, "init")
    (folder / ".draft.yaml").write_text("hidden: [", "utf-8")
    (folder / ".gitattributes").write_text("*.yaml export-ignore\n", "utf-8")
    commit(folder, "first")
    monkeypatch.chdir(folder)
    assert diff("first", ".") == 0
    assert capsys.readouterr().out == NOTHING


def test_a_path_wins_over_a_commit_of_that_name(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "catalog").mkdir()
    assert diff("catalog") == 2
    assert diff("tags/catalog") == 0
    printed, problems = capsys.readouterr()
    assert printed == NOTHING
    assert problems == (
        f"auditwright: cannot read catalog: the folder has neither catalog.yaml nor catalog.json; {NAMED}\n"
    )


@pytest.mark.parametrize(
    ("against", "said"),
    [
        (
            "mian",
            "cannot read mian: there is no such file or folder, and no git commit of that name; "
            f"{NAMED}, and `git fetch` what a shallow clone lacks",
        ),
        ("--output=x", f"cannot read --output=x: it is not a valid name of a commit; {NAMED}"),
        ("a\nb", f'cannot read "a\\nb": it is not a valid name of a commit; {NAMED}'),
        ("a\0b", f'cannot read "a\\u0000b": it is not a valid name of a commit; {NAMED}'),
        ("", f'cannot read "": the name is empty; {NAMED}'),
        ("HEAD:services/catalog", None),
        ("x" * 5000, None),
        (
            "services/catalog/fields.yaml",
            "cannot read services/catalog/fields.yaml: it is one file of a catalog; "
            "name the catalog's folder",
        ),
        (
            "README.md",
            "cannot read README.md: it is not valid JSON (expected value at line 1 column 1); name the "
            "catalog.json of a generated package",
        ),
    ],
)
def test_an_unknown_name_is_an_error_on_one_line(
    repository: Path, capsys: pytest.CaptureFixture[str], against: str, said: str | None
) -> None:
    assert run(cli.diff, "--catalog", "services/catalog", f"--against={against}") == 2
    printed, problems = capsys.readouterr()
    assert printed == ""
    assert problems.count("\n") == 1
    assert said is None or problems == f"auditwright: {said}\n"


# --- a commit without the catalog -----------------------------------------------------------------------

FIRST = "everything is new in 1.0.0: begun has no catalog in services/catalog/"


@pytest.mark.parametrize(
    ("form", "printed"),
    [
        (
            "text",
            'services/catalog/catalog.yaml:7:3: safe BR131 level-added: shop: the level "Shop-level '
            'events" was added, with 5 events: shop.orders.order_placed, shop.orders.order_paid, '
            "shop.orders.order_closed and 2 more; no action needed\n"
            'services/catalog/catalog.yaml:11:3: safe BR131 level-added: till: the level "Till-level '
            f'events" was added, with 1 event: till.drawers.drawer_opened; no action needed\n{FIRST}\n',
        ),
        ("github", f"{FIRST}\n"),
        (
            "markdown",
            "# Shop events 1.0.0\n\nEverything is new.\n\n## Added\n\n"
            '- `shop`: the level "Shop-level events" was added, with 5 events: `shop.orders.order_placed`, '
            "`shop.orders.order_paid`, `shop.orders.order_closed` and 2 more\n"
            '- `till`: the level "Till-level events" was added, with 1 event: `till.drawers.drawer_opened`\n',
        ),
    ],
)
def test_all_is_new_against_a_commit_without_it(
    form: str, printed: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cli.diff, "--catalog", "services/catalog", "--against", "begun", "--format", form) == 0
    assert capsys.readouterr() == (printed, "")


def test_all_is_new_in_json(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(repository / "services/catalog/catalog.yaml", "version: 1.0.0", "version: 1.0.0\naccepted: []")
    assert run(cli.diff, "--catalog", "services/catalog", "--against", "begun", "--format", "json") == 0
    form = json.loads(capsys.readouterr().out)
    assert (form["old_version"], form["new_version"], form["needed_version"]) == (None, "1.0.0", "1.0.0")
    assert [(each["code"], each["key"]) for each in form["changes"]] == [("BR131", "shop"), ("BR131", "till")]
    assert form["findings"] == []


def test_yaml_files_of_others_are_no_catalog(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "goods").mkdir()
    (repository / "goods" / "catalog.yaml").write_text("goods: [tea]\n", "utf-8")
    commit(repository, "goods")
    shutil.rmtree(repository / "goods")
    shutil.copytree("services/catalog", "audit")
    assert diff("goods", "audit") == 0
    assert capsys.readouterr().out.endswith("everything is new in 1.0.0: goods has no catalog in audit/\n")


@pytest.mark.parametrize("now", ["audit", "."])
def test_a_moved_catalog_is_compared(now: str, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("services/catalog", now, dirs_exist_ok=True)
    shutil.rmtree("services")
    assert diff("HEAD", now) == 0
    assert capsys.readouterr() == (
        NOTHING,
        "auditwright: the catalog was in services/catalog/ at HEAD, and is compared with it\n",
    )
    edit(repository / now / "fields.yaml", "max: 9000", "max: 5000")
    assert diff("HEAD", now) == 1
    assert "BR231 constraint-narrowed" in capsys.readouterr().out


def test_another_catalog_that_stays_is_not_the_moved_one(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree("services/catalog", "till")
    edit(repository / "till/catalog.yaml", "shop_events", "till_events")
    assert diff("HEAD", "till") == 0
    assert capsys.readouterr().out.endswith("everything is new in 1.0.0: HEAD has no catalog in till/\n")


def test_of_several_moved_catalogs_the_package_decides(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree("services/catalog", "till")
    edit(repository / "till/catalog.yaml", "shop_events", "till_events")
    commit(repository, "two")
    shutil.move("till", "audit")
    shutil.rmtree("services")
    assert diff("two", "audit") == 0
    assert "the catalog was in till/ at two" in capsys.readouterr().err
    edit(repository / "audit/catalog.yaml", "till_events", "audit_events")
    assert diff("two", "audit") == 0
    assert capsys.readouterr().out.endswith("everything is new in 1.0.0: two has no catalog in audit/\n")


def test_which_of_two_copies_was_moved_is_asked(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("services/catalog", "till")
    commit(repository, "two")
    shutil.move("till", "audit")
    shutil.rmtree("services")
    assert diff("two", "audit") == 2
    assert capsys.readouterr() == (
        "",
        "auditwright: cannot read two: the commit has no catalog in audit, but the working tree lacks "
        "services/catalog/, till/; check the commit out and name the folder to compare with\n",
    )


# --- what is no commit ----------------------------------------------------------------------------------


def test_outside_of_a_repository_only_paths_are_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(BASE, "catalog")
    assert diff("main", "catalog") == 2
    assert capsys.readouterr().err == (
        "auditwright: cannot read main: there is no such file or folder, and the catalog is not in a git "
        "repository; name a catalog's folder, a generated package's folder or a catalog.json\n"
    )


def test_a_missing_git_is_reported(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert diff("main") == 2
    assert capsys.readouterr().err == (
        "auditwright: cannot read main: git cannot be run (no such file or directory); install git, or name "
        "a folder or a catalog.json\n"
    )


def test_a_symbolic_link_in_a_commit_is_refused(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = repository / "services/catalog/till/more.yaml"
    link.symlink_to("drawers.yaml")
    commit(repository, "linked")
    link.unlink()
    assert diff("linked") == 2
    assert capsys.readouterr().err == (
        "auditwright: cannot read linked: services/catalog/till/more.yaml is a symbolic link in that "
        "commit; check the commit out and name its folder\n"
    )


def test_an_unresolvable_commit_is_reported_with_a_position(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stock = repository / "services/catalog/shop/stock.yaml"
    sound = stock.read_bytes()
    edit(stock, "metadata: {code: {}}", "metadata: {cod: {}}")
    commit(repository, "unknown-field")
    edit(stock, "metadata: {cod: {}}", "metadata: {cod: {}")
    commit(repository, "no-yaml")
    stock.write_bytes(sound)
    assert diff("unknown-field") == 2
    assert diff("no-yaml") == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == (
        "auditwright: cannot read services/catalog at unknown-field: it has 1 error, the first at "
        'shop/stock.yaml:16:16: AC106 unknown-field: event item_counted uses "cod"; did you mean "code"?; '
        "compare with the catalog.json that was generated from it"
    )
    assert second.startswith(
        "auditwright: cannot read services/catalog at no-yaml: it has 1 error, the first at shop/stock.yaml:"
    )


def test_a_commit_may_violate_rules_of_today(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stock = repository / "services/catalog/shop/stock.yaml"
    edit(stock, "counted item {code}", "counted item {cod}")
    commit(repository, "wrong-message")
    edit(stock, "counted item {cod}", "counted item {code}")
    diff("wrong-message")
    assert "BR108 message-changed: shop.stock.item_counted: " in capsys.readouterr().out


def test_an_invalid_example_is_an_error_without_traceback(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    orders = repository / "services/catalog/shop/orders.yaml"
    edit(orders, "amount: 5, channel: web}\n  order_paid", "amount: five, channel: web}\n  order_paid")
    commit(repository, "wrong-example")
    edit(orders, "amount: five", "amount: 5")
    assert diff("wrong-example") == 2
    assert "AC502 invalid-example" in capsys.readouterr().err


def test_generated_packages_and_files_are_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(BASE, "catalog")
    assert run(cli.generate) == 0
    shutil.copy("generated/shop_events/catalog.json", "before.json")
    capsys.readouterr()
    for against in (
        "catalog", "generated", "generated/shop_events", "generated/shop_events/catalog.json", "before.json",
    ):  # fmt: skip
        assert diff(against, "catalog") == 0
        assert capsys.readouterr() == (NOTHING, "")


def test_an_unreadable_file_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(BASE, "catalog")
    os.mkfifo("pipe.json")
    assert diff("pipe.json", "catalog") == 2
    assert capsys.readouterr().err == (
        f"auditwright: cannot read pipe.json: it is not a regular file; {NAMED}\n"
    )


def test_a_newer_catalog_with_errors_is_checked_first(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(repository / "services/catalog/shop/stock.yaml", "metadata: {code: {}}", "metadata: {cod: {}}")
    assert diff("nowhere") == 2
    printed, problems = capsys.readouterr()
    assert printed == ""
    assert "services/catalog/shop/stock.yaml:16:16: error AC106 unknown-field: " in problems
    assert diff("nowhere", "elsewhere") == 2


def test_nothing_is_left_in_the_temporary_folder(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(made))
    folder = repository / "services" / "catalog"
    assert read_snapshot("HEAD", folder, "shop_events").catalog == read_catalog(folder).catalog
    assert read_snapshot("begun", folder, "shop_events").catalog is None
    with pytest.raises(UnreadableCatalog):
        read_snapshot("mian", folder, "shop_events")
    assert list(made.iterdir()) == []


def test_the_command_line_runs_it_as_a_process(repository: Path) -> None:
    arguments = ["diff", "--catalog", "services/catalog", "--against", "HEAD", "--format", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "auditwright", *arguments], capture_output=True, check=True, text=True
    )
    assert json.loads(done.stdout)["changes"] == []
