"""The faults, a function each; each runs writers under it and returns their reports."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.faults.campaign import TIMEOUT, WAYS, Report, Run, World, Writer
from tests.faults.shim import MISSING, Shim
from tests.faults.writer import Options
from tests.support.pgbouncer import pooler
from tests.support.tcp_proxy import TcpProxy, proxy_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 900
"""The bytes by which entries are longer where space counts."""
AT_ONCE = 4
"""The processes that record at the same time while they are killed."""


@dataclass(frozen=True)
class Scenario:
    """A kind of fault."""

    name: str
    run: Run
    title: str
    needs_compiler: bool = False


def stopped(world: World) -> list[Report]:
    """The server is stopped, and started again."""
    with world.load("stopped", rate=200.0, threads=8) as load:
        load.run_for(1)
        world.server.shut_down()
        load.run_for(600 if world.long else 3)
        world.server.restart()
        load.run_for(30 if world.long else 1)
    return load.reports


def frozen(world: World) -> list[Report]:
    """All processes of the server are stopped by SIGSTOP, and go on."""
    with world.load("frozen") as load:
        for _ in range(10 if world.long else 1):
            load.run_for(1)
            with world.server.frozen():
                load.run_for(world.chance.uniform(0.1, 20) if world.long else 3)
        load.run_for(1)
    return load.reports


def silent(world: World) -> list[Report]:
    """Connections stay open and carry nothing, in both directions or in one."""
    with proxy_of(world.server.url) as proxy, world.load("silent", proxy.url) as load:
        for number in range(12 if world.long else 1):
            load.run_for(1)
            proxy.holds_requests = number % 3 != 1
            proxy.holds_answers = number % 3 != 2
            load.run_for(world.chance.uniform(0.1, 15) if world.long else 3)
            proxy.pass_again()
        load.run_for(1)
    return load.reports


def resets(world: World) -> list[Report]:
    """Connections are reset at random moments."""
    with proxy_of(world.server.url) as proxy, world.load("resets", proxy.url) as load:
        for _ in range(500 if world.long else 8):
            load.run_for(world.chance.uniform(0, 0.3))
            proxy.reset()
        load.run_for(1)
    return load.reports


def disk_full(world: World) -> list[Report]:
    """The disk of the database is full, that of the spool while the database is away, and both."""
    shim, server = _shims(world, "disk_full")
    seconds = 60 if world.long else 1
    with world.load("disk_full database", shim=shim, size=SIZE) as load:
        load.run_for(0.3)
        server.set(part="/base/", write=errno.ENOSPC)
        load.run_for(seconds)
        server.clear()
        load.run_for(1)
    reports = load.reports
    with (
        proxy_of(world.server.url) as proxy,
        world.load("disk_full spool", proxy.url, ("spool",), shim, size=SIZE) as load,
    ):
        proxy.be_away()
        load.run_for(0.5)
        shim.set(part="spool.db", write=errno.ENOSPC)
        load.run_for(seconds)
        proxy.pass_again()  # the database is back before the disk of the spool is
        load.run_for(1)
        shim.clear()
        load.run_for(0.5)
    reports += load.reports
    with world.load("disk_full both", "", ("spool",), shim, size=SIZE) as load:
        load.run_for(0.3)
        server.set(part="/base/", write=errno.ENOSPC)
        load.run_for(seconds / 2)
        shim.set(part="spool.db", write=errno.ENOSPC)
        load.run_for(seconds / 2)
        shim.clear()
        load.run_for(0.3)
        server.clear()
        load.run_for(1)
    return [*reports, *load.reports, *_small_disk(world, seconds)]


def _small_disk(world: World, seconds: float) -> list[Report]:
    """A spool fills its disk, a small file system in memory, while the database is away."""
    name, folder = "disk_full tmpfs", world.folder / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=6m", "none", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        return [Report(name, "spool", not_run=f"no file system can be mounted: {mounted.stderr.strip()}")]
    try:
        with (
            proxy_of(world.server.url) as proxy,
            world.load(name, proxy.url, ("spool",), folder=folder, rate=1000.0, size=SIZE) as load,
        ):
            proxy.be_away()
            load.run_for(max(seconds, 1.5))
            proxy.pass_again()
            load.run_for(1)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()
    if not load.reports[0].errors:
        load.reports[0].undocumented.append("the disk was never full")
    return load.reports


def fsync(world: World) -> list[Report]:
    """fsync fails for the database's log, and fsync and pwrite for the spool while the database is away."""
    shim, server = _shims(world, "fsync")
    times = 20 if world.long else 1
    with world.load("fsync database", shim=shim) as load:
        for _ in range(times):
            load.run_for(0.3)
            server.set(part="/pg_wal/", fsync=errno.EIO)  # PostgreSQL ends: it cannot know what is stored
            load.run_for(0.7)
            server.clear()
            load.run_for(0.5)
            if not world.server.runs:
                world.server.restart()
        load.run_for(1)
    reports = load.reports
    with (
        proxy_of(world.server.url) as proxy,
        world.load("fsync spool", proxy.url, ("spool",), shim) as load,
    ):
        for _ in range(times):
            for kind in ("fsync", "write"):
                proxy.be_away()
                load.run_for(0.3)
                for every in (1, 3):
                    if kind == "fsync":
                        shim.set(part="spool.db", every=every, fsync=errno.EIO)
                    else:
                        shim.set(part="spool.db", every=every, write=errno.EIO)
                    load.run_for(0.4)
                shim.clear()
                load.run_for(0.2)
                proxy.pass_again()
                load.run_for(0.6)
    return reports + load.reports


