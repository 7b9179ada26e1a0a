"""The page and its API on a million entries: 20 readers while 500 entries a second are recorded.

`auditwright serve` is a separate process. Readers and recorder are threads of this process, on loopback. The
time of a page ends when the reader has its whole body. Readers either never pause, or send one request a
second each, which is more than people do.
"""

from __future__ import annotations

import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import orjson

from audit_events import CATALOG
from auditwright import Actor, AuditLog
from auditwright.recording.recorder import Recorder

ENTRIES = 1_000_000
READERS = 20
SECONDS = 20.0
PER_SECOND, BATCH = 500, 25
USERS = 2_000

VIEWS = {
    "newest entries": {},
    "category is": {"where": "category:is:account.models"},
    "event is not": {"where": "event:is_not:account.login_logout.login"},
    "user is": {"where": "user:is:u-7"},
    "last 7 days": {"period": "7d"},
    "search": {"search": "llama"},
}


def run() -> None:
    """Print the pages a second and the latency of a reader."""
    with tempfile.TemporaryDirectory() as folder, _server(_fill(Path(folder))) as port:
        cursor = _get(HTTPConnection("127.0.0.1", port), "/api/entries?limit=1000")
        assert orjson.loads(cursor)["next"]
        print(f"\n### {READERS} readers at {ENTRIES:,} entries, {PER_SECOND} recorded a second\n")
        print("| readers | pages a second | p50, ms | p99, ms | worst, ms | recorded a second |")
        print("|---|---:|---:|---:|---:|---:|")
        for path, name in (("/", "page"), ("/api/entries", "API")):
            for pause, how in ((0.0, "without pause"), (1.0, "one request a second each")):
                times, recorded = _load(port, path, pause)
                p99 = statistics.quantiles(times, n=100)[98] * 1000
                print(
                    f"| {name}, {how} | {len(times) / SECONDS:.0f} | {statistics.median(times) * 1000:.1f} "
                    f"| {p99:.1f} | {max(times) * 1000:.1f} | {recorded / SECONDS:.0f} |",
                    flush=True,
                )
        print("\n| view, one reader, nothing recorded | p50, ms | p99, ms |\n|---|---:|---:|")
        for name, view in VIEWS.items():
            connection = HTTPConnection("127.0.0.1", port)
            times = [_timed(connection, f"/?{urlencode(view)}") for _ in range(101)][1:]
            p99 = statistics.quantiles(times, n=100)[98] * 1000
            print(f"| {name} | {statistics.median(times) * 1000:.1f} | {p99:.1f} |", flush=True)


def _fill(folder: Path) -> str:
    """Make a log of a year, whose users follow a Zipf distribution; returns its URL."""
    url = f"sqlite:///{folder}/audit.db"
    events = [
        event for event in CATALOG.events.values() if not any(f.sensitivity == "secret" for f in event.fields)
    ]
    rng = random.Random(7)
    weights = [1 / number for number in range(1, USERS + 1)]
    users = [Actor.user(f"u-{number}", f"User {number}") for number in range(USERS)]
    recorder = Recorder(CATALOG, "acme", None)
    start = datetime.now(UTC) - timedelta(days=365)
    step = timedelta(days=365) / ENTRIES
    with AuditLog.open(url, account_id="acme") as log:
        for first in range(0, ENTRIES, 20_000):
            actors = rng.choices(users, weights, k=20_000)
            log._storage.insert(
                [
                    recorder.row(
                        (event := events[rng.randrange(len(events))]).key,
                        event.example,
                        {"actor": actor, "ip_address": "203.0.113.7", "occurred_at": start + number * step},
                    )
                    for number, actor in enumerate(actors, first)
                ]
            )
    return url


@contextmanager
def _server(url: str) -> Iterator[int]:
    command = [sys.executable, "-m", "auditwright", "serve", "--port", "0", "--allow-recording"]
    with subprocess.Popen(
        [*command, "--account", "acme", "--database", url], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r":(\d+)/", process.stdout.readline())
            assert found
            yield int(found[1])
        finally:
            process.terminate()


def _load(port: int, path: str, pause: float) -> tuple[list[float], int]:
    """The seconds of each page, and the number of entries recorded at the same time."""
    times: list[float] = []
    recorded = 0
    end = time.monotonic() + SECONDS

    def read(number: int) -> None:
        connection = HTTPConnection("127.0.0.1", port)
        rng = random.Random(number)
        due = time.monotonic() + pause * number / READERS
        while due < end:
            time.sleep(max(0.0, due - time.monotonic()))
            view = rng.choice(list(VIEWS.values()))
            times.append(_timed(connection, f"{path}?{urlencode(view)}"))
            due = max(due + pause, time.monotonic())

    def record() -> None:
        nonlocal recorded
        connection = HTTPConnection("127.0.0.1", port)
        entry = {"event": "account.dataset.dataset_uploaded", "metadata": {"file_type": "csv"}}
        body = orjson.dumps([entry] * BATCH)
        due = time.monotonic()
        while due < end:
            time.sleep(max(0.0, due - time.monotonic()))
            connection.request("POST", "/api/entries", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            results = orjson.loads(response.read())["results"]
            assert all(result["status"] == 201 for result in results), results
            recorded += len(results)
            due += BATCH / PER_SECOND

    threads = [threading.Thread(target=read, args=(number,)) for number in range(READERS)]
    threads.append(threading.Thread(target=record))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, recorded


def _timed(connection: HTTPConnection, path: str) -> float:
    started = time.perf_counter()
    _get(connection, path)
    return time.perf_counter() - started


def _get(connection: HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    assert response.status == 200, body[:500]
    return body
