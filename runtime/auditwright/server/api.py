"""The JSON API. `openapi.py` completes its OpenAPI document."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import orjson
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from auditwright.context import acting
from auditwright.entry import Entry
from auditwright.entry_context import SUBMITTED_BY, submitter
from auditwright.errors import AuditwrightError, FilterError
from auditwright.ids import format_time, to_microseconds
from auditwright.limits import truncate
from auditwright.recording.json_form import MAX_PARTS, NotJson, TooManyParts, as_form, decoded
from auditwright.server import downloads
from auditwright.server.access import (
    Principal,
    RequireExport,
    RequireRecord,
    RequireUser,
    account_of,
    check_not_a_link,
)
from auditwright.server.audit_page import COUNT_LIMIT, entry_of
from auditwright.server.openapi import (
    ACCOUNT,
    EXPORT_FORM,
    EXPORT_OPTIONS,
    MAX_ENTRIES,
    PAGING,
    REQUESTED_WITH,
    SELECTION,
    file_responses,
    object_schema,
    reference,
    responses_of,
)
from auditwright.server.own_entries import own_entry
from auditwright.server.problems import HttpProblem, problem_of
from auditwright.server.reads import record_read
from auditwright.server.selection import query_of_json, read_selection, require_json
from auditwright.server.view import View, query_of, read_query
from auditwright.storage.base import Count
from auditwright.text import printable

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.log import AuditLog
    from auditwright.server.long_reads import LongReads

_logger = logging.getLogger("auditwright.server")

router = APIRouter(prefix="/api")


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


_PAGE = object_schema(
    entries={"type": "array", "items": reference("Entry")},
    next={"type": ["string", "null"], "description": "The cursor of the older page; null if there is none."},
    previous={
        "type": ["string", "null"],
        "description": "The cursor of the newer page; null if there is none.",
    },
    scanned_to={
        "type": ["string", "null"],
        "format": "date-time",
        "description": "Where entries must be scanned, as in a search, a request ends after some "
        "milliseconds of work: entries up to this time were scanned, `entries` has the matches so far, maybe "
        "none, and `next` continues (`previous`, if the page was read by `before`). Else null.",
    },
)
_PAGE["properties"]["at"] = {
    "type": "string",
    "description": "For 24h, 7d and 30d: the end of the period. Send it with `after` and `before`.",
}


@router.get(
    "/entries",
    openapi_extra={"parameters": [*SELECTION, *PAGING]},
    responses=responses_of(_PAGE, 400, 404, 503),
)
def list_entries(request: Request, principal: RequireUser) -> Response:
    """A page of entries, newest first."""
    now = datetime.now(UTC)
    view = View.parse(query_of(request))
    account = _log(request).account(account_of(principal, view.account))
    page = account.entries(**view.selection(now), limit=view.limit, after=view.after, before=view.before)
    record_read(request, principal, account.account_id, "api", view.selection_query)
    answer = {
        "entries": [entry.to_json() for entry in page.entries],
        "next": page.next,
        "previous": page.previous,
        "scanned_to": page.scanned_to and format_time(to_microseconds(page.scanned_to)),
    }
    if view.relative and (cursor := page.next or page.previous):
        answer["at"] = view.next_page(cursor, now).at
    return _json(answer)


_EXACT = {
    "name": "exact",
    "in": "query",
    "description": f"Count all entries, however long it takes; else counting stops at {COUNT_LIMIT:,}.",
    "schema": {"type": "boolean", "default": False},
}


@router.get(
    "/count",
    openapi_extra={"parameters": [*SELECTION, _EXACT]},
    responses=responses_of(
        object_schema(
            entries={"type": "integer", "minimum": 0},
            whole={
                "type": "boolean",
                "description": "Whether all entries were counted; else there may be more.",
            },
        ),
        400,
        404,
        429,
        503,
    ),
)
def count_entries(request: Request, principal: RequireUser) -> Response:
    """The number of matching entries."""
    found, view, account_id = read_selection(query_of(request), principal, "exact")
    exact = found.get("exact", ["false"])[0]
    if exact not in ("true", "false"):
        raise FilterError(f"exact: expected true or false, got {truncate(repr(exact), 80)}")
    account, selection = _log(request).account(account_id), view.selection(datetime.now(UTC))
    if exact == "true":
        long_reads: LongReads = request.app.state.long_reads
        with long_reads.slot(principal):
            count = Count(account.count(**selection), whole=True)
    else:
        count = account.count_up_to(COUNT_LIMIT, **selection)
    record_read(request, principal, account_id, "api", view.selection_query)
    return _json({"entries": count.entries, "whole": count.whole})


@router.get(
    "/entries/{entry_id}",
    openapi_extra={"parameters": [ACCOUNT]},
    responses=responses_of(reference("Entry"), 400, 404, 503),
)
def show_entry(request: Request, entry_id: str, principal: RequireUser) -> Response:
    """One entry by its id."""
    account = account_of(principal, _named_account(request))
    entry = entry_of(_log(request), account, entry_id)
    record_read(request, principal, account, "api", entry_id=entry.id)
    return _json(entry.to_json())


@router.get(
    "/export",
    openapi_extra={"parameters": [*SELECTION, *EXPORT_OPTIONS, REQUESTED_WITH]},
    # FastAPI adds the media type of the response class to a success; this one has none.
    response_class=StreamingResponse,
    responses=file_responses(),
)
def export(request: Request, principal: RequireExport) -> Response:
    """The matching entries as a file. If the connection breaks, the export has failed.

    It needs the header X-Requested-With, so that no link can start it; POST needs no such header.
    """
    check_not_a_link(request)
    return _export(request, principal, query_of(request))


@router.post(
    "/export",
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": EXPORT_FORM}}}
    },
    response_class=StreamingResponse,
    responses=file_responses(408, 413, 415),
)
async def export_by_post(request: Request, principal: RequireExport) -> Response:
    """The same file for a JSON object that has the parameters as strings, and `where` as a list of them.

    `{}` exports all entries of your first account.
    """
    read_query(query_of(request), ())
    require_json(request, "selection")
    return _export(request, principal, query_of_json(await request.body()))


def _export(request: Request, principal: Principal, query: str) -> Response:
    found, view, account = read_selection(query, principal, "format", "excel")
    form = found.get("format", ["csv"])[0]
    if form not in downloads.MEDIA:
        raise FilterError(f"format: expected csv or jsonl, got {truncate(repr(form), 80)}")
    excel = downloads.excel_of(found.get("excel", [None])[0])
    if excel and form != "csv":
        raise FilterError(f"excel: it is for csv, got format={form}")
    return downloads.export(request.app, principal, account, view, form, excel)


@router.get(
    "/events",
    responses=responses_of(
        object_schema(
            version={"type": "string"},
            target_types={
                "type": "array",
                "items": {"type": "string"},
                "description": "The types of the objects that fields identify, for conditions on `target`.",
            },
            categories={"type": "array", "items": {"type": "object"}},
        ),
        400,
    ),
)
def list_events(request: Request, principal: RequireUser) -> Response:
    """The catalog: all categories with their events, fields and examples."""
    read_query(query_of(request), ())
    catalog = _log(request).catalog
    return _json(
        {
            "version": catalog.version,
            "target_types": catalog.target_types,
            "categories": [asdict(each) for each in catalog.every_category],
        }
    )


@router.get("/events/{key}/schema", responses=responses_of({"type": "object"}, 400, 404))
def show_schema(request: Request, key: str, principal: RequireUser) -> Response:
    """The JSON Schema of an event's entries."""
    read_query(query_of(request), ())
    catalog: Catalog = _log(request).catalog
    event = catalog.event(key)
    if event is None:
        raise HttpProblem(404, "no-such-event", catalog.unknown_event(truncate(key, 200)))
    return _json(catalog.schema(event))


