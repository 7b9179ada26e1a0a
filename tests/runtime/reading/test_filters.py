"""Filters: parsed, formatted, refused; their results compared with a brute-force read."""

import io
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.databases import Database, insert_row, open_log
from tests.support.sample_events import (
    ADDED,
    DEPLOYED,
    KEY_CREATED,
    LONG_AGO,
    any_text,
    event_of,
    make_catalog,
    record,
)

from auditwright import AccountLog, Actor, AuditLog, Catalog, Condition, Entry, Filter, FilterError
from auditwright.entry import columns
from auditwright.ids import make_id, to_microseconds
from auditwright.storage import scan
from auditwright.storage.postgresql import queries as postgresql_queries
from auditwright.storage.sqlite import engine as sqlite
from auditwright.storage.sqlite import queries as sqlite_queries

# --- reading and writing -------------------------------------------------------------------------

values = any_text(20, least=1, often=":&=")
operators = st.sampled_from(["is", "is_not"])
conditions = st.one_of(
    st.builds(Condition, st.sampled_from(["category", "event", "user", "on_behalf_of"]), operators, values),
    st.builds(Condition, st.just("outcome"), operators, st.sampled_from(["success", "failure"])),
    st.builds(Condition, st.just("target"), operators, values.map("model:{}".format)),
)
filters = st.builds(Filter, st.sampled_from(["all", "any"]), st.lists(conditions, max_size=20).map(tuple))


@given(filters)
def test_a_filter_comes_back_from_its_json_form(where: Filter) -> None:
    assert Filter.from_json(where.to_json()) == where


@given(filters)
def test_a_filter_comes_back_from_its_query(where: Filter) -> None:
    assert Filter.from_query(where.to_query()) == where


@given(filters)
def test_a_filter_comes_back_from_its_short_form(where: Filter) -> None:
    assert Filter.parse(map(str, where.conditions), match=where.match) == where


@given(filters, filters)
def test_filters_have_the_same_identity_only_when_they_are_equal(one: Filter, other: Filter) -> None:
    assert (one.identity() == other.identity()) == (one == other)


def test_json_is_read_from_text_bytes_and_mappings() -> None:
    text = '{"match":"any","conditions":[{"field":"user","operator":"is_not","value":"u:17"}]}'
    wanted = Filter("any", (Condition("user", "is_not", "u:17"),))
    assert Filter.from_json(text) == Filter.from_json(text.encode()) == wanted
    assert Filter.from_json("{}") == Filter()


def test_a_query_is_written_as_the_design_says() -> None:
    query = "match=any&where=category:is:account.models&where=user:is_not:u-17"
    where = Filter.from_query(query)
    assert where == Filter.parse(["category:is:account.models", "user:is_not:u-17"], match="any")
    assert where.to_query() == query.replace(":", "%3A")
    assert Filter().to_query() == ""


# --- refused -------------------------------------------------------------------------------------

