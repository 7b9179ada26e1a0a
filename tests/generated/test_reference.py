"""The catalog against the facts of the event reference in `tests/support/reference.py`."""

import pytest
import yaml
from tests.support import reference
from tests.support.paths import CATALOG

from auditwright_generator.check import read_catalog
from auditwright_generator.model import Catalog, Category, Condition, Event, Field


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    checked = read_catalog(CATALOG)
    assert checked.findings == ()
    assert checked.catalog is not None
    return checked.catalog


def category(catalog: Catalog, key: str) -> Category:
    return next(each for each in catalog.categories if each.key == key)


def event(catalog: Catalog, key: str) -> Event:
    return next(each for each in catalog.events if each.key == key)


def field(catalog: Catalog, key: str, name: str) -> Field:
    return next(each for each in event(catalog, key).fields if each.name == name)


def in_catalog(catalog: Catalog) -> list[tuple[str, str, str]]:
    return [
        (level.name, category.title, event.title)
        for level in catalog.levels
        for category in level.categories
        for event in category.events
    ]


def test_numbers_equal_the_reference(catalog: Catalog) -> None:
    assert len(catalog.levels) == len(reference.LEVELS) == 2
    assert [len(level.categories) for level in catalog.levels] == [15, 3]
    assert len(list(catalog.categories)) == 18
    assert len(list(catalog.events)) == len(reference.EVENTS) == 78


def test_events_are_those_of_the_reference_and_in_its_order(catalog: Catalog) -> None:
    assert in_catalog(catalog) == list(reference.EVENTS)


def test_levels_have_the_titles_of_the_reference(catalog: Catalog) -> None:
    titles = {level.name: level.title for level in catalog.levels}
    assert titles == {"account": "Account-level events", "tool": "Tool-level events"}


def test_every_event_shows_exactly_the_labels_of_the_reference(catalog: Catalog) -> None:
    shown = {
        (level.name, category.title, event.title): sorted(field.title for field in event.fields)
        for level in catalog.levels
        for category in level.categories
        for event in category.events
    }
    assert shown == {key: sorted(labels) for key, labels in reference.EVENTS.items()}


def test_events_without_metadata_in_the_reference_have_none(catalog: Catalog) -> None:
    bare = {key for key, labels in reference.EVENTS.items() if labels == reference.LEVELS[key[0]]}
    levels = {"user_id", "ip_address", "tool_id"}
    ours = {
        (level.name, category.title, event.title)
        for level in catalog.levels
        for category in level.categories
        for event in category.events
        if {field.name for field in event.fields} <= levels
    }
    assert ours == bare
    assert len(bare) == 12


def test_levels_give_their_own_fields_to_every_event(catalog: Catalog) -> None:
    for level in catalog.levels:
        assert {shared.title for shared in level.metadata} == reference.LEVELS[level.name]
        for category in level.categories:
            for event in category.events:
                given = {each.title for each in event.fields if each.declared_in == "level"}
                assert given == reference.LEVELS[level.name]


ALL: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
SHARED = {
    "account.login_logout": {"Email ID": ALL},
    "account.roles": {"Role ID": ((), ("role_changed",))},
    "account.app_api_key": {"IP Address": ALL, "User ID": ALL},
    "account.api_app": {"App ID": ALL, "IP Address": ALL, "User ID": ALL},
    "account.integrations": {
        "IP Address": ALL,
        "Integration Name": ALL,
        "Integration ID": ALL,
        "Integration Type": ALL,
        "User ID": ALL,
    },
    "account.models": {
        "IP Address": ALL,
        "User ID": ALL,
        "Model ID": ALL,
        "Model Name": ALL,
        "Model Type": (
            (
                "model_added",
                "model_deleted",
                "api_key_created",
                "api_key_deleted",
                "model_fine_tuning",
                "model_deployed",
                "model_undeployed",
            ),
            (),
        ),
        "Hardware Type": (("model_fine_tuning", "model_deployed", "model_undeployed"), ()),
    },
    "account.tools": {"Tool ID": ALL, "Tool Name": ALL},
    "account.integration_node": {
        "User ID": ALL,
        "IP Address": ALL,
        "Agent ID": ALL,
        "Node name": ALL,
        "Node ID": ALL,
        "Node Type": ALL,
    },
    "account.users_management": {},
    "account.prompts": {
        "Prompt ID": ALL,
        "Prompt Name": (
            (
                "prompt_created",
                "versions_committed",
                "version_restored",
                "prompt_shared",
                "endpoint_copied",
                "api_key_created",
            ),
            (),
        ),
    },
    "account.dataset": {},
    "account.custom_scripts": {
        "User ID": ALL,
        "User Name": ALL,
        "IP Address": ALL,
        "Custom Script Name": ALL,
    },
    "account.guardrails": {"Guardrail Name": ALL, "Guardrail ID": ALL, "Hardware Type": ALL},
    "account.script": {
        "User ID": ALL,
        "User Name": ALL,
        "IP Address": ALL,
        "Agent ID": ALL,
        "Node name": ALL,
        "Node ID": ALL,
        "Node Type": ALL,
    },
    "account.default_role": {},
    "tool.user_management": {},
    "tool.tool_management": {
        "Tool version": (("tool_deployed", "tool_undeployed"), ()),
        "API mode": (("tool_deployed", "tool_undeployed"), ()),
        "URL": (("tool_deployed", "tool_undeployed"), ()),
        "Version ID": (
            (
                "version_created",
                "version_deleted",
                "api_key_created",
                "api_key_deleted",
                "tool_description_updated",
                "tool_name_updated",
                "tool_exported",
                "api_sync_timeout_updated",
                "api_async_enabled",
                "api_async_updated",
                "api_async_disabled",
                "environment_variable_added",
                "environment_variable_deleted",
                "environment_variable_edited",
            ),
            (),
        ),
    },
    "tool.guardrails": {},
}
"""The shared fields of each category, in the terms of the reference: label -> (`only`, `except`)."""


