"""Group commit: callers that record at the same time share a transaction, and each returns after its commit.

There is no thread of its own. The first caller leads: it commits its row, and with it whatever rows wait.
Those who come meanwhile wait, and one of them leads the next commit. Where only coroutines wait, a thread is
started to lead for them; it ends when nothing has waited for a moment. What becomes of a row is `storage/`'s.
"""

from __future__ import annotations

import _thread
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from auditwright.entry import DESCRIPTION, METADATA, Row
from auditwright.errors import AuditwrightError
from auditwright.forks import ForkAware, register
from auditwright.storage.errors import IdConflict, StorageError

if TYPE_CHECKING:
    import asyncio

BATCH_ROWS = 1_000
BATCH_BYTES = 4 * 1024 * 1024
"""The most that one commit takes of what waits: some 20 ms of writing, which the next in line wait for."""
MAX_WAITING = 100_000
"""Rows that may wait. A caller gives one and comes back when it is stored, so that only a program that starts
so many at once meets this.
"""
WAIT_SECONDS = 30.0
"""How long a caller waits before it is told so. The database's own limits are shorter."""
LINGER_SECONDS = 0.005
"""The most that a leader waits for the callers of the last commit to come again; half a commit where that is
less.
"""
PARK_SECONDS = 0.1
"""How long a thread that has led for coroutines waits for the next ones: starting one each time would make an
await a third slower on a quick disk.
"""
GLANCE_SECONDS = 0.1
"""How often a waiting caller looks whether anybody leads. It is woken when its turn comes; where who should
wake it cannot, such as a thread that a debugger or a signal handler holds, it goes on by itself.
"""

Outcome = Row | AuditwrightError
InsertEach = Callable[[Sequence[Row]], Sequence[Row | IdConflict]]


class _Ticket:
    """One row that waits, and what became of it. Whoever takes the claim decides: to write it, or to go."""

    __slots__ = ("claim", "left", "outcome", "row", "since", "size", "thread", "wake")

    def __init__(self, row: Row) -> None:
        self.row = row
        self.size = len(row[DESCRIPTION]) + len(row[METADATA])  # all else is short
        self.since = time.monotonic()
        self.thread = _thread.get_ident()
        self.claim = _thread.allocate_lock()
        self.wake = _thread.allocate_lock()
        self.wake.acquire()
        self.outcome: Outcome | None = None
        self.left = False
        """Whether its caller has gone."""

    def call(self) -> None:
        """Wake the caller; it looks for itself what there is to do."""
        _release(self.wake)


