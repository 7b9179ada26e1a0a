"""CSV files for Excel: a byte order mark, whole seconds, and the separator that the system expects."""

import csv
import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.databases import Database, insert_row
from tests.support.sample_events import DEPLOYED, KEY_CREATED, LONG_AGO, MODEL, TUNED, form, record

from auditwright import AccountLog, Actor, AuditLog, FilterError
from auditwright.storage.csv_cells import FORMULA, csv_line, for_excel, guarded_inside
from auditwright.storage.sqlite import export_pool

EXCEL = {"comma": ",", "semicolon": ";"}
Table = list[list[str]]
each_separator = pytest.mark.parametrize("excel", EXCEL)


@pytest.fixture(autouse=True)
def _large_cells() -> None:
    csv.field_size_limit(4_000_000)


def data_of(acme: AccountLog, **options: Any) -> bytes:
    stream = io.BytesIO()
    acme.export_csv(stream, **options)
    return stream.getvalue()


def table_of(data: bytes, separator: str) -> Table:
    text = io.StringIO(data.decode("utf-8-sig"), newline="")
    return list(csv.reader(text, delimiter=separator, strict=True))


def without_guards(cell: str) -> str:
    """The cell without the ' that only the file with semicolons has: behind a comma."""
    return re.sub(r"(,[ \"]*)'", r"\1", cell)


def in_whole_seconds(table: Table) -> Table:
    return [table[0], *([row[0].removesuffix(row[0][-4:]), *row[1:]] for row in table[1:])]


@each_separator
def test_excel_file_is_marked_as_utf_8(log: AuditLog, acme: AccountLog, excel: str) -> None:
    record(log, KEY_CREATED, occurred_at=LONG_AGO, actor=Actor.user("ü", 'Zo"ë'), details="a;b,c\r\nd")
    between = EXCEL[excel]
    assert data_of(acme, excel=excel) == b"\xef\xbb\xbf" + (
        "Date and Time (UTC),Event Name,Category,Description,User or App Name,IP Address\r\n"
        "2024-05-06 07:08:09,App API Key created,App API Key,DESCRIPTION,NAME,\r\n"
    ).replace(",", between).replace(
        "DESCRIPTION", '"Zo""ë created an App API key. a;b,c\r\nd"'
    ).replace("NAME", '"Zo""ë"').encode()  # fmt: skip


@each_separator
@pytest.mark.parametrize("full", [False, True])
def test_excel_of_an_empty_account_is_its_header(acme: AccountLog, full: bool, excel: str) -> None:
    data = data_of(acme, full=full, excel=excel)
    assert table_of(data, EXCEL[excel]) == table_of(data_of(acme, full=full), ",")
    assert data.startswith(b"\xef\xbb\xbfDate and Time (UTC)")


@each_separator
@pytest.mark.parametrize("full", [False, True])
def test_excel_file_has_the_cells_of_the_plain_one(
    log: AuditLog, acme: AccountLog, database: Database, excel: str, full: bool
) -> None:
    texts = [
        "a;b", "a,b", '"', '";"', "a;", ";", ",", ";,", "\r\n2024-01-01 00:00:00.000,", "a\n;b",
        "x" * 200_000,
        "2024-01-01 00:00:00.123", "'", '"" ; ""', "ü;😀",
    ]  # fmt: skip
    for text in texts:
        insert_row(
            database, log.catalog, event=text[:50], category=text[:50], description=text,
            actor_name=text[:200], metadata=json.dumps({"model_name": text[:200], "model_id": text[:200]}),
        )  # fmt: skip
    record(log, DEPLOYED, MODEL)
    plain = in_whole_seconds(table_of(data_of(acme, full=full), ","))
    data = data_of(acme, full=full, excel=excel)
    found = table_of(data, EXCEL[excel])
    assert [list(map(without_guards, row)) for row in found] == plain
    assert data.startswith(b"\xef\xbb\xbfDate")
    assert data.count(b"\xef\xbb\xbf") == 1


_TEXTS = st.text(st.sampled_from([*" \",;|\t\r\n=-+5e.]}'aé＝", "\x85", "\u2028"]), max_size=12)


