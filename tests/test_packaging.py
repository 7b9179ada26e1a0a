"""The distributions that ship: what is in them, and that services use and remove them side by side."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from configparser import ConfigParser
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.version import Version
from tests.support.paths import ROOT, TEST_CATALOGS

from auditwright.catalog import SERIES
from auditwright_generator.check import read_catalog
from auditwright_generator.generate import render
from auditwright_generator.versions import RUNTIME_REQUIREMENT, RUNTIME_SERIES

PACKAGES = {
    "auditwright": ROOT / "runtime" / "auditwright",
    "auditwright_generator": ROOT / "generator" / "auditwright_generator",
    "auditwright_events": ROOT / "generated" / "runtime" / "auditwright_events",
}
SAMPLE = ROOT / "generated" / "audit_events"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SAMPLE_PROJECT = tomllib.loads((ROOT / "generated" / "pyproject.toml").read_text("utf-8"))["project"]
# The catalogs of two teams, and their packages.
TEAMS = {"kitchen_sink": "kitchen_sink_events", "shop_1": "shop_v1_events"}

# A service with the two wheels and their dependencies, and nothing of this checkout.
SERVICE = """
import sys
import auditwright
import audit_events
from auditwright import Actor, AuditLog, Filter
from audit_events import AuditEvents
from audit_events.tables.tool.guardrails import InputScannerAdded
from auditwright.system_events import record_export
from sqlmodel import Session, create_engine, select

for module in (auditwright, audit_events):
    assert module.__file__.startswith(sys.prefix), module.__file__
with AuditLog.open("sqlite:///audit.db", account_id="acme") as log:
    assert log.catalog is audit_events.CATALOG
    with log.acting(Actor.user("u-17", "Ada")):
        entry = AuditEvents(log).tool.guardrails.input_scanner_added(tool_id="t-4")
        log.record_json('{"event": "tool.guardrails.input_scanner_edited", "metadata": {"tool_id": "t"}}')
        record_export(log, "acme", Actor.user("u-17", "Ada"), "csv", "")
    where = Filter.parse(["event:is:tool.guardrails.input_scanner_added"])
    assert log.account("acme").entries(where).entries == (entry,)
    assert log.account("acme").export_csv("audit.csv") == 3
engine = create_engine("sqlite:///audit.db")
with Session(engine) as session:
    assert [row.tool_id for row in session.exec(select(InputScannerAdded))] == ["t-4"]
engine.dispose()
assert "yaml" not in sys.modules and "jinja2" not in sys.modules
print("fine")
"""

# Records an event of each category of the installed catalogs, each catalog with its own log.
EVERY_CATALOG = """
import importlib, operator, sys, warnings
from auditwright import Actor, AuditLog, SecretKey

