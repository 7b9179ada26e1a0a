"""The two pages of the language: their examples are right, and their tables are those of the format."""

from pathlib import Path

import jsonschema
import pytest
import yaml
from tests.support.markdown import LANGUAGE, LESS_COMMON_KEYS, blocks, follow, names_in, rows, run, section

from auditwright_generator import names
from auditwright_generator.source.structure import DEFS, TYPES, schema_of


def test_the_full_example_is_clean_and_generates(tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    folder.mkdir()
    assert follow(LANGUAGE, folder) == 1
    done = run("auditwright generate", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    done = run("python -c 'import board_events; print(len(board_events.CATALOG.events))'", tmp_path)
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_the_annotations_are_those_of_a_clean_catalog(tmp_path: Path) -> None:
    follow(LANGUAGE, tmp_path)
    declared, given = (block.text for block in blocks(LESS_COMMON_KEYS, "yaml") if block.use == "annotations")
    for path, text in (("catalog.yaml", declared), ("workspace/boards.yaml", given)):
        with (tmp_path / path).open("a", encoding="utf-8") as stream:
            stream.write(text)
    assert "rules: no findings" in run("auditwright check --catalog .", tmp_path).stdout


def test_the_fragments_are_valid() -> None:
    pages = (LANGUAGE, LESS_COMMON_KEYS)
    fragments = [block.text for page in pages for block in blocks(page, "yaml") if not block.use]
    parts = {"$schema": schema_of("category")["$schema"], "$defs": DEFS}
    properties = DEFS["category"]["properties"]
    for fragment in map(yaml.safe_load, fragments):
        if "events" in fragment:
            jsonschema.validate(fragment["events"], {**parts, **properties["events"]})
        elif "metadata" in fragment:
            jsonschema.validate(fragment["metadata"], {**parts, **properties["metadata"]})
        else:
            jsonschema.validate(fragment, schema_of("fields"))
    assert len(fragments) == 4


CATALOG_KEYS, CATEGORY_KEYS = DEFS["catalog"], DEFS["category"]
FIELD_KEYS = DEFS["fields"]["additionalProperties"]
EVENT_KEYS = CATEGORY_KEYS["properties"]["events"]["additionalProperties"]
LEVEL_KEYS = CATALOG_KEYS["properties"]["levels"]["additionalProperties"]
USE_KEYS = EVENT_KEYS["properties"]["metadata"]["else"]["additionalProperties"]
SHARED_USE_KEYS = CATEGORY_KEYS["properties"]["metadata"]["else"]["additionalProperties"]
ON_THE_SECOND_PAGE = (
    "An annotation key",
    "An enum value",
    "A deprecation",
    "A suppression",
    "An accepted break",
)
TABLES = {
    "catalog.yaml": CATALOG_KEYS,
    "An annotation key": CATALOG_KEYS["properties"]["annotation_keys"]["additionalProperties"],
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
    page = LESS_COMMON_KEYS if title in ON_THE_SECOND_PAGE else LANGUAGE
    return {key: row[1:] for row in rows(section(page, title)) for key in names_in(row[0])}


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


def test_a_shared_use_has_the_keys_of_a_use_and_more() -> None:
    own = [key for key in SHARED_USE_KEYS["properties"] if key not in USE_KEYS["properties"]]
    assert list(documented("A shared use")) == own
    assert DEFS["fields"]["additionalProperties"]["properties"]["deprecated"] == TABLES["A deprecation"]


def test_every_type_is_documented() -> None:
    listed = [names_in(row[0])[0] for row in rows(section(LANGUAGE, "Types and constraints"))]
    every = [type_ for type_ in TYPES if not type_.startswith(("list of ", "change of "))]
    assert sorted(listed) == sorted([*every, "list of T", "change of T"])


def test_refused_names_are_documented() -> None:
    listed = {row[2]: set(names_in(row[1])) for row in rows(section(LESS_COMMON_KEYS, "Refused names"))}
    assert listed["every emitter has an option of that name"] == names.EMITTER_OPTIONS
    assert listed["every entry has a column of that name"] == names.TABLE_COLUMNS
    assert listed["every Parquet file has a column of that name"] == names.EXPORTED_COLUMNS
    assert listed["SQLite's views cannot have a column of that name"] == names.NEVER_IN_VIEWS
    assert listed["tables of PostgreSQL or SQLite have a system column of that name"] == names.SYSTEM_COLUMNS
    assert listed["pydantic reserves them"] == set(names.MODEL_PREFIXES)
    assert listed["generated code uses it"] == names.GLOBALS
    assert listed["the generated package has a module of that name"] == names.GENERATED_MODULES
    assert listed["the page of its level has that name"] == names.PAGES_OF_LEVELS
    assert listed["the reference has a page of that name"] == names.PAGES_OF_REFERENCE
    assert listed["the modules of categories are beside these"] == names.MODULES_BESIDE_CATEGORIES
    assert listed["Auditwright records its own events there"] == names.OWN_LEVELS
    assert listed["the field would hide it"] <= names.MODEL_ATTRIBUTES
    assert names.refuse_class("session")
    assert names.refuse_class("field")
