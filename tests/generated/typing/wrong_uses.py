"""Wrong uses of the public interface, one on a line: mypy and pyright flag exactly the marked lines."""

from collections.abc import Callable

import sqlalchemy.ext.asyncio
import sqlmodel

from audit_events import AsyncAuditEvents, AuditEvents, TargetType
from audit_events.models.account.models import ModelAdded
from audit_events.tables.account.models import ModelDeployed
from auditwright import Actor, AuditLog, Condition, Entry, Filter
from auditwright.event_model import EventModel


def emit(audit: AuditEvents, session: sqlalchemy.ext.asyncio.AsyncSession) -> None:
    audit.account.roles.role_edited()  # error: a required field is missing
    audit.account.roles.role_edited("r-1")  # error: fields are keyword-only
    audit.account.roles.role_edited(role_id=17)  # error: a field of another type
    audit.account.roles.role_edited(role_id=None)  # error: None for a required field
    audit.account.roles.role_edited(role_id="r-1", role_name="x")  # error: a field of another event
    audit.account.roles.role_edited(role_id="r-1", details=3)  # error: an option of another type
    audit.account.roles.role_edited(role_id="r-1", actor="u-17")  # error: a string for an actor
    audit.account.roles.role_edited(role_id="r-1", occured_at=None)  # error: a misspelt option
    audit.account.roles.role_edited(role_id="r-1", session=session)  # error: an asynchronous session
    audit.account.roles.role_edit(role_id="r-1")  # error: no such event
    audit.account.role.role_edited(role_id="r-1")  # error: no such category
    audit.accounts.roles.role_edited(role_id="r-1")  # error: no such level
    audit.account.models.api_key_created(model_id="m", model_name="n", model_type="x")  # error: no such value
    audit.account.users_management.user_deleted(removed_user_ids="u-1")  # error: a string for a list
    audit.account.users_management.user_deleted(removed_user_ids=[1])  # error: a list of another type
    audit.account.models.model_deployed("m-1", "Llama", "open_source")  # error: fields are keyword-only


def emit_outcomes(audit: AuditEvents, name_target: Callable[[TargetType], None]) -> None:
    login, role_changed = audit.account.login_logout.login, audit.account.roles.role_changed
    role_changed(outcome="failure")  # error: an event that cannot fail
    role_changed(outcome="success")  # error: an outcome of an event that cannot fail
    role_changed(failure_reason="No such role.")  # error: a reason of an event that cannot fail
    login(email_id="ada@example.com", outcome="failed")  # error: no such outcome
    login(email_id="ada@example.com", outcome="failure", failure_reason=401)  # error: a number for a reason
    login(email_id="ada@example.com", outcome="failure", reason="x")  # error: a misspelt option
    role_changed(on_behalf_of="u-4")  # error: a string for an actor
    role_changed(context={"request": "r-1"})  # error: no such part of a context
    role_changed(context={"request_id": 1})  # error: a part of another type
    name_target("role_id")  # error: no such type of targets


async def emit_async(audit: AsyncAuditEvents, session: sqlmodel.Session) -> Entry:
    await audit.account.roles.role_edited(role_id="r-1", session=session)  # error: a synchronous session
    entry: Entry = audit.account.roles.role_changed()  # error: await is forgotten, and the entry is used
    await audit.account.roles.role_edited(role_id=17)  # error: a field of another type
    await audit.account.roles.role_edited(role_id="r-1", outcome="failure")  # error: it cannot fail
    return entry


async def forget(audit: AsyncAuditEvents) -> None:
    audit.account.roles.role_changed()  # error: await is forgotten


def record(log: AuditLog, session: sqlmodel.Session) -> None:
    log.record({"event": "account.roles.role_changed"})  # error: a mapping for a model
    log.record_json({"event": "account.roles.role_changed"})  # error: a mapping for a payload
    ModelAdded(model_id="m-1", model_type="commercial")  # error: a required field is missing
    ModelAdded(model_id=1, model_name="GPT", model_type="commercial")  # error: a field of another type
    ModelAdded(model_id="m", model_name="GPT", model_type="bought")  # error: no such value
    log.acting("u-17")  # error: a string for an actor
    log.record(log)  # error: a log for a model
    AuditLog.open("sqlite:///a.db", account="acme")  # error: a misspelt option
    AuditLog.open("sqlite:///a.db", "acme")  # error: options are keyword-only


def read(log: AuditLog, entry: Entry, event: EventModel, row: ModelDeployed) -> None:
    log.entries()  # error: reading is inside an account
    log.account("acme").entries("category:is:account.models")  # error: a string for a filter
    log.account("acme").entries(since=20260101)  # error: a number for a time
    Filter("some")  # error: no such match
    Condition("category", "contains", "account")  # error: no such operator
    entry.description = "something else"  # error: entries are read-only
    entry.description + 1  # error: a text is no number
    Actor.system().name.upper()  # error: a name may be None
    print(event.temperature)  # error: no field of every event
    print(log.account("acme").get("x").description)  # error: there may be no such entry
    row.temperature.hex()  # error: a value may be None
