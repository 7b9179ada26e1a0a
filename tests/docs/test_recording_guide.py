"""docs/recording.md: its blocks run as one program, which stores what the page says."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.markdown import program, prose
from tests.support.paths import DOCS

from auditwright.recording import group_commit as writer
from auditwright.storage.deadline import TIMEOUT
from auditwright.storage.sqlite import connections as sqlite

PAGE = DOCS / "recording.md"


def test_the_program_stores_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "recording_guide"}
    exec(program(PAGE), names)
    with closing(sqlite3.connect(tmp_path / "audit.db")) as connection:
        ids = {row[0] for row in connection.execute("SELECT id FROM audit_entry")}
    assert len(ids) == 100 + 1 + 1_000 + 1 + 1
    assert names["kept"].id.bytes in ids


def test_the_numbers_are_those_of_the_code() -> None:
    text = prose(PAGE)
    assert f"at most {writer.BATCH_ROWS:,} entries or {writer.BATCH_BYTES >> 20} MiB" in text
    assert f"the timeout of the log, {TIMEOUT:g} seconds by default" in text
    assert f"when {writer.MAX_WAITING:,} wait" in text
    assert sqlite.BUSY_SECONDS == 1.0
