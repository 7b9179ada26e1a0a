"""The pages people read say what is so: their commands and code run, their links lead somewhere.

In README.md and catalog/README.md the word after a fence's language says what becomes of the block:

    ```yaml append=FILE    is added to the end of the file
    ```yaml file=FILE      is the file; likewise for python
    ```yaml                is a `metadata` mapping of a category
    ```python              runs, all such blocks of a page as one program
    ```console             runs, `$ ` before each command; its output follows, `...` for what differs
    ```sh                  is not run: tasks of dev.py, and activating the environment
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dev
import jsonschema
import pytest
import yaml
from tests.support.paths import ROOT

from audit_events import CATALOG, AuditEvents
from auditwright import Actor, AuditLog, Entry, SecretKey
from auditwright.cli import find_commands
from auditwright_generator import names
from auditwright_generator.source.structure import DEFS, TYPES, schema_of

README, LANGUAGE = ROOT / "README.md", ROOT / "catalog" / "README.md"
DOCS = ROOT / "generated" / "docs"
REFERENCE = sorted(DOCS.rglob("*.md"))
GUIDES = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, LANGUAGE, *GUIDES, *sorted((ROOT / "generated").rglob("*.md"))]


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    use: str
    text: str
    line: int


def blocks(page: Path, language: str = "") -> list[Block]:
    text = page.read_text("utf-8")
    found = re.finditer(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    every = [Block(m[1], m[2] or "", m[3], text.count("\n", 0, m.start(3)) + 1) for m in found]
    return [block for block in every if language in ("", block.language)]


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def section(page: Path, title: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    match = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", prose(page), re.DOTALL | re.MULTILINE)
    assert match, f"{page.name} has no section {title}"
    return match[1]


def rows(text: str) -> list[list[str]]:
    """The rows of all tables in a text, without their heads."""
    found = []
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        found += [cells(line) for line in table.splitlines()[2:]]
    return found


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def names_in(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


# --- what the pages tell people to do ---------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder like a checkout's root, with the catalog and what is generated from it."""
    for name in ("catalog", "generated"):
        for path in (ROOT / name).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                target = tmp_path / name / path.relative_to(ROOT / name)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    return tmp_path


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of a page in a folder, with its generated package before any other."""
    programs = folder / ".programs"
    programs.mkdir(exist_ok=True)
    for name, arguments in (("python", ""), ("auditwright", " -m auditwright")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
        (programs / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUDITWRIGHT_")}
    environment = {
        **kept,
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "PYTHONPATH": str(folder / "generated"),
        "PYTHONWARNINGS": "error",
    }
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


def follow(page: Path, folder: Path) -> int:
    """Do what a page says from top to bottom, but for its programs; returns how many commands ran."""
    count = 0
    for block in blocks(page):
        action, _, path = block.use.partition("=")
        if action == "append":
            with (folder / path).open("a", encoding="utf-8") as stream:
                stream.write(block.text)
        elif action == "file":
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(block.text, "utf-8")
        elif block.language == "console":
            for command, expected in commands(block):
                done = run(command, folder)
                assert fits(done.stdout, expected), f"{page.name}: {command}\n{done.stdout}{done.stderr}"
                count += 1
    return count


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with the output that the page shows."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


def fits(output: str, expected: str) -> bool:
    """Whether the output is the one shown; how many rules and files there are may differ from it."""
    wanted = "".join(".*" if part == "..." else re.escape(part) for part in re.split(r"(\.\.\.)", expected))
    wanted = re.sub(r"\d+(\\ (?:rules|files))", r"[0-9]+\1", wanted)
    return re.fullmatch(wanted, output) is not None


def test_the_first_own_event_of_the_readme_works_as_written(checkout: Path) -> None:
    assert follow(README, checkout) == 6


def test_the_programs_of_the_readme_run(tmp_path: Path) -> None:
    program = [""] * len(README.read_text("utf-8").splitlines())
    for block in blocks(README, "python"):
        if not block.use:
            lines = block.text.splitlines()
            program[block.line - 1 : block.line - 1 + len(lines)] = lines
    (tmp_path / "service.py").write_text("\n".join(program))
    (tmp_path / "generated").symlink_to(ROOT / "generated")
    done = run("python service.py", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "metadata.tool_id a string of 1 to 200 characters nothing\n" in done.stdout
    exported = (tmp_path / "audit-log.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in exported] == [
        "account.models.model_deployed",
        "tool.tool_management.version_created",
        "tool.guardrails.input_scanner_added",
        "account.login_logout.login",
        "account.prompts.prompt_created",
        "tool.guardrails.input_scanner_edited",
    ]


def test_the_full_example_of_the_language_is_clean_and_generates(tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    folder.mkdir()
    assert follow(LANGUAGE, folder) == 1
    done = run("auditwright generate", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    done = run("python -c 'import board_events; print(len(board_events.CATALOG.events))'", tmp_path)
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_the_fragments_of_the_language_are_right() -> None:
    fragments = [block.text for block in blocks(LANGUAGE, "yaml") if not block.use]
    schema = {**schema_of("category"), "required": [], **DEFS["category"]["properties"]["metadata"]}
    schema.pop("$ref")
    for fragment in fragments:
        jsonschema.validate(yaml.safe_load(fragment)["metadata"], schema)
    assert len(fragments) == 2


def test_what_is_not_run_is_a_task_or_activates_the_environment() -> None:
    tasks = [
        line
        for page in (README, LANGUAGE)
        for block in blocks(page, "sh")
        for line in block.text.splitlines()
    ]
    known = {f"python3 dev.py {task}" for task in dev.TASKS} | {". .venv/bin/activate"}
    assert tasks
    assert set(tasks) <= known


def test_every_block_of_our_own_pages_is_of_a_known_kind() -> None:
    kinds = {block.language for page in (README, LANGUAGE) for block in blocks(page)}
    assert kinds == {"yaml", "python", "console", "sh", "text"}
    fences = sum(page.read_text("utf-8").count("```") for page in (README, LANGUAGE))
    assert fences == 2 * sum(len(blocks(page)) for page in (README, LANGUAGE))


# --- what the pages say ----------------------------------------------------------------------------


def test_the_readme_lists_every_command_and_no_other() -> None:
    listed = [names_in(row[0])[0].removeprefix("auditwright ") for row in rows(section(README, "Commands"))]
    assert [name for name in listed if not name.startswith("AUDITWRIGHT_")] == list(find_commands())


def test_the_readme_lists_every_variable_that_is_read() -> None:
    sources = [*(ROOT / "runtime").rglob("*.py"), *(ROOT / "generator").rglob("*.py")]
    read = {
        name for path in sources for name in re.findall(r'"(AUDITWRIGHT_[A-Z_]+)"', path.read_text("utf-8"))
    }
    listed = [names_in(row[0])[0] for row in rows(section(README, "Commands"))]
    assert {name for name in listed if name.startswith("AUDITWRIGHT_")} == read


def test_the_readme_says_of_every_dependency_what_it_is_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = (
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    )
    wanted = {re.split(r"[^A-Za-z0-9-]", each)[0] for group in groups for each in group}
    table = rows(section(README, "Which package does what"))
    assert {name for row in table for name in row[0].split(", ")} == wanted
    assert all(row[-1] for row in table)


def test_the_places_that_the_readme_names_exist() -> None:
    text = section(README, "Which package does what")
    named = [path for row in rows(text) if len(row) == 3 for path in names_in(row[1])]
    (tree,) = blocks(README, "text")
    folder = ""
    for line in tree.text.splitlines():
        name = line.split()[0]
        folder = name if not line.startswith(" ") else folder
        named.append(name if name == folder else folder + name)
    assert [path for path in named if not (ROOT / path).exists()] == []
    assert f"runs tasks: {', '.join(dev.TASKS)}\n" in tree.text


def test_the_readme_counts_what_the_catalog_has() -> None:
    size = f"{len(CATALOG.events)} events in {len(CATALOG.categories)} categories on two levels"
    assert size in prose(README)


def test_our_own_pages_have_a_sentence_on_each_line() -> None:
    for page in (README, LANGUAGE, *GUIDES):
        lines = [line for line in prose(page).splitlines() if line and line[0] not in "|#"]
        assert [line for line in lines if re.search(r"[.?!] [A-Z]", re.sub(r"`[^`]*`", "", line))] == []
        assert [line for line in lines if not re.search(r"[.:?!)]$", line)] == []


# --- the language page against the format ------------------------------------------------------------

CATALOG_KEYS, CATEGORY_KEYS = DEFS["catalog"], DEFS["category"]
FIELD_KEYS = DEFS["fields"]["additionalProperties"]
EVENT_KEYS = CATEGORY_KEYS["properties"]["events"]["additionalProperties"]
LEVEL_KEYS = CATALOG_KEYS["properties"]["levels"]["additionalProperties"]
USE_KEYS = EVENT_KEYS["properties"]["metadata"]["else"]["additionalProperties"]
SHARED_USE_KEYS = CATEGORY_KEYS["properties"]["metadata"]["else"]["additionalProperties"]
TABLES = {
    "catalog.yaml": CATALOG_KEYS,
    "A level": LEVEL_KEYS,
    "A field": FIELD_KEYS,
    "A category": CATEGORY_KEYS,
    "An event": EVENT_KEYS,
    "A use": USE_KEYS,
    "A deprecation": EVENT_KEYS["properties"]["deprecated"],
    "A suppression": DEFS["suppress"]["additionalProperties"],
    "An accepted break": CATALOG_KEYS["properties"]["accepted"]["items"],
}


def documented(title: str) -> dict[str, list[str]]:
    return {key: row[1:] for row in rows(section(LANGUAGE, title)) for key in names_in(row[0])}


@pytest.mark.parametrize("title", TABLES)
def test_every_key_is_documented_and_nothing_else(title: str) -> None:
    schema = TABLES[title]
    table = documented(title)
    assert list(table) == list(schema["properties"])
    required = [key for key, (_, default, _) in table.items() if default == "required"]
    assert sorted(required) == sorted(schema["required"])
    for key, (kind, _, _) in table.items():
        choices = schema["properties"][key].get("enum")
        if choices and key != "type":
            assert names_in(kind) == choices


def test_a_shared_use_has_the_keys_of_a_use_and_its_own() -> None:
    own = [key for key in SHARED_USE_KEYS["properties"] if key not in USE_KEYS["properties"]]
    assert list(documented("A shared use")) == own
    assert DEFS["fields"]["additionalProperties"]["properties"]["deprecated"] == TABLES["A deprecation"]


def test_every_type_is_documented() -> None:
    listed = [names_in(row[0])[0] for row in rows(section(LANGUAGE, "Types and constraints"))]
    every = [type_ for type_ in TYPES if not type_.startswith("list of ")]
    assert sorted(listed) == sorted([*every, "list of T"])


def test_refused_names_are_documented() -> None:
    listed = {row[2]: set(names_in(row[1])) for row in rows(section(LANGUAGE, "Names"))}
    assert listed["every emitter has an option of that name"] == names.EMITTER_OPTIONS
    assert listed["every entry has a column of that name"] == names.TABLE_COLUMNS
    assert listed["generated code uses it"] == names.GLOBALS
    assert listed["the generated package has a module of that name"] == names.GENERATED_MODULES
    assert listed["Auditwright records its own events under it"] == names.OWN_LEVELS
    assert listed["the field would hide it"] <= names.MODEL_ATTRIBUTES
    assert names.refuse_class("session")
    assert names.refuse_class("field")


# --- links -------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """What a link into a page can name: explicit anchors, and headings as GitHub slugs them."""
    found: set[str] = set(re.findall(r'<a id="([^"]+)">', page.read_text("utf-8")))
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number = 1
        unique = slug
        while unique in found:
            unique, number = f"{slug}-{number}", number + 1
        found.add(unique)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`]*`", "", prose(page))
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert "://" not in target, f"{target}: our pages link to nothing outside"
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.is_file(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(linked), f"{page.name}: {target}"


def test_anchors_of_the_reference_are_unique() -> None:
    for page in REFERENCE:
        found = re.findall(r'<a id="([^"]+)">', page.read_text("utf-8"))
        assert len(found) == len(set(found))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_all_rows_of_a_table_have_as_many_cells(page: Path) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", prose(page), re.MULTILINE):
        assert len({len(cells(line)) for line in table.splitlines()}) == 1, table


def test_mkdocs_lists_every_page() -> None:
    navigation = yaml.safe_load((DOCS / "mkdocs.yml").read_text("utf-8"))["nav"]

    def paths(node: Any) -> Iterator[str]:
        if isinstance(node, str):
            yield node
        else:
            for each in node.values() if isinstance(node, dict) else node:
                yield from paths(each)

    assert sorted(paths(navigation)) == sorted(page.relative_to(DOCS).as_posix() for page in REFERENCE)


# --- the reference's calls ---------------------------------------------------------------------------


def test_every_call_and_every_json_example_of_the_reference_records(tmp_path: Path) -> None:
    key = SecretKey.generate("test")
    calls: list[Entry] = []
    forms: list[Entry] = []
    with AuditLog.open(f"sqlite:///{tmp_path}/audit.db", account_id="acme", secret_key=key) as log:
        audit = AuditEvents(log)
        for page in sorted(DOCS.glob("*/*.md")):  # those of categories
            with log.acting(Actor.user("u-17", "Ada Lovelace"), ip_address="203.0.113.7"):
                calls += [eval(block.text, {"audit": audit}) for block in blocks(page, "python")]
            forms += [log.record_json(block.text) for block in blocks(page, "json")]
        stored = log.account("acme").count()
    assert (len(calls), len(forms), stored) == (78, 78, 156)
    assert {entry.event for entry in calls} == set(CATALOG.events)
    for called, posted in zip(calls, forms, strict=True):
        assert called.event == posted.event
        assert called.metadata == posted.metadata
        assert called.description == posted.description
        assert (called.actor, called.ip_address) == (posted.actor, posted.ip_address)
