"""Recording under load: group commit against one commit for each event, and `record_many` against COPY.

The variants alternate in one run. The ratios depend on the time of a commit, which is printed too. It differs
a hundredfold between disks, so one table is of commits that are 3 ms slower, like those of a networked disk.
"""

from __future__ import annotations

import asyncio
import logging
import os
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import Result, print_table
from tests.support.crashes import CrashingServer
from tests.support.databases import PostgreSQLDatabase

from audit_events import CATALOG, AsyncAuditEvents, AuditEvents
from auditwright import Actor, AuditLog, SecretKey
from auditwright.entry import Row, columns
from auditwright.ids import from_microseconds
from auditwright.log import BATCH
from auditwright.recording.recorder import Recorder

CALLERS = 32
ROUNDS = 5
CALLS_ALONE = 500
"""The calls of a single caller by each variant."""
EVENTS = 100_000
ADA = Actor.user("u-17", "Ada Lovelace")
MODEL: dict[str, Any] = {"model_id": "m-17", "model_name": "Llama", "model_type": "open_source"}
DEPLOYED = "account.models.model_deployed"
KEY = SecretKey.generate("k1")

Call = Callable[[], object]


def run() -> None:
    """Print all tables; PostgreSQL runs as a temporary, durable server."""
    logging.getLogger("auditwright").setLevel(logging.ERROR)  # hides a warning about the role
    with tempfile.TemporaryDirectory(
        prefix="audit", dir=os.environ.get("AUDITWRIGHT_BENCHMARK_FOLDER")
    ) as at:
        with AuditLog.open(f"sqlite:///{at}/audit.db", account_id="acme", catalog=CATALOG) as log:
            compare("SQLite", log)
            with slower(log, 0.003):
                compare("SQLite, each commit 3 ms slower", log)
        server = CrashingServer(Path(at) / "pg")
        try:
            with AuditLog.open(server.url, account_id="acme", catalog=CATALOG) as log:
                compare("PostgreSQL", log)
            copy(server.url)
        finally:
            server.stop()


# --- one event for each call -------------------------------------------------------------------------


