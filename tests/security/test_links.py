"""Links out of a folder, pipes and huge files of a hostile repository: none is followed or read."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.generator.run_command import run
from tests.support.repositories import commit, git

from auditwright_generator import cli
from auditwright_generator.files import MAX_BYTES

PRIVATE = "password: of somebody\n"
NAMES = ("--package", "my_events", "--distribution", "my-events", "--title", "My events")

Out = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog and its generated files."""
    folder = tmp_path_factory.mktemp("started")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(cli.init, *NAMES) == 0
        assert run(cli.generate) == 0
    return folder


@pytest.fixture
def here(started: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out) -> Path:
    """A project with a catalog and its generated files, beside files that are private."""
    shutil.copytree(started, tmp_path / "project")
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "notes.yaml").write_text(PRIVATE)
    monkeypatch.chdir(tmp_path / "project")
    capsys.readouterr()
    return tmp_path / "project"


@pytest.fixture
def private(here: Path) -> Iterator[Path]:
    """The private folder; after the test it has what it had before."""
    folder = here.parent / "private"
    yield folder
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"notes.yaml": PRIVATE}


# --- reading a catalog -----------------------------------------------------------------------------------

READERS: dict[str, Callable[[], int]] = {
    "check": lambda: run(cli.check),
    "check as JSON": lambda: run(cli.check, "--format", "json"),
    "generate": lambda: run(cli.generate),
    "generate --check": lambda: run(cli.generate, "--check", "--diff"),
    "diff": lambda: run(cli.diff, "--against", "generated/my_events/catalog.json"),
    "coverage": lambda: run(cli.coverage, "."),
    "events": lambda: run(cli.events),
    "new": lambda: run(cli.new, "field", "color", "--type", "string", "--description", "Which color."),
    "site init": lambda: run(cli.site, "init", "docs"),
}
PLACES = (
    "catalog.yaml",
    "fields.yaml",
    "account/projects.yaml",
    "account/more.yaml",
    "more.yml",
    "a/b/c.YAML",
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["absolute", "relative", "chain", "dangling"])
def test_a_catalog_does_not_link_out(place: str, kind: str, here: Path, private: Path, capsys: Out) -> None:
    path = here / "catalog" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    target = private / ("gone.yaml" if kind == "dangling" else "notes.yaml")
    if kind == "chain":
        (here / "inner.yaml").symlink_to(target)
        target = here / "inner.yaml"
    path.symlink_to(os.path.relpath(target, path.parent) if kind == "relative" else target)
    assert run(cli.check) == 2
    assert capsys.readouterr() == (
        "",
        f"auditwright: cannot read catalog/{place}: it is a link that leads out of the folder of the "
        "catalog; replace it by the file, or remove it\n",
    )


@pytest.mark.parametrize("reader", READERS)
def test_no_command_reads_through_a_link(reader: str, here: Path, private: Path, capsys: Out) -> None:
    (here / "catalog/account/notes.yaml").symlink_to(private / "notes.yaml")
    before = snapshot(here)
    assert READERS[reader]() == 2
    out, err = capsys.readouterr()
    assert "catalog/account/notes.yaml: it is a link that leads out" in err
    assert "password" not in out + err
    assert snapshot(here) == before


def test_links_inside_the_catalog_are_read(here: Path) -> None:
    projects = here / "catalog/account/projects.yaml"
    projects.rename(here / "catalog/projects.txt")
    projects.symlink_to("../projects.txt")
    assert run(cli.check) == 0
    assert run(cli.generate, "--check") == 0


def test_the_catalog_itself_may_be_a_link(here: Path) -> None:
    (here / "catalog").rename(here.parent / "elsewhere")
    (here / "catalog").symlink_to("../elsewhere")
    assert run(cli.check) == 0


def test_a_ring_of_links_is_refused(here: Path, capsys: Out) -> None:
    (here / "catalog/account/ring.yaml").symlink_to("ring.yaml")
    assert run(cli.check) == 2
    assert "cannot read catalog/account/ring.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["account/pipe.yaml", "pipe.yml", "account/deep/pipe.yaml"])
def test_pipes_of_a_catalog_are_not_opened(place: str, here: Path, capsys: Out) -> None:
    path = here / "catalog" / place
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    assert run(cli.check) in (1, 2)
    out, err = capsys.readouterr()
    assert f"catalog/{place}" in out + err
    assert run(cli.generate) in (1, 2)


def test_other_files_of_a_catalog_are_not_read(here: Path, private: Path) -> None:
    os.mkfifo(here / "catalog/pipe")
    (here / "catalog/endless.txt").symlink_to("/dev/zero")
    (here / "catalog/notes.txt").symlink_to(private / "notes.yaml")
    assert run(cli.new, "field", "color", "--type", "string", "--description", "Which color.") == 0
    assert "color:" in (here / "catalog/fields.yaml").read_text()


