"""`auditwright export` and `auditwright import`."""

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
from tests.runtime.commands.test_progress import wait_for_total
from tests.support.command_line import SCANNER, Auditwright

EXPORT = ("export", "--account", "acme", "--output")
HEAD = "Date and Time (UTC),Event Name,Category,Description,User or App Name,IP Address\r\n"


def test_exports_csv(recorded: Auditwright, tmp_path: Path) -> None:
    listed = recorded("list", "--account", "acme", "--format", "csv").out
    done = recorded(*EXPORT, "a b.csv")
    assert (done.code, done.out, done.err) == (0, "", "exported 2 entries to a b.csv\n")
    wanted = listed.replace("\n", "\r\n").replace("\r\r", "\r")
    assert (tmp_path / "a b.csv").read_bytes().decode() == wanted
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a b.csv", "audit.db"]


def test_exports_to_stdout(recorded: Auditwright) -> None:
    done = recorded(*EXPORT, "-", "--where", "user:is:ci")
    assert (done.code, done.err) == (0, "exported 1 entry to stdout\n")
    assert done.out == HEAD + (
        '2026-01-02 04:00:00.000,API Key created,Models,"Pipeline created an API key for model Llama.",'
        '"Pipeline",192.0.2.1\r\n'
    )
    done = recorded(*EXPORT, "-", "--format", "jsonl")
    actors = [json.loads(line)["actor"] for line in done.out.splitlines()]
    assert [actor.get("id", actor["name"]) for actor in actors] == ["u-17", "ci", "auditwright export"]


def test_an_export_is_recorded_and_not_in_its_own_file(recorded: Auditwright, tmp_path: Path) -> None:
    narrowed = ("--where", "user:is:u-17", "--from", "2020-01-01", "--search", "scanner")
    recorded(*EXPORT, "a.jsonl", *narrowed, "--actor", "user:u-90:Frances Allen")
    assert "audit.log.exported" not in (tmp_path / "a.jsonl").read_text()
    (entry, *_) = json.loads(recorded("list", "--account", "acme", "--format", "json").out)
    assert entry["event"] == "audit.log.exported"
    assert entry["actor"] == {"type": "user", "id": "u-90", "name": "Frances Allen"}
    assert entry["description"] == "Frances Allen exported the audit log as JSON Lines."
    assert entry["metadata"] == {
        "format": "jsonl",
        "selection": "where=user%3Ais%3Au-17&from=2020-01-01+00%3A00%3A00%2B00%3A00&search=scanner",
    }


def test_an_export_of_an_account_without_entries_makes_none(recorded: Auditwright) -> None:
    recorded("export", "--account", "misspelt", "--output", "-")
    assert json.loads(recorded("list", "--account", "misspelt", "--format", "json").out) == []


def test_exports_what_a_search_finds(recorded: Auditwright) -> None:
    done = recorded(*EXPORT, "-", "--search", "LLAMA")
    assert (done.code, done.err) == (0, "exported 1 entry to stdout\n")
    assert done.out.removeprefix(HEAD).startswith("2026-01-02 04:00:00.000,API Key created,")
    done = recorded(*EXPORT, "-", "--format", "jsonl", "--search", "input scanner")
    assert [json.loads(line)["event"] for line in done.out.splitlines()] == [SCANNER]
    done = recorded(*EXPORT, "-", "--format", "jsonl", "--search", "hopper")
    assert (done.code, done.out) == (0, "")
    assert done.err == 'no entry of the account "acme" fits\nexported 0 entries to stdout\n'


@pytest.mark.parametrize("name", ["a.jsonl", "A.JSONL"])
def test_the_name_says_which_format(recorded: Auditwright, tmp_path: Path, name: str) -> None:
    recorded(*EXPORT, name)
    assert len([json.loads(line) for line in (tmp_path / name).read_text().splitlines()]) == 2
    recorded(*EXPORT, "b.jsonl", "--format", "csv")
    assert (tmp_path / "b.jsonl").read_text().startswith("Date and Time (UTC),")


