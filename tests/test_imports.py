"""What the import contracts in pyproject.toml cannot say.

Allowed third-party packages, what an import loads, and the top-level folders.
"""

import ast
import importlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from tests.support.paths import ROOT

import auditwright

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
    "contrib/celery": {"celery"},
    "contrib/django/": {"asgiref", "django"},
    "contrib/opentelemetry.py": {"opentelemetry"},
    "contrib/pytest": {"pytest"},
    "commands/completion.py": {"shtab"},
    "server/": {"anyio", "fastapi", "jinja2", "markupsafe", "starlette", "uvicorn"},
    "commands/serve.py": {"starlette", "uvicorn"},
    "storage/postgresql/": {"alembic", "psycopg"},
    "transfer/compressed.py": {"compression", "zstandard"},
    "transfer/export_file.py": {"compression", "zstandard"},  # `compression` is in Python 3.14
    "transfer/parquet.py": {"pyarrow"},
}
"""What a module of an optional extra may import besides."""
OF_SITE = {"sphinx/": {"docutils", "markdown_it", "markupsafe", "sphinx"}, "site/": {"sphinx"}}
"""What the Sphinx extension, and what runs it, may import besides."""


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

    def is_allowed(module: str, name: str) -> bool:
        of_site = (names for start, names in OF_SITE.items() if module.startswith(start))
        return name in allowed or any(name in names for names in of_site)

    assert {each for each in third_party(GENERATOR) if not is_allowed(*each)} == set()


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


# --- what is loaded --------------------------------------------------------------------------------

SQL_TOOLKIT = {"sqlmodel", "sqlalchemy"}
OTHERS = {"yaml", "jinja2", "fastapi", "jsonschema", "psycopg", "alembic", "auditwright_generator"}
PATHS = [str(ROOT / room) for room in ROOTS]
REPORT = """
import json
print(json.dumps({name: getattr(module, "__file__", None) for name, module in sys.modules.items()}))
"""


def modules_loaded_by(program: str, *arguments: str) -> dict[str, str | None]:
    """Every module that a process has loaded when a program is at its end, with its file."""
    script = f"import sys; sys.path[:0] = {PATHS!r}\n{program}\n{REPORT}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded: dict[str, str | None] = json.loads(done.stdout.splitlines()[-1])
    return loaded


def packages(modules: Iterable[str]) -> set[str]:
    """The top-level packages of modules."""
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("auditwright", SQL_TOOLKIT | OTHERS | {"pydantic", "audit_events", "auditwright_events"}),
        ("audit_events", SQL_TOOLKIT | OTHERS),
        ("auditwright.alembic", SQL_TOOLKIT | OTHERS | {"pydantic", "orjson"}),
        ("auditwright.cli", SQL_TOOLKIT | OTHERS | {"pydantic"}),
        (
            "auditwright_generator.cli",
            {"auditwright", "yaml", "jinja2", "pydantic", "sqlmodel", "jsonschema"},
        ),
        ("auditwright_generator.generate", OF_SITE["sphinx/"]),
        ("auditwright_generator.commands.site", OF_SITE["sphinx/"] | {"yaml", "jinja2"}),
    ],
)
def test_importing_loads_nothing_heavy(module: str, never: set[str]) -> None:
    assert packages(modules_loaded_by(f"import {module}")) & never == set()


IMPORT = """
import auditwright, audit_events
from auditwright import Actor, AuditLog
"""
RECORD = f"""{IMPORT}
url = f"sqlite:///{{sys.argv[1]}}/audit.db"
with AuditLog.open(url, account_id="acme", catalog=audit_events.CATALOG) as log, log.acting(Actor.system()):
    audit_events.AuditEvents(log).account.roles.role_changed()
"""
LOADED_BY_IMPORT = {
    "auditwright",
    "auditwright.actor",
    "auditwright.catalog",
    "auditwright.change",
    "auditwright.context",
    "auditwright.emitters",
    "auditwright.entry",
    "auditwright.errors",
    "auditwright.event_model",
    "auditwright.forks",
    "auditwright.ids",
    "auditwright.limits",
    "auditwright.log",
    "auditwright.recording",
    "auditwright.recording.description",
    "auditwright.recording.envelope",
    "auditwright.recording.fingerprint",
    "auditwright.recording.group_commit",
    "auditwright.recording.recorder",
    "auditwright.storage",
    "auditwright.storage.base",
    "auditwright.storage.deadline",
    "auditwright.storage.errors",
    "auditwright.storage.query",
    "auditwright.text",
}
LOADED_BY_RECORDING = LOADED_BY_IMPORT | {
    "auditwright.storage.activity",
    "auditwright.storage.case_folding",
    "auditwright.storage.layout",
    "auditwright.storage.scan",
    "auditwright.storage.sessions",
    "auditwright.storage.setup_change",
    "auditwright.storage.sqlite",
    "auditwright.storage.sqlite.connections",
    "auditwright.storage.sqlite.engine",
    "auditwright.storage.sqlite.queries",
    "auditwright.storage.sqlite.schema",
    "auditwright.storage.sqlite.triggers",
    "auditwright.storage.write_lock",
}