def test_an_endless_file_is_not_read(here: Path, capsys: Out) -> None:
    for place in ("account/endless.yaml", "endless.yml"):
        (here / "catalog" / place).symlink_to("/dev/zero")
        assert run(cli.check) == 2
        assert f"catalog/{place}: it is a link that leads out" in capsys.readouterr().err
        (here / "catalog" / place).unlink()


@pytest.mark.parametrize("place", ["account/huge.yaml", "huge.yml"])
def test_a_huge_file_of_a_catalog_is_not_read(place: str, here: Path, capsys: Out) -> None:
    make_huge(here / "catalog" / place)
    assert run(cli.check) in (1, 2)
    assert f"catalog/{place}" in "".join(capsys.readouterr())


def make_huge(path: Path) -> None:
    """A terabyte, which takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(1 << 40)


# --- writing what is generated ---------------------------------------------------------------------------

FOLDERS = (
    "docs",
    "docs/account",
    "my_events",
    "my_events/models",
    "my_events/json_schema/account",
    ".auditwright",
)
FILES = (
    "README.md",
    "docs/index.md",
    "docs/account/projects.md",
    "my_events/__init__.py",
    "my_events/catalog.json",
    "pyproject.toml",
    "manifest.sha256",
    ".auditwright/made-from",
)


def snapshot(folder: Path) -> dict[str, str]:
    """Each file of a folder with its digest, and each link with its target."""
    found = {}
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(parent, name)
            if path.is_symlink():
                found[str(path)] = str(path.readlink())
            elif path.is_file():
                found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def replace_by_link(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.symlink_to(target)


@pytest.mark.parametrize("place", FOLDERS)
def test_generate_writes_through_no_linked_folder(place: str, here: Path, private: Path, capsys: Out) -> None:
    replace_by_link(here / "generated" / place, private)
    before = snapshot(here)
    for options in ((), ("--all",), ("--check",), ("--check", "--diff")):
        assert run(cli.generate, *options) == 2
        assert capsys.readouterr() == (
            "",
            f"auditwright: generated/{place}: it is a link that leads out of generated; remove it\n",
        )
    assert snapshot(here) == before


@pytest.mark.parametrize("place", FILES)
@pytest.mark.parametrize("kind", ["file", "dangling", "device"])
def test_generate_replaces_no_link_out(place: str, kind: str, here: Path, private: Path, capsys: Out) -> None:
    targets = {"file": private / "notes.yaml", "dangling": private / "gone", "device": Path("/dev/zero")}
    replace_by_link(here / "generated" / place, targets[kind])
    before = snapshot(here)
    for options in ((), ("--check", "--diff")):
        assert run(cli.generate, *options) == 2
        out, err = capsys.readouterr()
        assert re.match(
            f"auditwright: generated/{place}: it is (a link that leads out|not a regular file)", err
        )
        assert "password" not in out + err
    assert snapshot(here) == before


def test_a_copy_behind_a_link_is_not_current(here: Path, capsys: Out) -> None:
    (here / "generated/docs").rename(here.parent / "copy")
    (here / "generated/docs").symlink_to("../../copy")
    assert run(cli.generate, "--check") == 2
    assert "generated/docs: it is a link that leads out" in capsys.readouterr().err


def test_the_output_folder_itself_may_be_a_link(here: Path) -> None:
    (here / "generated").rename(here.parent / "elsewhere")
    (here / "generated").symlink_to("../elsewhere")
    assert run(cli.generate, "--check") == 0
    (here.parent / "elsewhere/docs/index.md").unlink()
    assert run(cli.generate) == 0
    assert (here.parent / "elsewhere/docs/index.md").is_file()


@pytest.mark.parametrize("place", FILES)
def test_generate_opens_no_pipe(place: str, here: Path, capsys: Out) -> None:
    path = here / "generated" / place
    path.unlink()
    os.mkfifo(path)
    for options in ((), ("--all",), ("--check", "--diff")):
        assert run(cli.generate, *options) == 2
        assert f"generated/{place}: it is not a regular file" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["docs/index.md", "manifest.sha256", "my_events/catalog.json"])
def test_generate_reads_no_huge_file(place: str, here: Path, capsys: Out) -> None:
    make_huge(here / "generated" / place)
    assert run(cli.generate) == 2
    assert f"generated/{place}: it is larger than {MAX_BYTES >> 20} MiB" in capsys.readouterr().err


# --- removing what is no longer generated ----------------------------------------------------------------


def name_in_manifest(project: Path, *paths: str) -> None:
    with (project / "generated/manifest.sha256").open("a") as manifest:
        manifest.writelines(f"{'0' * 64}  {path}\n" for path in paths)


def test_a_manifest_removes_nothing_that_is_hidden(here: Path) -> None:
    hidden = {
        ".git/HEAD": "ref\n",
        ".env": "KEY=1\n",
        "docs/.keep": "DO NOT EDIT\n",
        "x/.ssh/id": "DO NOT EDIT\n",
    }
    for path, text in hidden.items():
        (here / "generated" / path).parent.mkdir(parents=True, exist_ok=True)
        (here / "generated" / path).write_text(text)
    name_in_manifest(here, *hidden)
    assert run(cli.generate) == 0
    assert {path: (here / "generated" / path).read_text() for path in hidden} == hidden


def test_a_manifest_removes_only_what_was_generated(here: Path, capsys: Out) -> None:
    (here / "generated/mine.txt").write_text("mine\n")
    name_in_manifest(here, "mine.txt")
    for options in ((), ("--check",)):
        assert run(cli.generate, *options) == 2
        assert "generated/mine.txt: exists, but is not a generated file\n" in capsys.readouterr().err
    assert (here / "generated/mine.txt").read_text() == "mine\n"


def test_a_manifest_removes_nothing_behind_a_link(here: Path, private: Path) -> None:
    (here / "generated/link").symlink_to(private)
    (here / "generated/linked.yaml").symlink_to(private / "notes.yaml")
    name_in_manifest(here, "link/notes.yaml", "linked.yaml")
    assert run(cli.generate) == 0
    assert (here / "generated/linked.yaml").is_symlink()


# --- commits, sites and Python files -----------------------------------------------------------------------


def test_a_commit_writes_no_file_outside(here: Path, capsys: Out) -> None:
    """Git refuses such a tree in its index, but lists it."""
    git(here, "init", "-q")
    commit(here, "first")
    target = here.parent / "escaped.yaml"
    blob = bytes.fromhex(git(here, "rev-parse", "HEAD:catalog/catalog.yaml").strip())
    entries = b"100644 %s\0%s100644 catalog.yaml\0%s" % (os.fsencode(target), blob, blob)
    tree = git(here, "hash-object", "-wt", "tree", "--literally", "--stdin", given=entries).strip()
    top = git(here, "mktree", given=f"040000 tree {tree}\tcatalog\n".encode()).strip()
    made = git(here, "commit-tree", "-m", "evil", top).strip()
    assert run(cli.diff, "--against", made) == 2
    assert "leads out of the folder of the catalog" in capsys.readouterr().err
    assert not target.exists()


def test_site_init_writes_through_no_link(here: Path, private: Path, capsys: Out) -> None:
    (here / "docs").mkdir()
    (here / "docs/_static").symlink_to(private)
    assert run(cli.site, "init", "docs") == 1
    assert capsys.readouterr().err == (
        "auditwright: docs/_static is a link that leads out of docs, and nothing was written; remove it\n"
    )
    assert [path.name for path in (here / "docs").iterdir()] == ["_static"]


def site(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run in a process of its own, as Sphinx leaves traces in one."""
    return subprocess.run(
        [sys.executable, "-m", "auditwright", "site", *arguments], capture_output=True, text=True, check=False
    )


