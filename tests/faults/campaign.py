"""Runs writers under faults, and counts what became of their entries.

`World` has the server and starts writers, one without a spool and one with; `Report` is what one writer, or
the processes that share a spool, found. The faults are in `scenarios.py`.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.faults.shim import Shim, compile_shim, compiler
from tests.faults.writer import Options
from tests.support.crashes import CrashingServer
from tests.support.databases import PostgreSQLDatabase
from tests.support.waiting import wait_until

WAYS = ("direct", "spool")
"""A log without a spool, and one with."""
TIMEOUT = 3.0
"""The timeout of a call, in seconds."""
GRACE = 1.0
"""How many seconds later a call may end, as `docs/recording.md` says."""
TICK = 0.1
DRAIN_SECONDS = 300
GROWTH = 40.0
"""The MB by which a writer may be larger at the end than in the middle of a run."""


@dataclass
class Report:
    """What became of the entries of one writer, or of all writers of one spool."""

    scenario: str
    way: str
    deadline: float = TIMEOUT + GRACE
    announced: set[str] = field(default_factory=set)
    in_database: set[str] = field(default_factory=set)
    in_spool: set[str] = field(default_factory=set)
    errors: Counter[str] = field(default_factory=Counter)
    """The documented errors, by the beginning of their text."""
    undocumented: list[str] = field(default_factory=list)
    missing: int = 0
    """The entries that were acknowledged and are not in the database at the end."""
    twice: int = 0
    unasked: int = 0
    """The entries that nobody announced, or with content that is not theirs."""
    refused: int = 0
    """The entries that the database refused and that are kept in the spool."""
    longest: float = 0.0
    memory: list[float] = field(default_factory=list)
    """The MB of the process, in time."""
    stall: float = 0.0
    """The longest time for which this machine let a thread of the campaign wait that wanted to run."""
    seconds: float = 0.0
    warnings: int = 0
    kills: int = 0
    not_run: str = ""
    """Why it was not run."""

    @property
    def acknowledged(self) -> set[str]:
        """The entries that were acknowledged."""
        return self.in_database | self.in_spool

    @property
    def sizes(self) -> tuple[float, float, float]:
        """The MB at the start, in the middle and at the end."""
        found = self.memory or [0.0]
        return found[min(5, len(found) - 1)], found[len(found) // 2], found[-1]

    def broken(self) -> list[str]:
        """The promises that were not kept."""
        found = [f"undocumented: {each}" for each in self.undocumented[:5]]
        for name in ("missing", "twice", "unasked", "refused"):
            if getattr(self, name):
                found.append(f"{getattr(self, name)} {name}")
        if self.longest > self.deadline + self.stall:
            found.append(
                f"a call took {self.longest:.1f} s, of {self.deadline:g} s and {self.stall:.1f} s of stall"
            )
        _, middle, end = self.sizes
        if end > middle + GROWTH:
            found.append(f"the process grew from {middle:.0f} to {end:.0f} MB")
        if not self.not_run and not self.acknowledged:
            found.append("nothing was acknowledged")
        return found


class FaultServer(CrashingServer):
    """A server whose files can fail, and whose processes can be stopped."""

    def __init__(self, folder: Path, shim: Shim | None) -> None:
        self.shim = shim
        with self._preloaded():
            super().__init__(folder)

    @contextmanager
    def _preloaded(self) -> Iterator[None]:
        if self.shim is None:
            yield
            return
        self.shim.preload()
        try:
            yield
        finally:
            self.shim.unload()

    def restart(self) -> None:
        """See `CrashingServer`."""
        with self._preloaded():
            super().restart()

    def shut_down(self) -> None:
        """Stop it and end all sessions, as an operator does."""
        self.crash(signal.SIGINT)

    @property
    def runs(self) -> bool:
        """Whether its first process runs."""
        found = self._server.get_postmaster_info()
        return bool(found is not None and found.is_running())

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all its processes, without ending them, for the `with` block."""
        first = self._server.get_postmaster_info().process
        first.suspend()  # before it starts others
        stopped = [first]
        try:
            for each in first.children(recursive=True):
                with suppress(Exception):  # it has just ended
                    each.suspend()
                    stopped.append(each)
            yield
        finally:
            for each in reversed(stopped):
                with suppress(Exception):
                    each.resume()


