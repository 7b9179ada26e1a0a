"""The reference pages of any catalog: what they say, their indexes, and how large catalogs are split."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import KITCHEN_SINK
from tests.support.paths import TEST_CATALOGS
from tests.support.rendered import html_of, rendered

from auditwright.entry import LEADING, TRAILING
from auditwright.recording.json_form import READ_ONLY, WRITABLE
from auditwright.transfer.text_export import CSV_COLUMNS, FULL_COLUMNS
from auditwright_generator.check import read_catalog
from auditwright_generator.model import (
    Catalog,
    Category,
    Deprecated,
    EnumValue,
    Event,
    Field,
    Level,
    SharedField,
)
from auditwright_generator.output.incremental import category_inputs
from auditwright_generator.targets import docs

LARGEST = 300_000 - 50_000
"""The most bytes of HTML of a page, without the theme."""


def field(name: str, title: str = "", **facts: object) -> Field:
    made = Field(name, title or name.capitalize(), "What it was.", "string", False, True, "event")
    return replace(made, **facts)  # type: ignore[arg-type]


def event(number: int, *fields: Field, **facts: object) -> Event:
    name = f"done_{number}"
    made = Event(
        f"shop.orders.{name}", name, f"Done {number}", "It was done.", "{actor} did it.", fields,
        {each.name: "x" for each in fields},
    )  # fmt: skip
    return replace(made, **facts)  # type: ignore[arg-type]


def category(*events: Event, name: str = "orders", title: str = "Orders", level: str = "shop") -> Category:
    keyed = [replace(each, key=f"{level}.{name}.{each.name}") for each in events]
    return Category(f"{level}.{name}", name, title, "What happens.", (), tuple(keyed))


def level(*categories: Category, name: str = "shop", title: str = "Shop", shared: str = "") -> Level:
    metadata = (SharedField(shared, shared.capitalize()),) if shared else ()
    return Level(name, title, "The shop.", metadata, categories)


def pages(*levels: Level, **facts: str) -> dict[str, str]:
    """The pages of a catalog by their paths in the docs folder."""
    catalog = Catalog("shop_events", "Shop events", "What happens in a shop.", "1.0.0", levels)
    return pages_of(replace(catalog, **facts))  # type: ignore[arg-type]


def pages_of(catalog: Catalog) -> dict[str, str]:
    made = docs.whole(catalog)
    for item in category_inputs(catalog):
        made |= docs.of_category(item.catalog, item.level, item.category)
    return {path.removeprefix("docs/"): text for path, text in made.items() if path != "README.md"}


def table(text: str, head: str) -> list[list[str]]:
    """The rows of the first table whose first column has the head."""
    return next(rows[1:] for rows in rendered(text).tables if rows[0][0] == head)


def assert_links_lead_somewhere(made: dict[str, str]) -> None:
    anchors = {path: set(re.findall(r'<a id="([^"]+)">', text)) for path, text in made.items()}
    for path, text in made.items():
        for target in re.findall(r"\]\(([^)]+\.md[^)]*|#[^)]+)\)", text):
            file, _, anchor = target.partition("#")
            linked = (Path("/", path).parent / file).resolve().relative_to("/").as_posix() if file else path
            assert linked in made, f"{path}: {target}"
            assert not anchor or anchor in anchors[linked], f"{path}: {target}"


@pytest.fixture(scope="module")
def sink() -> dict[str, str]:
    """The pages of the catalog with everything."""
    catalog = read_catalog(KITCHEN_SINK).catalog
    assert catalog is not None
    return pages_of(catalog)


# --- events ------------------------------------------------------------------------------------------


def test_event_has_its_key_and_badges_below_its_title(sink: dict[str, str]) -> None:
    page = sink["device/lifecycle.md"]
    assert (
        '<a id="device_seen"></a>\n\n### Device seen\n\n'
        "`device.lifecycle.device_seen` *personal data* *secret*\n" in page
    )
    assert "`device.lifecycle.device_renamed` *since 0.1.0* *deprecated since 0.2.0*\n" in page
    assert "\n`device.lifecycle.device_reset`\n" in page


def test_deprecated_event_leads_to_its_replacement(sink: dict[str, str]) -> None:
    page = sink["device/lifecycle.md"]
    assert (
        "\n**Deprecated since 0.2.0.** "
        "Use [`device.lifecycle.device_seen`](../device/lifecycle.md#device_seen). "
        'Devices keep "their" names.\n' in page
    )
    assert "\nFormerly `device.names.device_renamed`.\n" in page


def test_message_names_fields_by_their_titles(sink: dict[str, str]) -> None:
    assert (
        "\nDescription of its entries: Device *Device ID* is *Status*, armed: *Armed*.\n"
        in sink["device/lifecycle.md"]
    )
    page = rendered(sink["workspace/values.md"])
    assert (
        "Description of its entries: User or App Name at IP Address set Plain text, Whole, Real, Flag, "
        "Moment, Address, Link, State to 100% of {all}." in page.paragraphs
    )


@pytest.mark.parametrize("message", ["{actor}{note}", "a{note}b", "({note})*{note}*", "{note}_{actor}"])
@pytest.mark.parametrize("title", ["Note", "Note?", "(a) note", "*"])
def test_fields_in_a_message_are_emphasised(message: str, title: str) -> None:
    made = pages(level(category(event(1, field("note", title), message=message))))
    text = made["shop/orders.md"].partition("Description of its entries: ")[2].partition("\n")[0]
    page = rendered(text)
    [shown] = page.paragraphs
    assert shown == message.replace("{actor}", "User or App Name").replace("{note}", title)
    assert page.elements == {"p", "em"}


def test_fields_are_described_in_words(sink: dict[str, str]) -> None:
    rows = {row[1]: row for row in table(sink["device/lifecycle.md"], "Field")}
    assert rows["small"][:4] == ["Small", "small", "Whole number, from -3 to 10, in pieces", "Yes"]
    assert rows["small"][4:] == ["A small whole number.", "Lifecycle"]
    assert rows["address"][2:4] == ["IP address", "Only if Armed is yes and Status is Online"]
    assert rows["api_key"][4] == "Kept as a fingerprint only. Secret: only a keyed fingerprint is stored."
    assert rows["user_id"][3::2] == ["From the entry", "Device events"]
    every = {row[1]: row[2] for row in table(sink["workspace/values.md"], "Field")}
    assert every["state"] == "One of: Online (online), Off-line (offline), Retired: never again (retired)"
    assert every["sized_text"] == "Text, 2 to 5 characters"
    assert every["code"] == "Text, matching ^[A-Z]{2}-[0-9]{4}$"
    lists = {row[1]: row[2] for row in table(sink["workspace/lists.md"], "Field")}
    assert lists["texts"] == "List of texts, 1 to 3 items, each 1 to 4 characters"
    assert lists["wholes"] == "List of whole numbers, at most 4 items, each from 1 to 65535"
    assert lists["reals"] == "List of numbers, at least 2 items, each from -1 to 1.5"
    assert lists["states"] == "List of values: Fast (fast), Safe (safe), at least 1 item"


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """The pages of the catalog with events that can fail and with targets."""
    catalog = read_catalog(TEST_CATALOGS / "outcomes").catalog
    assert catalog is not None
    return pages_of(catalog)


def test_event_says_that_it_can_fail_and_how_that_reads(outcomes: dict[str, str]) -> None:
    page = outcomes["office/sign_ins.md"]
    assert page.count("*can fail*") == 1
    assert "`office.sign_ins.signed_in` *can fail* *secret*\n" in page
    assert (
        "\n\nDescription of its failures: *User or App Name* tried to sign in by *Method* and failed "
        "*Attempts* times, {so far}.\n\n"
    ) in page
    assert page.count("Description of its failures") == 1


def test_fields_of_one_outcome_say_which(outcomes: dict[str, str]) -> None:
    fields = table(outcomes["office/sign_ins.md"], "Field")
    assert {row[0]: row[3] for row in fields if row[3] not in ("Yes", "No", "From the entry")} == {
        "Session key": "Only if it succeeded",
        "Lifetime": "Only if it succeeded",
        "Second factor": "Only if it succeeded and Method is Password",
        "Attempts": "Only if it failed",
        "Locked until": "Only if it failed, and not always",
        "Result": "Only if Method is Link by mail",
    }


def test_targets_are_listed_by_the_type_of_the_object(outcomes: dict[str, str]) -> None:
    assert [row[:4] for row in table(outcomes["targets.md"], "Field")] == [
        ["Box", "box", "box", "Whole number of 64 bits"],
        ["Boxes", "boxes", "box", "List of whole numbers of 64 bits"],
        ["Attached", "attached_ids", "document", "List of texts"],
        ["Copied from", "copied_from, in JSON sourceId", "document", "Text"],
        ["Document ID", "document_id", "document", "Text"],
        ["Owner ID", "owner_id", "person", "UUID"],
        ["Readers", "reader_ids", "person", "List of UUIDs"],
        ["Shelf", "shelf", "shelf_2", "Whole number"],
        ["Shelves", "shelves", "shelf_2", "List of whole numbers"],
    ]
    page = outcomes["office/documents.md"]
    assert "Whose document it is. *Identifies an object of the type* `person`." in page


def test_long_enum_says_how_many_values_are_left_out() -> None:
    values = tuple(EnumValue(f"v{number}", f"Value {number}") for number in range(25))
    made = pages(level(category(event(1, field("size", kind="enum", values=values)))))
    assert table(made["shop/orders.md"], "Field")[0][2].endswith("Value 19 (v19) and 5 more")
    assert table(made["enums.md"], "Field")[0][2].endswith("Value 23 (v23), Value 24 (v24)")


def test_event_without_fields_says_so() -> None:
    made = pages(level(category(event(1))))
    assert "\nIt has no fields.\n" in made["shop/orders.md"]
    assert '.where(Done1.account_id == "acme").order_by(' in made["shop/orders.md"]


# --- indexes -----------------------------------------------------------------------------------------


def test_events_are_listed_by_title_and_key() -> None:
    made = pages(
        level(category(event(1, title="b"), event(2, title="A", deprecated=Deprecated("1.0.0")))),
        level(
            category(event(3, title="a", aliases=("shop.old.one",)), level="mall"), name="mall", title="Mall"
        ),
    )
    assert table(made["events.md"], "Event") == [
        ["a", "Orders", "Mall", "mall.orders.done_3, formerly shop.old.one"],
        ["A deprecated", "Orders", "Shop", "shop.orders.done_2"],
        ["b", "Orders", "Shop", "shop.orders.done_1"],
    ]
    assert_links_lead_somewhere(made)


def test_field_names_levels_categories_and_events_that_have_it() -> None:
    everywhere, often, once = field("everywhere"), field("often"), field("once")
    made = pages(
        level(
            category(event(1, everywhere, often), event(2, everywhere, often), name="a", title="Same"),
            category(event(3, everywhere, often), event(4, everywhere, once), name="b", title="Other"),
        ),
        level(category(event(5, often), level="mall", title="Same"), name="mall", title="Mall"),
    )
    assert [row[1:] for row in table(made["fields.md"], "Field")] == [
        ["everywhere", "Text", "Shop (all 4 events)"],
        ["often", "Text", "Shop, Same (all 2 events); Other: Done 3; Mall (all 1 event)"],
        ["once", "Text", "Other: Done 4"],
    ]
    assert_links_lead_somewhere(made)


def test_field_of_many_events_says_how_many_are_left_out() -> None:
    rare = field("rare")
    made = pages(level(category(event(0), *(event(number, rare) for number in range(1, 45)))))
    [row] = table(made["fields.md"], "Field")
    assert row[3].endswith(", Done 30; and 14 more")
    assert made["fields.md"].count("shop/orders.md#") == 30


def test_narrowed_enum_has_a_row_for_its_values() -> None:
    one, two = EnumValue("a", "A"), EnumValue("b", "B")
    full = field("size", kind="enum", values=(one, two))
    made = pages(level(category(event(1, full), event(2, replace(full, values=(one,))))))
    assert [row[2:] for row in table(made["enums.md"], "Field")] == [
        ["A (a), B (b)", "Orders: Done 1"],
        ["A (a)", "Orders: Done 2"],
    ]
    assert made["enums.md"].count('<a id="size"></a>') == 1
    assert len(table(made["fields.md"], "Field")) == 1


def test_secrets_are_listed_before_personal_data(sink: dict[str, str]) -> None:
    rows = table(sink["sensitive.md"], "Field")
    assert [(row[1], *row[2:4]) for row in rows] == [
        ("api_key", "secret", "a keyed fingerprint"),
        ("client_ip", "personal data", "as a part of every entry"),
        ("owner", "personal data", "the value"),
        ("owners", "personal data", "the value"),
        ("user_name", "personal data", "as a part of every entry"),
    ]


def test_levels_and_index_name_every_event(sink: dict[str, str]) -> None:
    listed = {row[0]: row[2] for row in table(sink["device/index.md"], "Category")}
    assert listed == {"Lifecycle": "Device seen, Device moved, Device renamed deprecated, Device reset"}
    assert (
        "User ID and Device ID are shown for every event of the level."
        in rendered(sink["device/index.md"]).paragraphs
    )
    text = sink["index.md"]
    keys = re.findall(r"\]\(\w+/\w+\.md#(\w+)\)", text)
    assert len(keys) == 8
    assert "\nVersion 0.3.0-beta.1: 8 events in 3 categories.\n" in text
    assert_links_lead_somewhere(sink)


# --- empty states ------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [(), (level(),), (level(category()),)])
def test_catalog_without_events_says_so(levels: tuple[Level, ...]) -> None:
    made = pages(*levels)
    assert made["events.md"].endswith("\nThe catalog has no events.\n")
    assert made["fields.md"].endswith("\nNo event has a field.\n")
    assert made["enums.md"].endswith("\nNo event has a field with a fixed set of values.\n")
    assert made["sensitive.md"].endswith("\nNo event has a field with personal data or a secret.\n")
    assert_links_lead_somewhere(made)


# --- every entry -------------------------------------------------------------------------------------


LATER_PARTS = ("on_behalf_of", "outcome", "failure_reason", "context")


def test_page_of_entries_has_what_the_runtime_stores_and_exports(sink: dict[str, str]) -> None:
    parts, csv, full = (rows[1:] for rows in rendered(sink["entry.md"]).tables)
    assert {row[1] for row in parts} == {name for name, *_ in (*LEADING, *TRAILING)}
    names = {row[0] for row in parts} - {"—"}
    assert {name.partition(".")[0] for name in names} == {*WRITABLE, *READ_ONLY, *LATER_PARTS}
    assert {name for name in names if "." in name} == {
        f"{actor}.{part}" for actor in ("actor", "on_behalf_of") for part in ("type", "id", "name")
    }
    given_by_log = {row[0] for row in parts if row[3] == "log"} - {"—"}
    assert given_by_log == set(READ_ONLY)
    assert tuple(row[0] for row in csv) == CSV_COLUMNS
    assert tuple(row[0] for row in full) == (*FULL_COLUMNS, "Device ID", "Site", "Metadata")


# --- large catalogs ----------------------------------------------------------------------------------


def html_size(text: str) -> int:
    return len(html_of(text).encode())


def large(events: int, per_category: int) -> list[Category]:
    own = tuple(field(f"part_{number}", f"Part {number}") for number in range(6))
    return [
        category(
            *(event(number, *own) for number in range(first, min(first + per_category, events))),
            name=f"area{first}",
            title=f"Area {first}",
        )
        for first in range(0, events, per_category)
    ]


def test_large_category_continues_on_further_pages() -> None:
    made = pages(level(*large(200, 200)))
    parts = {path: text for path, text in made.items() if path.startswith("shop/area0")}
    assert len(parts) > 3
    first = parts.pop("shop/area0.md")
    assert [row[0] for row in table(first, "Event")] == [f"Done {number}" for number in range(200)]
    sections = [
        re.findall(r'^<a id="(\w+)"></a>\n\n###', text, re.MULTILINE) for text in (first, *parts.values())
    ]
    assert sorted(name for names in sections for name in names) == sorted(f"done_{n}" for n in range(200))
    assert sorted(rendered(first).anchors) == sorted(f"done_{number}" for number in range(200))
    assert "\nPage 1, [2](area0/2.md), " in first
    assert "\nPage [1](../area0.md), 2, [3](3.md)" in made["shop/area0/2.md"]
    assert_links_lead_somewhere(made)


def test_event_added_at_the_end_changes_the_last_page_and_table() -> None:
    before = pages(level(*large(200, 200)))
    after = pages(level(*large(201, 201)))
    changed = {path for path in after if path.startswith("shop/area0") and before.get(path) != after[path]}
    last = max(
        (path for path in after if path.startswith("shop/area0/")), key=lambda path: int(Path(path).stem)
    )
    assert changed == {"shop/area0.md", last}


def test_table_of_a_very_large_category_has_names_only() -> None:
    events = [event(number, description="It was done. " * 20) for number in range(900)]
    made = pages(level(category(*events)))
    assert table(made["shop/orders.md"], "Event")[899] == ["Done 899"]
    assert html_size(made["shop/orders.md"]) < LARGEST
    assert made["shop/orders/2.md"].count("It was done.") > 20


def wide(fields: int) -> tuple[Field, ...]:
    """Fields with long descriptions, every fifth an enum with many values."""
    values = tuple(EnumValue(f"value_{number}", f"Value number {number}") for number in range(500))
    enum = {"kind": "enum", "values": values}
    return tuple(
        field(
            f"part_{number}",
            f"Part {number}",
            description="What it was. " * 12,
            **({} if number % 5 else enum),
        )
        for number in range(fields)
    )


def test_thousand_wide_events_have_pages_of_limited_size() -> None:
    some, very = wide(12), wide(700)
    shared = tuple(
        SharedField(f"all_{number}", "All of it " * 5, only=("done_1",) * 900) for number in range(99)
    )
    events = [event(number, *(very if number == 500 else some)) for number in range(1_000)]
    made = pages(level(replace(category(*events), metadata=shared)))
    largest = sorted(made, key=lambda path: len(made[path]))[-2:]
    assert max(html_size(made[path]) for path in ("shop/orders.md", "enums.md", *largest)) < LARGEST
    assert_links_lead_somewhere(made)
    described = "".join(text for path, text in made.items() if path.startswith("shop/orders"))
    anchors = re.findall(r'^<a id="(\w+)"></a>\n\n###', described, re.MULTILINE)
    assert anchors == [f"done_{number}" for number in range(1_000)]


def test_section_of_a_very_wide_event_has_several_parts() -> None:
    made = pages(level(category(event(1, *wide(700)), event(2))))
    parts = [made["shop/orders.md"], *(made[f"shop/orders/{number}.md"] for number in (2, 3))]
    names = [
        row[1]
        for text in parts
        for rows in rendered(text).tables
        if rows[0][0] == "Field"
        for row in rows[1:]
    ]
    assert names == [f"part_{number}" for number in range(700)]
    headings = re.findall("^### (.+)", "".join(parts), re.MULTILINE)
    assert headings == [
        "Done 1",
        "Done 1, fields 263 to 525",
        "Done 1, fields 526 to 700",
        "Done 1, JSON",
        "Done 1, code",
        "Done 2",
    ]


def test_table_of_very_many_events_continues_too() -> None:
    made = pages(level(category(*(event(number, title=f"Done for {number} " * 5) for number in range(900)))))
    assert html_size(made["shop/orders.md"]) < LARGEST
    assert "[Done for 0" in made["shop/orders.md"]
    last = next(
        path for path, text in made.items() if "shop/orders" in path and '| <a id="done_899">' in text
    )
    assert last != "shop/orders.md"
    assert f"{last}#done_899)" in "".join(text for path, text in made.items() if path.startswith("events"))
    assert_links_lead_somewhere(made)


def test_sentence_about_many_fields_names_the_first_and_a_number() -> None:
    shared = tuple(SharedField(f"part_{number}", f"Part {number}") for number in range(40))
    page = pages(level(replace(category(event(1)), metadata=shared)))["shop/orders.md"]
    assert "**Part 28**, **Part 29** and 10 more are shown for all events." in page


@pytest.mark.parametrize("events", [1_000, 10_000])
def test_indexes_of_large_catalogs_have_pages_of_limited_size(events: int) -> None:
    whole = Catalog("shop_events", "Shop", "", "1.0.0", (level(*large(events, 6)),))
    made = {path.removeprefix("docs/"): text for path, text in docs.whole(whole).items()}
    listed = "".join(text for path, text in made.items() if path.startswith("events"))
    assert len(re.findall(r"^\| \[Done [0-9]+\]", listed, re.MULTILINE)) == events
    categories = "".join(text for path, text in made.items() if path.startswith("shop/index"))
    assert len(re.findall(r"^\| \[Area [0-9]+\]", categories, re.MULTILINE)) == -(-events // 6)
    assert f"{events:,} events in {-(-events // 6):,} categories" in made["index.md"]
    for page in ("events.md", "shop/index.md", "index.md"):
        assert html_size(made[page]) < LARGEST
