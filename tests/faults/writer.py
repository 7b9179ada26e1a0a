"""A program that records until it is told to end, and says on its output what became of each entry.

A line is one of: `+ID` (announced), `=ID d|s SECONDS` (acknowledged, in the database or the spool),
`-ID SECONDS TEXT` (a documented error), `?WHERE TEXT` (any other), `!PID` (ready), `#TEXT` (an answer),
`^SECONDS` (how late a thread ran at most so far), `@SECONDS` (how late the event loop ran a timer at most).
The first line of its input ends recording, and each other one asks what waits in the spool. With `forks` it
records nothing itself: each line makes it fork a child that does.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
import sys
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from audit_events import CATALOG, AsyncAuditEvents, AuditEvents
from auditwright import Actor, AuditLog, AuditwrightError
from auditwright.ids import clock, from_microseconds, make_id
from auditwright.spool import mover

AGAIN = 0.02
"""The part of the acknowledged entries that is recorded once more, as a caller does who lost the answer."""
TICK = 0.02
"""The seconds between two looks at how late a thread and the event loop run."""
NOTABLE = 0.01
"""By how many seconds the next such line exceeds the last one."""
OPEN_AGAIN = 0.05
"""The seconds after which a child opens a log again that could not be opened."""


@dataclass(frozen=True)
class Options:
    """What a writer does."""

    url: str
    account: str
    timeout: float
    spool: str | None = None
    threads: int = 4
    coroutines: bool = False
    """Whether these are coroutines of one thread, each of which begins without waiting for the last."""
    rate: float = 0.0
    """The entries a second over all threads; 0 for as many as they can."""
    size: int = 0
    """The bytes by which each entry is longer."""
    pause: float = 0.0
    """The longest pause of the mover in seconds, to save time; 0 for the library's own."""
    forks: bool = False
    seed: int = 0

    def as_argument(self) -> str:
        """The argument of the program."""
        return json.dumps(asdict(self))

    def open(self) -> AuditLog:
        """The log."""
        spool = None if self.spool is None else f"sqlite:///{self.spool}"
        return AuditLog.open(
            self.url, account_id=self.account, catalog=CATALOG, timeout=self.timeout, spool=spool
        )


def say(text: str) -> None:
    """Print a line; one this short goes into a pipe as a whole, whoever else writes."""
    os.write(1, f"{text[:2000]}\n".encode())


def record_options(entry_id: uuid.UUID, moment: int, size: int) -> dict[str, Any]:
    """What an entry is recorded with; its own id is part of what it says."""
    return {
        "id": entry_id,
        "occurred_at": from_microseconds(moment),
        "actor": Actor.system(),
        "details": "x" * size + f" Of {entry_id.hex}.",
    }


class _Attempt:
    """Announces an entry, and says how recording it ended."""

    def __init__(self, entry_id: uuid.UUID, moment: int, is_new: bool = True) -> None:
        self.entry_id, self.moment = entry_id, moment
        if is_new:
            say(f"+{entry_id.hex}")
        self.is_acknowledged = False
        self._began = time.monotonic()

    def __enter__(self) -> _Attempt:
        return self

    def acknowledge(self, spooled: bool) -> None:
        """Say that it is stored."""
        self.is_acknowledged = True
        say(f"={self.entry_id.hex} {'s' if spooled else 'd'} {time.monotonic() - self._began:.3f}")

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> bool:
        seconds = time.monotonic() - self._began
        if isinstance(error, AuditwrightError):
            text = " ".join(str(error).split())
            say(f"-{self.entry_id.hex} {seconds:.3f} {text}")
        elif isinstance(error, Exception):
            say(f"?{self.entry_id.hex} {type(error).__name__}: {' '.join(str(error).split())}")
        return isinstance(error, Exception)


class Lateness:
    """Says how late something runs, as soon as that is more than before."""

    def __init__(self, kind: str) -> None:
        self._kind, self._longest = kind, 0.0
        self._asleep = time.monotonic()

    def sleep(self) -> float:
        """The seconds to sleep before `awake`."""
        self._asleep = time.monotonic()
        return TICK

    def awake(self) -> None:
        """Compare the time that has passed with the time of the sleep."""
        late = time.monotonic() - self._asleep - TICK
        if late > self._longest + NOTABLE:
            self._longest = late
            say(f"{self._kind}{late:.3f}")


