"""docs/spool.md: its program and its commands run as written, and its figures are those of the code."""

import re
import shlex
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from tests.support.databases import PostgreSQLDatabase
from tests.support.markdown import blocks, commands, fits, names_in, program_text, prose, rows, run, section
from tests.support.paths import DOCS, ROOT
from tests.support.sample_events import KEY_CREATED, record
from tests.support.spools import AWAY
from tests.support.waiting import wait_until

from audit_events import CATALOG
from auditwright import Actor, AuditLog, SecretKey
from auditwright.contrib.opentelemetry import GAUGES
from auditwright.health import FRESH_SECONDS, PING_SECONDS, Health
from auditwright.spool import LARGEST, MAX_BYTES, SMALLEST, mover
from auditwright.storage.deadline import TIMEOUT
from auditwright.storage.postgresql import dsn
from auditwright.storage.sqlite import spool_file

PAGE = DOCS / "spool.md"
SERVER = "postgresql://service@db.example.com/audit"
FILE = "/var/lib/app/audit-spool.db"

Adapt = Callable[[str, str], str]


@pytest.fixture
def adapt(tmp_path: Path) -> Adapt:
    """Puts the URL of a database and the file of this test into a text of the page."""

    def replaced(text: str, url: str) -> str:
        assert SERVER in text or FILE in text
        return text.replace(SERVER, url).replace(FILE, str(tmp_path / "audit-spool.db"))

    return replaced


def run_program(text: str) -> dict[str, Any]:
    """The names of the page's program after it has run, up to where it closes the log."""
    text, _, _ = text.partition("\nlog.close()")
    names: dict[str, Any] = {"__name__": "spool_guide"}
    exec(compile(text, PAGE, "exec"), names)
    return names


def get(app: Any, path: str, portal: BlockingPortal) -> httpx.Response:
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service.example")
    return portal.call(client.get, path)


def show(block: int, adapt: Adapt, url: str, folder: Path, codes: list[int]) -> None:
    """Run the commands of a block; each prints what the page shows, and ends with its code."""
    shown = list(commands(blocks(PAGE, "console")[block]))
    for (command, expected), code in zip(shown, codes, strict=True):
        done = run(adapt(command, shlex.quote(url)), folder)
        assert done.returncode == code, done.stderr
        assert fits(done.stdout, adapt(expected, url) if FILE in expected else expected), done.stdout


@pytest.mark.postgresql_only
def test_the_program_records_into_the_database(
    database: PostgreSQLDatabase, adapt: Adapt, portal: BlockingPortal
) -> None:
    names = run_program(adapt(program_text(PAGE), database.url))
    try:
        assert not names["entry"].spooled
        assert len(database.rows()) == 2
        assert get(names["app"], "/live", portal).json() == {"alive": True}
        ready = get(names["app"], "/ready", portal)
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "spooled": 0, "refused": 0})
    finally:
        names["log"].close()


@pytest.mark.postgresql_only
def test_entries_of_an_outage_are_moved_by_the_command(
    database: PostgreSQLDatabase,
    adapt: Adapt,
    tmp_path: Path,
    portal: BlockingPortal,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "generated").symlink_to(ROOT / "generated")
    text = adapt(program_text(PAGE), AWAY)
    first, second, rest = text.partition("\ntry:")
    names = run_program(first + "\n" * (second + rest).count("\n"))
    wait_until(lambda: names["log"].health().spool_error)
    names["log"].close()
    assert capsys.readouterr().out == f"stored in the spool: {names['entry'].id}\n"
    show(0, adapt, database.url, tmp_path, [1, 0])
    assert [row[1] for row in database.rows()] == [names["entry"].id.bytes]

    with AuditLog.open(adapt(SERVER, AWAY), account_id="acme", spool=adapt(f"sqlite:///{FILE}", "")) as log:
        stored = names["entry"]
        record(log, KEY_CREATED, id=stored.id, occurred_at=stored.occurred_at, details="other content")
    drain = "auditwright spool drain --spool sqlite:////var/lib/app/audit-spool.db --database " + SERVER
    assert run(adapt(drain, shlex.quote(database.url)), tmp_path).returncode == 1
    show(1, adapt, database.url, tmp_path, [1])
    show(2, adapt, database.url, tmp_path, [0])
    assert len((tmp_path / "refused.jsonl").read_text().splitlines()) == 1


