"""The inventory of a catalog with annotation keys, as pages and as CSV, and annotations in the reference."""

import csv
import io
from dataclasses import replace
from typing import Any

import pytest
from tests.generator.targets.test_docs import (
    LARGEST,
    assert_links_lead_somewhere,
    category,
    event,
    field,
    level,
    pages_of,
)
from tests.support.paths import TEST_CATALOGS
from tests.support.rendered import html_of, rendered

from auditwright_generator.check import read_catalog
from auditwright_generator.model import AnnotationKey, Catalog, EnumValue

HEAD = [
    *("Key", "Event", "Description", "Category", "Level", "Fields", "Personal data", "Secrets"),
    *(
        "Can fail",
        "Since",
        "Deprecated since",
        "Owner",
        "Severity",
        "Controls",
        "Retention in days",
        "Expires",
    ),
    *("Runbook", "Links", "Code", "Pages someone"),
]
WIKI = "https://wiki.example.com/audit"


@pytest.fixture(scope="module")
def owned() -> dict[str, str]:
    """The pages of the catalog with annotations."""
    catalog = read_catalog(TEST_CATALOGS / "annotations").catalog
    assert catalog is not None
    return pages_of(catalog)


def tables(page: str) -> dict[str, list[list[str]]]:
    """The rows of each table of a page by its first column."""
    return {rows[0][0]: rows[1:] for rows in rendered(page).tables}


def csv_rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def made(*keys: AnnotationKey, values: list[dict[str, Any]], title: str = "Done") -> dict[str, str]:
    """The pages of a catalog with an event for each of the annotations."""
    events = [
        replace(event(number, field("size")), title=f"{title} {number}", annotations=each)
        for number, each in enumerate(values)
    ]
    levels = (level(category(*events)),)
    return pages_of(Catalog("shop_events", "Shop", "A shop.", "1.0.0", levels, annotation_keys=keys))


def test_inventory_names_owner_controls_and_what_is_kept(owned: dict[str, str]) -> None:
    page = rendered(owned["inventory.md"])
    assert page.tables[0][2] == [
        "Login failed", "account.login.login_failed",
        "Someone could not come in. Recorded when the password is wrong.", "Login", "Account events",
        "Password (secret), Login name (personal data), User ID", "", "", "Security team", "High",
        "ASVS 16.1.1, PCI DSS 10.2.4, PCI DSS 10.10.1", "30", "", "https://runbooks.example.com/login",
        WIKI, "T1001", "yes",
    ]  # fmt: skip
    assert page.tables[0][3][7] == "since 0.2.0"
    assert page.tables[0][4][7] == "deprecated since 1.0.0"
    assert_links_lead_somewhere({path: text for path, text in owned.items() if path.endswith(".md")})
    assert "[Inventory](inventory.md)" in owned["index.md"]


def test_events_are_listed_by_each_value(owned: dict[str, str]) -> None:
    found = tables(owned["inventory.md"])
    assert [heading for _, heading in rendered(owned["inventory.md"]).headings] == [
        "Inventory", "All events", "By Owner", "By Severity", "By Controls", "By Links",
    ]  # fmt: skip
    assert found["Owner"] == [
        ["Identity team", "1", "Logged in"],
        ["Workspace team", "2", "Board created, Board deleted"],
        ["Security team", "1", "Login failed"],
    ]
    assert found["Severity"] == [
        ["Low", "1", "Logged in"],
        ["High", "1", "Login failed"],
        ["Critical", "0", "No event."],
        ["none", "2", "Board created, Board deleted"],
    ]
    assert [row[:2] for row in found["Controls"]] == [
        ["ASVS 16.1.1", "2"], ["PCI DSS 10.2.1", "1"], ["PCI DSS 10.2.4", "1"], ["PCI DSS 10.10.1", "1"],
        ["SOC 2", "3"],
    ]  # fmt: skip


def test_csv_has_the_facts_of_every_event(owned: dict[str, str]) -> None:
    text = owned["inventory.csv"]
    assert text.startswith("\ufeffKey,Event,")
    assert text.endswith("\r\n")
    head, *rows = csv_rows(text)
    assert head == HEAD
    assert [row[0] for row in rows] == [
        *("account.login.logged_in", "account.login.login_failed"),
        *("workspace.boards.board_created", "workspace.boards.board_deleted"),
    ]
    assert dict(zip(HEAD, rows[1], strict=True)) == {
        "Key": "account.login.login_failed",
        "Event": "Login failed",
        "Description": "Someone could not come in. Recorded when the password is wrong.",
        "Category": "Login",
        "Level": "Account events",
        "Fields": "User ID; Login name; Password",
        "Personal data": "Login name",
        "Secrets": "Password",
        "Can fail": "",
        "Since": "",
        "Deprecated since": "",
        "Owner": "Security team",
        "Severity": "High",
        "Controls": "ASVS 16.1.1; PCI DSS 10.2.4; PCI DSS 10.10.1",
        "Retention in days": "30",
        "Expires": "",
        "Runbook": "https://runbooks.example.com/login",
        "Links": WIKI,
        "Code": "T1001",
        "Pages someone": "yes",
    }


