"""Two versions of a catalog on one database: each reads, filters, exports and types the entries of both.

Version 2 renames an event, moves one to another category, deprecates one and a field, adds events and fields
(one of them required), narrows a bound, adds a value; and against advice it removes an event and a field.
"""

# ruff: noqa: F401, F811 - fixtures of other modules are imported, and their names are arguments

import csv
import importlib
import io
import itertools
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.command_line import Auditwright, auditwright
from tests.support.processes import run_python
from tests.support.sample_events import (
    IMPORTED,
    any_text,
    change,
    event_of,
    insert_row,
    make_catalog,
    record,
    rows,
    without_imports,
)
from tests.support.shops import (
    ADA,
    ARCHIVED,
    CREATED,
    KEY,
    LOST,
    PAID,
    PLACED,
    RETURNED_1,
    RETURNED_2,
    SHIPPED,
    START,
    Shops,
    open_shop,
    record_each,
    record_example,
    shops,
)
from tests.support.web import Client, authorize

from auditwright import AccountLog, AuditLog, Catalog, Entry, Filter, FilterError
from auditwright.server import create_app

LATER = START + timedelta(hours=1)


@dataclass(frozen=True)
class Both:
    """A database with entries of both versions, and these entries, oldest first."""

    path: Path
    old: list[Entry]
    new: list[Entry]

    @property
    def all(self) -> list[Entry]:
        return self.old + self.new

    def where(self, *keys: str) -> list[Entry]:
        """The entries stored under these keys, newest first."""
        return [entry for entry in reversed(self.all) if entry.event in keys]


@pytest.fixture
def both(tmp_path: Path, shops: Shops) -> Both:
    path = tmp_path / "audit.db"
    with open_shop(path, shops.v1) as log:
        old = record_each(log)
    with open_shop(path, shops.v2) as log:
        new = record_each(log, LATER)
    return Both(path, old, new)


@pytest.fixture
def v2(both: Both, shops: Shops) -> Iterator[AuditLog]:
    with open_shop(both.path, shops.v2) as log:
        yield log


@pytest.fixture
def v1(both: Both, shops: Shops) -> Iterator[AuditLog]:
    with open_shop(both.path, shops.v1) as log:
        yield log


@pytest.fixture
def acme(v2: AuditLog) -> AccountLog:
    return v2.account("acme")


def stored(entry: Entry) -> tuple[Any, ...]:
    """All stored values of an entry; metadata as values, in columns or not."""
    return *entry.row[:12], entry.catalog_version, entry.digest, entry.alterations, entry.metadata


# --- version 2 reads what version 1 recorded --------------------------------------------------------


def test_every_entry_is_read_as_it_was_recorded(both: Both, acme: AccountLog) -> None:
    assert [stored(entry) for entry in acme.all()] == [stored(entry) for entry in reversed(both.all)]
    for entry in both.all:
        found = acme.get(entry.id)
        assert found is not None
        assert stored(found) == stored(entry)


def test_titles_are_current_and_keys_are_as_recorded(acme: AccountLog) -> None:
    assert [
        (each.event, each.event_title, each.category_title, each.catalog_version) for each in acme.all()
    ] == [
        (RETURNED_2, "Order returned", "Returns", "2.0.0"),
        (ARCHIVED, "Order archived", "Orders", "2.0.0"),
        (SHIPPED, "Order shipped", "Orders", "2.0.0"),
        (PAID, "Order paid", "Orders", "2.0.0"),
        (CREATED, "Order created", "Orders", "2.0.0"),
        (LOST, LOST, "Orders", "1.0.0"),
        (RETURNED_1, "Order returned", "Returns", "1.0.0"),
        (ARCHIVED, "Order archived", "Orders", "1.0.0"),
        (PAID, "Order paid", "Orders", "1.0.0"),
        (PLACED, "Order created", "Orders", "1.0.0"),
    ]


ORDERS = (PLACED, CREATED, PAID, SHIPPED, ARCHIVED, LOST)
EVERY = (*ORDERS, RETURNED_1, RETURNED_2)
FOUND = [
    ((f"event:is:{CREATED}",), (PLACED, CREATED)),
    ((f"event:is:{PLACED}",), (PLACED, CREATED)),
    ((f"event:is:{RETURNED_1}",), (RETURNED_1, RETURNED_2)),
    ((f"event:is:{PAID}",), (PAID,)),
    ((f"event:is:{ARCHIVED}",), (ARCHIVED,)),
    ((f"event:is:{LOST}",), (LOST,)),
    ((f"event:is_not:{PLACED}",), (PAID, SHIPPED, ARCHIVED, LOST, RETURNED_1, RETURNED_2)),
    ((f"event:is_not:{LOST}",), tuple(key for key in EVERY if key != LOST)),
    (("category:is:store.orders",), ORDERS),
    (("category:is:store.returns",), (RETURNED_1, RETURNED_2)),
    (("category:is_not:store.orders",), (RETURNED_1, RETURNED_2)),
    (("category:is_not:store.returns",), ORDERS),
    (("category:is:store.orders", f"event:is_not:{CREATED}"), (PAID, SHIPPED, ARCHIVED, LOST)),
    (("user:is:u-17",), EVERY),
    (("user:is_not:u-17",), ()),
    (("any", f"event:is:{PLACED}", f"event:is:{LOST}"), (PLACED, CREATED, LOST)),
    (("any", "category:is:store.returns", f"event:is:{PAID}"), (RETURNED_1, RETURNED_2, PAID)),
    (("any", "user:is:nobody", f"event:is_not:{RETURNED_2}"), ORDERS),
]


