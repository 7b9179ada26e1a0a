"""Views: parsed from a URL and written to one without loss; invalid ones are refused."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from tests.support.campaigns import examples
from tests.support.web import ADA, Client

from auditwright import AuditLog, Filter, FilterError
from auditwright.limits import sanitize
from auditwright.reading.filters import FIELDS, OPERATORS, OUTCOMES, Condition
from auditwright.server import audit_page
from auditwright.server.view import LIMIT, NAMES, PERIODS, View, query_of

NOW = datetime(2026, 6, 15, 12, 30, 15, 654321, UTC)
LOGIN = "account.login_logout.login"

# --- round trip -------------------------------------------------------------------------------

TROUBLE = st.sampled_from([*"&=#%+:;?/\\\"'<> \t\n\0é😀\u202e", "%00", "&where=", "where", "\x85", "\u2028"])
TEXTS = st.lists(TROUBLE | st.characters(exclude_categories=["Cs"]), max_size=12).map("".join).map(sanitize)
DAYS = st.dates(datetime(1970, 1, 1).date(), datetime(9998, 12, 31).date()).map(str)
MINUTES = st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31)).map(
    lambda each: each.isoformat(timespec="minutes")
)


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    values = {
        "outcome": st.sampled_from(OUTCOMES),
        "target": TEXTS.filter(bool).map("model:".__add__),
    }
    condition = st.sampled_from(FIELDS).flatmap(
        lambda field: st.builds(
            Condition, st.just(field), st.sampled_from(OPERATORS), values.get(field, TEXTS.filter(bool))
        )
    )
    return Filter(draw(st.sampled_from(["all", "any"])), tuple(draw(st.lists(condition, max_size=20))))


@st.composite
def views(draw: st.DrawFn) -> View:
    period = draw(st.sampled_from(PERIODS))
    custom, relative = period == "custom", period in ("24h", "7d", "30d")
    moments = st.datetimes(datetime(1971, 1, 2), datetime(9998, 12, 1), timezones=st.timezones())
    found = View(
        where=draw(filters()),
        period=period,
        since=draw(st.just("") | DAYS | MINUTES) if custom else "",
        until=draw(st.just("") | DAYS | MINUTES) if custom else "",
        zone=draw(st.sampled_from(sorted(available_timezones()))),
        search=draw(TEXTS.map(str.strip)),
        account=draw(st.none() | TEXTS.filter(bool)),
        limit=draw(st.integers(1, 1000)),
        at=draw(st.just("") | moments.map(datetime.isoformat)) if relative else "",
        **{draw(st.sampled_from(["after", "before"])): draw(st.none() | TEXTS.filter(bool))},
    )
    try:
        found.bounds(NOW)
    except FilterError:
        assume(False)  # the range ends before it starts
    return found


@settings(max_examples=examples(40))
@given(views())
def test_query_of_a_view_parses_to_the_same_view(view: View) -> None:
    assert View.parse(view.query()) == view


@settings(max_examples=examples(40))
@given(views())
def test_first_page_has_the_same_selection(view: View) -> None:
    first = view.first_page()
    assert (first.after, first.before, first.at) == (None, None, "")
    assert first.selection_query == view.selection_query
    assert View.parse(first.query()) == first


PIECES = st.sampled_from(
    ["all", "any", "custom", "24h", "2026-01-31", "2026-01-31T09:30", "2026-10-25T02:30", "Europe/Berlin",
     "category:is:account.models", "user:is_not:", "a:b:c", "2026-01-31T09:30:00+00:00", "9999-12-31", "50"]
)  # fmt: skip
PAIRS = st.tuples(st.sampled_from(NAMES) | TEXTS, PIECES | TEXTS)
QUERIES = st.lists(PAIRS, max_size=8).map(urlencode) | st.text() | st.lists(TROUBLE, max_size=20).map("".join)


def assert_view_or_error(query: str) -> None:
    said = ""
    try:
        view = View.parse(query)
    except FilterError as error:
        said = str(error)
    else:
        assert View.parse(view.query()) == view
        view.bounds(NOW)
    assert said == "" or 10 < len(said) < 500


@given(QUERIES)
@example("limit=000000001" + "0" * 5000)
@example("limit=" + "1" * 5000)
@example("limit=٣")
@example("zone=" + "a" * 100_000)
@example("zone=Europe")
@example("zone=/etc/passwd")
@example("zone=..%2Ftzdata.zi")
@example("period=custom&from=2026-W05-1")
@example("period=custom&from=٢٠٢٦-01-31")
@example("period=24h&at=9998-12-31T23:59:59-23:59")
@example("period=24h&at=1971-01-01T00:00:00%2B23:59")
@example("period=custom&from=1970-01-01&zone=Pacific/Kiritimati")
@example("period=custom&to=9998-12-31&zone=Pacific/Pago_Pago")
def test_any_query_is_a_view_or_an_error(query: str) -> None:
    assert_view_or_error(query)


@given(st.binary() | QUERIES.map(lambda text: text.encode(errors="replace")))
def test_any_bytes_are_a_view_or_an_error(query: bytes) -> None:
    assert_view_or_error(query_of(Request({"type": "http", "query_string": query})))


def test_defaults_are_left_out_of_the_query() -> None:
    assert View().query() == ""
    assert View.parse(f"match=all&period=all&zone=UTC&limit={LIMIT}") == View()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "where"])
def test_empty_value_is_refused(name: str) -> None:
    with pytest.raises(FilterError, match=f"^{name} is empty; give it a value, or leave it out$"):
        View.parse(f"{name}=")


@pytest.mark.parametrize("name", ["account", "search"])
def test_blank_value_is_a_value(name: str) -> None:
    """Accounts may have any name, and a search may be for a space."""
    assert getattr(View.parse(f"{name}=+"), name) == " "


# --- invalid values ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "wehre=user:is:x",
            "query: expected one of account, match, where, period, from, to, zone, search, limit, at, after, "
            "before, got 'wehre'; did you mean \"where\"?",
        ),
        ("Where=user:is:x", "got 'Where'; did you mean \"where\"?"),
        ("period=7d&period=7d", "period is given twice"),
        ("match=any&match=all", "match is given twice"),
        ("match=&match=any", "match is given twice"),
        ("match=both", "match is one of all, any, not 'both'"),
        ("match.0=any", "got 'match.0'"),
        ("where=user:is:x:any&or=user:is:y", "got 'or'"),
        ("where=user:is", "a condition is written field:operator:value"),
        ("where=user:is:", "the value of user is is a string of 1 to 256 characters"),
        ("where=user:is:" + "x" * 257, "the value of user is is a string of 1 to 256 characters"),
        (
            "where=actor:is:x",
            "a condition's field is one of category, event, user, on_behalf_of, outcome, target, not 'actor'",
        ),
        ("where=user:equals:x", "a condition's operator is one of is, is_not, not 'equals'"),
        ("period=1h", "period: expected one of 24h, 7d, 30d, custom, all, got '1h'"),
        ("from=2026-01-01", "from and to need period=custom"),
        ("period=7d&to=2026-01-01", "from and to need period=custom"),
        ("at=2026-01-31T09:30:00Z", "at needs a period of 24h, 7d, 30d"),
        ("period=custom&at=2026-01-31T09:30:00Z", "at needs a period of 24h, 7d, 30d"),
        ("period=custom&at=now", "at: expected a time such as 2026-01-31T09:30:00+00:00, got 'now'"),
        ("zone=Mars/Olympus", "zone: expected a time zone such as Europe/Berlin, got 'Mars/Olympus'"),
        ("period=24h&zone=Mars", "zone: expected a time zone such as Europe/Berlin, got 'Mars'"),
        ("zone=europe/berlin2", 'did you mean "Europe/Berlin"?'),
        ("limit=0", "limit: expected 1 to 1000, got '0'"),
        ("limit=1001", "limit: expected 1 to 1000, got '1001'"),
        ("limit=5.0", "limit: expected 1 to 1000, got '5.0'"),
        (
            "period=custom&from=2026-01-31 9:30",
            "from: expected a day such as 2026-01-31, a minute such as 2026-01-31T09:30 or a time such as "
            "2026-01-31T09:30:00+01:00, got '2026-01-31 9:30'",
        ),
        ("period=custom&to=2026-02-29", "to: expected a day such as 2026-01-31, a minute such as"),
        ("period=custom&to=2026-01-31T24:01", "to: expected a day such as 2026-01-31, a minute such as"),
        ("period=custom&from=2026-W05-1", "from: expected a day such as 2026-01-31, a minute such as"),
        (
            "period=custom&from=2026-01-31T09:30%2B02",
            "from: expected a day such as 2026-01-31, a minute such as",
        ),
        (
            "period=custom&from=2026-02-02&to=2026-02-01",
            "the range ends before it begins: from 2026-02-02 to 2026-02-01",
        ),
        ("&".join(["where=user:is:x"] * 21), "a filter has at most 20 conditions, not 21"),
        ("&".join(["where=user:is:x"] * 100), "a query has at most 20 conditions"),
    ],
    ids=lambda text: text[:40],
)
def test_invalid_values_are_refused_with_the_choices(query: str, message: str) -> None:
    with pytest.raises(FilterError) as caught:
        View.parse(query)
    assert message in str(caught.value)


# --- time ranges -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "length"),
    [("24h", timedelta(hours=24)), ("7d", timedelta(days=7)), ("30d", timedelta(days=30))],
)
def test_relative_period_starts_before_now(period: str, length: timedelta) -> None:
    assert View(period=period).bounds(NOW) == (NOW.replace(microsecond=0) - length, None)
    assert View(period=period, zone="Asia/Kathmandu").bounds(NOW) == View(period=period).bounds(NOW)


def test_later_pages_keep_the_range_of_the_period() -> None:
    first = View(period="24h")
    second = View.parse(first.next_page("x", NOW).query())
    later = NOW + timedelta(hours=5)
    assert second.at == "2026-06-15T12:30:15+00:00"
    assert second.bounds(later) == first.bounds(NOW)
    third = second.next_page("y", later)
    assert third.bounds(later + timedelta(days=1)) == first.bounds(NOW)
    assert third.first_page().bounds(later) == first.bounds(later)


def test_view_without_period_has_no_bounds() -> None:
    assert View().bounds(NOW) == (None, None)
    assert View(period="custom").bounds(NOW) == (None, None)


BERLIN, HOUR = "Europe/Berlin", timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "first", "last", "begin", "end"),
    [
        ("UTC", "2026-01-31", "2026-01-31", "2026-01-31T00:00", "2026-02-01T00:00"),
        ("UTC", "2026-01-31T09:30", "2026-01-31T09:30", "2026-01-31T09:30", "2026-01-31T09:31"),
        ("UTC", "2024-02-28", "2024-02-29", "2024-02-28T00:00", "2024-03-01T00:00"),
        ("UTC", "9998-12-31", "9998-12-31", "9998-12-31T00:00", "9999-01-01T00:00"),
        # Daylight saving time: a day of 23 hours, and one of 25.
        (BERLIN, "2026-03-29", "2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00"),
        (BERLIN, "2026-10-25", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),
        (BERLIN, "2026-03-28", "2026-03-30", "2026-03-27T23:00", "2026-03-30T22:00"),
        (BERLIN, "2026-03-29T01:59", "2026-03-29T03:00", "2026-03-29T00:59", "2026-03-29T01:01"),
        # Repeated minutes: from the first fold to the second.
        (BERLIN, "2026-10-25T02:30", "2026-10-25T02:30", "2026-10-25T00:30", "2026-10-25T01:31"),
        (BERLIN, "2026-10-25T02:00", "2026-10-25T02:59", "2026-10-25T00:00", "2026-10-25T02:00"),
        (BERLIN, "2026-10-25T01:00", "2026-10-25T01:59", "2026-10-24T23:00", "2026-10-25T00:00"),
        (BERLIN, "2026-10-25T03:00", "2026-10-25T03:00", "2026-10-25T02:00", "2026-10-25T02:01"),
        # A skipped minute counts by the offset before the change.
        (BERLIN, "2026-03-29T02:30", "2026-03-29T02:30", "2026-03-29T01:30", "2026-03-29T01:31"),
        # Days that start at 1:00 or twice, zones with half hours or more than 12 hours.
        ("Africa/Cairo", "2026-04-24", "2026-04-24", "2026-04-23T22:00", "2026-04-24T21:00"),
        ("Atlantic/Azores", "2026-10-25", "2026-10-25", "2026-10-25T00:00", "2026-10-26T01:00"),
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-05", "2026-04-04T13:00", "2026-04-05T13:30"),
        ("Asia/Kathmandu", "2026-01-01", "2026-01-01", "2025-12-31T18:15", "2026-01-01T18:15"),
        ("Pacific/Kiritimati", "1970-01-01", "1970-01-01", None, None),
    ],
)
def test_custom_range_includes_its_last_day_or_minute(
    zone: str, first: str, last: str, begin: str | None, end: str | None
) -> None:
    since, until = View(period="custom", since=first, until=last, zone=zone).bounds(NOW)
    assert since is not None
    assert until is not None
    if begin is None or end is None:
        assert (since, until) == (
            datetime(1970, 1, 1, tzinfo=ZoneInfo(zone)),
            datetime(1970, 1, 2, tzinfo=ZoneInfo(zone)),
        )
    else:
        found = (since.isoformat(timespec="minutes"), until.isoformat(timespec="minutes"))
        assert found == (f"{begin}+00:00", f"{end}+00:00")


@given(st.sampled_from(sorted(available_timezones())), st.dates(datetime(2000, 1, 1).date()), st.data())
def test_range_of_a_day_has_exactly_its_moments(zone: str, day: Any, data: st.DataObject) -> None:
    assume(day.year < 9998)
    view = View(period="custom", since=str(day), until=str(day), zone=zone)
    try:
        since, until = view.bounds(NOW)
    except FilterError:  # a day that was skipped at a change of the date line
        assume(False)
    assert since is not None
    assert until is not None
    around = st.integers(-3 * 86400, 3 * 86400)
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=data.draw(around))
    assert (since <= moment < until) == (view.local(moment)[:10] == str(day))


@pytest.mark.parametrize(
    ("since", "until", "first", "last"),
    [
        ("2026-01-31", "2026-01-31", "2026-01-31T00:00", "2026-01-31T23:59"),
        ("2026-01-31T09:30", "2026-01-31T09:30", "2026-01-31T09:30", "2026-01-31T09:30"),
        ("2026-01-31T09:30:00Z", "2026-01-31T11:00:00+01:00", "2026-01-31T10:30", "2026-01-31T10:59"),
        ("2026-01-31T09:30:05Z", "2026-01-31T09:30:07Z", "2026-01-31T10:30:05", "2026-01-31T10:30:07"),
        ("", "", "", ""),
    ],
)
def test_inputs_of_the_page_hold_the_range(since: str, until: str, first: str, last: str) -> None:
    view = View(period="custom", since=since, until=until, zone=BERLIN)
    assert (view.input_value("from"), view.input_value("to")) == (first, last)
    if len(first) < 17:
        again = View(period="custom", since=first, until=last, zone=BERLIN)
        assert again.bounds(NOW) == view.bounds(NOW)


def test_range_can_be_open_at_one_end() -> None:
    assert View(period="custom", since="2026-01-31").bounds(NOW) == (datetime(2026, 1, 31, tzinfo=UTC), None)
    assert View(period="custom", until="2026-01-31").bounds(NOW) == (None, datetime(2026, 2, 1, tzinfo=UTC))


def test_times_have_the_zone_and_its_offset() -> None:
    winter, summer = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
    berlin, kathmandu = View(zone=BERLIN), View(zone="Asia/Kathmandu")
    assert [berlin.local(winter), berlin.local(summer)] == ["2026-01-01 01:00:00", "2026-07-01 02:00:00"]
    assert [berlin.offset(winter), berlin.offset(summer)] == ["UTC+01:00", "UTC+02:00"]
    assert kathmandu.offset(winter) == "UTC+05:45"
    assert View(zone="America/St_Johns").offset(winter) == "UTC-03:30"
    assert View().offset(winter) == View(zone="Africa/Abidjan").offset(summer) == "UTC"


def test_selection_query_has_the_selection_only() -> None:
    where = Filter.parse(["user:is:u-17"])
    view = View(where, "24h", zone=BERLIN, search="llama", account="acme", limit=7, after="x")
    assert view.selection_query == "where=user:is:u-17&period=24h&search=llama"
    custom = View(period="custom", since="2026-01-01", zone=BERLIN)
    assert custom.selection_query == "period=custom&from=2026-01-01&zone=Europe%2FBerlin"
    assert View(account="acme", limit=7, zone=BERLIN).selection_query == ""


# --- requests --------------------------------------------------------------------------------


def link(text: str, name: str) -> str | None:
    """The address of the link with this text."""
    found = re.search(rf'href="([^"]*)"[^>]*>{name}</a>', text)
    return unescape(found[1]) if found else None


def shown(text: str) -> list[str]:
    """The ids of the entries in the table."""
    return re.findall(r'href="/entries/([0-9a-f-]+)', text)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Moves the clock of the page."""
    ahead = timedelta(0)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + ahead

    def move(by: timedelta) -> None:
        nonlocal ahead
        ahead += by

    monkeypatch.setattr(audit_page, "datetime", Clock)
    return move


