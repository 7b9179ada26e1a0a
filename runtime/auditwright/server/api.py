"""The JSON API under the page, for programs; `openapi.py` has what its document says of it."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from auditwright.context import acting
from auditwright.entry import Entry
from auditwright.errors import AuditwrightError, FilterError
from auditwright.ids import format_time, to_microseconds
from auditwright.limits import truncate
from auditwright.recording.json_form import as_form, with_surrogates
from auditwright.server import downloads
from auditwright.server.access import Principal, RequireExport, RequireRecord, RequireUser, account_of
from auditwright.server.openapi import (
    ACCOUNT,
    MAX_ENTRIES,
    PAGING,
    SELECTION,
    answers,
    object_schema,
    reference,
)
from auditwright.server.page import COUNTED, entry_of
from auditwright.server.problems import Problem, problem_of
from auditwright.server.view import View, query_of, read_query

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.log import AuditLog

_logger = logging.getLogger("auditwright.server")

router = APIRouter(prefix="/api")


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


_PAGE = object_schema(
    entries={"type": "array", "items": reference("Entry")},
    next={"type": ["string", "null"], "description": "The cursor of the next page; null on the last one."},
    previous={
        "type": ["string", "null"],
        "description": "The cursor of the page before; null where nothing newer was there.",
    },
    scanned_to={
        "type": ["string", "null"],
        "format": "date-time",
        "description": "Where entries have to be looked at one by one, as in a search, a request ends after "
        "some milliseconds of work: entries up to this time were looked at, `entries` has what fits, maybe "
        "nothing, and `next` goes on (`previous`, if the page was read by `before`). Else null.",
    },
)
_PAGE["properties"]["at"] = {
    "type": "string",
    "description": "For 24h, 7d and 30d: the moment that they count from. Send it with `after` and `before`.",
}


@router.get(
    "/entries",
    openapi_extra={"parameters": [*SELECTION, *PAGING]},
    responses=answers(_PAGE, 400, 404, 503),
)
def list_entries(request: Request, principal: RequireUser) -> Response:
    """A page of entries, newest first."""
    now = datetime.now(UTC)
    view = View.parse(query_of(request))
    account = _log(request).account(account_of(principal, view.account))
    page = account.entries(**view.narrowing(now), limit=view.limit, after=view.after, before=view.before)
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
    "description": f"Count all, however long it takes; else up to {COUNTED:,}, which is quick.",
    "schema": {"type": "boolean", "default": False},
}


@router.get(
    "/count",
    openapi_extra={"parameters": [*SELECTION, _EXACT]},
    responses=answers(
        object_schema(
            entries={"type": "integer", "minimum": 0},
            whole={
                "type": "boolean",
                "description": "Whether these are all; else there are more, or not all were looked at.",
            },
        ),
        400,
        404,
        503,
    ),
)
def count(request: Request, principal: RequireUser) -> Response:
    """How many entries fit."""
    found, view, account_id = _selected(request, principal, "exact")
    exact = found.get("exact", [""])[0] or "false"
    if exact not in ("true", "false"):
        raise FilterError(f"exact is true or false, not {truncate(repr(exact), 80)}")
    account, narrowing = _log(request).account(account_id), view.narrowing(datetime.now(UTC))
    if exact == "true":
        return _json({"entries": account.count(**narrowing), "whole": True})
    counted = account.count_up_to(COUNTED, **narrowing)
    return _json({"entries": counted.entries, "whole": counted.whole})


@router.get(
    "/entries/{entry_id}",
    openapi_extra={"parameters": [ACCOUNT]},
    responses=answers(reference("Entry"), 400, 404, 503),
)
def show_entry(request: Request, entry_id: str, principal: RequireUser) -> Response:
    """One entry by its id."""
    account = account_of(principal, _named_account(request))
    return _json(entry_of(_log(request), account, entry_id).to_json())


@router.get(
    "/export",
    openapi_extra={
        "parameters": [
            *SELECTION,
            {
                "name": "format",
                "in": "query",
                "description": "CSV for people, or JSON Lines without loss; csv by default.",
                "schema": {"enum": list(downloads.MEDIA)},
            },
        ]
    },
    responses={
        **answers({}, 400, 404, 503),
        200: {"description": "The file", "content": {"text/csv": {}, "application/jsonl": {}}},
    },
)
def export(request: Request, principal: RequireExport) -> Response:
    """The entries that fit, as a file. A connection that breaks off is an export that failed."""
    found, view, account = _selected(request, principal, "format")
    form = found.get("format", ["csv"])[0]
    if form not in downloads.MEDIA:
        raise FilterError(f"format is csv or jsonl, not {truncate(repr(form), 80)}")
    return downloads.export(_log(request), principal, account, view, cast("downloads.Format", form))


@router.get(
    "/events",
    responses=answers(
        object_schema(version={"type": "string"}, categories={"type": "array", "items": {"type": "object"}})
    ),
)
def list_events(request: Request, principal: RequireUser) -> Response:
    """The catalog: every category with its events, their fields and their examples."""
    catalog = _log(request).catalog
    return _json(
        {"version": catalog.version, "categories": [asdict(each) for each in catalog.every_category]}
    )


@router.get("/events/{key}/schema", responses=answers({"type": "object"}, 404))
def show_schema(request: Request, key: str, principal: RequireUser) -> Response:
    """The JSON Schema of an event's entry in its JSON form."""
    catalog: Catalog = _log(request).catalog
    event = catalog.event(key)
    if event is None:
        raise Problem(404, "no-such-event", catalog.unknown_event(truncate(key, 200)))
    return _json(catalog.schema(event))


