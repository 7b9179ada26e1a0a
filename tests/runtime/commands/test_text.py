"""Tables on a terminal."""

import sys

import pytest

from auditwright.commands.text import table

HEADER = ("account", "first", "reason")
ROWS = [("a" * 100, "2026-01-31 09:30", "Case 17"), ("globex", "2026-02-01 10:00", "x" * 50)]


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)


@pytest.mark.parametrize("columns", [60, 80, 120, 400])
def test_whole_columns_are_never_truncated(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = table(HEADER, ROWS, whole=("first",))
    assert max(map(len, lines)) <= columns
    for line, (_, first, _) in zip(lines[1:], ROWS, strict=True):
        assert f"  {first}  " in line


def test_optional_columns_are_left_out_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {}
    for columns in (60, 45, 30):
        monkeypatch.setenv("COLUMNS", str(columns))
        shown[columns] = table(HEADER, ROWS, whole=("first",), optional=("reason", "account"))[0].split()
    assert shown == {60: list(HEADER), 45: ["account", "first"], 30: ["first"]}


def test_table_that_is_too_wide_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    assert table(HEADER, ROWS, whole=("first",))[1] == "aaaaaaaaaaa…  2026-01-31 09:30  Case 17"
    assert table(("first",), [("2026-01-31 09:30",)], whole=("first",)) == ["first", "2026-01-31 09:30"]