class _AsyncTicket(_Ticket):
    """One row that a coroutine waits for."""

    __slots__ = ("future", "loop")

    def __init__(self, row: Row, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(row)
        self.loop = loop
        self.future: asyncio.Future[Row] = loop.create_future()

    def settle(self) -> None:
        """Give the outcome to the coroutine; in its own loop."""
        if self.future.done():
            return
        if isinstance(self.outcome, AuditwrightError):
            self.future.set_exception(self.outcome)
        elif self.outcome is not None:
            self.future.set_result(self.outcome)


class _Turn:
    """The turn to lead of a thread that has no row of its own."""

    thread = 0


class _Parked:
    """A thread that has led for coroutines, and waits a moment for the next ones."""

    def __init__(self) -> None:
        self.turn = _Turn()
        self.wake = _thread.allocate_lock()
        self.wake.acquire()


class GroupCommit(ForkAware):
    """Stores rows for many threads and event loops of this process, several in one commit.

    `insert_each` is the storage's. There are no locks but those that are tried and never waited for, so that
    neither a signal handler nor a fork finds one held.
    """

    def __init__(self, insert_each: InsertEach, wait_seconds: float = WAIT_SECONDS) -> None:
        self._insert_each = insert_each
        self._wait_seconds = wait_seconds
        self.after_fork_in_child()
        register(self)

    def after_fork_in_child(self) -> None:
        """Begin anew: what waits in a parent is the parent's to store."""
        self._queue: deque[_Ticket] = deque()
        # A dictionary and not a lock: `setdefault` takes the lead and says whose it is in one step, so that
        # an exception that a signal raises cannot come between the two.
        self._lead: dict[str, _Ticket | _Turn] = {}
        self._parked: deque[_Parked] = deque()
        self._together = 1
        self._commit_seconds = 0.0
        self._gathered = _thread.allocate_lock()
        self._gathered.acquire()
        self._wanted = 0

    # --- callers -------------------------------------------------------------------------------

    def store(self, row: Row) -> Row:
        """Store a row durably; returns the row that is stored under its id. Raises `AuditwrightError`.

        Whatever else ends the wait, such as KeyboardInterrupt, leaves the row stored once or not at all.
        """
        ticket = _Ticket(row)
        try:
            self._enqueue(ticket)
            while ticket.outcome is None:
                if self._lead.setdefault("by", ticket) is ticket:
                    self._lead_until(ticket)
                    if ticket.outcome is None:
                        self._check_wait(ticket)
                elif not ticket.wake.acquire(timeout=GLANCE_SECONDS):
                    self._check_wait(ticket)
        except BaseException:
            self._leave(ticket)
            raise
        if isinstance(ticket.outcome, AuditwrightError):
            raise ticket.outcome
        return ticket.outcome

    async def store_async(self, row: Row) -> Row:
        """`store` without blocking the event loop. Cancelled while it waits, the row is not stored; cancelled
        while it is being written, it is stored once all the same, unless the database fails.
        """
        from asyncio import get_running_loop  # loaded already where this runs, and never where it does not

        ticket = _AsyncTicket(row, get_running_loop())
        timer = ticket.loop.call_later(self._wait_seconds, self._expire, ticket)
        try:
            self._enqueue(ticket)
            self._lead_elsewhere()
            return await ticket.future
        except BaseException:
            if not ticket.loop.is_closed():
                ticket.future.cancel()
            self._leave(ticket)
            raise
        finally:
            timer.cancel()

    def _enqueue(self, ticket: _Ticket) -> None:
        if len(self._queue) >= MAX_WAITING:
            raise StorageError(
                f"{MAX_WAITING:,} entries wait to be stored already; this one is not stored; record it "
                "again with id=error.entry.id when there are fewer"
            )
        self._queue.append(ticket)
        if 0 < self._wanted <= len(self._queue):
            self._wanted = 0
            _release(self._gathered)

    def _check_wait(self, ticket: _Ticket) -> None:
        """Refuse to wait where that cannot end, or has taken too long."""
        leader = self._lead.get("by")
        if leader is not None and leader.thread == ticket.thread:
            raise StorageError(
                "this thread is storing an entry already, and a signal handler or a finalizer has "
                "interrupted it to record another one, which is not stored; record it when that has returned"
            )
        if time.monotonic() - ticket.since >= self._wait_seconds:
            raise self._waited(ticket)

    def _waited(self, ticket: _Ticket) -> StorageError:
        ticket.left = True
        if ticket.claim.acquire(blocking=False):
            became = "is not stored; record it again"
        else:
            became = "is being written, and the database has not answered; record it again"
        return StorageError(
            f"the entry has waited {self._wait_seconds:g} seconds and {became} with id=error.entry.id, which "
            "stores it once"
        )

    def _expire(self, ticket: _AsyncTicket) -> None:
        if ticket.outcome is None and not ticket.future.done():
            ticket.future.set_exception(self._waited(ticket))

    def _leave(self, ticket: _Ticket) -> None:
        """Take a row out whose caller goes, unless it is being written; see that somebody leads."""
        ticket.left = True
        ticket.claim.acquire(blocking=False)
        with suppress(ValueError):
            self._queue.remove(ticket)
        self._end_turn(ticket)

    # --- leading -------------------------------------------------------------------------------

    def _lead_until(self, ticket: _Ticket) -> None:
        """Commit what waits, until this row is among it."""
        try:
            while ticket.outcome is None and self._queue:
                self._commit_next()
        finally:
            self._end_turn(ticket)

    def _lead_all(self, turn: _Turn) -> None:
        """Commit until nothing waits."""
        turn.thread = _thread.get_ident()
        try:
            while self._queue:
                self._commit_next()
        finally:
            self._end_turn(turn)

    def _lead_for_coroutines(self, turn: _Turn) -> None:
        """Take this turn, and those that come before the thread has waited in vain."""
        while True:
            self._lead_all(turn)
            place = _Parked()
            self._parked.append(place)
            if not place.wake.acquire(timeout=PARK_SECONDS):
                try:
                    self._parked.remove(place)
                except ValueError:  # it was taken in this moment, and the turn comes
                    place.wake.acquire()
                else:
                    return
            turn = place.turn

    def _lead_elsewhere(self) -> None:
        """Have another thread lead, unless somebody does."""
        turn = _Turn()
        try:
            if self._lead.setdefault("by", turn) is turn:
                self._give_turn(turn)
        except RuntimeError:  # the interpreter is about to exit and starts no more threads
            self._lead_all(turn)
        except BaseException:
            self._end_turn(turn)
            raise

    def _give_turn(self, turn: _Turn) -> None:
        try:
            place = self._parked.pop()
        except IndexError:
            _thread.start_new_thread(self._lead_for_coroutines, (turn,))
        else:
            place.turn = turn
            place.wake.release()

    def _end_turn(self, turn: _Ticket | _Turn) -> None:
        """Have the next in line lead. Who joins the line then tries to lead, so that one of both does."""
        if self._lead.get("by") is turn:
            del self._lead["by"]
        try:
            head = self._queue[0]
        except IndexError:
            return
        if isinstance(head, _AsyncTicket):
            self._lead_elsewhere()
        else:
            head.call()

    def _gather(self) -> None:
        """Wait a moment for as many as recorded together at the last commit: a lone caller never waits."""
        if len(self._queue) < self._together:
            self._wanted = self._together
            linger = min(self._commit_seconds / 2, LINGER_SECONDS)
            if len(self._queue) < self._together:
                self._gathered.acquire(timeout=linger)
            self._wanted = 0

    def _commit_next(self) -> None:
        """Store what is next in line, and say to each caller what became of it."""
        self._gather()
        batch: list[_Ticket] = []
        try:
            self._take(batch)
            started = time.perf_counter()
            outcomes = self._insert([ticket.row for ticket in batch])
            self._commit_seconds += (time.perf_counter() - started - self._commit_seconds) / 4
            self._together = min(len(batch) + len(self._queue), BATCH_ROWS)
            for ticket, outcome in zip(batch, outcomes, strict=True):
                ticket.outcome = outcome
            self._tell(batch)
        except BaseException:  # a signal's: this thread goes, and others are to have what they wait for
            self._give_back([ticket for ticket in batch if ticket.outcome is None])
            self._tell([ticket for ticket in batch if ticket.outcome is not None])
            raise

    def _take(self, batch: list[_Ticket]) -> None:
        """Add to the batch what one commit takes."""
        size = 0
        while self._queue and len(batch) < BATCH_ROWS and size < BATCH_BYTES:
            try:
                ticket = self._queue[0]
            except IndexError:  # its caller has left
                return
            batch.append(ticket)  # before it leaves the line: an interrupt between the two must not lose it
            with suppress(ValueError):
                self._queue.remove(ticket)
            if ticket.claim.acquire(blocking=False):
                size += ticket.size
            else:
                batch.pop()

    def _give_back(self, batch: list[_Ticket]) -> None:
        """Put rows back in line: where they were stored already, storing them again stores nothing."""
        for ticket in reversed(batch):
            if not ticket.left:
                _release(ticket.claim)
                if ticket not in self._queue:
                    self._queue.appendleft(ticket)

    def _tell(self, batch: list[_Ticket]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_AsyncTicket]] = {}
        for ticket in batch:
            if isinstance(ticket, _AsyncTicket):
                by_loop.setdefault(ticket.loop, []).append(ticket)
            else:
                ticket.call()
        for loop, tickets in by_loop.items():
            with suppress(RuntimeError):  # the loop is closed, and nobody waits there any more
                loop.call_soon_threadsafe(_settle, tickets)

    def _insert(self, rows: list[Row]) -> list[Outcome]:
        """What becomes of each row; where the fault may be one row's, the others are stored without it."""
        if not rows:
            return []
        try:
            return list(self._insert_each(rows))
        except Exception as error:
            if not isinstance(error, (AuditwrightError, *_OF_A_ROW)) and _may_be_interrupted():
                raise
            if len(rows) == 1 or not _may_be_of_one_row(error):
                return [_error_of(error) for _ in rows]
            middle = len(rows) // 2
            return self._insert(rows[:middle]) + self._insert(rows[middle:])


