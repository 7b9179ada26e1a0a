"""docs/reading.md: its blocks run as one program, and its indexes match the code."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.support.markdown import program, program_text, prose
from tests.support.paths import DOCS

from auditwright.reading.filters import MAX_CONDITIONS
from auditwright.reading.pages import MAX_SEARCH, MIN_SEARCH
from auditwright.storage.layout import INDEXES, index_definition

PAGE = DOCS / "reading.md"


def test_the_program_prints_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "reading_guide"}
    exec(program(PAGE), names)
    shown = re.findall(r"^print\(.*# (.*)$", program_text(PAGE), re.MULTILINE)
    assert shown
    assert capsys.readouterr().out.splitlines() == shown
    names["log"].close()


def test_the_indexes_are_those_of_the_tables() -> None:
    text = PAGE.read_text()
    for name in INDEXES:
        assert f"| `{index_definition(name)}` |" in text
    assert text.count("\n| `(") == len(INDEXES) + 1


def test_the_numbers_are_those_of_the_code() -> None:
    text = prose(PAGE)
    assert f"up to {MAX_CONDITIONS} conditions" in text
    assert f"{MIN_SEARCH} to {MAX_SEARCH} characters" in text
