"""Queries with the generated classes, on both engines: values in and out, times, ids, lists and JSON."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar

import pytest
from sqlalchemy import Text, create_engine
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import foreign, relationship
from sqlmodel import Field, Relationship, Session, SQLModel, col, func, select
from tests.support.databases import LONG_AGO, Database, insert_damaged, insert_row, open_log

from audit_events import CATALOG
from audit_events.tables import AuditEntry, AuditTarget
from audit_events.tables.account.models import ModelDeployed

ROWS: list[dict[str, Any]] = [
    {"metadata": '{"max_length":7,"model_name":"Llama","stop_sequence":["a","b"],"temperature":0.5}'},
    {"metadata": '{"max_length":3000000000,"stop_sequence":["b","ab"],"temperature":2}'},
    {"metadata": '{"max_length":"many","model_name":5,"stop_sequence":"a","temperature":"hot"}'},
    {"metadata": "{}", "alterations": '{"metadata.model_name":{"cut":true,"length":9000}}'},
]
"""Metadata of four entries, a minute apart; the third one has values of other types."""


@pytest.fixture
def rows(database: Database) -> list[dict[str, Any]]:
    open_log(database).close()
    return [
        insert_row(database, CATALOG, occurred_at=LONG_AGO + timedelta(minutes=number), **row)
        for number, row in enumerate(ROWS)
    ]


@pytest.fixture
def session(database: Database, rows: list[dict[str, Any]]) -> Iterator[Session]:
    engine = create_engine(database.sqlalchemy_url)
    with Session(engine) as session:
        yield session
    engine.dispose()


def numbers(session: Session, *conditions: Any, of: Any = AuditEntry) -> list[int]:
    """The places in `ROWS` of the entries for which conditions hold."""
    found = session.exec(select(of).where(*conditions).order_by(col(of.id))).all()
    return [(entry.occurred_at - LONG_AGO) // timedelta(minutes=1) for entry in found]


@pytest.mark.parametrize("of", [AuditEntry, ModelDeployed])
def test_times_are_aware_on_both_sides(session: Session, of: Any) -> None:
    later = LONG_AGO + timedelta(minutes=2)
    elsewhere = later.astimezone(timezone(timedelta(hours=-8)))
    assert numbers(session, of.occurred_at >= elsewhere, of=of) == [2, 3]
    assert numbers(session, col(of.occurred_at).in_([later]), of=of) == [2]
    assert session.exec(select(func.max(of.occurred_at))).one() == LONG_AGO + timedelta(minutes=3)
    (first, *_) = session.exec(select(of.occurred_at).order_by(col(of.occurred_at).desc())).all()
    assert (first, first.tzinfo) == (LONG_AGO + timedelta(minutes=3), UTC)


@pytest.mark.parametrize("of", [AuditEntry, ModelDeployed])
def test_other_times_are_refused(session: Session, of: Any) -> None:
    with pytest.raises(StatementError, match="a time needs a time zone, such as tzinfo=UTC"):
        numbers(session, of.occurred_at > datetime(2026, 1, 2), of=of)
    with pytest.raises(StatementError, match="a time is compared with a datetime, not str"):
        numbers(session, of.occurred_at > "2026-01-02T03:04:05Z", of=of)


@pytest.mark.parametrize("of", [AuditEntry, ModelDeployed])
def test_ids_are_uuids_on_both_sides(session: Session, rows: list[dict[str, Any]], of: Any) -> None:
    ids = [uuid.UUID(bytes=row["id"]) for row in rows]
    assert session.exec(select(of.id).order_by(col(of.id))).all() == ids
    assert numbers(session, of.id == ids[1], of=of) == [1]
    assert numbers(session, col(of.id).in_(ids[2:]), of=of) == [2, 3]
    assert numbers(session, of.id > ids[1], of=of) == [2, 3]
    assert session.get(of, ("acme", ids[1])) is not None
    with pytest.raises(StatementError, match=r"an entry's id is compared with a uuid\.UUID, not str"):
        numbers(session, of.id == str(ids[1]), of=of)


def test_fields_of_another_type_are_null(session: Session) -> None:
    (odd,) = session.exec(select(ModelDeployed).offset(2).order_by(col(ModelDeployed.id)).limit(1)).all()
    assert (odd.max_length, odd.model_name, odd.stop_sequence, odd.temperature) == (None, None, None, None)
    assert numbers(session, col(ModelDeployed.max_length).is_(None), of=ModelDeployed) == [2, 3]
    assert numbers(session, col(ModelDeployed.max_length) > 2**31, of=ModelDeployed) == [1]
    assert numbers(session, col(ModelDeployed.temperature) < 1, of=ModelDeployed) == [0]


def test_lists_are_asked_with_contains(session: Session) -> None:
    stops = col(ModelDeployed.stop_sequence)
    assert numbers(session, stops.contains("a"), of=ModelDeployed) == [0]
    assert numbers(session, stops.contains("b"), of=ModelDeployed) == [0, 1]
    assert numbers(session, stops.contains(["b", "ab"]), of=ModelDeployed) == [1]
    assert numbers(session, ~stops.contains("b"), of=ModelDeployed) == [2, 3]
    assert numbers(session, stops == ["a", "b"], of=ModelDeployed) == [0]
    assert session.exec(select(stops).order_by(col(ModelDeployed.id))).all() == [
        ["a", "b"], ["b", "ab"], None, None,
    ]  # fmt: skip


def test_members_of_json_have_types(session: Session) -> None:
    data = col(AuditEntry.data)
    assert numbers(session, data["max_length"].as_integer() == 3_000_000_000) == [1]
    assert numbers(session, data["max_length"].as_integer().is_(None)) == [2, 3]
    assert numbers(session, data["model_name"].as_string() == "Llama") == [0]
    assert numbers(session, data["model_name"].as_string() == "5") == []
    assert numbers(session, data["temperature"].as_float() >= 1) == [1]
    assert numbers(session, data["stop_sequence"].contains("b")) == [0, 1]
    assert numbers(session, data["stop_sequence"][0].as_string() == "b") == [1]
    assert numbers(session, data["stop_sequence"][-1].as_string() == "b") == [0]
    assert numbers(session, data["temperature"] == 0.5) == [0]
    assert numbers(session, data == {}) == [3]
    assert session.exec(select(data["max_length"]).order_by(col(AuditEntry.id))).all() == [
        7, 3_000_000_000, "many", None,
    ]  # fmt: skip


def test_alterations_are_json_as_well(session: Session) -> None:
    alterations = col(AuditEntry.alterations)
    noted = alterations["metadata.model_name"]
    assert numbers(session, noted["cut"].as_boolean()) == [3]
    assert numbers(session, noted["length"].as_integer() > 4096) == [3]
    assert numbers(session, alterations == {"metadata.model_name": {"length": 9000, "cut": True}}) == [3]
    assert numbers(session, alterations.is_(None)) == [0, 1, 2]
    (entry,) = session.exec(select(AuditEntry).where(alterations.is_not(None))).all()
    assert entry.alterations == {"metadata.model_name": {"length": 9000, "cut": True}}


def test_entries_about_an_object_are_joined(database: Database, session: Session) -> None:
    given = (
        {"metadata": '{"model_id":"m-17"}', "actor_id": "u-1", "outcome": "failure"},
        {"metadata": '{"model_id":"m-17"}', "event": "account.models.model_deleted", "actor_id": "u-2"},
        {"metadata": '{"model_id":"m-18"}', "on_behalf_of_type": "user", "on_behalf_of_id": "u-3"},
        {"metadata": '{"model_id":"m-17"}', "account_id": "other"},
    )
    ids = [uuid.UUID(bytes=insert_row(database, CATALOG, **row)["id"]) for row in given]
    entry, target = col(AuditEntry.id), col(AuditTarget.id)
    about = (
        select(AuditEntry.id, AuditTarget.actor_id)
        .join(AuditTarget, (entry == target) & (col(AuditTarget.account_id) == AuditEntry.account_id))
        .where(AuditEntry.account_id == "acme")
        .order_by(entry)
    )
    m_17 = about.where(AuditTarget.target == "model:m-17")
    # The entries are of one microsecond, so the order of their ids is random.
    assert session.exec(m_17).all() == sorted([(ids[0], "u-1"), (ids[1], "u-2")])
    assert session.exec(m_17.where(AuditEntry.outcome == "failure")).all() == [(ids[0], "u-1")]
    delegated = session.exec(about.where(col(AuditEntry.on_behalf_of_id) == "u-3")).all()
    assert delegated == [(ids[2], "u-17")]
    assert session.get(AuditTarget, ("acme", "model:m-18", "account.models.model_deployed", ids[2]))


DAMAGED: list[dict[str, Any]] = [
    {"occurred_at": 2**62, "recorded_at": -(2**62)},
    {"metadata": "[]"},
    {"metadata": '{"max_length":1e400,"temperature":1e400}'},
    {"metadata": f'{{"model_name":{"[" * 300}{"]" * 300}}}'},
    {"alterations": "[]"},
]


@pytest.mark.parametrize("changes", DAMAGED, ids=lambda changes: next(iter(changes)))
def test_damaged_entries_are_read(database: Database, session: Session, changes: dict[str, Any]) -> None:
    if database.engine == "postgresql" and "occurred_at" in changes:
        changes = {"occurred_at": "infinity", "recorded_at": "-infinity"}
    row = insert_damaged(database, CATALOG, **changes)
    at = uuid.UUID(bytes=row["id"])
    classes: tuple[Any, ...] = (AuditEntry, ModelDeployed)
    found: Any = None
    for of in classes:
        (found,) = session.exec(select(of).where(of.id == at)).all()
        assert found.occurred_at.tzinfo is UTC
        assert len(session.exec(select(of)).all()) == 5
    if "occurred_at" in changes:
        assert (found.occurred_at.year, found.recorded_at.year) == (9999, 1970)
    else:
        assert (found.occurred_at, found.model_name, found.max_length) == (LONG_AGO, None, None)


# --- with tables of an application ----------------------------------------------------------------------


class Model(SQLModel, table=True):
    """A table of an application, with the entries about each of its rows."""

    __tablename__: ClassVar[Any] = "application_model"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_type=Text)
    deployments: list[ModelDeployed] = Relationship(
        sa_relationship=relationship(
            ModelDeployed,
            primaryjoin=lambda: foreign(col(ModelDeployed.model_name)) == col(Model.name),
            order_by=lambda: col(ModelDeployed.id),
            viewonly=True,
        )
    )


def test_tables_of_an_application_join_the_log(session: Session) -> None:
    Model.metadata.create_all(session.connection(), tables=[SQLModel.metadata.tables["application_model"]])
    session.add_all([Model(name="Llama"), Model(name="Mistral")])
    session.flush()
    joined = (
        select(Model.name, AuditEntry.event, ModelDeployed.temperature)
        .join(ModelDeployed, col(ModelDeployed.model_name) == Model.name)
        .join(AuditEntry, col(AuditEntry.id) == ModelDeployed.id)
    )
    assert session.exec(joined).all() == [("Llama", "account.models.model_deployed", 0.5)]
    every = session.exec(select(Model).order_by(Model.name)).all()
    assert [(model.name, [each.temperature for each in model.deployments]) for model in every] == [
        ("Llama", [0.5]),
        ("Mistral", []),
    ]
    session.rollback()