def _release(lock: _thread.LockType) -> None:
    with suppress(RuntimeError):  # it is released already, which is as good
        lock.release()


def _settle(tickets: list[_AsyncTicket]) -> None:
    for ticket in tickets:
        ticket.settle()


_OF_A_ROW = (TypeError, ValueError, OverflowError)
"""What packing a row may raise."""


def _may_be_interrupted() -> bool:
    """Whether an exception may be a signal handler's, such as a time limit's: they run in the main thread."""
    return threading.current_thread() is threading.main_thread()


def _may_be_of_one_row(error: Exception) -> bool:
    """Whether the fault may lie in one of the rows: what no storage foresaw, or what the driver (DB-API 2.0)
    calls an error of the data. Where the database itself fails, every row would fail again.
    """
    if not isinstance(error, AuditwrightError):
        return True
    kinds = {kind.__name__ for kind in type(error.__cause__).__mro__}
    return not kinds.isdisjoint({"DataError", "IntegrityError"})


def _error_of(error: Exception) -> AuditwrightError:
    """The error for one caller: each gets its own, which will hold its own entry."""
    if isinstance(error, AuditwrightError):
        own = type(error)(*error.args)
        own.__cause__ = error.__cause__
        return own
    own = StorageError(f"cannot store the entry: {type(error).__name__}: {error}")
    own.__cause__ = error
    return own
