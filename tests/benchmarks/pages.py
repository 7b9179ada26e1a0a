"""Pages of every shape of `shapes.py` on both engines, newest and at a depth of a million entries; counts and
choices.

The log is the one that `build` makes. Accounts of 1, 3 and 10 million entries take turns, so that what is
slower in the larger one is the log's doing and not the machine's.
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
"""Each reads the newest page and the one after it; few suffice for pairs, and where one takes long."""
DEEP_PAGES = 30
DEPTH = 1_000_000
CALLS = 20
LONG, TOO_LONG = 0.005, 0.3
"""Seconds of a page after which it is read less often, and after which larger accounts are left out."""
MEDIAN_AIM, WORST_AIM, CHOICES_AIM = 0.002, 0.020, 0.005
COUNTED = 10_000

Read = Callable[[], Page]
Result = TypeVar("Result")


@dataclass
class Measured:
    """One shape: the seconds of its pages by account, the first call of each apart."""

    name: str
    kind: str
    bounded: bool = True
    is_pair: bool = False
    first: float = 0.0
    """The longest of the first calls."""
    seconds: dict[str, list[float]] = field(default_factory=dict)
    entries: str = ""
    """On the newest page of the largest account, and whether more follow."""
    scanned_to: str = ""


def run(*millions: int) -> None:
    """Tables for each engine, of the accounts of so many million entries or of all."""
    accounts = {
        name: size for name, size in large.ACCOUNTS.items() if not millions or size // 1_000_000 in millions
    }
    logging.getLogger("auditwright").setLevel(logging.ERROR)  # who measures is the database's superuser
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
        depths = f"{DEPTH:,}" if min(accounts.values()) > DEPTH else f"{DEPTH:,}, in 1m of 900,000"
        _print(
            f"{engine}: {DEEP_PAGES} pages one after the other, from a depth of {depths} on", accounts, deep
        )
        counts = [_counts(every, shape) for shape in representatives()]
        _print(f"{engine}: how many entries fit, counted up to {COUNTED:,}", accounts, counts)
        choices = _choices(every)
        _print(f"{engine}: what there is to choose from", accounts, choices)
        gc.unfreeze()
        print(f"\n{len(measured)} shapes, {time.monotonic() - started:.0f} s.\n")
    _print_misses([*measured, *deep], MEDIAN_AIM)
    _print_misses([*counts, *choices], CHOICES_AIM)


# --- measuring -------------------------------------------------------------------------------------


def _newest(accounts: Mapping[str, AccountLog], shape: Shape) -> Measured:
    measured = Measured(shape.name, shape.kind, shape.bounded, shape.is_pair)
    reads = _not_too_long(measured, {name: partial(_page, each, shape) for name, each in accounts.items()})
    for _ in range(FEW_RUNS if shape.is_pair or measured.first > LONG else RUNS):
        for name, read in reads.items():
            page = _timed(measured, name, read)
            if page.next is not None:
                _timed(measured, name, partial(_page, accounts[name], shape, page.next))
    return measured


def _deep(accounts: Mapping[str, AccountLog], sizes: Mapping[str, int], shape: Shape) -> Measured:
    measured = Measured(f"{shape.name}, deep", shape.kind, shape.bounded, shape.is_pair)
    deep = {name: shape.until_depth(size, min(DEPTH, size * 9 // 10)) for name, size in sizes.items()}
    firsts = {name: partial(_page, each, deep[name]) for name, each in accounts.items()}
    kept = _not_too_long(measured, firsts)
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


def _not_too_long(measured: Measured, reads: Mapping[str, Read]) -> dict[str, Read]:
    """Those that can be measured often; each is called once or twice."""
    kept: dict[str, Read] = {}
    for name, read in reads.items():
        first, page = _time(read)
        measured.first = max(measured.first, first)
        measured.entries = f"{len(page.entries)}{'' if page.next is None else '+'}"
        measured.scanned_to = "" if page.scanned_to is None else f"{page.scanned_to:%Y-%m-%d}"
        if first > TOO_LONG and (again := _time(read)[0]) > TOO_LONG:
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
            _note(measured, name, number, seconds)
    return measured


def _choices(accounts: Mapping[str, AccountLog]) -> list[Measured]:
    calls: dict[str, Callable[[AccountLog], Sequence[object]]] = {
        'users with "0123"': lambda account: account.users("0123"),
        'users with "user 01"': lambda account: account.users("user 01"),
        'users with "zzz"': lambda account: account.users("zzz"),
        "users": lambda account: account.users(),
        # It is what the choices of categories and events are made of.
        "stored events": lambda account: account._storage.possible_events(account.account_id, quick=True),
    }
    found = []
    for title, call in calls.items():
        measured = Measured(title, "choices")
        for number in range(CALLS + 1):
            for name, account in accounts.items():
                seconds, result = _time(partial(call, account))
                measured.entries = str(len(result))
                _note(measured, name, number, seconds)
        found.append(measured)
    return found


def _note(measured: Measured, name: str, number: int, seconds: float) -> None:
    if number == 0:
        measured.first = max(measured.first, seconds)
    else:
        measured.seconds.setdefault(name, []).append(seconds)


# --- printing --------------------------------------------------------------------------------------


def _by_kind(measured: Iterable[Measured]) -> list[Measured]:
    """The shapes as they are, but all pairs of one kind together."""
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
    """A Markdown table; the times of an account are median, 99th percentile and worst, in milliseconds."""
    print(f"\n### {title}\n")
    print(f"| shape | entries | looked to | first call | {' | '.join(accounts)} |")
    print(f"|---|---:|---|---:|{'---:|' * len(list(accounts))}")
    for each in measured:
        times = (_three(each.seconds.get(name)) for name in accounts)
        print(
            f"| {each.name} | {each.entries} | {each.scanned_to} | {each.first * 1e3:.1f} "
            f"| {' | '.join(times)} |"
        )


def _three(seconds: list[float] | None) -> str:
    if not seconds:
        return "left out"
    ordered = sorted(seconds)
    percentile = ordered[round(0.99 * (len(ordered) - 1))]
    return " / ".join(f"{each * 1e3:.2f}" for each in (statistics.median(ordered), percentile, ordered[-1]))


def _print_misses(measured: Iterable[Measured], median_aim: float) -> None:
    """The shapes that take longer than they may in some account, the slowest first."""
    missed = []
    for each in measured:
        median = max(map(statistics.median, each.seconds.values()))
        worst = max(map(max, each.seconds.values()))
        if median > (median_aim if each.bounded else WORST_AIM) or worst > WORST_AIM:
            kind = "" if each.bounded else ", each entry looked at"
            missed.append((median, f"- {each.name}{kind}: {median * 1e3:.1f} / {worst * 1e3:.1f}"))
    print(
        f"\nNot within {median_aim * 1e3:.0f} ms in the median and {WORST_AIM * 1e3:.0f} ms at worst, or "
        f"where each entry is looked at not within {WORST_AIM * 1e3:.0f} ms: {len(missed)}.\n"
    )
    for _, line in sorted(missed, reverse=True):
        print(line)
