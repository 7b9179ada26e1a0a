"""Exports of a large account, compared with the engine's own tool: time, memory, time to the first byte.

python -m tests.benchmarks export 1m

Each export is a process of its own. The tool, sqlite3 -csv or COPY, writes the plain columns in the same
order, without titles, without the guard against formulas, and with times in their stored form.
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
"""The numbers of processes of an export from SQLite."""
FILTERS = ("user:is:u-0025", "category:is:account.models")
"""Each selects less than a twentieth of the entries by an index."""


@dataclass(frozen=True)
class Cost:
    """The cost of one export: total seconds, seconds to the first byte, and peak memory in MiB."""

    seconds: float
    first: float
    memory: float
    records: int


def run(account: str = "10m") -> None:
    """Print a table for each engine."""
    entries = large.ACCOUNTS[account]
    database = large.sqlite()
    _print("SQLite", account, entries, _sqlite_tool(database.path, account), database.url)
    with large.postgresql() as server:
        tool = {"COPY by psycopg": _measure("copy", server.url, account, "")}
        _print("PostgreSQL", account, entries, tool, server.url)


def _print(engine: str, account: str, entries: int, costs: dict[str, Cost], url: str) -> None:
    for processes in PROCESSES if engine == "SQLite" else (1,):
        for name, (form, full) in EXPORTS.items():
            title = f"{name}, {processes} processes" if processes > 1 else name
            costs[title] = _measure(form, url, account, "full" if full else "", str(processes))
    base = next(iter(costs.values())).seconds / entries
    for name, cost in costs.items():
        if cost.records != entries:
            raise SystemExit(f"{engine}, {name}: {cost.records:,} records of {entries:,} entries")
    for condition in FILTERS:
        cost = _measure("csv", url, account, "", "1", condition)
        costs[f"CSV, {condition}: {cost.records:,} entries"] = cost
    print(f"\n### {engine}: {entries:,} entries\n")
    print("| export | us a row | ratio to the first line | peak, MiB | first byte, s |")
    print("|---|---:|---:|---:|---:|")
    for name, cost in costs.items():
        print(
            f"| {name} | {cost.seconds / cost.records * 1e6:.2f} | {cost.seconds / cost.records / base:.2f} "
            f"| {cost.memory:.0f} | {cost.first:.3f} |"
        )


def _sqlite_tool(path: Path, account: str) -> dict[str, Cost]:
    if shutil.which("sqlite3") is None:
        print("sqlite3 is not installed; the ratios of SQLite's exports are to the CSV")
        return {}
    return {"sqlite3 -csv": _measure("tool", str(path), account, "")}


def _measure(*arguments: str) -> Cost:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.export", *arguments],
        stdout=subprocess.PIPE,
        check=True,
    )
    return Cost(**json.loads(done.stdout))


# --- the process of one export -----------------------------------------------------------------------


def measured(
    form: str, source: str, account: str, full: str, processes: str = "1", condition: str = ""
) -> Cost:
    """Export from `source`, a URL or the tool's file, and measure the output as it arrives."""
    started = time.perf_counter()
    if form == "tool":
        pieces = _tool_output(source, account)
    elif form == "copy":
        pieces = _copy_output(source, account)
    else:
        pieces = _log_output(form, source, account, bool(full), int(processes), condition)
    first, records = _count_records(pieces, form == "jsonl")
    seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    if form != "tool":
        used += resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Cost(seconds, first - started, used / 1024, records - (form == "csv"))


def _count_records(pieces: Iterable[bytes], by_lines: bool) -> tuple[float, int]:
    """The time of the first piece, and the number of records: line ends outside quotes."""
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


def _tool_output(path: str, account: str) -> Iterator[bytes]:
    query = f"SELECT {COLUMNS} FROM audit_entry WHERE account_id = '{account}' ORDER BY id DESC"
    command: Sequence[str] = ("sqlite3", "-readonly", "-csv", path, query)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as tool:
        assert tool.stdout is not None
        while piece := tool.stdout.read(1 << 17):
            yield piece
    if tool.returncode:
        raise SystemExit(f"sqlite3 ended with {tool.returncode}")


def _copy_output(url: str, account: str) -> Iterator[bytes]:
    import psycopg

    query = f"SELECT {COLUMNS} FROM audit_entry WHERE account_id = '{account}' ORDER BY id DESC"
    with (
        psycopg.connect(url) as connection,
        connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv)".encode()) as copy,
    ):
        for row in copy:
            yield bytes(row)


def _log_output(
    form: str, url: str, account: str, full: bool, processes: int, condition: str
) -> Iterator[bytes]:
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