@pytest.mark.parametrize(("conditions", "keys"), FOUND, ids=lambda each: " ".join(each) if each else "none")
def test_filter_by_old_or_new_key_finds_all_entries(
    both: Both, acme: AccountLog, conditions: tuple[str, ...], keys: tuple[str, ...]
) -> None:
    match = "any" if conditions[0] == "any" else "all"
    where = Filter.parse([each for each in conditions if each != "any"], match)
    wanted = [stored(entry) for entry in both.where(*keys)]
    assert [stored(entry) for entry in acme.all(where)] == wanted
    assert acme.count(where) == len(wanted)
    page = acme.entries(where, limit=1)
    for entry in wanted:
        assert [stored(each) for each in page.entries] == [entry]
        page = acme.entries(where, limit=1, after=page.next) if page.next else page
    assert page.next is None


def test_unknown_filter_value_is_refused_with_the_choices(v2: AuditLog, acme: AccountLog) -> None:
    for wrong, said in (
        (
            f"event:is:{LOST}",
            f'"{LOST}" is not an event of shop_v2_events 2.0.0; did you mean "store.orders.order_placed"? '
            "(`auditwright events` lists all)",
        ),
        (
            "category:is:store.order",
            '"store.order" is not a category; did you mean "store.orders"? '
            "(there are store.orders, store.returns, audit.log, audit.setup)",
        ),
    ):
        with pytest.raises(FilterError) as caught:
            v2.account("globex").entries(Filter.parse([wrong]))
        assert str(caught.value) == said
    assert acme.count(Filter.parse([f"event:is:{LOST}"])) == 1


def test_search_finds_descriptions_as_recorded(both: Both, acme: AccountLog) -> None:
    found = acme.entries(search="PLACED order o-1").entries
    assert [stored(entry) for entry in found] == [stored(both.old[0])]
    assert acme.count(Filter.parse([f"event:is:{CREATED}"]), search="order o-") == 2


def test_the_users_of_both_are_found(both: Both, acme: AccountLog) -> None:
    assert acme.users("ada") == [ADA]


# --- typed -------------------------------------------------------------------------------------------


def test_old_entry_is_typed_without_validation(both: Both, acme: AccountLog) -> None:
    placed, paid, _, returned, lost = (acme.get(entry.id) for entry in both.old)
    assert placed is not None
    assert paid is not None
    assert returned is not None
    assert lost is not None
    orders = importlib.import_module("shop_v2_events.models.store.orders")
    typed: Any = placed.typed
    assert type(typed) is orders.OrderCreated
    assert typed.model_dump() == {
        "order_id": "o-1",
        "amount": 700,  # at most 500 in version 2
        "note": "By the door",
        "buyer": "ada@example.com",
        "region": None,
    }
    assert placed.metadata["coupon"] == "SPRING"
    typed = paid.typed
    assert type(typed) is orders.OrderPaid
    assert (typed.receipt_id, typed.loyalty, typed.method, typed.till) == (None, None, "card", "t-7")
    assert typed.card_token == KEY.fingerprint("not-a-real-token", account_id="acme", field="card_token")
    assert "card_token='**********'" in repr(typed)
    assert type(returned.typed).__module__ == "shop_v2_events.models.store.returns"
    with pytest.raises(LookupError) as caught:
        _ = lost.typed
    assert caught.value.args == (
        f'"{LOST}" is not an event of shop_v2_events 2.0.0; did you mean "store.orders.order_placed"?',
    )


def test_the_fields_of_a_typed_entry_are_read_without_a_warning(both: Both, acme: AccountLog) -> None:
    found: Any = acme.get(both.old[0].id)
    assert (found.typed.note, found.typed.amount) == ("By the door", 700)


# --- exports and imports -----------------------------------------------------------------------------

HEAD = "Date and Time (UTC),Event Name,Category,Description,User or App Name,IP Address"


