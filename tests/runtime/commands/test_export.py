"""`auditwright export`."""

import csv
import gzip
import io
import itertools
import json
import re
import sys
import time
from pathlib import Path

import pyarrow.parquet  # type: ignore[import-untyped]
import pytest
import zstandard
from anyio.from_thread import BlockingPortal
from tests.runtime.commands.test_progress import wait_for_total
from tests.support.command_line import OS_USER, SCANNER, Auditwright
from tests.support.web import Client, authorize

from audit_events import CATALOG
from auditwright import AuditLog
from auditwright.server import create_app

EXPORT = ("export", "--account", "acme", "--output")
HEAD = "Date and Time (UTC),Event Name,Category,Description,User or App Name,IP Address\r\n"


@pytest.mark.sqlite_only
def test_exports_csv(recorded: Auditwright, tmp_path: Path) -> None:
    listed = recorded("list", "--account", "acme", "--format", "csv").out
    done = recorded(*EXPORT, "a b.csv")
    assert (done.code, done.out, done.err) == (0, "", "exported 2 entries to a b.csv\n")
    wanted = listed.replace("\n", "\r\n").replace("\r\r", "\r")
    assert (tmp_path / "a b.csv").read_bytes().decode() == wanted
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a b.csv", "audit.db"]


@pytest.mark.sqlite_only
def test_exports_to_stdout(recorded: Auditwright) -> None:
    done = recorded(*EXPORT, "-", "--where", "user:is:ci")
    assert (done.code, done.err) == (0, "exported 1 entry to stdout\n")
    assert done.out == HEAD + (
        '2026-01-02 04:00:00.000,API Key created,Models,"Pipeline created an API key for model Llama.",'
        '"Pipeline",192.0.2.1\r\n'
    )
    done = recorded(*EXPORT, "-", "--format", "jsonl")
    actors = [json.loads(line)["actor"] for line in done.out.splitlines()]
    assert [actor["id"] for actor in actors] == ["u-17", "ci", OS_USER.id]


def test_export_is_recorded_but_not_in_its_own_file(recorded: Auditwright, tmp_path: Path) -> None:
    selection = ("--where", "user:is:u-17", "--from", "2020-01-01", "--search", "scanner")
    recorded(*EXPORT, "a.jsonl", *selection, "--actor", "user:u-90:Frances Allen")
    assert "audit.log.exported" not in (tmp_path / "a.jsonl").read_text()
    (entry, *_) = json.loads(recorded("list", "--account", "acme", "--format", "json").out)
    assert entry["event"] == "audit.log.exported"
    assert entry["actor"] == {"type": "user", "id": "u-90", "name": "Frances Allen"}
    assert entry["description"] == "Frances Allen exported the audit log as JSON Lines."
    assert entry["metadata"] == {
        "format": "jsonl",
        "selection": "where=user%3Ais%3Au-17&period=custom&from=2020-01-01&search=scanner",
    }


RANGES = (
    ("--from", "2026-01-02", "--to", "2026-01-02"),
    ("--from", "2026-01-02T04:00"),
    ("--to", "2026-01-02 03:59"),
    ("--to", "2026-01-02T05:00:00+01:00"),
    ("--from", "0001-01-01", "--to", "9999-12-31T23:59:59.5z"),
    ("--where", "user:is:ci", "--where", "user:is:u-17", "--match", "any", "--search", "a & b"),
    ("--search", " added "),
)


