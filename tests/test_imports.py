"""What the import contracts in pyproject.toml cannot say.

Allowed third-party packages, what an import loads, and the top-level folders.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.paths import ROOT

RUNTIME = ROOT / "runtime" / "auditwright"
GENERATOR = ROOT / "generator" / "auditwright_generator"
GENERATED = ROOT / "generated" / "audit_events"
OWN = ROOT / "generated" / "runtime" / "auditwright_events"
ROOTS = {"runtime": RUNTIME, "generator": GENERATOR, "generated": GENERATED, "generated/runtime": OWN}


def imports(path: Path) -> set[str]:
    """The top-level names of everything a module imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            assert node.module is not None
            found.add(node.module.partition(".")[0])
    return found


def third_party(folder: Path) -> Iterator[tuple[str, str]]:
    """Every module of a folder with each third-party package it imports."""
    modules = sorted(folder.rglob("*.py"))
    assert modules
    for path in modules:
        for name in sorted(imports(path) - sys.stdlib_module_names - PROJECT):
            yield path.relative_to(folder).as_posix(), name


PROJECT = {"auditwright", "auditwright_generator", "audit_events", "auditwright_events"}
"""Who may import whom among these: the contracts in pyproject.toml, which `dev.py lint` checks."""

RUNTIME_PACKAGES = {
    *("jsonschema", "jsonschema_rs", "orjson", "pydantic", "pydantic_core", "sqlalchemy", "sqlmodel"),
    *("typing_extensions", "uuid_utils"),
}
EXTRAS = {
    "server/": {"fastapi", "jinja2", "markupsafe", "starlette", "uvicorn"},
    "commands/serve.py": {"starlette", "uvicorn"},
    "storage/postgresql/": {"alembic", "psycopg"},
    "transfer/export_file.py": {"compression", "zstandard"},  # `compression` is in Python 3.14
    "transfer/parquet.py": {"pyarrow"},
}
"""What a module of an optional extra may import besides."""


def test_runtime_imports_only_its_dependencies() -> None:
    def is_allowed(module: str, name: str) -> bool:
        extras = (names for start, names in EXTRAS.items() if module.startswith(start))
        return name in RUNTIME_PACKAGES or any(name in names for names in extras)

    assert {each for each in third_party(RUNTIME) if not is_allowed(*each)} == set()


def test_generator_imports_only_its_dependencies() -> None:
    allowed = {
        *("jinja2", "jsonschema", "jsonschema_rs"),
        *("pydantic", "pydantic_core", "yaml"),
    }
    assert {each for each in third_party(GENERATOR) if each[1] not in allowed} == set()


@pytest.mark.parametrize("package", [GENERATED, OWN], ids=lambda package: package.name)
def test_generated_code_needs_what_the_runtime_needs(package: Path) -> None:
    allowed = {"pydantic", "sqlmodel", "sqlalchemy", "typing_extensions"}
    assert {each for each in third_party(package) if each[1] not in allowed} == set()


def test_runtime_names_no_event_of_the_catalog() -> None:
    keys = {f"{path.parent.name}.{path.stem}" for path in (ROOT / "catalog").glob("*/*.yaml")}
    assert len(keys) == 18
    for path in RUNTIME.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        texts = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value
        }
        # An example inside a message may name a category; a decision needs the key alone.
        assert not {text for text in texts if ".".join(text.split(".")[:2]) in keys and " " not in text}, path


LOADED = """
import sys
import {module}
print(*sorted(name for name in {{name.partition(".")[0] for name in sys.modules}} if name in {names}))
"""


@pytest.mark.parametrize(
    ("module", "never"),
    [
        (
            "auditwright",
            {"auditwright_generator", "yaml", "jinja2", "fastapi", "sqlmodel", "sqlalchemy", "jsonschema"}
            | {"psycopg", "alembic"},
        ),
        ("auditwright", {"audit_events", "auditwright_events"}),
        ("audit_events", {"auditwright_generator", "yaml", "jinja2", "fastapi", "sqlmodel", "sqlalchemy"}),
        (
            "auditwright.cli",
            {"auditwright_generator", "yaml", "jinja2", "sqlmodel", "sqlalchemy", "jsonschema"},
        ),
        (
            "auditwright_generator.cli",
            {"auditwright", "yaml", "jinja2", "pydantic", "sqlmodel", "jsonschema"},
        ),
    ],
)
def test_importing_loads_nothing_heavy(module: str, never: set[str]) -> None:
    path = [str(ROOT / room) for room in ROOTS]
    program = f"import sys; sys.path[:0] = {path!r}\n" + LOADED.format(module=module, names=sorted(never))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_checkout_has_only_the_rooms_that_are_agreed_on() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = {line.partition("/")[0] for line in listed.stdout.splitlines()}
    rooms = {"catalog", "generator", "runtime", "generated", "tests", "docs"}
    files = {"pyproject.toml", "README.md", "dev.py", "constraints.txt"}
    optional = {"CHANGELOG.md", "LICENSE"}
    assert {name for name in names if not name.startswith(".")} <= rooms | files | optional
    assert {"catalog", "generator", "runtime", "generated", "tests", *files} <= names


def test_each_import_root_holds_one_package() -> None:
    for room, package in ROOTS.items():
        packages = [path.parent for path in (ROOT / room).glob("*/__init__.py")]
        assert packages == [package]
        assert list((ROOT / room).glob("*.py")) == []