def test_a_service_is_ready_while_the_spool_has_room(
    adapt: Adapt, portal: BlockingPortal, tmp_path: Path
) -> None:
    names = run_program(adapt(program_text(PAGE), AWAY))
    try:
        ready = get(names["app"], "/ready", portal)
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "spooled": 2, "refused": 0})
        names["SPOOL_BYTES"] = names["log"].health().spool_bytes
        assert get(names["app"], "/ready", portal).status_code == 503
        assert get(names["app"], "/live", portal).status_code == 200
        (tmp_path / "audit-spool.db").unlink()
        assert get(names["app"], "/ready", portal).json()["ready"] is False
    finally:
        names["log"].close()


def test_its_tables_are_those_of_the_code() -> None:
    codes = [names_in(row[0]) for row in rows(section(PAGE, "When the database counts as away"))]
    assert codes == [[], *([code] for code in dsn._AWAY)]
    health, gauges = re.split(r"^\| Gauge", section(PAGE, "Monitor"), flags=re.MULTILINE)
    listed = [name for row in rows(health) for name in names_in(row[0])]
    assert listed == [each.name for each in fields(Health)]
    assert {names_in(row[0])[0]: names_in(row[1])[0] for row in rows(f"| Gauge{gauges}")} == {
        name: unit for name, (unit, _, _) in GAUGES.items()
    }


def test_its_figures_are_those_of_the_code() -> None:
    text = prose(PAGE)
    assert (SMALLEST, LARGEST, MAX_BYTES) == (2**20, 2**40, 2**30)
    assert "from 1 MiB to 1 TiB; 1 GiB is the default" in text
    assert f"{TIMEOUT:g} seconds by default, with a spool too" in text
    assert f"a third of it, {TIMEOUT / 3:g} seconds" in text
    assert f"transactions of at most {mover.BATCH} entries or {mover.BATCH_BYTES >> 20} MiB." in text
    assert mover.PAUSE_SECONDS == (0.5, 5.0)
    assert f"{mover.STOP_SECONDS:g} seconds at most; what is left" in text
    assert f"in the last {FRESH_SECONDS:g} seconds, and takes {PING_SECONDS:g} seconds at most" in text
    beside = 2 * spool_file.WAL_BYTES + spool_file.SPARE_BYTES
    assert f"needs {beside // 10**6} MB beside the file" in text


def test_the_arithmetic_of_its_size_is_right(tmp_path: Path) -> None:
    forms = [
        {"event": event.key, "metadata": event.example}
        for event in CATALOG.every_event.values()
        if not event.key.startswith("audit.")
    ]
    with AuditLog.open(
        AWAY,
        account_id="acme",
        catalog=CATALOG,
        secret_key=SecretKey("k1", bytes(range(32))),
        spool=f"sqlite:///{tmp_path}/spool.db",
    ) as log:
        empty = log.health().spool_bytes
        with log.acting(Actor.user("u-17", "Ada Lovelace"), ip_address="203.0.113.7"):
            for _ in range(100):
                log.record_many(forms)
        each = (log.health().spool_bytes - empty) / (100 * len(forms))
    text = prose(PAGE)
    (kilobytes,), (size,) = (
        re.findall(pattern, text) for pattern in (r"has about (\d+) kB", r"takes (\d+) bytes on")
    )
    assert 0.85 < empty / 1000 / int(kilobytes) < 1.15
    assert 0.95 < each / int(size) < 1.05
    room = MAX_BYTES / int(size)
    assert f"{room / 1e6:.1f} million such entries" in text
    minutes = round(room / 200 / 600) * 10
    assert f"at 200 events a second for {minutes // 60} hours and {minutes % 60} minutes" in text
