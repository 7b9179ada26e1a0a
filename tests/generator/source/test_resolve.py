"""`resolve.py`: every event gets its complete list of fields."""

from dataclasses import replace
from pathlib import Path

import pytest

from auditwright_generator.check import read_catalog
from auditwright_generator.model import Catalog, Condition, Deprecated, EnumValue, Event, Field, SharedField

CASES = Path(__file__).parents[1] / "cases"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    resolved = read_catalog(CASES / "clean" / "catalog").catalog
    assert resolved is not None
    return resolved


@pytest.fixture(scope="module")
def seen(catalog: Catalog) -> Event:
    return next(event for event in catalog.events if event.name == "device_seen")


def field(event: Event, name: str) -> Field:
    return next(field for field in event.fields if field.name == name)


def test_catalog_has_its_attributes(catalog: Catalog) -> None:
    assert replace(catalog, levels=()) == Catalog(
        package="device_events",
        title="Device events",
        description="Events of a fleet of devices and of the workspace that runs it.",
        version="2.1.0",
        levels=(),
        folder="catalog",
    )
    assert [level.name for level in catalog.levels] == ["workspace", "device"]
    assert [column.name for column in catalog.columns] == ["device_id"]


def test_categories_are_sorted_by_order_then_name(catalog: Catalog) -> None:
    assert [category.key for category in catalog.categories] == [
        "workspace.members",
        "workspace.settings",
        "device.lifecycle",
    ]


def test_category_keeps_its_shared_fields(catalog: Catalog) -> None:
    lifecycle = catalog.levels[1].categories[0]
    assert lifecycle.description == "Devices from their first start to their last."
    assert lifecycle.source == "catalog/device/lifecycle.yaml"
    assert lifecycle.metadata == (
        SharedField("serial", "Serial number"),
        SharedField("state", "State", except_=("device_renamed",)),
        SharedField("attempts", "Attempts", only=("device_seen",)),
        SharedField("reachable", "Reachable", only=("device_seen",)),
    )


def test_fields_are_ordered_by_level_category_event(seen: Event) -> None:
    assert [(field.name, field.declared_in) for field in seen.fields][:7] == [
        ("user_id", "level"),
        ("device_id", "level"),
        ("serial", "category"),
        ("state", "category"),
        ("attempts", "category"),
        ("reachable", "category"),
        ("voltage", "event"),
    ]
    assert seen.metadata == seen.fields[1:]


def test_inner_use_narrows_the_outer(seen: Event) -> None:
    attempts, state = field(seen, "attempts"), field(seen, "state")
    assert (attempts.required, attempts.min, attempts.max) == (True, 0, 10)
    assert state.title == "Status"
    assert state.values == (EnumValue("online", "Online"), EnumValue("offline", "Offline"))
    assert field(seen, "tags").max_items == 3


def test_condition_is_kept_as_data(seen: Event) -> None:
    assert field(seen, "seen_at").when == (Condition("reachable", (True,)),)
    assert field(seen, "address").when == (
        Condition("reachable", (True,)),
        Condition("state", ("online",)),
    )
    assert field(seen, "address").requirement == "when"


def test_excepted_event_does_not_have_the_field(catalog: Catalog) -> None:
    renamed = list(catalog.events)[-1]
    assert [field.name for field in renamed.fields] == ["user_id", "device_id", "serial", "old_name"]
    assert renamed.deprecated == Deprecated("2.0.0", "device.lifecycle.device_seen")
    assert renamed.aliases == ("device.names.device_renamed",)
    assert field(renamed, "old_name").deprecated == Deprecated("2.0.0", "serial", "Names are no longer kept.")


def test_example_has_values_as_stored(seen: Event) -> None:
    assert repr(seen.example["attempts"]) == "3"
    assert seen.example["tags"] == ["lab", "no"]
    assert seen.example["ports"] == [80, 443]


def test_limits_and_lists_are_typed(seen: Event) -> None:
    ports = field(seen, "ports")
    assert (ports.kind, ports.many, ports.type, ports.max) == ("integer", True, "list of integer", 65535)
    assert field(seen, "api_key").sensitivity == "secret"
    assert field(seen, "voltage").unit == "volts"
    assert field(seen, "user_id").entry == "actor_id"


def test_same_files_give_the_same_catalog(catalog: Catalog) -> None:
    assert read_catalog(CASES / "clean" / "catalog").catalog == catalog
