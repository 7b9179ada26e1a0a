"""`suppress: {AC971: ...}` in the catalog: `coverage` honours it, and `check` leaves it alone."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.generator.coverage.sample_code import PLACED, SHIPPED, Found
from tests.generator.run_command import run

from auditwright_generator import cli
from auditwright_generator.check import read_catalog
from auditwright_generator.coverage import coverage

SHIPPED_LINE, SUPPRESS = "  order_shipped:\n", "{AC971: {reason: The carrier calls us next year}}"
ELSEWHERE = ("--elsewhere", "device.*")


@pytest.fixture
def orders(here: Path) -> Path:
    return here / "catalog" / "shop" / "orders.yaml"


def states(found: Found) -> dict[str, str]:
    return {event["key"]: event["state"] for event in found.document["events"]}


def suppress(orders: Path, suppression: str = SUPPRESS) -> None:
    """At order_shipped, which no code emits."""
    text = orders.read_text("utf-8")
    assert SHIPPED_LINE in text
    orders.write_text(text.replace(SHIPPED_LINE, f"{SHIPPED_LINE}    suppress: {suppression}\n"), "utf-8")


def test_a_reason_at_the_event_suppresses_the_finding(
    orders: Path, cover: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    suppress(orders)
    found = cover(f"x.{PLACED}()", *ELSEWHERE)
    assert (found.code, found.problems) == (0, [])
    assert states(found)[SHIPPED] == "suppressed"
    assert run(cli.check) == 0
    assert run(cli.coverage, "src", *ELSEWHERE) == 0
    checked, covered = capsys.readouterr().out.splitlines()
    assert checked.endswith(" rules: no findings")
    assert covered.endswith("1 elsewhere, 1 deprecated and no longer, 1 suppressed; no findings")


@pytest.mark.parametrize("path", ["shop/orders.yaml", "catalog.yaml"])
def test_a_reason_reaches_all_events_of_its_owner(path: str, here: Path, cover: Any) -> None:
    with (here / "catalog" / path).open("a", encoding="utf-8") as file:
        file.write(f"suppress: {SUPPRESS}\n")
    found = cover("", *ELSEWHERE)
    assert (found.code, found.problems) == (0, [])
    assert (states(found)[PLACED], states(found)[SHIPPED]) == ("suppressed", "suppressed")


def test_an_unused_reason_is_a_finding_of_coverage_alone(orders: Path, cover: Any) -> None:
    suppress(orders)
    found = cover(f"x.{PLACED}()\nx.{SHIPPED}()", *ELSEWHERE)
    assert found.code == 1
    assert found.problems == [
        "catalog/shop/orders.yaml:13:16 AC952 suppression of AC971 has no effect here; remove it"
    ]
    assert run(cli.check) == 0


def test_an_event_that_others_emit_keeps_its_reason(orders: Path, cover: Any) -> None:
    suppress(orders)
    found = cover(f"x.{PLACED}()", *ELSEWHERE, "--elsewhere", SHIPPED)
    assert (found.code, states(found)[SHIPPED]) == (0, "elsewhere")


def test_an_expired_reason_hides_nothing(orders: Path, here: Path) -> None:
    suppress(orders, '{AC971: {reason: Not yet, until: "2030-01-31"}}')
    (here / "src.py").write_text(f"x.{PLACED}()\n", "utf-8")
    checked = read_catalog(here / "catalog")
    assert checked.catalog is not None
    assert (checked.findings, checked.dated) == ((), False)
    positions = {event.key: event.node.key_position for _, event in checked.source.events}
    compared = coverage.cover(checked.catalog, positions, [here / "src.py"], "src.py", ["device.*"])
    before = coverage.apply_suppressions(compared, checked.source, date(2030, 1, 31))
    after = coverage.apply_suppressions(compared, checked.source, date(2030, 2, 1))
    assert [finding.code for finding in before.findings] == []
    assert [finding.code for finding in after.findings] == ["AC971", "AC953"]


def test_findings_in_code_cannot_be_suppressed(orders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suppress(orders, "{AC972: {reason: We know}}")
    assert run(cli.check) == 1
    assert (
        "error AC951 invalid-suppression: there is no rule AC972 of check; `coverage` finds it in Python "
        "code, which no suppression reaches\n"
    ) in capsys.readouterr().out
