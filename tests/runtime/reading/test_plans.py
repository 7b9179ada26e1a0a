"""Pages of every shape of `tests/benchmarks/shapes.py`: entries, and work that does not grow with the log.

Plans and counted work are asserted, not times. The log is the small one of `tests/benchmarks/large.py`.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from functools import cache, partial
from itertools import count, product
from typing import Any

import orjson
import psycopg
import pytest
from tests.benchmarks.large import END, fill, rows
from tests.benchmarks.shapes import NO_FILTER, Shape, representatives, shapes
from tests.support.campaigns import PROFILE
from tests.support.databases import Database, PostgreSQLDatabase

from audit_events import CATALOG
from auditwright import AuditLog, Condition, Page
from auditwright.entry import METADATA, Row, columns
from auditwright.ids import to_microseconds
from auditwright.storage.layout import target_fields
from auditwright.storage.postgresql import pages as postgresql_pages
from auditwright.storage.postgresql.dsn import Connection, Dsn

SMALL, LARGE = "20k", "80k"
ACCOUNTS = {SMALL: 20_000, LARGE: 80_000}
LIMIT = 50
PAGES = 3

MAX_INSTRUCTIONS = 40_000
"""The instructions that SQLite may execute for a page: less than 2 ms."""
MAX_ROWS = 200 * LIMIT
"""The rows that PostgreSQL may read or sort for a page: some for each event of the catalog."""
MAX_BUFFERS = 20_000
"""The buffers that PostgreSQL may access for a page: some for each event in each of its partitions."""
MAX_SCANNED = 50_000
"""The entries that a page may scan."""
INSTRUCTIONS_PER_SCANNED_ENTRY = 60
GROWTH = 1.5
"""The factor by which a page may cost more in a log four times as large."""

Read = Callable[[Shape, str], Page]


# --- what pages find -------------------------------------------------------------------------------


class _AtTheEnd(datetime):
    """The time at which the log ends: a page looks at recent entries first, and these dates do not move."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> _AtTheEnd:
        return cls.fromtimestamp(END.timestamp(), tz)


@pytest.fixture(scope="module")
def filled(lasting_database: Database) -> Iterator[Database]:
    fill(lasting_database, ACCOUNTS, lambda _: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgresql_pages, "datetime", _AtTheEnd)
        # Otherwise one page a minute looks up events that are in no catalog, and costs more.
        patch.setattr(postgresql_pages, "UNREGISTERED_EVENTS_SECONDS", 3600)
        yield lasting_database


@pytest.fixture(scope="module")
def log(filled: Database) -> Iterator[AuditLog]:
    with AuditLog.open(filled.url, catalog=CATALOG) as log:
        yield log


@pytest.fixture(scope="module")
def chosen(filled: Database) -> list[Shape]:
    """All shapes, but a part of the pairs; for PostgreSQL a small one, because EXPLAIN is slow."""
    # A kind has 9 or 3 pairs, so that every eighth selects another pair of each kind.
    part = 8 if filled.engine == "postgresql" else 1 if PROFILE == "nightly" else 2
    return [each for number, each in enumerate(shapes()) if not each.is_pair or number % part == 0]


def test_first_pages_of_every_shape_equal_a_full_read(log: AuditLog, chosen: list[Shape]) -> None:
    wrong = {shape.name: each for shape in chosen for each in _differences(log, shape)}
    assert wrong == {}