warnings.simplefilter("ignore", DeprecationWarning)  # deprecated events are recorded too
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    with AuditLog.open(
        f"sqlite:///{name}.db", account_id="acme", catalog=package.CATALOG, secret_key=SecretKey.generate("k")
    ) as log, log.acting(Actor.user("u-17", "Ada"), ip_address="203.0.113.7"):
        before = log.account("acme").count()
        audit = package.AuditEvents(log)
        events = [category.events[0] for category in package.CATALOG.categories]
        for event in events:
            operator.attrgetter(event.key)(audit)(**event.example)
        print(name, log.account("acme").count() - before == len(events))
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what distributions are built from: of a Git checkout, or of an unpacked sdist."""
    folder = tmp_path_factory.mktemp("checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if listed.returncode:
        made_here = shutil.ignore_patterns("__pycache__", ".*_cache", ".hypothesis", ".venv", "PKG-INFO")
        shutil.copytree(ROOT, folder, ignore=made_here, dirs_exist_ok=True)
        return folder
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def build(folder: Path, *distributions: str) -> list[Path]:
    """The wheels of folders, built by the command of the guides, but with the backend that is installed."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", *distributions, "-w", "dist"]
    done = subprocess.run(
        [*command, "--no-build-isolation"], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return sorted((folder / "dist").iterdir())


@pytest.fixture(scope="module")
def wheels(checkout: Path) -> list[Path]:
    """The wheels of the sample's catalog and of auditwright."""
    return build(checkout, ".", "./generated")


@pytest.fixture(scope="module")
def wheel(wheels: list[Path]) -> Path:
    """The wheel of auditwright."""
    return wheels[1]


@pytest.fixture(scope="module")
def sample(wheels: list[Path]) -> Path:
    """The wheel of this repository's sample catalog."""
    return wheels[0]


@pytest.fixture(scope="module")
def teams(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheels of two teams by package, whose repositories ignore much of what is generated."""
    made = {}
    for name, package in TEAMS.items():
        root = tmp_path_factory.mktemp(name)
        (root / ".gitignore").write_text("models/\n*.json\n*.typed\nbuild*\n", "utf-8")
        catalog = read_catalog(TEST_CATALOGS / name).catalog
        assert catalog
        for path, text in render(catalog).items():
            (root / "generated" / path).parent.mkdir(parents=True, exist_ok=True)
            (root / "generated" / path).write_text(text, "utf-8")
        (root / "generated" / package / "__pycache__").mkdir()
        (root / "generated" / package / "__pycache__" / "left.pyc").write_bytes(b"")
        (made[package],) = build(root, "./generated")
    return made


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def information(wheel: Path) -> tuple[str, dict[str, str], ConfigParser]:
    """The name of its dist-info, its metadata and its entry points."""
    (folder,) = {name.partition("/")[0] for name in names_in(wheel) if ".dist-info/" in name}
    with zipfile.ZipFile(wheel) as archive:
        about = Parser().parsestr(archive.read(f"{folder}/METADATA").decode())
        points = ConfigParser()
        if f"{folder}/entry_points.txt" in archive.namelist():
            points.read_string(archive.read(f"{folder}/entry_points.txt").decode())
    return folder, {key: "\n".join(about.get_all(key, [])) for key in about}, points


def files_of(package: str, folder: Path) -> set[str]:
    return {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


# --- what is in them ------------------------------------------------------------------------------------


def test_wheel_has_only_the_three_packages(wheel: Path) -> None:
    version = PROJECT["version"]
    assert wheel.name == f"auditwright-{version}-py3-none-any.whl"
    roots = {name.partition("/")[0] for name in names_in(wheel)}
    assert roots == {*PACKAGES, f"auditwright-{version}.dist-info"}
    assert f"auditwright-{version}.dist-info/licenses/LICENSE" in names_in(wheel)


@pytest.mark.parametrize("package", PACKAGES)
def test_holds_every_file_of_a_package(wheel: Path, package: str) -> None:
    files = files_of(package, PACKAGES[package])
    assert {name for name in names_in(wheel) if name.startswith(f"{package}/")} == files
    assert {f"{package}/py.typed", f"{package}/__init__.py"} <= files


def test_wheel_has_templates_and_static_files(wheel: Path) -> None:
    files = {
        "targets/templates/pyproject.toml.j2",
        "sphinx/static/auditwright.css",
        "scaffold/site_starter/conf.py.template",
        "scaffold/site_starter/brand.css",
    }
    assert {f"auditwright_generator/{name}" for name in files} - names_in(wheel) == set()


def test_sample_is_a_distribution_of_its_own(sample: Path) -> None:
    version = SAMPLE_PROJECT["version"]
    assert sample.name == f"audit_events-{version}-py3-none-any.whl"
    names = names_in(sample)
    assert {name for name in names if ".dist-info/" not in name} == files_of("audit_events", SAMPLE)
    assert len([name for name in names if re.match(r"audit_events/json_schema/\w+/", name)]) == 78
    _, about, points = information(sample)
    assert about["Summary"] == "Audit log event reference"
    assert Requirement(about["Requires-Dist"]) == Requirement(RUNTIME_REQUIREMENT)
    assert about["Classifier"].splitlines() == ["Private :: Do Not Upload", "Typing :: Typed"]
    assert {name: dict(points[name]) for name in points.sections()} == {
        "auditwright.catalogs": {"audit_events": "audit_events:CATALOG"}
    }


def test_ignored_files_are_packaged_all_the_same(teams: dict[str, Path]) -> None:
    for package, wheel in teams.items():
        names = {name for name in names_in(wheel) if ".dist-info/" not in name}
        catalog = read_catalog(TEST_CATALOGS / next(n for n, p in TEAMS.items() if p == package)).catalog
        assert catalog
        assert names == {path for path in render(catalog) if path.startswith(f"{package}/")}
        assert f"{package}/catalog.json" in names
        assert any(name.startswith(f"{package}/models/") for name in names)


def test_announces_commands_and_license(wheel: Path) -> None:
    _, about, points = information(wheel)
    assert dict(points["console_scripts"]) == {"auditwright": "auditwright.cli:main"}
    assert set(points["auditwright.commands"]) >= {"check", "events", "generate"}
    assert "auditwright.catalogs" not in points
    assert about["License-Expression"] == "MIT"
    assert about["Requires-Python"] == PROJECT["requires-python"]
    assert set(about["Provides-Extra"].split()) == set(PROJECT["optional-dependencies"])
    required = [each for each in about["Requires-Dist"].splitlines() if "extra ==" not in each]
    assert sorted(required) == sorted(PROJECT["dependencies"])


def test_generated_code_needs_the_series_of_its_generator() -> None:
    version = Version(PROJECT["version"])
    assert f"{version.major}.{version.minor}" == RUNTIME_SERIES == SERIES
    requirement = Requirement(RUNTIME_REQUIREMENT)
    assert requirement.name == "auditwright"
    assert str(version) in requirement.specifier
    assert f"{version.major}.{version.minor + 1}.0" not in requirement.specifier


def test_editable_installs_copy_no_package(checkout: Path, tmp_path: Path) -> None:
    """A copy would go before the checkout, and stay as it was."""
    rooms = {
        "auditwright": [checkout / room for room in ("generated/runtime", "generator", "runtime")],
        "audit_events": [checkout / "generated"],
    }
    for name, folder in (("auditwright", checkout), ("audit_events", checkout / "generated")):
        (built,) = WheelBuilder(str(folder)).build(directory=str(tmp_path), versions=["editable"])
        with zipfile.ZipFile(built) as archive:
            files = {each for each in archive.namelist() if ".dist-info/" not in each}
            folders = archive.read(f"_{name}.pth").decode().splitlines()
        assert files == {f"_{name}.pth"}
        assert folders == [str(room) for room in rooms[name]]


def test_sdist_has_all_to_build_test_and_read(checkout: Path, tmp_path: Path) -> None:
    (built,) = SdistBuilder(str(checkout)).build(directory=str(tmp_path))
    with tarfile.open(built) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    made_by_tests = re.compile("dist/|.*__pycache__/")
    expected = {path.relative_to(checkout).as_posix() for path in checkout.rglob("*") if path.is_file()}
    assert names - {"PKG-INFO"} == {name for name in expected if not made_by_tests.match(name)}


# --- in an environment of their own ---------------------------------------------------------------------


@dataclass(frozen=True)
class Environment:
    """A fresh environment without anything of this checkout."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin") / "python"

    def uv(self, *arguments: str | Path) -> str:
        """What uv prints; it must succeed."""
        done = subprocess.run(
            [Path(sys.executable).with_name("uv"), "-q", *arguments],
            env=self._variables, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def install(self, *what: str | Path) -> None:
        # The pins, so that a new release of a dependency fails no test of ours.
        self.uv("pip", "install", "--python", self.python, "-c", ROOT / "constraints.txt", *what)

    def uninstall(self, *names: str) -> None:
        self.uv("pip", "uninstall", "--python", self.python, *names)

    @property
    def installed(self) -> set[str]:
        found = json.loads(self.uv("pip", "list", "--python", self.python, "--format", "json"))
        return {each["name"] for each in found}

    def run(self, program: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "-I", "-W", "error", "-c", program, *arguments],
            cwd=folder, env=self._variables, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    @property
    def _variables(self) -> dict[str, str]:
        others = ("AUDITWRIGHT_", "PYTHON", "VIRTUAL_ENV")
        return {name: value for name, value in os.environ.items() if not name.startswith(others)}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, wheel: Path, sample: Path) -> Environment:
    """An environment with the two wheels and what they need."""
    made = Environment(tmp_path_factory.mktemp("environment") / "venv")
    made.uv("venv", "--python", sys.executable, made.folder)
    made.install(wheel, sample)
    return made


def test_service_has_few_distributions(environment: Environment, wheel: Path, tmp_path: Path) -> None:
    """Without the extras of the generator a service records, reads and exports."""
    bare = environment.installed
    done = environment.run(SERVICE, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")
    environment.install("fastapi")
    framework = environment.installed
    environment.install(f"auditwright[server] @ {wheel.as_uri()}")
    serving = environment.installed
    print(f"distributions: {len(bare)}; {len(framework)} with FastAPI; {len(serving)} with [server]")
    assert {"auditwright", "audit-events"} < bare < framework < serving
    assert not {"pyyaml", "jinja2", "fastapi"} & bare
    assert len(bare) < 15
    assert len(framework) < 20
    assert len(serving) < 25


def test_catalogs_are_installed_side_by_side(
    environment: Environment, teams: dict[str, Path], sample: Path, tmp_path: Path
) -> None:
    """No file belongs to two distributions, so that any of them is removed without breaking another."""
    before = environment.installed
    environment.install(*teams.values(), "--no-deps")
    every = ["audit_events", *teams]
    owners: dict[str, str] = {}
    for wheel in (sample, *teams.values()):
        for name in names_in(wheel):
            assert owners.setdefault(name, wheel.name) == wheel.name, name
    assert recorded(environment, every, tmp_path) == every
    chosen = environment.run(SERVICE, folder=tmp_path)
    assert chosen.stderr.splitlines()[-1] == (
        "auditwright.errors.CatalogError: several catalog packages are installed "
        f"({', '.join(sorted(every))}); name one with catalog= (such as catalog=audit_events.CATALOG), "
        "--catalog-package or AUDITWRIGHT_CATALOG"
    )
    for package, distribution in ((every[1], "acme-kitchen-sink"), (every[0], "audit-events")):
        environment.uninstall(distribution)
        every.remove(package)
        assert recorded(environment, every, tmp_path) == every
    environment.install("--find-links", sample.parent, "--no-index", "audit-events", "--no-deps")
    assert "audit-events" in environment.installed
    environment.uninstall(*environment.installed - before)


def recorded(environment: Environment, packages: list[str], folder: Path) -> list[str]:
    """The packages whose events were recorded."""
    done = environment.run(EVERY_CATALOG, *packages, folder=folder)
    assert done.stderr == ""
    return [line.removesuffix(" True") for line in done.stdout.splitlines()]


def test_folders_beside_a_package_hide_nothing(
    environment: Environment, checkout: Path, sample: Path, tmp_path: Path
) -> None:
    """An editable install puts `generated/` on the path, where `docs` and `language` are folders too.

    They hold no module, and Python prefers any package of that name, wherever it is on the path.
    """
    environment.install("-e", checkout / "generated", "--no-deps", "--reinstall-package", "audit-events")
    assert [*(checkout / "generated" / "docs").rglob("*.py")] == []
    assert [*(checkout / "generated" / "language").rglob("*.py")] == []
    for name in ("docs", "language"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("", "utf-8")
    program = (
        "import sys; sys.path.append(sys.argv[1]); import audit_events, docs, language; "
        "print(audit_events.__file__, docs.__file__, language.__file__)"
    )
    done = environment.run(program, str(tmp_path), folder=tmp_path)
    found = [checkout / "generated" / "audit_events", tmp_path / "docs", tmp_path / "language"]
    assert done.stdout.split() == [str(each / "__init__.py") for each in found]
    environment.install(sample, "--no-deps", "--reinstall-package", "audit-events")
