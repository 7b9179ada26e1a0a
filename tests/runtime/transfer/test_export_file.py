"""Files of exports: compression by their suffix, and atomic writing however an export ends."""

import fcntl
import gzip
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zstandard
from tests.support.processes import run_python
from tests.support.sample_events import ADA, KEY_CREATED, form, record

from auditwright import AccountLog, AuditLog, ExportError
from auditwright.transfer.export_file import format_of, write_export
from auditwright.transfer.text_export import Chunks

HALF_A_MEGABYTE = 500_000


def fill(log: AuditLog, count: int = 2500) -> None:
    with log.acting(ADA):
        log.record_many(form(KEY_CREATED, {}) for _ in range(count))


def plain(acme: AccountLog) -> bytes:
    stream = io.BytesIO()
    acme.export_csv(stream)
    return stream.getvalue()


def unzstd(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


def names(folder: Path) -> list[str]:
    """The files in the folder except the database."""
    return sorted(each.name for each in folder.iterdir() if not each.name.startswith("audit.db"))


def pieces(*found: bytes) -> Chunks:
    for piece in found:
        yield 1, piece


# --- formats and compression -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", "csv"),
        ("a.JSONL", "jsonl"),
        (".jsonl", "jsonl"),
        ("a.b.csv.gz", "csv"),
        ("a.jsonl.zst", "jsonl"),
        ("a.Parquet", "parquet"),
        ("a.gz", None),
        ("gz", None),
        ("csv", None),
        ("a.jsonl/b", None),
        ("a.csv.bz2", None),
        ("-", None),
        ("", None),
    ],
)
def test_file_name_sets_the_format(name: str, expected: str | None) -> None:
    assert format_of(name) == expected


def test_suffix_sets_the_compression(log: AuditLog, acme: AccountLog, tmp_path: Path) -> None:
    fill(log)
    wanted = plain(acme)
    for name in ("a.csv", "a.csv.gz", "A.CSV.GZ", "a.zst"):
        assert acme.export_csv(tmp_path / name) == 2500
    assert (tmp_path / "a.csv").read_bytes() == wanted
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()) == wanted
    assert unzstd((tmp_path / "a.zst").read_bytes()) == wanted
    assert (tmp_path / "a.csv.gz").stat().st_size < len(wanted) / 5
    assert acme.export_jsonl(tmp_path / "a.jsonl.zst") == 2500
    assert acme.export_jsonl(tmp_path / "a.jsonl") == 2500
    assert unzstd((tmp_path / "a.jsonl.zst").read_bytes()) == (tmp_path / "a.jsonl").read_bytes()


def test_equal_exports_are_equal_bytes(log: AuditLog, acme: AccountLog, tmp_path: Path) -> None:
    fill(log, 10)
    for first, second in (("a.csv.gz", "b.csv.gz"), ("a.csv.zst", "b.csv.zst")):
        acme.export_csv(tmp_path / first)
        acme.export_csv(tmp_path / second)
        assert (tmp_path / first).read_bytes() == (tmp_path / second).read_bytes()
    head = (tmp_path / "a.csv.gz").read_bytes()[:10]
    assert head[3] == 0  # no name
    assert head[4:8] == bytes(4)  # no time


@pytest.mark.parametrize("name", ["a.gz", "a.zst"])
def test_compressed_file_has_a_checksum(log: AuditLog, acme: AccountLog, tmp_path: Path, name: str) -> None:
    fill(log, 1)
    acme.export_csv(tmp_path / name)
    data = bytearray((tmp_path / name).read_bytes())
    data[-8 if name == "a.gz" else -1] ^= 1
    with pytest.raises((gzip.BadGzipFile, zstandard.ZstdError), match=r"CRC check failed|match checksum"):
        (gzip.decompress if name == "a.gz" else unzstd)(bytes(data))


def test_stream_is_not_compressed(log: AuditLog, acme: AccountLog, tmp_path: Path) -> None:
    fill(log, 3)
    with (tmp_path / "a.csv.gz").open("wb") as stream:
        acme.export_csv(stream)
    assert (tmp_path / "a.csv.gz").read_bytes() == plain(acme)


