"""A type that the language does not have: the finding says what to write instead."""

import json
from pathlib import Path

import pytest
from tests.support.small_catalog import write_catalog

from auditwright_generator.check import read_catalog
from auditwright_generator.checks.explanations import BASE
from auditwright_generator.source.structure import TYPES

ANY_KEYS = "write type: json, which holds an object with any keys, or write a field for each key"
ANY_ITEMS = "write type: json, which holds a list of any values"
INSTEAD = {
    "map": ANY_KEYS,
    "map of string": ANY_KEYS,
    "Map<string, int>": ANY_KEYS,
    "object": ANY_KEYS,
    "any": "write type: json, which holds any JSON value",
    "string | integer": "write type: json, which holds a value of any type",
    "bytes": "write type: string for the text in base64, or better for a SHA-256, because a log is no place "
    "for files",
    "array of string": "write type: list of string",
    "uri[]": "write type: list of url for an http or https address, or string",
    "array<datetime>": "write type: list of timestamp",
    "list of json": ANY_ITEMS,
    "list of object": ANY_ITEMS,
    "list of list of string": ANY_ITEMS,
    "list": "write type: list of string, or a list of another type",
    "float": "write type: number",
    "text": "write type: string",
    "varchar(255)": "write type: string with max_length: 255",
    "date-time": "write type: timestamp",
    "int64": "write type: bigint for 64 bits, or integer up to 2^53-1",
    "GUID": "write type: uuid",
    "ip_address": "write type: ip",
    "duration": "write type: integer with unit: seconds",
    "optional int": "write type: integer, and required: false where it is used",
    "string or null": "write type: string, and required: false where it is used",
    "enum(a, b)": "write type: enum with values",
    "change of text": "write type: change of string",
    "change of json": "write two fields of type json, one before and one after; a change is of single values",
    "strng": 'did you mean "string"?',
    "list of strings": 'did you mean "list of string"?',
}
MESSAGE = 'field "days" has the unknown type'


def messages(folder: Path, type_: str) -> list[str]:
    field = BASE["fields.yaml"].replace("type: integer", f"type: {type_}")
    write_catalog(folder, {"fields.yaml": field})
    return [each.message for each in read_catalog(folder).findings if each.severity == "error"]


@pytest.mark.parametrize("given", INSTEAD)
def test_an_unknown_type_says_what_to_write_instead(tmp_path: Path, given: str) -> None:
    found = messages(tmp_path, json.dumps(given))
    assert found == [f"{MESSAGE} {json.dumps(given)}; {INSTEAD[given]}"]
    for word in INSTEAD[given].partition("write type: ")[2].split(",")[:1]:
        proposed = word.partition(" for ")[0].partition(" with ")[0]
        assert not proposed or proposed in TYPES


@pytest.mark.parametrize("given", ["[string, integer]", "{array: string}", "7"])
def test_a_type_that_is_not_text_is_one_finding(tmp_path: Path, given: str) -> None:
    assert messages(tmp_path, given) == [
        'field "days" has a type that is not text; write one type: json for values of several types, and '
        "required: false at a use whose value may be missing"
    ]


def test_a_name_with_two_types_becomes_two_fields(tmp_path: Path) -> None:
    boards = BASE["workspace/boards.yaml"].replace("  board_id: {}", "  board_id: {type: integer}")
    write_catalog(tmp_path, {"workspace/boards.yaml": boards})
    assert [each.message for each in read_catalog(tmp_path).findings] == [
        "field board_id is of type string in fields.yaml, not integer; remove type, or use a second field of "
        "this type, with stored_as: board_id"
    ]
