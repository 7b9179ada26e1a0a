"""Users and apps of an account, and whether it has entries."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlmodel import Session
from tests.support.databases import Database, insert_row
from tests.support.sample_events import DEPLOYED, KEY_CREATED, LONG_AGO, MODEL, form, record

from auditwright import AccountLog, Actor, AuditLog, FilterError, IdConflict, StorageError
from auditwright.storage.base import MAX_NAMES


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
def test_users_have_type_and_name_and_are_limited(acme: AccountLog) -> None:
    assert acme.users(limit=2) == [Actor.app("app-ci", "Pipeline 100%"), Actor.user("u-1", "Ada Lovelace")]
    assert acme.users("u-3") == [Actor.user("u-3")]


def test_user_with_several_names_is_listed_once(log: AuditLog, acme: AccountLog) -> None:
    for name in ("Ada Byron", "Ada King", None, "Ada Byron", ""):
        record(log, KEY_CREATED, actor=Actor.user("u-17", name))
    for text in ("", "king", "byron", "u-17"):
        assert acme.users(text) == [Actor.user("u-17", "Ada King")]
    assert acme.users("lovelace") == []


def test_a_user_and_an_app_of_one_id_are_one_choice(log: AuditLog, acme: AccountLog) -> None:
    for actor in (Actor.user("x-1", "Ada"), Actor.app("x-1", "Pipeline")):
        record(log, KEY_CREATED, actor=actor)
    assert acme.users("ada") == [Actor.app("x-1", "Pipeline")]


def test_latest_new_name_of_an_actor_is_shown(log: AuditLog, acme: AccountLog) -> None:
    for name in ("Anna", "Berta", "Anna"):
        record(log, KEY_CREATED, actor=Actor.user("u-1", name))
    log.record_many([named("ci", name) for name in ("Anna", "Berta", "Anna")])
    assert acme.users() == [Actor.app("ci", "Berta"), Actor.user("u-1", "Berta")]


def named(actor_id: str, name: str) -> dict[str, Any]:
    return form(KEY_CREATED, {}, actor={"type": "app", "id": actor_id, "name": name})


def runs(actor_id: str, first: int, last: int) -> list[dict[str, Any]]:
    """Entries of an app with a new name each time."""
    return [named(actor_id, f"Run {number:03}") for number in range(first, last)]


def names_of(database: Database, actor_id: str) -> list[str]:
    found = database.rows(f"SELECT DISTINCT actor_name FROM audit_user WHERE actor_id = '{actor_id}'")
    return sorted(name for (name,) in found)


FIRST = [f"Run {number:03}" for number in range(MAX_NAMES)]


@pytest.mark.parametrize("known", [0, 1, 99, 100, 120])
def test_first_hundred_names_of_a_user_are_kept(
    log: AuditLog, acme: AccountLog, database: Database, known: int
) -> None:
    if known:
        log.record_many(runs("job", 0, known))
    log.record_many([*runs("job", known // 2, 250), named("other", "Run 007")])
    for each in runs("job", 250, 252):
        log.record_form(each)
    assert names_of(database, "job") == FIRST
    assert acme.users("run 099") == acme.users("job") == [Actor.app("job", "Run 099")]
    assert acme.users("run 100") == []
    assert [actor.id for actor in acme.users("run 007")] == ["job", "other"]


@pytest.mark.parametrize("backwards", [False, True])
def test_first_stored_names_of_a_batch_are_kept(
    log: AuditLog, acme: AccountLog, database: Database, backwards: bool
) -> None:
    """Although the ids sort by the time of the entries."""
    batch = runs("job", 0, 150)
    for number, each in enumerate(batch):
        moment = LONG_AGO + timedelta(seconds=-number if backwards else number)
        each["occurred_at"] = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    log.record_many(batch)
    assert names_of(database, "job") == FIRST
    assert acme.users() == [Actor.app("job", "Run 000" if backwards else "Run 099")]


@pytest.mark.postgresql_only
def test_name_recorded_concurrently_counts_once(log: AuditLog, database: Database) -> None:
    engine = create_engine(database.sqlalchemy_url)
    with Session(engine) as session:
        for number in range(60):
            record(log, KEY_CREATED, actor=Actor.app("job", FIRST[number]), session=session)
        log.record_many(runs("job", 0, 60))
        session.commit()
    engine.dispose()
    assert database.rows("SELECT count(*) FROM audit_user") == [(120,)]
    log.record_many(runs("job", 60, 150))
    assert names_of(database, "job") == FIRST


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


def test_rolled_back_entry_adds_no_user(log: AuditLog, acme: AccountLog, database: Database) -> None:
    engine = create_engine(database.sqlalchemy_url)
    with Session(engine) as session:
        record(log, KEY_CREATED, actor=Actor.user("u-5"), session=session)
        session.rollback()
    engine.dispose()
    assert acme.users() == []
    record(log, KEY_CREATED, actor=Actor.user("u-5"))
    assert acme.users() == [Actor.user("u-5")]


def test_stored_entry_adds_no_name(log: AuditLog, acme: AccountLog) -> None:
    entry = record(log, KEY_CREATED, actor=Actor.user("u-5", "Ada"))
    with pytest.raises(IdConflict):
        record(log, KEY_CREATED, actor=Actor.user("u-6", "Eve"), id=entry.id)
    assert acme.users() == [Actor.user("u-5", "Ada")]


@pytest.mark.postgresql_only
def test_recording_a_new_user_blocks_nobody(log: AuditLog, acme: AccountLog, database: Database) -> None:
    engine = create_engine(database.sqlalchemy_url)
    with Session(engine) as session:
        record(log, KEY_CREATED, actor=Actor.user("u-5", "Ada"), session=session)
        record(log, KEY_CREATED, actor=Actor.user("u-5", "Ada"))
        assert acme.users() == [Actor.user("u-5", "Ada")]
        session.commit()
    engine.dispose()
    assert acme.users() == [Actor.user("u-5", "Ada")]


@pytest.mark.postgresql_only
def test_older_database_error_has_a_hint(log: AuditLog, acme: AccountLog, database: Database) -> None:
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


@pytest.mark.parametrize("limit", [0, -1, 1001, "5", None, True])
def test_a_number_of_users_out_of_bounds_is_refused(acme: AccountLog, limit: Any) -> None:
    with pytest.raises(FilterError) as caught:
        acme.users(limit=limit)
    assert str(caught.value) == f"limit is 1 to 1000, not {limit!r}"


@pytest.mark.parametrize("text", ["x" * 257, None, 5, b"u"])
def test_a_text_to_find_users_by_is_bounded(acme: AccountLog, text: Any) -> None:
    with pytest.raises(FilterError) as caught:
        acme.users(text)
    assert str(caught.value) == "the text for finding users has at most 256 characters"


def test_an_account_has_entries_once_one_is_recorded(
    log: AuditLog, acme: AccountLog, database: Database
) -> None:
    record(log, KEY_CREATED, account_id="other")
    assert not acme.has_entries()
    insert_row(database, log.catalog, event="account.gone.thing_done")
    assert acme.has_entries()