def clock(world: World) -> list[Report]:
    """The clock of the writers jumps back an hour, and ahead a day, while the database comes and goes."""
    shim, _ = _shims(world, "clock")
    with proxy_of(world.server.url) as proxy, world.load("clock", proxy.url, shim=shim) as load:
        for _ in range(10 if world.long else 1):
            for ahead in (-3600.0, 0.0, 86400.0, 0.0):
                load.run_for(0.2)
                proxy.be_away()
                load.run_for(0.2)
                shim.set(ahead=ahead)
                load.run_for(0.2)
                proxy.pass_again()
                load.run_for(0.3)
        load.run_for(1)
    return load.reports


def through_pooler(world: World) -> list[Report]:
    """PgBouncer in transaction mode is killed and started again, and its server is stopped."""
    with pooler(world.database, wait=2) as pool, world.load("pooler", pool.url) as load:
        for _ in range(10 if world.long else 1):
            load.run_for(0.5)
            pool.kill()
            load.run_for(world.chance.uniform(0.5, 5) if world.long else 1)
            pool.start()
            load.run_for(0.5)
            world.server.shut_down()
            load.run_for(world.chance.uniform(0.5, 5) if world.long else 1)
            world.server.restart()
        load.run_for(1)
    return load.reports


def overload(world: World) -> list[Report]:
    """More entries come than slow disks take, without waiting for those before."""
    shim, server = _shims(world, "overload")
    reports = []
    # One after the other: together they would be too much for two cores, too, and measure those.
    for way in WAYS:
        with world.load("overload", ways=(way,), shim=shim, coroutines=True, rate=1200.0, size=SIZE) as load:
            server.set(part="/pg_wal/", delay=1.2)
            shim.set(part="spool.db", delay=1.2)
            try:
                load.run_for(600 if world.long else 3)
            finally:
                server.clear()
                shim.clear()
        reports += load.reports
    return reports


# --- processes that are killed -------------------------------------------------------------------


def kill(world: World) -> list[Report]:
    """Processes that share a spool are killed at random moments, while the database comes and goes."""
    return [_kill(world, way, 500 if world.long else 20) for way in ("direct", "spool")]


