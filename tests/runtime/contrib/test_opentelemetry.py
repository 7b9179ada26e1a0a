"""`observe_health`: the health of a log as OpenTelemetry's SDK exports it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from tests.support.sample_events import KEY_CREATED, record
from tests.support.spools import AWAY

from audit_events import CATALOG
from auditwright import AuditLog
from auditwright.contrib import opentelemetry
from auditwright.contrib.opentelemetry import GAUGES, observe_health

Read = Callable[[], dict[str, float]]


def observed(log: AuditLog) -> Read:
    """Reads the values of the gauges of a log by their names; each collection looks anew."""
    reader = InMemoryMetricReader()
    observe_health(log, MeterProvider([reader]))

    def read() -> dict[str, float]:
        data = reader.get_metrics_data()
        values = {}
        for metric in data.resource_metrics[0].scope_metrics[0].metrics if data else ():
            (point,) = metric.data.data_points
            assert isinstance(point, NumberDataPoint)
            values[metric.name] = point.value
        return values

    return read


@pytest.fixture(autouse=True)
def _looks_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opentelemetry, "REUSED_SECONDS", 0.0)


def test_the_gauges_of_a_log_without_a_spool(log: AuditLog) -> None:
    read = observed(log)
    quiet = {
        "auditwright.database.reachable": 1,
        "auditwright.queue.entry.count": 0,
        "auditwright.spool.entry.count": 0,
        "auditwright.spool.refused_entry.count": 0,
        "auditwright.spool.size": 0,
    }
    assert read() == quiet
    record(log, KEY_CREATED)
    values = read()
    assert 0 <= values.pop("auditwright.commit.age") < 60
    assert values == quiet


def test_the_gauges_of_a_log_whose_database_is_away(tmp_path: Path) -> None:
    spool = f"sqlite:///{tmp_path}/spool.db"
    with AuditLog.open(AWAY, account_id="acme", catalog=CATALOG, timeout=3, spool=spool) as log:
        read = observed(log)
        for _ in range(3):
            record(log, KEY_CREATED)
        values = read()
        assert 0 <= values["auditwright.spool.entry.age"] < 60
        assert values["auditwright.spool.entry.count"] == 3
        assert values["auditwright.spool.size"] > 0
        assert values["auditwright.database.reachable"] == 0
        assert "auditwright.commit.age" not in values


def test_a_spool_that_cannot_be_read_gives_no_values(tmp_path: Path) -> None:
    spool = tmp_path / "spool.db"
    with AuditLog.open(AWAY, catalog=CATALOG, timeout=3, spool=f"sqlite:///{spool}") as log:
        read = observed(log)
        assert read()
        spool.unlink()
        assert read() == {}


def test_one_look_is_enough_for_a_collection(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database is silent, each look takes two seconds."""
    monkeypatch.setattr(opentelemetry, "REUSED_SECONDS", 60.0)
    read, looks = observed(log), iter([log.health()])
    monkeypatch.setattr(log, "health", lambda: next(looks))
    assert len(read()) > 1


def test_names_and_units_follow_the_conventions() -> None:
    """Lower case, with dots, and units of UCUM: https://opentelemetry.io/docs/specs/semconv/general/naming/"""
    for name, (unit, description, _) in GAUGES.items():
        assert name.startswith("auditwright.")
        assert name.replace(".", "").replace("_", "").islower()
        assert unit in {"1", "s", "By", "{entry}"}
        assert description