def test_the_csv_has_the_titles_of_today(acme: AccountLog) -> None:
    file = io.BytesIO()
    assert acme.export_csv(file) == 10
    text = io.StringIO(file.getvalue().decode(), newline="")
    assert list(csv.reader(text)) == [
        HEAD.split(","),
        *(
            [f"2026-01-02 {time}.000", title, category, did, "Ada Lovelace", "203.0.113.7"]
            for time, title, category, did in (
                ("04:04:09", "Order returned", "Returns", "Ada Lovelace returned order o-2."),
                ("04:04:08", "Order archived", "Orders", "Ada Lovelace archived order o-2."),
                ("04:04:07", "Order shipped", "Orders", "Order o-2 left for south."),
                ("04:04:06", "Order paid", "Orders", "Ada Lovelace paid order o-2."),
                ("04:04:05", "Order created", "Orders", "Ada Lovelace created order o-2."),
                ("03:04:09", LOST, "Orders", "Ada Lovelace lost order o-1."),
                ("03:04:08", "Order returned", "Returns", "Ada Lovelace returned order o-1."),
                ("03:04:07", "Order archived", "Orders", "Ada Lovelace archived order o-1."),
                ("03:04:06", "Order paid", "Orders", "Ada Lovelace paid order o-1."),
                ("03:04:05", "Order created", "Orders", "Ada Lovelace placed order o-1."),
            )
        ),
    ]


def full_csv(log: AuditLog, *conditions: str) -> list[dict[str, str]]:
    file = io.BytesIO()
    log.account("acme").export_csv(file, Filter.parse(conditions), full=True)
    return list(csv.DictReader(io.StringIO(file.getvalue().decode(), newline="")))


def test_full_csv_has_old_keys_and_current_columns(v2: AuditLog) -> None:
    new, old = full_csv(v2, f"event:is:{PLACED}")
    assert [(each["Event Name"], each["Event Key"], each["Category Key"]) for each in (new, old)] == [
        ("Order created", CREATED, "store.orders"),
        ("Order created", PLACED, "store.orders"),
    ]
    assert [(each["Till"], each["Region"], json.loads(each["Metadata"])) for each in (new, old)] == [
        ("", "north", {"amount": 400, "order_id": "o-2"}),
        (
            *("", ""),
            {
                "amount": 700,
                "buyer": "ada@example.com",
                "coupon": "SPRING",
                "note": "By the door",
                "order_id": "o-1",
            },
        ),
    ]


def exported(log: AuditLog) -> list[bytes]:
    file = io.BytesIO()
    log.account("acme").export_jsonl(file)
    return file.getvalue().splitlines(keepends=True)


def imported(lines: list[bytes], path: Path, catalog: Catalog) -> tuple[AuditLog, list[tuple[int, str]]]:
    problems: list[tuple[int, str]] = []
    log = open_shop(path, catalog)
    log.import_jsonl(lines, lambda number, error: problems.append((number, str(error))))
    return log, problems


HINT = (
    "put the event back into the catalog with deprecated:, or its key among the aliases: of the event that "
    "took its place, and import again"
)


def test_import_equals_export_except_for_removed_events(both: Both, v2: AuditLog, tmp_path: Path) -> None:
    lines = exported(v2)
    other, problems = imported(lines, tmp_path / "other.db", v2.catalog)
    with other:
        assert problems == [
            (
                5,
                f"{LOST}: event: expected an event of shop_v2_events 2.0.0, or an alias of one, got one "
                f"that was recorded under 1.0.0; {HINT}",
            )
        ]
        names = (
            "account_id, id, occurred_at, recorded_at, level, category, event, description, till, region, "
        )
        names += "catalog_version, digest, metadata"
        others = f"'{LOST}', '{IMPORTED}', 'audit.setup.adopted'"
        select = f"SELECT {names} FROM audit_entry WHERE event NOT IN ({others}) ORDER BY id"
        assert rows(tmp_path / "other.db", select) == rows(both.path, select)
        assert without_imports(exported(other)) == [line for line in lines if LOST.encode() not in line]
        wanted = [entry.row for entry in v2.account("acme").all() if entry.event != LOST]
        assert [entry.row for entry in without_imports(other.account("acme").all())] == wanted
    again, problems = imported(lines, tmp_path / "other.db", v2.catalog)
    again.close()
    assert len(problems) == 1
    assert rows(tmp_path / "other.db", "SELECT count(*) FROM audit_entry") == [(9 + 1,)]


placed = st.fixed_dictionaries(
    {"order_id": any_text(20, least=1), "amount": st.integers(0, 1000)},
    optional={"note": any_text(), "coupon": any_text() | st.just("x" * 5000)},
)
paid = st.fixed_dictionaries(
    {
        "order_id": any_text(20, least=1),
        "method": st.just("card"),
        "till": any_text(),
        "card_token": any_text(),
    },
    optional={"paid_at": st.just("2026-01-02T03:04:05Z")},
)
recorded_lists = st.lists(st.tuples(st.just(PLACED), placed) | st.tuples(st.just(PAID), paid), max_size=5)
number = itertools.count()


@pytest.fixture(scope="module")
def logs(
    tmp_path_factory: pytest.TempPathFactory, shops: Shops
) -> Iterator[tuple[AuditLog, AuditLog, AuditLog]]:
    """The log of version 1, the same under version 2, and another one of version 2."""
    folder = tmp_path_factory.mktemp("logs")
    with (
        open_shop(folder / "a.db", shops.v1) as old,
        open_shop(folder / "a.db", shops.v2) as new,
        open_shop(folder / "b.db", shops.v2) as other,
    ):
        yield old, new, other


