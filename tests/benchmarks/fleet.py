"""Many accounts and several processes on one log, by engine: throughput, latency, fairness, stored entries.

python -m tests.benchmarks fleet --seconds 20 --processes 4 --accounts 1000 --events 2000 --pages 50

Everything is on loopback, and bounded in time and number. Accounts follow a Zipf distribution. Each process
opens the log itself, as the logins of a service do: row-level security binds them on PostgreSQL. At the end
the stored entries of each account are counted, and must be those that were acknowledged.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.benchmarks.fleet_process import CALLERS, READERS, Done, Share, name_of, set_barrier, work
from tests.benchmarks.load import percentiles
from tests.support.citus import CITUS, CitusCluster, CitusDatabase, coordinator
from tests.support.databases import (
    Database,
    PostgreSQLDatabase,
    PostgreSQLServer,
    SQLiteDatabase,
    temporary_server,
)
from tests.support.pgbouncer import pooled

from auditwright import AuditLog
from auditwright.storage.postgresql.roles import Roles, make_roles

BOUNDS = {
    "seconds": (1, 600, 20),
    "processes": (1, 16, 4),
    "accounts": (1, 100_000, 1_000),
    "events": (1, 50_000, 2_000),
    "pages": (0, 5_000, 50),
}
"""The least, the most and the default of each option."""
MOST_EVENTS = 2_000_000
"""The most events of a run on one database."""
HELP = {
    "seconds": "how long events and pages are offered",
    "processes": "processes that record and read; threads record in one half, coroutines in the other",
    "accounts": "accounts",
    "events": "events a second that all processes together are offered",
    "pages": "newest pages a second that all processes together are offered",
}
COUNTED_FROM = 30
"""The fewest events of an account that the fairness of accounts counts: of fewer, one of them is much."""
POOL = 8
"""The server connections of a pool, one for recording and one for reading."""
LOGINS = {"fleet_service": "audit_writer", "fleet_page": "audit_reader"}


@dataclass(frozen=True)
class Target:
    """A database as the processes open it."""

    database: Database
    url: str
    read_url: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a run on one database."""

    title: str
    done: list[Done]
    stored: Counter[str]
    on_one_node: float | None = None
    """The share of statements that one node of a cluster executed; None for other databases."""

    @property
    def acknowledged(self) -> Counter[str]:
        """The acknowledged entries by account."""
        return Counter(name_of(account) for done in self.done for account in done.acknowledged)

    @property
    def differing(self) -> int:
        """The acknowledged entries that are not stored, and the stored ones that no call can have stored."""
        unknown = Counter(name_of(account) for done in self.done for account in done.unknown)
        missing, further = self.acknowledged - self.stored, self.stored - self.acknowledged
        return (missing + (further - unknown)).total()


# --- the options ---------------------------------------------------------------------------------


def _number(name: str) -> Callable[[str], int]:
    low, high, _ = BOUNDS[name]

    def number(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"expected {low:,} to {high:,}, got {text!r}")
        return int(text)

    return number


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks fleet", description=HELP_TEXT)
    for name, (low, high, default) in BOUNDS.items():
        limits = f"{HELP[name]}; {low:,} to {high:,} (default: {default:,})"
        parser.add_argument(f"--{name}", type=_number(name), default=default, help=limits)
    parser.add_argument(
        "--on", nargs="+", choices=TARGETS, default=list(TARGETS), help="databases (default: all)"
    )
    options = parser.parse_args(arguments)
    if options.events * options.seconds > MOST_EVENTS:
        parser.error(f"--events times --seconds: expected at most {MOST_EVENTS:,}")
    return options


def run(*arguments: str) -> None:
    """Offer the same to each database in turn, and print the report; differing entries are an error."""
    options = _parse(arguments)
    outcomes = []
    for name in options.on:
        title, target = TARGETS[name]
        try:
            with target() as opened:
                outcomes.append(_measure(title, opened, options))
        except pytest.skip.Exception as reason:
            print(f"{title} is left out: {reason}", flush=True)
    _print(outcomes, options)
    if differing := sum(outcome.differing for outcome in outcomes):
        raise SystemExit(
            f"{differing:,} entries are acknowledged but not stored, or stored but not acknowledged"
        )


