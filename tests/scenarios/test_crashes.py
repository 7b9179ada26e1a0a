"""Processes that fork, are killed, interrupted or exit while they record: nothing acknowledged is lost.

Each test runs its own process: a script here, or `tests/support/crashes.py`.
`python -m tests.benchmarks crashes` runs the latter for longer.
"""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.support.crashes import CrashingServer, kill_server
from tests.support.databases import Database
from tests.support.processes import run_at_once, run_python

from auditwright import AuditLog

KILLS = 12


@pytest.mark.usefixtures("log")
def test_killed_writers_store_each_entry_once(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.support.crashes", database.url, str(KILLS)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    with capsys.disabled():
        print(f"\n{database.engine}: {done.stdout.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_killed_server_stores_each_entry_once(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    server = CrashingServer(tmp_path_factory.mktemp("crashing"))
    try:
        found = kill_server(server, 2)
    finally:
        server.stop()
    with capsys.disabled():
        print(f"\npostgresql, the server killed: {found}")
    assert found.is_clean
    assert found.kills == 2


# --- signals and exit ----------------------------------------------------------------------------

OPEN = """
import asyncio, atexit, os, signal, sys, threading, warnings
from auditwright import Actor, AuditLog, AuditwrightError
from audit_events import AsyncAuditEvents, AuditEvents

warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork.*")
log = AuditLog.open(sys.argv[1], account_id="acme")
create = AuditEvents(log).account.app_api_key.app_api_key_created
create_async = AsyncAuditEvents(log).account.app_api_key.app_api_key_created

def record(who):
    entry = create(actor=Actor.user(who))
    os.write(1, f"{entry.id.hex} {who}\\n".encode())  # one atomic write, even if this process is killed
    return entry

def record_on(who, stop=None):
    while stop is None or not stop.is_set():
        record(who)

def start(count, **options):
    threads = [threading.Thread(target=record_on, args=(f"t-{n}",), **options) for n in range(count)]
    for thread in threads:
        thread.start()
    return threads
"""


def acknowledged(said: str) -> Counter[tuple[str, str]]:
    """The ids that a script acknowledged, by recorder."""
    return Counter((line.split()[0], line.split()[1]) for line in said.splitlines() if " " in line)


def stored(database: Database) -> Counter[tuple[str, str]]:
    return Counter((row[0].hex(), row[1]) for row in database.rows("SELECT id, actor_id FROM audit_entry"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.usefixtures("log")
def test_acknowledged_entries_survive_a_signal(database: Database, number: signal.Signals) -> None:
    script = f"{OPEN}\nstart(8, daemon=True)\nrecord_on('main')\n"
    with subprocess.Popen(
        [sys.executable, "-c", script, database.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdout is not None
        said = "".join(child.stdout.readline() for _ in range(100))
        child.send_signal(number)
        said += child.stdout.read()
        assert child.wait(60) in (-number, 1)
    found = stored(database)
    assert acknowledged(said) <= found
    assert set(found.values()) == {1}
    assert len(found) <= len(acknowledged(said)) + 9


@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(0)", "pass"])
@pytest.mark.usefixtures("log")
def test_acknowledged_entries_survive_an_exit_amid_daemons(database: Database, end: str) -> None:
    script = f"""{OPEN}
atexit.register(record, "exit")
start(8, daemon=True)
for _ in range(20):
    record("main")
{end}
"""
    said = run_python(script, database.url)
    found = stored(database)
    assert acknowledged(said) <= found
    assert set(found.values()) == {1}
    assert ("exit" in {who for _, who in acknowledged(said)}) == (end != "os._exit(0)")


@pytest.mark.usefixtures("log")
def test_other_threads_and_exit_handlers_record_at_exit(
    database: Database,
) -> None:
    script = f"""{OPEN}
def several(who):
    for _ in range(50):
        record(who)

def asynchronously():
    entry = asyncio.run(create_async(actor=Actor.user("asyncio")))
    print(entry.id.hex, "asyncio", flush=True)

atexit.register(log.close)
atexit.register(asynchronously)
atexit.register(record, "exit")
for number in range(8):
    threading.Thread(target=several, args=(f"t-{{number}}",)).start()
"""
    said = acknowledged(run_python(script, database.url))
    assert said == stored(database)
    assert Counter(who for _, who in said) == {**{f"t-{n}": 50 for n in range(8)}, "asyncio": 1, "exit": 1}


@pytest.mark.usefixtures("log")
def test_interrupted_program_with_pending_awaits_ends(database: Database) -> None:
    script = f"""{OPEN}
async def calls():
    async def one(number):
        entry = await create_async(actor=Actor.user(f"a-{{number}}"))
        os.write(1, f"{{entry.id.hex}} a-{{number}}\\n".encode())
        if number == 20:
            signal.raise_signal(signal.SIGINT)
    await asyncio.gather(*(one(number) for number in range(3_000)))
try:
    asyncio.run(calls())
except KeyboardInterrupt:
    print("interrupted", flush=True)
record("after")
log.close()
"""
    said = run_python(script, database.url)
    assert "interrupted" in said
    found = stored(database)
    assert acknowledged(said) <= found
    assert set(found.values()) == {1}


# --- fork ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("log")
def test_children_forked_amid_threads_record_beside_the_parent(database: Database) -> None:
    script = f"""{OPEN}
record("main")  # Python itself does not take a fork amid an import well
stop = threading.Event()
threads = [threading.Thread(target=record_on, args=(f"t-{{n}}", stop)) for n in range(4)]
for thread in threads:
    thread.start()
for number in range(40):
    child = os.fork()
    if child == 0:
        record(f"c-{{number}}")
        inner = [threading.Thread(target=record, args=(f"c-{{number}}",)) for _ in range(3)]
        for thread in inner:
            thread.start()
        for thread in inner:
            thread.join()
        if number % 2:
            log.close()
        os._exit(0)
    record("main")
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
log.close()
"""
    said = acknowledged(run_python(script, database.url))
    assert said == stored(database)
    by = Counter(who for _, who in said)
    assert {who: count for who, count in by.items() if who[0] in "cm"} == {
        "main": 41,
        **{f"c-{number}": 4 for number in range(40)},
    }


@pytest.mark.usefixtures("log")
def test_a_forked_child_may_end_as_any_program_does(database: Database) -> None:
    script = f"""{OPEN}
record("parent")
if os.fork() == 0:
    record("child")
    asyncio.run(create_async(actor=Actor.system()))
    sys.exit(0)
assert os.wait()[1] == 0
record("parent")
log.close()
"""
    run_python(script, database.url)
    assert len(stored(database)) == 4


FORKED = """
opened, closed = os.pipe(), os.pipe()
record("parent")
BEFORE
child = os.fork()
if child == 0:
    try:
        record("child")
    except AuditwrightError as error:
        print(error, error.entry is not None, flush=True)
    os.write(opened[1], b"x")
    os.read(closed[0], 1)
    try:
        for _ in range(10):
            record("child")
        assert log.account("acme").count() >= 11
    except AuditwrightError as error:
        print(error, error.entry is not None, flush=True)
    os._exit(0)
os.read(opened[0], 1)
log.close()
AFTER
os.write(closed[1], b"x")
assert os.waitpid(child, 0)[1] == 0
"""


def forked(database: Database, before: str, after: str) -> str:
    """The output of a program in which a child records after its parent closed the log."""
    return run_python(OPEN + FORKED.replace("BEFORE", before).replace("AFTER", after), database.url)


def test_child_records_after_its_parent_closed_the_log(log: AuditLog, database: Database) -> None:
    log.close()
    said = forked(database, "log.account('acme').count()", "")
    assert acknowledged(said) == stored(database)
    assert len(stored(database)) == 12


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("entries = log.account('acme').all(); next(entries)", "entries.close()"),
        (
            "import sqlite3; c = sqlite3.connect(sys.argv[1][10:]); c.execute('SELECT * FROM audit_entry')",
            "c.close()",
        ),
    ],
)
def test_child_forked_with_the_file_open_refuses_to_write(
    log: AuditLog, path: Path, database: Database, before: str, after: str
) -> None:
    log.close()
    said = forked(database, before, after)
    refusal = (
        f"{path}: this process was forked while the file was open in its parent, and SQLite would lose what "
        "is written here; before forking, close other connections to the file and what reads the log, or "
        "start processes by spawning True"
    )
    assert said.splitlines()[1:] == [refusal, refusal]
    assert acknowledged(said.splitlines()[0]) == stored(database)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.usefixtures("log")
def test_pools_of_processes_record(database: Database, tmp_path: Path, method: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(f"""
import multiprocessing, sys
from auditwright import Actor, AuditLog
from audit_events import AuditEvents

log = AuditLog.open(sys.argv[1], account_id="acme")  # as a server that loads the application first

def work(number):
    return AuditEvents(log).account.app_api_key.app_api_key_created(actor=Actor.user(f"u-{{number}}")).id.hex

if __name__ == "__main__":
    work(0)
    with multiprocessing.get_context("{method}").Pool(4) as pool:
        ids = pool.map(work, range(1, 101), chunksize=1)
        pool.close()
        pool.join()
    assert len(set(ids)) == 100
    work(101)
    log.close()
""")
    subprocess.run([sys.executable, program, database.url], check=True, timeout=60)
    assert sorted(int(who[2:]) for _, who in stored(database)) == list(range(102))


# --- several processes on one file ---------------------------------------------------------------


@pytest.mark.sqlite_only
def test_processes_writing_without_pause_get_equal_shares(database: Database) -> None:
    script = f"""{OPEN}
import time
print("ready", flush=True)
sys.stdin.readline()
longest, end = 0, time.monotonic() + 1.5
while (begun := time.monotonic()) < end:
    record(sys.argv[2])
    longest = max(longest, time.monotonic() - begun)
log.close()
"""
    said = "".join(run_at_once(script, [[database.url, f"p-{number}"] for number in range(4)]))
    shares = Counter(who for _, who in acknowledged(said))
    assert acknowledged(said) == stored(database)
    assert min(shares.values()) > max(shares.values()) / 5, shares
