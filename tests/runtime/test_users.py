"""Finding the users and apps of an account, and whether it has entries at all."""

from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlmodel import Session
from tests.databases import Database, insert_row
from tests.runtime.world import DEPLOYED, KEY_CREATED, MODEL, form, record

from auditwright import AccountLog, Actor, AuditLog, FilterError, IdConflict, StorageError
from auditwright.storage.base import MOST_NAMES


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


def test_a_user_of_several_names_is_there_once_and_found_by_each(log: AuditLog, acme: AccountLog) -> None:
    for name in ("Ada Byron", "Ada King", None, "Ada Byron", ""):
        record(log, KEY_CREATED, actor=Actor.user("u-17", name))
    for text in ("", "king", "byron", "u-17"):
        assert acme.users(text) == [Actor.user("u-17", "Ada King")]
    assert acme.users("lovelace") == []


def test_a_user_and_an_app_of_one_id_are_one_choice(log: AuditLog, acme: AccountLog) -> None:
    for actor in (Actor.user("x-1", "Ada"), Actor.app("x-1", "Pipeline")):
        record(log, KEY_CREATED, actor=actor)
    assert acme.users("ada") == [Actor.app("x-1", "Pipeline")]


def test_of_names_without_end_a_hundred_are_kept(log: AuditLog, acme: AccountLog, database: Database) -> None:
    def names(first: int, last: int) -> list[dict[str, Any]]:
        return [
            form(KEY_CREATED, {}, actor={"type": "app", "id": "job", "name": f"Run {number:03}"})
            for number in range(first, last)
        ]

    log.record_many(names(0, 150))
    for each in (*names(150, 152), form(KEY_CREATED, {}, actor={"type": "user", "id": "other"})):
        log.record_form(each)
    assert database.rows("SELECT actor_id, count(*) FROM audit_user GROUP BY actor_id ORDER BY actor_id") == [
        ("job", MOST_NAMES),
        ("other", 1),
    ]
    assert [actor.id for actor in acme.users("run")] == ["job"]
    assert acme.count() == 153


def test_names_of_any_characters_are_found(log: AuditLog, acme: AccountLog) -> None:
    names = [
        "it's",
        'a "b"',
        "%_\\",
        "a\nb",
        "😀",
        "[x]*?",
        "e\u0301",
        "x" * 4000,
        "'; DROP TABLE x; --",
        "$$",
    ]
    for number, name in enumerate(names):
        record(log, KEY_CREATED, actor=Actor.user(f"u-{number}", name))
    for number, name in enumerate(names):
        assert acme.users(name[:256]) == [Actor.user(f"u-{number}", name)]


def test_an_entry_that_is_rolled_back_leaves_no_user(
    log: AuditLog, acme: AccountLog, database: Database
) -> None:
    engine = create_engine(database.sqlalchemy_url)
    with Session(engine) as session:
        record(log, KEY_CREATED, actor=Actor.user("u-5"), session=session)
        session.rollback()
    engine.dispose()
    assert acme.users() == []
    record(log, KEY_CREATED, actor=Actor.user("u-5"))
    assert acme.users() == [Actor.user("u-5")]


def test_an_entry_that_was_there_adds_no_name(log: AuditLog, acme: AccountLog) -> None:
    entry = record(log, KEY_CREATED, actor=Actor.user("u-5", "Ada"))
    with pytest.raises(IdConflict):
        record(log, KEY_CREATED, actor=Actor.user("u-6", "Eve"), id=entry.id)
    assert acme.users() == [Actor.user("u-5", "Ada")]


@pytest.mark.postgresql_only
def test_who_records_a_new_user_holds_up_nobody(log: AuditLog, acme: AccountLog, database: Database) -> None:
    engine = create_engine(database.sqlalchemy_url)
    with Session(engine) as session:
        record(log, KEY_CREATED, actor=Actor.user("u-5", "Ada"), session=session)
        record(log, KEY_CREATED, actor=Actor.user("u-5", "Ada"))
        assert acme.users() == [Actor.user("u-5", "Ada")]
        session.commit()
    engine.dispose()
    assert acme.users() == [Actor.user("u-5", "Ada")]


@pytest.mark.postgresql_only
def test_a_database_from_before_the_table_names_the_way_out(
    log: AuditLog, acme: AccountLog, database: Database
) -> None:
    database.change("DROP TRIGGER audit_entry_users ON audit_entry", "DROP TABLE audit_user")
    record(log, KEY_CREATED)
    with pytest.raises(StorageError) as caught:
        acme.users()
    assert str(caught.value) == (
        f"{database.name}: there is no table audit_user; run `auditwright database upgrade`"
    )


def test_a_whole_id_is_found_however_long(log: AuditLog, acme: AccountLog) -> None:
    for actor_id in ("x" * 256, "ϑ" * 256):
        record(log, KEY_CREATED, actor=Actor.user(actor_id))
        assert [actor.id for actor in acme.users(actor_id)] == [actor_id]


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