@given(st.lists(st.lists(_TEXTS, min_size=2, max_size=2), min_size=1, max_size=4))
@example([["x,=1;y", 'x,"=1,y']])
@example([["x,-1,y", "x,-1]}"]])
@example([["a,\t=1", ",;'=1"]])
def test_cells_survive_and_no_comma_makes_a_formula(rows: Table) -> None:
    time = "2024-05-06 07:08:09"
    lines = "".join(csv_line([f"{time}.123", *row]) + "\r\n" for row in rows).encode()
    guarded = guarded_inside(lines, len(rows))
    wanted = [[time, *row[1:]] for row in table_of(guarded, ",")]
    assert table_of(for_excel(guarded, b","), ",") == wanted
    made = for_excel(guarded, b";")
    assert [list(map(without_guards, row)) for row in table_of(made, ";")] == wanted
    numbers = re.compile(r"-[0-9]+(\.[0-9]+)?(e-?[0-9]+)?([\]}]+\"?([;\r\n]|$)|$)")
    begins = tuple(set(FORMULA) - set("'\t\r\n"))
    for cell in re.split(rb",", made)[1:]:
        text = cell.decode().lstrip(' "')
        assert not text.startswith(begins) or numbers.match(text), made


def test_metadata_stays_json_between_semicolons(log: AuditLog, acme: AccountLog) -> None:
    record(log, TUNED, MODEL | {"model_name": "a,=1,-2,+3", "model_id": "=x", "learning_rate": 0.5})
    found = table_of(data_of(acme, full=True, excel="semicolon"), ";")
    assert json.loads(found[1][20]) == MODEL | {
        "model_name": "a,'=1,-2,'+3",
        "model_id": "=x",
        "learning_rate": 0.5,
    }


def test_text_of_json_behind_a_comma_is_guarded(log: AuditLog, acme: AccountLog, database: Database) -> None:
    metadata = {"a": ["x", "=1", -5, -1.5e-7, "-5"], "＝b": "c"}
    insert_row(database, log.catalog, metadata=json.dumps(metadata, ensure_ascii=False))
    found = table_of(data_of(acme, full=True, excel="semicolon"), ";")
    assert json.loads(found[1][20]) == {"a": ["x", "'=1", -5, -1.5e-7, "'-5"], "'＝b": "c"}


@each_separator
def test_excel_file_is_compressed_by_its_name(
    log: AuditLog, acme: AccountLog, tmp_path: Path, excel: Any
) -> None:
    log.record_many(form(KEY_CREATED, {}) for _ in range(2500))
    wanted = data_of(acme, excel=excel)
    for name in ("a.csv", "a.csv.gz", "a.csv.zst"):
        assert acme.export_csv(tmp_path / name, excel=excel) == 2500
    assert (tmp_path / "a.csv").read_bytes() == wanted
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()) == wanted
    assert (
        zstandard.ZstdDecompressor().decompressobj().decompress((tmp_path / "a.csv.zst").read_bytes())
        == wanted
    )
    assert len(table_of(wanted, EXCEL[excel])) == 2501


@pytest.mark.sqlite_only
def test_several_processes_write_an_excel_file(
    log: AuditLog, acme: AccountLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.record_many(form(DEPLOYED, MODEL | {"model_name": f"{number};\n,=1"}) for number in range(3000))
    monkeypatch.setattr(export_pool, "MIN_ENTRIES", 100)
    monkeypatch.setattr(export_pool, "RANGE", 70)
    wanted = data_of(acme, full=True, excel="semicolon")
    assert data_of(acme, full=True, excel="semicolon", processes=2) == wanted
    assert len(table_of(wanted, ";")) == 3001


@each_separator
def test_excel_file_is_streamed(
    log: AuditLog, acme: AccountLog, monkeypatch: pytest.MonkeyPatch, excel: Any
) -> None:
    log.record_many(form(KEY_CREATED, {}) for _ in range(100))
    monkeypatch.setattr("auditwright.transfer.text_export.CHUNK", 10)
    pieces = list(acme.stream("csv", excel=excel))
    assert b"".join(pieces) == data_of(acme, excel=excel)
    assert len([piece for piece in pieces if piece]) == 10


@pytest.mark.parametrize("wrong", ["", "tab", ";", "Comma", b"comma", True, 7, ["comma"]])
def test_another_separator_is_refused(acme: AccountLog, wrong: Any) -> None:
    with pytest.raises(FilterError, match=r"^excel is comma or semicolon, not "):
        acme.export_csv(io.BytesIO(), excel=wrong)
    with pytest.raises(FilterError, match=r"^excel is comma or semicolon, not "):
        acme.stream("csv", excel=wrong)


def test_json_lines_are_not_for_excel(acme: AccountLog) -> None:
    with pytest.raises(FilterError, match=r"^excel is for csv, not jsonl$"):
        acme.stream("jsonl", excel="comma")
