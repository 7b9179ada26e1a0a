"""What is printed as text, as JSON and for GitHub."""

import json
import re
from pathlib import Path

import pytest
from tests.generator.coverage.sample_code import AUDIT, PLACED, SHIPPED, SHOWN, write
from tests.generator.run_command import run

from auditwright_generator.cli import coverage as command

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
nowhere in src; emit it, deprecate it, excuse it with --elsewhere device.orders.order_shown, or, \
if nothing emits it yet, write `suppress: {AC971: {reason: ...}}` at the event
catalog/shop/orders.yaml:12:3: warning AC971 event-never-emitted: shop.orders.order_shipped is emitted \
nowhere in src; emit it, deprecate it, excuse it with --elsewhere shop.orders.order_shipped, or, \
if nothing emits it yet, write `suppress: {AC971: {reason: ...}}` at the event
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
        "suppressed": 0,
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


def test_path_with_line_breaks_is_escaped(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"src/a\nb.py": "print 1\n"})
    run(command, "src")
    assert "src/a\\nb.py:1:1: error AC974" in capsys.readouterr().out


def test_full_coverage_has_no_findings(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"src/a.py": AUDIT + "for each in (PLACED, SHIPPED, SHOWN): ...\n"})
    write(here, {"src/b.py": "\n".join(f"x.{key}()" for key in (PLACED, SHIPPED, SHOWN))})
    assert run(command, "src") == 0
    assert printed(capsys) == (
        "4 events, 2 files read: 3 emitted from 1 file, 1 deprecated and no longer; no findings\n"
    )
