"""`auditwright init`: a catalog to start from, which checks, generates and records as it is."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.generator.run_command import run

from auditwright_generator import cli
from auditwright_generator.scaffold import starter

FILES = ["account/projects.yaml", "catalog.yaml", "fields.yaml"]

LIST = ("-m", "auditwright", "list", "--account", "acme", "--format", "csv")

PROGRAM = """
from auditwright import Actor, AuditLog
from {package} import CATALOG, AuditEvents

with AuditLog.open("sqlite:///audit.db", account_id="acme", catalog=CATALOG) as log:
    audit = AuditEvents(log)
    with log.acting(Actor.user("u-17", "Ada Lovelace"), ip_address="203.0.113.7"):
        projects = audit.account.projects
        projects.project_created(project_id="p-1", project_name="Site", visibility="team")
        projects.project_updated(project_id="p-1", project_name="Site", changed_settings=["name"])
        projects.project_deleted(project_id="p-1", project_name="Site", reason="Done.")
    for entry in reversed(log.account("acme").entries(limit=10).entries):
        print(f"{{entry.event}}: {{entry.description}}")
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which is empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_it_says_what_it_wrote_and_what_comes_next(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.init) == 0
    assert capsys.readouterr() == (
        "catalog/catalog.yaml\n"
        "catalog/fields.yaml\n"
        "catalog/account/projects.yaml\n"
        "next: `auditwright check`, then `auditwright generate`\n",
        "",
    )
    assert files_in(here) == [f"catalog/{name}" for name in FILES]
    assert [path.name for path in here.iterdir()] == ["catalog"]
    assert {path.stat().st_mode & 0o777 for path in here.rglob("*.yaml")} == {0o666 & ~_umask()}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_the_new_catalog_has_no_findings(capsys: pytest.CaptureFixture[str]) -> None:
    run(cli.init)
    capsys.readouterr()
    assert run(cli.check) == 0
    printed, problems = capsys.readouterr()
    assert printed.startswith("3 events, ")
    assert printed.endswith(" rules: no findings\n")
    assert problems == ""


@pytest.mark.parametrize("package", ["audit_events", "billing_events"])
def test_its_events_are_recorded_and_listed(
    package: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(cli.init, "--package", package, "--title", 'Events: "ours"')
    assert run(cli.generate) == 0
    (here / "program.py").write_text(PROGRAM.format(package=package), "utf-8")
    recorded = python("program.py")
    assert (recorded.stderr, recorded.stdout.splitlines()) == (
        "",
        [
            "account.projects.project_created: Ada Lovelace created project Site.",
            "account.projects.project_updated: Ada Lovelace changed project Site: Name.",
            "account.projects.project_deleted: Ada Lovelace deleted project Site.",
        ],
    )
    listed = python(*LIST, "--catalog-package", package)
    assert listed.stderr == ""
    rows = list(csv.DictReader(io.StringIO(listed.stdout)))
    assert [row["Event Name"] for row in rows] == ["Project deleted", "Project updated", "Project created"]
    assert '# Events: "ours"\n' in (here / "generated/docs/index.md").read_text("utf-8")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the current folder, with its generated package before any other."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUDITWRIGHT_")}
    environment = {**kept, "PYTHONPATH": "generated", "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_another_folder_is_named_in_the_next_commands(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.init, "some where/audit") == 0
    assert capsys.readouterr().out.splitlines() == [
        "some where/audit/catalog.yaml",
        "some where/audit/fields.yaml",
        "some where/audit/account/projects.yaml",
        "next: `auditwright check --catalog 'some where/audit'`, then "
        "`auditwright generate --catalog 'some where/audit' --out 'some where/generated'`",
    ]
    assert run(cli.check, "--catalog", "some where/audit") == 0
    assert run(cli.generate, "--catalog", "some where/audit", "--out", "some where/generated") == 0


def test_an_empty_folder_is_filled(here: Path) -> None:
    (here / "catalog").mkdir()
    assert run(cli.init, "catalog") == 0
    assert files_in(here / "catalog") == FILES


def test_the_current_folder_is_filled_when_it_is_empty(here: Path) -> None:
    assert run(cli.init, ".") == 0
    assert files_in(here) == FILES


def test_nothing_is_ever_overwritten(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "catalog").mkdir()
    for name in ("b.yaml", ".hidden", "a", "c", "d", "e", "f"):
        (here / "catalog" / name).write_text("mine\n", "utf-8")
    assert run(cli.init) == 1
    assert capsys.readouterr() == (
        "",
        "auditwright: catalog holds .hidden, a, b.yaml, c, d and 2 more already; "
        "name another folder, and nothing is overwritten\n",
    )
    assert {path.read_text("utf-8") for path in (here / "catalog").iterdir()} == {"mine\n"}


def test_a_file_in_the_place_of_the_folder_stays(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "catalog").write_text("mine\n", "utf-8")
    assert run(cli.init) == 1
    assert capsys.readouterr().err == (
        "auditwright: catalog is there already, and is no folder; "
        "name another folder, and nothing is overwritten\n"
    )
    assert (here / "catalog").read_text("utf-8") == "mine\n"


@pytest.mark.parametrize("existed", [True, False])
def test_when_it_fails_nothing_is_left(existed: bool, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if existed:
        (here / "deep" / "catalog").mkdir(parents=True)
    before = sorted(here.rglob("*"))
    rename = Path.rename

    def rename_but_one(path: Path, target: Path) -> Path:
        if path.name == "fields.yaml":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_but_one)
    with pytest.raises(OSError, match="No space left"):
        run(cli.init, "deep/catalog")
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ("--package", "json"),
            '--package "json" is refused: Python\'s standard library has a module of that name; '
            "choose another name",
        ),
        (
            ("--package", "auditwright"),
            '--package "auditwright" is refused: auditwright or a package it needs has that name; '
            "choose another name",
        ),
        (
            ("--package", "Our-Events"),
            '--package "Our-Events" must be lower-case letters, digits and single underscores, '
            "beginning with a letter",
        ),
        (("--title", " x"), "--title must be one line of 1 to 200 characters, without spaces around it"),
        (("--title", "a\nb"), "--title must be one line of 1 to 200 characters, without spaces around it"),
        (("--title", "a\x07b"), "--title must be one line of 1 to 200 characters, without spaces around it"),
        (("--title", "\udcff"), "--title must be one line of 1 to 200 characters, without spaces around it"),
        (("--title", "x" * 201), "--title must be one line of 1 to 200 characters, without spaces around it"),
    ],
)
def test_names_that_cannot_be_are_wrong_usage(
    arguments: tuple[str, ...], reason: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cli.init, *arguments) == 2
    assert capsys.readouterr() == ("", f"auditwright: {reason}\n")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    "title", ["2026", "true", "no", "Größe: 'x' #1", "{braces}", "- dash", "x\\y", "🜁", "a\xa0b"]
)
def test_any_title_is_read_back_as_it_was_given(title: str) -> None:
    from auditwright_generator.check import read_catalog

    assert run(cli.init, "--title", title) == 0
    checked = read_catalog(Path("catalog"))
    assert (checked.findings, checked.catalog and checked.catalog.title) == ((), title)


def test_the_starter_is_a_catalog_by_itself() -> None:
    folder = Path(starter.__file__).parent / "starter"
    assert files_in(folder) == FILES
    assert run(cli.check, "--catalog", str(folder)) == 0
    texts = starter.starter_files("audit_events", "Audit events")
    assert texts == {name: (folder / name).read_text("utf-8") for name in FILES}
