"""catalog.json is read back unchanged; anything else is refused in one line, without a traceback."""

import functools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples

from auditwright_generator.check import read_catalog
from auditwright_generator.diff.catalog_json import InvalidCatalogJson, read_catalog_json
from auditwright_generator.diff.compare import compare
from auditwright_generator.model import Catalog
from auditwright_generator.targets import catalog_json
from auditwright_generator.text import UNPRINTABLE

ROOT = Path(__file__).parents[3]
CATALOGS = {
    "project": ROOT / "catalog",
    "own": ROOT / "runtime" / "catalog",
    "kitchen sink": ROOT / "tests" / "catalogs" / "kitchen_sink",
    "annotations": ROOT / "tests" / "catalogs" / "annotations",
    "outcomes": ROOT / "tests" / "catalogs" / "outcomes",
    "shop": Path(__file__).parent / "catalog",
}


def resolved(folder: Path) -> Catalog:
    catalog = read_catalog(folder).catalog
    assert catalog is not None
    return catalog


def written(catalog: Catalog) -> bytes:
    return catalog_json.whole(catalog)[f"{catalog.package}/catalog.json"].encode()


def without_files(catalog: Catalog) -> Catalog:
    """The catalog without the names of source files, which catalog.json does not have."""
    levels = [
        replace(
            level,
            categories=tuple(
                replace(
                    category, source="", events=tuple(replace(event, source="") for event in category.events)
                )
                for category in level.categories
            ),
        )
        for level in catalog.levels
    ]
    return replace(catalog, levels=tuple(levels), folder="catalog")


@pytest.mark.parametrize("name", CATALOGS)
def test_catalog_json_is_read_back(name: str) -> None:
    catalog = resolved(CATALOGS[name])
    assert read_catalog_json(written(catalog)) == without_files(catalog)
    assert compare(catalog, read_catalog_json(written(catalog))) == []


@functools.cache
def shop() -> Catalog:
    return resolved(CATALOGS["shop"])


def form() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(written(shop()))
    return found


def test_unknown_keys_are_ignored() -> None:
    changed = form()
    for part in parts(changed):
        part["newer"] = {"x": [1]}
    assert read_catalog_json(json.dumps(changed).encode()) == read_catalog_json(json.dumps(form()).encode())


def test_optional_keys_have_the_defaults_of_the_model() -> None:
    changed = form()
    for part in parts(changed):
        for key in ("since", "deprecated", "aliases", "min", "max", "sensitivity"):
            part.pop(key, None)
    catalog = read_catalog_json(json.dumps(changed).encode())
    (first, *_) = catalog.events
    assert (first.aliases, first.since, first.deprecated) == ((), None, None)
    assert {field.sensitivity for event in catalog.events for field in event.fields} == {"public"}


def parts(form: dict[str, Any]) -> list[dict[str, Any]]:
    """Every level, category, event and field of a form, and the form itself."""
    levels = form["levels"]
    categories = [category for level in levels for category in level["categories"]]
    events = [event for category in categories for event in category["events"]]
    return [form, *levels, *categories, *events, *(field for event in events for field in event["fields"])]


def at(*path: str | int) -> Callable[[dict[str, Any], Any], None]:
    """A function that sets the value at a path."""

    def change(form: Any, value: Any) -> None:
        for step in path[:-1]:
            form = form[step]
        if value is GONE:
            del form[path[-1]]
        else:
            form[path[-1]] = value

    return change