def test_exports_parquet_and_records_that(recorded: Auditwright, tmp_path: Path) -> None:
    done = recorded(*EXPORT, "a.parquet", "--where", "user:is:u-17")
    assert (done.code, done.out, done.err) == (0, "", "exported 1 entry to a.parquet\n")
    (row,) = pyarrow.parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert (row["event"], row["tool_id"]) == (SCANNER, "t-4")
    (entry, *_) = json.loads(recorded("list", "--account", "acme", "--format", "json").out)
    assert entry["metadata"] == {"format": "parquet", "selection": "where=user%3Ais%3Au-17"}
    assert entry["description"].endswith(" exported the audit log as Parquet.")


def test_the_last_suffix_says_how_the_file_is_compressed(recorded: Auditwright, tmp_path: Path) -> None:
    to = ("--to", "2026-02-01")  # before what the exports are recorded with
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
        "Parquet is compressed inside; name it .parquet\n"
    )


@pytest.mark.parametrize(
    ("name", "packages", "told"),
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
def test_a_package_that_is_missing_is_named_before_anything_is_done(
    recorded: Auditwright,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    packages: list[str],
    told: str,
) -> None:
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)
    done = recorded(*EXPORT, name)
    assert (done.code, done.out, done.err) == (2, "", f"auditwright: {told}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["audit.db"]
    assert len(json.loads(recorded("list", "--account", "acme", "--format", "json").out)) == 2


def test_full_csv_has_keys_ids_and_metadata(recorded: Auditwright) -> None:
    done = recorded(*EXPORT, "-", "--full", "--where", "user:is:u-17")
    head, row = csv.reader(io.StringIO(done.out, newline=""))
    assert head[6:] == [
        *("Event Key", "Category Key", "Level", "Actor Type", "Actor ID"),
        *("Entry ID", "Account ID", "Tool ID", "Metadata"),
    ]
    assert row[6:11] == [SCANNER, "tool.guardrails", "tool", "user", "u-17"]
    assert row[12:] == ["acme", "t-4", "{}"]
    done = recorded(*EXPORT, "a.jsonl", "--full")
    assert (done.code, done.out) == (2, "")
    assert done.err == "auditwright: --full is for CSV; JSON Lines and Parquet are always full\n"


def test_an_empty_export_says_why(recorded: Auditwright, tmp_path: Path) -> None:
    done = recorded("export", "--output", "a.csv")
    assert (done.code, done.out) == (0, "")
    assert done.err == (
        'the account "default" has no entries; there are entries of acme, globex: name one with --account\n'
        "exported 0 entries to a.csv\n"
    )
    assert (tmp_path / "a.csv").read_bytes() == HEAD.encode()


def test_progress_is_for_terminals(recorded: Auditwright, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count()

    def clock() -> float:
        wait_for_total()
        return float(next(seconds))

    monkeypatch.setattr(time, "monotonic", clock)
    assert "\r" not in recorded(*EXPORT, "a.csv").err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    done = recorded(*EXPORT, "a.csv", "--where", "user:is_not:nobody", "--match", "all", "--to", "2026-02-01")
    shown, *_, told = done.err.removeprefix("\r\x1b[K").split("\r\x1b[K")
    assert re.fullmatch(r"exported 2 entries \(100 %\)(, \d+ a second)?, about 0 s left", shown)
    assert told == "exported 2 entries to a.csv\n"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("none/a.csv", "none/a.csv: the export was not written: No such file or directory"),
        ("audit.db/a.csv", "audit.db/a.csv: the export was not written: Not a directory"),
        (".", ".: the export was not written: it is a folder; name a file"),
        ("", ".: the export was not written: it is a folder; name a file"),
    ],
)
def test_what_cannot_be_written_is_an_error(recorded: Auditwright, target: str, reason: str) -> None:
    done = recorded(*EXPORT, target)
    assert (done.code, done.out, done.err) == (2, "", f"auditwright: {reason}\n")


def test_an_export_that_fails_leaves_the_file_of_before(
    recorded: Auditwright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.csv"
    target.write_text("of before")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", fail)
        done = recorded(*EXPORT, "a.csv")
    assert (done.code, done.out) == (2, "")
    assert done.err == "auditwright: a.csv: the export was not written: No space left on device\n"
    assert target.read_text() == "of before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "audit.db"]
    assert recorded(*EXPORT, "a.csv").code == 0
    assert target.read_text().startswith("Date and Time (UTC),")


def test_an_export_is_imported_whole_and_once(recorded: Auditwright) -> None:
    recorded(*EXPORT, "a.jsonl")
    into = ("--database", "sqlite:///b.db")
    first = recorded("import", "a.jsonl", *into)
    assert (first.code, first.out, first.err) == (0, "a.jsonl: 2 stored, 0 already there, 0 refused\n", "")
    again = recorded("import", "-", *into, stdin=Path("a.jsonl").read_text())
    assert (again.code, again.out, again.err) == (0, "-: 0 stored, 2 already there, 0 refused\n", "")
    assert recorded(*EXPORT, "-", "--format", "jsonl", *into).out == Path("a.jsonl").read_text()


def test_bad_lines_are_reported_and_good_ones_stored(auditwright: Auditwright, tmp_path: Path) -> None:
    actor = '"actor": {"type": "user", "id": "u-1"}'
    lines = [
        f'{{"event": "{SCANNER}", {actor}, "metadata": {{"tool_id": "t-1"}}}}',
        "no json",
        "",
        f'{{"event": "some.other.thing", {actor}, "metadata": {{}}}}',
        f'{{"event": "{SCANNER}", {actor}, "metadata": {{"tool_id": ""}}}}',
        f'{{"event": "{SCANNER}", "metadata": {{"tool_id": "\\u001b[2J", "x": 1}}}}',
        "[]",
        f'{{"event": "{SCANNER}", {actor}, "metadata": {{"tool_id": "t-2"}}, "id": 5}}',
        f'{{"event": "{SCANNER}", {actor}, "metadata": {{"tool_id": "t-2"}}}}',
    ]
    (tmp_path / "lines.jsonl").write_text("\n".join(lines))
    done = auditwright("import", "lines.jsonl", "--account", "acme")
    assert (done.code, done.out) == (1, "lines.jsonl: 2 stored, 0 already there, 6 refused\n")
    assert done.err.splitlines() == [
        "lines.jsonl:2: entry: expected a JSON object, got no JSON: "
        "invalid literal, expected 'null': line 1 column 1 (char 0)",
        "lines.jsonl:4: some.other.thing: event: expected an event of the catalog, got an unknown one",
        f"lines.jsonl:5: {SCANNER}: metadata.tool_id: expected a string of 1 to 200 characters, got ''",
        f"lines.jsonl:6: {SCANNER}: metadata.x: expected one of tool_id, got an unknown field",
        "lines.jsonl:7: entry: expected a JSON object, got a list",
        f"lines.jsonl:8: {SCANNER}: id: expected a UUID, version 7, in its usual text form, got an integer",
    ]
    listed = auditwright("list", "--account", "acme", "--format", "json").out
    assert [form["metadata"]["tool_id"] for form in json.loads(listed)] == ["t-2", "t-1"]


def test_a_file_that_cannot_be_read_is_an_error(auditwright: Auditwright, tmp_path: Path) -> None:
    for name, reason in (("missing.jsonl", "No such file or directory"), (".", "Is a directory")):
        done = auditwright("import", name)
        assert (done.code, done.out, done.err) == (2, "", f"auditwright: {name}: {reason}\n")
    assert list(tmp_path.iterdir()) == []