@router.get(
    "/users",
    openapi_extra={"parameters": [ACCOUNT]},
    responses=answers(
        object_schema(users={"type": "array", "items": reference("Actor")}), 400, 404, 422, 503
    ),
)
def list_users(
    request: Request, principal: RequireUser, text: Annotated[str, Query(max_length=256)] = ""
) -> Response:
    """Users and apps of the account whose id or name has the text in it, 20 at most."""
    account = account_of(principal, _named_account(request, "text"))
    found = _log(request).account(account).users(text, limit=20)
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
        **answers(reference("Entry"), 400, 404, 409, 413, 415, 422, 503, status=201),
        200: {
            "description": "A result for each of several, in their order",
            "content": {
                "application/json": {
                    "schema": object_schema(results={"type": "array", "items": reference("Result")})
                }
            },
        },
    },
)
async def record(request: Request, principal: RequireRecord) -> Response:
    """Record an entry in its JSON form, or several in an array, each checked by its event's JSON Schema.

    An entry without an account is of your first one, and one without an actor is your own doing. Sending one
    again with the same id and content stores it once. The good ones among several are stored although others
    are refused.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "not-json", "Send the entry as application/json.")
    body = await request.body()
    return await run_in_threadpool(_record, _log(request), principal, body)


def _record(log: AuditLog, principal: Principal, body: bytes) -> Response:
    try:
        forms = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        forms = with_surrogates(body)  # which other languages write
        if forms is None:
            raise Problem(400, "not-json", f"This is no JSON: {error}.") from None
    if not isinstance(forms, list):
        form = as_form(forms)
        account = account_of(principal, _text(form.get("account_id")))
        with acting(principal.actor, account_id=account):
            return _json(log.record_form(form).to_json(), 201)
    if len(forms) > MAX_ENTRIES:
        raise Problem(413, "too-large", f"One request records at most {MAX_ENTRIES:,} entries.")
    return _json({"results": _record_each(log, principal, forms)})


def _record_each(log: AuditLog, principal: Principal, forms: list[Any]) -> list[dict[str, Any]]:
    """A result for each: those of accounts that are not the principal's never reach the log."""
    results: list[Entry | AuditwrightError | Problem | None] = [None] * len(forms)
    allowed = []
    for number, form in enumerate(forms):
        try:
            account_of(principal, _text(form.get("account_id")) if isinstance(form, dict) else None)
            allowed.append(number)
        except Problem as problem:
            results[number] = problem
    with acting(principal.actor, account_id=principal.accounts[0]):
        stored = log.record_forms([forms[number] for number in allowed])
    for number, result in zip(allowed, stored, strict=True):
        results[number] = result
    return [_result(result) for result in results if result is not None]


def _result(result: Entry | AuditwrightError | Problem) -> dict[str, Any]:
    if isinstance(result, Entry):
        return {"status": 201, "entry": result.to_json()}
    problem = problem_of(result) if isinstance(result, AuditwrightError) else result
    if problem.status == 503:
        _logger.error("one of several entries: %s", result)
    return {"status": problem.status, "problem": problem.to_json()}


def _log(request: Request) -> AuditLog:
    return cast("AuditLog", request.app.state.log)


def _selected(request: Request, principal: Principal, *others: str) -> tuple[dict[str, list[str]], View, str]:
    """The other names in a query of a selection; its view and its account."""
    names = (*(each["name"] for each in SELECTION), *others)
    found = read_query(query_of(request), names, several=("where",))
    rest = {name: found.pop(name) for name in others if name in found}
    view = View.parse(urlencode(found, doseq=True))
    return rest, view, account_of(principal, view.account)


def _named_account(request: Request, *others: str) -> str | None:
    """The account that the query names; another name in the query is refused."""
    found = read_query(query_of(request), ("account", *others))
    return found.get("account", [None])[0] or None


def _text(value: object) -> str | None:
    """An account's id as it came; what is no text is left to the schema to refuse."""
    return value if isinstance(value, str) else None
