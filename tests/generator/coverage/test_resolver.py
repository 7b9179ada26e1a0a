"""Every way of emitting that is followed, and what does not count."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.generator.coverage.sample_code import AUDIT, ORDERS, PLACED, SHIPPED, SHOWN, write
from tests.generator.run_command import run
from tests.support.campaigns import examples

from auditwright_generator.cli import coverage as command

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
    "a key": "log.record_event('shop.orders.order_placed', {}, {})",
    "a constant": "KEY = 'shop.orders.order_placed'\ndef f(): log.record_event(KEY, {}, {})",
    "a constant of a class": "class K:\n P = 'shop.orders.order_placed'\nlog.record_event(K.P.value, {}, {})",
}
BY_NAME = {
    "a parameter that is called so": "def f(orders): orders.order_placed(order_id=i)",
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
    ]


NOT_FOLLOWED = {
    "an argument": AUDIT + "def f(o): o.order_placed(order_id=i)\nf(audit.shop.orders)",
    "a call of dict": "log.record_form(dict(event='shop.orders.order_placed', metadata={}))",
    "a JSON text": 'log.record_json(\'{"event": "shop.orders.order_placed", "metadata": {}}\')',
    "an item": AUDIT + "o = [audit.shop.orders]\no[0].order_placed()",
    "a computed name": AUDIT + "operator.attrgetter('shop.orders.order_placed')(audit)()",
    "a context manager of one's own": "with emitters() as o: o.order_placed()",
}


@pytest.mark.parametrize("code", NOT_FOLLOWED.values(), ids=NOT_FOLLOWED)
def test_documented_limits_of_coverage_are_real(cover: Any, code: str) -> None:
    found = cover(code)
    assert (found.emitted, found.problems) == ({}, [])


def test_names_of_all_scopes_of_a_file_are_the_same(cover: Any) -> None:
    found = cover(AUDIT + "def f(): o = audit.shop.orders\ndef g(o): o.order_placed(); o.typo()")
    assert (found.emitted, found.problems) == ({PLACED: ["src/a.py:4:13 emitter"]}, [])


def test_attributes_of_all_classes_are_the_same(cover: Any) -> None:
    found = cover(
        {
            "a.py": AUDIT + "class A:\n    def __init__(self): self.o = audit.shop.orders\n",
            "b.py": "def f(b): b.o.order_placed(); b.o.typo()\n",
        }
    )
    assert (found.emitted, found.problems) == ({PLACED: ["src/b.py:1:15 emitter"]}, [])


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
        "orders.order_placed(order, number=1)",
        "order_placed(order_id=i)",
        "orders.order_placed()",
        "where = {'event': 'shop.orders.order_placed'}",
        "entry.event == 'shop.orders.order_placed'",
        "from shop_events.models.shop.orders import OrderPlaced\nisinstance(e.typed, OrderPlaced)",
        "from shop_events.tables.shop.orders import OrderPlaced\nselect(OrderPlaced)",
        '\'{"event": "shop.orders.order_placed"}\'',
        "def f(o: 'Orders'): o.order_placed()",
    ],
)
def test_use_without_emission_does_not_count(cover: Any, code: str) -> None:
    found = cover(code)
    assert (found.emitted, found.problems, found.notes) == ({}, [], [])


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


@settings(max_examples=examples(80))
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
