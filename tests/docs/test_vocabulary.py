"""Names in the packages are words of the glossary, and names of tests are short.

A name that a word of the glossary replaced does not come back.
"""

import ast
from collections.abc import Iterator

import pytest
from tests.support.paths import ROOT

PACKAGES = (ROOT / "runtime" / "auditwright", ROOT / "generator" / "auditwright_generator")
REPLACED = {
    "BROKEN": "INVALID",
    "CUTS": "partition_bounds",
    "Done": "SetupResult",
    "Exporter": "RequireExport",
    "Forked": "ForkAware",
    "Guard": "SecurityHeadersMiddleware",
    "Keeper": "RetentionStore",
    "Kept": "ImportedParts",
    "Known": "CatalogIndex",
    "Misfit": "Mismatch",
    "Old": "ExpiredEntries",
    "Pruned": "PruneResult",
    "Recording": "RequireRecord",
    "Someone": "RequireUser",
    "WAY_BACK": "HINT",
    "advice": "hint",
    "begun": "primed",
    "callers": "sessions",
    "came": "got",
    "clean": "sanitize",
    "few": "sparse_users",
    "hops": "loose index scan",
    "listing": "join_words, or what it is a list of",
    "looked_at": "scan_budget",
    "looked_to": "scanned_to",
    "looking": "scan",
    "near_and_far": "recent_first",
    "own_events": "system_events",
    "place": "dsn, cursor or position",
    "postgresql_connection": "owner_connection",
    "see_to_forks": "register",
    "short": "truncate",
    "sift": "apply_suppressions",
    "some_entries": "sparse_users",
    "standing": "lifecycle_note",
    "strangers": "unregistered_events",
    "way_out": "hint",
    "wording": "phrases or problem_text",
}
MODULES = {
    "changes": "diff",
    "differences": "drift",
    "imports": "jsonl_import",
    "load": "source/yaml_nodes",
    "locks": "write_lock",
    "text_search": "case_folding",
    "types": "sqltypes",
    "usage": "coverage",
    "validate": "json_form",
    "writer": "group_commit",
}
"""Names that only a module or a package may not have: elsewhere they are ordinary words."""


def defined_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name that a module defines, with its line: functions, classes, parameters, variables, aliases."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node.lineno
            case ast.arg():
                yield node.arg, node.lineno
            case ast.Name(ctx=ast.Store()):
                yield node.id, node.lineno
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr, node.lineno
            case ast.alias(asname=str(name)):
                yield name, node.lineno


def replacement(name: str) -> str | None:
    """The word that replaced a name."""
    bare = name.strip("_")
    if bare.startswith("MOST_"):
        return f"MAX_{bare.removeprefix('MOST_')}"
    return REPLACED.get(bare)


def test_no_name_is_one_that_was_replaced() -> None:
    modules = [path for package in PACKAGES for path in sorted(package.rglob("*.py"))]
    assert len(modules) > 150
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name} is now {word}"
        for path in modules
        for name, line in defined_names(ast.parse(path.read_text("utf-8")))
        if (word := replacement(name))
    ]
    assert found == []


def test_no_module_has_a_name_that_was_replaced() -> None:
    words = REPLACED | MODULES
    paths = [path for package in PACKAGES for path in package.rglob("*") if "__pycache__" not in path.parts]
    names = {path: path.stem for path in paths if path.suffix == ".py" or path.is_dir()}
    assert {str(path): words[name] for path, name in names.items() if name in words} == {}


@pytest.mark.parametrize(
    "code",
    [
        "class Keeper: ...",
        "def sift(findings): ...",
        "async def _looking(): ...",
        "def read(place): ...",
        "advice: str = ''",
        "self._callers = []",
        "for few in users: ...",
        "MOST_ROWS = 1",
        "from auditwright.server import phrases as wording",
        "with open(path) as place: ...",
        "if (came := read()): ...",
    ],
)
def test_every_way_to_define_a_name_is_seen(code: str) -> None:
    assert [name for name, _ in defined_names(ast.parse(code)) if replacement(name)]


def test_names_of_tests_have_at_most_60_characters() -> None:
    names = [
        name
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for name, _ in defined_names(ast.parse(path.read_text("utf-8")))
        if name.startswith("test_")
    ]
    assert len(names) > 1_000
    assert [name for name in names if len(name) > 60 or name.startswith(("test_what_", "test_who_"))] == []