def test_paging_a_relative_period_loses_nothing(
    client: Client, log: AuditLog, clock: Callable[[timedelta], None]
) -> None:
    def login(hours: float) -> str:
        moment = datetime.now(UTC) - timedelta(hours=hours)
        values, options = {"email_id": "ada@example.com"}, {"actor": ADA, "occurred_at": moment}
        return str(log.record_event(LOGIN, values, options).id)

    login(24.5)
    ids = [login(hours) for hours in (23.9, 23.8, 23.7, 2, 1)]
    found, url = list[str](), "/?period=24h&limit=2"
    while url:
        answer = client.get(url)
        assert answer.status_code == 200
        found += shown(answer.text)
        url = link(answer.text, "Older") or ""
        clock(timedelta(minutes=30))
        login(0)
    assert found == ids[::-1]


def test_new_view_after_the_last_page_ends_now(client: Client, log: AuditLog) -> None:
    for _ in range(3):
        log.record_event(LOGIN, {"email_id": "ada@example.com"}, {"actor": ADA})
    older = link(client.get("/?period=7d&limit=2").text, "Older")
    assert older is not None
    assert "at=" in older
    assert link(client.get(older).text, "Newest") == "/?period=7d&limit=2"


@pytest.mark.parametrize("start", ["/?", "/api/entries?", "/api/export?", "/filter?view="])
@pytest.mark.parametrize(
    "query",
    [
        "match=any&match=all&where=user:is:a&where=user:is:b",
        "match=any&where=user:is:a&match=all&where=user:is:b",
        "match=all,any&where=user:is:a&where=user:is:b",
        "match=any&where=user:is:a&and=user:is:b",
        "match.1=any&where=user:is:a",
    ],
)
def test_url_cannot_mix_and_with_or(client: Client, start: str, query: str) -> None:
    answer = client.get(start + (quote(query) if start.startswith("/filter") else query))
    assert answer.status_code == 400