# --- the databases -------------------------------------------------------------------------------


@contextmanager
def _sqlite() -> Iterator[Target]:
    with tempfile.TemporaryDirectory(prefix="auditwright-") as folder:
        database = SQLiteDatabase(Path(folder) / "audit.db")
        AuditLog.open(database.url).close()
        yield Target(database, database.url)


@contextmanager
def _postgresql() -> Iterator[Target]:
    with temporary_server(durable=True) as server:
        database = _with_logins(server)
        yield Target(database, *(_as(database, login) for login in LOGINS))


@contextmanager
def _pgbouncer() -> Iterator[Target]:
    with temporary_server(durable=True) as server, ExitStack() as pools:
        database = _with_logins(server)
        urls = [
            pools.enter_context(pooled(PostgreSQLDatabase(_as(database, login)), POOL)) for login in LOGINS
        ]
        yield Target(database, *urls)


@contextmanager
def _citus() -> Iterator[Target]:
    if not coordinator():
        pytest.skip(f"{CITUS} holds no URL of a coordinator")
    cluster = CitusCluster(coordinator())
    database = cluster.another()
    try:
        make_roles(database.url, Roles())
        for login, role in LOGINS.items():
            if not database.rows(f"SELECT 1 FROM pg_roles WHERE rolname = '{login}'"):
                database.change(f"CREATE ROLE {login} LOGIN")
            database.change(f"GRANT {role} TO {login}")
        server = database.nodes[0].rpartition("@")[2]
        database.change(f"ALTER DATABASE {server.rpartition('/')[2]} SET citus.enable_stat_counters = on")
        yield Target(database, *(f"postgresql://{login}@{server}" for login in LOGINS))
    finally:
        cluster.drop(database)
        cluster.stop()


def _on_one_node(database: Database) -> float | None:
    if not isinstance(database, CitusDatabase):
        return None
    ((one, several),) = database.rows(
        "SELECT query_execution_single_shard, query_execution_multi_shard FROM citus_stat_counters "
        "WHERE name = current_database()"
    )
    return float(one / (one + several)) if one + several else None


def _with_logins(server: PostgreSQLServer) -> PostgreSQLDatabase:
    """A database with a login that records and one that reads."""
    database = server.another()
    make_roles(database.url, Roles())
    server.change(*(f"CREATE ROLE {login} LOGIN IN ROLE {role}" for login, role in LOGINS.items()))
    return database


def _as(database: PostgreSQLDatabase, login: str) -> str:
    return database.url.replace("postgres:@", f"{login}@")


TARGETS = {
    "sqlite": ("SQLite", _sqlite),
    "postgresql": ("PostgreSQL", _postgresql),
    "pgbouncer": ("PostgreSQL behind PgBouncer", _pgbouncer),
    "citus": ("Citus", _citus),
}
"""The title of each database, and what makes it."""
HELP_TEXT = f"Each process has {CALLERS} callers that record and {READERS} threads that read."


# --- the run -------------------------------------------------------------------------------------


def _measure(title: str, target: Target, options: argparse.Namespace) -> Outcome:
    processes = options.processes
    events = _parts(options.events * options.seconds, processes)
    pages = _parts(options.pages * options.seconds, processes)
    shares = [
        Share(target.url, target.read_url, number, options.accounts, options.seconds, *parts)
        for number, parts in enumerate(zip(events, pages, strict=True))
    ]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, set_barrier, (spawn.Barrier(processes),)) as pool:
        done = list(pool.map(work, shares))  # each waits for all, so each process takes one
    on_one_node = _on_one_node(target.database)
    rows = target.database.rows("SELECT account_id, count(*) FROM audit_entry GROUP BY account_id")
    stored = Counter({account: number for account, number in rows if account.startswith("account-")})
    return Outcome(title, done, stored, on_one_node)


