"""Runs writers under faults, and counts what became of their entries.

`World` has the server and starts writers, one without a spool and one with. The faults are in `scenarios.py`,
and what is found is judged in `report.py`.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from tests.faults.report import GRACE, Report
from tests.faults.server import FaultServer
from tests.faults.shim import Shim, compile_shim, compiler
from tests.faults.writer import Options
from tests.support.databases import PostgreSQLDatabase
from tests.support.waiting import wait_until

WAYS = ("direct", "spool")
"""A log without a spool, and one with."""
TICK = 0.1
"""The seconds between two looks at a writer."""
OUTCOME_SECONDS = 60
"""How long an outcome may take that has to come, such as that of the first entry after a fault."""
DRAIN_SECONDS = 300
"""How long a spool may take to be empty."""
PIPE_BYTES = 1 << 20
"""The buffer of a writer's output, 3 seconds of the fastest one: it should not wait for this process."""


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
        _enlarge(self._process.stdout)
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
        elif kind == "^":
            report.stall = max(report.stall, float(words[0]))
        elif kind == "@":
            report.loop_lag = max(report.loop_lag, float(words[0]))
        elif kind == "!":
            self.ready.append(int(words[0]))
        elif kind == "#":
            self.answers.append(line[1:])
        else:
            report.undocumented.append(line)


def _enlarge(pipe: IO[bytes] | None) -> None:
    if sys.platform == "linux" and pipe is not None:
        import fcntl

        with suppress(OSError):  # this user's limit is smaller
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


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

    def run_until_stored(self) -> None:
        """Let them record until the database itself has acknowledged a further entry of each."""
        self._run_until("was acknowledged by the database", lambda report: len(report.in_database))

    def run_until_error(self) -> None:
        """Let them record until each has had a further error."""
        self._run_until("was refused", lambda report: report.errors.total())

    def _run_until(self, outcome: str, count: Callable[[Report], int]) -> None:
        before = [count(report) for report in self.reports]
        end = time.monotonic() + OUTCOME_SECONDS
        for report, number in zip(self.reports, before, strict=True):
            while count(report) <= number and time.monotonic() < end:
                self.run_for(TICK)
            if count(report) <= number:
                report.undocumented.append(f"no entry {outcome} for {OUTCOME_SECONDS} s")

    def finish(self) -> None:
        """End recording, and wait until the spools are empty."""
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
        self.timeout = 3.0 if long else 1.5
        """The timeout of a call, in seconds."""
        self.library = compile_shim(folder) if compiler() else None
        self.server = FaultServer(folder / "pg", self.shim("server"))

    def shim(self, name: str) -> Shim | None:
        """A shim for programs that are to fail; None without a compiler."""
        return Shim(self.library, self.folder / f"{name}.control") if self.library else None

    def report(self, scenario: str, way: str, timeout: float) -> Report:
        """An empty report of writers whose calls have a timeout."""
        return Report(scenario, way, timeout + GRACE)

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
        self.server.ensure_running()  # also after a scenario that has failed
        options = {
            "url": url or self.server.url,
            "timeout": self.timeout,
            "pause": 0.0 if self.long else 0.2,
            "rate": 100.0,
            **options,
        }
        writers = []
        for way in ways:
            account = f"{scenario.replace(' ', '-')}-{way}-{uuid.uuid4().hex[:8]}"
            spool = str((folder or self.folder) / f"{account}.spool.db") if way == "spool" else None
            made = Options(account=account, spool=spool, seed=self.chance.randrange(2**32), **options)
            writers.append(Writer(made, self.report(scenario, way, made.timeout), self.folder, shim))
        load = Load(writers)
        try:
            for writer in writers:
                wait_until(lambda writer=writer: writer.ready or writer.report.undocumented)  # type: ignore[misc]
            yield load
            load.finish()
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
