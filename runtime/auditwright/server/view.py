"""The state of the page: filter, time range, zone, search and cursor.

All state is in the URL, so that a view can be shared and bookmarked. A `View` is parsed from a query and
makes the queries of all links; `phrases.py` describes it in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo, available_timezones

from auditwright.effort import did_you_mean
from auditwright.errors import FilterError
from auditwright.limits import sanitize, truncate
from auditwright.reading.filters import MAX_CONDITIONS, Filter
from auditwright.reading.pages import MAX_PAGE, FilteredSelection
from auditwright.reading.time_range import time_range

if TYPE_CHECKING:
    from starlette.requests import Request

Period = Literal["24h", "7d", "30d", "custom", "all"]
PERIODS: tuple[str, ...] = get_args(Period)
_LENGTHS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
LIMIT = 50
"""The default number of entries on a page."""

NAMES = (
    "account", "match", "where", "period", "from", "to", "zone", "search", "limit", "at", "after", "before",
)  # fmt: skip
"""The names allowed in a query; `where` may be repeated."""


def query_of(request: Request) -> str:
    """The raw query of a request; `request.url` fails for invalid UTF-8, and cuts it at a #."""
    query: bytes = request.scope["query_string"]
    return query.decode(errors="replace")


def read_query(query: str, names: tuple[str, ...], several: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Parse a query; raises `FilterError` for an unknown or repeated name."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_CONDITIONS + 40)
    except ValueError:
        raise FilterError(f"a query has at most {MAX_CONDITIONS} conditions") from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if not names:
            raise FilterError(f"query: there are no parameters here, got {truncate(repr(name), 80)}")
        if name not in names:
            nearest = did_you_mean(name, names)
            got = truncate(repr(name), 80)
            raise FilterError(f"query: expected one of {', '.join(names)}, got {got}{nearest}")
        if name in found and name not in several:
            raise FilterError(f"{name} is given twice")
        found.setdefault(name, []).append(value)
    return found


_NO_FILTER = Filter()


@dataclass(frozen=True, slots=True)
class View:
    """A view of the log. Every part is optional; the default is all entries of the first account."""

    where: Filter = _NO_FILTER
    period: str = "all"
    since: str = ""
    """The start of a custom range, in the zone: a day, a minute or a time, see `time_range`."""
    until: str = ""
    """Its end: a day or a minute is included, a time with seconds is not."""
    zone: str = "UTC"
    search: str = ""
    account: str | None = None
    limit: int = LIMIT
    at: str = ""
    """The end of a relative period, so that all of its pages have the same range."""
    after: str | None = None
    before: str | None = None

    @classmethod
    def parse(cls, query: str) -> View:
        """Parse the query of a URL; raises `FilterError` for unknown, repeated or invalid values."""
        found = read_query(query, NAMES, several=("where",))

        def one(name: str, default: str = "") -> str:
            value = found.get(name, [default])[0]
            if name in found and not value:
                raise FilterError(f"{name} is empty; give it a value, or leave it out")
            return value

        view = cls(
            where=Filter.parse(found.get("where", ()), one("match", "all")),
            period=one("period", "all"),
            since=one("from"),
            until=one("to"),
            zone=one("zone", "UTC"),
            search=sanitize(one("search")),
            account=one("account") or None,
            limit=_limit(one("limit", str(LIMIT))),
            at=one("at"),
            after=one("after") or None,
            before=one("before") or None,
        )
        if view.after and view.before:
            raise FilterError("after and before exclude each other")
        view.bounds(datetime.now(UTC))
        if view.period != "custom" and (view.since or view.until):
            raise FilterError("from and to need period=custom")
        if view.period not in _LENGTHS and view.at:
            raise FilterError(f"at needs a period of {', '.join(_LENGTHS)}")
        return view

    def query(self, **changes: Any) -> str:
        """The query of this view with changes; defaults are left out."""
        view = replace(self, **changes)
        custom, relative = view.period == "custom", view.period in _LENGTHS
        pairs = [
            ("account", view.account),
            ("match", view.where.match if view.where.match != "all" else None),
            *(("where", str(condition)) for condition in view.where.conditions),
            ("period", view.period if view.period != "all" else None),
            ("from", view.since if custom else None),
            ("to", view.until if custom else None),
            ("zone", view.zone if view.zone != "UTC" else None),
            ("search", view.search),
            ("limit", str(view.limit) if view.limit != LIMIT else None),
            ("at", view.at if relative else None),
            ("after", view.after),
            ("before", view.before),
        ]
        return urlencode([(name, value) for name, value in pairs if value], safe=":")

    @property
    def selection_query(self) -> str:
        """The query of the selection alone, without account, zone and cursor: what an export records."""
        zone = self.zone if self.period == "custom" else "UTC"
        return self.query(account=None, zone=zone, limit=LIMIT, at="", after=None, before=None)

    def first_page(self, **changes: Any) -> View:
        """The first page of this view with changes. Cursors are valid for one selection only."""
        return replace(self, **{"after": None, "before": None, "at": "", **changes})

    def next_page(self, cursor: str, now: datetime) -> View:
        """The older page, with the range as of `now` unless it is fixed already."""
        return replace(self, after=cursor, before=None, at=self._reference_time(now))

    def previous_page(self, cursor: str, now: datetime) -> View:
        """The newer page, with the range like `next_page`."""
        return replace(self, after=None, before=cursor, at=self._reference_time(now))

    def _reference_time(self, now: datetime) -> str:
        return self.at or now.astimezone(UTC).isoformat(timespec="seconds")

    @property
    def is_first(self) -> bool:
        """Whether this is the first page."""
        return not (self.after or self.before)

    @property
    def needs_scan(self) -> bool:
        """Whether entries may have to be scanned for this view, which makes counting them slow."""
        return bool(self.search) or self.where.needs_scan

    @property
    def target(self) -> str:
        """The target, such as `model:m-17`, if entries about it are the only condition; else empty."""
        conditions = self.where.conditions
        is_history = [(each.field, each.operator) for each in conditions] == [("target", "is")]
        return conditions[0].value if is_history else ""

    @property
    def relative(self) -> bool:
        """Whether the period ends now."""
        return self.period in _LENGTHS

    @property
    def is_narrowed(self) -> bool:
        """Whether the view leaves any entries out."""
        return bool(self.where.conditions or self.period != "all" or self.search)

    def bounds(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """The start and the end of the range; the end is not included. Raises `FilterError`."""
        if self.period not in PERIODS:
            raise FilterError(
                f"period: expected one of {', '.join(PERIODS)}, got {truncate(repr(self.period), 80)}"
            )
        zone, at = _zone(self.zone), _moment(self.at)
        if self.period in _LENGTHS:
            return (at or now.replace(microsecond=0)) - _LENGTHS[self.period], None
        if self.period == "all":
            return None, None
        return time_range(self.since or None, self.until or None, zone, names=("from", "to"))

    def input_value(self, name: Literal["from", "to"]) -> str:
        """The start or the end of a custom range as an input of the type datetime-local holds it.

        As the end, it is the last minute of the range, unless the range ends within a minute.
        """
        since, until = self.bounds(datetime.now(UTC)) if self.period == "custom" else (None, None)
        moment = since if name == "from" else until
        if moment is None or not 1970 <= moment.year < 9999:
            return ""
        local = moment.astimezone(_zone(self.zone))
        if local.second or local.microsecond:
            return f"{local:%Y-%m-%dT%H:%M:%S}"
        return f"{local - timedelta(minutes=name == 'to'):%Y-%m-%dT%H:%M}"

    def selection(self, now: datetime) -> FilteredSelection:
        """The arguments for the functions of `AccountLog`."""
        since, until = self.bounds(now)
        return {"where": self.where, "since": since, "until": until, "search": self.search or None}

    def local(self, moment: datetime) -> str:
        """A time in the view's zone, to the second."""
        return f"{moment.astimezone(_zone(self.zone)):%Y-%m-%d %H:%M:%S}"

    def offset(self, moment: datetime) -> str:
        """The zone's offset from UTC at a time: `UTC+02:00`."""
        text = moment.astimezone(_zone(self.zone)).strftime("%z")
        return "UTC" if text == "+0000" else f"UTC{text[:3]}:{text[3:5]}"


def zones() -> Iterator[tuple[str, list[str]]]:
    """The selectable time zones by region (IANA Time Zone Database)."""
    regions: dict[str, list[str]] = {}
    for name in sorted(available_timezones()):
        region, slash, _ = name.partition("/")
        if slash and region not in ("Etc", "SystemV", "US"):
            regions.setdefault(region, []).append(name)
    yield from regions.items()


def _limit(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= MAX_PAGE:
        raise FilterError(f"limit: expected 1 to {MAX_PAGE}, got {truncate(repr(text), 80)}")
    return int(text)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        nearest = did_you_mean(name, available_timezones()) if len(name) < 50 else ""
        raise FilterError(
            f"zone: expected a time zone such as Europe/Berlin, got {truncate(repr(name), 80)}{nearest}"
        ) from None


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None or not 1971 <= moment.year < 9999:
        raise FilterError(
            f"at: expected a time such as 2026-01-31T09:30:00+00:00, got {truncate(repr(text), 80)}"
        )
    return moment
