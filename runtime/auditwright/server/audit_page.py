"""The routes of the Audit Logs page: server-rendered, complete without JavaScript, its state in the URL."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from fastapi import APIRouter, Request
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import RedirectResponse, Response

from auditwright.effort import bounded_effort
from auditwright.entry_context import TITLES as CONTEXT_TITLES
from auditwright.errors import FilterError
from auditwright.limits import MAX_ID, truncate
from auditwright.reading.filters import FIELDS, MATCHES, MAX_CONDITIONS, Condition, Filter, check_target_type
from auditwright.reading.pages import search_text
from auditwright.server import downloads
from auditwright.server.access import RequireExport, RequireUser, account_of
from auditwright.server.export_token import refusal, send_token, token_of
from auditwright.server.metadata_rows import metadata_rows
from auditwright.server.phrases import category_title, chips, target_text
from auditwright.server.problems import HttpProblem
from auditwright.server.reads import record_read
from auditwright.server.render import base_of, render
from auditwright.server.view import LIMIT, View, query_of, read_query

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditwright.account_log import AccountLog
    from auditwright.catalog import Catalog
    from auditwright.entry import Entry
    from auditwright.log import AuditLog
    from auditwright.reading.pages import Page
    from auditwright.server.access import Principal

router = APIRouter(include_in_schema=False)
USERS = 100
"""Users in the suggestions without JavaScript."""
MAX_DESCRIPTION, MAX_NAME = 300, 80
"""Bytes of a description and of a name in the table; the entry's own page shows all."""
COUNT_LIMIT = 10_000
"""Where counting stops unless an exact count is requested."""


class _AnyText(Convertor[str]):
    """The rest of a path, with slashes and line ends: an id may have any characters."""

    regex = r"[\s\S]+"

    def convert(self, value: str) -> str:
        """The text as it is."""
        return value

    def to_string(self, value: str) -> str:
        """The text as it is."""
        return value


register_url_convertor("any_text", _AnyText())


def history_path(target: str, account: str | None = None) -> str:
    """The path of the page of an object, below that of the application: `/objects/model/m-17`."""
    kind, _, target_id = target.partition(":")
    query = View(account=account).query()
    if target_id in (".", ".."):  # as a part of a path, a browser takes it for a folder
        return f"/?{View(Filter.parse([f'target:is:{target}']), account=account).query()}"
    return f"/objects/{kind}/{quote(target_id, safe='')}{'?' if query else ''}{query}"


@router.get("/objects/{kind}/{object_id:any_text}")
def show_history(request: Request, kind: str, object_id: str, principal: RequireUser) -> Response:
    """The entries about one object: the list with that condition, for links from applications."""
    view = View.parse(query_of(request))
    if view.where.conditions:
        raise FilterError("where: the page of one object has no other conditions")
    log: AuditLog = request.app.state.log
    try:
        check_target_type(kind, log.catalog)
        where = Filter("all", (Condition("target", "is", f"{kind}:{object_id}"),))
    except FilterError as error:
        raise HttpProblem(404, "no-such-object", _as_sentence(str(error))) from None
    view = replace(view, where=where)
    return _list(request, principal, view, _rows_of(view))


@router.get("/")
def list_entries(request: Request, principal: RequireUser) -> Response:
    """The list, newest first, as the URL describes; `edit` in it opens the filter with that many rows."""
    query, edit = _split_edit(query_of(request))
    view = View.parse(query)
    return _list(request, principal, view, _rows_of(view, edit), is_open=edit > 0)


