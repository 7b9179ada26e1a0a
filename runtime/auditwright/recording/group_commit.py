"""Group commit: concurrent callers share a transaction; each returns after it is committed.

There is no background thread. The first caller becomes the leader and commits its row together with all
waiting rows. Callers that arrive meanwhile wait, and one of them leads the next commit. If only coroutines
wait, a thread is started to lead for them; it ends after a short idle time. Storing rows is in `storage/`.

An error has the frames that it went through, and they must not have the error, directly or in a ticket: only
the garbage collector frees such a cycle, and it stops the whole program while calls fail by the thousand.
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
from auditwright.storage.deadline import SHORTEST, TIMEOUT, within
from auditwright.storage.errors import IdConflict, StorageError

if TYPE_CHECKING:
    import asyncio

BATCH_ROWS = 1_000
BATCH_BYTES = 4 * 1024 * 1024
"""The most rows and bytes of one commit: about 20 ms of writing, for which the next callers wait."""
MAX_WAITING = 100_000
"""The most waiting rows. Each caller waits for its row, so that only a program with as many concurrent
callers reaches it.
"""
LINGER_SECONDS = 0.005
"""How long a leader waits for the callers of the last commit; at most half a commit."""
LINGER_FAR_SECONDS = 0.02
"""How long it waits at most where an eighth of a commit is longer: a far server needs fewer commits then."""
PARK_SECONDS = 0.1
"""The idle time after which a thread that leads for coroutines ends. Starting a thread for each commit would
make an await a third slower on a fast disk.
"""
POLL_SECONDS = 0.1
"""How often a waiting caller checks whether there is a leader. Usually it is woken. If the thread that should
wake it is stopped, for example by a debugger or a signal handler, it leads itself.
"""

Outcome = Row | AuditwrightError
InsertEach = Callable[[Sequence[Row]], Sequence[Row | IdConflict]]


class _Ticket:
    """A waiting row and its outcome. Whoever acquires `claim` decides: the leader to write it, or its caller
    to withdraw it.
    """

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
        """Whether its caller no longer waits."""

    def notify(self) -> None:
        """Wake the caller, which checks by itself whether it is done or should lead."""
        _release(self.wake)


class _AsyncTicket(_Ticket):
    """A row that a coroutine waits for."""

    __slots__ = ("future", "loop")

    def __init__(self, row: Row, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(row)
        self.loop = loop
        self.future: asyncio.Future[Row] = loop.create_future()

    def settle(self) -> None:
        """Set the outcome of the future; called in its event loop."""
        if self.future.done():
            return
        if isinstance(self.outcome, AuditwrightError):
            self.future.set_exception(self.outcome)
        elif self.outcome is not None:
            self.future.set_result(self.outcome)


class _Turn:
    """The leadership of a thread that has no row of its own."""

    thread = 0


class _Parked:
    """An idle thread that led for coroutines and waits for the next turn."""

    def __init__(self) -> None:
        self.turn = _Turn()
        self.wake = _thread.allocate_lock()
        self.wake.acquire()


class GroupCommit(ForkAware):
    """Stores the rows of many threads and event loops of this process in shared commits.

    `insert_each` is `Storage.insert_each`. Shared locks are only tried and never waited for, so that neither
    a signal handler nor a fork can deadlock.
    """

    def __init__(self, insert_each: InsertEach, wait_seconds: float = TIMEOUT) -> None:
        self.insert_each = insert_each
        self._wait_seconds = wait_seconds
        self.after_fork_in_child()
        register(self)

    def after_fork_in_child(self) -> None:
        """Start with an empty queue: the parent stores the rows that wait there."""
        self._queue: deque[_Ticket] = deque()
        # A dictionary instead of a lock: `setdefault` takes the lead and names the leader atomically, so
        # that an exception from a signal handler cannot occur in between.
        self._lead: dict[str, _Ticket | _Turn] = {}
        self._parked: deque[_Parked] = deque()
        self._concurrent = 1
        self._commit_seconds = 0.0
        self._gathered = _thread.allocate_lock()
        self._gathered.acquire()
        self._wanted = 0

    @property
    def waiting(self) -> int:
        """How many rows wait for the next commit."""
        return len(self._queue)

    # --- callers -------------------------------------------------------------------------------

    def store(self, row: Row) -> Row:
        """Store a row durably; returns the row that is stored under its id. Raises `AuditwrightError`.

        It ends within `wait_seconds`, or a second later if the caller leads its commit at the end of them.
        If another exception such as KeyboardInterrupt ends the wait, the row is stored once or not at all.
        """
        ticket = _Ticket(row)
        outcome: Outcome | None = None
        try:
            outcome = self._wait_for(ticket)
            if isinstance(outcome, AuditwrightError):
                raise outcome
            return outcome
        finally:
            del ticket, outcome  # as everywhere: see the top

    def _wait_for(self, ticket: _Ticket) -> Outcome:
        """Wait for the outcome, or lead commits until there is one."""
        try:
            self._enqueue(ticket)
            while ticket.outcome is None:
                if self._lead.setdefault("by", ticket) is ticket:
                    self._lead_until(ticket)
                    if ticket.outcome is None:
                        self._check_wait(ticket)
                elif not ticket.wake.acquire(timeout=POLL_SECONDS):
                    self._check_wait(ticket)
            return ticket.outcome
        except BaseException:
            self._leave(ticket)
            raise
        finally:
            del ticket

    async def store_async(self, row: Row) -> Row:
        """`store` without blocking the event loop.

        If it is cancelled while the row waits, the row is not stored. If it is cancelled while the row is
        being written, the row is stored once, unless the database fails.
        """
        from asyncio import get_running_loop  # not loaded by synchronous programs

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
            del ticket, timer

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
        """Raise an error if the wait cannot end or has timed out."""
        leader = self._lead.get("by")
        if leader is not None and leader.thread == ticket.thread:
            raise StorageError(
                "this thread is storing an entry already, and a signal handler or a finalizer has "
                "interrupted it to record another one, which is not stored; record it when that has returned"
            )
        if time.monotonic() - ticket.since >= self._wait_seconds:
            raise self._timed_out(ticket)

    def _timed_out(self, ticket: _Ticket) -> StorageError:
        ticket.left = True
        is_withdrawn = ticket.claim.acquire(blocking=False)
        if is_withdrawn:
            outcome = "is not stored; record it again"
        else:
            outcome = "is being written, and the database has not answered; record it again"
        error = StorageError(
            f"the entry has waited {self._wait_seconds:g} seconds and {outcome} with id=error.entry.id, "
            "which stores it once"
        )
        error.outcome_unknown = not is_withdrawn
        return error

    def _expire(self, ticket: _AsyncTicket) -> None:
        if ticket.outcome is None and not ticket.future.done():
            ticket.future.set_exception(self._timed_out(ticket))

    def _leave(self, ticket: _Ticket) -> None:
        """Withdraw the row of a caller that stops waiting, unless it is being written; pass on the lead."""
        ticket.left = True
        ticket.claim.acquire(blocking=False)
        with suppress(ValueError):
            self._queue.remove(ticket)
        self._end_turn(ticket)

    # --- leading -------------------------------------------------------------------------------

    def _lead_until(self, ticket: _Ticket) -> None:
        """Commit waiting rows until this one is stored."""
        try:
            left = ticket.since + self._wait_seconds - time.monotonic()
            while ticket.outcome is None and self._queue and left > 0:
                with within(max(left, SHORTEST)):
                    self._commit_next()
                left = ticket.since + self._wait_seconds - time.monotonic()
        finally:
            self._end_turn(ticket)
            del ticket

    def _lead_all(self, turn: _Turn) -> None:
        """Commit until no row waits."""
        turn.thread = _thread.get_ident()
        try:
            while self._queue:
                self._commit_next()
        finally:
            self._end_turn(turn)

    def _lead_for_coroutines(self, turn: _Turn) -> None:
        """Lead for this turn and the next ones, until no turn comes for `PARK_SECONDS`."""
        while True:
            self._lead_all(turn)
            parked = _Parked()
            self._parked.append(parked)
            if not parked.wake.acquire(timeout=PARK_SECONDS):
                try:
                    self._parked.remove(parked)
                except ValueError:  # just now another thread took it to give it a turn
                    parked.wake.acquire()
                else:
                    return
            turn = parked.turn

    def _lead_elsewhere(self) -> None:
        """Make another thread the leader, unless there is one."""
        turn = _Turn()
        try:
            if self._lead.setdefault("by", turn) is turn:
                self._give_turn(turn)
        except RuntimeError:  # the interpreter is shutting down and starts no threads
            self._lead_all(turn)
        except BaseException:
            self._end_turn(turn)
            raise

    def _give_turn(self, turn: _Turn) -> None:
        try:
            parked = self._parked.pop()
        except IndexError:
            _thread.start_new_thread(self._lead_for_coroutines, (turn,))
        else:
            parked.turn = turn
            parked.wake.release()

    def _end_turn(self, turn: _Ticket | _Turn) -> None:
        """Pass the lead to the first in the queue. A caller that is enqueued now tries to lead as well, so
        that there is always a leader.
        """
        if self._lead.get("by") is turn:
            del self._lead["by"]
        try:
            head = self._queue[0]
        except IndexError:
            return
        if isinstance(head, _AsyncTicket):
            self._lead_elsewhere()
        else:
            head.notify()

    def _gather(self) -> None:
        """Wait briefly until as many rows wait as in the last commit; a lone caller never waits."""
        if len(self._queue) < self._concurrent:
            self._wanted = self._concurrent
            longest = max(LINGER_SECONDS, min(self._commit_seconds / 8, LINGER_FAR_SECONDS))
            linger = min(self._commit_seconds / 2, longest)
            if len(self._queue) < self._concurrent:
                self._gathered.acquire(timeout=linger)
            self._wanted = 0

    def _commit_next(self) -> None:
        """Store the next rows of the queue and give each caller its outcome."""
        self._gather()
        batch: list[_Ticket] = []
        try:
            self._take(batch)
            started = time.perf_counter()
            _set_outcomes(batch, self._insert([ticket.row for ticket in batch]))
            self._commit_seconds += (time.perf_counter() - started - self._commit_seconds) / 4
            self._concurrent = min(len(batch) + len(self._queue), BATCH_ROWS)
            self._notify(batch)
        except BaseException:  # from a signal handler: this thread leaves, the others still need an outcome
            self._requeue([ticket for ticket in batch if ticket.outcome is None])
            self._notify([ticket for ticket in batch if ticket.outcome is not None])
            raise
        finally:
            batch.clear()  # the frame is in the traceback of the error of its tickets

    def _take(self, batch: list[_Ticket]) -> None:
        """Move the rows of one commit from the queue to the batch."""
        size = 0
        while self._queue and len(batch) < BATCH_ROWS and size < BATCH_BYTES:
            try:
                ticket = self._queue[0]
            except IndexError:  # its caller has withdrawn it
                return
            batch.append(ticket)  # before it leaves the queue, so that an interrupt cannot lose it
            with suppress(ValueError):
                self._queue.remove(ticket)
            if ticket.claim.acquire(blocking=False):
                size += ticket.size
            else:
                batch.pop()

    def _requeue(self, batch: list[_Ticket]) -> None:
        """Put rows back into the queue. Storing is idempotent, so they may be stored already."""
        for ticket in reversed(batch):
            if not ticket.left:
                _release(ticket.claim)
                if ticket not in self._queue:
                    self._queue.appendleft(ticket)

    def _notify(self, batch: list[_Ticket]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_AsyncTicket]] = {}
        for ticket in batch:
            if isinstance(ticket, _AsyncTicket):
                by_loop.setdefault(ticket.loop, []).append(ticket)
            else:
                ticket.notify()
        for loop, tickets in by_loop.items():
            with suppress(RuntimeError):  # the loop is closed, so nobody waits
                loop.call_soon_threadsafe(_settle, tickets)

    def _insert(self, rows: list[Row]) -> list[Outcome]:
        """The outcome of each row. If one row may be at fault, halves are stored until it is isolated."""
        if not rows:
            return []
        try:
            return list(self.insert_each(rows))
        except Exception as error:
            if not isinstance(error, (AuditwrightError, *ROW_ERRORS)) and _may_be_interrupted():
                raise
            if isinstance(error, StorageError) and error.of_node:
                from auditwright.recording.lost_node import insert_by_account

                return insert_by_account(rows, error, self._insert, error_of)
            if len(rows) == 1 or not may_be_row_error(error):
                return [error_of(error) for _ in rows]
            middle = len(rows) // 2
            return self._insert(rows[:middle]) + self._insert(rows[middle:])


def _release(lock: _thread.LockType) -> None:
    with suppress(RuntimeError):  # it is released already
        lock.release()


def _set_outcomes(batch: list[_Ticket], outcomes: list[Outcome]) -> None:
    for ticket, outcome in zip(batch, outcomes, strict=True):
        ticket.outcome = outcome


def _settle(tickets: list[_AsyncTicket]) -> None:
    for ticket in tickets:
        ticket.settle()


ROW_ERRORS = (TypeError, ValueError, OverflowError)
"""What converting a row for the database may raise."""


def _may_be_interrupted() -> bool:
    """Whether an exception may come from a signal handler; these run in the main thread."""
    return threading.current_thread() is threading.main_thread()


def may_be_row_error(error: Exception) -> bool:
    """Whether one row may be at fault: an unexpected exception, or a DB-API 2.0 error about the data.

    If the database itself fails, every row would fail again.
    """
    if not isinstance(error, AuditwrightError):
        return True
    kinds = {kind.__name__ for kind in type(error.__cause__).__mro__}
    return not kinds.isdisjoint({"DataError", "IntegrityError"})


def error_of(error: Exception) -> AuditwrightError:
    """A copy of the error for one caller, to which its entry will be attached."""
    if isinstance(error, AuditwrightError):
        copy = type(error)(*error.args)
        vars(copy).update(vars(error))
        copy.__cause__ = error.__cause__
        return copy
    wrapped = StorageError(f"cannot store the entry: {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped
