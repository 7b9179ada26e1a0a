"""Exports of a large account beside the engine's own tool: time, memory, and how soon the first byte comes.

python -m tests.benchmarks export 1m

Each export is a process of its own. The tool, sqlite3 -csv or COPY, writes the plain columns in the same
order: no titles, no guard against formulas, times as they are stored.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks import large

from audit_events import CATALOG
from auditwright import AuditLog, Filter
from auditwright.storage.query import Scope
from auditwright.transfer.text_export import csv_chunks, data_of, jsonl_chunks

COLUMNS = "occurred_at, event, category, description, actor_name, ip_address"
EXPORTS = {"CSV": ("csv", False), "CSV, --full": ("csv", True), "JSON Lines": ("jsonl", False)}
PROCESSES = (1, 2)
"""Of which SQLite makes an export."""
FILTERS = ("user:is:u-0025", "category:is:account.models")
"""Each finds less than a twentieth of the entries, by an index."""


@dataclass(frozen=True)
class Cost:
    """What one export took: seconds in all and to the first byte, and the most memory, in MiB."""

    seconds: float
    first: float
    memory: float
    records: int


def run(account: str = "10m") -> None:
    """The tables of both engines."""
    entries = large.ACCOUNTS[account]
    database = large.sqlite()
    _print("SQLite", account, entries, _sqlite_tool(database.path, account), database.url)
    with large.postgresql() as server:
        tool = {"COPY by psycopg": _child("copy", server.url, account, "")}
        _print("PostgreSQL", account, entries, tool, server.url)


def _print(engine: str, account: str, entries: int, costs: dict[str, Cost], url: str) -> None:
    for processes in PROCESSES if engine == "SQLite" else (1,):
        for name, (form, full) in EXPORTS.items():
            called = f"{name}, {processes} processes" if processes > 1 else name
            costs[called] = _child(form, url, account, "full" if full else "", str(processes))
    base = next(iter(costs.values())).seconds / entries
    for name, cost in costs.items():
        if cost.records != entries:
            raise SystemExit(f"{engine}, {name}: {cost.records:,} records of {entries:,} entries")
    for condition in FILTERS:
        cost = _child("csv", url, account, "", "1", condition)
        costs[f"CSV, {condition}: {cost.records:,} entries"] = cost
    print(f"\n### {engine}: {entries:,} entries\n")
    print("| what | us a row | to the first line | peak, MiB | first byte, s |")
    print("|---|---:|---:|---:|---:|")
    for name, cost in costs.items():
        print(
            f"| {name} | {cost.seconds / cost.records * 1e6:.2f} | {cost.seconds / cost.records / base:.2f} "
            f"| {cost.memory:.0f} | {cost.first:.3f} |"
        )


def _sqlite_tool(path: Path, account: str) -> dict[str, Cost]:
    if shutil.which("sqlite3") is None:
        print("the sqlite3 tool is not installed: SQLite's exports are compared with the CSV alone")
        return {}
    return {"sqlite3 -csv": _child("tool", str(path), account, "")}


def _child(*arguments: str) -> Cost:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.export", *arguments],
        stdout=subprocess.PIPE,
        check=True,
    )
    return Cost(**json.loads(done.stdout))


# --- in a process of its own ------------------------------------------------------------------------


def measured(
    form: str, position: str, account: str, full: str, processes: str = "1", condition: str = ""
) -> Cost:
    """Export from a place, a URL or the file for the tool, and look at what comes as it comes."""
    started = time.perf_counter()
    if form == "tool":
        pieces = _of_tool(position, account)
    elif form == "copy":
        pieces = _of_copy(position, account)
    else:
        pieces = _of_log(form, position, account, bool(full), int(processes), condition)
    first, records = _counted(pieces, form == "jsonl")
    seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    if form != "tool":
        used += resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Cost(seconds, first - started, used / 1024, records - (form == "csv"))


def _counted(pieces: Iterable[bytes], by_lines: bool) -> tuple[float, int]:
    """When the first piece came, and the number of records: line ends outside of quotes."""
    first, records, quotes = 0.0, 0, 0
    for piece in pieces:
        first = first or time.perf_counter()
        if by_lines or not piece.count(b'"') + quotes:
            records += piece.count(b"\n")
        else:
            parts = piece.split(b'"')
            records += sum(part.count(b"\n") for part in parts[quotes % 2 :: 2])
            quotes = (quotes + len(parts) - 1) % 2
    return first, records


def _of_tool(path: str, account: str) -> Iterator[bytes]:
    query = f"SELECT {COLUMNS} FROM audit_entry WHERE account_id = '{account}' ORDER BY id DESC"
    command: Sequence[str] = ("sqlite3", "-readonly", "-csv", path, query)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as tool:
        assert tool.stdout is not None
        while piece := tool.stdout.read(1 << 17):
            yield piece
    if tool.returncode:
        raise SystemExit(f"sqlite3 ended with {tool.returncode}")


def _of_copy(url: str, account: str) -> Iterator[bytes]:
    import psycopg

    query = f"SELECT {COLUMNS} FROM audit_entry WHERE account_id = '{account}' ORDER BY id DESC"
    with (
        psycopg.connect(url) as connection,
        connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv)".encode()) as copy,
    ):
        for row in copy:
            yield bytes(row)


def _of_log(form: str, url: str, account: str, full: bool, processes: int, condition: str) -> Iterator[bytes]:
    with AuditLog.open(url, catalog=CATALOG) as log:
        where = Filter.parse([condition] if condition else [])
        events = log._storage.possible_events(account, quick=False) if condition else []
        scope = Scope(account, where.branches(CATALOG, events))
        if form == "csv":
            chunks = csv_chunks(log._storage, CATALOG, scope, full, None, processes)
        else:
            chunks = jsonl_chunks(log._storage, CATALOG, scope, processes)
        yield from data_of(chunks)


if __name__ == "__main__":
    print(json.dumps(asdict(measured(*sys.argv[1:]))))