def test_categories_share_metadata_as_the_reference_says_it(catalog: Catalog) -> None:
    shared = {
        category.key: {each.title: (each.only, each.except_) for each in category.metadata}
        for category in catalog.categories
    }
    assert shared == SHARED


def test_shared_definitions_are_not_copied_into_events(catalog: Catalog) -> None:
    checked = 0
    for level in catalog.levels:
        for each in level.categories:
            written = yaml.safe_load((CATALOG.parent / each.source).read_text("utf-8"))["events"]
            for one in each.events:
                shared = {shared.field for shared in level.metadata} | {
                    shared.field
                    for shared in each.metadata
                    if one.name not in shared.except_ and one.name in (shared.only or [one.name])
                }
                assert not shared & set(written[one.name].get("metadata", ()))
                checked += len(shared)
    assert checked > 200


def test_user_id_ip_and_user_name_come_from_the_entry(catalog: Catalog) -> None:
    filled = {each.title: each.entry for one in catalog.events for each in one.fields if each.entry}
    assert filled == {"User ID": "actor_id", "IP Address": "ip_address", "User Name": "actor_name"}


def test_tool_id_is_the_one_column_of_its_own(catalog: Catalog) -> None:
    assert [column.title for column in catalog.columns] == ["Tool ID"]
    with_tool = {
        one.key.split(".")[0] for one in catalog.events if "tool_id" in {f.name for f in one.metadata}
    }
    assert with_tool == {"account", "tool"}  # also in the account-level category Tools


def test_conditions_are_data(catalog: Catalog) -> None:
    conditions = {
        (one.key, each.title): each.when for one in catalog.events for each in one.fields if each.when
    }
    ours = (Condition("model_type", ("open_source", "fine_tuned")),)
    theirs = (Condition("model_type", ("commercial",)),)
    with_timeout = (Condition("timeout", (True,)),)
    assert conditions == {
        ("account.models.model_added", "Deployment Name"): ours,
        ("account.models.model_added", "Connection Name"): theirs,
        ("account.models.model_deleted", "Deployment Name"): ours,
        ("account.models.model_deleted", "Connection Name"): theirs,
        ("tool.tool_management.api_async_enabled", "Timeout value"): with_timeout,
        ("tool.tool_management.api_async_updated", "Timeout value"): with_timeout,
    }


def test_access_token_is_the_only_secret(catalog: Catalog) -> None:
    secrets = {
        (one.key, each.title) for one in catalog.events for each in one.fields if each.sensitivity == "secret"
    }
    assert secrets == {
        ("tool.tool_management.api_async_enabled", "Access token"),
        ("tool.tool_management.api_async_updated", "Access token"),
    }


def test_identifying_fields_are_personal(catalog: Catalog) -> None:
    personal = {each.title for one in catalog.events for each in one.fields if each.sensitivity == "personal"}
    assert personal == {"IP Address", "User Name", "Email ID"}


def test_api_mode_is_one_field_with_two_values(catalog: Catalog) -> None:
    mode = field(catalog, "tool.tool_management.tool_deployed", "api_mode")
    assert (mode.title, mode.type) == ("API mode", "enum")
    assert [value.key for value in mode.values] == ["sync", "async"]


def test_model_type_has_the_kinds_that_the_reference_names(catalog: Catalog) -> None:
    kind = field(catalog, "account.models.model_added", "model_type")
    assert [value.key for value in kind.values] == ["open_source", "fine_tuned", "commercial"]


