"""`auditwright diff`: complete output in every format, acceptances, versions, exit codes."""

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.benchmarks.synthetic import write_catalog
from tests.generator.run_command import run

from auditwright_generator import cli
from auditwright_generator.check import read_catalog
from auditwright_generator.diff import renames
from auditwright_generator.diff.compare import compare
from auditwright_generator.model import Catalog, Condition, Deprecated, EnumValue, Event, Field

BASE = Path(__file__).parents[1] / "diff" / "catalog"
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the same catalog in old/ and catalog/."""
    for name in ("old", "catalog"):
        shutil.copytree(BASE, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(path: str, old: str, new: str) -> None:
    text = Path(path).read_text("utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new), "utf-8")


def set_version(version: str, catalog: str = "catalog") -> None:
    edit(f"{catalog}/catalog.yaml", "version: 1.0.0", f"version: {version}")


def accept(*entries: dict[str, str]) -> None:
    with Path("catalog/catalog.yaml").open("a", encoding="utf-8") as file:
        file.write(f"accepted: {json.dumps(entries)}\n")


def diff(*arguments: str) -> int:
    return run(cli.diff, "--against", "old", *arguments)


REMOVED = {
    "rule": "BR203",
    "at": "shop.stock.item_moved.shelf",
    "version": "2.0.0",
    "reason": "No *shelves*, 100%.",
}


def remove_a_field_and_add_one() -> None:
    edit("catalog/shop/stock.yaml", ", shelf: {required: false}", "")
    edit(
        "catalog/shop/orders.yaml",
        "voucher: {required: false}",
        "voucher: {required: false}, code: {required: false}",
    )
    edit("catalog/fields.yaml", "description: Who buys.", 'description: "Who <b>buys</b> `x`, | y."')


# --- the formats, whole ---------------------------------------------------------------------------------


def test_text_shows_position_rule_change_audience_and_hint(capsys: pytest.CaptureFixture[str]) -> None:
    remove_a_field_and_add_one()
    set_version("1.1.0")
    assert diff() == 1
    assert capsys.readouterr().out.splitlines() == [
        "catalog/catalog.yaml:5:10: error BR901 version-too-small: these changes to 1.0.0 require a "
        "higher version than 1.1.0; write `version: 2.0.0`",
        "catalog/fields.yaml:12:60: safe BR209 field-description-changed: shop.orders.order_placed.buyer: "
        'the description is now "Who <b>buys</b> `x`, | y."; no action needed',
        "catalog/shop/orders.yaml:20:57: safe BR201 field-added: shop.orders.order_paid.code: the field "
        '"Code", string, was added as optional; seen by readers; no action needed',
        "catalog/shop/stock.yaml:5:3: break BR203 field-removed: shop.stock.item_moved.shelf: the field "
        '"Shelf" was removed; breaks emitters, readers, database; keep it, and deprecate it in fields.yaml '
        "if no event needs it",
        "3 changes: 1 break (0 accepted), 2 safe; 1.0.0 -> 1.1.0, and 2.0.0 is required; to accept a break, "
        "list it in catalog.yaml: "
        "`accepted: [{rule: BR203, at: shop.stock.item_moved.shelf, version: 2.0.0, reason: ...}]`",
    ]


def test_json_has_every_fact(capsys: pytest.CaptureFixture[str]) -> None:
    remove_a_field_and_add_one()
    set_version("1.1.0")
    assert diff("--format", "json") == 1
    form = json.loads(capsys.readouterr().out)
    assert list(form) == ["old_version", "new_version", "needed_version", "audience", "changes", "findings"]
    assert [form[name] for name in ("old_version", "new_version", "needed_version")] == [
        "1.0.0",
        "1.1.0",
        "2.0.0",
    ]
    assert [change["code"] for change in form["changes"]] == ["BR209", "BR201", "BR203"]
    assert form["changes"][2] == {
        "code": "BR203",
        "name": "field-removed",
        "effect": "break",
        "audiences": ["emitters", "readers", "database"],
        "bump": "major",
        "key": "shop.stock.item_moved.shelf",
        "message": 'shop.stock.item_moved.shelf: the field "Shelf" was removed',
        "hint": "keep it, and deprecate it in fields.yaml if no event needs it",
        "accepted": None,
        "old": "string",
        "new": None,
        "events": ["shop.stock.item_moved"],
        "path": "catalog/shop/stock.yaml",
        "line": 5,
        "column": 3,
    }
    assert form["findings"] == [
        {
            "path": "catalog/catalog.yaml",
            "line": 5,
            "column": 10,
            "severity": "error",
            "code": "BR901",
            "name": "version-too-small",
            "message": "these changes to 1.0.0 require a higher version than 1.1.0; write `version: 2.0.0`",
        }
    ]


def test_github_shows_breaks_and_accepted_breaks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    remove_a_field_and_add_one()
    edit("catalog/fields.yaml", "max: 9000", "max: 5000")
    accept(REMOVED)
    set_version("2.0.0")
    assert diff("--format", "github") == 1
    assert capsys.readouterr().out.splitlines() == [
        "::error file=catalog/fields.yaml,line=10,col=61,title=BR231 constraint-narrowed::amount: max was "
        "9000 and is now 5000; affects 2 events: shop.orders.order_placed, shop.orders.order_paid; breaks "
        "emitters, readers; keep the former limit, or add a field with the narrower range and deprecate "
        "this one",
        "::notice file=catalog/shop/stock.yaml,line=5,col=3,title=BR203 field-removed::"
        'shop.stock.item_moved.shelf: the field "Shelf" was removed; breaks emitters, readers, database; '
        "accepted for 2.0.0: No *shelves*, 100%25.",
        "4 changes: 2 breaks (1 accepted), 2 safe; 1.0.0 -> 2.0.0 is enough; to accept a break, list it in "
        "catalog.yaml: `accepted: [{rule: BR231, at: amount, version: 2.0.0, reason: ...}]`",
    ]


def test_github_escapes_special_characters(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("catalog", "a,b:c%")
    edit("a,b:c%/catalog.yaml", "shop_events", "store_events")
    assert run(cli.diff, "--catalog", "a,b:c%", "--against", "old", "--format", "github") == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(
        "::error file=a%2Cb%3Ac%25/catalog.yaml,line=2,col=1,title=BR141 package-renamed::package: "
    )


def test_markdown_escapes_the_texts_of_the_catalog(capsys: pytest.CaptureFixture[str]) -> None:
    remove_a_field_and_add_one()
    edit("catalog/shop/orders.yaml", "order_closed:", "order_done:")
    edit("catalog/shop/orders.yaml", "[order_closed]", "[order_done]")
    edit(
        "catalog/till/drawers.yaml", "example:", "deprecated: {since: 2.0.0, note: No *tills*.}\n    example:"
    )
    accept(REMOVED)
    set_version("2.0.0")
    assert diff("--format", "markdown") == 1
    assert capsys.readouterr().out == (
        "# Shop events 2.0.0\n\n"
        "## Breaking\n\n"
        '- `shop.orders.order_closed`: the event "Order closed" was removed, and `shop.orders.order_done` is '
        "probably the same; breaks emitters, readers, database, exports, links; write "
        "`aliases: [shop.orders.order_closed]` at `shop.orders.order_done` if it is the same event; "
        "otherwise keep `shop.orders.order_closed` and deprecate it\n"
        '- `shop.stock.item_moved.shelf`: the field "Shelf" was removed; breaks emitters, readers, database; '
        "accepted: No \\*shelves\\*, 100%.\n\n"
        "## Added\n\n"
        '- `shop.orders.order_paid.code`: the field "Code", string, was added as optional\n\n'
        "## Deprecated\n\n"
        '- `till.drawers.drawer_opened`: it is deprecated since 2.0.0; "No \\*tills\\*."\n\n'
        "## Changed\n\n"
        '- `shop.orders.order_placed.buyer`: the description is now "Who &lt;b>buys&lt;/b> \\`x\\`, \\| y."\n'
    )


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("text", "no changes; 1.0.0 -> 1.0.0\n"),
        (
            "json",
            '{\n  "old_version": "1.0.0",\n  "new_version": "1.0.0",\n  "needed_version": "1.0.0",\n'
            '  "audience": null,\n  "changes": [],\n  "findings": []\n}\n',
        ),
        ("github", "no changes; 1.0.0 -> 1.0.0\n"),
        ("markdown", "# Shop events 1.0.0\n\nNothing changed since 1.0.0.\n"),
    ],
)
def test_every_format_reports_no_changes(name: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert diff("--format", name) == 0
    assert capsys.readouterr() == (printed, "")


# --- what concerns one audience -------------------------------------------------------------------------


def change_something_for_everybody() -> None:
    remove_a_field_and_add_one()
    edit("catalog/fields.yaml", "title: Reason,", "title: Reason, stored_as: whyItWas,")
    edit("catalog/shop/orders.yaml", "title: Order paid", "title: Order settled")


@pytest.mark.parametrize(
    ("audience", "codes", "code", "summary"),
    [
        ("readers", ["BR215", "BR201", "BR203"], 1, "3 changes for readers: 2 breaks (1 accepted), 1 safe"),
        ("emitters", ["BR203"], 0, "1 change for emitters: 1 break (1 accepted), 0 safe"),
        ("exports", ["BR215", "BR106"], 1, "2 changes for exports: 2 breaks (0 accepted), 0 safe"),
        ("links", [], 0, "no changes for links"),
    ],
)
def test_for_shows_what_concerns_one_audience(
    audience: str, codes: list[str], code: int, summary: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change_something_for_everybody()
    set_version("2.0.0")
    accept(REMOVED)
    assert diff("--for", audience) == code
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == codes
    assert last == f"{summary}; 1.0.0 -> 2.0.0"


def test_for_leaves_the_version_to_the_author(capsys: pytest.CaptureFixture[str]) -> None:
    edit("catalog/shop/orders.yaml", "title: Order paid", "title: Order settled")
    assert diff("--for", "emitters") == 0
    assert capsys.readouterr().out == "no changes for emitters; 1.0.0 -> 1.0.0\n"
    assert diff() == 1


def test_for_applies_to_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    change_something_for_everybody()
    set_version("2.0.0")
    diff("--for", "exports", "--format", "json")
    form = json.loads(capsys.readouterr().out)
    assert (form["audience"], [each["code"] for each in form["changes"]]) == ("exports", ["BR215", "BR106"])
    assert (form["needed_version"], form["findings"]) == ("2.0.0", [])
    diff("--for", "exports", "--format", "markdown")
    concerns = "What concerns exported files and saved filters."
    assert capsys.readouterr().out.startswith(
        f"# Shop events 2.0.0\n\n{concerns}\n\n## Breaking\n\n- `reason`: "
    )
    diff("--for", "links", "--format", "markdown")
    assert capsys.readouterr().out.endswith("anchors of events.\n\nNothing changed since 1.0.0.\n")
    diff("--for", "exports", "--format", "github")
    assert [line.partition(" ")[0] for line in capsys.readouterr().out.splitlines()] == [
        "::error",
        "::error",
        "2",
    ]


# --- versions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("1.0.0", "1.0.0", "1.0.0 -> 1.0.0, and 1.1.0 is required"),
        ("1.0.0", "1.0.1", "1.0.0 -> 1.0.1, and 1.1.0 is required"),
        ("1.0.0", "1.1.0-rc.1", "1.0.0 -> 1.1.0-rc.1 is enough"),
        ("1.0.0", "1.1.0", "1.0.0 -> 1.1.0 is enough"),
        ("1.0.0", "4.0.0", "1.0.0 -> 4.0.0 is enough"),
        ("0.4.0", "0.4.1", "0.4.0 -> 0.4.1 is enough"),
        ("2.0.0", "1.9.0", "2.0.0 -> 1.9.0, and 2.1.0 is required"),
    ],
)
def test_an_addition_requires_a_minor_version(
    old: str, new: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit("catalog/fields.yaml", "max: 9000", "max: 9999")
    set_version(old, "old")
    set_version(new)
    edit_since("old")
    edit_since("catalog")
    assert diff() == (0 if said.endswith("enough") else 1)
    assert capsys.readouterr().out.splitlines()[-1] == f"1 change: 0 breaks (0 accepted), 1 safe; {said}"


def edit_since(catalog: str) -> None:
    """Lowers `since` and `deprecated` to the version of the catalog."""
    for path in Path(catalog).rglob("*.yaml"):
        path.write_text(path.read_text("utf-8").replace("since: 1.0.0", "since: 0.1.0"), "utf-8")


def test_a_lower_version_is_a_finding_without_changes(capsys: pytest.CaptureFixture[str]) -> None:
    set_version("1.2.0", "old")
    assert diff() == 1
    assert capsys.readouterr().out == (
        "catalog/catalog.yaml:5:10: error BR902 version-decreased: version 1.0.0 is lower than 1.2.0, "
        "the version of the older catalog; write `version: 1.2.0`, or compare with an older catalog\n"
        "no changes; 1.2.0 -> 1.0.0, and 1.2.0 is required\n"
    )


# --- accepting ------------------------------------------------------------------------------------------


def findings(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of the report except changes: findings and the summary."""
    lines = capsys.readouterr().out.splitlines()
    return [line for line in lines if not (" break BR" in line or " safe BR" in line)]