def compare(title: str, log: AuditLog) -> None:
    """Compare callers that record events in sequence, alone and concurrently, by every variant."""
    audit = AuditEvents(log)

    def commit_for_each() -> None:
        log._storage.insert([log._recorder.row(DEPLOYED, MODEL, {"actor": ADA})])

    def group_commit() -> None:
        audit.account.models.model_deployed(**MODEL, actor=ADA)

    alone(title, log, commit_for_each, group_commit)
    variants: dict[str, tuple[Callable[[], list[float]], str]] = {
        f"{CALLERS} threads, a commit for each event": (lambda: in_threads(CALLERS, 15, commit_for_each), ""),
        f"{CALLERS} threads": (
            lambda: in_threads(CALLERS, 100, group_commit),
            f"{CALLERS} threads, a commit for each event",
        ),
        f"{CALLERS} coroutines": (
            lambda: in_coroutines(log, CALLERS, 100),
            f"{CALLERS} threads, a commit for each event",
        ),
        "1,000 coroutines": (
            lambda: in_coroutines(log, 1_000, 5),
            f"{CALLERS} threads, a commit for each event",
        ),
    }
    rates: dict[str, list[float]] = {name: [] for name in variants}
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(ROUNDS):
        for name, (variant, _) in variants.items():
            started = time.perf_counter()
            found = variant()
            rates[name].append(len(found) / (time.perf_counter() - started))
            taken[name] += found
    print(f"\n### {title}: many callers at once\n")
    print("| callers | events a second | p50, ms | p99, ms | throughput, ratio | lowest to highest |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, (_, base) in variants.items():
        ratios = [one / other for one, other in zip(rates[name], rates[base or name], strict=True)]
        p50, p99 = percentiles(taken[name])
        print(
            f"| {name} | {statistics.median(rates[name]):,.0f} | {p50:.2f} | {p99:.2f} "
            f"| {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |"
        )


def alone(title: str, log: AuditLog, commit_for_each: Call, group_commit: Call) -> None:
    """Compare the latency of one caller, whose variants alternate from call to call."""
    taken: dict[str, list[float]] = {}
    record = AsyncAuditEvents(log).account.models.model_deployed

    def timed(name: str, started: float) -> None:
        taken.setdefault(name, []).append(time.perf_counter() - started)

    async def calls() -> None:
        for _ in range(CALLS_ALONE):
            for name, call in (("thread, direct commit", commit_for_each), ("thread", group_commit)):
                started = time.perf_counter()
                call()
                timed(name, started)
            started = time.perf_counter()
            await asyncio.to_thread(commit_for_each)
            timed("coroutine, direct commit in a thread", started)
            started = time.perf_counter()
            await record(**MODEL, actor=ADA)
            timed("coroutine", started)

    asyncio.run(calls())
    print(f"\n### {title}: one caller alone\n")
    print("| callers | p50, ms | p99, ms | ratio of p50 |")
    print("|---|---:|---:|---:|")
    for name, base in zip(taken, ("thread, direct commit",) * 2 + (list(taken)[2],) * 2, strict=True):
        (p50, p99), (other, _) = percentiles(taken[name]), percentiles(taken[base])
        print(f"| {name} | {p50:.2f} | {p99:.2f} | {p50 / other:.2f} |")


def percentiles(seconds: list[float]) -> tuple[float, float]:
    """The 50th and the 99th percentile, in milliseconds."""
    found = sorted(seconds)
    return found[len(found) // 2] * 1e3, found[len(found) * 99 // 100] * 1e3


def in_threads(count: int, times: int, call: Call) -> list[float]:
    """The seconds of each call, with `count` threads that each call `times` times."""
    taken: list[list[float]] = [[] for _ in range(count)]
    start = threading.Barrier(count)

    def work(own: list[float]) -> None:
        start.wait()
        for _ in range(times):
            started = time.perf_counter()
            call()
            own.append(time.perf_counter() - started)

    threads = [threading.Thread(target=work, args=(own,)) for own in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [each for own in taken for each in own]


def in_coroutines(log: AuditLog, count: int, times: int) -> list[float]:
    """The seconds of each await, with `count` coroutines that each await `times` times."""
    taken: list[float] = []
    record = AsyncAuditEvents(log).account.models.model_deployed

    async def work() -> None:
        for _ in range(times):
            started = time.perf_counter()
            await record(**MODEL, actor=ADA)
            taken.append(time.perf_counter() - started)

    async def gather() -> None:
        await asyncio.gather(*(work() for _ in range(count)))

    asyncio.run(gather())
    return taken


@contextmanager
def slower(log: AuditLog, seconds: float) -> Iterator[None]:
    """Delay every commit of a log on SQLite."""
    storage: Any = log._storage
    writing = storage._writing

    @contextmanager
    def slow() -> Iterator[Any]:
        with writing() as connection:
            yield connection
            time.sleep(seconds)

    storage._writing = slow
    yield
    del storage._writing


# --- many events ---------------------------------------------------------------------------------


def copy(url: str) -> None:
    """Compare `record_many`, which validates, with psycopg's COPY of finished rows into the same table."""
    import psycopg

    events = list(CATALOG.events.values())
    recorder = Recorder(CATALOG, "acme", KEY)
    chosen = [events[number % len(events)] for number in range(EVENTS)]
    models = [CATALOG.model(event)(**event.example) for event in chosen]
    names = ", ".join(name for name, _, _ in columns(CATALOG))
    statement = f"COPY audit_entry ({names}) FROM STDIN".encode()
    database = PostgreSQLDatabase(url)
    rows = [driver_row(recorder.row(event.key, event.example, {"actor": ADA})) for event in chosen]

    def raw() -> None:
        with psycopg.connect(url) as connection:
            for start in range(0, EVENTS, BATCH):
                with connection.cursor().copy(statement) as stream:
                    for row in rows[start : start + BATCH]:
                        stream.write_row(row)
                connection.commit()

    def record() -> None:
        opened = AuditLog.open(url, account_id="acme", catalog=CATALOG, secret_key=KEY)
        with opened as log, log.acting(ADA):
            assert log.record_many(models) == EVENTS

    wall: dict[str, list[float]] = {"psycopg COPY of finished rows": [], "record_many of models": []}
    cpu: dict[str, list[float]] = {name: [] for name in wall}
    for _ in range(ROUNDS):
        for name, variant in zip(wall, (raw, record), strict=True):
            database.empty()
            started, started_cpu = time.perf_counter(), time.process_time()
            variant()
            wall[name].append((time.perf_counter() - started) / EVENTS)
            cpu[name].append((time.process_time() - started_cpu) / EVENTS)
    database.empty()
    base = wall["psycopg COPY of finished rows"]
    results = []
    for name, times in wall.items():
        ratios = [one / other for one, other in zip(times, base, strict=True)]
        spread = (min(ratios), max(ratios))
        results.append(
            Result(
                name,
                statistics.median(cpu[name]),
                statistics.median(times),
                statistics.median(ratios),
                spread,
            )
        )
    print_table(f"{EVENTS:,} mixed events into PostgreSQL; ratios of wall time", results, "us an event", 1e6)


def driver_row(row: Row) -> tuple[Any, ...]:
    """A row with the value types of psycopg."""
    return (
        row[0],
        uuid.UUID(bytes=row[1]),
        from_microseconds(row[2]),
        from_microseconds(row[3]),
        *row[4:],
    )
