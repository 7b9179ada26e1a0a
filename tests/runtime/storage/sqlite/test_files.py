"""The files of a SQLite log: who can read them, and how large they stay."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.sample_events import KEY_CREATED, record

from auditwright import AuditLog, StorageError
from auditwright.cli import main
from auditwright.storage.sqlite.connections import WAL_BYTES


@pytest.fixture(autouse=True)
def everybody_may_read() -> Iterator[None]:
    """The umask that leaves new files open to everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


def _modes(folder: Path) -> dict[str, str]:
    return {each.name: f"{each.stat().st_mode & 0o777:o}" for each in folder.iterdir()}


def _opened(path: Path, **options: Any) -> AuditLog:
    return AuditLog.open(f"sqlite:///{path}", account_id="acme", **options)


# --- modes ---------------------------------------------------------------------------------------


def test_only_the_owner_can_read_a_new_log(tmp_path: Path) -> None:
    with _opened(tmp_path / "audit.db") as log:
        record(log, KEY_CREATED)
        assert _modes(tmp_path) == {"audit.db": "600", "audit.db-shm": "600", "audit.db-wal": "600"}
    assert _modes(tmp_path) == {"audit.db": "600"}


def test_the_mode_of_an_existing_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    path.touch(0o660)
    with _opened(path) as log:
        record(log, KEY_CREATED)
        assert _modes(tmp_path) == {"audit.db": "660", "audit.db-shm": "660", "audit.db-wal": "660"}


def test_only_the_owner_can_read_a_log_of_the_command(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["database", "create", "--database", f"sqlite:///{tmp_path}/audit.db"]) == 0
    capfd.readouterr()
    assert _modes(tmp_path) == {"audit.db": "600"}


def test_a_log_is_made_where_a_link_points(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "audit.db")
    with _opened(tmp_path / "link.db") as log:
        record(log, KEY_CREATED)
    assert _modes(tmp_path)["audit.db"] == "600"
    assert (tmp_path / "link.db").is_symlink()


def test_nothing_is_made_where_a_log_is_only_read(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no such database"):
        _opened(tmp_path / "audit.db", create=False)
    assert _modes(tmp_path) == {}


# --- size ----------------------------------------------------------------------------------------


def test_the_wal_shrinks_after_a_burst(tmp_path: Path) -> None:
    wal = tmp_path / "audit.db-wal"
    with _opened(tmp_path / "audit.db") as log:
        with log._storage.connections.writing() as connection:  # type: ignore[attr-defined]
            connection.execute("CREATE TABLE burst (data)")
            connection.execute("INSERT INTO burst VALUES (zeroblob(55000000))")
        assert wal.stat().st_size > 55_000_000
        record(log, KEY_CREATED)
        assert wal.stat().st_size == WAL_BYTES
