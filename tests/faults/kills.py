"""Processes that record and are killed at random moments."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle

from tests.faults.campaign import WAYS, Load, World, Writer
from tests.faults.report import Report
from tests.faults.writer import Options
from tests.support.tcp_proxy import TcpProxy, proxy_of
from tests.support.waiting import wait_until

AT_ONCE = 4
"""The processes that record at the same time while they are killed."""
RECORD_SECONDS = 60
"""The time in which one of them has to record."""
BEGIN_SECONDS = 2
"""How long a kill waits for one that records."""


def kill(world: World) -> list[Report]:
    """Processes that share a spool are killed at random moments, while the database comes and goes."""
    return [_kill(world, way) for way in WAYS]


def _kill(world: World, way: str) -> Report:
    account = f"kill-{way}-{uuid.uuid4().hex[:8]}"
    spool = str(world.folder / f"{account}.spool.db") if way == "spool" else None
    report, began = world.report("kill", way, world.timeout), time.monotonic()
    with proxy_of(world.server.url) as proxy, _weather(world, proxy):
        options = Options(proxy.url, account, world.timeout, spool, threads=2, rate=200.0, forks=True)
        parent = Writer(options, report, world.folder, None)
        try:
            kill_children(parent, world.chance, *((500, 0.8) if world.long else (20, 0.3)))
        finally:
            parent.close()
    options = Options(world.server.url, account, world.timeout, spool, threads=1)
    load = Load([Writer(options, report, world.folder, None)])  # it takes over the spool
    try:
        load.run_until_stored()
        load.finish()
    finally:
        load.close()
    report.memory.clear()  # that of the last process says nothing of those that were killed
    report.seconds = time.monotonic() - began
    world.count(report, account)
    return report


def kill_children(parent: Writer, chance: random.Random, kills: int, longest: float) -> None:
    """Kill so many children of a writer, with pauses of at most `longest` seconds.

    Half of the kills wait until one of the children records, however slow the machine is. All may be killed
    before their first acknowledgement: then more are killed, until there is one.
    """
    report = parent.report
    living: list[int] = []
    begun = 1  # the parent itself
    wait_until(lambda: parent.ready)
    end = time.monotonic() + RECORD_SECONDS
    try:
        while report.kills < kills or (not report.acknowledged and time.monotonic() < end):
            announced = len(report.announced)
            while len(living) < AT_ONCE:
                parent.tell(str(chance.randrange(2**32)))
                wait_until(lambda: len(parent.ready) > begun)  # noqa: B023 - it is awaited here
                living.append(parent.ready[begun])
                begun += 1
            if report.kills % 2:
                with suppress(TimeoutError):
                    wait_until(lambda: len(report.announced) > announced, BEGIN_SECONDS)  # noqa: B023
            time.sleep(chance.uniform(0, longest))
            os.kill(living.pop(chance.randrange(len(living))), signal.SIGKILL)
            report.kills += 1
    finally:
        for each in living:
            os.kill(each, signal.SIGKILL)


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
        ways = [refuse, silence, proxy.reset, *([stop] if world.long else [])]
        for way in cycle(ways):
            if ended.wait(world.chance.uniform(0, 1)):
                return
            way()

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