def test_a_site_shows_no_file_behind_a_link(here: Path, private: Path) -> None:
    assert run(cli.site, "init", "docs") == 0
    (here / "generated/docs/notes.md").symlink_to(private / "notes.yaml")
    done = site("build", "docs")
    assert done.returncode == 2
    assert "generated/docs/notes.md is a link that leads out of" in done.stderr
    assert not (here / "docs/reference").exists()


@pytest.mark.parametrize("place", [".site", ".site/html", ".site/doctrees"])
def test_a_site_is_built_behind_no_link(place: str, here: Path, private: Path) -> None:
    assert run(cli.site, "init", "docs") == 0
    (here / "build" / place).parent.mkdir(parents=True)
    (here / "build" / place).symlink_to(private)
    done = site("build", "docs")
    assert done.returncode == 2
    assert f"build/{place}: it is a link that leads out of build; remove it" in done.stderr


def test_coverage_reads_no_endless_file(here: Path, private: Path, capsys: Out) -> None:
    (here / "src").mkdir()
    (here / "src/endless.py").symlink_to("/dev/zero")
    make_huge(here / "src/huge.py")
    (here / "src/notes.py").symlink_to(private / "notes.yaml")
    assert run(cli.coverage, "src") == 1
    out = capsys.readouterr().out
    assert "src/endless.py:1:1: error AC974" in out
    assert "src/huge.py:1:1: error AC974 unreadable-source: it cannot be read: it is larger than" in out
    assert "password" not in out