ROW = "field.{0}=user&operator.{0}=is&user.{0}={1}"
ROWS = f"{ROW.format(0, 'a')}&{ROW.format(1, 'b')}"


@pytest.mark.parametrize(
    "form",
    [
        f"match=any&match=all&{ROWS}",
        f"match=any&match.0=all&{ROWS}",
        f"match=mixed&{ROWS}",
        f"match=&{ROWS}",
        ROWS,
    ],
)
def test_form_cannot_mix_and_with_or(client: Client, form: str) -> None:
    assert client.get(f"/filter?{form}").status_code == 400


@pytest.mark.parametrize("match", ["all", "any"])
def test_form_replaces_the_conditions_of_the_view(client: Client, match: str) -> None:
    before = urlencode({"view": "match=any&where=user:is:c&where=user:is:d&limit=7"})
    answer = client.get(f"/filter?{before}&match={match}&{ROWS}")
    view = View.parse(answer.headers["location"].partition("?")[2])
    assert view == View(Filter.parse(["user:is:a", "user:is:b"], match), limit=7)


def test_page_and_api_share_their_queries(client: Client, log: AuditLog) -> None:
    for _ in range(3):
        log.record_event(LOGIN, {"email_id": "ada@example.com"}, {"actor": ADA})
    query = "where=user:is:u-17&period=30d&zone=Asia%2FTokyo&search=lovelace&limit=2"
    older = link(client.get(f"/?{query}").text, "Older")
    assert older is not None
    for asked in (query, older.partition("?")[2]):
        entries = client.get(f"/api/entries?{asked}").json()["entries"]
        assert shown(client.get(f"/?{asked}").text) == [entry["id"] for entry in entries]
    assert dict(parse_qsl(older.partition("?")[2])).keys() >= {"at", "after"}
