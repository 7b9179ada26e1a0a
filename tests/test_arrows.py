"""The directions of imports, by parsing: generated -> runtime; generator and runtime never meet."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
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


def outside(folder: Path) -> Iterator[tuple[str, str]]:
    """Every module of a folder with each name it imports that is not of the standard library."""
    modules = sorted(folder.rglob("*.py"))
    assert modules
    for path in modules:
        for name in sorted(imports(path) - sys.stdlib_module_names):
            yield path.relative_to(folder).as_posix(), name


def test_runtime_imports_neither_generator_nor_generated_code() -> None:
    allowed = {
        "auditwright",
        "jsonschema",
        "jsonschema_rs",
        "orjson",
        "pydantic",
        "pydantic_core",
        "sqlalchemy",
    }
    allowed |= {"sqlmodel", "typing_extensions", "uuid_utils"}
    strange = [(module, name) for module, name in outside(RUNTIME) if name not in allowed]
    assert [(module, name) for module, name in strange if not in_an_extra(module, name)] == []


def in_an_extra(module: str, name: str) -> bool:
    """Whether a module of an extra imports a package of it."""
    return serves(module, name) or is_of_postgresql(module, name) or is_of_exports(module, name)


def is_of_exports(module: str, name: str) -> bool:
    """Whether it writes a kind of export with a package of its extra; `compression` is in Python 3.14."""
    if module == "export_file.py":
        return name in ("compression", "zstandard")
    return (module, name) == ("parquet.py", "pyarrow")


def is_of_postgresql(module: str, name: str) -> bool:
    """Whether it is what works with PostgreSQL alone, with a package of its extra."""
    if name == "alembic":
        return module.startswith("migrations/")
    return name == "psycopg" and (module.startswith("storage/postgresql") or module == "database_setup.py")


def serves(module: str, name: str) -> bool:
    """Whether it is the server, with a package of its extra."""
    extra = {"fastapi", "jinja2", "markupsafe", "starlette", "uvicorn"}
    return name in extra and (module.startswith("server/") or module == "commands/serve.py")


def test_generator_imports_neither_runtime_nor_generated_code() -> None:
    allowed = {
        "auditwright_generator",
        "datamodel_code_generator",
        "jinja2",
        "jsonschema",
        "jsonschema_rs",
        "yaml",
    }
    assert [(module, name) for module, name in outside(GENERATOR) if name not in allowed] == []


@pytest.mark.parametrize("package", [GENERATED, OWN], ids=lambda package: package.name)
def test_generated_code_imports_only_the_runtime_and_what_that_needs(package: Path) -> None:
    allowed = {"auditwright", package.name, "pydantic", "sqlmodel", "sqlalchemy", "typing_extensions"}
    assert [(module, name) for module, name in outside(package) if name not in allowed] == []


def test_datamodel_code_generator_is_known_in_one_place() -> None:
    users = {module for module, name in outside(GENERATOR) if name == "datamodel_code_generator"}
    assert users == {"targets/models.py"}


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
    assert {name for name in names if not name.startswith(".")} <= rooms | files
    assert {"catalog", "generator", "runtime", "generated", "tests", *files} <= names


def test_each_import_root_holds_one_package() -> None:
    for room, package in ROOTS.items():
        packages = [path.parent for path in (ROOT / room).glob("*/__init__.py")]
        assert packages == [package]
        assert list((ROOT / room).glob("*.py")) == []
