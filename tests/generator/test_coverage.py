"""`auditwright coverage`: every way of emitting is seen, every wrong emitter is found, and nothing else."""

import gc
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.generator.run_command import run

from auditwright_generator.commands.coverage import command
from auditwright_generator.usage import RULES

CATALOG = {
    "catalog.yaml": """\
format: 1
package: shop_events
title: Events of the shop
version: 1.2.0
levels:
  shop: {title: Shop events, description: What happens in the shop.}
  device: {title: Device events, description: What happens on a device.}
""",
    "fields.yaml": """\
order_id: {title: Order ID, type: string, description: Identifier of the order.}
carrier: {title: Carrier, type: string, description: Who brings the order.}
""",
    "shop/orders.yaml": """\
category: orders
title: Orders
description: What happens to orders.
metadata: [order_id]
events:
  order_placed:
    title: Order placed
    description: Someone placed an order. Recorded when it is paid.
    message: Order {order_id} was placed.
    aliases: [shop.baskets.basket_paid]
    example: {order_id: o-1}
  order_shipped:
    title: Order shipped
    description: An order left the store. Recorded when it is handed over.
    message: Order {order_id} was shipped.
    metadata:
      carrier: {required: false}
    example: {order_id: o-1}
  order_sent:
    title: Order sent
    description: An order left the store, as it was called before.
    message: Order {order_id} was sent.
    deprecated: {since: 1.1.0, use: shop.orders.order_shipped, note: It says who brings it.}
    example: {order_id: o-1}
""",
    "device/orders.yaml": """\
category: orders
title: Orders on devices
description: What devices do with orders.
metadata: [order_id]
events:
  order_shown:
    title: Order shown
    description: A device showed an order. Recorded when it appears.
    message: Order {order_id} was shown.
    example: {order_id: o-1}
""",
}
PLACED, SHIPPED, SENT, SHOWN = (
    "shop.orders.order_placed",
    "shop.orders.order_shipped",
    "shop.orders.order_sent",
    "device.orders.order_shown",
)
ORDERS = "from shop_events.shop.orders import Orders\n"
AUDIT = "from shop_events import AsyncAuditEvents, AuditEvents\naudit = AuditEvents(log)\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the catalog in it."""
    write(tmp_path / "catalog", CATALOG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUDITWRIGHT_CATALOG_DIR", raising=False)
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


class Found:
    """What a run printed, as JSON."""

    def __init__(self, code: int, printed: str) -> None:
        self.code = code
        self.document: dict[str, Any] = json.loads(printed)

    @property
    def emitted(self) -> dict[str, list[str]]:
        """By event: the places that emit it, and how."""
        return {
            event["key"]: [
                f"{each['path']}:{each['line']}:{each['column']} {each['how']}" for each in event["emissions"]
            ]
            for event in self.document["events"]
            if event["emissions"]
        }

    @property
    def problems(self) -> list[str]:
        """All findings but those about events that nothing emits."""
        return [
            f"{each['path']}:{each['line']}:{each['column']} {each['code']} {each['message']}"
            for each in self.document["findings"]
            if each["code"] != "AC971"
        ]

    @property
    def notes(self) -> list[str]:
        return [
            f"{each['path']}:{each['line']}:{each['column']} {each['message']}"
            for each in self.document["notes"]
        ]


@pytest.fixture
def cover(here: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def covered(sources: str | dict[str, str], *options: str) -> Found:
        write(here / "src", {"a.py": sources} if isinstance(sources, str) else sources)
        code = run(command, "src", "--format", "json", *options)
        return Found(code, capsys.readouterr().out)

    return covered


# --- what is printed ---------------------------------------------------------------------------------


SMALL = {
    "src/shop/__init__.py": "",
    "src/shop/log.py": AUDIT,
    "src/shop/orders.py": """\
from shop.log import audit, log


def place(order):
    audit.shop.orders.order_placed(order_id=order.id)
    audit.shop.orders.order_plased(order_id=order.id)
    audit.shop.orders.order_sent(order_id=order.id)
    log.record_json({"event": "shop.baskets.basket_paid", "metadata": {"order_id": order.id}})
    getattr(audit.device.orders, order.event)()
""",
    "src/shop/old.py": "print 'hello'\n",
}
TEXT = """\
catalog/device/orders.yaml:6:3: warning AC971 event-never-emitted: device.orders.order_shown is emitted \
nowhere in src; emit it, deprecate it, or excuse it with --elsewhere device.orders.order_shown
catalog/shop/orders.yaml:12:3: warning AC971 event-never-emitted: shop.orders.order_shipped is emitted \
nowhere in src; emit it, deprecate it, or excuse it with --elsewhere shop.orders.order_shipped
src/shop/old.py:1:1: error AC974 unreadable-source: PYTHON cannot parse it: Missing parentheses in call to \
'print'. Did you mean print(...)?
src/shop/orders.py:6:23: error AC972 unknown-emitter: shop.orders has no emitter "order_plased"; \
did you mean "order_placed"?
src/shop/orders.py:7:23: warning AC973 deprecated-emitter: shop.orders.order_sent is deprecated since 1.1.0; \
emit shop.orders.order_shipped instead. It says who brings it.
src/shop/orders.py:8:31: warning AC975 former-key: shop.baskets.basket_paid is called \
shop.orders.order_placed now; write that
src/shop/orders.py:9:26: note: getattr with a name that is not written out may emit any event of device.orders
4 events, 4 files read: 2 emitted from 1 file, 2 never; 2 errors, 4 warnings
"""
LIST = """\
shop.orders.order_placed: src/shop/orders.py:5:23: emitter
shop.orders.order_placed: src/shop/orders.py:8:31: key
shop.orders.order_shipped: never
shop.orders.order_sent: src/shop/orders.py:7:23: emitter
device.orders.order_shown: never
"""


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed, with the running Python left out."""
    return re.sub(r"Python 3\.\d+", "PYTHON", capsys.readouterr().out)


def test_text_has_a_line_for_each_finding_and_a_summary(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here, SMALL)
    assert run(command, "src") == 1
    assert printed(capsys) == TEXT


def test_list_says_first_where_each_event_is_emitted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, SMALL)
    assert run(command, "src", "--list") == 1
    assert printed(capsys) == LIST + TEXT


def test_json_has_everything(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, SMALL)
    assert run(command, "src", "--format", "json") == 1
    document = json.loads(printed(capsys))
    assert list(document) == ["events", "findings", "notes", "summary"]
    assert document["events"][0] == {
        "key": "shop.orders.order_placed",
        "title": "Order placed",
        "state": "emitted",
        "emissions": [
            {"path": "src/shop/orders.py", "line": 5, "column": 23, "how": "emitter"},
            {"path": "src/shop/orders.py", "line": 8, "column": 31, "how": "key"},
        ],
    }
    assert [event["state"] for event in document["events"]] == ["emitted", "never", "emitted", "never"]
    assert document["findings"][3] == {
        "code": "AC972",
        "name": "unknown-emitter",
        "severity": "error",
        "path": "src/shop/orders.py",
        "line": 6,
        "column": 23,
        "message": 'shop.orders has no emitter "order_plased"; did you mean "order_placed"?',
    }
    assert [note["line"] for note in document["notes"]] == [9]
    assert document["summary"] == {
        "events": 4,
        "emitted": 2,
        "elsewhere": 0,
        "deprecated": 0,
        "never": 2,
        "files": 4,
        "errors": 2,
        "warnings": 4,
    }


def test_github_has_workflow_commands_with_what_they_escape(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here, {"src/100%,a:b.py": AUDIT + "audit.shop.orders.typo()\ngetattr(audit.shop, name)\n"})
    assert run(command, "src", "--format", "github", "--elsewhere", "*%\n") == 1
    file = "file=src/100%25%2Ca%3Ab.py"
    assert [line for line in printed(capsys).splitlines() if "AC971" not in line] == [
        "::warning title=AC976 unused-elsewhere::--elsewhere *%25%0A: no event has such a key; "
        "correct or remove it",
        f"::error {file},line=3,col=19,title=AC972 unknown-emitter::shop.orders has no emitter "
        '"typo"; write one of order_placed, order_shipped, order_sent',
        f"::notice {file},line=4,col=15,title=cannot be decided::getattr with a name that is not "
        "written out may emit any event of shop",
        "4 events, 1 file read: none emitted, 1 deprecated and no longer, 3 never; 1 error, 4 warnings",
    ]


def test_a_path_that_would_break_the_line_is_escaped(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"src/a\nb.py": "print 1\n"})
    run(command, "src")
    assert "src/a\\nb.py:1:1: error AC974" in capsys.readouterr().out


def test_nothing_is_wrong_when_all_is_emitted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"src/a.py": AUDIT + "for each in (PLACED, SHIPPED, SHOWN): ...\n"})
    write(here, {"src/b.py": "\n".join(f"x.{key}()" for key in (PLACED, SHIPPED, SHOWN))})
    assert run(command, "src") == 0
    assert printed(capsys) == (
        "4 events, 2 files read: 3 emitted from 1 file, 1 deprecated and no longer; no findings\n"
    )


# --- every way of emitting ---------------------------------------------------------------------------


EMITS = {
    "a name": AUDIT + "audit.shop.orders.order_placed(order_id=i)",
    "any name at all": "recorder.shop.orders.order_placed(order_id=i)",
    "an attribute of self": "class A:\n def f(self): self.audit.shop.orders.order_placed()",
    "an attribute of what is called": "get().shop.orders.order_placed()",
    "an item": "things['audit'].shop.orders.order_placed()",
    "awaited": "async def f(audit: AsyncAuditEvents): await audit.shop.orders.order_placed()",
    "a reference that is not called": "register(callback=audit.shop.orders.order_placed)",
    "partial": "emit = functools.partial(audit.shop.orders.order_placed, order_id=i)",
    "in a table": "TABLE = {'p': audit.shop.orders.order_placed}",
    "in a decorator": "@audit.shop.orders.order_placed\ndef f(): ...",
    "in a default": "def f(emit=audit.shop.orders.order_placed): ...",
    "in a lambda": "f = lambda: audit.shop.orders.order_placed(order_id=i)",
    "in an f-string": "f'{audit.shop.orders.order_placed(order_id=i)}'",
    "in a match": "match x:\n case 1 if audit.shop.orders.order_placed(): pass",
    "in a comprehension": "[a.shop.orders.order_placed(order_id=i) for a in audits]",
    "over several lines": "(audit\n .shop\n .orders\n .order_placed(order_id=i))",
    "a category by another name": AUDIT + "o = audit.shop.orders\no.order_placed()",
    "a level by another name": AUDIT + "o = audit.shop\no.orders.order_placed()",
    "names of names": AUDIT + "a = audit\nb = a.shop\nc = b.orders\nc.order_placed()",
    "names of an unknown root": "o = x.shop.orders\no.order_placed()",
    "a method by another name": AUDIT + "e = audit.shop.orders.order_placed\ndel e",
    "a walrus": AUDIT + "if (o := audit.shop.orders): o.order_placed()",
    "several at once": AUDIT + "o, p = audit.shop.orders, 1\no.order_placed()",
    "either": AUDIT + "o = audit.shop.orders if x else None\no.order_placed()",
    "or": AUDIT + "o = given or audit.shop.orders\no.order_placed()",
    "a loop": AUDIT + "for o in (audit.shop.orders, audit.device.orders): o.order_placed()",
    "a global": AUDIT + "def f():\n global o\n o = audit.shop.orders\ndef g(): o.order_placed()",
    "a nonlocal": AUDIT
    + "def f():\n o = None\n def g():\n  nonlocal o\n  o = audit.shop.orders\n o.order_placed()",
    "a closure": AUDIT + "def f():\n o = audit.shop.orders\n def g(): o.order_placed()",
    "made and used at once": "import shop_events\nshop_events.AuditEvents(log).shop.orders.order_placed()",
    "an annotated category": ORDERS + "def f(o: Orders[Session, Entry]): o.order_placed()",
    "a quoted annotation": ORDERS + "def f(o: 'Orders[Session, Entry]'): o.order_placed()",
    "an optional annotation": ORDERS + "def f(*, o: Orders[A, B] | None = None): o.order_placed()",
    "Optional": ORDERS + "O = Orders\ndef f(o: Optional[O[A, B]]): o.order_placed()",
    "Annotated": "from shop_events.shop import Shop\n"
    "def f(s: Annotated[Shop[A, B], Depends(x)]): s.orders.order_placed()",
    "an alias of a type": ORDERS + "T = Annotated[Orders[A, B], 1]\ndef f(o: T): o.order_placed()",
    "an attribute of a dataclass": ORDERS
    + "@dataclass\nclass A:\n o: Orders[A, B]\n def f(self): self.o.order_placed()",
    "an attribute given in init": AUDIT
    + "class A:\n def __init__(self): self.o = audit.shop.orders\n def f(self): self.o.order_placed()",
    "an inherited attribute": AUDIT + "class A:\n def __init__(self): self.o = audit.shop.orders\n"
    "class B(A):\n def f(self): self.o.order_placed()",
    "an attribute of an instance": AUDIT + "class A:\n o = audit.shop.orders\nA().o.order_placed()",
    "a property": ORDERS
    + "class A:\n @property\n def o(self) -> Orders[A, B]: ...\n def f(self): self.o.order_placed()",
    "a function that returns it": AUDIT + "def f(): return audit.shop.orders\nf().order_placed()",
    "a function that says so": ORDERS + "def f() -> Orders[A, B]: ...\no = f()\no.order_placed()",
    "a subclass": ORDERS + "class O(Orders[A, B]): ...\nO(r).order_placed()",
    "a cast": ORDERS + "o = cast('Orders[A, B]', x)\no.order_placed()",
    "a star import": "from shop_events.shop.orders import *\nOrders.order_placed(o)",
    "a package inside another": "from app.gen.shop_events.shop import orders\n"
    "def f(o: orders.Orders[A, B]): o.order_placed()",
    "a module": "import app.gen.shop_events.shop.orders\n"
    "def f(o: app.gen.shop_events.shop.orders.Orders[A, B]): o.order_placed()",
    "getattr with a name": AUDIT + "getattr(audit.shop.orders, 'order_placed')(order_id=i)",
    "getattr of everything": AUDIT + "getattr(getattr(audit, 'shop'), 'orders').order_placed()",
}
MAKES = {
    "a model": "from shop_events.models.shop.orders import OrderPlaced\nlog.record(OrderPlaced(order_id=i))",
    "a model of a module": "from shop_events.models.shop import orders\norders.OrderPlaced(order_id=i)",
    "a validated model": "from shop_events.models.shop.orders import *\nOrderPlaced.model_validate(d)",
}
KEYS = {
    "a JSON form": "log.record_form({'event': 'shop.orders.order_placed', 'metadata': {}})",
    "a JSON form anywhere": "publish(json.dumps({'event': 'shop.orders.order_placed', 'metadata': m}))",
    "a JSON form that takes in another": "f({**base, 'event': 'shop.orders.order_placed'})",
    "a JSON form in a list": "log.record_many([{'event': 'shop.orders.order_placed', 'metadata': {}}])",
    "a call of dict": "log.record_form(dict(event='shop.orders.order_placed', metadata={}))",
    "a JSON text": 'log.record_json(\'{"event": "shop.orders.order_placed", "metadata": {}}\')',
    "JSON bytes": 'log.record_json(b\'{"event": "shop.orders.order_placed", "metadata": {}}\')',
    "an f-string of JSON": 'f\'{{"event": "shop.orders.order_placed", "metadata": {{"n": "{n}"}}}}\'',
    "a key": "log.record_event('shop.orders.order_placed', {}, {})",
    "a constant": "KEY = 'shop.orders.order_placed'\ndef f(): log.record_event(KEY, {}, {})",
    "a constant of a class": "class K:\n P = 'shop.orders.order_placed'\nlog.record_event(K.P.value, {}, {})",
}
BY_NAME = {
    "a parameter that is called so": "def f(orders): orders.order_placed(order_id=i)",
    "what was passed on": AUDIT + "def f(o): o.order_placed(order_id=i, session=s)\nf(audit.shop.orders)",
    "a level that was passed on": AUDIT + "def f(x): x.orders.order_placed(**k)\nf(audit.shop)",
}


@pytest.mark.parametrize(
    ("how", "code"),
    [
        *(pytest.param("emitter", code, id=name) for name, code in EMITS.items()),
        *(pytest.param("model", code, id=name) for name, code in MAKES.items()),
        *(pytest.param("key", code, id=name) for name, code in KEYS.items()),
        *(pytest.param("by name", code, id=name) for name, code in BY_NAME.items()),
    ],
)
def test_every_way_of_emitting_is_seen(cover: Any, how: str, code: str) -> None:
    found = cover(code)
    assert list(found.emitted) == [PLACED]
    assert {position.partition(" ")[2] for position in found.emitted[PLACED]} == {how}
    assert found.problems == []


def test_names_are_followed_from_file_to_file(cover: Any) -> None:
    found = cover(
        {
            "app/__init__.py": "from .events import *\n",
            "app/events.py": AUDIT + "orders = audit.shop.orders\ndef get() -> AuditEvents: ...\n",
            "app/base.py": "from app import events\nclass Base:\n    device = events.audit.device.orders\n",
            "app/jobs/a.py": "from ..events import orders as o\no.order_placed()\no.typo()\n",
            "app/jobs/b.py": "from app.base import Base\nclass B(Base):\n    def f(self):\n"
            "        self.device.order_shown()\n        self.device.typo()\n",
            "app/c.py": "from app import orders, get\norders.order_shipped()\nget().shop.typo\n",
        }
    )
    assert found.emitted == {
        PLACED: ["src/app/jobs/a.py:2:3 emitter"],
        SHIPPED: ["src/app/c.py:2:8 emitter"],
        SHOWN: ["src/app/jobs/b.py:4:21 emitter"],
    }
    assert found.problems == [
        'src/app/c.py:3:12 AC972 level shop has no category "typo"; write one of orders',
        'src/app/jobs/a.py:3:3 AC972 shop.orders has no emitter "typo"; write one of order_placed, '
        "order_shipped, order_sent",
        'src/app/jobs/b.py:5:21 AC972 device.orders has no emitter "typo"; write one of order_shown',
    ]


@pytest.mark.parametrize(
    "code",
    [
        "# audit.shop.orders.order_placed()",
        "'audit.shop.orders.order_placed()'",
        "audit.shop.orders.order_placed = Mock()",
        "del audit.shop.orders.order_placed",
        "hasattr(audit.shop.orders, 'order_placed')",
        "x.order_placed(order_id=i)",
        "orders.order_placed(order)",
        "orders.order_placed(number=1)",
        "orders.order_placed()",
        "where = {'event': 'shop.orders.order_placed'}",
        "entry.event == 'shop.orders.order_placed'",
        "from shop_events.models.shop.orders import OrderPlaced\nisinstance(e.typed, OrderPlaced)",
        "from shop_events.tables.shop.orders import OrderPlaced\nselect(OrderPlaced)",
        '\'{"event": "shop.orders.order_placed"}\'',
        "def f(o: 'Orders'): o.order_placed()",
    ],
)
def test_what_emits_nothing_does_not_count(cover: Any, code: str) -> None:
    found = cover(code)
    assert (found.emitted, found.problems, found.notes) == ({}, [], [])


def test_generated_code_is_not_read(cover: Any) -> None:
    header = "# Code generated by auditwright from catalog/. DO NOT EDIT.\n"
    found = cover({"a.py": "", "shop_events/shop.py": header + "x.shop.orders.order_placed()\n"})
    assert (found.emitted, found.document["summary"]["files"]) == ({}, 1)


# --- wrong emitters ----------------------------------------------------------------------------------


PLACED_NEAR = 'AC972 shop.orders has no emitter "order_plced"; did you mean "order_placed"?'


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (AUDIT + "audit.shop.orders.order_plced()", "3:19 " + PLACED_NEAR),
        (AUDIT + "é = 'é'; audit.shop.orders.order_plced()", "3:28 " + PLACED_NEAR),
        (AUDIT + "o = audit.shop.orders\no.order_plced()", "4:3 " + PLACED_NEAR),
        (AUDIT + "x = audit.shop.orders.order_plced", "3:23 " + PLACED_NEAR),
        (AUDIT + "getattr(audit.shop.orders, 'order_plced')()", "3:28 " + PLACED_NEAR),
        ("def f(audit): audit.shop.orders.order_plced()", "1:33 " + PLACED_NEAR),
        ("self.audit.shop.orders.order_plced()", "1:24 " + PLACED_NEAR),
        ("get_audit().shop.orders.order_plced()", "1:25 " + PLACED_NEAR),
        ("app['audit'].shop.orders.order_plced()", "1:26 " + PLACED_NEAR),
        (
            AUDIT + "app.state.rec = audit\nrequest.app.state.rec.shop.orders.order_plced()",
            "4:35 " + PLACED_NEAR,
        ),
        (
            ORDERS + "def f(o: Orders[A, B]): o.order_plced()",
            "2:27 " + PLACED_NEAR,
        ),
        (
            AUDIT + "audit.shpo.orders.order_placed()",
            '3:7 AC972 shop_events has no level "shpo"; did you mean "shop"?',
        ),
        (
            "my.audit.shpo.orders.order_placed()",
            '1:10 AC972 shop_events has no level "shpo"; did you mean "shop"?',
        ),
        (
            AUDIT + "audit.shop.order.x()",
            '3:12 AC972 level shop has no category "order"; did you mean "orders"?',
        ),
        (
            "audit.shop.order.order_placed()",
            '1:12 AC972 level shop has no category "order"; did you mean "orders"?',
        ),
        (
            "audit.shop.baskets.basket_paid()",
            "1:20 AC972 shop.baskets.basket_paid is called shop.orders.order_placed now; emit that",
        ),
        (
            "from shop_events.models.shop.orders import OrderPlced",
            '1:44 AC972 shop.orders has no model "OrderPlced"; did you mean "OrderPlaced"?',
        ),
        (
            "log.record_json({'event': 'shop.orders.order_plced', 'metadata': {}})",
            '1:27 AC972 no event has the key "shop.orders.order_plced"; '
            'did you mean "shop.orders.order_placed"?',
        ),
        (
            "from auditwright import AuditLog\nwith AuditLog.open(u) as l: l.record_event('order', {}, {})",
            '2:44 AC972 no event has the key "order"; `auditwright events` lists all keys',
        ),
    ],
)
def test_an_emitter_that_does_not_exist_is_found(cover: Any, code: str, problem: str) -> None:
    found = cover(code)
    assert found.problems == [f"src/a.py:{problem}"]
    assert found.code == 1


@pytest.mark.parametrize(
    "code",
    [
        "user.shop.orders.count()",
        "models.shop.orders.filter(x=1)",
        "import audit\naudit.shop.orders.Order",
        "import audit.shop.orders\naudit.shop.orders.Order()",
        "import shop.orders\nshop.orders.cancel()",
        "audit.shop.name.upper()",
        "audit.log('x')",
        "audit.entries.order_placed()",
        AUDIT + "audit.__class__\naudit.shop.orders.__doc__\naudit.shop.orders._record",
        AUDIT + "audit = Other()\naudit.anything()",
        AUDIT + "def f(audit): audit.write()",
        AUDIT + "audit = audit if audit else Fake()\naudit.reset()",
        AUDIT + "class A:\n    audit = None\n    def f(self): self.audit.flush()",
        ORDERS + "class O(Orders[A, B]):\n    def more(self): ...\nO(r).more()",
        AUDIT + "class A(AuditEvents):\n    def close(self): ...\nA(log).close()",
        "from shop_events import CATALOG\nCATALOG.events",
        "log.info({'event': 'button.clicked.twice', 'metadata': {}})",
        "analytics.record_event('clicked', {})",
        "track({'event': name, 'metadata': {}})",
    ],
)
def test_what_is_not_an_emitter_is_no_finding(cover: Any, code: str) -> None:
    found = cover(code)
    assert (found.problems, found.notes) == ([], [])


def test_a_deprecated_event_is_found_at_each_use_and_names_its_replacement(cover: Any) -> None:
    found = cover(
        "x.shop.orders.order_sent()\n"
        "from shop_events.models.shop.orders import OrderSent\n"
        "OrderSent(order_id=i)\n"
        "f({'event': 'shop.orders.order_sent', 'metadata': {}})\n"
    )
    message = (
        "shop.orders.order_sent is deprecated since 1.1.0; emit shop.orders.order_shipped instead. "
        "It says who brings it."
    )
    assert found.problems == [f"src/a.py:{position} AC973 {message}" for position in ("1:15", "3:1", "4:13")]


def test_what_cannot_be_decided_is_noted_and_is_no_finding(cover: Any) -> None:
    found = cover(
        AUDIT + "from auditwright import AuditLog\n"
        "getattr(audit, name)\n"
        "getattr(audit.shop, name)\n"
        "getattr(audit.shop.orders, name)()\n"
        "def f(log: AuditLog, key): log.record_event(key, {}, {})\n",
        "--elsewhere",
        "*",
    )
    assert found.notes == [
        "src/a.py:4:9 getattr with a name that is not written out may emit any event",
        "src/a.py:5:15 getattr with a name that is not written out may emit any event of shop",
        "src/a.py:6:20 getattr with a name that is not written out may emit any event of shop.orders",
        "src/a.py:7:45 a key that is not written out may record any event",
    ]
    assert (found.problems, found.code) == ([], 0)


# --- events that other code emits ----------------------------------------------------------------------


def test_events_that_are_emitted_elsewhere_are_excused(cover: Any) -> None:
    found = cover("x.shop.orders.order_placed()", "--elsewhere", "device.*", "--elsewhere", SHIPPED)
    assert [event["state"] for event in found.document["events"]] == [
        "emitted",
        "elsewhere",
        "deprecated",
        "elsewhere",
    ]
    assert (found.document["findings"], found.code) == ([], 0)


def test_an_excuse_that_excuses_nothing_is_found(cover: Any) -> None:
    found = cover("x.shop.orders.order_placed()", "--elsewhere", PLACED, "--elsewhere", "shop.baskets.*")
    assert found.problems == [
        "None:None:None AC976 --elsewhere shop.baskets.*: no event has such a key; correct or remove it",
        f"None:None:None AC976 --elsewhere {PLACED}: all events it fits are emitted here; remove it",
    ]


# --- which files are read ------------------------------------------------------------------------------


def test_folders_are_read_with_all_below_and_without_what_is_not_source(cover: Any) -> None:
    code = "x.shop.orders.order_placed()\n"
    skipped = (".hidden", ".venv", "node_modules", "__pycache__", "site-packages", "env")
    found = cover(
        {
            "deep/er/a.py": code,
            **{f"{name}/a.py": code for name in skipped},
            "env/pyvenv.cfg": "",
            "a.pyi": code,
            "a.txt": code,
        }
    )
    assert found.emitted == {PLACED: ["src/deep/er/a.py:1:15 emitter"]}


@pytest.mark.parametrize(
    "pattern", ["tests", "tests/", "src/tests", "test_*.py", "*/tests/*", "tests/test_?.py"]
)
def test_excluded_files_and_folders_are_left_out(cover: Any, pattern: str) -> None:
    found = cover({"a.py": "", "tests/test_a.py": "x.shop.orders.order_placed()\n"}, "--exclude", pattern)
    assert (found.emitted, found.document["summary"]["files"]) == ({}, 1)


def test_a_file_is_read_once_and_by_any_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"src/a.py": "", "src/tool": "x.shop.orders.order_placed()\n"})
    assert run(command, "src", "src/a.py", str(here / "src" / "a.py"), "./src/tool") == 1
    assert capsys.readouterr().out.splitlines()[-1] == (
        "4 events, 2 files read: 1 emitted from 1 file, 1 deprecated and no longer, 2 never; 2 warnings"
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nowhere"], "nowhere: there is no such file or folder"),
        (["src", "empty"], "empty: there is no Python file in it"),
        (["src", "--exclude", "*.py"], "src: there is no Python file which --exclude leaves"),
        (["src/a.py", "--exclude", "a.py"], "--exclude leaves no file to read"),
    ],
)
def test_nothing_to_read_is_wrong_usage(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    write(here, {"src/a.py": "", "empty/readme.txt": ""})
    assert run(command, *arguments) == 2
    assert capsys.readouterr() == ("", f"auditwright: {reason}\n")


def test_fail_on_error_lets_warnings_pass(here: Path) -> None:
    write(here, {"src/a.py": ""})
    assert run(command, "src") == 1
    assert run(command, "src", "--fail-on", "error") == 0
    write(here, {"src/a.py": AUDIT + "audit.shop.orders.typo()"})
    assert run(command, "src", "--fail-on", "error") == 1


def test_a_catalog_with_errors_is_compared_with_nothing(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here, {"src/a.py": "", "catalog/shop/orders.yaml": "category: orders\n"})
    assert run(command, "src") == 1
    output, problems = capsys.readouterr()
    assert output == ""
    assert problems.startswith("catalog/shop/orders.yaml:1:1: error ")


def test_a_catalog_that_is_not_there_is_wrong_usage(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"src/a.py": ""})
    assert run(command, "src", "--catalog", "nowhere") == 2
    assert capsys.readouterr().err.startswith("auditwright: cannot read nowhere: there is no such folder")


# --- hostile sources -----------------------------------------------------------------------------------


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "a null byte": (b"x = 1\ny\0\n", "2:2 a null byte; remove it"),
    "Latin-1 that does not say so": (b"# caf\xe9\n", "1:6 byte 0xe9 is not utf-8; save the file as UTF-8"),
    "bytes far below": (b"1\n2\n3\n'\xff'\n", "4:2 byte 0xff is not utf-8; save the file as UTF-8"),
    "an unknown encoding": (b"# coding: nonsense\n", "1:1 unknown encoding: nonsense"),
    "a codec that gives no text": (b"# coding: hex\n00\n", "1:1 'hex' is not a text encoding"),
    "half a character": (b"# coding: unicode_escape\nx = '\\ud800'\n", "1:1 'utf-8' codec can't encode"),
    "UTF-16": ("x = 1\n".encode("utf-16"), "1:1 byte 0xff is not utf-8"),
    "parentheses": (b"(" * 100_000, "1:201 too many nested parentheses"),
    "operators": (b"-" * 100_000 + b"1", "1:1 it is nested too deeply"),
    "attributes": (b"a" + b".b" * 100_000, "1:1 it is nested too deeply"),
    "another Python": (b"exec 'x'\n", "1:1 Missing parentheses in call to 'exec'"),
    "indentation": (b"if x:\n  a\n b\n", "3:3 unindent does not match any outer indentation level"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_source_that_cannot_be_parsed_is_a_finding_and_the_others_are_read(
    here: Path, cover: Any, name: str
) -> None:
    content, expected = UNREADABLE[name]
    position, _, reason = expected.partition(" ")
    (here / "src").mkdir()
    (here / "src" / "bad.py").write_bytes(content)
    found = cover("x.shop.orders.order_placed()")
    assert list(found.emitted) == [PLACED]
    (problem,) = found.problems
    assert re.match(
        rf"src/bad\.py:{position} AC974 Python 3\.\d+ cannot parse it: {re.escape(reason)}", problem
    )


@pytest.mark.parametrize(
    "content",
    [
        b"# -*- coding: latin-1 -*-\n'\xe9'; x.shop.orders.order_placed()\n",
        b"\xef\xbb\xbfx.shop.orders.order_placed()\n",
        b"a = 1\r\nx.shop.orders.order_placed()\r\n",
        b"a = 1\rx.shop.orders.order_placed()\r",
        b"x = '\\d'\n1 is 1\nx.shop.orders.order_placed()\n",
        b"x.shop.orders.order_placed()",
        b"x.shop.orders.order_placed()" + b".a" * 900,
        b"\n".join(b"a%d = a%d if a%d else a%d" % (n, n + 1, n + 1, n + 1) for n in range(5000))
        + b"\nx.shop.orders.order_placed()",
        b"\n".join(
            b"def f%d(): return f%d() or f%d() or f%d()" % (n, n + 1, n + 2, n + 3) for n in range(500)
        )
        + b"\na = f0()\na.b\nx.shop.orders.order_placed()",
        b"class A(A): ...\nclass B(C): ...\nclass C(B): ...\nA().x.y\nB().x.y\na = b\nb = a\na.c\n"
        b"x.shop.orders.order_placed()",
        b"from a import *\nfrom . import *\nfrom ...... import x\nfrom .a import a\na.b.c()\n"
        b"x.shop.orders.order_placed()",
    ],
    ids=range(11),
)
def test_strange_sources_are_read(here: Path, cover: Any, content: bytes) -> None:
    (here / "src").mkdir()
    (here / "src" / "b.py").write_bytes(content)
    found = cover("")
    assert (list(found.emitted), found.problems) == ([PLACED], [])


def test_files_that_import_each_other_are_read_in_linear_time(cover: Any) -> None:
    code = "".join(
        f"class C{n}(C{n + 1}):\n    def g(self): return self.x.y or f{n + 1}()\n"
        f"def f{n}(a=None):\n    b = C{n}() if a else f{n + 1}()\n    return b.g() or f{n + 2}(b)\n"
        for n in range(200)
    )
    ring = {
        f"m{n}.py": f"from m{(n + 1) % 9} import *\nfrom .m{(n + 2) % 9} import C0\n{code}" for n in range(9)
    }
    found = cover(ring | {"a.py": "from m0 import *\nf0().x.shop.orders.order_placed()\n"})
    assert (list(found.emitted), found.problems) == ([PLACED], [])


def test_what_is_no_file_is_a_finding(here: Path, cover: Any) -> None:
    (here / "src").mkdir()
    os.mkfifo(here / "src" / "pipe.py")
    (here / "src" / "link.py").symlink_to("nowhere")
    assert cover("").problems == [
        "src/link.py:1:1 AC974 it is not a file that can be read",
        "src/pipe.py:1:1 AC974 it is not a file that can be read",
    ]


def test_a_folder_that_links_to_itself_is_read_once(here: Path, cover: Any) -> None:
    (here / "src").mkdir()
    (here / "src" / "again").symlink_to(here / "src")
    assert cover("x.shop.orders.order_placed()").emitted == {PLACED: ["src/a.py:1:15 emitter"]}


def test_the_garbage_collector_is_left_as_it_was(cover: Any) -> None:
    cover("x = 1")
    assert gc.isenabled()


NAMES = [
    "audit",
    "shop",
    "device",
    "orders",
    "order_placed",
    "order_typo",
    "o",
    "self",
    "AuditEvents",
    "Orders",
]
ATOMS = st.sampled_from(NAMES)
EXPRESSIONS = st.recursive(
    ATOMS | st.sampled_from(["None", "'shop.orders.order_placed'", "1"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.lists(ATOMS, min_size=1, max_size=4)).map(
            lambda each: ".".join([f"({each[0]})", *each[1]])
        ),
        st.tuples(inner, inner).map(lambda each: f"({each[0]})({each[1]})"),
        st.tuples(inner, inner).map(lambda each: f"getattr({each[0]}, {each[1]})"),
        st.tuples(inner, inner).map(lambda each: f"({each[0]})[{each[1]}]"),
        st.tuples(inner, inner).map(lambda each: f"({each[0]} or {each[1]})"),
        st.tuples(inner, inner).map(lambda each: f"({each[0]} | {each[1]})"),
        st.tuples(ATOMS, inner).map(lambda each: f"(lambda {each[0]}: {each[1]})"),
        inner.map(lambda each: f"{{'event': {each}, 'metadata': {each}}}"),
    ),
    max_leaves=12,
)
STATEMENTS = st.one_of(
    EXPRESSIONS,
    st.tuples(ATOMS, EXPRESSIONS).map(" = ".join),
    st.tuples(ATOMS, EXPRESSIONS).map(lambda each: f"{each[0]}: {each[1]}"),
    st.tuples(ATOMS, ATOMS, EXPRESSIONS).map(lambda each: f"{each[0]}.{each[1]} = {each[2]}"),
    st.tuples(ATOMS, ATOMS, EXPRESSIONS).map(lambda each: f"def {each[0]}({each[1]}): return {each[2]}"),
    st.tuples(ATOMS, EXPRESSIONS, ATOMS, EXPRESSIONS).map(
        lambda each: f"class {each[0]}({each[1]}):\n    def {each[2]}(self): self.{each[2]} = {each[3]}"
    ),
    st.tuples(ATOMS, ATOMS).map(lambda each: f"from shop_events.shop.{each[0]} import {each[1]}"),
    st.tuples(ATOMS, ATOMS).map(lambda each: f"from {each[0]} import {each[1]}, a"),
    st.just("from shop_events import *"),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.lists(st.lists(STATEMENTS, max_size=6), min_size=1, max_size=3))
def test_random_programs_are_read_without_an_error(
    here: Path, capsys: pytest.CaptureFixture[str], programs: list[list[str]]
) -> None:
    for name, lines in zip("abc", programs, strict=False):
        write(here, {f"src/{name}.py": "\n".join(lines)})
    assert run(command, "src") in (0, 1)
    output = capsys.readouterr().out
    assert "AC974" not in output
    assert output.startswith("catalog/")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(st.binary(max_size=200))
@example(b"# coding: utf-7\n+2AA-")
@example(b"# coding: idna\n\xff")
@example(b"\xef\xbb\xbf# coding: latin-1\n")
def test_random_bytes_are_read_without_an_error(
    here: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    (here / "src").mkdir(exist_ok=True)
    (here / "src" / "a.py").write_bytes(content)
    assert run(command, "src") == 1
    assert re.match(r"4 events, [01] files? read: none emitted", capsys.readouterr().out.splitlines()[-1])


# --- the rest ------------------------------------------------------------------------------------------


def test_codes_and_names_of_the_rules_differ() -> None:
    assert [rule.code for rule in RULES] == ["AC971", "AC972", "AC973", "AC974", "AC975", "AC976"]
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_the_runtime_emits_all_events_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(__file__).parents[2]
    sources, catalog = str(root / "runtime" / "auditwright"), str(root / "runtime" / "catalog")
    by_row = [
        option for name in ("pruned", "held", "released") for option in ("--elsewhere", f"audit.log.{name}")
    ]
    assert run(command, sources, "--catalog", catalog, *by_row) == 0
    assert re.fullmatch(
        r"4 events, \d+ files read: 1 emitted from 1 file, 3 elsewhere; no findings\n",
        capsys.readouterr().out,
    )