def _parts(total: int, count: int) -> list[int]:
    """A number in so many parts that differ by one at most."""
    return [total // count + (number < total % count) for number in range(count)]


def fairness(shares: Iterable[float]) -> float:
    """Jain's index of shares: 1 if all are equal, 1/n if one of n gets everything; 1 if nobody gets anything.

    The square of the sum, divided by n times the sum of the squares. R. Jain, D.-M. Chiu, W. Hawe: A
    Quantitative Measure of Fairness and Discrimination for Resource Allocation in Shared Computer Systems,
    DEC Research Report TR-301, 1984.
    """
    found = list(shares)
    squares = sum(share * share for share in found)
    return sum(found) ** 2 / (len(found) * squares) if squares else 1.0


# --- the report ----------------------------------------------------------------------------------


def _print(outcomes: list[Outcome], options: argparse.Namespace) -> None:
    print(
        f"\n### Fleet: {options.processes} processes, {options.accounts:,} accounts, "
        f"{options.events:,} events and {options.pages:,} pages a second for {options.seconds} s\n"
    )
    times = "p50, ms | p99, ms | worst, ms"
    print(f"| recording | entries a second | {times} | since it was due, p99, ms |")
    print("|---|---:|---:|---:|---:|---:|", *map(_recording, outcomes), sep="\n")
    print(f"\n| newest pages | pages a second | {times} |")
    print("|---|---:|---:|---:|---:|", *map(_pages, outcomes), sep="\n")
    columns = "offered | acknowledged | stored | differing | errors | fair to processes | accounts"
    print(f"\n| entries | {columns} |")
    print("|---|---:|---:|---:|---:|---|---:|---:|", *map(_counts, outcomes), sep="\n", flush=True)
    for outcome in outcomes:
        if outcome.on_one_node is not None:
            print(f"\n{outcome.title}: one node executed {outcome.on_one_node:.1%} of the statements")


def _recording(outcome: Outcome) -> str:
    rate = sum(len(done.acknowledged) / done.elapsed for done in outcome.done)
    calls = _times(each for done in outcome.done for each in done.calls)
    _, waited, _ = _percentiles([each for done in outcome.done for each in done.since_due])
    return f"| {outcome.title} | {rate:,.0f} | {calls} | {waited:.2f} |"


def _pages(outcome: Outcome) -> str:
    rate = sum(len(done.pages) / done.elapsed for done in outcome.done)
    return (
        f"| {outcome.title} | {rate:,.0f} | {_times(each for done in outcome.done for each in done.pages)} |"
    )


def _counts(outcome: Outcome) -> str:
    offered: Counter[str] = Counter()
    for done in outcome.done:
        offered.update({name_of(account): number for account, number in done.offered.items()})
    acknowledged = outcome.acknowledged
    errors = Counter(error for done in outcome.done for error in done.errors)
    named = ", ".join(f"{number:,} {error}" for error, number in errors.most_common()) or "none"
    of_processes = fairness(
        len(done.acknowledged) / done.offered.total() for done in outcome.done if done.offered
    )
    of_accounts = fairness(
        acknowledged[account] / number for account, number in offered.items() if number >= COUNTED_FROM
    )
    return (
        f"| {outcome.title} | {offered.total():,} | {acknowledged.total():,} | {outcome.stored.total():,} "
        f"| {outcome.differing:,} | {named} | {of_processes:.3f} | {of_accounts:.3f} |"
    )


def _times(seconds: Iterable[float]) -> str:
    """Cells of a table: the 50th and the 99th percentile and the longest, in milliseconds."""
    return " | ".join(f"{each:.2f}" for each in _percentiles(list(seconds)))


def _percentiles(seconds: list[float]) -> tuple[float, float, float]:
    """The 50th and the 99th percentile and the longest, in milliseconds; of nothing, not a number."""
    if not seconds:
        return float("nan"), float("nan"), float("nan")
    return *percentiles(seconds), max(seconds) * 1e3
