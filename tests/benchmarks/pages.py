"""Pages of every shape of `shapes.py` on both engines, newest and at a depth of a million entries; counts and
choices.

`build` makes the log. Accounts of 1, 3 and 10 million entries alternate, so that a slower page in the larger
one is due to the size of the log and not to noise.
"""

from __future__ import annotations

import gc
import logging
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from tests.benchmarks import large
from tests.benchmarks.shapes import Shape, representatives, shapes

from audit_events import CATALOG
from auditwright import AccountLog, AuditLog, Page

RUNS, FEW_RUNS = 50, 6
"""Runs of a shape, each of the newest page and the one after it; pairs and slow shapes have few runs."""
DEEP_PAGES = 30
DEPTH = 1_000_000
CALLS = 20
SLOW, TOO_SLOW = 0.005, 0.3
"""Seconds of a page from which it has few runs, and from which larger accounts are skipped."""
MEDIAN_GOAL, WORST_GOAL, CHOICES_GOAL = 0.002, 0.020, 0.005
COUNTED = 10_000

Read = Callable[[], Page]
Result = TypeVar("Result")


@dataclass
class Measured:
    """The times of one shape: the seconds of its pages by account, without the first call of each."""

    name: str
    kind: str
    bounded: bool = True
    is_pair: bool = False
    first: float = 0.0
    """The seconds of the slowest first call."""
    seconds: dict[str, list[float]] = field(default_factory=dict)
    entries: str = ""
    """The number of entries on the newest page of the largest account, with a `+` if more follow."""
    scanned_to: str = ""


def run(*millions: int) -> None:
    """Print the tables of each engine; `millions` selects accounts by size, the default is all."""
    accounts = {
        name: size for name, size in large.ACCOUNTS.items() if not millions or size // 1_000_000 in millions
    }
    logging.getLogger("auditwright").setLevel(logging.ERROR)  # hides a warning about the role
    _measure("SQLite", large.sqlite().url, accounts)
    with large.postgresql() as database:
        _measure("PostgreSQL", database.url, accounts)


def _measure(engine: str, url: str, accounts: Mapping[str, int]) -> None:
    with AuditLog.open(url, catalog=CATALOG) as log:
        every = {name: log.account(name) for name in accounts}
        gc.collect()
        gc.freeze()
        started = time.monotonic()
        measured = [_newest(every, shape) for shape in shapes()]
        _print(f"{engine}: the newest page of 50 and the one after it", accounts, _by_kind(measured))
        deep = [_deep(every, accounts, shape) for shape in representatives()]
        depths = f"{DEPTH:,}" if min(accounts.values()) > DEPTH else f"{DEPTH:,} (900,000 in 1m)"
        _print(f"{engine}: {DEEP_PAGES} pages in sequence, from a depth of {depths}", accounts, deep)
        counts = [_counts(every, shape) for shape in representatives()]
        _print(f"{engine}: count of matching entries, up to {COUNTED:,}", accounts, counts)
        choices = _choices(every)
        _print(f"{engine}: choices of the filter", accounts, choices)
        gc.unfreeze()
        print(f"\n{len(measured)} shapes, {time.monotonic() - started:.0f} s.\n")
    _print_misses([*measured, *deep], MEDIAN_GOAL)
    _print_misses([*counts, *choices], CHOICES_GOAL)


# --- measuring -------------------------------------------------------------------------------------


def _newest(accounts: Mapping[str, AccountLog], shape: Shape) -> Measured:
    measured = Measured(shape.name, shape.kind, shape.bounded, shape.is_pair)
    reads = _fast_enough(measured, {name: partial(_page, each, shape) for name, each in accounts.items()})
    for _ in range(FEW_RUNS if shape.is_pair or measured.first > SLOW else RUNS):
        for name, read in reads.items():
            page = _timed(measured, name, read)
            if page.next is not None:
                _timed(measured, name, partial(_page, accounts[name], shape, page.next))
    return measured


