"""`auditwright import`."""

import json
from pathlib import Path

import pytest
from tests.support.command_line import SCANNER, Auditwright

EXPORT = ("export", "--account", "acme", "--output")


@pytest.mark.sqlite_only
def test_import_of_an_export_is_complete_and_idempotent(recorded: Auditwright) -> None:
    recorded(*EXPORT, "a.jsonl")
    into = ("--database", "sqlite:///b.db")
    first = recorded("import", "a.jsonl", *into)
    assert (first.code, first.out, first.err) == (0, "a.jsonl: 2 stored, 0 already there, 0 refused\n", "")
    again = recorded("import", "-", *into, stdin=Path("a.jsonl").read_text())
    assert (again.code, again.out, again.err) == (0, "-: 0 stored, 2 already there, 0 refused\n", "")
    lines = recorded(*EXPORT, "-", "--format", "jsonl", *into).out.splitlines(keepends=True)
    assert "".join(lines[:-1]) == Path("a.jsonl").read_text()
    assert json.loads(lines[-1])["event"] == "audit.log.imported"


def test_bad_lines_are_reported_and_others_stored(auditwright: Auditwright, tmp_path: Path) -> None:
    actor = '"actor": {"type": "user", "id": "u-1"}'
    lines = [
        f'{{"event": "{SCANNER}", {actor}, "metadata": {{"tool_id": "t-1"}}}}',
        "not JSON",
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
        "lines.jsonl:2: entry: expected a JSON object, got invalid JSON: "
        "invalid literal, expected 'null': line 1 column 1 (char 0)",
        "lines.jsonl:4: some.other.thing: event: expected an event of audit_events 1.1.0, got an unknown one",
        f"lines.jsonl:5: {SCANNER}: metadata.tool_id: expected a string of 1 to 200 characters, got ''",
        f"lines.jsonl:6: {SCANNER}: metadata.x: expected one of tool_id, got an unknown field",
        "lines.jsonl:7: entry: expected a JSON object, got a list",
        f"lines.jsonl:8: {SCANNER}: id: expected a UUID, version 7, in its usual text form, got an integer",
    ]
    listed = auditwright("list", "--account", "acme", "--format", "json").out
    record_of_it, *entries = json.loads(listed)
    assert (record_of_it["event"], record_of_it["metadata"]["entries"]) == ("audit.log.imported", 2)
    assert [form["metadata"]["tool_id"] for form in entries] == ["t-2", "t-1"]


def test_unreadable_file_is_an_error(auditwright: Auditwright, tmp_path: Path) -> None:
    for name, reason in (("missing.jsonl", "No such file or directory"), (".", "Is a directory")):
        done = auditwright("import", name)
        assert (done.code, done.out, done.err) == (2, "", f"auditwright: {name}: {reason}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_compressed_export_is_read_whatever_its_name(recorded: Auditwright, suffix: str) -> None:
    recorded(*EXPORT, f"a.jsonl.{suffix}")
    Path("renamed").write_bytes(Path(f"a.jsonl.{suffix}").read_bytes())
    into = ("--database", "sqlite:///b.db")
    done = recorded("import", "renamed", *into)
    assert (done.code, done.out, done.err) == (0, "renamed: 2 stored, 0 already there, 0 refused\n", "")


def test_damaged_file_is_an_error_with_the_line(recorded: Auditwright) -> None:
    recorded(*EXPORT, "a.jsonl.gz")
    Path("cut.jsonl.gz").write_bytes(Path("a.jsonl.gz").read_bytes()[:-4])
    done = recorded("import", "cut.jsonl.gz", "--database", "sqlite:///b.db")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        "auditwright: cut.jsonl.gz: the compressed data is damaged or incomplete after line 2: "
        "Compressed file ended before the end-of-stream marker was reached",
        "the lines up to 2 are imported, and none after it",
    ]
