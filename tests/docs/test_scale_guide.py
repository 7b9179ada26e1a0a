"""docs/scale.md: its arithmetic follows from the figures of the benchmarks, and its numbers are the code's.

What it says about standbys is tried in tests/runtime/storage/postgresql/test_standby.py.
"""

from itertools import takewhile

import pytest
from tests.support.markdown import BENCHMARKS, prose, rows, section
from tests.support.paths import DOCS

from auditwright.storage.postgresql.connections import MAX_READERS
from auditwright.storage.postgresql.schema import AHEAD

GUIDE = DOCS / "scale.md"
MONTHS = 36
SECONDS = MONTHS / 12 * 365.25 * 86_400


def measured() -> dict[str, float]:
    """The bytes of an entry, as services record it: in tables, indexes, one of these, the write-ahead log."""
    found = rows(section_of_sizes())
    recorded = {row[0]: float(row[2].replace(",", "")) for row in found if row[0].startswith("PostgreSQL")}
    (threads,) = (row[1] for row in found if row[0] == "32 threads")
    return {
        "tables": recorded["PostgreSQL, all tables"],
        "indexes": recorded["PostgreSQL, all indexes"],
        "both": recorded["PostgreSQL, all tables and indexes"],
        "by user": recorded["PostgreSQL, index `audit_entry_user`"],
        "log": float(threads.replace(",", "")),
    }


def section_of_sizes() -> str:
    """The tables under the heading with the sizes, which names their numbers of entries."""
    lines = prose(BENCHMARKS).splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.startswith("### An entry on the disk"))
    return "".join(takewhile(lambda line: not line.startswith("#"), lines[start + 1 :]))


def size(number: float) -> str:
    return f"{number / 1e12:.3g} TB" if number >= 1e12 else f"{number / 1e9:.3g} GB"


def count(number: float) -> str:
    return f"{number / 1e9:.3g} billion" if number >= 1e9 else f"{number / 1e6:.3g} million"


def csv_seconds() -> float:
    """The seconds that a row of a CSV takes on PostgreSQL."""
    (row,) = (row for row in rows(section(DOCS / "operate.md", "Sizing")) if row[0].startswith("a CSV"))
    return float(row[2].removesuffix(" us")) / 1e6


@pytest.mark.parametrize(("column", "entries"), [(1, 1e9), (2, 100e9)])
def test_arithmetic_follows_from_the_benchmarks(column: int, entries: float) -> None:
    of = measured()
    shown = {row[0]: row[column] for row in rows(section(GUIDE, "The arithmetic"))}
    assert shown == {
        "entries a month": count(entries / MONTHS),
        "entries a second, on average": f"{entries / SECONDS:,.0f}",
        "tables": size(entries * of["tables"]),
        "indexes": size(entries * of["indexes"]),
        "both": size(entries * of["both"]),
        "partitions of each table": str(MONTHS + 1 + AHEAD),
        "a month, tables and indexes": size(entries / MONTHS * of["both"]),
        "a month, the indexes alone": size(entries / MONTHS * of["indexes"]),
        "a month, the index by user": size(entries / MONTHS * of["by user"]),
        "write-ahead log a day, with 32 callers": size(entries / SECONDS * 86_400 * of["log"]),
        "hours that one process takes for a CSV of everything": f"{entries * csv_seconds() / 3600:.2g}",
    }


def test_bytes_an_entry_are_those_of_the_benchmarks() -> None:
    shown = {row[0]: row[1] for row in rows(section(GUIDE, "When one PostgreSQL is enough"))}
    of = measured()
    assert shown["an entry in the tables, as services record it"] == f"{of['tables']:.0f} bytes"
    assert shown["an entry in the indexes"] == f"{of['indexes']:.0f} bytes"
    assert shown["an entry in both"] == f"{of['both']:.0f} bytes"


def test_its_numbers_are_those_of_the_code() -> None:
    text = prose(GUIDE)
    assert f"up to [{MAX_READERS + 1}](database.md#connections)" in text
    assert AHEAD == 3
    assert "The partitions are 36 months, the current one and three that are made ahead." in text
