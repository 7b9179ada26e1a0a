"""docs/architecture.md names what exists: packages, modules, dependencies and tasks."""

import re
import tomllib
from pathlib import Path

import dev
import pytest
from tests.support.markdown import blocks, names_in, prose, rows, section
from tests.support.paths import DOCS, ROOT

PAGE = DOCS / "architecture.md"
IMPORT_ROOTS = {"auditwright": ROOT / "runtime", "auditwright_generator": ROOT / "generator"}


def packages(root: Path) -> set[str]:
    return {".".join(path.parent.relative_to(root).parts) for path in root.rglob("__init__.py")}


def test_the_tables_list_every_package() -> None:
    for title, package in (("The runtime", "auditwright"), ("The generator", "auditwright_generator")):
        listed = [names_in(row[0])[0] for row in rows(section(PAGE, title))]
        assert sorted(listed) == sorted(packages(IMPORT_ROOTS[package]))


@pytest.mark.parametrize(
    ("title", "package"),
    [("Layers of the runtime", "auditwright"), ("Layers of the generator", "auditwright_generator")],
)
def test_the_layers_are_those_of_the_import_contracts(title: str, package: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = [each["layers"] for each in contracts if each.get("containers") == [package]]
    listed = [set(names_in(row[0])) for row in rows(section(PAGE, title))]
    assert listed == [set(layer.split(" | ")) for layer in layers]


def test_the_steps_are_those_of_the_sphinx_extension() -> None:
    folder = IMPORT_ROOTS["auditwright_generator"] / "auditwright_generator" / "sphinx"
    steps = rows(section(PAGE, "The steps of the Sphinx extension"))
    connected = re.findall(r'app\.connect\("([\w-]+)"', (folder / "__init__.py").read_text("utf-8"))
    events = [names_in(row[0])[0] for row in steps]
    assert list(dict.fromkeys(events)) == list(dict.fromkeys(connected))
    modules = {name for row in steps for name in names_in(row[2])}
    assert modules == {path.stem for path in folder.glob("*.py")} - {"__init__"}


def exists(name: str) -> bool:
    """Whether a path names a file of the checkout, or of one of the two packages.

    A name without a folder, such as `queries.py`, may be in any folder of the packages.
    """
    roots = (ROOT, *IMPORT_ROOTS.values(), *(root / package for package, root in IMPORT_ROOTS.items()))
    if any((root / name).exists() or (root / f"{name}.py").exists() for root in roots):
        return True
    return "/" not in name and any(any(root.rglob(name)) for root in IMPORT_ROOTS.values())


@pytest.mark.parametrize("page", [PAGE, DOCS / "contributing.md"])
def test_files_and_folders_in_the_text_exist(page: Path) -> None:
    named = [
        name for name in names_in(prose(page)) if re.fullmatch(r"\.?[\w/]*(?:/|\.py|\.toml)[\w/.]*", name)
    ]
    assert len(named) > 30
    assert [name for name in named if not exists(name)] == []


def test_the_picture_names_packages_and_modules_that_exist() -> None:
    (picture,) = blocks(PAGE, "mermaid")
    named = re.findall(r'"((?:\w+/)+\w*)', picture.text)
    assert len(named) >= 9
    assert [name for name in named if not exists(name)] == []


def test_the_tree_names_folders_and_tasks_that_exist() -> None:
    (tree,) = blocks(PAGE, "text")
    folder = ""
    named = []
    for line in tree.text.splitlines():
        name = line.split()[0]
        folder = name if not line.startswith(" ") else folder
        named.append(name if name == folder else folder + name)
    assert [path for path in named if not (ROOT / path).exists()] == []
    assert f"runs tasks: {', '.join(dev.TASKS)}\n" in tree.text


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = (
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    )
    wanted = {re.split(r"[^A-Za-z0-9-]", each)[0] for group in groups for each in group}
    table = rows(section(PAGE, "Third-party packages"))
    assert {name for row in table for name in row[0].split(", ")} == wanted
    assert all(row[-1] for row in table)


def test_the_glossary_is_sorted_and_has_one_row_for_a_word() -> None:
    words = [row[0] for row in rows(section(PAGE, "Glossary"))]
    assert words == sorted(set(words))
    assert len(words) >= 30