def test_pipe_is_compressed_by_its_suffix(log: AuditLog, acme: AccountLog, tmp_path: Path) -> None:
    record(log, KEY_CREATED)
    target = tmp_path / "pipe.gz"
    os.mkfifo(target)
    reader = os.open(target, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert acme.export_csv(target) == 1
        assert gzip.decompress(os.read(reader, 65536)) == plain(acme)
    finally:
        os.close(reader)


@pytest.mark.parametrize("name", ["a.gz", "a.zst"])
def test_compressed_data_is_written_incrementally(tmp_path: Path, name: str) -> None:
    def sizes() -> Iterator[int]:
        for each in tmp_path.iterdir():
            yield each.stat().st_size

    seen = []

    def noise() -> Chunks:
        for _ in range(10):
            yield 1, os.urandom(HALF_A_MEGABYTE)
            seen.append(sum(sizes()))

    assert write_export(noise(), tmp_path / name, None) == 10
    assert all(size > number * HALF_A_MEGABYTE for number, size in enumerate(seen[1:]))


def test_missing_compressor_is_reported_before_any_work(
    log: AuditLog, acme: AccountLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    primed = []
    for package in ("zstandard", "compression", "compression.zstd"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ExportError) as caught:
        acme.export_csv(tmp_path / "a.csv.zst", begin=lambda: primed.append(1))
    assert str(caught.value) == '.zst needs the package zstandard: pip install "auditwright[zstd]"'
    for package in ("pyarrow", "auditwright.transfer.parquet"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ExportError) as caught:
        acme.export_parquet(tmp_path / "a.parquet", begin=lambda: primed.append(1))
    assert str(caught.value) == 'Parquet needs the package pyarrow: pip install "auditwright[analytics]"'
    assert (primed, names(tmp_path)) == ([], [])


@pytest.mark.parametrize("name", ["a.parquet.gz", "a.parquet.zst", "a.gz"])
def test_compressed_parquet_is_refused(acme: AccountLog, tmp_path: Path, name: str) -> None:
    primed: list[int] = []
    with pytest.raises(ExportError) as caught:
        acme.export_parquet(tmp_path / name, begin=lambda: primed.append(1))
    assert str(caught.value) == (
        f"{tmp_path / name}: the export was not written: "
        "Parquet is compressed already; use the suffix .parquet"
    )
    assert (primed, names(tmp_path)) == ([], [])


# --- whole or not there ----------------------------------------------------------------------------


def test_failure_at_the_end_leaves_no_file(
    acme: AccountLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ExportError, match=r"out\.csv: the export was not written: Input/output error"):
        acme.export_csv(tmp_path / "out.csv")
    assert names(tmp_path) == []


def test_rename_is_made_durable(acme: AccountLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    fsync = os.fsync

    def sync(descriptor: int) -> None:
        synced.append((Path(f"/proc/self/fd/{descriptor}").resolve(), names(tmp_path) == ["out.csv"]))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    acme.export_csv(tmp_path / "out.csv")
    (partial, named_before), folder = synced
    assert (partial.suffix, named_before) == (".partial", False)
    assert folder == (tmp_path.resolve(), True)


@pytest.mark.parametrize("name", ["é" * 127, "a" * 255, "日" * 85, "[a-z]*?.csv"])
def test_any_file_name_works(tmp_path: Path, name: str) -> None:
    assert write_export(pieces(b"a", b"b"), tmp_path / name, None) == 2
    assert (tmp_path / name).read_bytes() == b"ab"
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("there", [True, False])
def test_link_is_followed(log: AuditLog, acme: AccountLog, tmp_path: Path, there: bool) -> None:
    fill(log, 3)
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    link.symlink_to(real.name)
    if there:
        real.write_text("old")
    acme.export_csv(link)
    assert link.is_symlink()
    assert real.read_bytes() == plain(acme)


def test_name_of_an_open_file_is_written_in_place(log: AuditLog, path: Path, tmp_path: Path) -> None:
    fill(log, 3)
    script = f"""
import sys
from auditwright import AuditLog
with AuditLog.open("sqlite:///{path}") as log:
    log.account("acme").export_csv("stdout")
"""
    (tmp_path / "stdout").symlink_to("/proc/self/fd/1")
    with (tmp_path / "out.csv").open("wb") as stream:
        subprocess.run([sys.executable, "-c", script], check=True, stdout=stream, cwd=tmp_path, timeout=60)
    assert (tmp_path / "out.csv").read_bytes() == plain(log.account("acme"))
    assert (tmp_path / "stdout").is_symlink()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("", "the name of the file is empty"), ("x" * 300, "File name too long")],
)
def test_impossible_file_name_is_refused(
    acme: AccountLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExportError, match=f"the export was not written: {reason}"):
        acme.export_csv(name)


def test_only_abandoned_partial_files_are_removed(tmp_path: Path) -> None:
    left = {".out.csv.abcd_123.partial", ".out.csv.zzzzzzzz.partial"}
    others = {".out.csv.partial", ".out.csv.abc.partial", ".other.csv.abcd_123.partial", "out.csv.partial"}
    for name in left | others:
        (tmp_path / name).write_text("left behind")
    (tmp_path / ".out.csv.afolder1.partial").mkdir()
    write_export(pieces(b"a"), tmp_path / "out.csv", None)
    assert set(names(tmp_path)) == {*others, ".out.csv.afolder1.partial", "out.csv"}


def test_partial_file_of_a_running_export_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"

    def another(_: int) -> None:
        assert write_export(pieces(b"the other"), target, None) == 1
        assert target.read_bytes() == b"the other"

    assert write_export(pieces(b"the first"), target, another) == 1
    assert target.read_bytes() == b"the first"
    assert names(tmp_path) == ["out.csv"]


def test_unlistable_folder_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "iterdir", refuse)
        write_export(pieces(b"a"), tmp_path / "out.csv", None)
    assert names(tmp_path) == ["out.csv"]


