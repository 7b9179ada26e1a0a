"""The short form of `python -m tests.faults`: every scenario, on a server of its own."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from tests.faults.__main__ import lines, main
from tests.faults.campaign import World, Writer, world_of
from tests.faults.kills import kill_children
from tests.faults.report import Report
from tests.faults.scenarios import SCENARIOS, Scenario, run
from tests.faults.writer import TICK, Lateness
from tests.support.databases import import_pgserver

pytestmark = [
    pytest.mark.postgresql_only,
    pytest.mark.skipif(os.name == "nt", reason="its faults are signals"),
]
SEED = 19


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    import_pgserver()
    with world_of(SEED, long=False) as made:
        yield made


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_acknowledged_entries_are_stored_once(world: World, scenario: Scenario) -> None:
    reports = run(world, scenario)
    reasons = [report.not_run for report in reports if report.not_run]
    if len(reasons) == len(reports):
        pytest.skip(reasons[0])
    assert not [line for report in reports if report.broken() for line in lines(report)]


# --- the judge -------------------------------------------------------------------------------------


def _report(**changes: object) -> Report:
    report = Report("judged", "spool", 4, announced={"a", "b"}, in_database={"a"}, in_spool={"b"})
    for name, value in changes.items():
        setattr(report, name, value)
    return report


def test_each_promise_is_judged() -> None:
    assert _report(longest=3.9, memory=[50.0, 60.0, 80.0], errors=Counter({"away": 3})).broken() == []
    changes: tuple[dict[str, object], ...] = (
        {"missing": 1},
        {"twice": 1},
        {"unasked": 1},
        {"refused": 1},
        {"undocumented": ["?log KeyError"]},
        {"longest": 4.1},
        {"memory": [50.0] * 10 + [60.0] * 9 + [120.0]},
        {"in_database": set(), "in_spool": set()},
    )
    for change in changes:
        assert len(_report(**change).broken()) == 1, change
    assert _report(longest=4.1, stall=0.5).broken() == []


def test_a_row_says_what_is_broken() -> None:
    row, broken = lines(_report(missing=1))
    assert " ".join(row.split()) == "judged spool 2 1 1 0 1 0 0 0.0 of 4 0.0 0 0 0 0"
    assert broken == "  BROKEN 1 missing"


def test_a_row_says_how_late_the_event_loop_ran() -> None:
    _, loop = lines(_report(loop_lag=0.26))
    assert loop == "    the event loop ran up to 0.3 s late"


def test_a_writer_says_how_late_it_runs(capfd: pytest.CaptureFixture[str]) -> None:
    lateness = Lateness("^")
    for seconds in (TICK + 0.05, TICK, TICK + 0.15):
        lateness.sleep()
        time.sleep(seconds)
        lateness.awake()
    said = capfd.readouterr().out.splitlines()
    assert said[0].startswith("^0.")
    assert 0.05 <= float(said[0].removeprefix("^")) < float(said[-1].removeprefix("^"))
    assert float(said[-1].removeprefix("^")) >= 0.15


class _Idle(Writer):
    """A writer whose children record nothing, until so many were killed."""

    def __init__(self, report: Report, kills: int) -> None:
        self.report, self.ready, self._kills = report, [0], kills
        self.children: list[subprocess.Popen[bytes]] = []

    def tell(self, line: str) -> None:
        if self.report.kills >= self._kills:
            self.report.in_database.add("a")
        self.report.announced.add(line)
        self.children.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        self.ready.append(self.children[-1].pid)


def test_processes_are_killed_until_one_has_recorded() -> None:
    writer = _Idle(Report("judged", "direct", 4), 5)
    kill_children(writer, random.Random(SEED), 2, 0.01)
    assert writer.report.kills == 6
    assert writer.report.broken() == []
    for child in writer.children:
        child.communicate()
        assert child.returncode == -signal.SIGKILL


def test_unknown_scenarios_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["meteorite"])
    assert "there is no scenario 'meteorite'; expected one of: kill, stopped" in capsys.readouterr().err