@pytest.mark.sqlite_only
@pytest.mark.parametrize("options", RANGES, ids=" ".join)
def test_recorded_selection_is_a_query_of_the_page(
    recorded: Auditwright, tmp_path: Path, options: tuple[str, ...], portal: BlockingPortal
) -> None:
    recorded(*EXPORT, "a.jsonl", *options)
    exported = [json.loads(line)["id"] for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    (entry, *_) = json.loads(recorded("list", "--account", "acme", "--format", "json").out)
    selection = entry["metadata"]["selection"]
    with AuditLog.open(f"sqlite:///{tmp_path}/audit.db") as log:
        client = Client(create_app(log, authorize), portal)
        found = client.get(f"/api/entries?{selection}").json()["entries"]
        assert [each["id"] for each in found if each["id"] != entry["id"]] == exported[::-1]
        page = client.get(f"/?{selection}")
    assert page.status_code == 200
    assert all(each in page.text for each in exported)


def test_export_of_an_empty_account_records_nothing(recorded: Auditwright) -> None:
    recorded("export", "--account", "misspelt", "--output", "-")
    assert json.loads(recorded("list", "--account", "misspelt", "--format", "json").out) == []


def test_export_applies_the_selection(recorded: Auditwright) -> None:
    done = recorded(*EXPORT, "-", "--search", "LLAMA")
    assert (done.code, done.err) == (0, "exported 1 entry to stdout\n")
    assert done.out.removeprefix(HEAD).startswith("2026-01-02 04:00:00.000,API Key created,")
    done = recorded(*EXPORT, "-", "--format", "jsonl", "--search", "input scanner")
    assert [json.loads(line)["event"] for line in done.out.splitlines()] == [SCANNER]
    done = recorded(*EXPORT, "-", "--format", "jsonl", "--search", "hopper")
    assert (done.code, done.out) == (0, "")
    assert done.err == 'no entry of the account "acme" matches\nexported 0 entries to stdout\n'


@pytest.mark.parametrize("name", ["a.jsonl", "A.JSONL"])
def test_file_name_sets_the_format(recorded: Auditwright, tmp_path: Path, name: str) -> None:
    recorded(*EXPORT, name)
    assert len([json.loads(line) for line in (tmp_path / name).read_text().splitlines()]) == 2
    recorded(*EXPORT, "b.jsonl", "--format", "csv")
    assert (tmp_path / "b.jsonl").read_text().startswith("Date and Time (UTC),")


def test_exports_parquet(recorded: Auditwright, tmp_path: Path) -> None:
    done = recorded(*EXPORT, "a.parquet", "--where", "user:is:u-17")
    assert (done.code, done.out, done.err) == (0, "", "exported 1 entry to a.parquet\n")
    (row,) = pyarrow.parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert (row["event"], row["tool_id"]) == (SCANNER, "t-4")
    (entry, *_) = json.loads(recorded("list", "--account", "acme", "--format", "json").out)
    assert entry["metadata"] == {"format": "parquet", "selection": "where=user%3Ais%3Au-17"}
    assert entry["description"].endswith(" exported the audit log as Parquet.")


def test_parquet_of_one_event_has_the_columns_of_its_fields(recorded: Auditwright, tmp_path: Path) -> None:
    recorded(*EXPORT, "a.parquet", "--where", f"event:is:{SCANNER}")
    names = pyarrow.parquet.read_schema(tmp_path / "a.parquet").names
    fields = [field.name for field in CATALOG.events[SCANNER].metadata]
    assert names[names.index("catalog_version") + 1 :] == [*fields, "alterations", "metadata"]


def test_suffix_sets_the_compression(recorded: Auditwright, tmp_path: Path) -> None:
    to = ("--to", "2026-02-01")  # before the entries that record the exports
    lines = recorded(*EXPORT, "-", "--format", "jsonl", *to).out
    assert recorded(*EXPORT, "a.jsonl.gz", *to).err == "exported 2 entries to a.jsonl.gz\n"
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).decode() == lines
    recorded(*EXPORT, "a.csv.zst", "--format", "jsonl", *to)
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    assert decompressor.decompress((tmp_path / "a.csv.zst").read_bytes()).decode() == lines
    recorded(*EXPORT, "a.gz", *to)
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()).decode().startswith("Date and Time (UTC),")
    done = recorded(*EXPORT, "a.parquet.gz")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "auditwright: a.parquet.gz: the export was not written: "
        "Parquet is compressed already; use the suffix .parquet\n"
    )


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("name", "packages", "message"),
    [
        (
            "a.zst",
            ["zstandard", "compression"],
            '.zst needs the package zstandard: pip install "auditwright[zstd]"',
        ),
        (
            "a.parquet",
            ["pyarrow", "auditwright.transfer.parquet"],
            'Parquet needs the package pyarrow: pip install "auditwright[analytics]"',
        ),
    ],
)
def test_missing_package_is_named_before_any_work(
    recorded: Auditwright,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    packages: list[str],
    message: str,
) -> None:
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)
    done = recorded(*EXPORT, name)
    assert (done.code, done.out, done.err) == (2, "", f"auditwright: {message}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["audit.db"]
    assert len(json.loads(recorded("list", "--account", "acme", "--format", "json").out)) == 2


def test_full_csv_has_keys_ids_and_metadata(recorded: Auditwright) -> None:
    done = recorded(*EXPORT, "-", "--full", "--where", "user:is:u-17")
    head, row = csv.reader(io.StringIO(done.out, newline=""))
    assert head[6:] == [
        *("Event Key", "Category Key", "Level", "Actor Type", "Actor ID"),
        *("Entry ID", "Account ID", "Outcome", "Failure Reason"),
        *("On Behalf Of Type", "On Behalf Of ID", "On Behalf Of Name", "Context", "Tool ID", "Metadata"),
    ]
    assert row[6:11] == [SCANNER, "tool.guardrails", "tool", "user", "u-17"]
    assert row[12:] == ["acme", "success", *[""] * 5, "t-4", "{}"]
    done = recorded(*EXPORT, "a.jsonl", "--full")
    assert (done.code, done.out) == (2, "")
    assert done.err == "auditwright: --full is for CSV; JSON Lines and Parquet are always full\n"


@pytest.mark.sqlite_only
@pytest.mark.parametrize(("excel", "between"), [("comma", ","), ("semicolon", ";")])
def test_exports_for_excel(recorded: Auditwright, tmp_path: Path, excel: str, between: str) -> None:
    done = recorded(*EXPORT, "a.csv", "--excel", excel, "--where", "user:is:ci")
    assert (done.code, done.out, done.err) == (0, "", "exported 1 entry to a.csv\n")
    row = '2026-01-02 04:00:00,API Key created,Models,"Pipeline created an API key for model Llama.",'
    wanted = f'{HEAD}{row}"Pipeline",192.0.2.1\r\n'.replace(",", between)
    assert (tmp_path / "a.csv").read_bytes() == b"\xef\xbb\xbf" + wanted.encode()
    (entry, *_) = json.loads(recorded("list", "--account", "acme", "--format", "json").out)
    assert entry["metadata"]["format"] == "csv"
    full = recorded(*EXPORT, "a.csv.gz", "--excel", excel, "--full", "--processes", "2")
    assert full.code == 0
    text = gzip.decompress((tmp_path / "a.csv.gz").read_bytes()).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=between))
    assert [len(row) for row in rows] == [21] * 4
    assert rows[-1][6:11] == [SCANNER, "tool.guardrails", "tool", "user", "u-17"]


