"""`auditwright init`: a new catalog that passes `check`, generates and records."""

import csv
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.generator.run_command import run

from auditwright_generator import cli
from auditwright_generator.check import read_catalog
from auditwright_generator.scaffold import start_names, starter
from auditwright_generator.scaffold.start_names import StartNames

DEFAULT = StartNames("audit_events", "audit-events", "Audit events")
FILES = ["account/projects.yaml", "catalog.yaml", "fields.yaml"]

LIST = ("-m", "auditwright", "list", "--account", "acme", "--format", "csv")

FILES_WITHOUT_LEVELS = ["catalog.yaml", "fields.yaml", "projects.yaml"]

PROGRAM = """
from auditwright import Actor, AuditLog
from {package} import CATALOG, AuditEvents

with AuditLog.open("sqlite:///audit.db", account_id="acme", catalog=CATALOG) as log:
    audit = AuditEvents(log)
    with log.acting(Actor.user("u-17", "Ada Lovelace"), ip_address="203.0.113.7"):
        projects = audit.{projects}
        projects.project_created(project_id="p-1", project_name="Site", visibility="team")
        projects.project_updated(project_id="p-1", project_name="Site", changed_settings=["name"])
        projects.project_deleted(project_id="p-1", project_name="Site", reason="Done.")
    for entry in reversed(log.account("acme").entries(limit=10).entries):
        print(f"{{entry.event}}: {{entry.description}}")
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which is empty: that of a project."""
    folder = tmp_path / "acme-billing"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_it_prints_the_files_and_the_next_commands(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.init) == 0
    assert capsys.readouterr() == (
        "catalog/catalog.yaml\n"
        "catalog/fields.yaml\n"
        "catalog/account/projects.yaml\n"
        "package acme_billing_audit, distribution acme-billing-audit, title Acme billing: audit events\n"
        "next:\n"
        "  auditwright check\n"
        "  auditwright generate\n"
        "  pip install -e ./generated\n"
        "  auditwright demo --catalog-package acme_billing_audit\n",
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


@pytest.mark.parametrize("package", ["acme_audit", "billing_events"])
def test_its_events_are_recorded_and_listed(
    package: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(cli.init, "--package", package, "--title", 'Events: "ours"')
    assert run(cli.generate) == 0
    program = PROGRAM.format(package=package, projects="account.projects")
    (here / "program.py").write_text(program, "utf-8")
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


def test_a_catalog_without_levels_is_started(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.init, "--no-levels") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("catalog/catalog.yaml\ncatalog/fields.yaml\ncatalog/projects.yaml\npackage ")
    assert "  auditwright check\n  auditwright generate\n  pip install -e ./generated\n" in printed
    assert files_in(here / "catalog") == FILES_WITHOUT_LEVELS
    assert run(cli.check) == 0
    assert run(cli.generate) == 0
    for path in (here / "catalog").iterdir():
        assert "level" not in path.read_text("utf-8"), path
    program = PROGRAM.format(package="acme_billing_audit", projects="projects")
    (here / "program.py").write_text(program, "utf-8")
    recorded = python("program.py")
    assert (recorded.stderr, recorded.stdout.splitlines()) == (
        "",
        [
            "projects.project_created: Ada Lovelace created project Site.",
            "projects.project_updated: Ada Lovelace changed project Site: Name.",
            "projects.project_deleted: Ada Lovelace deleted project Site.",
        ],
    )
    shown = python("-m", "auditwright", "demo", "--catalog-package", "acme_billing_audit")
    assert (shown.stderr, shown.returncode) == ("", 0)
    assert shown.stdout.startswith("Recorded 3 of 3 events by 4 actors, one of each.\n")


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
        "package some_where_audit, distribution some-where-audit, title Some where: audit events",
        "next:",
        "  auditwright check --catalog 'some where/audit'",
        "  auditwright generate --catalog 'some where/audit' --out 'some where/generated'",
        "  pip install -e './some where/generated'",
        "  auditwright demo --catalog-package some_where_audit",
    ]
    assert run(cli.check, "--catalog", "some where/audit") == 0
    assert run(cli.generate, "--catalog", "some where/audit", "--out", "some where/generated") == 0


@pytest.mark.parametrize("parent", ["", "some where/"])
def test_a_second_catalog_gets_a_folder_of_its_own(
    parent: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(cli.init, f"{parent}catalog", "--package", "acme_audit")
    run(cli.generate, "--catalog", f"{parent}catalog", "--out", f"{parent}generated")
    capsys.readouterr()
    assert run(cli.init, f"{parent}catalog2", "--package", "two_audit") == 0
    printed = capsys.readouterr().out.splitlines()
    commands = [shlex.split(line) for line in printed[printed.index("next:") + 1 :]]
    assert commands[1][2:] == ["--catalog", f"{parent}catalog2", "--out", f"{parent}two_audit_generated"]
    assert commands[2] == ["pip", "install", "-e", f"./{parent}two_audit_generated"]
    assert run(cli.generate, *commands[1][2:]) == 0
    assert (here / parent / "generated/acme_audit/catalog.json").is_file()


def test_a_second_start_keeps_the_usual_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(cli.init, "--package", "acme_audit")
    run(cli.generate)
    shutil.rmtree(here / "catalog")
    capsys.readouterr()
    assert run(cli.init, "--package", "two_audit") == 0
    assert "  auditwright generate\n" in capsys.readouterr().out
    assert run(cli.generate) == 0


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
    texts = starter.starter_files(DEFAULT)
    with pytest.raises(OSError, match="too long"):
        starter.start_catalog(here / "deep" / "catalog", {**texts, "n" * 300: ""})
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    ("title", "code"),
    [(" x", "AC012"), ("a\nb", "AC012"), ("x" * 201, "AC012"), ("a\x07b", "AC001"), ("\udcff", "AC001")],
)
def test_a_title_that_check_refuses_leaves_no_files(
    title: str, code: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cli.init, "--title", title) == 2
    printed, problems = capsys.readouterr()
    first, *_, last = problems.splitlines()
    assert printed == ""
    assert first.startswith("catalog/catalog.yaml:")
    assert f" error {code}" in first
    assert last == (
        "auditwright: nothing was written: the catalog would have these findings; give another --title"
    )
    assert list(here.iterdir()) == []


# --- names ----------------------------------------------------------------------------------------------

LETTERS = "lower-case letters, digits and single underscores, beginning with a letter"
HYPHENS = "lower-case letters, digits and single hyphens, such as acme-audit"
OWN = "names with this beginning are Auditwright's own"


def names() -> tuple[str, str, str]:
    """The names of the catalog that was written, which passes `check`."""
    checked = read_catalog(Path("catalog"))
    assert (checked.findings, checked.catalog is None) == ((), False)
    assert checked.catalog is not None
    return checked.catalog.package, checked.catalog.distribution, checked.catalog.title


@pytest.mark.parametrize(
    ("folder", "package", "title"),
    [
        ("acme-billing", "acme_billing_audit", "Acme billing: audit events"),
        ("AcmeBilling", "acme_billing_audit", "Acme billing: audit events"),
        ("My shop (new)", "my_shop_new_audit", "My shop new: audit events"),
        ("acme-audit", "acme_audit", "Acme: audit events"),
        ("3d-printing", "audit_3d_printing", "3d printing: audit events"),
        ("Größe", "grosse_audit", "Grösse: audit events"),
        ("class", "class_audit", "Class: audit events"),
        ("json", "json_audit", "Json: audit events"),
        ("todo", "todo_audit", "Audit events"),
        ("auditwright", "audit_auditwright", "Auditwright: audit events"),
        ("x" * 200, f"{'x' * 40}_audit", f"X{'x' * 39}: audit events"),
        ("a\nb\udcff", "a_b_audit", "A b: audit events"),
    ],
)
def test_names_are_derived_from_the_folder(
    folder: str, package: str, title: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / folder).mkdir()
    monkeypatch.chdir(here / folder)
    assert run(cli.init) == 0
    assert names() == (package, package.replace("_", "-"), title)


@pytest.mark.parametrize("folder", ["日本", "...", "audit", "home"])
def test_a_folder_that_names_nothing_gives_plain_names(
    folder: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(here / "home"))
    (here / folder).mkdir()
    monkeypatch.chdir(here / folder)
    assert run(cli.init) == 0
    package, distribution, title = names()
    assert re.fullmatch(r"audit_events(_\d+)?", package)  # the sample's package may be installed
    assert distribution == package.replace("_", "-")
    assert title in ("Audit events", "日本: audit events")


def test_given_names_win_and_give_the_others(here: Path) -> None:
    assert run(cli.init, "--distribution", "acme-events") == 0
    assert names() == ("acme_events", "acme-events", "Acme billing: audit events")
    shutil.rmtree("catalog")
    assert run(cli.init, "--package", "acme_audit", "--title", "Acme") == 0
    assert names() == ("acme_audit", "acme-audit", "Acme")
    shutil.rmtree("catalog")
    assert run(cli.init, "--package", "events_of_acme", "--distribution", "acme-1") == 0
    assert names()[:2] == ("events_of_acme", "acme-1")


@pytest.mark.parametrize(
    ("option", "name", "reason", "other"),
    [
        ("package", "json", "it is a module of Python's standard library", "json_audit"),
        ("package", "class", "it is a Python keyword", "class_audit"),
        ("package", "docs", "a folder of that name is generated next to it", "docs_audit"),
        ("package", "auditwright_x", OWN, "audit_auditwright_x"),
        ("package", "Our-Names", f"it must be {LETTERS}", "our_names_audit"),
        ("package", "9x", f"it must be {LETTERS}", "audit_9x"),
        ("package", "a\nb: c", f"it must be {LETTERS}", "a_b_c_audit"),
        ("package", "flask", "the installed distribution flask has a package of that name", "flask_audit"),
        ("distribution", "auditwright-x", OWN, "audit-auditwright-x"),
        ("distribution", "Acme", f"it must be {HYPHENS}", "acme-audit"),
        ("distribution", "acme--x", f"it must be {HYPHENS}", "acme-x-audit"),
        ("distribution", "flask", "a distribution of that name is installed already", "flask-audit"),
        ("distribution", "pyyaml", "a dependency of auditwright has that name", "pyyaml-audit"),
    ],
)
def test_a_name_that_is_taken_is_refused_with_another(
    option: str, name: str, reason: str, other: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cli.init, f"--{option}", name) == 2
    shown = name.replace("\n", "\\n")
    assert capsys.readouterr() == (
        "",
        f'auditwright: --{option} "{shown}" is refused: {reason}; choose another name, such as {other}\n',
    )
    assert list(here.iterdir()) == []
    assert run(cli.init, f"--{option}", other) == 0


def test_dependencies_are_refused_where_they_are_not_installed(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start_names, "is_installed", lambda _: False)
    assert run(cli.init, "--distribution", "fastapi") == 2
    assert capsys.readouterr().err.startswith('auditwright: --distribution "fastapi" is refused: ')
    assert list(here.iterdir()) == []


def install(folder: Path, distribution: str, package: str, *, is_catalog: bool) -> None:
    """A distribution with a package, as pip leaves it."""
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").touch()
    info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n", "utf-8")
    (info / "RECORD").write_text(f"{package}/__init__.py,,\n{info.name}/METADATA,,\n", "utf-8")
    if is_catalog:
        points = f"[auditwright.catalogs]\n{package} = {package}:CATALOG\n"
        (info / "entry_points.txt").write_text(points, "utf-8")


def test_a_team_starts_again_where_its_package_is_installed(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(here / "site", "acme-billing-audit", "acme_billing_audit", is_catalog=True)
    monkeypatch.syspath_prepend(str(here / "site"))
    assert run(cli.init) == 0
    assert names()[:2] == ("acme_billing_audit", "acme-billing-audit")
    assert capsys.readouterr().err == (
        "auditwright: acme-billing-audit is installed in this environment already; the command below "
        "replaces it\n"
    )
    shutil.rmtree("catalog")
    assert run(cli.init, "--package", "acme_billing_audit", "--distribution", "acme-x") == 2
    assert "the installed distribution acme-billing-audit has a package of that name" in (
        capsys.readouterr().err
    )


def test_a_package_of_another_distribution_is_avoided(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(here / "site", "acme-billing-audit", "acme_billing_audit", is_catalog=False)
    monkeypatch.syspath_prepend(str(here / "site"))
    assert run(cli.init) == 0
    assert names()[:2] == ("audit_acme_billing", "audit-acme-billing")
    shutil.rmtree("catalog")
    assert run(cli.init, "--package", "acme_billing_audit") == 2
    assert run(cli.init, "--package", "acme_x", "--distribution", "acme-billing-audit") == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "the installed distribution acme-billing-audit has a package of that name" in first
    assert "a distribution of that name is installed already; choose another name, such as acme-x" in second


def test_no_proposal_says_audit_twice(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(here / "site", "vet-audit", "vet_audit", is_catalog=False)
    monkeypatch.syspath_prepend(str(here / "site"))
    (here / "vet-audit").mkdir()
    monkeypatch.chdir(here / "vet-audit")
    assert run(cli.init) == 0
    assert names()[:2] == ("vet_audit_events", "vet-audit-events")


def test_a_module_on_the_path_is_no_free_name(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "src").mkdir()
    (here / "src" / "billing.py").touch()
    monkeypatch.syspath_prepend(str(here / "src"))
    assert run(cli.init, "--package", "billing") == 2
    assert f"Python finds a module of that name in {here}/src/billing.py" in capsys.readouterr().err


# --- a person at a terminal -----------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_asked_for_names_that_are_not_given(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Terminal()
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(sys, "stdin", Terminal("json\nacme_audit\n\n"))
    monkeypatch.setattr(sys, "stderr", talk)
    assert run(cli.init, "--title", "Acme") == 0
    assert talk.getvalue() == (
        "Python package [acme_billing_audit]: json is refused: it is a module of Python's standard library\n"
        "Python package [acme_billing_audit]: Distribution [acme-audit]: "
    )
    assert names() == ("acme_audit", "acme-audit", "Acme")


def test_a_typed_title_that_check_refuses_is_not_replaced(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Terminal()
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(sys, "stdin", Terminal("\n\nTODO\n"))
    monkeypatch.setattr(sys, "stderr", talk)
    assert run(cli.init) == 2
    assert talk.getvalue().splitlines()[-1] == (
        "auditwright: nothing was written: the catalog would have these findings; give another --title"
    )
    assert list(here.iterdir()) == []


def test_a_user_without_a_home_gets_names(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    assert run(cli.init) == 0
    assert names()[0] == "acme_billing_audit"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_nothing_is_asked_in_ci(is_terminal: bool, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Terminal()
    monkeypatch.setenv("CI", "true" if is_terminal else "")
    monkeypatch.setattr(sys, "stdin", Terminal("x\n") if is_terminal else io.StringIO("x\n"))
    monkeypatch.setattr(sys, "stderr", talk)
    assert run(cli.init) == 0
    assert talk.getvalue() == ""
    assert names()[0] == "acme_billing_audit"


@pytest.mark.parametrize(
    "title", ["2026", "true", "no", "Größe: 'x' #1", "{braces}", "- dash", "x\\y", "🜁", "a\xa0b"]
)
def test_any_title_is_read_back(title: str) -> None:
    assert run(cli.init, "--title", title) == 0
    checked = read_catalog(Path("catalog"))
    assert (checked.findings, checked.catalog and checked.catalog.title) == ((), title)


def test_the_starter_is_a_valid_catalog() -> None:
    folder = Path(starter.__file__).parent / "starter"
    assert files_in(folder) == FILES
    assert run(cli.check, "--catalog", str(folder)) == 0
    texts = starter.starter_files(DEFAULT)
    assert texts == {name: (folder / name).read_text("utf-8") for name in FILES}
