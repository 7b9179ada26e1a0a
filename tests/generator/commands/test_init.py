"""`auditwright init`: a new catalog that passes `check`, generates and records."""

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


def test_it_prints_the_files_and_the_next_commands(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.init) == 0
    assert capsys.readouterr() == (
        "catalog/catalog.yaml\n"
        "catalog/fields.yaml\n"
        "catalog/account/projects.yaml\n"
        "next: `auditwright check`, then `auditwright generate`\n",
        "",
    )
    assert files_in(here) == [f"catalog/{name}" for name in FILES]
    assert {path.stat().st_mode & 0o777 for path in here.rglob("*.yaml")} == {0o666 & ~_umask()}
    assert run(cli.check) == 0
    printed, problems = capsys.readouterr()
    assert printed.startswith("3 events, ")
    assert printed.endswith(" rules: no findings\n")
    assert problems == ""


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


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


def test_the_next_commands_name_another_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_an_empty_folder_is_filled(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("catalog", "current"):
        (here / name).mkdir()
    assert run(cli.init, "catalog") == 0
    assert files_in(here / "catalog") == FILES
    monkeypatch.chdir("current")
    assert run(cli.init, ".") == 0
    assert files_in(here / "current") == FILES


def test_a_folder_with_files_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "catalog").mkdir()
    (here / "catalog" / ".hidden").write_text("mine\n", "utf-8")
    assert run(cli.init) == 1
    assert capsys.readouterr() == ("", "auditwright: catalog is not empty; name another folder\n")
    assert files_in(here) == ["catalog/.hidden"]


def test_a_file_in_the_place_of_the_folder_is_kept(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "catalog").write_text("mine\n", "utf-8")
    assert run(cli.init) == 1
    assert capsys.readouterr().err == (
        "auditwright: catalog exists and is not a folder; name another folder\n"
    )
    assert (here / "catalog").read_text("utf-8") == "mine\n"


@pytest.mark.parametrize("existed", [True, False])
def test_a_failed_start_leaves_nothing_behind(existed: bool, here: Path) -> None:
    if existed:
        (here / "deep" / "catalog").mkdir(parents=True)
    before = sorted(here.rglob("*"))
    texts = starter.starter_files("audit_events", "Audit events")
    with pytest.raises(OSError, match="too long"):
        starter.start_catalog(here / "deep" / "catalog", {**texts, "n" * 300: ""})
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "finding"),
    [
        (
            ("--package", "json"),
            'AC210 reserved-name: package "json" is refused: it is a module of Python\'s standard '
            "library; choose another name",
        ),
        (("--package", "auditwright"), "AC210"),
        (("--package", "Our-Events"), "AC201"),
        (("--package", "a\nb: c"), "AC201"),
        (("--title", " x"), "AC012"),
        (("--title", "a\nb"), "AC012"),
        (("--title", "x" * 201), "AC012"),
        (("--title", "a\x07b"), "AC001"),
        (("--title", "\udcff"), "AC001"),
    ],
)
def test_names_that_check_refuses_leave_no_files(
    arguments: tuple[str, ...], finding: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cli.init, *arguments) == 2
    printed, problems = capsys.readouterr()
    first, *_, last = problems.splitlines()
    assert printed == ""
    assert first.startswith("catalog/catalog.yaml:")
    assert f" error {finding}" in first
    assert last == (
        "auditwright: nothing was written: the catalog would have these findings; "
        "give another --package or --title"
    )
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    "title", ["2026", "true", "no", "Größe: 'x' #1", "{braces}", "- dash", "x\\y", "🜁", "a\xa0b"]
)
def test_any_title_is_read_back(title: str) -> None:
    from auditwright_generator.check import read_catalog

    assert run(cli.init, "--title", title) == 0
    checked = read_catalog(Path("catalog"))
    assert (checked.findings, checked.catalog and checked.catalog.title) == ((), title)


def test_the_starter_is_a_valid_catalog() -> None:
    folder = Path(starter.__file__).parent / "starter"
    assert files_in(folder) == FILES
    assert run(cli.check, "--catalog", str(folder)) == 0
    texts = starter.starter_files("audit_events", "Audit events")
    assert texts == {name: (folder / name).read_text("utf-8") for name in FILES}