GONE = object()
LEVEL = ("levels", 0)
CATEGORY = (*LEVEL, "categories", 0)
EVENT = (*CATEGORY, "events", 0)
FIELD = (*EVENT, "fields", 1)
IN_LEVEL = "levels[0]"
IN_EVENT = "levels[0].categories[0].events[0]"
IN_FIELD = "levels[0].categories[0].events[0].fields[1]"
NAME = "lower-case letters, digits and single underscores, beginning with a letter"
REFUSED = [
    (("format",), 2, "its format is 2, and this version reads format 1"),
    (("format",), GONE, "it is JSON, but not a catalog.json"),
    (("levels",), {}, "levels: Input should be a valid array"),
    (("levels",), [1], f"{IN_LEVEL}: Input should be an object, got 1"),
    (("version",), "one", 'version "one" is not a version such as 1.0.0'),
    (("version",), "1.0.0\n", 'version "1.0.0\\n" is not a version such as 1.0.0'),
    (("version",), f"1.0.{'9' * 500}", f'version "1.0.{"9" * 55}…" is not a version such as 1.0.0'),
    (("version",), GONE, "version: Field required"),
    (("title",), 5, "title: Input should be a valid string, got 5"),
    (("title",), "\ud800", None),
    ((*LEVEL, "categories"), GONE, f"{IN_LEVEL}.categories: Field required"),
    ((*CATEGORY, "key"), "shop.other", 'key "shop.other" should be "shop.orders"'),
    ((*CATEGORY, "name"), "or\nders", f'category "or\\nders" is not {NAME}'),
    ((*EVENT, "name"), "order_paid", 'key "shop.orders.order_placed" should be "shop.orders.order_paid"'),
    ((*EVENT, "aliases"), ["x"], 'alias "x" is not the whole key of an event, such as level.category.event'),
    ((*EVENT, "aliases"), "x", f'{IN_EVENT}.aliases: Input should be a valid array, got "x"'),
    ((*EVENT, "deprecated"), [1], f"{IN_EVENT}.deprecated: Input should be an object"),
    ((*EVENT, "deprecated"), {"since": "x"}, 'since "x" is not a version such as 1.0.0'),
    ((*EVENT, "example"), {"x": None}, None),
    (
        (*EVENT, "fields", 0, "name"),
        "order_id",
        'event shop.orders.order_placed: field "order_id" appears twice',
    ),
    (
        (*FIELD, "kind"),
        "strng",
        'kind "strng" is not one of string, integer, number, boolean, timestamp, date, ip, url, email, uuid, '
        "bigint, enum, json",
    ),
    ((*FIELD, "kind"), [], f"{IN_FIELD}.kind: Input should be a valid string"),
    (
        (*FIELD, "sensitivity"),
        None,
        f"{IN_FIELD}.sensitivity: Input should be 'public', 'personal' or 'secret', got nothing",
    ),
    ((*FIELD, "many"), 1, f"{IN_FIELD}.many: Input should be a valid boolean, got 1"),
    ((*FIELD, "min"), True, None),
    ((*FIELD, "max_length"), 1.5, f"{IN_FIELD}.max_length: Input should be a valid integer, got 1.5"),
    ((*FIELD, "when"), {"x": []}, "field order_id has a condition without values"),
    ((*FIELD, "values"), {"a b": "A"}, f'enum value "a b" is not {NAME}'),
    ((*FIELD, "outcome"), "maybe", 'field order_id has the outcome "maybe", not success or failure'),
    (
        (*FIELD, "target"),
        "Order",
        'target "Order" is not lower-case letters, digits and underscores, beginning with a letter, at most '
        "40 characters",
    ),
    (
        (*EVENT, "failure_message"),
        None,
        f"{IN_EVENT}.failure_message: Input should be a valid string, got nothing",
    ),
    (("annotations",), {"x\n": 1}, f'annotation "x\\n" is not {NAME}'),
    ((*FIELD, "annotations"), {"X": [1]}, f'annotation "X" is not {NAME}'),
    (
        ("annotation_keys",),
        {"owner": {"title": "Owner", "kind": "text"}},
        'kind "text" of an annotation is not one of string, integer, boolean, date, url, enum',
    ),
]


@pytest.mark.parametrize(("path", "value", "reason"), REFUSED)
def test_invalid_values_are_refused_with_a_reason(
    path: tuple[str | int, ...], value: Any, reason: str | None
) -> None:
    changed = form()
    at(*path)(changed, value)
    with pytest.raises(InvalidCatalogJson) as caught:
        read_catalog_json(json.dumps(changed).encode())
    assert reason is None or str(caught.value) == reason
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is not valid JSON (EOF while parsing a value at line 1 column 0)"),
        (b"\xff", "it is not valid JSON (expected value at line 1 column 1)"),
        (b"[" * 100_000, "it is not valid JSON (recursion limit exceeded at line 1 column 202)"),
        (b"[]", "it is JSON, but not a catalog.json"),
        (b'{"a": NaN}', "it is not valid JSON (expected value at line 1 column 7)"),
    ],
)
def test_other_files_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidCatalogJson) as caught:
        read_catalog_json(data)
    assert str(caught.value) == reason


def test_duplicate_keys_are_refused() -> None:
    changed = form()
    changed["levels"].append(changed["levels"][0])
    with pytest.raises(InvalidCatalogJson, match=r'^level "shop" appears twice$'):
        read_catalog_json(json.dumps(changed).encode())


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=examples(150))
@given(data=st.data())
def test_no_value_causes_a_traceback(data: st.DataObject) -> None:
    changed = form()
    part = data.draw(st.sampled_from(parts(changed)))
    key = data.draw(
        st.sampled_from([*part, "when", "values", "min", "pattern", "only", "entry", "unit", "target"])
    )
    part[key] = data.draw(_JSON)
    assert not any(map(UNPRINTABLE.search, lines_of(json.dumps(changed).encode())))


def lines_of(data: bytes) -> list[str]:
    """Why the catalog.json is refused, or the changes since."""
    try:
        old = read_catalog_json(data)
    except InvalidCatalogJson as error:
        return [str(error)]
    return [f"{each.message} {each.impact} {each.hint}" for each in compare(old, shop())]
