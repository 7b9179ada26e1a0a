"""catalog.json is read back as what was written; anything else is refused in one line, never a traceback."""

import functools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditwright_generator.check import read_catalog
from auditwright_generator.diff.catalog_json import UnknownForm, read_catalog_json
from auditwright_generator.diff.compare import compare
from auditwright_generator.model import Catalog
from auditwright_generator.targets import registry

ROOT = Path(__file__).parents[3]
CATALOGS = {
    "project": ROOT / "catalog",
    "own": ROOT / "runtime" / "catalog",
    "kitchen sink": ROOT / "tests" / "catalogs" / "kitchen_sink",
    "shop": Path(__file__).parent / "catalog",
}


def resolved(folder: Path) -> Catalog:
    catalog = read_catalog(folder).catalog
    assert catalog is not None
    return catalog


def written(catalog: Catalog) -> bytes:
    return registry.whole(catalog)[f"{catalog.package}/catalog.json"].encode()


def without_files(catalog: Catalog) -> Catalog:
    """The catalog without what catalog.json does not hold: the files that things came from."""
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
def test_what_is_written_is_read_back(name: str) -> None:
    catalog = resolved(CATALOGS[name])
    assert read_catalog_json(written(catalog)) == without_files(catalog)
    assert compare(catalog, read_catalog_json(written(catalog))) == []


@functools.cache
def shop() -> Catalog:
    return resolved(CATALOGS["shop"])


def form() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(written(shop()))
    return found


def test_keys_that_newer_generators_write_are_passed_over() -> None:
    changed = form()
    for part in parts(changed):
        part["newer"] = {"x": [1]}
    assert read_catalog_json(json.dumps(changed).encode()) == read_catalog_json(json.dumps(form()).encode())


def test_keys_that_older_generators_did_not_write_are_as_by_default() -> None:
    changed = form()
    for part in parts(changed):
        for key in ("description", "metadata", "since", "deprecated", "aliases", "declared_in", "many"):
            part.pop(key, None)
    (first, *_) = read_catalog_json(json.dumps(changed).encode()).events
    assert (first.description, first.aliases, first.since, first.deprecated) == ("", (), None, None)


def parts(form: dict[str, Any]) -> list[dict[str, Any]]:
    """Every level, category, event and field of a form, and the form itself."""
    levels = form["levels"]
    categories = [category for level in levels for category in level["categories"]]
    events = [event for category in categories for event in category["events"]]
    return [form, *levels, *categories, *events, *(field for event in events for field in event["fields"])]


def at(*path: str | int) -> Callable[[dict[str, Any], Any], None]:
    """A function that sets what stands at a path."""

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
REFUSED = [
    (("format",), 2, "it is of another format than 1; compare with this generator's or a newer one's"),
    (("format",), GONE, "it is JSON, and no catalog.json"),
    (("levels",), {}, 'it has "levels" that is no list'),
    (("levels",), [1], 'it has "levels" that is no list of objects'),
    (("version",), "one", 'it has a "version" that is not a version such as 1.0.0'),
    (("version",), "1.0.0\n", 'it has a "version" that is not a version such as 1.0.0'),
    (("version",), f"1.0.{'9' * 500}", 'it has a "version" that is not a version such as 1.0.0'),
    (("version",), GONE, 'it has something without a "version"'),
    (("title",), 5, 'it has a "title" that is no text'),
    (("title",), "\ud800", 'it has a "title" that is no text'),
    ((*LEVEL, "categories"), GONE, 'it has something without "categories"'),
    ((*CATEGORY, "key"), "shop.other", "it has shop.orders under another key"),
    (
        (*CATEGORY, "name"),
        "or\nders",
        'it has a "name" that is not lower-case letters, digits and single underscores, beginning with a '
        "letter",
    ),
    ((*EVENT, "name"), "order_paid", "it has shop.orders.order_paid under another key"),
    (
        (*EVENT, "aliases"),
        ["x"],
        'it has a "aliases" that is not the whole key of an event: level.category.event',
    ),
    ((*EVENT, "aliases"), "x", 'it has "aliases" that is no list'),
    ((*EVENT, "deprecated"), [1], 'it has "deprecated" that is no object'),
    ((*EVENT, "deprecated"), {"since": 1}, 'it has a "since" that is no text'),
    ((*EVENT, "example"), {"x": {}}, 'it has a "example" that is no number'),
    (
        (*EVENT, "fields", 0, "name"),
        "order_id",
        "it has the field of shop.orders.order_placed order_id twice",
    ),
    (
        (*FIELD, "kind"),
        "strng",
        'it has a "kind" that is none of string, integer, number, boolean, timestamp, ip, url, email, enum',
    ),
    ((*FIELD, "kind"), [], None),
    ((*FIELD, "sensitivity"), None, 'it has a "sensitivity" that is none of public, personal, secret'),
    ((*FIELD, "many"), 1, 'it has a "many" that is neither true nor false'),
    ((*FIELD, "min"), True, 'it has a "min" that is no number'),
    ((*FIELD, "max_length"), 1.5, 'it has a "max_length" that is no whole number'),
    ((*FIELD, "when"), {"x": []}, 'it has a "when" that is no list of values'),
    ((*FIELD, "values"), {"a b": "A"}, None),
]


@pytest.mark.parametrize(("path", "value", "reason"), REFUSED)
def test_what_no_generator_writes_is_refused_with_a_reason(
    path: tuple[str | int, ...], value: Any, reason: str | None
) -> None:
    changed = form()
    at(*path)(changed, value)
    with pytest.raises(UnknownForm) as caught:
        read_catalog_json(json.dumps(changed).encode())
    assert reason is None or str(caught.value) == reason
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is no JSON (Expecting value: line 1 column 1 (char 0))"),
        (b"\xff", "it is not UTF-8"),
        (b"[" * 100_000, "it is no JSON (it is nested too deep)"),
        (b"[]", "it is JSON, and no catalog.json"),
        (b'{"a": NaN}', "it is no JSON (NaN is no number of JSON)"),
    ],
)
def test_what_is_no_catalog_json_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(UnknownForm) as caught:
        read_catalog_json(data)
    assert str(caught.value) == reason


def test_twins_are_refused() -> None:
    changed = form()
    changed["levels"].append(changed["levels"][0])
    with pytest.raises(UnknownForm, match=r"^it has the level shop twice$"):
        read_catalog_json(json.dumps(changed).encode())


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300)
@given(data=st.data())
def test_no_value_anywhere_gives_a_traceback(data: st.DataObject) -> None:
    changed = form()
    part = data.draw(st.sampled_from(parts(changed)))
    key = data.draw(st.sampled_from([*part, "when", "values", "min", "pattern", "only", "entry", "unit"]))
    part[key] = data.draw(_JSON)
    assert all(line.isprintable() for line in lines_of(json.dumps(changed).encode()))


def lines_of(data: bytes) -> list[str]:
    """What is said of a catalog.json: why it is refused, or the changes since."""
    try:
        old = read_catalog_json(data)
    except UnknownForm as error:
        return [str(error)]
    return [f"{each.message} {each.whom} {each.way_out}" for each in compare(old, shop())]