@router.get(
    "/users",
    openapi_extra={"parameters": [ACCOUNT]},
    responses=responses_of(
        object_schema(users={"type": "array", "items": reference("Actor")}), 400, 404, 422, 503
    ),
)
def list_users(
    request: Request, principal: RequireUser, text: Annotated[str, Query(max_length=256)] = ""
) -> Response:
    """Users and apps of the account whose id or name contains the text, 20 at most."""
    account = account_of(principal, _named_account(request, "text"))
    found = _log(request).account(account).users(text, limit=20)
    record_read(request, principal, account, "api", what="users")
    return _json(
        {"users": [{"type": user.type, "id": user.id, "name": user.name or user.id} for user in found]}
    )


@router.post(
    "/entries",
    status_code=201,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "oneOf": [
                            reference("NewEntry"),
                            {"type": "array", "maxItems": MAX_ENTRIES, "items": reference("NewEntry")},
                        ]
                    }
                }
            },
        }
    },
    responses={
        **responses_of(reference("Entry"), 400, 404, 408, 409, 413, 415, 422, 503, status=201),
        202: {
            "description": "The entry is stored on the server's own disk, because the database is away. It "
            "can be read once it was moved there",
            "content": {"application/json": {"schema": reference("Entry")}},
        },
        200: {
            "description": "A result for each entry of an array, in order",
            "content": {
                "application/json": {
                    "schema": object_schema(results={"type": "array", "items": reference("Result")})
                }
            },
        },
    },
)
async def record(request: Request, principal: RequireRecord) -> Response:
    """Record an entry, or an array of entries, each validated by its event's JSON Schema.

    The defaults of account and actor are your first account and yourself. Without the right to impersonate
    you may name no other actor and address, and no time before the last hour. Recording is idempotent for an
    entry with an id. Of an array, valid entries are stored even if others are refused.
    """
    read_query(query_of(request), ())
    require_json(request, "entry")
    body = await request.body()
    return await run_in_threadpool(_record, _log(request), principal, body)


