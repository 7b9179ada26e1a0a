"""The progress line of a build: on a terminal only, and gone when the build has ended."""

import io
import sys

import pytest

from auditwright_generator.commands.progress import ProgressLine


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, *texts: str) -> list[str]:
    """What a terminal of 30 columns shows, one line after the other."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("auditwright_generator.commands.progress.SECONDS", -1)
    monkeypatch.setenv("COLUMNS", "30")
    with ProgressLine() as progress:
        for text in texts:
            progress(text)
    return terminal.getvalue().split("\r\x1b[K")[1:]


def test_a_terminal_shows_the_step_and_how_much_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (
        "\x1b[2K\x1b[1mreading sources... \x1b[22m[ 20%] ",
        "account/models",
        "writing output... [100%] x",
    )
    assert shown(monkeypatch, *lines) == ["reading sources 20 %", "writing output 100 %", ""]


def test_a_long_step_fits_into_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, f"{'copying ' * 10}... ") == ["copying copying copying copyi", ""]


def test_nothing_is_shown_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressLine() as progress:
        progress("reading sources... [ 20%] ")
    assert capsys.readouterr() == ("", "")