MANY = ["user:is:u"] * 21


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Filter.parse(["user"]),
            "a condition is written field:operator:value, such as category:is:account.models, not 'user'",
        ),
        (
            lambda: Filter.parse(["user:is"]),
            "a condition is written field:operator:value, such as category:is:account.models, not 'user:is'",
        ),
        (
            lambda: Filter.parse(["usr:is:u-17"]),
            "a condition's field is one of category, event, user, on_behalf_of, outcome, target, "
            "not 'usr'; did you mean \"user\"?",
        ),
        (
            lambda: Filter.parse(["outcome:is:failed"]),
            "the value of outcome is is one of success, failure, not 'failed'; did you mean \"failure\"?",
        ),
        *(
            (
                partial(Filter.parse, [f"target:is:{value}"]),
                "a target is written TYPE:ID, such as model:m-17, with an id of 1 to 256 characters, "
                f"not {value!r}",
            )
            for value in ("m-17", "model:", "Model:m-17", ":m-17", "", "model :m")
        ),
        (
            lambda: Filter.parse(["user:isnt:u-17"]),
            "a condition's operator is one of is, is_not, not 'isnt'; did you mean \"is_not\"?",
        ),
        (lambda: Filter.parse(["user:is:"]), "the value of user is is a string of 1 to 256 characters"),
        (
            lambda: Filter.parse([f"user:is:{'u' * 257}"]),
            "the value of user is is a string of 1 to 256 characters",
        ),
        (
            lambda: Filter.parse([], match="some"),
            "match is one of all, any, not 'some'",
        ),
        (lambda: Filter.parse([], match="al"), "match is one of all, any, not 'al'; did you mean \"all\"?"),
        (lambda: Filter.parse(MANY), "a filter has at most 20 conditions, not 21"),
        (lambda: Filter.from_json("[]"), "a filter is a JSON object, not list"),
        (lambda: Filter.from_json({"conditions": {}}), "a filter's conditions are a list"),
        (
            lambda: Filter.from_json({"conditions": ["user:is:u"]}),
            "a condition is an object with field, operator and value",
        ),
        (
            lambda: Filter.from_json({"conditons": []}),
            "a filter has match and conditions, not 'conditons'; did you mean \"conditions\"?",
        ),
        (
            lambda: Filter.from_json(
                {"conditions": [{"field": "user", "operator": "is", "value": "u", "match": "any"}]}
            ),
            "a condition has field and operator and value, not 'match'",
        ),
        (
            lambda: Filter.from_json({"conditions": [{"field": "user", "operator": "is"}]}),
            "the value of user is is a string of 1 to 256 characters",
        ),
        (
            lambda: Filter.from_json({"conditions": [{"field": "user", "operator": "is", "value": 17}]}),
            "the value of user is is a string of 1 to 256 characters",
        ),
        (
            lambda: Filter.from_json({"conditions": [{"field": ["user"], "operator": "is", "value": "u"}]}),
            "a condition's field is one of category, event, user, on_behalf_of, outcome, target, not list",
        ),
        (lambda: Filter.from_json({"match": None}), "match is one of all, any, not None"),
        (
            lambda: Filter.from_query("match=all&match=any"),
            "match is given once: all or any holds for the whole set",
        ),
        (lambda: Filter.from_query("match="), "match is one of all, any, not ''"),
        (
            lambda: Filter.from_query("were=user:is:u"),
            "a filter's query has match and where, not 'were'; did you mean \"where\"?",
        ),
        (
            lambda: Filter.from_query("&".join(f"where={each}" for each in MANY)),
            "a filter has at most 20 conditions, not 21",
        ),
        (
            lambda: Filter.from_query("&".join("where=user:is:u" for _ in range(1000))),
            "a filter has at most 20 conditions",
        ),
    ],
)
def test_invalid_filter_is_refused_with_the_choices(make: Callable[[], Filter], message: str) -> None:
    with pytest.raises(FilterError) as caught:
        make()
    assert str(caught.value) == message


def test_invalid_json_is_not_a_filter() -> None:
    with pytest.raises(FilterError, match=r"^a filter is a JSON object, not invalid JSON: "):
        Filter.from_json('{"conditions":')


def test_an_unknown_category_is_refused_with_the_nearest_and_all(log: AuditLog, acme: AccountLog) -> None:
    with pytest.raises(FilterError) as caught:
        acme.entries(Filter.parse(["category:is:account.modles"]))
    assert str(caught.value) == (
        '"account.modles" is not a category; did you mean "account.models"? '
        f"(there are {', '.join(category.key for category in log.catalog.every_category)})"
    )


def test_an_unknown_event_is_refused_with_the_nearest(acme: AccountLog) -> None:
    with pytest.raises(FilterError) as caught:
        acme.entries(Filter.parse(["event:is_not:account.models.model_aded"]))
    assert str(caught.value) == (
        '"account.models.model_aded" is not an event of audit_events 1.1.0; did you mean '
        '"account.models.model_added"? (`auditwright events` lists all)'
    )


def test_event_of_another_account_is_unknown(log: AuditLog, acme: AccountLog, database: Database) -> None:
    insert_row(database, log.catalog, event="account.gone.thing_done", account_id="other")
    where = Filter.parse(["event:is:account.gone.thing_done"])
    with pytest.raises(FilterError):
        acme.entries(where)
    assert len(log.account("other").entries(where).entries) == 1