def _deep(accounts: Mapping[str, AccountLog], sizes: Mapping[str, int], shape: Shape) -> Measured:
    measured = Measured(f"{shape.name}, deep", shape.kind, shape.bounded, shape.is_pair)
    deep = {name: shape.until_depth(size, min(DEPTH, size * 9 // 10)) for name, size in sizes.items()}
    firsts = {name: partial(_page, each, deep[name]) for name, each in accounts.items()}
    kept = _fast_enough(measured, firsts)
    for warm in (False, True):
        after: dict[str, str | None] = dict.fromkeys(kept)
        for _ in range(DEEP_PAGES):
            for name in after:
                read = partial(_page, accounts[name], deep[name], after[name])
                after[name] = (_timed(measured, name, read) if warm else read()).next
    return measured


def _page(account: AccountLog, shape: Shape, after: str | None = None) -> Page:
    return account.entries(
        shape.where, after=after, since=shape.since, until=shape.until, search=shape.search
    )


def _fast_enough(measured: Measured, reads: Mapping[str, Read]) -> dict[str, Read]:
    """The reads that are fast enough to repeat; each is called once or twice."""
    kept: dict[str, Read] = {}
    for name, read in reads.items():
        first, page = _time(read)
        measured.first = max(measured.first, first)
        measured.entries = f"{len(page.entries)}{'' if page.next is None else '+'}"
        measured.scanned_to = "" if page.scanned_to is None else f"{page.scanned_to:%Y-%m-%d}"
        if first > TOO_SLOW and (again := _time(read)[0]) > TOO_SLOW:
            measured.seconds[name] = [again]
            break
        kept[name] = read
    return kept


def _timed(measured: Measured, name: str, read: Read) -> Page:
    seconds, page = _time(read)
    measured.seconds.setdefault(name, []).append(seconds)
    return page


def _time(call: Callable[[], Result]) -> tuple[float, Result]:
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


def _counts(accounts: Mapping[str, AccountLog], shape: Shape) -> Measured:
    measured = Measured(f"{shape.name}, counted", shape.kind, shape.bounded, shape.is_pair)
    for number in range(CALLS + 1):
        for name, account in accounts.items():
            seconds, counted = _time(partial(account.count_up_to, COUNTED, shape.where))
            measured.entries = str(counted)
            _add_call(measured, name, number, seconds)
    return measured


def _choices(accounts: Mapping[str, AccountLog]) -> list[Measured]:
    calls: dict[str, Callable[[AccountLog], Sequence[object]]] = {
        'users with "0123"': lambda account: account.users("0123"),
        'users with "user 01"': lambda account: account.users("user 01"),
        'users with "zzz"': lambda account: account.users("zzz"),
        "users": lambda account: account.users(),
        # The choices of categories and events are made from it.
        "stored events": lambda account: account._storage.possible_events(account.account_id, quick=True),
    }
    found = []
    for title, call in calls.items():
        measured = Measured(title, "choices")
        for number in range(CALLS + 1):
            for name, account in accounts.items():
                seconds, result = _time(partial(call, account))
                measured.entries = str(len(result))
                _add_call(measured, name, number, seconds)
        found.append(measured)
    return found


def _add_call(measured: Measured, name: str, number: int, seconds: float) -> None:
    if number == 0:
        measured.first = max(measured.first, seconds)
    else:
        measured.seconds.setdefault(name, []).append(seconds)


# --- printing --------------------------------------------------------------------------------------


def _by_kind(measured: Iterable[Measured]) -> list[Measured]:
    """The shapes, with all pairs of one kind combined."""
    found: dict[str, Measured] = {}
    for each in measured:
        if not each.is_pair:
            found[each.name] = each
            continue
        whole = found.setdefault(each.kind, Measured(each.kind, each.kind))
        whole.first = max(whole.first, each.first)
        whole.scanned_to = min(filter(None, (whole.scanned_to, each.scanned_to)), default="")
        for name, seconds in each.seconds.items():
            whole.seconds.setdefault(name, []).extend(seconds)
    return list(found.values())


def _print(title: str, accounts: Iterable[str], measured: Iterable[Measured]) -> None:
    """Print a Markdown table; the times of an account are median, 99th percentile and worst, in ms."""
    print(f"\n### {title}\n")
    print(f"| shape | entries | scanned to | first call | {' | '.join(accounts)} |")
    print(f"|---|---:|---|---:|{'---:|' * len(list(accounts))}")
    for each in measured:
        times = (_percentiles(each.seconds.get(name)) for name in accounts)
        print(
            f"| {each.name} | {each.entries} | {each.scanned_to} | {each.first * 1e3:.1f} "
            f"| {' | '.join(times)} |"
        )


def _percentiles(seconds: list[float] | None) -> str:
    if not seconds:
        return "skipped"
    ordered = sorted(seconds)
    percentile = ordered[round(0.99 * (len(ordered) - 1))]
    return " / ".join(f"{each * 1e3:.2f}" for each in (statistics.median(ordered), percentile, ordered[-1]))


def _print_misses(measured: Iterable[Measured], median_goal: float) -> None:
    """Print the shapes that miss a goal in any account, slowest first."""
    missed = []
    for each in measured:
        median = max(map(statistics.median, each.seconds.values()))
        worst = max(map(max, each.seconds.values()))
        if median > (median_goal if each.bounded else WORST_GOAL) or worst > WORST_GOAL:
            kind = "" if each.bounded else ", with a long scan"
            missed.append((median, f"- {each.name}{kind}: {median * 1e3:.1f} / {worst * 1e3:.1f}"))
    print(
        f"\nOver {median_goal * 1e3:.0f} ms in the median or {WORST_GOAL * 1e3:.0f} ms at worst, or "
        f"with a long scan over {WORST_GOAL * 1e3:.0f} ms in either: {len(missed)}.\n"
    )
    for _, line in sorted(missed, reverse=True):
        print(line)
