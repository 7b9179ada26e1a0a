"""Right uses of the public interface: mypy --strict and pyright accept every line. Checked, never run."""

import sqlite3
import uuid
from collections.abc import Coroutine, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, assert_type

import sqlalchemy
import sqlalchemy.ext.asyncio
import sqlalchemy.orm
import sqlmodel
from sqlmodel import col, select

from audit_events import CATALOG, AsyncAuditEvents, AuditEvents, TargetType
from audit_events.models.account.models import ModelAdded
from audit_events.models.tool.tool_management import ToolDeployed
from audit_events.tables import AuditCategory, AuditEntry, AuditEvent
from audit_events.tables.account.models import ModelDeployed
from auditwright import (
    Actor,
    AuditLog,
    Catalog,
    Condition,
    Entry,
    EntryContext,
    Filter,
    Page,
    SecretKey,
    ValidationError,
)
from auditwright.event_model import EventModel


def open_logs(path: Path, key: SecretKey) -> AuditLog:
    assert_type(CATALOG, Catalog)
    with AuditLog.open(f"sqlite:///{path}", account_id="acme", catalog=CATALOG, secret_key=key) as log:
        return log


def emit(log: AuditLog, session: sqlmodel.Session, entry_id: uuid.UUID) -> Entry:
    audit = AuditEvents(log)
    with log.acting(Actor.user("u-17", "Ada Lovelace"), account_id="acme", ip_address="203.0.113.7"):
        entry = audit.account.models.model_deployed(
            model_id="m-17",
            model_name="Llama",
            model_type="open_source",
            temperature=0.7,
            max_length=2048,
            top_p=1,
            stop_sequence=["###"],
            hardware_type=None,
        )
        assert_type(entry, Entry)
        audit.account.roles.role_changed()
        audit.tool.guardrails.input_scanner_added(tool_id="t-4", session=session)
        return audit.account.roles.role_edited(
            role_id="r-1",
            id=entry_id,
            actor=Actor.app("cli"),
            ip_address="2001:db8::1",
            occurred_at=datetime.now(UTC),
            account_id="acme",
            details="more",
            session=None,
        )


def emit_outcomes(audit: AuditEvents, request_id: str | None) -> None:
    login = audit.account.login_logout.login
    login(email_id="ada@example.com")
    login(email_id="ada@example.com", outcome="success")
    failed = login(
        email_id="ada@example.com",
        outcome="failure",
        failure_reason="The password was wrong.",
        actor=Actor.anonymous(),
        context={"request_id": request_id, "user_agent": "curl/8"},
    )
    assert_type(failed.outcome, Literal["success", "failure"])
    assert_type(failed.failure_reason, str | None)
    assert_type(failed.context, dict[str, str])
    where: EntryContext = {"session_id": "s-1"}
    made = audit.account.roles.role_changed(on_behalf_of=Actor.user("u-4"), context=where)
    assert_type(made.on_behalf_of, Actor | None)


def name_targets(model_id: str) -> tuple[TargetType, str]:
    kind: TargetType = "model"
    return kind, model_id


def emit_into_any_transaction(
    audit: AuditEvents,
    orm: sqlalchemy.orm.Session,
    core: sqlalchemy.Connection,
    plain: sqlite3.Connection,
) -> None:
    audit.account.roles.role_changed(session=orm, id="018f3b5c-7d2a-7abc-8def-0123456789ab")
    audit.account.roles.role_changed(session=core)
    audit.account.roles.role_changed(session=plain)


async def emit_async(
    log: AuditLog, session: sqlalchemy.ext.asyncio.AsyncSession, core: sqlalchemy.ext.asyncio.AsyncConnection
) -> Entry:
    audit = AsyncAuditEvents(log)
    pending: Coroutine[Any, Any, Entry] = audit.account.roles.role_changed()
    await pending
    await audit.account.roles.role_edited(role_id="r-1", session=core)
    await audit.account.login_logout.login(email_id="a@example.com", outcome="failure", session=session)
    entry = await audit.tool.tool_management.tool_deployed(
        tool_id="t-4", tool_version="v1", api_mode="sync", session=session
    )
    assert_type(entry, Entry)
    return entry


def record_models(log: AuditLog, session: sqlmodel.Session) -> None:
    added = ModelAdded(model_id="m-1", model_name="GPT", model_type="commercial", connection_name="openai")
    entry = log.record(added, actor=Actor.system(), session=session)
    assert_type(entry, Entry)
    log.record_json(b'{"event": "account.roles.role_changed", "metadata": {}}')
    events: list[EventModel] = [added, ToolDeployed(tool_id="t-4", tool_version="v1")]
    assert_type(log.record_many(events), int)
    log.record_many([{"event": "account.roles.role_changed", "metadata": {}}])


def read(log: AuditLog, cursor: str | None) -> Iterator[str]:
    account = log.account("acme")
    where = Filter(match="any", conditions=(Condition("category", "is", "account.models"),))
    page = account.entries(where, limit=20, after=cursor, since=datetime(2026, 1, 1, tzinfo=UTC))
    assert_type(page, Page)
    for entry in page.entries:
        assert_type(entry.occurred_at, datetime)
        assert_type(entry.actor.name, str | None)
        assert_type(entry.metadata, dict[str, Any])
        typed = entry.typed
        if isinstance(typed, ModelAdded):
            assert_type(typed.deployment_name, str | None)
        yield entry.description
    found = account.get("018f3b5c-7d2a-7abc-8def-0123456789ab")
    assert_type(found, Entry | None)
    account.export_csv("audit.csv", where, full=True)


def query(session: sqlmodel.Session) -> Sequence[ModelDeployed]:
    rows = session.exec(select(ModelDeployed).where(col(ModelDeployed.temperature) > 1)).all()
    for row in rows:
        assert_type(row.temperature, float | None)
        assert_type(row.stop_sequence, list[str] | None)
        assert_type(row.id, uuid.UUID)
    session.exec(select(AuditEntry.description).where(AuditEntry.account_id == "acme")).all()
    session.exec(select(AuditEvent.title, AuditCategory.title).join(AuditCategory)).all()
    return rows


def refused(error: ValidationError) -> list[str]:
    return [f"{problem.path}: {problem.expected}, {problem.got}" for problem in error.problems]