@pytest.mark.parametrize("limit", [0, -1, 1001, "5", None, 2.0])
def test_a_limit_out_of_bounds_is_refused(acme: AccountLog, limit: Any) -> None:
    with pytest.raises(FilterError) as caught:
        acme.entries(limit=limit)
    assert str(caught.value) == f"limit is 1 to 1000, not {limit!r}"


def test_times_need_a_zone(acme: AccountLog) -> None:
    with pytest.raises(FilterError) as caught:
        acme.entries(since=datetime(2026, 1, 2))
    assert str(caught.value) == "since needs a time zone: write 2026-01-02T03:04:05Z"
    with pytest.raises(FilterError, match="until needs a time zone"):
        acme.count(until=datetime(2026, 1, 2))


# --- what is found -------------------------------------------------------------------------------


def test_sanitized_user_is_found_by_the_given_id(log: AuditLog, acme: AccountLog) -> None:
    for bad in ("u\0", "u\ud800"):
        entry = record(log, KEY_CREATED, actor=Actor.user(bad))
        assert entry in acme.entries(Filter("all", (Condition("user", "is", bad),))).entries


def test_is_not_a_user_holds_for_the_system(log: AuditLog, acme: AccountLog) -> None:
    entry = record(log, KEY_CREATED, actor=Actor.system())
    record(log, KEY_CREATED)
    assert acme.entries(Filter.parse(["user:is_not:u-17"])).entries == (entry,)


def test_an_app_and_a_user_are_found_by_id(log: AuditLog, acme: AccountLog) -> None:
    record(log, KEY_CREATED, actor=Actor.app("x"))
    record(log, KEY_CREATED, actor=Actor.user("x"))
    assert acme.count(Filter.parse(["user:is:x"])) == 2


def test_a_range_of_time_has_its_start_and_not_its_end(log: AuditLog, acme: AccountLog) -> None:
    step = timedelta(microseconds=1)
    entries = [record(log, KEY_CREATED, occurred_at=LONG_AGO + number * step) for number in range(4)]
    found = acme.entries(since=LONG_AGO + step, until=LONG_AGO + 3 * step)
    assert found.entries == (entries[2], entries[1])
    assert acme.count(since=LONG_AGO + step) == 3
    assert acme.count(until=LONG_AGO) == 0
    assert acme.count(since=datetime.min.replace(tzinfo=UTC), until=datetime.max.replace(tzinfo=UTC)) == 4


def test_filter_may_need_more_branches_than_a_statement_has(log: AuditLog, acme: AccountLog) -> None:
    users = [f"u-{number}" for number in range(21)]
    keys = list(log.catalog.events)[:30]
    events = [
        {
            "event": key,
            "actor": {"type": "user", "id": user},
            "metadata": log.catalog.events[key].example,
        }
        for key, user in itertools.product(keys, users)
    ]
    log.record_many(events)
    where = Filter.parse([f"user:is:{user}" for user in users[:20]], match="any")
    assert len(where.branches(log.catalog, keys)) == 600
    wanted = [entry for entry in acme.all() if entry.actor.id != "u-20"]
    assert len(wanted) == 600
    assert list(acme.all(where)) == wanted
    assert acme.count(where) == 600
    found: list[Entry] = []
    after: str | None = None
    while True:
        page = acme.entries(where, limit=97, after=after)
        found += page.entries
        after = page.next
        if after is None:
            break
    assert found == wanted
    assert acme.entries(Filter.parse([f"user:is_not:{user}" for user in users[:20]])).entries == tuple(
        entry for entry in acme.all() if entry.actor.id == "u-20"
    )


# Brute force: each example writes to its own account, with entries of other catalogs.

ALIAS = "account.models.model_registered"
GONE = "account.gone.thing_done"
USERS = ["u-1", "u-2", "u-3", None]
KEYS = [
    ADDED,
    ALIAS,
    DEPLOYED,
    GONE,
    "account.gone.other_done",
    "account.models.model_forgotten",
    KEY_CREATED,
    "tool.guardrails.input_scanner_added",
]
CATEGORIES = ["account.models", "account.app_api_key", "tool.guardrails", "account.roles"]