@pytest.mark.parametrize(
    ("program", "expected", "most"),
    [(IMPORT, LOADED_BY_IMPORT, 5_100), (RECORD, LOADED_BY_RECORDING, 7_300)],
    ids=["import", "recording"],
)
def test_import_and_recording_load_few_lines_of_the_runtime(
    program: str, expected: set[str], most: int, tmp_path: Path
) -> None:
    loaded = modules_loaded_by(program, str(tmp_path))
    lines = {
        name: len(Path(file).read_text("utf-8").splitlines())
        for name, file in loaded.items()
        if name.partition(".")[0] == "auditwright" and file is not None
    }
    table = "\n".join(f"{count:6} {name}" for name, count in sorted(lines.items(), key=lambda line: -line[1]))
    print(f"{sum(lines.values()):6} lines in {len(lines)} modules\n{table}")
    assert set(lines) - expected == set(), "loaded now and not before"
    assert expected - set(lines) == set(), "no longer loaded: take it from the list"
    assert sum(lines.values()) <= most, table
    assert packages(loaded) & (SQL_TOOLKIT | OTHERS) == set()


@pytest.fixture(scope="module")
def generated_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything the project's catalog generates, current."""
    out = tmp_path_factory.mktemp("copy") / "generated"
    shutil.copytree(ROOT / "generated", out, ignore=shutil.ignore_patterns("__pycache__"))
    return out


@pytest.mark.parametrize("command", ["check", "generate"])
def test_generator_command_loads_no_recording_path(command: str, generated_copy: Path) -> None:
    arguments = [command, "--catalog", str(ROOT / "catalog")]
    if command == "generate":
        arguments += ["--out", str(generated_copy)]
    program = "import auditwright.cli\nassert auditwright.cli.main(sys.argv[1:]) == 0"
    loaded = modules_loaded_by(program, *arguments)
    assert packages(loaded) & (SQL_TOOLKIT | {"pydantic", "pydantic_core", "audit_events"}) == set()
    assert {name for name in loaded if name.partition(".")[0] == "auditwright"} == {
        "auditwright",
        "auditwright.cli",
        "auditwright.errors",
        "auditwright.storage",
        "auditwright.storage.deadline",
        "auditwright.storage.errors",
        "auditwright.text",
    }


# --- public names ----------------------------------------------------------------------------------


def test_lazy_names_of_the_package_agree() -> None:
    """What type checkers see, `__all__`, and what an import by name finds."""
    tree = ast.parse((RUNTIME / "__init__.py").read_text("utf-8"))
    (block,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and not node.orelse
    )
    typed = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname is None
    }
    assert sorted(typed) == auditwright.__all__
    assert set(auditwright.__all__) <= set(dir(auditwright))
    for name, module in typed.items():
        assert module is not None
        assert getattr(auditwright, name) is getattr(importlib.import_module(module), name), name
    lazy = {name: module for module, names in auditwright._MODULES.items() for name in names}
    assert lazy == typed
    with pytest.raises(AttributeError, match="module 'auditwright' has no attribute 'AuditLogs'"):
        getattr(auditwright, "AuditLogs")  # noqa: B009 - type checkers refuse the plain form


# --- folders ---------------------------------------------------------------------------------------


def test_checkout_has_only_the_agreed_folders() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = {line.partition("/")[0] for line in listed.stdout.splitlines()}
    folders = {"catalog", "generator", "runtime", "generated", "tests", "docs"}
    files = {"pyproject.toml", "README.md", "dev.py", "constraints.txt"}
    optional = {"CHANGELOG.md", "LICENSE"}
    assert {name for name in names if not name.startswith(".")} <= folders | files | optional
    assert {"catalog", "generator", "runtime", "generated", "tests", *files} <= names


def test_each_import_root_holds_one_package() -> None:
    for room, package in ROOTS.items():
        packages = [path.parent for path in (ROOT / room).glob("*/__init__.py")]
        assert packages == [package]
        assert list((ROOT / room).glob("*.py")) == []
