"""Recording by emitters, models and JSON forms, and what each refuses."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.databases import Database
from tests.support.sample_events import (
    ADA,
    ADDED,
    ASYNC,
    DEPLOYED,
    KEY_CREATED,
    LONG_AGO,
    MODEL,
    TUNED,
    any_text,
    event_of,
    form,
    make_catalog,
    minutes,
    record,
    refused,
)

from audit_events import AuditEvents
from audit_events.models.account.models import ModelAdded, ModelDeployed, ModelFineTuning
from auditwright import AccountLog, Actor, AuditLog, IdConflict, ValidationError
from auditwright.entry import METADATA, columns
from auditwright.ids import make_id, to_microseconds


def test_emitter_stores_its_arguments(audit: AuditEvents, acme: AccountLog) -> None:
    before = datetime.now(UTC)
    entry = audit.account.models.model_deployed(
        model_id="m-17",
        model_name="Llama",
        model_type="open_source",
        temperature=0.5,
        stop_sequence=["END", "###"],
        actor=ADA,
        ip_address="203.0.113.7",
    )
    found = acme.get(entry.id)
    assert found == entry
    assert found is not None
    assert before - timedelta(milliseconds=1) <= found.occurred_at
    assert found.to_json() == {
        "id": str(entry.id),
        "account_id": "acme",
        "event": DEPLOYED,
        "occurred_at": entry.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "actor": {"type": "user", "id": "u-17", "name": "Ada Lovelace"},
        "ip_address": "203.0.113.7",
        "metadata": MODEL | {"temperature": 0.5, "stop_sequence": ["END", "###"]},
        "recorded_at": entry.recorded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "level": "account",
        "category": "account.models",
        "description": "Ada Lovelace deployed model Llama.",
        "catalog_version": "1.1.0",
    }


def test_every_way_of_recording_gives_the_same_row(
    log: AuditLog, audit: AuditEvents, database: Database
) -> None:
    values = MODEL | {"temperature": 0.5}
    options: dict[str, Any] = {"actor": ADA, "ip_address": "2001:db8::1", "occurred_at": LONG_AGO}
    said = form(
        DEPLOYED,
        values,
        actor={"type": "user", "id": "u-17", "name": "Ada Lovelace"},
        ip_address="2001:db8::1",
        occurred_at="2024-05-06T07:08:09.123456Z",
    )
    audit.account.models.model_deployed(
        model_id="m-17", model_name="Llama", model_type="open_source", temperature=0.5, **options
    )
    log.record(
        ModelDeployed(model_id="m-17", model_name="Llama", model_type="open_source", temperature=0.5),
        **options,
    )
    log.record_json(json.dumps(said))
    log.record_json(json.dumps(said).encode())
    log.record_form(said)
    log.record_form(form(DEPLOYED, values), **options)
    assert log.record_many([said]) == 1
    differing = {"id", "recorded_at", "row_digest"}
    names = ", ".join(name for name, _, _ in columns(log.catalog) if name not in differing)
    assert len(set(map(repr, database.rows(f"SELECT {names} FROM audit_entry")))) == 1
    assert len(database.rows()) == 7


def test_record_many_stores_models_and_mappings_in_order(log: AuditLog, acme: AccountLog) -> None:
    model = ModelAdded(model_id="m", model_name="M", model_type="commercial", connection_name="c")
    with log.acting(ADA):
        assert log.record_many([model, form(KEY_CREATED, {}), model]) == 3
    assert [entry.event for entry in acme.all()] == [ADDED, KEY_CREATED, ADDED]


def test_record_many_of_nothing_stores_nothing(log: AuditLog, database: Database) -> None:
    assert log.record_many([]) == 0
    assert database.rows() == []


def test_record_many_takes_an_endless_supply_in_batches(log: AuditLog, acme: AccountLog) -> None:
    with log.acting(ADA):
        assert log.record_many(form(KEY_CREATED, {}) for _ in range(10_001)) == 10_001
    assert acme.count() == 10_001


def test_record_many_stops_at_the_first_refusal_with_its_number(log: AuditLog, acme: AccountLog) -> None:
    events = [form(ADDED, MODEL | {"deployment_name": f"d{number}"}) for number in range(5)]
    events[3]["metadata"]["model_type"] = "own"
    with pytest.raises(ValidationError) as caught:
        log.record_many(events)
    assert str(caught.value).startswith(f"{ADDED}: ")
    assert caught.value.__notes__ == ["event 3 (counted from 0) was refused; the 3 before it are stored"]
    assert [entry.metadata["deployment_name"] for entry in acme.all()] == ["d2", "d1", "d0"]


def test_record_many_refuses_invalid_events(log: AuditLog, acme: AccountLog) -> None:
    broken: list[Any] = [form(KEY_CREATED, {}), 5]
    with pytest.raises(ValidationError) as caught:
        log.record_many(broken)
    assert str(caught.value) == "entry: expected a JSON object, got an integer"
    assert caught.value.__notes__ == ["event 1 (counted from 0) was refused; the 1 before it are stored"]
    assert acme.count() == 1


def test_record_many_stores_events_before_its_iterable_failed(log: AuditLog, acme: AccountLog) -> None:
    def supply() -> Iterator[dict[str, Any]]:
        for number in range(5):
            yield form(ADDED, MODEL | {"deployment_name": f"d{number}"})
        raise ValueError("the file is torn")

    with pytest.raises(ValueError, match="the file is torn") as caught:
        log.record_many(supply())
    assert type(caught.value) is ValueError
    assert caught.value.__notes__ == ["event 5 (counted from 0) was refused; the 5 before it are stored"]
    assert [entry.metadata["deployment_name"] for entry in acme.all()] == ["d4", "d3", "d2", "d1", "d0"]


def test_record_many_stops_at_a_conflict_and_names_the_entry(log: AuditLog, acme: AccountLog) -> None:
    taken = record(log, KEY_CREATED)
    events = [form(KEY_CREATED, {}) for _ in range(4)]
    events[2] |= {"id": str(taken.id), "event": "account.app_api_key.app_api_key_deleted"}
    with pytest.raises(IdConflict) as caught:
        log.record_many(events)
    assert caught.value.entry is not None
    assert caught.value.entry.id == taken.id
    assert caught.value.__notes__ == ["event 2 (counted from 0) was refused; the 2 before it are stored"]
    assert acme.count() == 3
    assert acme.get(taken.id) == taken


def test_record_many_does_not_count_stored_entries(log: AuditLog, acme: AccountLog) -> None:
    taken = record(log, KEY_CREATED)
    again = taken.to_json()
    again = {name: again[name] for name in ("id", "event", "occurred_at", "actor", "metadata")}
    assert log.record_many([again, form(KEY_CREATED, {})]) == 1
    assert acme.count() == 2


# --- options -------------------------------------------------------------------------------------


def test_details_are_appended_to_the_description(log: AuditLog) -> None:
    entry = record(log, KEY_CREATED, details="For the nightly export.")
    assert entry.description == "Ada Lovelace created an App API key. For the nightly export."


def test_empty_details_change_nothing(log: AuditLog) -> None:
    assert record(log, KEY_CREATED, details="").description == "Ada Lovelace created an App API key."


def test_details_have_at_most_2000_characters(log: AuditLog) -> None:
    assert record(log, KEY_CREATED, details="x" * 2000).description.endswith("xx")
    assert (
        str(refused(log, KEY_CREATED, details="x" * 2001))
        == f"{KEY_CREATED}: details: expected a string of at most 2000 characters, got 2001 characters"
    )
    assert (
        str(refused(log, KEY_CREATED, details=5))
        == f"{KEY_CREATED}: details: expected a string of at most 2000 characters, got int"
    )


def test_a_given_time_is_kept_to_the_microsecond_in_utc(log: AuditLog) -> None:
    moment = LONG_AGO.astimezone(timezone(timedelta(hours=5, minutes=45)))
    entry = record(log, KEY_CREATED, occurred_at=moment)
    assert entry.occurred_at == LONG_AGO
    assert entry.occurred_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("moment", "problem"),
    [
        (datetime(2024, 1, 1), "expected a datetime with a time zone, got one without a time zone"),
        ("2024-01-01T00:00:00Z", "expected a datetime with a time zone, got str"),
        (
            datetime(1969, 12, 31, tzinfo=UTC),
            "expected a time of the years 1970 to 9999, got 1969-12-31 00:00:00+00:00",
        ),
        (
            datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
            "expected a time of the years 1970 to 9999, got 0001-01-01 00:00:00+14:00",
        ),
        (
            datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
            "expected a time of the years 1970 to 9999, got 9999-12-31 23:59:59.999999-01:00",
        ),
    ],
)
def test_a_time_without_zone_or_of_other_years_is_refused(log: AuditLog, moment: Any, problem: str) -> None:
    assert str(refused(log, KEY_CREATED, occurred_at=moment)) == f"{KEY_CREATED}: occurred_at: {problem}"


def test_time_may_be_up_to_five_minutes_ahead(log: AuditLog) -> None:
    assert record(log, KEY_CREATED, occurred_at=datetime.now(UTC) + minutes(4.9))
    assert (
        str(refused(log, KEY_CREATED, occurred_at=datetime.now(UTC) + minutes(7.5)))
        == f"{KEY_CREATED}: occurred_at: expected a time at most 5 minutes ahead, got one 7 minutes ahead"
    )


def test_given_id_sets_the_time(log: AuditLog) -> None:
    given = uuid.UUID(bytes=make_id(to_microseconds(LONG_AGO)))
    entry = record(log, KEY_CREATED, id=given)
    assert entry.id == given
    assert entry.occurred_at == LONG_AGO
    assert record(log, KEY_CREATED, id=str(given), occurred_at=LONG_AGO) == entry


def test_id_of_another_implementation_is_accepted(log: AuditLog) -> None:
    # RFC 9562, appendix A.6, with random bits instead of our microsecond.
    given = uuid.UUID("017F22E2-79B0-7FFF-98C4-DC0C0C07398F")
    entry = record(log, KEY_CREATED, id=given)
    assert entry.id == given
    assert entry.occurred_at == datetime(2022, 2, 22, 19, 22, 22, 999, UTC)


def test_id_with_another_time_is_refused(log: AuditLog) -> None:
    given = uuid.UUID(bytes=make_id(to_microseconds(LONG_AGO)))
    assert (
        str(refused(log, KEY_CREATED, id=given, occurred_at=LONG_AGO + timedelta(microseconds=1)))
        == f"{KEY_CREATED}: id: expected an id that states occurred_at, 2024-05-06T07:08:09.123457Z, "
        "got 2024-05-06T07:08:09.123456Z"
    )


def test_id_after_the_year_9999_is_refused(log: AuditLog) -> None:
    beyond = "ffffffff-ffff-7fff-bfff-ffffffffffff"
    refusals = [
        refused(log, KEY_CREATED, id=beyond, occurred_at=LONG_AGO),
        refused(log, KEY_CREATED, id=beyond),
    ]
    expected = f"{KEY_CREATED}: id: expected an id of the years 1970 to 9999, got one of a later year"
    assert list(map(str, refusals)) == [expected] * 2


@pytest.mark.parametrize(
    ("given", "got"),
    [
        (uuid.UUID("919108f7-52d1-4320-9bac-f847db4148a8"), "version 4"),
        (uuid.UUID(int=0), "version None"),
        ("m-17", "'m-17'"),
        (5, "5"),
    ],
)
def test_id_that_is_not_a_uuid7_is_refused(log: AuditLog, given: Any, got: str) -> None:
    assert (
        str(refused(log, KEY_CREATED, id=given))
        == f"{KEY_CREATED}: id: expected a UUID, version 7, got {got}"
    )


def test_retry_with_equal_content_returns_the_stored_entry(log: AuditLog, database: Database) -> None:
    first = record(log, ADDED, MODEL | {"deployment_name": "eu"})
    again = record(log, ADDED, MODEL | {"deployment_name": "eu"}, id=first.id)
    assert again == first
    assert again.recorded_at == first.recorded_at
    assert len(database.rows()) == 1


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ({"deployment_name": "us"}, {}),
        ({"deployment_name": "eu"}, {"actor": Actor.user("u-17", "Ada King")}),
        ({"deployment_name": "eu"}, {"actor": Actor.app("u-17", "Ada Lovelace")}),
        ({"deployment_name": "eu"}, {"ip_address": "203.0.113.7"}),
    ],
)
def test_the_same_id_with_other_content_is_a_conflict(
    log: AuditLog, database: Database, values: dict[str, str], options: dict[str, Any]
) -> None:
    first = record(log, ADDED, MODEL | {"deployment_name": "eu"})
    before = database.rows()
    with pytest.raises(IdConflict) as caught:
        record(log, ADDED, MODEL | values, id=first.id, **options)
    assert str(caught.value) == "an entry with this id and other content is stored already; it is unchanged"
    assert caught.value.entry is not None
    assert caught.value.entry.id == first.id
    assert database.rows() == before


def test_the_same_id_with_other_details_is_a_conflict(log: AuditLog, database: Database) -> None:
    first = record(log, KEY_CREATED, details="For the nightly export.")
    before = database.rows()
    for details in ("For the daily export.", ""):
        with pytest.raises(IdConflict):
            record(log, KEY_CREATED, id=first.id, details=details)
    assert database.rows() == before
    assert record(log, KEY_CREATED, id=first.id, details="For the nightly export.") == first


@pytest.mark.parametrize(
    "make",
    [
        lambda end: ({"removed_user_ids": ["x" * 5000 + end]}, ADA),
        lambda end: ({"removed_user_ids": ["x" * 4000 for _ in range(20)] + [end]}, ADA),
        lambda end: ({"removed_user_ids": ["u"]}, Actor.user("u-17", "x" * 5000 + end)),
    ],
    ids=["text", "list", "name"],
)
def test_texts_with_equal_truncation_are_not_equal(log: AuditLog, database: Database, make: Any) -> None:
    removed = "account.users_management.user_deleted"
    values, actor = make("one")
    first = record(log, removed, values, actor=actor)
    other, other_actor = make("two")
    with pytest.raises(IdConflict) as caught:
        record(log, removed, other, actor=other_actor, id=first.id)
    assert caught.value.entry is not None
    assert caught.value.entry.metadata == first.metadata
    assert record(log, removed, values, actor=actor, id=first.id) == first
    assert len(database.rows()) == 1


def test_two_accounts_may_have_the_same_id(log: AuditLog) -> None:
    first = record(log, KEY_CREATED)
    second = record(log, "account.roles.role_changed", id=first.id, account_id="other")
    assert log.account("acme").get(first.id) == first
    assert log.account("other").get(first.id) == second


@pytest.mark.parametrize("given", ["localhost", "203.0.113.7:80", "", "203.0.113.07", "2001:db8::1%eth0", 5])
def test_invalid_address_is_refused_and_not_shown(log: AuditLog, given: Any) -> None:
    got = "other text" if isinstance(given, str) else "int"
    assert (
        str(refused(log, KEY_CREATED, ip_address=given))
        == f"{KEY_CREATED}: ip_address: expected an IPv4 or IPv6 address, got {got}"
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("203.0.113.7", "203.0.113.7"),
    ],
)
def test_an_address_is_kept_in_its_normal_form(log: AuditLog, given: str, kept: str) -> None:
    assert record(log, KEY_CREATED, ip_address=given).ip_address == kept


def test_an_unknown_option_is_refused_with_the_nearest_name(log: AuditLog) -> None:
    assert str(refused(log, KEY_CREATED, detials="x")) == (
        f'{KEY_CREATED}: metadata.detials: expected no fields, got an unknown field; did you mean "details"?'
    )


@pytest.mark.parametrize("actor", ["u-17", "", 0, {"id": "u-17"}])
def test_actor_option_takes_an_actor_only(log: AuditLog, actor: Any) -> None:
    got = type(actor).__name__
    assert (
        str(refused(log, KEY_CREATED, actor=actor)) == f"{KEY_CREATED}: actor: expected an Actor, got {got}"
    )


# --- values --------------------------------------------------------------------------------------


def test_none_means_not_given(log: AuditLog) -> None:
    entry = record(log, DEPLOYED, MODEL | {"temperature": None, "stop_sequence": None})
    assert entry.metadata == MODEL
    assert (
        str(refused(log, DEPLOYED, MODEL | {"model_name": None}))
        == f"{DEPLOYED}: metadata.model_name: expected a string of 1 to 300 characters, got nothing"
    )


def test_null_in_json_means_not_given(log: AuditLog) -> None:
    entry = log.record_form(form(DEPLOYED, MODEL | {"temperature": None, "stop_sequence": None}))
    assert entry.metadata == MODEL
    assert "null" not in entry.row[METADATA]


def test_null_for_a_required_field_is_refused(log: AuditLog, database: Database) -> None:
    with pytest.raises(ValidationError) as caught:
        log.record_form(form(DEPLOYED, MODEL | {"model_name": None}))
    assert (
        str(caught.value)
        == f"{DEPLOYED}: metadata.model_name: expected a string of 1 to 300 characters, got null"
    )
    assert database.rows() == []


def test_a_whole_number_with_a_point_is_an_integer(log: AuditLog) -> None:
    entry = record(log, TUNED, MODEL | {"epochs": 3.0})
    assert repr(entry.metadata["epochs"]) == "3"
    entry = log.record_form(form(TUNED, MODEL | {"epochs": 3.0}))
    assert repr(entry.metadata["epochs"]) == "3"


@pytest.mark.parametrize(
    ("name", "value", "got"),
    [
        ("epochs", True, "True"),
        ("epochs", "3", "'3'"),
        ("epochs", 3.5, "3.5"),
        ("epochs", 0, "0"),
        ("epochs", 1e300, "1e+300"),
        ("epochs", float("inf"), "inf"),
        ("epochs", 2**53, "9007199254740992"),
        pytest.param("epochs", 10**5000, "an integer", id="huge"),
        ("learning_rate", float("nan"), "nan"),
        ("learning_rate", float("inf"), "inf"),
        ("learning_rate", float("-inf"), "-inf"),
        ("learning_rate", True, "True"),
        ("learning_rate", -0.1, "-0.1"),
        ("learning_rate", [1.0], "a list"),
        ("training_method", b"LoRA", "bytes"),
        ("training_method", {"a": 1}, "an object"),
        ("training_method", "", "''"),
    ],
)
def test_invalid_value_is_refused_on_every_way_in(
    log: AuditLog, database: Database, name: str, value: Any, got: str
) -> None:
    wanted = {
        "epochs": "an integer of at least 1",
        "learning_rate": "a number of at least 0",
        "training_method": "a string of 1 to 300 characters",
    }[name]
    if isinstance(value, int) and value > 3:
        wanted += ", within ±9007199254740991"
    said = f"{TUNED}: metadata.{name}: expected {wanted}, got {got}"
    assert str(refused(log, TUNED, MODEL | {name: value})) == said
    with pytest.raises(ValidationError) as caught:
        log.record_form(form(TUNED, MODEL | {name: value}))
    assert str(caught.value) == said
    assert database.rows() == []


@pytest.mark.parametrize("value", [object(), datetime.now(UTC), ("END",), {1: 2}, {"END"}])
def test_non_json_values_are_refused(log: AuditLog, database: Database, value: Any) -> None:
    assert refused(log, DEPLOYED, MODEL | {"stop_sequence": value})
    with pytest.raises(ValidationError):
        log.record_form(form(DEPLOYED, MODEL | {"stop_sequence": value}))
    assert database.rows() == []


@pytest.mark.parametrize("broken", [5, None, "text", [1]])
def test_a_form_is_a_mapping(log: AuditLog, broken: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        log.record_form(broken)
    assert str(caught.value).startswith("entry: expected a JSON object, got ")


def test_an_unknown_field_is_refused_with_the_nearest_name(log: AuditLog) -> None:
    said = (
        f"{ADDED}: metadata.conection_name: expected one of model_id, model_name, model_type, "
        'deployment_name, connection_name, got an unknown field; did you mean "connection_name"?'
    )
    values = MODEL | {"deployment_name": "eu", "conection_name": "c"}
    assert str(refused(log, ADDED, values)) == said
    with pytest.raises(ValidationError) as caught:
        log.record_form(form(ADDED, values))
    assert str(caught.value) == said


def test_field_filled_from_the_entry_is_refused(log: AuditLog) -> None:
    assert (
        str(refused(log, KEY_CREATED, {"user_id": "u-17"}))
        == f"{KEY_CREATED}: metadata.user_id: expected no such field: the entry itself fills it, got a value"
    )


def test_every_problem_is_said_at_once_with_its_path(log: AuditLog) -> None:
    values = {"model_id": 5, "model_type": "own", "temperature": 3, "stop_sequence": ["a", 1, None], "x": 1}
    wanted = [
        "metadata.model_id: expected a string of 1 to 200 characters, got 5",
        "metadata.model_name: expected a string of 1 to 300 characters, got nothing",
        "metadata.model_type: expected one of open_source, fine_tuned, commercial, got 'own'",
        "metadata.stop_sequence[1]: expected a string, got 1",
        "metadata.stop_sequence[2]: expected a string, got null",
        "metadata.temperature: expected a number of at least 0 and at most 2, got 3",
    ]
    error = refused(log, DEPLOYED, values)
    assert str(error).startswith(f"{DEPLOYED}: 7 problems\n  metadata.")
    assert sorted(map(str, error.problems))[:-1] == wanted
    assert error.event == DEPLOYED
    with pytest.raises(ValidationError) as caught:
        log.record_form(form(DEPLOYED, values))
    assert sorted(map(str, caught.value.problems)) == sorted(map(str, error.problems))


def test_an_empty_list_is_refused_where_items_are_wanted(log: AuditLog) -> None:
    assert (
        str(refused(log, DEPLOYED, MODEL | {"stop_sequence": []}))
        == f"{DEPLOYED}: metadata.stop_sequence: expected a list of strings, at least 1 item, got 0 items"
    )


def test_an_unknown_event_is_refused_with_the_nearest_key(log: AuditLog) -> None:
    with pytest.raises(ValidationError) as caught:
        log.record_form(form("account.models.model_aded", {}))
    assert (
        str(caught.value) == "account.models.model_aded: event: expected an event of audit_events 1.1.0, "
        f'got an unknown one; did you mean "{ADDED}"?'
    )
    assert "did you mean" in str(refused(log, "account.models.model_aded"))


# --- conditions ----------------------------------------------------------------------------------


def test_conditional_field_is_required_if_its_condition_is_true(log: AuditLog) -> None:
    said = (
        f"{ADDED}: metadata.deployment_name: expected a string of 1 to 300 characters, because model_type "
        "is open_source or fine_tuned, got nothing"
    )
    assert str(refused(log, ADDED, MODEL)) == said
    with pytest.raises(ValidationError) as caught:
        log.record_form(form(ADDED, MODEL))
    assert str(caught.value) == said


def test_a_conditional_field_is_not_allowed_otherwise(log: AuditLog) -> None:
    values = MODEL | {"deployment_name": "eu", "connection_name": "c"}
    said = f"{ADDED}: metadata.connection_name: expected nothing unless model_type is commercial, got 'c'"
    assert str(refused(log, ADDED, values)) == said
    with pytest.raises(ValidationError) as caught:
        log.record_form(form(ADDED, values))
    assert str(caught.value) == said


def test_a_condition_on_a_boolean_takes_only_a_boolean(log: AuditLog) -> None:
    values = {"tool_id": "t", "version_id": "v"}
    assert record(log, ASYNC, values | {"timeout": True, "timeout_value": 0}).metadata["timeout_value"] == 0
    assert record(log, ASYNC, values | {"timeout": False})
    assert (
        str(refused(log, ASYNC, values | {"timeout": False, "timeout_value": 5}))
        == f"{ASYNC}: metadata.timeout_value: expected nothing unless timeout is true, got 5"
    )
    error = refused(log, ASYNC, values | {"timeout": 1, "timeout_value": 5})
    assert "metadata.timeout: expected true or false, got 1" in map(str, error.problems)


# --- models that went round their validation -------------------------------------------------------


def test_model_changed_after_validation_is_refused(log: AuditLog, database: Database) -> None:
    model = ModelFineTuning(model_id="m", model_name="M", model_type="open_source")
    with pytest.raises(ValidationError):
        log.record(model.model_copy(update={"epochs": -1}), actor=ADA)
    with pytest.raises(ValidationError):
        log.record(model.model_copy(update={"nonsense": 1}), actor=ADA)
    with pytest.raises(ValidationError):
        log.record(ModelFineTuning.model_construct(model_id="m"), actor=ADA)
    copied = ModelAdded(model_id="m", model_name="M", model_type="commercial", connection_name="c")
    with pytest.raises(ValidationError):
        log.record(copied.model_copy(update={"model_type": "open_source"}), actor=ADA)
    assert database.rows() == []


def test_record_takes_generated_models_only(log: AuditLog) -> None:
    nothing: Any = {"model_id": "m"}
    with pytest.raises(ValidationError) as caught:
        log.record(nothing, actor=ADA)
    assert str(caught.value) == "event: expected a generated metadata model, got dict"


# --- the description -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actor", "label"),
    [
        (ADA, "Ada Lovelace"),
        (Actor.user("u-17"), "u-17"),
        (Actor.user("u-17", ""), "u-17"),
        (Actor.app("a-1", "Nightly"), "Nightly"),
        (Actor.system(), "System"),
        (Actor.system("Retention"), "Retention"),
    ],
)
def test_the_description_names_the_actor(log: AuditLog, actor: Actor, label: str) -> None:
    assert record(log, KEY_CREATED, actor=actor).description == f"{label} created an App API key."


def test_a_list_reads_as_its_items(log: AuditLog) -> None:
    values = {"added_user_ids": ["u-1", "u-2"], "role_name": "Developer", "role_id": "r"}
    assert (
        record(log, "account.users_management.user_invited", values).description
        == "Ada Lovelace invited u-1, u-2 to the account as Developer."
    )


def test_braces_and_percent_signs_in_values_are_text(log: AuditLog) -> None:
    values = {"previous_role": "{new_role} 100%", "new_role": "%s %(actor)s {{}}"}
    assert (
        record(log, "account.default_role.default_role_configured", values).description
        == "Default role for new users changed from ‘{new_role} 100%’ to ‘%s %(actor)s {{}}’."
    )


def test_message_may_have_braces_percents_titles_booleans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit(content: dict[str, Any]) -> None:
        event_of(content, ADDED)["message"] = "100% {{of}} %s: {model_type} from {ip_address} by {actor}"
        event_of(content, ASYNC)["message"] = "{{{timeout}}} %(timeout)s"

    monkeypatch.syspath_prepend(str(tmp_path))
    with AuditLog.open(
        f"sqlite:///{tmp_path}/a.db", account_id="acme", catalog=make_catalog(tmp_path, edit)
    ) as log:
        values = MODEL | {"deployment_name": "eu"}
        assert (
            record(log, ADDED, values, ip_address="::1").description
            == "100% {of} %s: Open-source from ::1 by Ada Lovelace"
        )
        assert (
            record(log, ADDED, values).description
            == "100% {of} %s: Open-source from an unknown address by Ada Lovelace"
        )
        timed: dict[str, Any] = {"tool_id": "t", "version_id": "v", "timeout": False}
        assert record(log, ASYNC, timed).description == "{no} %(timeout)s"
        timed |= {"timeout": True, "timeout_value": 1}
        assert record(log, ASYNC, timed).description == "{yes} %(timeout)s"


# --- nothing else escapes ------------------------------------------------------------------------

anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | any_text(10)
    | st.binary(max_size=5)
    | st.sampled_from(["\0", "\ud800", 2**53, 2**64, 10**300, 1.0]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
        | st.tuples(inner)
    ),
    max_leaves=5,
)


@given(value=anything, name=st.sampled_from(["model_id", "temperature", "epochs", "stop_sequence", "top_p"]))
@settings(max_examples=examples(150))
def test_both_ways_of_recording_treat_any_value_alike(log: AuditLog, value: Any, name: str) -> None:
    def outcome(call: Any) -> Any:
        try:
            return call().metadata
        except ValidationError as error:
            return {problem.path for problem in error.problems} or "no problem at all"

    emitted = outcome(lambda: record(log, DEPLOYED, MODEL | {name: value}))
    if value is not None:  # means "not given" in Python and is refused in JSON
        assert outcome(lambda: log.record_form(form(DEPLOYED, MODEL | {name: value}))) == emitted
