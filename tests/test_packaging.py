"""The wheel that ships: what is in it, and that a service can use it without the generator's packages."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from configparser import ConfigParser
from email.parser import Parser
from importlib.util import find_spec
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from tests.support.paths import ROOT

PACKAGES = {
    "auditwright": ROOT / "runtime" / "auditwright",
    "auditwright_generator": ROOT / "generator" / "auditwright_generator",
    "audit_events": ROOT / "generated" / "audit_events",
    "auditwright_events": ROOT / "generated" / "runtime" / "auditwright_events",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

# A service with the wheel and its dependencies, and nothing of this checkout or of the extras.
SERVICE = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("yaml", "jinja2"):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
sys.path[:] = [{unpacked!r}, *(path for path in sys.path if not path.startswith({root!r})), {libraries!r}]

import auditwright
import audit_events
from auditwright import Actor, AuditLog, Filter
from audit_events import AuditEvents
from audit_events.tables.tool.guardrails import InputScannerAdded
from sqlmodel import Session, create_engine, select

assert auditwright.__file__.startswith({unpacked!r}), auditwright.__file__
assert audit_events.__file__.startswith({unpacked!r}), audit_events.__file__
with AuditLog.open("sqlite:///audit.db", account_id="acme", catalog=audit_events.CATALOG) as log:
    with log.acting(Actor.user("u-17", "Ada")):
        entry = AuditEvents(log).tool.guardrails.input_scanner_added(tool_id="t-4")
        log.record_json('{{"event": "tool.guardrails.input_scanner_edited", "metadata": {{"tool_id": "t"}}}}')
        log.record_json('{{"event": "audit.log.exported", "metadata": {{"format": "csv"}}}}')
    where = Filter.parse(["event:is:tool.guardrails.input_scanner_added"])
    assert log.account("acme").entries(where).entries == (entry,)
    assert log.account("acme").export_csv("audit.csv") == 3
engine = create_engine("sqlite:///audit.db")
with Session(engine) as session:
    assert [row.tool_id for row in session.exec(select(InputScannerAdded))] == ["t-4"]
engine.dispose()
print("fine")
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what wheels are built from."""
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("runtime", "generator", "generated"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(checkout: Path) -> Path:
    """The wheel, built as a release would be."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=checkout, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (built,) = (checkout / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_has_only_the_four_packages(wheel: Path, names: set[str]) -> None:
    version = PROJECT["version"]
    assert wheel.name == f"auditwright-{version}-py3-none-any.whl"
    roots = {name.partition("/")[0] for name in names}
    assert roots == {*PACKAGES, f"auditwright-{version}.dist-info"}


@pytest.mark.parametrize("package", PACKAGES)
def test_holds_every_file_of_a_package(names: set[str], package: str) -> None:
    folder = PACKAGES[package]
    files = {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if name.startswith(f"{package}/")} == files
    assert f"{package}/py.typed" in files
    assert f"{package}/__init__.py" in files


def test_wheel_has_schemas_and_templates(names: set[str]) -> None:
    assert "audit_events/catalog.json" in names
    schemas = [
        name for name in names if name.startswith("audit_events/json_schema/") and name.count("/") == 4
    ]
    assert len(schemas) == 78
    assert "auditwright_generator/targets/templates/emitters.py.j2" in names


def test_an_editable_install_copies_no_package(checkout: Path, tmp_path: Path) -> None:
    """A copy would go before the checkout, and stay as it was."""
    (built,) = WheelBuilder(str(checkout)).build(directory=str(tmp_path), versions=["editable"])
    with zipfile.ZipFile(built) as archive:
        roots = {name.partition("/")[0] for name in archive.namelist()}
        folders = archive.read("_auditwright.pth").decode().splitlines()
    assert roots == {"_auditwright.pth", f"auditwright-{PROJECT['version']}.dist-info"}
    assert folders == [
        str(checkout / room) for room in ("generated", "generated/runtime", "generator", "runtime")
    ]


def test_announces_commands_and_catalog(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        information = f"auditwright-{PROJECT['version']}.dist-info"
        points = ConfigParser()
        points.read_string(archive.read(f"{information}/entry_points.txt").decode())
        about = Parser().parsestr(archive.read(f"{information}/METADATA").decode())
    assert dict(points["console_scripts"]) == {"auditwright": "auditwright.cli:main"}
    assert set(points["auditwright.commands"]) >= {"check", "events", "generate"}
    assert dict(points["auditwright.catalogs"]) == {"audit_events": "audit_events:CATALOG"}
    assert about["Requires-Python"] == PROJECT["requires-python"]
    assert set(about.get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])
    required = [each for each in about.get_all("Requires-Dist", []) if "extra ==" not in each]
    assert sorted(required) == sorted(PROJECT["dependencies"])


def test_a_service_works_without_the_generators_packages(wheel: Path, tmp_path: Path) -> None:
    unpacked = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    found = find_spec("pydantic")
    assert found
    assert found.origin
    program = SERVICE.format(
        unpacked=str(unpacked), root=str(ROOT), libraries=str(Path(found.origin).parent.parent)
    )
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", program],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")