@dataclass(frozen=True)
class World:
    log: AuditLog
    database: Database


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, lasting_database: Database) -> Iterator[World]:
    def edit(content: dict[str, Any]) -> None:
        event_of(content, ADDED)["aliases"] = [ALIAS]

    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        with open_log(lasting_database, make_catalog(folder, edit)) as log:
            yield World(log, lasting_database)


TEXTS = ["a llama", "an alpaca", "Alpaca and LLAMA"]
MODELS = ["m-1", "m:2", "m-3", 'm"4', "m-5"]
Happened = tuple[str, str | None, int, str, *tuple[Any, ...]]
"""Event, user, time, description; and by default nothing of: models, whether it failed, on whose behalf."""
one_event = st.tuples(
    st.sampled_from(KEYS),
    st.sampled_from(USERS),
    st.integers(0, 6),
    st.sampled_from(TEXTS),
    st.lists(st.sampled_from(MODELS[:3]), max_size=3) | st.sampled_from(MODELS[:4]),
    st.booleans(),
    st.sampled_from([None, None, "u-1", "u-5"]),
)
happened = st.lists(one_event, min_size=1, max_size=25)
counter = itertools.count()
MAX_PAGES = 1_000
"""More than the entries of an example: each page gets further by one entry at least."""


def write(world: World, account: str, events: Sequence[Happened]) -> None:
    names = [name for name, _, _ in columns(world.log.catalog)]
    start = to_microseconds(LONG_AGO)
    table = []
    for key, user, micros, text, *more in events:
        models, failed, on_behalf_of = more or ([], False, None)
        row: dict[str, Any] = dict.fromkeys(names) | {
            "account_id": account,
            "id": make_id(start + micros),
            "occurred_at": start + micros,
            "recorded_at": start,
            "level": key.partition(".")[0],
            # As recorded; a filter uses the current catalog.
            "category": "account.once",
            "event": key,
            "actor_type": "user" if user else "system",
            "actor_id": user,
            "description": text,
            "catalog_version": "0",
            "digest": bytes(32),
            "metadata": orjson.dumps({"model_id": models}).decode(),
            "outcome": "failure" if failed else "success",
            "on_behalf_of_type": "user" if on_behalf_of else None,
            "on_behalf_of_id": on_behalf_of,
        }
        table.append(row)
    world.database.insert(*table)


def holds(catalog: Catalog, entry: Entry, condition: Condition) -> bool:
    event = catalog.event(entry.event)
    equal = {
        "user": entry.actor.id == condition.value,
        "event": entry.event == condition.value
        or (event is not None and event.key == catalog.current.get(condition.value)),
        # A removed event belongs to the category in its key.
        "category": (event.category if event else entry.event.rpartition(".")[0]) == condition.value,
        "outcome": entry.outcome == condition.value,
        "on_behalf_of": entry.on_behalf_of is not None and entry.on_behalf_of.id == condition.value,
        "target": entry.event in (ADDED, ALIAS, DEPLOYED)
        and condition.value.removeprefix("model:")
        in ([models] if isinstance(models := entry.metadata["model_id"], str) else models),
    }[condition.field]
    return equal == (condition.operator == "is")


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Happened], Filter, int | None, int | None]:
    events = draw(happened)
    known = sorted({key for key, *_ in events} | {ADDED, ALIAS, DEPLOYED, KEY_CREATED})
    one = st.one_of(
        st.tuples(st.just("category"), st.sampled_from(CATEGORIES)),
        st.tuples(st.just("event"), st.sampled_from(known)),
        st.tuples(st.just("user"), st.sampled_from(["u-1", "u-2", "u-3", "u-4"])),
        st.tuples(st.just("on_behalf_of"), st.sampled_from(["u-1", "u-4", "u-5"])),
        st.tuples(st.just("outcome"), st.sampled_from(["success", "failure"])),
        st.tuples(st.just("target"), st.sampled_from([f"model:{model}" for model in MODELS])),
        st.tuples(st.just("target"), st.sampled_from(["model:m-1", "model:m:2"])),
    )
    condition = st.tuples(one, operators).map(
        lambda made: Condition.parse(f"{made[0][0]}:{made[1]}:{made[0][1]}")
    )
    where = Filter(draw(st.sampled_from(["all", "any"])), tuple(draw(st.lists(condition, max_size=4))))
    bound = st.none() | st.integers(0, 7)
    low, high = draw(bound), draw(bound)
    if low is not None and high is not None:
        low, high = sorted((low, high))  # a reversed range is refused
    return events, where, low, high