def test_an_accepted_break_is_shown_with_its_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    remove_a_field_and_add_one()
    accept(REMOVED)
    set_version("2.0.0")
    assert diff() == 0
    assert findings(capsys) == [
        "catalog/shop/stock.yaml:5:3: accepted BR203 field-removed: shop.stock.item_moved.shelf: the field "
        '"Shelf" was removed; breaks emitters, readers, database; accepted for 2.0.0: No *shelves*, 100%.',
        "3 changes: 1 break (1 accepted), 2 safe; 1.0.0 -> 2.0.0 is enough",
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"rule": "BR204"},
            "12: warning BR904 unused-acceptance: BR204 at shop.stock.item_moved.shelf is accepted, but "
            "there is no such break; remove it",
        ),
        (
            {"at": "shop.stock.item_moved.self"},
            "12: warning BR904 unused-acceptance: BR203 at shop.stock.item_moved.self is accepted, but there "
            'is no such break; did you mean "shop.stock.item_moved.shelf"?',
        ),
        (
            {"version": "1.9.0"},
            "12: warning BR903 stale-acceptance: BR203 at shop.stock.item_moved.shelf was accepted for "
            "1.9.0, but this is 2.0.0; remove it",
        ),
        (
            {"rule": "BR201"},
            "21: error BR905 unknown-break: BR201 is not a break and need not be accepted; remove it",
        ),
        (
            {"rule": "XX999"},
            "21: error BR905 unknown-break: XX999 is not a rule about changes; write the code of a break, "
            "such as BR203",
        ),
    ],
)
def test_an_acceptance_without_a_break_is_a_finding(
    changed: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    remove_a_field_and_add_one()
    accept(REMOVED | changed)
    set_version("2.0.0")
    assert diff() == 1
    found, summary = findings(capsys)
    assert found.removeprefix("catalog/catalog.yaml:15:") == said
    assert summary.startswith("3 changes: 1 break (0 accepted), 2 safe; 1.0.0 -> 2.0.0 is enough; ")


def test_the_proposed_acceptance_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    remove_a_field_and_add_one()
    set_version("2.0.0-rc.1")
    assert diff() == 1
    summary = capsys.readouterr().out.splitlines()[-1]
    [proposal] = re.findall("`(.*)`", summary)
    path = Path("catalog/catalog.yaml")
    path.write_text(f"{path.read_text('utf-8')}\n{proposal}\n", "utf-8")
    assert diff() == 0
    assert "to accept a break" not in capsys.readouterr().out


def test_an_acceptance_may_stay_until_the_version_changes(capsys: pytest.CaptureFixture[str]) -> None:
    remove_a_field_and_add_one()
    accept(REMOVED)
    set_version("2.0.0")
    assert run(cli.diff, "--against", "catalog") == 0
    assert capsys.readouterr().out == "no changes; 2.0.0 -> 2.0.0\n"
    shutil.rmtree("old")
    shutil.copytree("catalog", "old")
    edit("catalog/catalog.yaml", "\nversion: 2.0.0", "\nversion: 2.1.0")
    assert diff() == 1
    assert findings(capsys) == [
        "catalog/catalog.yaml:15:12: warning BR903 stale-acceptance: BR203 at shop.stock.item_moved.shelf "
        "was accepted for 2.0.0, but this is 2.1.0; remove it",
        "no changes; 2.0.0 -> 2.1.0",
    ]


def test_a_message_begins_with_the_key_to_accept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    edit("catalog/fields.yaml", "max: 9000", "max: 5000")
    set_version("2.0.0")
    assert diff("--format", "json") == 1
    (change,) = json.loads(capsys.readouterr().out)["changes"]
    assert change["message"].startswith(f"{change['key']}: ")
    accept({"rule": change["code"], "at": change["key"], "version": "2.0.0", "reason": "Nobody spends more."})
    assert diff() == 0


def test_an_acceptance_does_not_lower_the_required_version(capsys: pytest.CaptureFixture[str]) -> None:
    remove_a_field_and_add_one()
    accept(REMOVED | {"version": "1.1.0"})
    set_version("1.1.0")
    assert diff() == 1
    assert (
        findings(capsys)[-1]
        == "3 changes: 1 break (1 accepted), 2 safe; 1.0.0 -> 1.1.0, and 2.0.0 is required"
    )


# --- the safe ways --------------------------------------------------------------------------------------

SAFE_WAYS: dict[str, list[tuple[str, str, str]]] = {
    "an event is deprecated instead of removed": [
        ("shop/orders.yaml", "    aliases: [", "    deprecated: {since: 1.0.0}\n    aliases: ["),
    ],
    "an event is added beside the deprecated one instead of renamed or moved": [
        ("shop/orders.yaml", "example: {order_id: o-1}\n", """example: {order_id: o-1}
    deprecated: {since: 1.0.0, use: shop.stock.order_done}
"""),
        ("shop/stock.yaml", "events:\n", """events:
  order_done:
    title: Order done
    description: An order is done with.
    message: "{actor} is done with order {order_id}."
    metadata: {order_id: {}, reason: {required: false}}
    example: {order_id: o-1}
"""),
    ],
    "a field is deprecated instead of removed": [
        ("fields.yaml", "description: Who buys.", "description: Who buys., deprecated: {since: 1.0.0}"),
    ],
    "an optional field is added beside the deprecated one instead of renamed, retyped or narrowed": [
        ("fields.yaml", "shelf: {", "place: {title: Place, type: integer, description: Where.}\nshelf: {"),
        ("fields.yaml", "since: 1.0.0}\nbin", "since: 1.0.0, deprecated: {since: 1.0.0, use: place}}\nbin"),
        ("shop/stock.yaml", "{code: {}, shelf", "{place: {required: false}, code: {}, shelf"),
    ],
    "only the title of an enum's value changes": [("fields.yaml", "web: Web", "web: On the web")],
}  # fmt: skip


@pytest.mark.parametrize("way", SAFE_WAYS)
def test_the_safe_way_is_not_a_break(way: str, capsys: pytest.CaptureFixture[str]) -> None:
    for path, old, new in SAFE_WAYS[way]:
        edit(f"catalog/{path}", old, new)
    set_version("1.1.0")
    assert diff() == 0
    assert ": 0 breaks (0 accepted), " in capsys.readouterr().out


# --- nothing escapes ------------------------------------------------------------------------------------

_OTHERS: dict[str, Any] = {
    "title": "Other", "description": "Other.", "kind": "email", "many": True, "required": False,
    "when": (Condition("channel", ("web",)),), "values": (EnumValue("x", "X"),), "min": 1, "max": 2,
    "min_length": 1, "max_length": 3, "pattern": "x", "min_items": 1, "max_items": 4, "unit": "miles",
    "sensitivity": "personal", "entry": "actor_name", "column": True, "since": "0.1.0",
    "deprecated": Deprecated("0.1.0"), "max_bytes": 5, "max_depth": 6, "max_keys": 7, "change": True,
    "stored_as": "because", "annotations": {"owner": "platform"},
    "outcome": "success", "target": "reason",
}  # fmt: skip


def resolved(folder: str | Path) -> Catalog:
    catalog = read_catalog(Path(folder)).catalog
    assert catalog is not None
    return catalog


def with_field(catalog: Catalog, change: dict[str, Any]) -> Catalog:
    """The catalog with a changed field `reason` of the event in `till`, which can fail."""

    def changed(event: Event) -> Event:
        fields = tuple(
            replace(field, **change) if field.name == "reason" else field for field in event.fields
        )
        return replace(event, fields=fields, failure_message="It failed.")

    shop, till = catalog.levels
    (drawers,) = till.categories
    drawers = replace(drawers, events=tuple(changed(event) for event in drawers.events))
    return replace(catalog, levels=(shop, replace(till, categories=(drawers,))))


@pytest.mark.parametrize(
    "name", [part.name for part in dataclasses.fields(Field) if part.name not in ("name", "declared_in")]
)
def test_every_attribute_of_a_field_is_compared(name: str) -> None:
    catalog = resolved("catalog")
    base = with_field(catalog, {"required": True, "kind": "enum" if name == "values" else "string"})
    changed = with_field(base, {name: _OTHERS[name]})
    assert compare(base, changed) != []
    assert compare(changed, base) != []


@pytest.mark.parametrize(
    "folder", [ROOT / "catalog", ROOT / "runtime" / "catalog", ROOT / "tests" / "catalogs" / "kitchen_sink"]
)
def test_a_catalog_equals_itself(folder: Path) -> None:
    assert compare(resolved(folder), resolved(folder)) == []


def test_random_catalogs_give_one_line_per_change() -> None:
    folders = [
        ROOT / "catalog",
        ROOT / "runtime" / "catalog",
        ROOT / "tests" / "catalogs" / "kitchen_sink",
        BASE,
    ]
    catalogs = [resolved(folder) for folder in folders]
    for old in catalogs:
        for new in catalogs:
            for change in compare(old, new):
                assert f"{change.message} {change.impact} {change.hint}".isprintable()
                assert change.hint


def test_comparing_takes_linear_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Renames every event and counts the comparisons, which is more reliable than measuring time."""
    score = renames._score_events

    def counting(calls: list[str]) -> Callable[[Event, Event], float]:
        def counted(old: Event, new: Event) -> float:
            calls.append(old.key)
            return score(old, new)

        return counted

    compared = []
    for count in (120, 480):
        folder = tmp_path / str(count)
        write_catalog(folder, count)
        old = resolved(folder)
        new = renamed(old)
        calls: list[str] = []
        monkeypatch.setattr(renames, "_score_events", counting(calls))
        found = compare(old, new)
        assert len([change for change in found if change.rule.code == "BR104"]) == count
        compared.append(len(calls))
    assert compared[1] <= 5 * compared[0]


def renamed(catalog: Catalog) -> Catalog:
    """The catalog with a new key for every event."""

    def other(event: Event) -> Event:
        return replace(event, key=f"{event.key}_now", name=f"{event.name}_now")

    levels = [
        replace(
            level,
            categories=tuple(
                replace(category, events=tuple(other(event) for event in category.events))
                for category in level.categories
            ),
        )
        for level in catalog.levels
    ]
    return replace(catalog, levels=tuple(levels))