def _kill(world: World, way: str, kills: int) -> Report:
    account = f"kill-{way}-{uuid.uuid4().hex[:8]}"
    spool = str(world.folder / f"{account}.spool.db") if way == "spool" else None
    report, began = Report("kill", way), time.monotonic()
    with proxy_of(world.server.url) as proxy, _weather(world, proxy):
        options = Options(proxy.url, account, TIMEOUT, spool, threads=2, rate=200.0, forks=True)
        parent = Writer(options, report, world.folder, None)
        living: list[int] = []
        try:
            seen = 1  # the parent itself
            wait_until(lambda: len(parent.ready) >= 1)
            while report.kills < kills:
                while len(living) < min(AT_ONCE, kills - report.kills):
                    parent.tell(str(world.chance.randrange(2**32)))
                    wait_until(lambda: len(parent.ready) > seen)  # noqa: B023 - it is awaited here
                    living.append(parent.ready[seen])
                    seen += 1
                time.sleep(world.chance.uniform(0, 0.8 if world.long else 0.3))
                os.kill(living.pop(world.chance.randrange(len(living))), signal.SIGKILL)
                report.kills += 1
        finally:
            for each in living:
                os.kill(each, signal.SIGKILL)
            parent.close()
    last = Options(world.server.url, account, TIMEOUT, spool, threads=1, rate=10.0)
    after = Writer(last, report, world.folder, None)  # it takes over the spool
    wait_until(lambda: after.ready)
    after.end_recording()
    after.drain()
    after.close()
    report.seconds = time.monotonic() - began
    world.count(report, account)
    return report


@contextmanager
def _weather(world: World, proxy: TcpProxy) -> Iterator[None]:
    """The database goes away in one of several ways, and comes back, again and again."""
    ended = threading.Event()

    def stop() -> None:
        world.server.crash(signal.SIGKILL)
        ended.wait(world.chance.uniform(0, 0.5))
        world.server.restart()

    def silence() -> None:
        proxy.be_silent()
        ended.wait(world.chance.uniform(0, 2))
        proxy.pass_again()

    def refuse() -> None:
        proxy.be_away()
        ended.wait(world.chance.uniform(0, 0.5))
        proxy.pass_again()

    def change() -> None:
        ways: tuple[Callable[[], None], ...] = (refuse, silence, proxy.reset)
        if world.long:
            ways += (stop,)
        number = 0
        while not ended.wait(world.chance.uniform(0, 1)):
            ways[number % len(ways)]()
            number += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _shims(world: World, name: str) -> tuple[Shim, Shim]:
    """A shim for writers, and that of the server."""
    shim = world.shim(name)
    assert shim is not None
    assert world.server.shim is not None
    return shim, world.server.shim


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("kill", kill, "kill -9 of processes that record, while the database comes and goes"),
    Scenario("stopped", stopped, "the server is stopped"),
    Scenario("frozen", frozen, "SIGSTOP and SIGCONT of the server's processes"),
    Scenario("silent", silent, "connections that carry nothing"),
    Scenario("resets", resets, "connections that are reset"),
    Scenario("disk_full", disk_full, "full disks of the database, of the spool, of both", True),
    Scenario("fsync", fsync, "failing fsync and pwrite", True),
    Scenario("clock", clock, "a clock that jumps back an hour and ahead a day", True),
    Scenario("pooler", through_pooler, "PgBouncer in transaction mode, restarted, and its server stopped"),
    Scenario("overload", overload, "more load than the disk takes", True),
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def run(world: World, scenario: Scenario) -> list[Report]:
    """Run a scenario; what is missing on this machine is said in its report."""
    if scenario.needs_compiler and world.library is None:
        return [Report(scenario.name, "", not_run=MISSING)]
    try:
        return scenario.run(world)
    except pytest.skip.Exception as skipped:  # a program that it needs is not installed
        return [Report(scenario.name, "", not_run=str(skipped))]
