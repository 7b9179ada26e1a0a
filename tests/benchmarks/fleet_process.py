"""One process of the fleet: it opens the log, and records and reads what it is offered.

Events and pages are due at fixed times, whether or not earlier ones have ended, so that a slow database is
not offered less. `fleet.py` starts the processes and prints the report.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, count
from multiprocessing.synchronize import Barrier
from operator import attrgetter
from typing import Any

from audit_events import CATALOG, AsyncAuditEvents, AuditEvents
from auditwright import Actor, AuditLog, Entry, StorageError

CALLERS = 16
"""The threads or coroutines of a process that record."""
READERS = 2
"""The threads of a process that read."""
USERS = 1_000
PAGE = 50
"""The entries of a page."""
OPEN_SECONDS = 120.0
"""How long a process waits until all have opened the log."""
GRACE_SECONDS = 0.25
"""What has not begun so long after the end is not begun any more."""

_all_are_open: Barrier | None = None


@dataclass(frozen=True)
class Share:
    """What one process is offered."""

    url: str
    read_url: str | None
    number: int
    """The number of the process, from 0."""
    accounts: int
    seconds: float
    events: int
    pages: int

    @property
    def has_threads(self) -> bool:
        """Whether threads record; in every other process coroutines do."""
        return self.number % 2 == 0


class WrongPage(Exception):
    """A page of another account, in another order than that of the ids, or without what was recorded."""


@dataclass
class Done:
    """What became of a share. Times are in seconds. Threads only append and add, which is atomic."""

    offered: Counter[int]
    """The events that were due, by the number of the account."""
    acknowledged: array[int] = field(default_factory=lambda: array("L"))
    """The number of the account of each acknowledged entry."""
    calls: array[float] = field(default_factory=lambda: array("d"))
    """How long each acknowledged call took."""
    since_due: array[float] = field(default_factory=lambda: array("d"))
    """How long after its due time each entry was acknowledged: the call, and the wait for a free caller."""
    pages: array[float] = field(default_factory=lambda: array("d"))
    """How long each page took."""
    errors: list[str] = field(default_factory=list)
    """The classes of the errors of recording and reading."""
    recorded: set[int] = field(default_factory=set)
    """The accounts of the acknowledged entries."""
    unknown: list[int] = field(default_factory=list)
    """The accounts of the entries that may be stored despite an error."""
    elapsed: float = 0.0
    """From the start to the end of the last call."""

    @contextmanager
    def call(self, account: int, due: float) -> Iterator[None]:
        """Count what becomes of the call in the `with` block, which records an entry that was due then."""
        begun = time.monotonic()
        try:
            yield
        except Exception as error:  # the report counts them by class
            self.errors.append(type(error).__name__)
            if isinstance(error, StorageError) and error.outcome_unknown:
                self.unknown.append(account)
        else:
            ended = time.monotonic()
            self.acknowledged.append(account)
            self.recorded.add(account)
            self.calls.append(ended - begun)
            self.since_due.append(ended - due)


class Turns:
    """The turns of a process, which its callers take in the order of their times."""

    def __init__(self, accounts: list[int], start: float, seconds: float, offset: float) -> None:
        self._accounts = accounts
        self._step = seconds / len(accounts) if accounts else 0.0
        self._first = start + offset * self._step
        self._last = start + seconds + GRACE_SECONDS
        self._numbers = count()  # `next` of it is atomic

    def take(self) -> tuple[float, int] | None:
        """The due time and the account of the next turn; None after the last one, and after the end."""
        number = next(self._numbers)
        if number >= len(self._accounts) or time.monotonic() > self._last:
            return None
        return self._first + number * self._step, self._accounts[number]


def name_of(account: int) -> str:
    """The id of an account."""
    return f"account-{account:06}"


def set_barrier(barrier: Barrier) -> None:
    """Set what all processes wait for before they begin; the pool calls it in each."""
    global _all_are_open
    _all_are_open = barrier


def work(share: Share) -> Done:
    """Record and read until the share is done or its time is over."""
    assert _all_are_open is not None
    chance = random.Random(share.number)
    weights = [*accumulate(1 / rank for rank in range(1, share.accounts + 1))]
    events, pages = (
        chance.choices(range(share.accounts), cum_weights=weights, k=number)
        for number in (share.events, share.pages)
    )
    done = Done(Counter(events))
    CATALOG.warm_up()
    with AuditLog.open(share.url, read_url=share.read_url, catalog=CATALOG) as log:
        log.account(name_of(0)).entries(limit=1)
        _all_are_open.wait(OPEN_SECONDS)
        start = time.monotonic()
        offset = chance.random()
        recording = Turns(events, start, share.seconds, offset)
        reading = Turns(pages, start, share.seconds, offset)
        calls = [lambda: _read(log, reading, done)] * READERS
        if share.has_threads:
            calls += [lambda: _record(log, recording, done)] * CALLERS
        else:
            calls.append(lambda: _record_concurrently(log, recording, done))
        threads = [threading.Thread(target=call) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done.elapsed = time.monotonic() - start
    return done


# --- the callers -----------------------------------------------------------------------------------


def _record(log: AuditLog, turns: Turns, done: Done) -> None:
    choose = _choice(AuditEvents(log))
    while turn := turns.take():
        due, account = turn
        time.sleep(max(0.0, due - time.monotonic()))
        emitter, values = choose(account)
        with done.call(account, due):
            emitter(**values)


def _record_concurrently(log: AuditLog, turns: Turns, done: Done) -> None:
    choose = _choice(AsyncAuditEvents(log))

    async def work() -> None:
        while turn := turns.take():
            due, account = turn
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            emitter, values = choose(account)
            with done.call(account, due):
                await emitter(**values)

    async def gather() -> None:
        await asyncio.gather(*(work() for _ in range(CALLERS)))

    asyncio.run(gather())


def _choice(audit: AuditEvents | AsyncAuditEvents) -> Callable[[int], tuple[Any, dict[str, Any]]]:
    """Chooses an emitter and its arguments, for an account.

    Events with secrets, which need a key, are left out.
    """
    events = [
        (attrgetter(event.key)(audit), event.example)
        for event in CATALOG.events.values()
        if not any(field.sensitivity == "secret" for field in event.fields)
    ]

    def choose(account: int) -> tuple[Any, dict[str, Any]]:
        emitter, example = random.choice(events)
        actor = Actor.user(f"u-{random.randrange(USERS)}", "Ada Lovelace")
        return emitter, {**example, "account_id": name_of(account), "actor": actor}

    return choose


def _read(log: AuditLog, turns: Turns, done: Done) -> None:
    while turn := turns.take():
        due, account = turn
        time.sleep(max(0.0, due - time.monotonic()))
        is_recorded = account in done.recorded
        begun = time.monotonic()
        try:
            entries = log.account(name_of(account)).entries(limit=PAGE).entries
            _check(entries, account, is_recorded)
        except Exception as error:  # the report counts them by class
            done.errors.append(type(error).__name__)
        else:
            done.pages.append(time.monotonic() - begun)


def _check(entries: Sequence[Entry], account: int, is_recorded: bool) -> None:
    ids = [entry.id for entry in entries]
    if ids != sorted(ids, reverse=True) or {entry.account_id for entry in entries} - {name_of(account)}:
        raise WrongPage
    if is_recorded and not entries:
        raise WrongPage