@given(recorded_lists)
@settings(max_examples=examples(50))
def test_export_keeps_all_entries_of_version_1(
    logs: tuple[AuditLog, AuditLog, AuditLog], events: list[tuple[str, dict[str, Any]]]
) -> None:
    old, new, other = logs
    account = f"a-{next(number)}"
    for key, values in events:
        old.record_event(key, values, {"actor": ADA, "account_id": account})
    file = io.BytesIO()
    new.account(account).export_jsonl(file)
    problems: list[str] = []
    other.import_jsonl(file.getvalue().splitlines(), lambda _, error: problems.append(str(error)))
    assert problems == []
    assert without_imports(other.account(account).all()) == list(new.account(account).all())
    assert other.account(account).count() == len(events) + bool(events)  # the record of the import
    assert all(
        entry.typed.event_key() in (CREATED, PAID) for entry in without_imports(other.account(account).all())
    )


def test_version_1_imports_known_entries_of_version_2(both: Both, v2: AuditLog, v1: AuditLog) -> None:
    other, problems = imported(exported(v2), both.path.with_name("other.db"), v1.catalog)
    with other:
        assert [(number, text.partition(":")[0]) for number, text in problems] == [
            (6, CREATED),
            (8, SHIPPED),
            (10, RETURNED_2),
        ]
        kept = {entry.id: stored(entry) for entry in v2.account("acme").all()}
        found = without_imports(other.account("acme").all())
        assert len(found) == 7
        for entry in found:
            assert stored(entry) == kept[entry.id]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"metadata": {"amount": None}},
            "metadata.amount: expected a value that a log can have stored, got null",
        ),
        (
            {"metadata": {"amount": {"a": "b\0"}}},
            "metadata.amount: expected a value that a log can have stored, got an object",
        ),
        (
            {"metadata": {"amount": [[{"b\0": 1}]]}},
            "metadata.amount: expected a value that a log can have stored, got a list",
        ),
        (
            {"metadata": {"note": "x" * 4097}},
            "metadata.note: expected a value that a log can have stored, got a string",
        ),
        (
            {"metadata": {"note": "a\0b"}},
            "metadata.note: expected a value that a log can have stored, got a string",
        ),
        (
            {"metadata": {"amount": 2**53}},
            "metadata.amount: expected a value that a log can have stored, got an integer",
        ),
        (
            {"metadata": {"region": ["north"]}},
            "metadata.region: expected a string, as it is stored today, got a list",
        ),
        (
            {"metadata": {"region": 5}},
            "metadata.region: expected a string, as it is stored today, got an integer",
        ),
        ({"metadata": {"No te": "x"}}, "metadata.No te: expected the name of a field, got another text"),
        (
            {"metadata": {f"n_{number}": "x" * 4000 for number in range(9)}},
            "metadata: expected at most 32,768 bytes of JSON, got more",
        ),
        ({"metadata": []}, "metadata: expected an object, got a list"),
        ({"ip_address": "here"}, "ip_address: expected an IP address, got a string"),
    ],
    ids=lambda each: each.partition(":")[0] if isinstance(each, str) else "",
)
def test_unstorable_metadata_is_refused_for_every_version(
    both: Both, v2: AuditLog, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    form = json.loads(exported(v2)[0]) | changes
    other, problems = imported([json.dumps(form).encode()], tmp_path / "other.db", v2.catalog)
    with other:
        assert [text.splitlines()[0] for _, text in problems] == [f"{CREATED}: {said}"]
        assert other.account("acme").count() == 0


def test_lines_of_the_current_or_no_version_are_validated(v2: AuditLog, tmp_path: Path) -> None:
    form = json.loads(exported(v2)[0])
    lines = [json.dumps(form | {"catalog_version": "2.0.0"}).encode()]
    del form["catalog_version"]
    lines.append(json.dumps(form).encode())
    other, problems = imported(lines, tmp_path / "other.db", v2.catalog)
    with other:
        wanted = (
            f"{CREATED}: 2 problems\n"
            "  metadata.coupon: expected one of order_id, amount, note, buyer, region, got an unknown field\n"
            "  metadata.amount: expected an integer of at least 0 and at most 500, got 700"
        )
        assert [sorted(text.splitlines()) for _, text in problems] == [sorted(wanted.splitlines())] * 2


def test_secret_of_another_version_is_never_stored_plain(v2: AuditLog, tmp_path: Path) -> None:
    form = json.loads(exported(v2)[1])
    lines = []
    for token in ("plain", 4711):
        form["metadata"]["card_token"] = token
        lines.append(json.dumps(form).encode())
    other, problems = imported(lines, tmp_path / "other.db", v2.catalog)
    with other:
        assert problems == [
            (2, f"{PAID}: metadata.card_token: expected a string, as it is stored today, got an integer")
        ]
        (entry,) = without_imports(other.account("acme").all())
        assert entry.metadata["card_token"] == KEY.fingerprint("plain", account_id="acme", field="card_token")


# --- views and reference tables ----------------------------------------------------------------------

VIEWS = """
import importlib, json, sys
from sqlmodel import Session, create_engine, select
package, path, *views = sys.argv[1:]
engine = create_engine(f"sqlite:///{path}")
found = {}
with Session(engine) as session:
    for view in views:
        module, _, name = view.rpartition(".")
        table = getattr(importlib.import_module(f"{package}.tables.{module}"), name)
        columns = [each.name for each in table.__table__.columns]
        own = columns[columns.index("catalog_version"):]
        found[name] = [
            {each: getattr(row, each) for each in ["event", *own]}
            for row in session.exec(select(table).order_by(table.id))
        ]
engine.dispose()
print(json.dumps(found, default=str))
"""


def views(shops: Shops, number: int, path: Path, *names: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of each view class of a version, read by a process that imports only that version."""
    search = os.pathsep.join([str(shops.folders[number - 1]), *sys.path])
    made = run_python(
        VIEWS, f"shop_v{number}_events", str(path), *names, env={**os.environ, "PYTHONPATH": search}
    )
    found: dict[str, list[dict[str, Any]]] = json.loads(made)
    return found


def test_the_views_of_version_2_show_the_entries_of_both(both: Both, shops: Shops) -> None:
    names = ("store.orders.OrderCreated", "store.orders.OrderPaid", "store.returns.OrderReturned")
    token = KEY.fingerprint("not-a-real-token", account_id="acme", field="card_token")
    assert views(shops, 2, both.path, *names) == {
        "OrderCreated": [
            {
                **{"event": PLACED, "catalog_version": "1.0.0", "order_id": "o-1", "amount": 700},
                **{"note": "By the door", "buyer": "ada@example.com", "region": None},
            },
            {
                **{"event": CREATED, "catalog_version": "2.0.0", "order_id": "o-2", "amount": 400},
                **{"note": None, "buyer": None, "region": "north"},
            },
        ],
        "OrderPaid": [
            {
                **{"event": PAID, "catalog_version": "1.0.0", "order_id": "o-1", "method": "card"},
                **{"till": "t-7", "card_token": token, "paid_at": "2026-01-02 03:04:05+00:00"},
                **{"receipt_id": None, "loyalty": None},
            },
            {
                **{"event": PAID, "catalog_version": "2.0.0", "order_id": "o-2", "method": "voucher"},
                **{"till": "t-8", "card_token": None, "paid_at": None, "receipt_id": "r-1", "loyalty": 12},
            },
        ],
        "OrderReturned": [
            {"event": RETURNED_1, "catalog_version": "1.0.0", "order_id": "o-1", "amount": 20},
            {"event": RETURNED_2, "catalog_version": "2.0.0", "order_id": "o-2", "amount": 30},
        ],
    }


def test_version_1_keeps_its_views_beside_those_of_version_2(both: Both, shops: Shops) -> None:
    names = ("store.orders.OrderPlaced", "store.orders.OrderLost", "store.orders.OrderPaid")
    with open_shop(both.path, shops.v1) as log:
        record_example(log, PLACED, LATER + timedelta(hours=1), order_id="o-3")
    found = views(shops, 1, both.path, *names)
    assert [row["order_id"] for row in found["OrderPlaced"]] == ["o-1", "o-3"]
    assert [row["order_id"] for row in found["OrderLost"]] == ["o-1"]
    assert [row["method"] for row in found["OrderPaid"]] == ["card", "voucher"]
    assert [
        row["order_id"] for row in views(shops, 2, both.path, "store.orders.OrderCreated")["OrderCreated"]
    ] == [
        "o-1",
        "o-2",
        "o-3",
    ]


def test_version_1_adds_its_views_to_a_database_of_version_2(tmp_path: Path, shops: Shops) -> None:
    path = tmp_path / "audit.db"
    schema = "SELECT name, sql FROM sqlite_schema ORDER BY name"
    events = "SELECT * FROM audit_event ORDER BY key"
    with open_shop(path, shops.v2) as log:
        record_example(log, PAID, START)
    before, reference = rows(path, schema), rows(path, events)
    with open_shop(path, shops.v1) as log:
        record_each(log, LATER)
    assert set(before) < set(rows(path, schema))
    assert {name for name, _ in rows(path, schema)} - {name for name, _ in before} == {
        "store_orders_order_lost",
        "store_orders_order_placed",
        "store_orders_order_returned",
    }
    assert [row for row in rows(path, events) if row not in reference] == [
        (LOST, "store", "store.orders", "Order lost", "Nobody knows where an order is.")
    ]
    data = rows(path, "PRAGMA data_version")
    open_shop(path, shops.v1).close()
    open_shop(path, shops.v2).close()
    assert rows(path, "PRAGMA data_version") == data
    assert [row["order_id"] for row in views(shops, 1, path, "store.orders.OrderPlaced")["OrderPlaced"]] == [
        "o-1"
    ]


def test_entries_under_an_alias_join_current_titles(both: Both, v2: AuditLog) -> None:
    join = (
        "SELECT audit_event.key, audit_event.title, audit_category.title FROM audit_entry "
        "JOIN audit_event ON audit_event.key = audit_entry.event "
        "JOIN audit_category ON audit_category.key = audit_event.category ORDER BY id LIMIT 5"
    )
    wanted = [
        (PLACED, "Order created", "Orders"),
        (PAID, "Order paid", "Orders"),
        (ARCHIVED, "Order archived", "Orders"),
        (RETURNED_1, "Order returned", "Returns"),
    ]
    assert rows(both.path, join) == [*wanted, (LOST, "Order lost", "Orders")]
    other, _ = imported(exported(v2)[:5], both.path.with_name("other.db"), v2.catalog)
    other.close()
    record_of_it = (IMPORTED, "Entries imported", "Audit log")
    assert rows(both.path.with_name("other.db"), join) == [*wanted, record_of_it]


# --- columns that only one version has ---------------------------------------------------------------


def test_version_1_reads_a_field_from_a_column_of_version_2(both: Both, v1: AuditLog) -> None:
    acme = v1.account("acme")
    assert [stored(entry) for entry in acme.all()] == [stored(entry) for entry in reversed(both.all)]
    created = acme.get(both.new[0].id)
    assert created is not None
    assert created.metadata == {"amount": 400, "order_id": "o-2", "region": "north"}
    lines = exported(v1)
    assert [json.loads(line)["metadata"].get("region") for line in lines] == [None] * 5 + [
        *("north", None, "south", None, None),
    ]
    new = full_csv(v1, f"event:is:{SHIPPED}")
    assert [json.loads(each["Metadata"]) for each in new] == [{"order_id": "o-2", "region": "south"}]


def test_column_added_while_version_1_is_open_is_read(tmp_path: Path, shops: Shops) -> None:
    path = tmp_path / "audit.db"
    with open_shop(path, shops.v1) as old:
        before = record_example(old, PAID, START)
        assert old.account("acme").get(before.id) == before
        with open_shop(path, shops.v2) as new:
            added = record_example(new, SHIPPED, LATER)
        (found, first) = old.account("acme").all()
        assert (stored(found), first) == (stored(added), before)
        assert record_example(old, PAID, START, id=before.id) == before


def test_invalid_json_metadata_works_with_other_columns(both: Both, v1: AuditLog) -> None:
    change(
        both.path,
        "DROP TRIGGER audit_entry_sound",
        "INSERT INTO audit_entry SELECT account_id, x'00000000000070008000000000000000', occurred_at, "
        "recorded_at, level, category, event, actor_type, actor_id, actor_name, ip_address, description, "
        "till, outcome, failure_reason, on_behalf_of_type, on_behalf_of_id, on_behalf_of_name, context, "
        "catalog_version, digest, row_digest, alterations, 'no json', region FROM audit_entry "
        f"WHERE event = '{SHIPPED}'",
    )
    assert v1.account("acme").count() == 11
    assert len(v1.account("acme").entries().entries) == 11


def test_view_keeps_values_from_before_a_new_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    created = "account.app_api_key.app_api_key_created"
    added = "account.models.model_deleted"

    def gained(content: dict[str, Any]) -> None:
        content["version"] = "1.1.0"
        next(each for each in event_of(content, added)["fields"] if each["name"] == "model_id")["column"] = (
            True
        )

    def lost(content: dict[str, Any]) -> None:
        content["version"] = "1.2.0"

    monkeypatch.syspath_prepend(str(tmp_path))
    path, view = tmp_path / "audit.db", "SELECT model_id FROM account_models_model_deleted ORDER BY id"
    catalogs = [None, make_catalog(tmp_path, gained), make_catalog(tmp_path, lost)]
    for number, catalog in enumerate(catalogs):
        with AuditLog.open(f"sqlite:///{path}", account_id="acme", catalog=catalog) as log:
            example = log.catalog.events[added].example
            record(log, added, example | {"model_id": f"m-{number}"})
            record(log, created)
            found = [entry.metadata for entry in log.account("acme").all(Filter.parse([f"event:is:{added}"]))]
            assert [each["model_id"] for each in found] == [f"m-{each}" for each in range(number, -1, -1)]
        assert rows(path, view) == [(f"m-{each}",) for each in range(number + 1)]


# --- version 1 goes on beside version 2 ----------------------------------------------------------------


def test_version_1_records_and_shows_unknown_events_by_key(both: Both, v1: AuditLog) -> None:
    acme = v1.account("acme")
    mine = record_example(v1, PLACED, LATER + timedelta(hours=1))
    assert acme.get(mine.id) == mine
    assert mine.catalog_version == "1.0.0"
    assert [(each.event_title, each.category_title) for each in acme.entries(limit=5).entries] == [
        ("Order placed", "Orders"),
        (RETURNED_2, "store.returns"),
        ("Order archived", "Orders"),
        (SHIPPED, "Orders"),
        ("Order paid", "Orders"),
    ]
    for condition, keys in (
        (f"event:is:{SHIPPED}", [SHIPPED]),
        (f"event:is:{CREATED}", [CREATED]),  # another event for version 1
        (f"event:is:{PLACED}", [PLACED, PLACED]),
        ("category:is:store.returns", [RETURNED_2]),
        (
            "category:is:store.orders",
            [PLACED, ARCHIVED, SHIPPED, PAID, CREATED, LOST, RETURNED_1, ARCHIVED, PAID, PLACED],
        ),
        ("category:is_not:store.orders", [RETURNED_2]),
    ):
        assert [each.event for each in acme.all(Filter.parse([condition]))] == keys, condition
    paid: Any = acme.get(both.new[1].id)
    assert paid.typed.model_dump() == {
        **{"order_id": "o-2", "method": "voucher", "till": "t-8", "card_token": None, "paid_at": None},
    }
    assert paid.metadata["receipt_id"] == "r-1"
    (shipped,) = acme.all(Filter.parse([f"event:is:{SHIPPED}"]))
    with pytest.raises(LookupError):
        _ = shipped.typed


def test_removed_category_stands_for_its_former_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = "account.removed.model_gone"

    def moved(content: dict[str, Any]) -> None:
        event_of(content, "account.models.model_deleted")["aliases"] = [old]

    monkeypatch.syspath_prepend(str(tmp_path))
    catalog = make_catalog(tmp_path, moved)
    with AuditLog.open(f"sqlite:///{tmp_path}/a.db", account_id="acme", catalog=catalog) as log:
        record(log, "account.app_api_key.app_api_key_created")
        deleted = record(log, old, catalog.events["account.models.model_deleted"].example)
        where = Filter.parse(["category:is:account.removed"])
        assert list(log.account("acme").all(where)) == [deleted]


# --- the page, the API and the commands ------------------------------------------------------------------


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as opened:
        yield opened


@pytest.fixture
def client(v2: AuditLog, portal: BlockingPortal) -> Client:
    return Client(create_app(v2, authorize), portal)


def test_the_page_shows_old_entries_under_the_titles_of_today(client: Client, both: Both) -> None:
    page = client.get(f"/?where=event:is:{PLACED}").text
    assert page.count('<td role="cell" class="event">') == 2
    assert page.count('title="Order created"') == 2
    assert "Event is equal to Order created (Orders)" in page
    assert f'<option value="{CREATED}" selected>Order created</option>' in page
    assert f'<option value="{ARCHIVED}">Order archived (deprecated)</option>' in page
    page = client.get(f"/?where=event:is:{LOST}").text
    assert page.count('<td role="cell" class="event">') == 1
    assert f'<option value="{LOST}" selected>{LOST}</option>' in page


def test_page_offers_events_of_the_other_version(v1: AuditLog, portal: BlockingPortal) -> None:
    client = Client(create_app(v1, authorize), portal)
    page = client.get("/?where=category:is:store.returns").text
    assert page.count('<td role="cell" class="event">') == 1
    assert '<option value="store.returns" selected>store.returns</option>' in page
    assert "Category is equal to store.returns" in page
    page = client.get(f"/?where=event:is_not:{SHIPPED}").text
    assert page.count('<td role="cell" class="event">') == 9
    assert f'<option value="{SHIPPED}" selected>{SHIPPED}</option>' in page


@pytest.mark.parametrize("key", ["x" * 300, "", "\x1b[2J", "no dots", "."])
def test_page_shows_entries_under_unknown_keys(client: Client, both: Both, v2: AuditLog, key: str) -> None:
    row = insert_row(both.path, v2.catalog, event=key)
    answer = client.get(f"/entries/{Entry(v2.catalog, tuple(row.values())).id}")
    assert answer.status_code == 200
    assert '<small class="note">not in the catalog</small>' in answer.text
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    ("number", "title", "category", "said"),
    [
        (0, "Order created", "Orders", f"now {CREATED}"),
        (2, "Order archived", "Orders", f"deprecated since 2.0.0, use {SHIPPED}"),
        (3, "Order returned", "Returns", f"now {RETURNED_2}"),
        (4, LOST, "Orders", "not in the catalog"),
    ],
)
def test_entry_page_shows_the_lifecycle_of_its_event(
    client: Client, both: Both, number: int, title: str, category: str, said: str
) -> None:
    entry = both.old[number]
    page = client.get(f"/entries/{entry.id}").text
    assert f'<h2 tabindex="-1"><bdi>{title}</bdi></h2>' in page
    assert f'<p class="category"><bdi>{category}</bdi></p>' in page
    assert f'<dt>Event</dt><dd><code>{entry.event}</code> <small class="note">{said}</small></dd>' in page


def test_the_page_of_an_entry_shows_fields_of_both_versions(client: Client, both: Both) -> None:
    page = client.get(f"/entries/{both.old[0].id}").text
    metadata = page[page.index("<h3>Metadata</h3>") : page.index("<h3>Record</h3>")]
    assert [line.strip() for line in metadata.splitlines() if "<dt>" in line or "<dd>" in line] == [
        "<dt>Order ID</dt>",
        "<dd><bdi>o-1</bdi></dd>",
        "<dt>Amount</dt>",
        "<dd><bdi>700 EUR</bdi></dd>",
        "<dt>Note</dt>",
        "<dd><bdi>By the door</bdi></dd>",
        "<dt>Buyer</dt>",
        "<dd><bdi>ada@example.com</bdi></dd>",
        "<dt>Region</dt>",
        '<dd><span class="absent">not given</span></dd>',
        "<dt>coupon</dt>",
        '<dd><bdi>SPRING</bdi> <small class="note">not in the catalog</small></dd>',
    ]


def test_the_api_gives_entries_as_they_are_stored(client: Client, both: Both, v2: AuditLog) -> None:
    answer = client.get(f"/api/entries?where=event:is:{CREATED}").json()
    assert [entry["event"] for entry in answer["entries"]] == [CREATED, PLACED]
    old = client.get(f"/api/entries/{both.old[0].id}").json()
    assert (old["event"], old["catalog_version"], old["metadata"]["coupon"]) == (PLACED, "1.0.0", "SPRING")
    (event,) = [
        event
        for category in client.get("/api/events").json()["categories"]
        for event in category["events"]
        if event["key"] == ARCHIVED
    ]
    assert event["deprecated"] == {"since": "2.0.0", "use": SHIPPED, "note": "Shipped orders are archived."}
    assert client.get(f"/api/events/{PLACED}/schema").json() == v2.catalog.schema(v2.catalog.events[CREATED])
    assert client.get(f"/api/events/{LOST}/schema").status_code == 404
    refused = client.get("/api/entries?where=event:is:store.orders.order_los")
    assert refused.status_code == 400


def test_the_demo_shows_deprecated_events_too(auditwright: Auditwright, shops: Shops) -> None:
    done = auditwright("demo", "--catalog-package", "shop_v2_events")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Recorded 5 of 5 events by 4 actors, one of each.\n")


def test_the_commands_list_show_and_export_entries_of_both(both: Both, auditwright: Auditwright) -> None:
    common = ("--account", "acme", "--catalog-package", "shop_v2_events")
    done = auditwright("list", "--where", f"event:is:{PLACED}", *common)
    assert (done.code, done.err) == (0, "")
    assert [line.split("  ")[:2] for line in done.out.splitlines()[1:]] == [
        ["2026-01-02 04:04:05.000", "Order created"],
        ["2026-01-02 03:04:05.000", "Order created"],
    ]
    for number, key in ((0, f"{PLACED} (now {CREATED})"), (1, PAID), (4, f"{LOST} (not in the catalog)")):
        shown = auditwright("show", str(both.old[number].id), *common).out
        assert f"Event key:               {key}\n" in shown
    done = auditwright("export", "--output", "-", "--where", f"event:is:{CREATED}", *common)
    assert (done.code, done.err) == (0, "exported 2 entries to stdout\n")
    assert [line.split(",")[1] for line in done.out.splitlines()[1:]] == ["Order created"] * 2


# --- what is generated for the deprecated ----------------------------------------------------------------


def test_a_deprecated_emitter_warns_and_records(v2: AuditLog) -> None:
    audit = importlib.import_module("shop_v2_events").AuditEvents(v2)
    with v2.acting(ADA), pytest.warns(DeprecationWarning, match="is deprecated") as caught:
        entry = audit.store.orders.order_archived(order_id="o-9")
    assert [(str(each.message), each.filename) for each in caught] == [
        (
            f"{ARCHIVED} is deprecated since 2.0.0; use {SHIPPED}. Shipped orders are archived.",
            __file__,
        )
    ]
    assert entry.metadata == {"order_id": "o-9"}


def test_schemas_say_what_is_deprecated(shops: Shops) -> None:
    def marked(key: str) -> tuple[bool, list[str]]:
        schema = shops.v2.schema(shops.v2.events[key])
        fields = schema["properties"]["metadata"]["properties"]
        return schema.get("deprecated", False), [name for name in fields if fields[name].get("deprecated")]

    assert {key: marked(key) for key in (CREATED, PAID, ARCHIVED)} == {
        CREATED: (False, ["note"]),
        PAID: (False, []),
        ARCHIVED: (True, []),
    }
    assert shops.v2.schema(shops.v2.events[CREATED])["properties"]["event"] == {"enum": [CREATED, PLACED]}


def test_docs_show_deprecations_and_former_keys(shops: Shops) -> None:
    page = (shops.folders[1] / "docs" / "store" / "orders.md").read_text()
    link = f"[`{SHIPPED}`](../store/orders.md#order_shipped)"
    assert f"**Deprecated since 2.0.0.** Use {link}. Shipped orders are archived." in page
    assert "*Deprecated since 2.0.0.*" in page
    assert PLACED in page


def test_json_form_of_a_deprecated_event_does_not_warn(v2: AuditLog) -> None:
    form = {"event": ARCHIVED, "metadata": {"order_id": "o-9"}, "actor": {"type": "system"}}
    assert v2.record_form(form).event == ARCHIVED
