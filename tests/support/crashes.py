"""Writers that are killed at random moments, and what is in the database afterwards.

`kill_writers` kills processes that record into a database of any engine, `kill_server` kills a PostgreSQL
server that they record into. Every entry is announced before it is recorded and acknowledged after, through a
pipe; what was announced only is recorded once more with its id, as a caller would. Run as a program, with a
URL and a number of kills, in a process without other threads: it forks.
"""

from __future__ import annotations

import asyncio
import os
import random
import selectors
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from tests.support.databases import make_tables, start_server
from tests.support.server_guard import ServerGuard
from tests.support.waiting import wait_until

from audit_events import CATALOG, AsyncAuditEvents, AuditEvents
from auditwright import Actor, AuditLog, StorageError
from auditwright.ids import clock, from_microseconds, make_id

WRITERS = 8
LIFE_SECONDS = (0.0, 0.1)
"""How long a process that has begun to record lives."""


@dataclass
class Found:
    """What became of the entries."""

    account: str = field(default_factory=lambda: f"crashes-{uuid.uuid4().hex[:8]}")
    kills: int = 0
    announced: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    repeated: int = 0
    """Those announced whose outcome nobody knew, which were recorded again."""
    missing: int = 0
    """Those acknowledged that are not stored when the writers are dead."""
    twice: int = 0
    unasked: int = 0
    """Those stored that nobody announced, or with content that is not theirs."""
    lost: int = 0
    """Those announced that are not stored at the end, after what was unknown has been recorded again."""
    integrity: str = "ok"

    def __str__(self) -> str:
        return (
            f"kills {self.kills}, acknowledged {len(self.acknowledged):,}, of these missing {self.missing}, "
            f"unknown and recorded again {self.repeated:,}, then missing {self.lost}, "
            f"stored twice {self.twice}, not asked for {self.unasked}, integrity {self.integrity}"
        )

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not (self.missing or self.twice or self.unasked or self.lost) and self.integrity == "ok"


def kill_writers(url: str, kills: int, seed: int = 0) -> Found:
    """Kill so many processes with 8 threads, 8 coroutines, or 1 writer of 8 such processes."""
    chance = random.Random(seed)
    found = Found()
    ways = (_one_with(_threads), _one_with(_coroutines), _several)
    number = 0
    while found.kills < kills:
        ways[number % len(ways)](url, found, chance, kills - found.kills, number % 2 == 0)
        number += 1
        _settle(url, found)
    _check(url, found)
    return found


def kill_server(server: CrashingServer, kills: int, seed: int = 0) -> Found:
    """Kill a PostgreSQL server so often under 8 threads, each of which tries until it is acknowledged.

    Half of the kills are an immediate stop, the others a kill of the server's first process.
    """
    chance = random.Random(seed)
    found = Found()
    stop, give_up = threading.Event(), threading.Event()

    def work(audit: AuditEvents) -> None:
        while not stop.is_set():
            moment, entry_id = _new()
            found.announced.add(entry_id.hex)
            while not give_up.is_set():
                try:
                    _record(audit, entry_id, moment)
                except StorageError as error:
                    found.repeated += 1
                    if error.entry is None or error.entry.id != entry_id:
                        found.unasked += 1
                    time.sleep(0.01)
                else:
                    found.acknowledged.add(entry_id.hex)
                    break

    with AuditLog.open(server.url, account_id=found.account) as log:
        threads = [threading.Thread(target=work, args=(AuditEvents(log),)) for _ in range(WRITERS)]
        for thread in threads:
            thread.start()
        try:
            for number in range(kills):
                enough = len(found.acknowledged) + WRITERS
                wait_until(partial(_has, found, enough))
                time.sleep(chance.uniform(*LIFE_SECONDS))
                server.crash(signal.SIGKILL if number % 2 else signal.SIGQUIT)
                found.kills += 1
                time.sleep(chance.uniform(0, 0.05))
                server.restart()
            stop.set()
            wait_until(lambda: not any(thread.is_alive() for thread in threads))
        finally:
            stop.set()
            give_up.set()
            for thread in threads:
                thread.join()
    _check(server.url, found)
    return found


