"""`names.py`: the literal sets have all names that the installed libraries define."""

import ast
import builtins
import keyword
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import BaseModel
from pydantic._internal._config import config_defaults
from sqlmodel import SQLModel
from tests.support.paths import ROOT

from auditwright.emitters import FailureOptions, Options
from auditwright.event_model import EventModel
from auditwright.storage.layout import INDEXES, TABLES, view_name
from auditwright.transfer.parquet import ENVELOPE, REST
from auditwright_events import CATALOG
from auditwright_generator import names
from auditwright_generator.check import read_catalog
from auditwright_generator.sphinx.navigation import INDEXES as INDEXES_OF_SITES
from auditwright_generator.targets import docs


@pytest.mark.parametrize("base", [EventModel, BaseModel, SQLModel])
def test_every_attribute_of_the_base_classes_is_refused(base: type) -> None:
    public = {name for name in (*dir(base), *dir(type(base))) if not name.startswith("_")}
    assert {name for name in public if hasattr(base, name)} <= names.MODEL_ATTRIBUTES


def test_every_option_of_the_emitters_is_refused() -> None:
    options = {*Options.__annotations__, *FailureOptions.__annotations__}
    assert {*options, "options", "self"} == names.EMITTER_OPTIONS


def test_beginnings_that_pydantic_reserves_are_refused() -> None:
    assert tuple(sorted(map(str, config_defaults.get("protected_namespaces", ())))) == names.MODEL_PREFIXES
    assert names.refuse_field("model_dump_count", False) == "pydantic reserves names with this beginning"
    assert names.another_name("field", "model_dump_count") == "field_model_dump_count"


def test_every_own_table_and_view_is_refused() -> None:
    relations = TABLES | {view_name(event) for event in CATALOG.events.values()}
    assert relations == names.OWN_RELATIONS
    assert all(names.is_own_relation(index) for index in INDEXES)


def test_every_page_of_a_reference_is_refused() -> None:
    catalog = read_catalog(ROOT / "tests/catalogs/no_levels").catalog
    assert catalog is not None
    pages = {path.removeprefix("docs/").removesuffix(".md") for path in docs.whole(catalog)}
    assert {page for page in pages if "/" not in page} - {"README"} <= names.PAGES_OF_REFERENCE
    assert set(INDEXES_OF_SITES) <= names.PAGES_OF_REFERENCE


def test_every_column_of_a_parquet_file_is_refused() -> None:
    assert {*ENVELOPE, *REST} <= names.TABLE_COLUMNS | names.EXPORTED_COLUMNS


@pytest.mark.parametrize("name", sorted(names.SYSTEM_COLUMNS))
def test_system_column_is_refused_as_a_separate_column_only(name: str) -> None:
    assert names.refuse_field(name, fills_entry=False) is None
    assert names.refuse_field(name, fills_entry=False, has_column=True) is not None


@pytest.mark.parametrize("name", ["pg", "pg_stat", "sqlite", "sqlite_things"])
def test_level_with_a_beginning_of_the_databases_is_refused(name: str) -> None:
    assert names.refuse_level(name) is not None
    assert names.refuse_level(names.another_name("level", name)) is None


def test_every_keyword_is_refused_everywhere() -> None:
    for word in keyword.kwlist:
        assert names.refuse_field(word, fills_entry=False) == "it is a Python keyword"
        assert names.refuse_class(word) == "it is a Python keyword"
        assert names.refuse_event(word) is not None
        assert names.refuse_level(word) is not None
        assert names.refuse_package(word) is not None


def test_entry_field_may_have_the_name_of_its_column() -> None:
    assert names.refuse_field("ip_address", fills_entry=True) is None
    assert names.refuse_field("ip_address", fills_entry=False) is not None


def test_level_audit_is_reserved_for_the_own_package() -> None:
    reason = "Auditwright records its own events there"
    assert names.refuse_level("audit") == reason
    assert names.refuse_level("audit", "audit_events") == reason
    assert names.refuse_level("audit", names.OWN_PACKAGE) is None
    assert names.refuse_level("models", names.OWN_PACKAGE) is not None


def test_globals_exist_as_builtins() -> None:
    assert {name for name in names.GLOBALS if hasattr(builtins, name)} == {
        *("str", "bytes", "int", "float", "bool", "list", "dict", "tuple"),
    }


@pytest.mark.parametrize(
    "name",
    [
        *("auditwright", "auditwright_acme", "json", "compression", "pydantic", "class", "tests", "docs"),
        "language",
    ],
)
def test_package_that_hides_another_is_refused(name: str) -> None:
    assert names.refuse_package(name) is not None


def test_package_and_distribution_of_a_team_are_accepted() -> None:
    assert names.refuse_package("acme_audit") is None
    assert names.refuse_package(names.OWN_PACKAGE) is None
    assert names.refuse_distribution("acme-audit") is None


def test_distribution_of_another_is_refused() -> None:
    ours = "names with this beginning are Auditwright's own"
    assert names.refuse_distribution("auditwright") == ours
    assert names.refuse_distribution("auditwright-acme") == ours
    for name in ("pyyaml", "typing-extensions", "hatchling"):
        assert names.refuse_distribution(name) == "a dependency of auditwright has that name"


def installed_with(*todo: Requirement) -> Iterator[str]:
    """The distributions that are installed with these, by their normalised names."""
    waiting, seen = list(todo), set()
    while waiting:
        each = waiting.pop()
        if (each.name, frozenset(each.extras)) in seen:
            continue
        seen.add((each.name, frozenset(each.extras)))
        yield canonicalize_name(each.name)
        for further in map(Requirement, metadata.requires(each.name) or ()):
            extras = ("", *each.extras)
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(further)


def test_names_of_all_dependencies_are_refused() -> None:
    extras = metadata.metadata("auditwright").get_all("Provides-Extra") or []
    needed = set(installed_with(Requirement(f"auditwright[{','.join(extras)}]"))) - {"auditwright"}
    assert {"pydantic", "fastapi", "pyarrow", "pyyaml"} <= needed
    modules = {
        module
        for module, distributions in metadata.packages_distributions().items()
        if not module.startswith("_") and needed & {canonicalize_name(each) for each in distributions}
    }
    assert {name for name in modules if names.refuse_package(name) is None} == set()
    assert {name for name in needed if names.refuse_distribution(name) is None} == set()


@pytest.mark.parametrize(
    "name", ["type", "date", "order", "user", "url", "timeout", "max_length", "model_id"]
)
def test_other_names_are_accepted(name: str) -> None:
    assert names.refuse_field(name, fills_entry=False) is None
    assert names.refuse_event(name) is None


def imported_names() -> Iterator[str]:
    """The names that generated modules of categories import."""
    for path in (Path(__file__).parents[2] / "generated").glob("**/*_events/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and path.name != "__init__.py":
                yield from (alias.asname or alias.name for alias in node.names)


def test_names_that_generated_modules_import_are_refused() -> None:
    # No event has a class with an underscore in its name.
    imported = {name for name in imported_names() if "_" not in name} - {"annotations"}
    assert imported
    assert imported <= names.IMPORTED_CLASSES | names.GLOBALS