class Writer:
    """A writer's process, whose lines go into a report."""

    def __init__(self, options: Options, report: Report, folder: Path, shim: Shim | None) -> None:
        self.report, self.account = report, options.account
        self._errors = folder / f"{options.account}.stderr"
        environment = {**os.environ, **(shim.environment if shim else {})}
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.writer", options.as_argument()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
            )
        self.ready: list[int] = []
        """The processes that have begun."""
        self.answers: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def tell(self, line: str) -> None:
        """Give it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def ask(self) -> str:
        """Give it a line and return its answer."""
        count = len(self.answers)
        self.tell("")
        wait_until(lambda: len(self.answers) > count or self._process.poll() is not None)
        return self.answers[count] if len(self.answers) > count else "ended"

    def measure(self) -> None:
        """Note how large the process is, and whether it has ended by itself."""
        with suppress(OSError, IndexError):
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
            self.report.memory.append(pages * os.sysconf("SC_PAGESIZE") / 1e6)
        if self._process.poll() is not None and not self.report.undocumented:
            self.report.undocumented.append(f"the writer has ended: {self._said_last()}")

    def end_recording(self) -> None:
        """Let it record no more, and wait until the last call has returned."""
        answer = self.ask()
        if answer != "recorded":
            self.report.undocumented.append(f"the writer has not ended: {answer} {self._said_last()}")

    def drain(self) -> None:
        """Wait until its spool is empty."""
        end = time.monotonic() + DRAIN_SECONDS
        while (answer := self.ask()) != "ended" and time.monotonic() < end:
            if answer.startswith("0 "):
                self.report.refused = int(answer.split()[1])
                return
            time.sleep(TICK)
        self.report.undocumented.append(f"the spool is not empty: {answer}")

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self.report.undocumented.append("the writer does not end")
            self._process.kill()
            self._process.wait()
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        if said := self._said_last():
            self.report.undocumented.append(said)

    def _said_last(self) -> str:
        lines = self._errors.read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-8:])

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._note(line.decode(errors="replace").rstrip("\n"))

    def _note(self, line: str) -> None:
        report, kind, words = self.report, line[:1], line[1:].split(" ")
        if kind == "+":
            report.announced.add(words[0])
        elif kind == "=":
            (report.in_spool if words[1] == "s" else report.in_database).add(words[0])
            report.longest = max(report.longest, float(words[2]))
        elif kind == "-":
            report.longest = max(report.longest, float(words[1]))
            report.errors[_kind_of(words[2:])] += 1
        elif kind == "~":
            report.warnings += 1
        elif kind == "!":
            self.ready.append(int(words[0]))
        elif kind == "#":
            self.answers.append(line[1:])
        else:
            report.undocumented.append(line)


def _kind_of(words: Sequence[str]) -> str:
    """The text of an error without what differs between two of a kind."""
    return " ".join(word for word in words if not any(letter.isdigit() for letter in word))[:160]


class Load:
    """Writers that record at the same time."""

    def __init__(self, writers: list[Writer]) -> None:
        self._writers = writers
        self._began = time.monotonic()

    @property
    def reports(self) -> list[Report]:
        """One of each writer."""
        return [writer.report for writer in self._writers]

    def run_for(self, seconds: float) -> None:
        """Let them record for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            asked = min(TICK, left)
            before = time.monotonic()
            time.sleep(asked)
            stall = time.monotonic() - before - asked
            for writer in self._writers:
                writer.measure()
                writer.report.stall = max(writer.report.stall, stall)

    def finish(self, url: str) -> None:
        """End recording, wait for the spools, and compare what is stored with what was said."""
        for writer in self._writers:
            writer.end_recording()
            writer.measure()
        for writer in self._writers:
            writer.drain()
            writer.report.seconds = time.monotonic() - self._began

    def close(self) -> None:
        """End the writers."""
        for writer in self._writers:
            writer.close()


class World:
    """The server, the folder of the spools, and what the scenarios need to know."""

    def __init__(self, folder: Path, *, seed: int, long: bool) -> None:
        folder.chmod(0o755)  # the server's user enters it
        self.folder = folder
        self.chance = random.Random(seed)
        self.long = long
        self.library = compile_shim(folder) if compiler() else None
        self.server = FaultServer(folder / "pg", self.shim("server"))

    def shim(self, name: str) -> Shim | None:
        """A shim for programs that are to fail; None without a compiler."""
        return Shim(self.library, self.folder / f"{name}.control") if self.library else None

    @property
    def database(self) -> PostgreSQLDatabase:
        """The server's database."""
        return PostgreSQLDatabase(self.server.url)

    @contextmanager
    def load(
        self,
        scenario: str,
        url: str = "",
        ways: Sequence[str] = WAYS,
        shim: Shim | None = None,
        folder: Path | None = None,
        **options: Any,
    ) -> Iterator[Load]:
        """Writers of a scenario, one of each way, which record during the `with` block.

        At its end they stop recording, the spools are emptied, and everything is counted. By default they
        write to the server itself. The spools are in `folder`.
        """
        options = {"url": url or self.server.url, "timeout": TIMEOUT, "rate": 100.0, **options}
        writers = []
        for way in ways:
            account = f"{scenario.replace(' ', '-')}-{way}-{uuid.uuid4().hex[:8]}"
            spool = str((folder or self.folder) / f"{account}.spool.db") if way == "spool" else None
            made = Options(account=account, spool=spool, seed=self.chance.randrange(2**32), **options)
            writers.append(Writer(made, Report(scenario, way), self.folder, shim))
        load = Load(writers)
        try:
            for writer in writers:
                wait_until(lambda writer=writer: writer.ready or writer.report.undocumented)  # type: ignore[misc]
            yield load
            load.finish(self.server.url)
        finally:
            load.close()
        for report, writer in zip(load.reports, writers, strict=True):
            self.count(report, writer.account)

    def count(self, report: Report, account: str) -> None:
        """Compare what is stored with what the writers said."""
        rows = self.database.rows(
            f"SELECT replace(id::text, '-', ''), description FROM audit_entry WHERE account_id = '{account}'"
        )
        said = Counter(description.rpartition(" ")[2].rstrip(".") for _, description in rows)
        report.missing = len(report.acknowledged - set(said))
        report.twice = sum(count - 1 for count in said.values())
        report.unasked = len(set(said) - report.announced)
        report.unasked += sum(name not in description for name, description in rows)

    def close(self) -> None:
        """Stop the server."""
        self.server.stop()


@contextmanager
def world_of(seed: int, long: bool) -> Iterator[World]:
    """A world in a folder that is removed with it."""
    with TemporaryDirectory(prefix="auditwright-faults-") as folder:
        world = World(Path(folder), seed=seed, long=long)
        try:
            yield world
        finally:
            world.close()


Run = Callable[[World], list[Report]]