def _list(
    request: Request,
    principal: Principal,
    view: View,
    form: list[FilterRow],
    is_open: bool = False,
    refused: Refused | None = None,
) -> Response:
    """The list of a view, with these rows in the form of the filter.

    It is a 422 if any row has a fault, or if a range or a search was refused.
    """
    now = datetime.now(UTC)
    log: AuditLog = request.app.state.log
    account = log.account(account_of(principal, view.account))
    page = account.entries(**view.selection(now), limit=view.limit, after=view.after, before=view.before)
    if view.before and not page.previous:
        return _redirect(request, view.first_page().query())  # the first page, complete and with new entries
    record_read(request, principal, account.account_id, "page", view.selection_query)
    name_of = _name_lookup(account, page)
    recorded = frozenset(account.events())
    links = _links(page, view, now)
    more = bool(links.older and view.is_first and not links.scan)
    faults = [number for number, row in enumerate(form, 1) if row.fault]
    token = token_of(request)
    searched = refused.texts.get("search", "") if refused else view.search
    response = render(
        request,
        "list.html",
        422 if faults or refused else 200,
        view=view,
        principal=principal,
        account=account.account_id,
        catalog=log.catalog,
        rows=[_table_row(entry, view, log.catalog) for entry in page.entries],
        query=view.query(),
        first=page.entries[0] if page.entries else None,
        links=links,
        count=str(account.count_up_to(COUNT_LIMIT, **view.selection(now)))
        if more and not view.needs_scan
        else None,
        # JavaScript requests a slow count later.
        count_query=view.first_page(limit=LIMIT).query() if more and view.needs_scan else None,
        recorded=recorded,
        chips=list(chips(view, log.catalog, name_of)),
        form=form,
        faults=faults,
        is_open=is_open,
        refused=refused,
        objects=_objects(account, searched, view.account, base_of(request)),
        users=account.users(limit=USERS),
        name_of=name_of,
        token=token,
    )
    if principal.may_export:
        send_token(request, response, token)
    return response


def _objects(account: AccountLog, text: str, named: str | None, base: str) -> list[tuple[str, str]]:
    """The objects that have this text as their id, in words, with the addresses of their pages."""
    text = text.strip()
    if not 1 <= len(text) <= MAX_ID:
        return []
    found = [f"{kind}:{text}" for kind in account.targets(text)]
    return [(target_text(each), base + history_path(each, named)) for each in found]


@dataclass(frozen=True, slots=True)
class TableRow:
    """An entry in the table, as text."""

    id: str
    moment: datetime
    time: str
    event: str
    category: str
    actor: str
    actor_type: str
    on_behalf_of: str
    """Empty where nobody is known on whose behalf it was done."""
    failed: bool
    description: str
    ip_address: str


def _table_row(entry: Entry, view: View, catalog: Catalog) -> TableRow:
    actor, for_whom = entry.actor, entry.on_behalf_of
    return TableRow(
        str(entry.id),
        entry.occurred_at,
        view.local(entry.occurred_at),
        entry.event_title,
        category_title(entry, catalog),
        truncate(actor.label, MAX_NAME),
        actor.type,
        truncate(for_whom.label, MAX_NAME) if for_whom else "",
        entry.outcome == "failure",
        truncate(entry.description, MAX_DESCRIPTION),
        entry.ip_address or "",
    )


@dataclass(frozen=True, slots=True)
class Links:
    """The queries of the neighbouring pages, and the partial scan where the page is not complete."""

    older: str | None
    newer: str | None
    scan: PartialScan | None


@dataclass(frozen=True, slots=True)
class PartialScan:
    """How far entries were scanned, and the query that continues from there."""

    scanned_to: datetime
    time: str
    next: str
    newer: bool
    """Whether it continues with newer entries."""


def _links(page: Page, view: View, now: datetime) -> Links:
    older = view.next_page(page.next, now).query() if page.next else None
    newer = view.previous_page(page.previous, now).query() if page.previous else None
    following = newer if view.before else older
    if page.scanned_to is None or following is None:
        return Links(older, newer, None)
    scan = PartialScan(page.scanned_to, view.local(page.scanned_to), following, newer=bool(view.before))
    return Links(older if scan.newer else None, None if scan.newer else newer, scan)


def _redirect(request: Request, query: str) -> RedirectResponse:
    return RedirectResponse(f"{base_of(request)}/{'?' if query else ''}{query}", 303)


def _name_lookup(account: AccountLog, page: Page) -> Callable[[str], str | None]:
    """A function that returns the name of a user by id, from the newest entry."""
    known: dict[str | None, str | None] = {}
    for entry in reversed(page.entries):
        for actor in filter(None, (entry.on_behalf_of, entry.actor)):
            known[actor.id] = actor.name or known.get(actor.id)

    def name_of(user: str) -> str | None:
        if user not in known:
            known[user] = _newest_name(account, user)
        return known[user]

    return name_of


def _newest_name(account: AccountLog, user: str) -> str | None:
    """The name of a user in the newest entry of it, else in the newest one on its behalf."""
    for entry in account.entries(Filter("all", (Condition("user", "is", user),)), limit=1).entries:
        return entry.actor.name
    for entry in account.entries(Filter("all", (Condition("on_behalf_of", "is", user),)), limit=1).entries:
        return entry.on_behalf_of.name if entry.on_behalf_of else None
    return None


