"""Wrong emitters are found, and nothing else; events that other code emits are excused."""

from typing import Any

import pytest
from tests.generator.coverage.sample_code import AUDIT, ORDERS, PLACED, SHIPPED

from auditwright_generator.coverage.rules import RULES

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
        (
            AUDIT + "self.audit = audit or other\nself.audit.shop.orders.order_plced()",
            "4:24 " + PLACED_NEAR,
        ),
        (
            AUDIT + "self.audit = audit\ndef f(audit): b.audit = audit\nself.audit.shop.orders.order_plced()",
            "5:24 " + PLACED_NEAR,
        ),
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
            AUDIT + "audit.shop.order.x()",
            '3:12 AC972 level shop has no category "order"; did you mean "orders"?',
        ),
        (
            "audit.shop.baskets.basket_paid()",
            "1:20 AC972 shop.baskets.basket_paid is called shop.orders.order_placed now; emit that",
        ),
        (
            "log.record_json({'event': 'shop.orders.order_plced', 'metadata': {}})",
            '1:27 AC972 no event has the key "shop.orders.order_plced"; '
            'did you mean "shop.orders.order_placed"?',
        ),
    ],
)
def test_unknown_emitter_is_found(cover: Any, code: str, problem: str) -> None:
    found = cover(code)
    assert found.problems == [f"src/a.py:{problem}"]
    assert found.code == 1


@pytest.mark.parametrize(
    "code",
    [
        "user.shop.orders.count()",
        "my.audit.shpo.orders.order_placed()",
        "audit.shop.order.order_placed()",
        "from shop_events.models.shop.orders import OrderPlced",
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
def test_call_of_a_non_emitter_is_no_finding(cover: Any, code: str) -> None:
    found = cover(code)
    assert (found.problems, found.notes) == ([], [])


def test_a_deprecated_event_is_found_at_each_use(cover: Any) -> None:
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


def test_undecidable_call_is_a_note(cover: Any) -> None:
    found = cover(
        AUDIT + "getattr(audit, name)\ngetattr(audit.shop, name)\ngetattr(audit.shop.orders, name)()\n",
        "--elsewhere",
        "*",
    )
    assert found.notes == [
        "src/a.py:3:9 getattr with a name that is not written out may emit any event",
        "src/a.py:4:15 getattr with a name that is not written out may emit any event of shop",
        "src/a.py:5:20 getattr with a name that is not written out may emit any event of shop.orders",
    ]
    assert (found.problems, found.code) == ([], 0)


def test_events_emitted_elsewhere_are_not_reported(cover: Any) -> None:
    found = cover("x.shop.orders.order_placed()", "--elsewhere", "device.*", "--elsewhere", SHIPPED)
    assert [event["state"] for event in found.document["events"]] == [
        "emitted",
        "elsewhere",
        "deprecated",
        "elsewhere",
    ]
    assert (found.document["findings"], found.code) == ([], 0)


def test_unused_elsewhere_option_is_a_finding(cover: Any) -> None:
    found = cover("x.shop.orders.order_placed()", "--elsewhere", PLACED, "--elsewhere", "shop.baskets.*")
    assert found.problems == [
        "None:None:None AC976 --elsewhere shop.baskets.*: no event has such a key; correct or remove it",
        f"None:None:None AC976 --elsewhere {PLACED}: all events it fits are emitted here; remove it",
    ]


def test_codes_and_names_of_the_rules_differ() -> None:
    assert [rule.code for rule in RULES] == ["AC971", "AC972", "AC973", "AC974", "AC975", "AC976"]
    assert len({rule.name for rule in RULES}) == len(RULES)