def _differences(log: AuditLog, shape: Shape) -> Iterator[str]:
    """The differences of the first pages of a shape from a read in Python."""
    wanted = _wanted(shape, (PAGES + 1) * LIMIT)
    pages = [_read(log, shape, LARGE)]
    while pages[-1].next is not None and sum(len(page.entries) for page in pages) < PAGES * LIMIT:
        pages.append(_read(log, shape, LARGE, after=pages[-1].next))
    found = [entry.id.bytes for page in pages for entry in page.entries]
    if found != wanted[: len(found)] or len(found) < min(len(wanted), PAGES * LIMIT):
        yield f"{len(found)} entries on {len(pages)} pages are not the newest that fit"
    for page in pages:
        if page.next is not None and len(page.entries) < LIMIT and page.scanned_to is None:
            yield f"a page ends after {len(page.entries)} entries and does not say how far it scanned"
        if page.scanned_to is not None and any(each.occurred_at < page.scanned_to for each in page.entries):
            yield f"a page has entries from before {page.scanned_to}, to which it looked"
    if shape.bounded:
        if any(page.scanned_to is not None for page in pages) or len(pages) > PAGES:
            yield f"{len(found)} entries take {len(pages)} pages"
        if (pages[-1].next is None) != (len(wanted) <= PAGES * LIMIT):
            yield "the last page does not know whether it is the last"
        if (
            len(pages) > 1
            and _read(log, shape, LARGE, before=pages[-1].previous).entries != pages[-2].entries
        ):
            yield "the page before is another one than the page that was there"


def _read(
    log: AuditLog, shape: Shape, account: str, *, after: str | None = None, before: str | None = None
) -> Page:
    return log.account(account).entries(
        shape.where,
        limit=LIMIT,
        after=after,
        before=before,
        since=shape.since,
        until=shape.until,
        search=shape.search,
    )


def _wanted(shape: Shape, max_work: int) -> list[bytes]:
    """The ids of the newest matching entries."""
    conditions = [_holding(each) for each in shape.where.conditions]
    fitting = _every() if shape.where.match == "all" or shape.where == NO_FILTER else 0
    for each in conditions:
        fitting = fitting & each if shape.where.match == "all" else fitting | each
    fitting &= _narrowed(shape)
    found: list[bytes] = []
    while fitting and len(found) < max_work:
        lowest = fitting & -fitting
        found.append(_entries()[-lowest.bit_length()][1])
        fitting ^= lowest
    return found


@cache
def _entries() -> list[Row]:
    """All entries, oldest first, as recorded."""
    return sorted((row for batch in rows(LARGE, ACCOUNTS[LARGE]) for row in batch), key=lambda row: row[1])


_PLACES = {name: place for place, (name, _, _) in enumerate(columns(CATALOG))}


@cache
def _holding(condition: Condition) -> int:
    """A bit for each entry, the newest one lowest: whether the condition is true."""
    if condition.operator == "is_not":
        return _every() ^ _holding(replace(condition, operator="is"))
    value = condition.value
    if condition.field == "target":
        return int("".join(["1" if value in each else "0" for each in _targets()]), 2)
    columns = {"user": "actor_id", "on_behalf_of": "on_behalf_of_id"}
    column = _column(columns.get(condition.field, condition.field))
    return int("".join(["1" if each == value else "0" for each in column]), 2)


@cache
def _targets() -> list[list[str]]:
    """The targets of all entries, oldest first; no list of the sample catalog's examples has a model."""
    of_event: dict[str, list[tuple[str, str]]] = {}
    for event, name, kind in target_fields(CATALOG):
        of_event.setdefault(event, []).append((name, kind))
    place = _PLACES["event"]
    return [
        [f"{kind}:{metadata.get(name)}" for name, kind in of_event[row[place]]]
        if row[place] in of_event and (metadata := orjson.loads(row[METADATA]))
        else []
        for row in _entries()
    ]


@cache
def _column(name: str) -> list[Any]:
    """The values of all entries, oldest first."""
    place = _PLACES[name]
    return [row[place] for row in _entries()]


@cache
def _every() -> int:
    """A bit for each entry."""
    return (1 << len(_entries())) - 1


def _narrowed(shape: Shape) -> int:
    """A bit for each entry: whether it is in the time range and contains the text."""
    return _narrowed_by(
        None if shape.since is None else to_microseconds(shape.since),
        None if shape.until is None else to_microseconds(shape.until),
        (shape.search or "").lower(),
    )