# --- the filter's form --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FilterRow:
    """A row of the filter's form as it was filled in, with what is wrong with it."""

    field: str = "category"
    operator: str = "is"
    value: str = ""
    fault: str = ""

    @property
    def condition(self) -> Condition:
        """The condition; raises `FilterError`."""
        return Condition(self.field, self.operator, self.value)  # type: ignore[arg-type]

    @property
    def target(self) -> tuple[str, str]:
        """Type and id of a target, as far as they are given."""
        kind, _, target_id = self.value.partition(":")
        return kind, target_id


@dataclass(frozen=True, slots=True)
class Refused:
    """What was typed as the range or as the search, and why it is refused."""

    texts: dict[str, str]
    """The text of each control, by its name: `from` and `to`, or `search`."""
    fault: str


_UNFINISHED = {
    "category": "Choose a category, or remove this condition.",
    "event": "Choose an event, or remove this condition.",
    "user": "Enter a name or an ID, or remove this condition.",
    "on_behalf_of": "Enter a name or an ID, or remove this condition.",
    "outcome": "Choose an outcome, or remove this condition.",
    "target": "Choose a type and enter an ID, or remove this condition.",
}
_ANY_VALUE = {"outcome": "success", "target": "any:any"}
"""A valid value for a field, where the field does not take any text."""

_CONTROLS = ("field", "operator", *FIELDS, "type")
"""The controls of a row; `type` and `target` are the type and the id of a target."""
_ROW_FIELD = re.compile(rf"({'|'.join(_CONTROLS)})\.(0|[1-9][0-9]{{0,2}})")
_FILTER_NAMES = re.compile(rf"view|account|period|from|to|zone|search|limit|match|do|{_ROW_FIELD.pattern}")


def _split_edit(query: str) -> tuple[str, int]:
    """The query of the view, and the number of open rows of the filter; 0 means that it is closed."""
    parts, edit = [], 0
    for part in query.split("&"):
        name, _, number = part.partition("=")
        if name == "edit":
            if not re.fullmatch("[1-9][0-9]?", number) or int(number) > MAX_CONDITIONS:
                raise FilterError(f"edit: expected 1 to {MAX_CONDITIONS}, got {truncate(repr(number), 80)}")
            edit = int(number)
        elif part:
            parts.append(part)
    return "&".join(parts), edit


@router.get("/filter")
def apply_filter(request: Request, principal: RequireUser) -> Response:
    """Redirect from a form of the page to the URL of the view that it describes.

    The field `view` has the query of the current view; the other fields change it. A filter with an
    unfinished condition, a reversed range and a short search are not applied: the answer is the current view,
    with the form as it was filled in.
    """
    log: AuditLog = request.app.state.log
    form = _form(query_of(request), _FILTER_NAMES)
    current = View.parse(form.get("view", ""))
    view = _changed_view(current, form)
    account = log.account(account_of(principal, view.account))
    if refused := _refused(view, form):
        return _list(request, principal, current, _rows_of(current), refused=refused)
    edit = 0
    if "match" in form:
        rows = _rows(form, account, log.catalog)
        match = Filter(form["match"]).match  # type: ignore[arg-type]  # checked by Filter
        if any(row.fault for row in rows):
            shown = replace(view, where=Filter(match, view.where.conditions))
            if "do" in form and not any(row.value and row.fault for row in rows):
                rows = [replace(row, fault="") for row in rows]  # not yet applied
                rows += [FilterRow()] * (form["do"] == "add" and len(rows) < MAX_CONDITIONS)
            return _list(request, principal, shown, rows, is_open=True)
        conditions = tuple(dict.fromkeys(row.condition for row in rows))
        edit = len(conditions) + 1 if form.get("do") == "add" else 0
        match = match if edit or len(conditions) > 1 else "all"
        view = view.first_page(where=Filter(match, conditions))
    elif "do" in form:
        raise FilterError(f"match: expected {' or '.join(MATCHES)}, got nothing")
    query = View.parse(view.query()).query()  # validated like any link
    if edit:
        query = "&".join(filter(None, [query, f"edit={min(edit, MAX_CONDITIONS)}"]))
    return _redirect(request, query)


