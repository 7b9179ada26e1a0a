"""The load generator: it offers what it was asked to, counts what is stored, and refuses to run unbounded."""

import re
import subprocess
import sys
from array import array
from collections import Counter

import pytest
from tests.benchmarks.fleet import Outcome, fairness
from tests.benchmarks.fleet_process import Done, name_of
from tests.support.markdown import rows


def fleet(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "tests.benchmarks", "fleet", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_processes_record_and_read_and_every_entry_is_stored() -> None:
    done = fleet(
        "--on", "sqlite", "--seconds", "1", "--processes", "2", "--accounts", "10", "--events", "200"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "### Fleet: 2 processes, 10 accounts, 200 events and 50 pages a second for 1 s" in done.stdout
    recording, pages, entries = rows(done.stdout)
    assert float(recording[1]) > 0
    assert 0 < float(recording[2]) <= float(recording[3]) <= float(recording[4])
    assert float(pages[1]) > 0
    title, offered, acknowledged, stored, differing, errors, processes, accounts = entries
    assert (title, offered, differing, errors) == ("SQLite", "200", "0", "none")
    assert 0 < int(acknowledged) == int(stored) <= 200
    assert 0 < float(processes) <= 1
    assert 0 < float(accounts) <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--seconds", "601"), "argument --seconds: expected 1 to 600, got '601'"),
        (("--processes", "0"), "argument --processes: expected 1 to 16, got '0'"),
        (("--accounts", "all"), "argument --accounts: expected 1 to 100,000, got 'all'"),
        (("--events", "50000", "--seconds", "41"), "--events times --seconds: expected at most 2,000,000"),
    ],
)
def test_options_are_bounded(arguments: tuple[str, ...], message: str) -> None:
    done = fleet(*arguments)
    assert done.returncode == 2
    assert re.search(rf"error: {re.escape(message)}$", done.stderr, re.MULTILINE), done.stderr


@pytest.mark.parametrize(
    ("acknowledged", "unknown", "stored", "differing"),
    [
        ([0, 0, 1], [], {0: 2, 1: 1}, 0),
        ([0, 0, 1], [], {0: 1, 1: 1}, 1),  # one is missing
        ([0], [], {0: 1, 1: 2}, 2),  # two that nobody recorded
        ([0], [1], {0: 1, 1: 1}, 0),  # its call had an error, and it was stored nevertheless
        ([0], [1], {0: 1}, 0),
        ([0, 1], [0], {0: 2}, 1),  # that of another account does not replace it
    ],
)
def test_entries_are_compared_by_account(
    acknowledged: list[int], unknown: list[int], stored: dict[int, int], differing: int
) -> None:
    done = Done(Counter(), array("L", acknowledged), unknown=unknown)
    by_account = Counter({name_of(account): number for account, number in stored.items()})
    assert Outcome("SQLite", [done], by_account).differing == differing


def test_fairness_is_jains_index() -> None:
    assert fairness([3, 3, 3]) == 1
    assert fairness([1, 0, 0, 0]) == 0.25
    assert fairness([1, 2, 3]) == pytest.approx(36 / (3 * 14))
    assert fairness([0, 0]) == 1