@cache
def _narrowed_by(since: int | None, until: int | None, text: str) -> int:
    time, description = _PLACES["occurred_at"], _PLACES["description"]
    return _bits(
        lambda row: (
            (since is None or row[time] >= since)
            and (until is None or row[time] < until)
            and text in row[description].lower()
        )
    )


def _bits(holds: Callable[[Row], bool]) -> int:
    return int("".join("01"[holds(row)] for row in _entries()), 2)


# --- what pages cost -------------------------------------------------------------------------------


@dataclass
class Cost:
    """The cost of the statements of one page."""

    work: int
    """SQLite VM instructions, or buffers accessed by PostgreSQL."""
    plan: list[str] = field(default_factory=list)
    """The faults of the query plans."""


Measure = Callable[[Callable[[], Page]], Cost]
CostOf = Callable[[Shape, str, bool], Cost]
"""The cost of the newest page of a shape in an account, or of the page after it."""


@pytest.fixture(scope="module")
def cost_of(filled: Database, log: AuditLog) -> Iterator[CostOf]:
    watching = _sqlite if filled.engine == "sqlite" else _postgresql
    with watching(filled) as measure, AuditLog.open(filled.url, catalog=CATALOG) as watched:

        @cache
        def cost_of(shape: Shape, account: str, second: bool) -> Cost:
            after = _read(log, shape, account).next if second else None
            return measure(partial(_read, watched, shape, account, after=after))

        # The first statements of a connection also read the schema.
        for shape, account in product(representatives(), ACCOUNTS):
            measure(partial(_read, watched, shape, account))
        yield cost_of


@pytest.fixture(scope="module")
def max_work(filled: Database) -> int:
    """The work that a page may cost."""
    return MAX_INSTRUCTIONS if filled.engine == "sqlite" else MAX_BUFFERS


def test_no_page_needs_a_full_scan_or_a_sort(cost_of: CostOf, chosen: list[Shape]) -> None:
    wrong = {shape.name: plan for shape in chosen if (plan := cost_of(shape, LARGE, False).plan)}
    assert wrong == {}


def test_page_reads_few_index_entries(cost_of: CostOf, chosen: list[Shape], max_work: int) -> None:
    work = {shape.name: cost_of(shape, LARGE, False).work for shape in chosen if shape.bounded}
    assert {name: each for name, each in work.items() if each > max_work} == {}


def test_page_that_needs_a_scan_ends_at_the_scan_budget(
    cost_of: CostOf, chosen: list[Shape], filled: Database
) -> None:
    work = {shape.name: cost_of(shape, LARGE, False).work for shape in chosen if not shape.bounded}
    max_work = MAX_SCANNED * (INSTRUCTIONS_PER_SCANNED_ENTRY if filled.engine == "sqlite" else 1)
    assert {name: each for name, each in work.items() if each > max_work} == {}


def test_page_costs_the_same_in_a_log_four_times_as_large(
    cost_of: CostOf, chosen: list[Shape], max_work: int
) -> None:
    grown = {}
    for shape in filter(_is_bounded, chosen):
        small, large = (cost_of(shape, account, False).work for account in ACCOUNTS)
        if large > small * GROWTH + max_work // 10:
            grown[shape.name] = f"{small:,} became {large:,}"
    assert grown == {}


def test_the_page_after_is_no_more_work_than_the_newest(
    cost_of: CostOf, chosen: list[Shape], max_work: int
) -> None:
    grown = {}
    for shape in filter(_is_bounded, chosen):
        first, second = (cost_of(shape, LARGE, second).work for second in (False, True))
        if second > first * GROWTH + max_work // 10:
            grown[shape.name] = f"{first:,} became {second:,}"
    assert grown == {}


def _is_bounded(shape: Shape) -> bool:
    return shape.bounded


# --- SQLite ----------------------------------------------------------------------------------------

STEP = 100
"""VM instructions between two calls of the progress handler."""