def _changed_view(current: View, form: dict[str, str]) -> View:
    """The view with the changes of a form, except its conditions."""
    changes = {
        name: form[field].strip()
        for field, name in (
            ("period", "period"), ("from", "since"), ("to", "until"), ("zone", "zone"), ("search", "search"),
            ("limit", "limit"),
        )
        if field in form
    }  # fmt: skip
    for name in ("account", "period", "zone", "limit"):
        if name in form and not form[name].strip():
            raise FilterError(f"{name} is empty")
    view = current.first_page(**changes)
    if view.period != "custom" and (changes.get("since") or changes.get("until")):
        raise FilterError("from and to need period=custom")
    if "match" not in form and any(map(_ROW_FIELD.fullmatch, form)):
        raise FilterError(f"match: expected {' or '.join(MATCHES)}, got nothing")
    return View(account=form["account"], zone=view.zone) if "account" in form else view


def _form(text: str, names: re.Pattern[str]) -> dict[str, str]:
    """Parse a form; raises `FilterError` for an unknown or repeated field."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=10 * MAX_CONDITIONS)
    except ValueError:
        raise FilterError(f"a filter has at most {MAX_CONDITIONS} conditions") from None
    form = dict(pairs)
    for name in form:
        if not names.fullmatch(name):
            raise FilterError(f"the form has no field {truncate(repr(name), 80)}")
    if len(form) < len(pairs):
        raise FilterError("a field of the form is given twice")
    return form


def _refused(view: View, form: dict[str, str]) -> Refused | None:
    """The range or the search of a form if the view with it is no valid one; None for other forms."""
    controls = ("from", "to", "search")
    texts: dict[str, str] = {name: form[name] for name in controls if name in form}
    if not texts:
        return None
    try:
        view.selection(datetime.now(UTC))
        search_text(view.search)
    except FilterError as error:
        return Refused(texts, _as_sentence(str(error)))
    return None


def _as_sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}."


def _rows_of(view: View, number: int = 0) -> list[FilterRow]:
    """The rows for the conditions of a view, with blank ones up to the number; at least one row."""
    rows = [FilterRow(each.field, each.operator, each.value) for each in view.where.conditions]
    return rows + [FilterRow()] * (max(number, 1) - len(rows))


@bounded_effort()
def _rows(form: dict[str, str], account: AccountLog, catalog: Catalog) -> list[FilterRow]:
    """The rows of the form, without the one that a button removes. Raises `FilterError`."""
    rows: dict[int, dict[str, str]] = {}
    for name, value in form.items():
        if (match := _ROW_FIELD.fullmatch(name)) is not None:
            field, number = match.group(1, 2)
            rows.setdefault(int(number), {})[field] = value
    do = form.get("do", "add")
    if do != "add" and do not in {f"remove-{number}" for number in rows}:
        raise FilterError(
            f"do: expected add, or remove- and the number of a row, got {truncate(repr(do), 80)}"
        )
    if len(rows) > MAX_CONDITIONS:
        raise FilterError(f"a filter has at most {MAX_CONDITIONS} conditions, not {len(rows)}")
    events = account.events()
    left = [row for number, row in sorted(rows.items()) if do != f"remove-{number}"]
    return [_row(row, account, catalog, events) for row in left]


def _row(given: dict[str, str], account: AccountLog, catalog: Catalog, events: list[str]) -> FilterRow:
    """A row with its fault, if it is unfinished or names nothing."""
    field, operator = given.get("field", ""), given.get("operator", "")
    # An error for what the selects do not offer.
    _ = FilterRow(field, operator, _ANY_VALUE.get(field, "any")).condition
    text = given.get(field, "")
    if field == "target":
        text = f"{given.get('type', '')}:{text.strip()}"
        if text.startswith(":") or (text.endswith(":") and text.count(":") == 1):
            return FilterRow(field, operator, text.strip(":") and text, _UNFINISHED[field])
    value = _user(text, account, field) if field in ("user", "on_behalf_of") else text.strip()
    if not value.strip():
        return FilterRow(field, operator, "", _UNFINISHED[field])
    try:
        Filter("all", (FilterRow(field, operator, value).condition,)).branches(catalog, events)
    except FilterError as error:
        message = str(error).partition(" (`")[0]
        return FilterRow(field, operator, text, _as_sentence(message))
    return FilterRow(field, operator, value)


def _user(text: str, account: AccountLog, field: str) -> str:
    """The user id for a typed text: an id that the field has, or the name of exactly one user."""
    if not text or len(text) > MAX_ID:
        return text
    if account.entries(Filter.parse([f"{field}:is:{text}"]), limit=1).entries:
        return text
    text = text.strip()
    found = account.users(text, limit=USERS)
    named = {user.id for user in found if user.id and (user.name or "").casefold() == text.casefold()}
    return named.pop() if len(named) == 1 else text


# --- one entry, and the export --------------------------------------------------------------------


@router.get("/entries/{entry_id}")
def show_entry(request: Request, entry_id: str, principal: RequireUser) -> Response:
    """One entry in full; the query is that of the list."""
    view = View.parse(query_of(request))
    log: AuditLog = request.app.state.log
    account = account_of(principal, view.account)
    entry = entry_of(log, account, entry_id)
    record_read(request, principal, account, "page", entry_id=entry.id)
    event = log.catalog.event(entry.event)
    category = event.category if event else entry.event.rpartition(".")[0]
    for_whom = entry.on_behalf_of
    link = View(account=account if len(principal.accounts) > 1 else None).query()
    return render(
        request,
        "entry.html",
        view=view,
        entry=entry,
        category=category_title(entry, log.catalog),
        account=account,
        metadata=list(metadata_rows(entry, log.catalog)),
        history_of=lambda target: base_of(request) + history_path(target, view.account),
        context=_context_rows(entry),
        lifecycle_note=log.catalog.lifecycle_note(entry.event),
        link_to_entry=f"{base_of(request)}/entries/{entry.id}{'?' if link else ''}{link}",
        json=f"{base_of(request)}/api/entries/{entry.id}{'?' if link else ''}{link}",
        only=[
            (label, View(Filter.parse([condition]), account=view.account).query())
            for label, condition in (
                ("this event", _only("event", entry.event)),
                ("this category", _only("category", category)),
                ("this user", _only("user", entry.actor.id)),
                ("on behalf of this user", _only("on_behalf_of", for_whom.id if for_whom else None)),
                ("failures", "outcome:is:failure" if entry.outcome == "failure" else ""),
            )
            if condition
        ],
    )


def _context_rows(entry: Entry) -> list[tuple[str, str]]:
    """The parts of the context with their titles; of a damaged entry also what is no part."""
    context = entry.context
    known = [(title, context[name]) for name, title in CONTEXT_TITLES.items() if name in context]
    return known + [(name, str(value)) for name, value in context.items() if name not in CONTEXT_TITLES]


def _only(field: str, value: str | None) -> str:
    """The condition that a field equals a value; empty where no filter can express it."""
    return f"{field}:is:{value}" if value and len(value) <= MAX_ID else ""


def entry_of(log: AuditLog, account: str, entry_id: str) -> Entry:
    """An entry of an account. Raises a 404 problem."""
    try:
        found = log.account(account).get(uuid.UUID(entry_id))
    except ValueError:
        found = None
    if found is None:
        raise HttpProblem(404, "no-such-entry", "This account has no entry with this id.")
    return found


@router.post("/export")
async def export(request: Request, principal: RequireExport) -> Response:
    """A CSV of all entries of the account, or of the filtered ones.

    A form without the token of the cookie is answered by a page that asks to confirm the export.
    """
    read_query(query_of(request), ())
    form = _form((await request.body()).decode(errors="replace"), re.compile("view|what|excel|token"))
    view = View.parse(form.get("view", "")).first_page()
    if form.get("what", "all") not in ("all", "filtered"):
        raise FilterError("what: expected all or filtered")
    if form.get("what") != "filtered":
        view = View(account=view.account)
    excel = downloads.excel_of(form.get("excel") or None)
    account = account_of(principal, view.account)
    if (reason := refusal(request, form.get("token", ""))) is not None:
        return _confirmation(request, view, excel, reason)
    return downloads.export(request.app, principal, account, view, "csv", excel)


def _confirmation(request: Request, view: View, excel: str | None, reason: str) -> Response:
    """A page with a valid form for the export that was not made, and why."""
    token = token_of(request)
    response = render(
        request, "confirm_export.html", 403, view=view, excel=excel or "", reason=reason, token=token
    )
    send_token(request, response, token)
    return response
