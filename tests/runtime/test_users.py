"""Finding the users and apps of an account, and whether it has entries at all."""

from typing import Any

import pytest
from tests.databases import Database, insert_row
from tests.runtime.world import DEPLOYED, KEY_CREATED, MODEL, record

from auditwright import AccountLog, Actor, AuditLog, FilterError


@pytest.fixture
def people(log: AuditLog) -> None:
    for actor in (
        Actor.user("u-2", "Élodie Dupré"),
        Actor.user("u-1", "Ada Lovelace"),
        Actor.app("app-ci", "Pipeline 100%"),
        Actor.user("u-3"),
        Actor.system("Nobody's"),
    ):
        record(log, KEY_CREATED, actor=actor)
        record(log, DEPLOYED, MODEL, actor=actor)
    record(log, KEY_CREATED, actor=Actor.user("u-4", "Grace Hopper"), account_id="other")


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", ["app-ci", "u-1", "u-2", "u-3"]),
        ("U-", ["u-1", "u-2", "u-3"]),
        ("u-3", ["u-3"]),
        ("loVe", ["u-1"]),
        ("éLO", ["u-2"]),
        ("DUPRÉ", ["u-2"]),
        ("p", ["app-ci", "u-2"]),
        ("100%", ["app-ci"]),
        ("%", ["app-ci"]),
        ("_", []),
        ("*é", []),
        ("hopper", []),
        ("nobody", []),
        ("\ud800", []),
    ],
)
def test_users_and_apps_are_found_by_a_part_of_their_id_or_name(
    acme: AccountLog, text: str, ids: list[str]
) -> None:
    assert [actor.id for actor in acme.users(text)] == ids


@pytest.mark.usefixtures("people")
def test_they_come_with_type_and_name_and_no_more_than_asked_for(acme: AccountLog) -> None:
    assert acme.users(most=2) == [Actor.app("app-ci", "Pipeline 100%"), Actor.user("u-1", "Ada Lovelace")]
    assert acme.users("u-3") == [Actor.user("u-3")]


def test_a_user_of_several_names_is_there_once_with_one_of_them(log: AuditLog, acme: AccountLog) -> None:
    for name in ("Ada Byron", "Ada King"):
        record(log, KEY_CREATED, actor=Actor.user("u-17", name))
    assert acme.users() == [Actor.user("u-17", "Ada King")]
    assert acme.users("king") == [Actor.user("u-17", "Ada King")]
    assert acme.users("byron") == []


def test_a_whole_id_is_found_however_long(log: AuditLog, acme: AccountLog) -> None:
    for actor_id in ("x" * 256, "ϑ" * 256):
        record(log, KEY_CREATED, actor=Actor.user(actor_id))
        assert [actor.id for actor in acme.users(actor_id)] == [actor_id]


def test_only_the_first_ids_are_looked_at(
    log: AuditLog, acme: AccountLog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"auditwright.storage.{database.engine}.MOST_USERS", 3)
    for number in range(5):
        record(log, KEY_CREATED, actor=Actor.user(f"u-{number}", "last" if number == 3 else None))
    assert [actor.id for actor in acme.users()] == ["u-0", "u-1", "u-2"]
    assert acme.users("last") == []


@pytest.mark.parametrize("most", [0, -1, 1001, "5", None, True])
def test_a_number_of_users_out_of_bounds_is_refused(acme: AccountLog, most: Any) -> None:
    with pytest.raises(FilterError) as caught:
        acme.users(most=most)
    assert str(caught.value) == f"most is 1 to 1000, not {most!r}"


@pytest.mark.parametrize("text", ["x" * 257, None, 5, b"u"])
def test_a_text_to_find_users_by_is_bounded(acme: AccountLog, text: Any) -> None:
    with pytest.raises(FilterError) as caught:
        acme.users(text)
    assert str(caught.value) == "the text to find users by has at most 256 characters"


def test_an_account_has_entries_once_one_is_recorded(
    log: AuditLog, acme: AccountLog, database: Database
) -> None:
    record(log, KEY_CREATED, account_id="other")
    assert not acme.has_entries()
    insert_row(database, log.catalog, event="account.gone.thing_done")
    assert acme.has_entries()
