"""The progress line of long commands."""

import itertools
import sys
import threading
import time
from collections.abc import Callable

import pytest

from auditwright import StorageError
from auditwright.commands import progress
from auditwright.commands.progress import ProgressLine, describe


def wait_for_total() -> None:
    """Wait for the thread that counts the total."""
    for thread in threading.enumerate():
        if thread.name == progress.TOTAL and thread is not threading.current_thread():
            thread.join(timeout=60)
            assert not thread.is_alive()


def use_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set up a terminal of 80 columns, and a clock that advances by a second at each call."""
    seconds = itertools.count()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(seconds)))
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize(
    ("count", "seconds", "total", "expected"),
    [
        (1_234_000, 2.41, 10_000_000, "exported 1,234,000 entries (12 %), 512,000 a second, about 17 s left"),
        (1_234_000, 2.41, None, "exported 1,234,000 entries, 512,000 a second"),
        (1, 0.5, 0, "exported 1 entries, 2 a second"),
        (1, 3.0, None, "exported 1 entries"),
        (3, 60.0, 300, "exported 3 entries (1 %), about 99 min left"),
        (1000, 1.0, 100_000, "exported 1,000 entries (1 %), 1,000 a second, about 99 s left"),
        (1000, 1.0, 101_001, "exported 1,000 entries (0 %), 1,000 a second, about 2 min left"),
        (1000, 1.0, 10_000_000, "exported 1,000 entries (0 %), 1,000 a second, about 2 h 47 min left"),
        (2000, 1.0, 1000, "exported 2,000 entries (100 %), 2,000 a second, about 0 s left"),
    ],
)
def test_text_of_the_progress_line(count: int, seconds: float, total: int | None, expected: str) -> None:
    assert describe("exported", count, seconds, total) == expected


def test_time_left_is_shown_once_the_total_is_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_terminal(monkeypatch)
    known = threading.Event()

    def total(_: Callable[..., None]) -> int:
        assert known.wait(timeout=60)
        return 400

    with ProgressLine("exported", total) as shown:
        shown(100)
        known.set()
        wait_for_total()
        shown(200)
    assert capsys.readouterr().err == (
        "\r\x1b[Kexported 100 entries, 100 a second"
        "\r\x1b[Kexported 200 entries (50 %), 100 a second, about 2 s left"
        "\r\x1b[K"
    )


def test_counting_the_total_stops_with_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    use_terminal(monkeypatch)
    ended = []

    def total(progress: Callable[..., None]) -> int:
        try:
            while True:
                progress(5, 0.5)
        finally:
            ended.append(1)

    with ProgressLine("exported", total):
        assert not ended
    wait_for_total()
    assert ended


def test_error_in_counting_the_total_is_ignored(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_terminal(monkeypatch)

    def total(_: Callable[..., None]) -> int:
        raise StorageError("no such thing")

    with ProgressLine("exported", total) as shown:
        wait_for_total()
        shown(5)
    assert capsys.readouterr().err == "\r\x1b[Kexported 5 entries, 5 a second\r\x1b[K"


def test_progress_line_fits_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "20")
    ProgressLine("exported")(1000)
    assert capsys.readouterr().err == "\r\x1b[Kexported 1,000 entr"


def test_no_progress_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    asked = []

    def total(_: Callable[..., None]) -> int:
        asked.append(1)
        return 1

    with ProgressLine("exported", total) as shown:
        wait_for_total()
        for count in range(100):
            shown(count)
    assert (capsys.readouterr().err, asked) == ("", [])