class Recording:
    """Records with the options until `ended` is set."""

    def __init__(self, log: AuditLog, options: Options) -> None:
        self._log, self._options = log, options
        self.ended = threading.Event()

    def run(self) -> None:
        """Record until `ended` is set, and all calls have returned."""
        returned = threading.Event()
        watching = threading.Thread(target=self._watch, args=(returned,))
        watching.start()
        if self._options.coroutines:
            asyncio.run(self._stream())
        else:
            threads = [
                threading.Thread(target=self._record, args=(each,)) for each in range(self._options.threads)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        returned.set()
        watching.join()

    def _watch(self, returned: threading.Event) -> None:
        """Say how late a thread runs that waits for a core or for the interpreter's lock only."""
        lateness = Lateness("^")
        while not returned.wait(lateness.sleep()):
            lateness.awake()

    async def _watch_loop(self) -> None:
        lateness = Lateness("@")
        while True:
            await asyncio.sleep(lateness.sleep())
            lateness.awake()

    def _record(self, number: int) -> None:
        options = self._options
        create = AuditEvents(self._log).account.app_api_key.app_api_key_created
        chance = random.Random(f"{options.seed}:{number}")
        pause = options.threads / options.rate if options.rate else 0.0
        due = time.monotonic() + pause * number / options.threads
        before: tuple[uuid.UUID, int] | None = None
        while not self.ended.wait(max(0.0, due - time.monotonic())):
            due = max(due + pause, time.monotonic() - 1)
            if before is None:
                moment = clock.now()
                attempt = _Attempt(uuid.UUID(bytes=make_id(moment)), moment)
            else:
                attempt = _Attempt(*before, is_new=False)
            with attempt:
                entry = create(**record_options(attempt.entry_id, attempt.moment, options.size))
                attempt.acknowledge(entry.spooled)
            is_again = chance.random() < (AGAIN if attempt.is_acknowledged else 0.5)
            before = (attempt.entry_id, attempt.moment) if is_again else None

    async def _stream(self) -> None:
        """Begin an entry at each moment of the rate, however many are not stored yet."""
        create = AsyncAuditEvents(self._log).account.app_api_key.app_api_key_created
        size, tasks = self._options.size, set[asyncio.Task[None]]()
        watching = asyncio.ensure_future(self._watch_loop())

        async def one() -> None:
            moment = clock.now()
            with _Attempt(uuid.UUID(bytes=make_id(moment)), moment) as attempt:
                entry = await create(**record_options(attempt.entry_id, moment, size))
                attempt.acknowledge(entry.spooled)

        began, count = time.monotonic(), 0
        while not self.ended.is_set():
            while count < (time.monotonic() - began) * self._options.rate and not self.ended.is_set():
                task = asyncio.ensure_future(one())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                count += 1
                if count % 100 == 0:
                    await asyncio.sleep(0)
            await asyncio.sleep(0.005)
        await asyncio.gather(*tasks)
        watching.cancel()


class _LoggedExceptions(logging.Handler):
    """Says which exceptions the library logs: nobody documented them."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{record.getMessage()}: {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
            say(f"?log {' '.join(text.split())}")


def _live(options: Options) -> NoReturn:
    """The life of a forked child, which a kill ends."""
    try:
        say(f"!{os.getpid()}")
        while True:
            try:
                log = options.open()
            except AuditwrightError:  # without a spool, while the database is away
                time.sleep(OPEN_AGAIN)
            else:
                Recording(log, options).run()
    finally:
        os._exit(1)


def _fork_for_each_line(options: Options) -> None:
    CATALOG.warm_up()
    children: dict[int, None] = {}
    say("!0")
    for line in sys.stdin:
        for child in list(children):
            if os.waitpid(child, os.WNOHANG)[0]:
                del children[child]
        child = os.fork()
        if not child:
            _live(Options(**{**asdict(options), "seed": int(line)}))
        children[child] = None
    for child in children:  # the campaign has ended before them
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def main() -> None:
    """Run the program."""
    log_of_library = logging.getLogger("auditwright")
    log_of_library.addHandler(_LoggedExceptions(logging.WARNING))
    log_of_library.propagate = False
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # it warns of COPYs that a lost connection ends
    options = Options(**json.loads(sys.argv[1]))
    if options.pause:
        mover.PAUSE_SECONDS = (options.pause / 4, options.pause)
    if options.forks:
        _fork_for_each_line(options)
        return
    with options.open() as log:
        recording = Recording(log, options)
        thread = threading.Thread(target=recording.run)
        say(f"!{os.getpid()}")
        thread.start()
        sys.stdin.readline()
        recording.ended.set()
        thread.join()
        say("#recorded")
        while sys.stdin.readline():  # each line asks what waits
            waiting: Any = "unreadable"
            with suppress(AuditwrightError):
                health = log.health()
                waiting = f"{health.spooled} {health.refused}"
            say(f"#{waiting}")


if __name__ == "__main__":
    main()