@given(worlds(), st.sampled_from([None, None, "llama", "ALPACA"]), st.integers(0, 2**32))
@settings(max_examples=examples(150))
def test_pages_equal_a_brute_force_reading(
    world: World,
    made: tuple[list[Happened], Filter, int | None, int | None],
    search: str | None,
    seed: int,
) -> None:
    # Random ids change the number of pages; drawing must not depend on it.
    dice = random.Random(seed)
    events, where, low, high = made
    number = next(counter)
    account = f"a-{number}"
    write(world, f"other-{number}", [(DEPLOYED, "u-1", 1, TEXTS[2]), (GONE, None, 2, TEXTS[2])])
    write(world, account, events)
    log = world.log.account(account)
    micro = timedelta(microseconds=1)
    since = LONG_AGO + low * micro if low is not None else None
    until = LONG_AGO + high * micro if high is not None else None
    narrowed: dict[str, Any] = {"since": since, "until": until, "search": search}

    def fitting() -> list[Entry]:
        combine = all if where.match == "all" or not where.conditions else any
        return [
            entry
            for entry in log.all()
            if combine(holds(world.log.catalog, entry, condition) for condition in where.conditions)
            and (since is None or entry.occurred_at >= since)
            and (until is None or entry.occurred_at < until)
            and (search is None or search.casefold() in entry.description.casefold())
        ]

    everything = list(log.all())
    assert len(everything) == len(events)
    assert [entry.id for entry in everything] == sorted((entry.id for entry in everything), reverse=True)
    wanted = fitting()
    assert list(log.all(where, **narrowed)) == wanted
    told: list[tuple[int, float]] = []
    assert log.count(where, **narrowed) == len(wanted)
    assert log.count(where, **narrowed, progress=lambda *done: told.append(done)) == len(wanted)
    assert told[-1] == (len(wanted), 1.0)

    with limits(dice.choice([1, 2, 3, 1000])):
        most = dice.randint(1, 10)
        counted = log.count_up_to(most, where, **narrowed)
        assert counted.entries <= min(most, len(wanted))
        if not counted.whole:  # ended at the limit or the scan budget
            looked_for = search is not None or where.needs_scan
            assert looked_for or (counted.entries == most < len(wanted))
        else:
            assert counted.entries == len(wanted)

        found: list[Entry] = []
        page = log.entries(where, limit=most, **narrowed)
        assert page.previous is None
        for _ in range(MAX_PAGES):
            assert len(page.entries) == most or page.next is None or page.scanned_to is not None
            found += page.entries
            if page.next is None:
                break
            if dice.random() < 0.5:
                # Newer than the entries read so far: on no older page.
                write(world, account, [(DEPLOYED, "u-2", 8, TEXTS[0])])
            most = dice.randint(1, 6)
            page = log.entries(where, limit=most, after=page.next, **narrowed)
            assert page.previous is not None
        assert page.next is None, "the pages do not end"
        assert found == wanted

        back = list(page.entries)
        for _ in range(MAX_PAGES):
            if page.previous is None:
                break
            if dice.random() < 0.5:
                # At its own time: on one of the newer pages to come, or on none.
                write(world, account, [(DEPLOYED, "u-2", 0, TEXTS[1])])
            most = dice.randint(1, 6)
            page = log.entries(where, limit=most, before=page.previous, **narrowed)
            assert len(page.entries) == most or page.previous is None or page.scanned_to is not None
            back[:0] = page.entries
        assert page.previous is None, "the pages do not end"
    now = fitting()
    passed = [entry for entry in now if entry not in back]
    assert [entry for entry in now if entry in back] == back
    assert not set(passed) & set(wanted)


