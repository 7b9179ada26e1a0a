"""What commands and the page show of hostile entries: each on its line, whatever they are called."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal
from tests.support.command_line import Auditwright, CommandResult
from tests.support.databases import SQLiteDatabase, insert_row
from tests.support.sample_events import ADDED, MODEL, record
from tests.support.unprintable import FORGED, HOSTILE, STORABLE, unsafe_lines
from tests.support.web import Client

from audit_events import CATALOG
from auditwright import Actor, AuditLog, text
from auditwright.commands.terminal import open_stdout
from auditwright.contrib.pytest_audit import Audit, OwnLog
from auditwright.contrib.pytest_watching import watching
from auditwright.server import Principal, create_app

ACTOR = Actor.user(f"u-1{STORABLE}", f"Ada{HOSTILE}")
VALUES = MODEL | {"deployment_name": "d-1"}
UNKNOWN = f"old.models{STORABLE}.model_added"


@pytest.fixture
def hostile(auditwright: Auditwright, tmp_path: Path) -> Auditwright:
    """The command line, with two hostile entries of a hostile account in audit.db."""
    with AuditLog.open("sqlite:///audit.db", account_id=HOSTILE, catalog=CATALOG) as log:
        record(log, ADDED, VALUES | {"model_name": HOSTILE}, actor=ACTOR, details=HOSTILE)
    database = SQLiteDatabase(tmp_path / "audit.db")
    insert_row(
        database,
        CATALOG,
        account_id=HOSTILE,
        event=UNKNOWN,
        category=UNKNOWN,
        description=HOSTILE,
        catalog_version=STORABLE,
        metadata=json.dumps({HOSTILE: HOSTILE}),
    )
    return auditwright


def check(done: CommandResult, *codes: int) -> CommandResult:
    assert done.code in (codes or (0,))
    assert done.out + done.err != ""
    assert unsafe_lines(done.out) + unsafe_lines(done.err) == []
    return done


COMMANDS = {
    "list": ("list", "--account", HOSTILE),
    "list of ids": ("list", "--account", HOSTILE, "--ids"),
    "list as JSON": ("list", "--account", HOSTILE, "--format", "json"),
    "nothing": ("list", "--account", HOSTILE, "--where", f"user:is:{STORABLE}"),
    "other accounts": ("count", "--account", "acme"),
    "count": ("count", "--account", HOSTILE),
    "check": ("database", "check"),
    "check as JSON": ("database", "check", "--format", "json"),
    "prune": ("database", "prune", "--older-than", "0d", "--dry-run"),
    "hold": ("database", "hold", "add", "--account", HOSTILE, "--reason", HOSTILE),
    "no hold": ("database", "hold", "remove", "--account", f"{HOSTILE}2"),
    "export": ("export", "--account", HOSTILE, "--output", f"x{STORABLE.replace('/', '')}.csv"),
    "folder": ("export", "--account", HOSTILE, "--output", f"no-such/{HOSTILE}"),
    "record": ("record", ADDED, "--account", HOSTILE, "--metadata", json.dumps(VALUES), "--details", HOSTILE),
    "wrong filter": ("list", "--where", HOSTILE),
    "unknown event": ("list", "--where", f"event:is:{HOSTILE}"),
    "wrong actor": ("record", ADDED, "--actor", HOSTILE),
    "wrong event": ("record", HOSTILE),
    "wrong id": ("show", HOSTILE),
    "wrong choice": ("list", "--format", HOSTILE),
    "wrong option": ("list", f"--{HOSTILE}"),
    "wrong command": (HOSTILE,),
    "wrong database": ("list", "--database", HOSTILE),
    "wrong file": ("list", "--database", f"sqlite:///no-such/{HOSTILE}"),
    "wrong package": ("list", "--catalog-package", HOSTILE),
    "no such file": ("import", HOSTILE),
    "wrong folder": ("demo", "--folder", "audit.db/x\n" + FORGED),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_shows_what_is_unprintable(hostile: Auditwright, name: str) -> None:
    check(hostile(*COMMANDS[name]), 0, 1, 2)


def test_entry_is_shown_in_full_with_escapes(hostile: Auditwright) -> None:
    for entry in json.loads(hostile("list", "--account", HOSTILE, "--format", "json").out):
        shown = check(hostile("show", entry["id"], "--account", HOSTILE)).out
        assert text.printable(HOSTILE) in shown
        as_json = check(hostile("show", entry["id"], "--account", HOSTILE, "--format", "json"))
        assert json.loads(as_json.out) == entry


def test_refused_lines_of_an_import_stay_on_theirs(hostile: Auditwright, tmp_path: Path) -> None:
    lines = [{"event": HOSTILE, HOSTILE: 1}, {"event": ADDED, "metadata": {HOSTILE: 1}}, {HOSTILE: HOSTILE}]
    name = f"in\n{FORGED}.jsonl"
    (tmp_path / name).write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    done = check(hostile("import", name, "--account", "acme"), 1)
    assert [line.partition(": ")[0] for line in done.err.splitlines()] == [
        f"{text.printable(name)}:{number}" for number in (1, 2, 3)
    ]


# --- exports on a terminal -------------------------------------------------------------------------


@pytest.fixture
def on_terminal(hostile: Auditwright, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CommandResult]:
    """Runs a command whose stdout is a terminal."""

    def run(*arguments: str) -> CommandResult:
        with monkeypatch.context() as patched:
            patched.setattr(sys.stdout, "isatty", lambda: True)
            return hostile(*arguments)

    return run


@pytest.mark.parametrize("command", [("list", "--format", "csv"), ("export", "--output", "-", "--full")])
def test_csv_on_a_terminal_has_a_line_for_each_entry(
    on_terminal: Callable[..., CommandResult], hostile: Auditwright, command: tuple[str, ...]
) -> None:
    shown = check(on_terminal(*command, "--account", HOSTILE)).out.splitlines()
    exact = list(csv.reader(io.StringIO(hostile(*command, "--account", HOSTILE).out, newline="")))
    escaped = [[text.printable(cell) for cell in row] for row in exact]
    assert len(shown) == len(exact) - ("export" in command)  # the second export has an entry more
    assert list(csv.reader(shown))[-2:] == escaped[-2:]


def test_json_lines_on_a_terminal_have_the_same_values(
    on_terminal: Callable[..., CommandResult], hostile: Auditwright
) -> None:
    command = ("export", "--output", "-", "--format", "jsonl", "--account", HOSTILE)
    shown, exact = check(on_terminal(*command)).out, hostile(*command).out
    entries = [json.loads(line) for line in shown.splitlines()]
    later = [json.loads(line) for line in exact.split("\n") if line]  # the second export has an entry more
    assert entries == later[: len(entries)]
    assert len(entries) == len(later) - 1


def test_parquet_is_not_for_a_terminal(on_terminal: Callable[..., CommandResult]) -> None:
    done = on_terminal("export", "--output", "-", "--format", "parquet")
    assert (done.code, done.out) == (2, "")
    assert done.err == "auditwright: Parquet is binary; name a file, or redirect stdout\n"


def test_line_ends_in_quotes_are_escapes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    stream = open_stdout("csv")
    for chunk in ('a,"b\r\nforged""\r\n"\r\n', 'c,é\x1b\r\n"\r\n",d\r\n'):
        assert stream.write(chunk.encode()) == len(chunk.encode())
    assert capsys.readouterr().out == 'a,"b\\r\\nforged""\\r\\n"\nc,é\\x1b\n"\\r\\n",d\n'


def test_assertion_about_hostile_entries_adds_no_line(tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    AuditLog.open(f"sqlite:///{empty}", catalog=CATALOG).close()
    own = OwnLog(lambda: CATALOG, "acme", lambda _: empty, lambda: tmp_path)
    with watching() as watch, closing(AuditLog.open(f"sqlite:///{empty}", catalog=CATALOG)) as log:
        record(log, ADDED, VALUES | {"model_name": HOSTILE}, actor=ACTOR, account_id=HOSTILE)
        with pytest.raises(AssertionError) as caught:
            Audit(watch, own).nothing_recorded()
    assert unsafe_lines(str(caught.value)) == []
    assert len(str(caught.value).splitlines()) == 3


# --- the page --------------------------------------------------------------------------------------


def test_page_has_escapes_for_what_is_unprintable(
    hostile: Auditwright, tmp_path: Path, portal: BlockingPortal
) -> None:
    async def authorize(_: object) -> Principal:
        return Principal(ACTOR, (HOSTILE,), may_export=True)

    with AuditLog.open("sqlite:///audit.db", account_id=HOSTILE, catalog=CATALOG) as log:
        client = Client(create_app(log, authorize), portal)
        ids = [str(entry.id) for entry in log.account(HOSTILE).all()]
        pages = [client.get(path) for path in ("/", *(f"/entries/{each}" for each in ids), "/?where=x%0Ay")]
    assert [page.status_code for page in pages] == [200, 200, 200, 400]
    for page in pages:
        seen = re.sub(r' value="[^"]*"', "", page.text)  # what forms send back is exact
        assert unsafe_lines(seen) == []
        assert len(page.text) > 500


def test_script_of_the_page_has_the_same_escapes() -> None:
    script = (files("auditwright.server") / "static" / "audit.js").read_text("utf-8")
    function = re.search(r"^const unprintable.*?^const visible = .*?$", script, re.DOTALL | re.MULTILINE)
    assert function is not None
    program = f"{function[0]}\nprocess.stdout.write(visible(require('fs').readFileSync(0, 'utf8')));"
    characters = "".join(
        each for each in map(chr, range(sys.maxunicode + 1)) if not "\ud800" <= each <= "\udfff"
    )
    done = subprocess.run(
        [_node(), "-e", program], input=characters.encode(), stdout=subprocess.PIPE, check=True, timeout=60
    )
    assert done.stdout.decode() == text.printable(characters)


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    return node