def test_partial_file_removed_before_its_lock_is_recreated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Path] = []

    def late(descriptor: int, operation: int) -> None:
        if not taken:
            taken.extend(tmp_path.iterdir())
            taken[0].unlink()
        flock(descriptor, operation)

    flock = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", late)
    write_export(pieces(b"a"), tmp_path / "out.csv", None)
    assert (tmp_path / "out.csv").read_bytes() == b"a"
    assert (len(taken), names(tmp_path)) == (1, ["out.csv"])


def test_without_file_locks_nothing_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    left = tmp_path / ".out.csv.abcd_123.partial"
    left.write_text("perhaps another host's")
    monkeypatch.setattr(fcntl, "flock", refuse)
    write_export(pieces(b"a"), tmp_path / "out.csv", None)
    assert names(tmp_path) == [left.name, "out.csv"]


def test_disk_that_fills_up_leaves_no_file(log: AuditLog, path: Path, tmp_path: Path) -> None:
    fill(log)
    target = tmp_path / "out.csv"
    target.write_text("the older one")
    told = run_python(
        """
import resource, sys
from audit_events import CATALOG
from auditwright import AuditLog, ExportError
with AuditLog.open(sys.argv[1], catalog=CATALOG) as log:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    try:
        log.account("acme").export_csv(sys.argv[2])
    except ExportError as error:
        print(error)
""",
        f"sqlite:///{path}",
        str(target),
    )
    assert told == f"{target}: the export was not written: File too large\n"
    assert target.read_text() == "the older one"
    assert names(tmp_path) == ["out.csv"]


EXPORTS = """
import signal, sys
from auditwright import cli
from auditwright.commands import export

class Waits(export.ProgressLine):
    def __call__(self, count):
        print("midway", flush=True)
        sys.stdin.readline()

for each in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(each, signal.SIG_DFL if sys.argv[1] == "heeds" else signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.default_int_handler)
export.ProgressLine = Waits
sys.exit(cli.main(sys.argv[2:]))
"""


@contextmanager
def exporting(path: Path, target: Path, *options: str, signals: str = "heeds") -> Iterator[Any]:
    """The command in its own process, paused midway."""
    command = ["export", "--database", f"sqlite:///{path}", "--account", "acme", "--output", str(target)]
    with subprocess.Popen(
        [sys.executable, "-c", EXPORTS, signals, *command, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "midway\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.jsonl.zst", "out.parquet"])
@pytest.mark.parametrize(
    ("number", "code", "told"),
    [
        (signal.SIGINT, 130, "\nauditwright: interrupted\n"),
        (signal.SIGTERM, 143, ""),
        (signal.SIGHUP, 129, ""),
    ],
)
def test_terminated_export_keeps_the_previous_file(
    log: AuditLog, path: Path, tmp_path: Path, name: str, number: int, code: int, told: str
) -> None:
    fill(log)
    target = tmp_path / name
    target.write_text("the older one")
    with exporting(path, target) as process:
        assert len(names(tmp_path)) == 2  # the previous file and the partial one
        process.send_signal(number)
        assert process.communicate(timeout=60) == ("", told)
    assert process.returncode == code
    assert target.read_text() == "the older one"
    assert names(tmp_path) == [name]


def test_partial_file_of_a_killed_export_is_removed(log: AuditLog, path: Path, tmp_path: Path) -> None:
    fill(log)
    target = tmp_path / "out.csv"
    with exporting(path, target) as process:
        process.kill()
        process.wait(timeout=60)
    (left,) = names(tmp_path)
    assert (left[:9], left[-8:]) == (".out.csv.", ".partial")
    assert log.account("acme").export_csv(target) == 2501  # with the entry that recorded the killed export
    assert names(tmp_path) == ["out.csv"]


def test_ignored_signals_do_not_end_the_export(log: AuditLog, path: Path, tmp_path: Path) -> None:
    fill(log, 1)
    target = tmp_path / "out.csv"
    with exporting(path, target, signals="ignores") as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.communicate("\n", timeout=60)[1] == f"exported 1 entry to {target}\n"
    assert process.returncode == 0
    assert names(tmp_path) == ["out.csv"]
