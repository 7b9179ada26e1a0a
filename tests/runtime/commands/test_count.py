"""`auditwright count`."""

import sys

import pytest
from tests.support.command_line import SCANNER, Auditwright


def test_counts_entries(recorded: Auditwright) -> None:
    for options, expected in (
        ([], "2\n"),
        (["--where", f"event:is:{SCANNER}"], "1\n"),
        (["--search", "pipeline", "--from", "2026-01-02T04:00"], "1\n"),
    ):
        for exact in ([], ["--exact"]):
            done = recorded("count", "--account", "acme", *options, *exact)
            assert (done.code, done.out, done.err) == (0, expected, "")


def test_count_stops_at_its_limit(recorded: Auditwright, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditwright.commands.count.COUNT_LIMIT", 1)
    done = recorded("count", "--account", "acme")
    assert (done.code, done.out) == (0, "1+\n")
    assert done.err == "there may be more; --exact counts all entries\n"
    done = recorded("count", "--account", "acme", "--exact")
    assert (done.code, done.out, done.err) == (0, "2\n", "")


@pytest.mark.parametrize("exact", [[], ["--exact"]])
def test_count_of_zero_has_a_hint(recorded: Auditwright, exact: list[str]) -> None:
    done = recorded("count", *exact)
    hint = "there are entries of acme, globex: select one by --account"
    assert (done.code, done.out) == (0, "0\n")
    assert done.err == f'the account "default" has no entries; {hint}\n'
    done = recorded("count", "--account", "acme", "--search", "hopper", *exact)
    assert (done.code, done.out, done.err) == (0, "0\n", 'no entry of the account "acme" matches\n')


def test_exact_count_shows_progress(recorded: Auditwright, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("auditwright.commands.progress.SECONDS", -1)
    done = recorded("count", "--account", "acme", "--exact")
    assert (done.code, done.out) == (0, "2\n")
    shown = done.err.split("\r\x1b[K")
    assert any(line.startswith("counted 2 entries") for line in shown)
    assert shown[-1] == ""