class _Watched(sqlite3.Connection):
    """A connection that records its statements and their VM instructions."""

    noted: list[tuple[_Watched, str]] = []  # noqa: RUF012
    steps = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.set_trace_callback(self._note)
        self.set_progress_handler(self._step, STEP)

    def _note(self, statement: str) -> None:
        _Watched.noted.append((self, statement))

    def _step(self) -> int:
        _Watched.steps += 1
        return 0


@contextmanager
def _sqlite(database: Database) -> Iterator[Measure]:
    def measure(read: Callable[[], Page]) -> Cost:
        _Watched.noted, _Watched.steps = [], 0
        read()
        statements, work = _Watched.noted, _Watched.steps * STEP
        plan = [
            detail
            for connection, statement in statements
            if statement.lstrip().startswith(("SELECT", "WITH")) and "audit_entry" in statement
            for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]
        assert plan, "no statement was seen"
        return Cost(work, [each for each in dict.fromkeys(plan) if re.search(_WRONG, each)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=_Watched))
        yield measure


_WRONG = "SCAN audit_entry|USE TEMP B-TREE FOR ORDER BY"


# --- PostgreSQL ------------------------------------------------------------------------------------


class _Noting(psycopg.Cursor[tuple[Any, ...]]):
    """A cursor that records its statements."""

    noted: list[tuple[Any, Any]] = []  # noqa: RUF012

    def execute(self, query: Any, params: Any = None, **options: Any) -> _Noting:
        _Noting.noted.append((query, params))
        return super().execute(query, params, **options)


@contextmanager
def _postgresql(database: Database) -> Iterator[Measure]:
    assert isinstance(database, PostgreSQLDatabase)
    connect = Dsn.connect

    def noting(place: Dsn) -> Connection:
        connection = connect(place)
        connection.cursor_factory = _Noting
        return connection

    with database.connect() as connection, pytest.MonkeyPatch.context() as patch:

        def measure(read: Callable[[], Page]) -> Cost:
            _Noting.noted = []
            read()
            cost = Cost(0)
            for statement, values in _Noting.noted:
                if isinstance(statement, bytes) and b"audit_entry" in statement:
                    _add(cost, _explained(connection, statement, values))
                else:
                    connection.execute(statement, values)
            assert _Noting.noted, "no statement was seen"
            return cost

        patch.setattr(Dsn, "connect", noting)
        yield measure


def _explained(connection: Any, statement: bytes, values: Sequence[Any]) -> dict[str, Any]:
    """The generic plan of a statement, as used for the page."""
    numbers = count(1)
    prepared = re.sub(rb"%s", lambda _: b"$%d" % next(numbers), statement)
    connection.execute(b"PREPARE page AS " + prepared)
    execute = f"EXECUTE page({', '.join(['%s'] * len(values))})" if values else "EXECUTE page"
    cursor = psycopg.ClientCursor(connection)
    explain = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {execute}"
    (((explained,),),) = cursor.execute(explain.encode(), values).fetchall()
    connection.execute("DEALLOCATE page")
    plan: dict[str, Any] = explained["Plan"]
    return plan


def _add(cost: Cost, plan: dict[str, Any]) -> None:
    """Add the cost of a statement and the faults of its plan."""
    cost.work += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    read = 0
    for node in _nodes(plan):
        kind, table = node["Node Type"], node.get("Relation Name", "")
        if table.startswith("audit_entry"):
            read += round(_rows(node))
            if kind == "Seq Scan" and _rows(node):  # an empty month is not scanned
                cost.plan.append(f"{kind} of {table}")
        if kind.endswith("Sort") and (sorted_ := sum(map(_rows, node["Plans"]))) > MAX_ROWS:
            cost.plan.append(f"{kind} of {sorted_:,.0f} rows")
    if read > MAX_SCANNED:
        cost.plan.append(f"reads {read:,} rows")


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from _nodes(each)


def _rows(node: dict[str, Any]) -> float:
    """The rows that a plan node has read in all its loops."""
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float((node["Actual Rows"] + removed) * node["Actual Loops"])