def test_lists_are_lists(catalog: Catalog) -> None:
    lists = {(each.title, each.type) for one in catalog.events for each in one.fields if each.many}
    assert lists == {
        ("Added User IDs", "list of string"),
        ("Removed User IDs", "list of string"),
        ("Stop sequence", "list of string"),
    }


NUMBERS = {
    # label: type, unit, minimum, maximum
    "No. of epochs": ("integer", None, 1, None),
    "Batch size": ("integer", None, 1, None),
    "Learning rate": ("number", None, 0, None),
    "Temperature": ("number", None, 0, 2),
    "Max length": ("integer", "tokens", 1, None),
    "Top p": ("number", None, 0, 1),
    "Top k": ("integer", None, 0, None),
    "Inference batch size": ("integer", None, 1, None),
    "Min replicas": ("integer", None, 0, None),
    "Max replicas": ("integer", None, 1, None),
    "Scale up delay": ("number", "seconds", 0, None),
    "Scale down delay": ("number", "seconds", 0, None),
    "Hours of usage": ("number", "hours", 0, None),
    "Time of usage": ("number", "hours", 0, None),
    "Tokens consumed": ("integer", "tokens", 0, None),
    "Timeout value": ("number", "seconds", 0, None),
}


def test_numbers_have_units_and_ranges(catalog: Catalog) -> None:
    numbers = {
        each.title: (each.type, each.unit, each.min, each.max)
        for one in catalog.events
        for each in one.fields
        if each.kind in ("integer", "number")
    }
    assert numbers == NUMBERS


def test_fields_without_listed_values_are_strings(catalog: Catalog) -> None:
    kinds = {each.title: each.type for one in catalog.events for each in one.fields}
    for title in ("Role Type", "Login method", "Training method", "Weights and Biases", "Hardware Type"):
        assert kinds[title] == "string"
    enums = {title for title, kind in kinds.items() if kind == "enum"}
    assert enums == {"Model Type", "API mode"}


OPTIONAL = {
    "API mode", "Access token", "Batch size", "Hardware Type", "Hours of usage", "Inference batch size",
    "Learning rate", "Login method", "Max length", "Max replicas", "Min replicas", "No. of epochs",
    "Scale down delay", "Scale up delay", "Stop sequence", "Temperature", "Test dataset", "Time of usage",
    "Tokens consumed", "Top k", "Top p", "Training dataset", "Training method", "URL", "Weights and Biases",
}  # fmt: skip


def test_configuration_is_optional_and_names_are_required(catalog: Catalog) -> None:
    of_the_thing = [one for one in catalog.events if one.key != "account.tools.tool_deleted"]
    fields = [each for one in of_the_thing for each in one.fields]
    assert {each.title for each in fields if not each.required} == OPTIONAL
    assert not {each.title for each in fields if each.required} & OPTIONAL
    # A tool may have had no model.
    deleted = event(catalog, "account.tools.tool_deleted")
    assert [each.title for each in deleted.fields if not each.required] == [
        "Model ID",
        "Model Name",
        "Model Type",
    ]


def test_deployment_is_complete_without_its_configuration(catalog: Catalog) -> None:
    deployed = event(catalog, "account.models.model_deployed")
    assert [each.title for each in deployed.metadata if each.always] == [
        "Model ID",
        "Model Name",
        "Model Type",
    ]


def test_labels_differ_as_in_the_reference(catalog: Catalog) -> None:
    assert field(catalog, "account.models.model_added", "model_name").title == "Model Name"
    assert field(catalog, "account.tools.tool_deleted", "model_name").title == "Model Name"
    assert field(catalog, "account.prompts.generated_prompt", "model_name").title == "Model name"


def test_default_role_is_described_in_the_words_of_the_reference(catalog: Catalog) -> None:
    configured = event(catalog, "account.default_role.default_role_configured")
    rendered = configured.message.format(previous_role="X", new_role="Y")
    assert rendered == "Default role for new users changed from ‘X’ to ‘Y’."


def test_every_event_says_what_was_done(catalog: Catalog) -> None:
    for one in catalog.events:
        assert one.message.endswith("."), one.key
        assert one.key == "account.default_role.default_role_configured" or "{actor}" in one.message


def test_descriptions_are_not_those_of_the_reference(catalog: Catalog) -> None:
    descriptions = [one.description for one in catalog.events]
    assert len(set(descriptions)) == 78
    assert not [text for text in descriptions if text.startswith("Tracks ")]


def test_one_file_holds_each_category(catalog: Catalog) -> None:
    sources = [each.source for each in catalog.categories]
    assert sources == [f"catalog/{each.key.replace('.', '/')}.yaml" for each in catalog.categories]
    assert category(catalog, "tool.guardrails").title == category(catalog, "account.guardrails").title