def test_reference_shows_annotations_where_they_are(owned: dict[str, str]) -> None:
    wiki = f"[{WIKI}]({WIKI})"
    assert f"\n**Controls:** SOC 2 · **Retention in days:** 400 · **Links:** {wiki}\n" in owned["index.md"]
    page = owned["workspace/boards.md"]
    assert "\n**Owner:** Workspace team\n\n## Shared" in page
    assert (
        "\n**Owner:** Workspace team · **Controls:** SOC 2 · **Retention in days:** 400 · "
        f"**Expires:** 2031-12-31 · **Links:** {wiki}\n" in page
    )
    login = rendered(owned["account/login.md"])
    fields = [row for rows in login.tables if rows[0][0] == "Field" for row in rows[1:]]
    assert [row[4] for row in fields if row[0] == "Login name"] == [
        "The name that was typed in. Personal data. Retention in days: 30"
    ]
    assert "https://wiki.example.com/a_%28b%29%7Cc?d=1&lt;2" in login.links


def test_without_annotation_keys_there_is_no_inventory() -> None:
    assert [path for path in made(values=[{}]) if "inventory" in path] == []


def test_catalog_without_events_has_an_empty_inventory() -> None:
    pages = made(AnnotationKey("owner", "Owner", "string"), values=[])
    assert "The catalog has no events." in pages["inventory.md"]
    assert len(csv_rows(pages["inventory.csv"])) == 1


def test_inventory_says_which_events_can_fail() -> None:
    can_fail = replace(event(1, field("size")), failure_message="{actor} could not do it.")
    key = AnnotationKey("owner", "Owner", "string")
    levels = (level(category(can_fail, event(2, field("size")))),)
    pages = pages_of(Catalog("shop_events", "Shop", "A shop.", "1.0.0", levels, annotation_keys=(key,)))
    assert [row[6] for row in rendered(pages["inventory.md"]).tables[0]] == ["Can fail", "yes", ""]
    assert [row[8] for row in csv_rows(pages["inventory.csv"])] == ["Can fail", "yes", ""]


def test_hostile_texts_stay_text_in_inventory_and_csv() -> None:
    texts = ["=1+1", "a|b", "<script>x</script>", "-2\n=3", "; @x", 'say "hi", [x](javascript:y)', "'", "＝1"]
    keys = (
        AnnotationKey("title", "Key", "string"),
        AnnotationKey("tags", "=A|B<b>", "string", many=True),
        AnnotationKey("risk", "R", "enum", values=(EnumValue("high", "+High|<i>"),)),
    )
    values = [{"title": text, "tags": [text, "x"], "risk": "high"} for text in texts]
    pages = made(*keys, values=values, title="=Done|<b>")
    page = pages["inventory.md"]
    assert "<script" not in html_of(page)
    assert {len(rows[0]) for rows in rendered(page).tables} == {11, 3}
    assert {len(row) for rows in rendered(page).tables for row in rows} == {11, 3}
    head, *rows = csv_rows(pages["inventory.csv"])
    assert head[-3:] == ["Key (title)", "'=A|B<b>", "R"]
    assert [row[-3] for row in rows] == [
        *(
            "'=1+1",
            "a|b",
            "<script>x</script>",
            "'-2 =3",
            ";' @x",
            'say "hi", [x](javascript:y)',
            "''",
            "'＝1",
        ),
    ]
    assert {row[-1] for row in rows} == {"'+High|<i>"}
    assert rows[0][-2] == "'=1+1; x"


def test_large_inventory_continues_on_further_pages() -> None:
    keys = (
        AnnotationKey("owner", "Owner", "enum", values=(EnumValue("a", "Team A"), EnumValue("b", "Team B"))),
        AnnotationKey("controls", "Controls", "string", many=True),
    )
    values = [
        {"owner": "a", "controls": [f"C {number % 9}", "All"]} if number else {} for number in range(1200)
    ]
    pages = made(*keys, values=values)
    found = [path for path in pages if path.startswith("inventory") and path.endswith(".md")]
    assert found == ["inventory.md", *(f"inventory/{number}.md" for number in range(2, len(found) + 1))]
    assert len(found) > 2
    assert max(len(html_of(pages[path]).encode()) for path in found) < LARGEST
    listed = [row for path in found for rows in rendered(pages[path]).tables for row in rows[1:]]
    assert [row[0] for row in listed if len(row) > 3] == [f"Done {number}" for number in range(1200)]
    of_a = [row for row in listed if row[0] == "Team A"]
    assert [row[1] for row in of_a] == ["1,199", *[""] * (len(of_a) - 1)]
    assert sum(len(row[2].split(", ")) for row in of_a) == 1199
    assert ["none", "1", "Done 0"] in listed
    assert_links_lead_somewhere({path: text for path, text in pages.items() if path.endswith(".md")})
    assert "All events, continued" in pages["inventory/2.md"]
    assert len(csv_rows(pages["inventory.csv"])) == 1201
