"""The faults, a function each; each runs writers under it and returns their reports."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
from tests.faults.campaign import WAYS, World
from tests.faults.kills import kill
from tests.faults.report import Report
from tests.faults.shim import MISSING, Shim
from tests.support.pgbouncer import pooler
from tests.support.tcp_proxy import proxy_of

SIZE = 900
"""The bytes by which entries are longer where space counts."""
LONGER = 2.0
"""The seconds of a short fault that lasts longer than the timeout of a call."""

Run = Callable[[World], list[Report]]


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
        load.run_until_stored()
        world.server.shut_down()
        load.run_for(600 if world.long else 1.5)
        world.server.restart()
        load.run_until_stored()
        load.run_for(30 if world.long else 0)
    return load.reports


def frozen(world: World) -> list[Report]:
    """All processes of the server are stopped by SIGSTOP, and go on."""
    with world.load("frozen") as load:
        for _ in range(10 if world.long else 1):
            load.run_until_stored()
            with world.server.frozen():
                load.run_for(world.chance.uniform(0.1, 20) if world.long else LONGER)
        load.run_until_stored()
    return load.reports


def silent(world: World) -> list[Report]:
    """Connections stay open and carry nothing, in both directions or in one."""
    with proxy_of(world.server.url) as proxy, world.load("silent", proxy.url) as load:
        for number in range(12 if world.long else 1):
            load.run_until_stored()
            proxy.holds_requests = number % 3 != 1
            proxy.holds_answers = number % 3 != 2
            load.run_for(world.chance.uniform(0.1, 15) if world.long else LONGER)
            proxy.pass_again()
        load.run_until_stored()
    return load.reports


def resets(world: World) -> list[Report]:
    """Connections are reset at random moments."""
    with proxy_of(world.server.url) as proxy, world.load("resets", proxy.url) as load:
        for _ in range(500 if world.long else 8):
            load.run_for(world.chance.uniform(0, 0.3))
            proxy.reset()
        load.run_until_stored()
    return load.reports


def disk_full(world: World) -> list[Report]:
    """The disk of the database is full, that of the spool while the database is away, and both."""
    seconds = 60 if world.long else 0.8
    shim, server = _shims(world, "disk_full")
    return [
        *_full_disk_of_database(world, seconds, shim, server),
        *_full_disk_of_spool(world, seconds, shim),
        *_full_disks(world, seconds / 2, shim, server),
        *_small_disk(world, seconds),
    ]


def _full_disk_of_database(world: World, seconds: float, shim: Shim, server: Shim) -> list[Report]:
    with world.load("disk_full database", shim=shim, size=SIZE) as load:
        load.run_until_stored()
        server.set(part="/base/", write=errno.ENOSPC)
        load.run_for(seconds)
        server.clear()
        load.run_until_stored()
    return load.reports


def _full_disk_of_spool(world: World, seconds: float, shim: Shim) -> list[Report]:
    with (
        proxy_of(world.server.url) as proxy,
        world.load("disk_full spool", proxy.url, ("spool",), shim, size=SIZE) as load,
    ):
        proxy.be_away()
        load.run_for(0.4)
        shim.set(part="spool.db", write=errno.ENOSPC)
        load.run_for(seconds)
        proxy.pass_again()
        load.run_until_stored()  # before there is room in the spool
        shim.clear()
        load.run_for(0.4)
    return load.reports


def _full_disks(world: World, seconds: float, shim: Shim, server: Shim) -> list[Report]:
    with world.load("disk_full both", "", ("spool",), shim, size=SIZE) as load:
        load.run_until_stored()
        server.set(part="/base/", write=errno.ENOSPC)
        load.run_for(seconds)
        shim.set(part="spool.db", write=errno.ENOSPC)
        load.run_for(seconds)
        shim.clear()
        load.run_for(0.3)
        server.clear()
        load.run_until_stored()
    return load.reports


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
            load.run_until_error()
            load.run_for(seconds)
            proxy.pass_again()
            load.run_until_stored()
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()
    return load.reports


def fsync(world: World) -> list[Report]:
    """fsync fails for the database's log, and fsync and pwrite for the spool while the database is away."""
    times = 20 if world.long else 1
    shim, server = _shims(world, "fsync")
    return [*_fsync_of_database(world, times, shim, server), *_fsync_of_spool(world, times, shim)]


def _fsync_of_database(world: World, times: int, shim: Shim, server: Shim) -> list[Report]:
    with world.load("fsync database", shim=shim) as load:
        for _ in range(times):
            load.run_until_stored()
            server.set(part="/pg_wal/", fsync=errno.EIO)  # PostgreSQL ends: it cannot know what is stored
            load.run_for(0.7)
            server.clear()
            world.server.ensure_running()
        load.run_until_stored()
    return load.reports


def _fsync_of_spool(world: World, times: int, shim: Shim) -> list[Report]:
    with (
        proxy_of(world.server.url) as proxy,
        world.load("fsync spool", proxy.url, ("spool",), shim) as load,
    ):
        for _ in range(times):
            for fault in ({"fsync": errno.EIO}, {"write": errno.EIO}):
                proxy.be_away()
                load.run_for(0.3)
                for every in (1, 3):
                    shim.set(part="spool.db", every=every, **fault)
                    load.run_for(0.4)
                shim.clear()
                load.run_for(0.2)
                proxy.pass_again()
                load.run_until_stored()
    return load.reports


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
                load.run_until_stored()
    return load.reports


def through_pooler(world: World) -> list[Report]:
    """PgBouncer in transaction mode is killed and started again, and its server is stopped."""
    with pooler(world.database, wait=2) as pool, world.load("pooler", pool.url) as load:
        for _ in range(10 if world.long else 1):
            load.run_until_stored()
            pool.kill()
            load.run_for(world.chance.uniform(0.5, 5) if world.long else 0.5)
            pool.start()
            load.run_until_stored()
            world.server.shut_down()
            load.run_for(world.chance.uniform(0.5, 5) if world.long else 0.5)
            world.server.restart()
        load.run_until_stored()
    return load.reports


def overload(world: World) -> list[Report]:
    """More entries come than slow disks take, without waiting for those before."""
    shim, server = _shims(world, "overload")
    load_of = partial(world.load, "overload", shim=shim, coroutines=True, rate=1200.0, size=SIZE, timeout=3.0)
    reports = []
    # One after the other: together they would be too much for two cores, too, and measure those.
    for way in WAYS:
        with load_of(ways=(way,)) as load:
            load.run_until_stored()
            server.set(part="/pg_wal/", delay=1.2)
            shim.set(part="spool.db", delay=1.2)
            try:
                load.run_for(600 if world.long else 2.5)
            finally:
                server.clear()
                shim.clear()
        reports += load.reports
    return reports


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