def _has(found: Found, acknowledged: int) -> bool:
    return len(found.acknowledged) >= acknowledged


class CrashingServer:
    """A PostgreSQL server in a folder of its own, durable, that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._guard = ServerGuard(folder)
        self._server = start_server(folder)
        self.url: str = self._server.get_uri()
        make_tables(self.url, CATALOG)

    def crash(self, number: signal.Signals) -> None:
        """Kill its first process, which the others then follow; only that one was started by us."""
        process = self._server.get_postmaster_info().process
        process.send_signal(number)
        process.wait(30)

    def restart(self) -> None:
        """Start it again, once the last of its processes has released its shared memory."""
        for _ in range(50):
            with suppress(subprocess.SubprocessError):
                self._server.ensure_postgres_running()
                assert self._server.get_uri() == self.url
                return
            time.sleep(0.1)
        raise AssertionError("the server does not start again")

    def stop(self) -> None:
        """Stop it as it should be stopped."""
        self._server.cleanup()
        self._guard.close()


# --- writers -------------------------------------------------------------------------------------

Say = Callable[[str, str], None]


def _new() -> tuple[int, uuid.UUID]:
    moment = clock.now()
    return moment, uuid.UUID(bytes=make_id(moment))


def _options(entry_id: uuid.UUID, moment: int) -> dict[str, Any]:
    """What the entry is recorded with; its own id is part of what it says."""
    return {
        "id": entry_id,
        "occurred_at": from_microseconds(moment),
        "actor": Actor.system(),
        "details": f"Of {entry_id.hex}.",
    }


def _record(audit: AuditEvents, entry_id: uuid.UUID, moment: int) -> None:
    audit.account.app_api_key.app_api_key_created(**_options(entry_id, moment))


def _threads(log: AuditLog, say: Say, writers: int) -> None:
    def work() -> None:
        audit = AuditEvents(log)
        while True:
            moment, entry_id = _new()
            say("+", f"{entry_id.hex} {moment}")
            _record(audit, entry_id, moment)
            say("=", entry_id.hex)

    threads = [threading.Thread(target=work) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _coroutines(log: AuditLog, say: Say, writers: int) -> None:
    async def work() -> None:
        create = AsyncAuditEvents(log).account.app_api_key.app_api_key_created
        while True:
            moment, entry_id = _new()
            say("+", f"{entry_id.hex} {moment}")
            await create(**_options(entry_id, moment))
            say("=", entry_id.hex)

    async def everybody() -> None:
        await asyncio.gather(*(work() for _ in range(writers)))

    asyncio.run(everybody())


Work = Callable[[AuditLog, Say, int], None]
Way = Callable[[str, Found, random.Random, int, bool], None]


def _one_with(work: Work) -> Way:
    def way(url: str, found: Found, chance: random.Random, most: int, preload: bool) -> None:
        _fork_and_kill(url, work, 1, WRITERS, found, chance, preload)

    return way


def _several(url: str, found: Found, chance: random.Random, most: int, preload: bool) -> None:
    _fork_and_kill(url, _threads, min(WRITERS, most), 1, found, chance, preload)


def _fork_and_kill(
    url: str,
    work: Work,
    processes: int,
    writers: int,
    found: Found,
    chance: random.Random,
    preload: bool,
) -> None:
    """Fork processes that record, kill each at a moment of its own, and read what they said.

    With `preload` the log is open before they are forked, as in a server that loads the application first.
    """
    reading, writing = os.pipe()
    log = AuditLog.open(url, account_id=found.account) if preload else None
    children = []
    for _ in range(processes):
        child = os.fork()
        if not child:
            os.close(reading)
            _live(url, found.account, log, work, writers, writing)
        children.append(child)
    os.close(writing)
    said = _Said(reading)
    said.read_until(lambda: said.ready == processes)
    moments = sorted(chance.uniform(*LIFE_SECONDS) for _ in children)
    primed = time.monotonic()
    chance.shuffle(children)
    for child, moment in zip(children, moments, strict=True):
        said.read_for(primed + moment - time.monotonic())
        os.kill(child, signal.SIGKILL)
        found.kills += 1
    for child in children:
        assert os.waitpid(child, 0)[1] == signal.SIGKILL, "a writer has ended by itself"
    said.read_until(lambda: said.is_over)
    os.close(reading)
    if log is not None:
        log.close()
    found.announced |= set(said.announced)
    found.acknowledged |= said.acknowledged
    unknown = {name: moment for name, moment in said.announced.items() if name not in said.acknowledged}
    found.repeated += len(unknown)
    with AuditLog.open(url, account_id=found.account) as log:
        stored = {entry.id.hex for entry in log.account(found.account).all()}
        found.missing += len(said.acknowledged - stored)
        audit = AuditEvents(log)
        for name, moment_of in unknown.items():
            _record(audit, uuid.UUID(name), moment_of)


def _live(url: str, account: str, log: AuditLog | None, work: Work, writers: int, writing: int) -> NoReturn:
    """The life of a writer; it ends by a kill only."""
    try:

        def say(kind: str, what: str) -> None:
            os.write(writing, f"{kind}{what}\n".encode())  # a line this short goes in whole

        log = log or AuditLog.open(url, account_id=account)
        say("!", "")
        work(log, say, writers)
    finally:
        os._exit(1)


class _Said:
    """What the writers have said so far."""

    def __init__(self, reading: int) -> None:
        self._reading = reading
        self._rest = b""
        self.ready = 0
        self.is_over = False
        self.announced: dict[str, int] = {}
        self.acknowledged: set[str] = set()

    def read_until(self, done: Callable[[], bool]) -> None:
        while not done() and not self.is_over:
            self._read()

    def read_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._reading, selectors.EVENT_READ)
            while (left := end - time.monotonic()) > 0:
                if selector.select(left):
                    self._read()

    def _read(self) -> None:
        got = os.read(self._reading, 1 << 16)
        self.is_over = not got
        *lines, self._rest = (self._rest + got).split(b"\n")
        for line in lines:
            kind, what = chr(line[0]), line[1:].decode()
            if kind == "+":
                name, moment = what.split()
                self.announced[name] = int(moment)
            elif kind == "=":
                self.acknowledged.add(what)
            else:
                self.ready += 1


# --- what is there -------------------------------------------------------------------------------


def _settle(url: str, found: Found) -> None:
    """Look at the file after each kill, as the next process to open it would find it."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            ((said,),) = connection.execute("PRAGMA quick_check").fetchall()
        found.integrity = found.integrity if said == "ok" else str(said)


def _check(url: str, found: Found) -> None:
    """Read everything, and compare it with what was announced and acknowledged."""
    with AuditLog.open(url) as log:
        entries = list(log.account(found.account).all())
        counted = log.account(found.account).count()
    said = Counter(entry.description.rpartition(" ")[2].rstrip(".") for entry in entries)
    found.twice = sum(count - 1 for count in said.values()) + (len(entries) - len({e.id for e in entries}))
    found.unasked += len(set(said) - found.announced)
    found.unasked += sum(entry.id.hex not in entry.description for entry in entries)
    found.lost = len(found.announced - set(said))
    if counted != len(entries):
        found.integrity = f"{counted} counted, {len(entries)} read"
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            said_of = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        if said_of != ["ok"]:
            found.integrity = "; ".join(said_of)


if __name__ == "__main__":
    outcome = kill_writers(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if sys.argv[3:] else 0)
    print(outcome)
    sys.exit(not outcome.is_clean)