@pytest.mark.sqlite_only
def test_excel_is_for_csv_only(recorded: Auditwright, tmp_path: Path) -> None:
    for name, form in (("a.jsonl", "jsonl"), ("a.parquet", "parquet"), ("a.jsonl.gz", "jsonl")):
        done = recorded(*EXPORT, name, "--excel", "comma")
        assert (done.code, done.out) == (2, "")
        assert done.err == f"auditwright: --excel is for CSV, not {form}\n"
    done = recorded(*EXPORT, "a.csv", "--excel", "tab")
    assert done.code == 2
    assert "argument --excel: invalid choice: 'tab' (choose from" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["audit.db"]
    text = " ".join(recorded("export", "--help").out.split())
    assert "--excel {comma,semicolon}" in text
    assert "semicolon where the decimal sign of the system is a comma" in text


def test_empty_export_has_a_hint(recorded: Auditwright, tmp_path: Path) -> None:
    done = recorded("export", "--output", "a.csv")
    assert (done.code, done.out) == (0, "")
    assert done.err == (
        'the account "default" has no entries; there are entries of acme, globex: select one by --account\n'
        "exported 0 entries to a.csv\n"
    )
    assert (tmp_path / "a.csv").read_bytes() == HEAD.encode()


def test_progress_is_shown_on_terminals_only(recorded: Auditwright, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count()

    def clock() -> float:
        wait_for_total()
        return float(next(seconds))

    monkeypatch.setattr(time, "monotonic", clock)
    assert "\r" not in recorded(*EXPORT, "a.csv").err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    done = recorded(*EXPORT, "a.csv", "--where", "user:is_not:nobody", "--match", "all", "--to", "2026-02-01")
    shown, *_, last = done.err.removeprefix("\r\x1b[K").split("\r\x1b[K")
    assert re.fullmatch(r"exported 2 entries \(100 %\)(, \d+ a second)?, about 0 s left", shown)
    assert last == "exported 2 entries to a.csv\n"


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("none/a.csv", "none/a.csv: the export was not written: No such file or directory"),
        ("audit.db/a.csv", "audit.db/a.csv: the export was not written: Not a directory"),
        (".", ".: the export was not written: it is a folder; name a file"),
        ("", ".: the export was not written: it is a folder; name a file"),
    ],
)
def test_unwritable_target_is_an_error(recorded: Auditwright, target: str, reason: str) -> None:
    done = recorded(*EXPORT, target)
    assert (done.code, done.out, done.err) == (2, "", f"auditwright: {reason}\n")


@pytest.mark.sqlite_only
def test_failed_export_keeps_the_previous_file(
    recorded: Auditwright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.csv"
    target.write_text("previous")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", fail)
        done = recorded(*EXPORT, "a.csv")
    assert (done.code, done.out) == (2, "")
    assert done.err == "auditwright: a.csv: the export was not written: No space left on device\n"
    assert target.read_text() == "previous"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "audit.db"]
    assert recorded(*EXPORT, "a.csv").code == 0
    assert target.read_text().startswith("Date and Time (UTC),")