@contextmanager
def limits(entries: int) -> Iterator[None]:
    """Lower the scan budget, the batch sizes and the branches of a statement."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "SCAN_BUDGET", entries)
        patch.setattr(scan, "SCATTERED_SCAN_BUDGET", entries)
        patch.setattr(sqlite_queries, "MAX_BRANCHES", min(entries, 400))
        patch.setattr(sqlite, "MANY_BRANCHES", entries)
        patch.setattr(sqlite_queries, "FEW_ENTRIES", entries)
        for name in ("FEW_BRANCHES", "FEW_ENTRIES", "OF_EACH"):
            patch.setattr(postgresql_queries, name, entries)
        yield


@pytest.mark.parametrize("budget", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "where",
    [
        # Of an event there are two branches, its failures and the others: both scan each failure.
        Filter.parse(["target:is_not:model:m-1", "outcome:is:success"], match="any"),
        # Each entry is looked up in the table of targets, which costs more than the budget.
        Filter.parse(["target:is_not:model:m-1", "user:is_not:u-4"]),
    ],
    ids=["two branches of an event", "looked up"],
)
def test_pages_of_the_smallest_scans_have_all_entries(world: World, where: Filter, budget: int) -> None:
    account = f"a-{next(counter)}"
    write(
        world,
        account,
        [(key, "u-1", micro, "", "m-3", micro < 4, None) for micro, key in enumerate(2 * KEYS[:3])],
    )
    log = world.log.account(account)
    wanted = list(log.all(where))
    assert len(wanted) == 6
    with limits(budget):
        older = page = log.entries(where, limit=2)
        found = list(page.entries)
        while page.next is not None:
            page = log.entries(where, limit=2, after=page.next)
            assert page.next != older.next, "a page got no further"
            older = page
            found += page.entries
    assert found == wanted


def test_recent_and_old_entries_are_paged_in_order(world: World) -> None:
    account = f"a-{next(counter)}"
    day = 86_400_000_000
    days = [0, 1, 300, 366, 367, 368, 732, 733, 800, -5000, -366, -367, -1]
    write(world, account, [(DEPLOYED, "u-1", each * day, "") for each in days])
    log = world.log.account(account)
    where = Filter.parse(["event:is_not:account.models.model_deleted"])
    everything = list(log.all())
    assert len(everything) == len(days)
    for limit in (1, 2, 5, 13):
        pages = [log.entries(where, limit=limit)]
        while pages[-1].next is not None:
            pages.append(log.entries(where, limit=limit, after=pages[-1].next))
        assert [entry for page in pages for entry in page.entries] == everything
        for page, newer in zip(pages[:0:-1], pages[-2::-1], strict=True):
            assert log.entries(where, limit=limit, before=page.previous).entries == newer.entries


@pytest.mark.parametrize("wrong", [{}, "x", "", [], 5, False])
def test_invalid_filter_selects_nothing(log: AuditLog, wrong: Any) -> None:
    record(log, KEY_CREATED)
    acme = log.account("acme")
    calls: list[Callable[[], object]] = [
        lambda: acme.entries(wrong),
        lambda: list(acme.all(wrong)),
        lambda: acme.count(wrong),
        lambda: acme.export_csv(io.BytesIO(), wrong),
        lambda: acme.export_jsonl(io.BytesIO(), wrong),
    ]
    for call in calls:
        with pytest.raises(FilterError) as caught:
            call()
        assert (
            str(caught.value)
            == f"a filter is a Filter, not {type(wrong).__name__}; Filter.from_json makes one"
        )


# --- targets -------------------------------------------------------------------------------------


def test_the_history_of_an_object_has_its_entries(log: AuditLog, acme: AccountLog) -> None:
    entries = [
        record(log, key, {**log.catalog.events[key].example, "model_id": "m:17"}) for key in (ADDED, DEPLOYED)
    ]
    record(log, ADDED, {**log.catalog.events[ADDED].example, "model_id": "m"})
    page = acme.history("model", "m:17", limit=1)
    assert page.entries == (entries[1],)
    assert acme.history("model", "m:17", limit=1, after=page.next).entries == (entries[0],)
    assert acme.history("model", "m:17", Filter.parse([f"event:is:{ADDED}"])).entries == (entries[0],)
    assert acme.history("role", "m:17").entries == log.account("other").history("model", "m:17").entries == ()
    assert acme.targets("m:17") == ["model"]
    assert acme.targets("m:1") == acme.targets("") == log.account("other").targets("m:17") == []