def _record(log: AuditLog, principal: Principal, body: bytes) -> Response:
    try:
        forms = decoded(body)
    except TooManyParts:
        detail = f"A request has at most {MAX_PARTS:,} objects and lists."
        raise HttpProblem(413, "too-large", detail) from None
    except NotJson as error:
        raise HttpProblem(400, "not-json", f"Invalid JSON: {error}.") from None
    if not isinstance(forms, list):
        form = as_form(forms)
        account = account_of(principal, _text(form.get("account_id")))
        form = own_entry(form, principal)
        with _submitted(principal, account):
            entry = log.record_form(form)
        return _json(entry.to_json(), _status_of(entry))
    if len(forms) > MAX_ENTRIES:
        raise HttpProblem(413, "too-large", f"One request records at most {MAX_ENTRIES:,} entries.")
    return _json({"results": _record_each(log, principal, forms)})


def _record_each(log: AuditLog, principal: Principal, forms: list[Any]) -> list[dict[str, Any]]:
    """A result for each entry. Entries that the principal may not record never reach the log."""
    allowed: dict[int, Any] = {}
    results: dict[int, Entry | AuditwrightError | HttpProblem] = {}
    for number, form in enumerate(forms):
        try:
            allowed[number] = _allowed(form, principal)
        except HttpProblem as problem:
            results[number] = problem
    with _submitted(principal, principal.accounts[0]):
        stored = log.record_forms(list(allowed.values()))
    results.update(zip(allowed, stored, strict=True))
    return [_result(results[number]) for number in range(len(forms))]


@contextmanager
def _submitted(principal: Principal, account_id: str) -> Iterator[None]:
    """The context of entries that a principal sends: they say who sent them.

    The user agent of the request is that of the actor only if the principal records in its own name.
    """
    with acting(principal.actor, account_id=account_id) as context:
        sent = {name: text for name, text in context.details.items() if name != "user_agent"}
        of_request = sent if principal.may_impersonate else context.details
        context.details = of_request | {SUBMITTED_BY: submitter(principal.actor)}
        yield


def _allowed(form: Any, principal: Principal) -> Any:
    """An entry of an array as the principal may record it; the log refuses what is no object."""
    if not isinstance(form, dict):
        return form
    account_of(principal, _text(form.get("account_id")))
    return own_entry(form, principal)


def _result(result: Entry | AuditwrightError | HttpProblem) -> dict[str, Any]:
    if isinstance(result, Entry):
        return {"status": _status_of(result), "entry": result.to_json()}
    problem = problem_of(result) if isinstance(result, AuditwrightError) else result
    if problem.status == 503:
        _logger.error("one of several entries: %s", printable(str(result)))
    return {"status": problem.status, "problem": problem.to_json()}


def _status_of(entry: Entry) -> int:
    """Created; or only accepted, if the entry is in the spool and cannot be read yet."""
    return 202 if entry.spooled else 201


def _log(request: Request) -> AuditLog:
    return cast("AuditLog", request.app.state.log)


def _named_account(request: Request, *others: str) -> str | None:
    """The account in the query; names other than `others` are refused."""
    found = read_query(query_of(request), ("account", *others))
    account = found.get("account", [None])[0]
    if account == "":
        raise FilterError("account is empty; give it a value, or leave it out")
    return account


def _text(value: object) -> str | None:
    """The value if it is a string; the schema refuses other types."""
    return value if isinstance(value, str) else None
