"""Text that others chose adds no line to errors, log records and outputs, and moves no cursor."""

import ast
import functools
import inspect
import json
import logging
import sys
import unicodedata
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.support.databases import SQLiteDatabase
from tests.support.paths import ROOT
from tests.support.sample_events import ADDED, ASYNC, MODEL, form, insert_row, record
from tests.support.unprintable import FORGED, HOSTILE, STORABLE, UNPRINTABLE, hostile_text, unsafe_lines
from tests.support.web import Client, authorize

import auditwright_generator.text
from audit_events import CATALOG
from auditwright import Actor, AuditLog, AuditwrightError, Filter, load_context, text
from auditwright.addresses import TrustedProxies
from auditwright.catalog import find_catalog
from auditwright.limits import MAX_ID
from auditwright.server import Principal, create_app

EVERY_CHARACTER = "".join(map(chr, range(sys.maxunicode + 1)))
PACKAGES = {"runtime/auditwright": text, "generator/auditwright_generator": auditwright_generator.text}


# --- the function ----------------------------------------------------------------------------------


def test_both_packages_print_alike() -> None:
    for function in ("printable", "printable_json", "print_lines"):
        of_runtime, of_generator = (getattr(module, function) for module in PACKAGES.values())
        assert inspect.getsource(of_runtime) == inspect.getsource(of_generator)
    runtime, generator = (module.printable(EVERY_CHARACTER) for module in PACKAGES.values())
    assert runtime == generator


def test_unprintable_characters_are_escapes() -> None:
    shown = text.printable(EVERY_CHARACTER)
    assert set(map(unicodedata.category, shown)).isdisjoint(("Cc", "Cf", "Cs", "Zl", "Zp"))
    assert {name for name, each in UNPRINTABLE.items() if text.printable(f"a{each}b") == f"a{each}b"} == set()
    assert text.printable("a\n\x1b[2J\u200b\U000e0041") == r"a\n\x1b[2J\u200b\U000e0041"


def test_plain_text_stays_as_it_is() -> None:
    plain = "Zoë, Ελένη, शान्ति, محمد, שלום, 李小龍, 한국어, ❤️ ☎︎ 😀, a\\nb, a\xa0b\u3000c"
    assert text.printable(plain) == plain


@given(hostile_text())
@example(STORABLE)
def test_json_with_escapes_has_the_same_values(hostile: str) -> None:
    shown = text.printable_json(json.dumps({hostile: [hostile]}, ensure_ascii=False, indent=2))
    assert unsafe_lines(shown) == []
    value = json.loads(json.dumps(hostile))
    assert json.loads(shown) == {value: [value]}


# --- errors ----------------------------------------------------------------------------------------

SECRET: dict[str, Any] = {"tool_id": "t-4", "version_id": "v-1", "timeout": False}
ENTRANCES: dict[str, Callable[[AuditLog, str], object]] = {
    "unknown field": lambda log, hostile: record(log, ADDED, MODEL | {hostile: 1}),
    "value of an enum": lambda log, hostile: record(log, ADDED, MODEL | {"model_type": hostile}),
    "type of a field": lambda log, hostile: record(log, ASYNC, SECRET | {"timeout": hostile}),
    "several fields": lambda log, hostile: record(log, ADDED, {hostile: 1, f"{hostile}2": 2}),
    "event": lambda log, hostile: record(log, hostile, MODEL),
    "event of a form": lambda log, hostile: log.record_form(form(hostile, MODEL)),
    "event in JSON": lambda log, hostile: log.record_json(json.dumps(form(hostile, MODEL))),
    "field in JSON": lambda log, hostile: log.record_json(json.dumps(form(ADDED, MODEL | {hostile: 1}))),
    "member in JSON": lambda log, hostile: log.record_json(json.dumps({**form(ADDED, MODEL), hostile: 1})),
    "invalid JSON": lambda log, hostile: log.record_json(hostile),
    "type of the actor": lambda _, hostile: Actor(hostile, "u-1"),  # type: ignore[arg-type]
    "address": lambda log, hostile: record(log, ADDED, MODEL, ip_address=hostile),
    "id": lambda log, hostile: record(log, ADDED, MODEL, id=hostile),
    "time": lambda log, hostile: log.record_form(form(ADDED, MODEL, occurred_at=hostile)),
    "account": lambda log, hostile: log.account(hostile + "x" * MAX_ID),
    "condition": lambda _, hostile: Filter.parse([hostile]),
    "field of a condition": lambda _, hostile: Filter.parse([f"{hostile}:is:x"]),
    "operator": lambda _, hostile: Filter.parse([f"user:{hostile}:x"]),
    "match": lambda _, hostile: Filter.parse([], hostile),
    "event of a filter": lambda log, hostile: _found(log, f"event:is:{hostile}"),
    "category of a filter": lambda log, hostile: _found(log, f"category:is:{hostile}"),
    "member of a filter": lambda _, hostile: Filter.from_json({hostile: 1}),
    "query of a filter": lambda _, hostile: Filter.from_query(f"{hostile}=1"),
    "cursor": lambda log, hostile: log.account("acme").entries(after=hostile),
    "start of a range": lambda log, hostile: log.account("acme").entries(since=hostile),
    "search": lambda log, hostile: log.account("acme").entries(search=hostile * 1000),
    "selection": lambda log, hostile: log.account("acme").entries(**cast("Any", {hostile: 1})),
    "format": lambda log, hostile: log.account("acme").stream(hostile),  # type: ignore[arg-type]
    "file": lambda log, hostile: log.account("acme").export_csv(f"no-such-folder/{hostile}"),
    "database": lambda _, hostile: AuditLog.open(hostile, account_id="acme", catalog=CATALOG),
    "SQLite file": lambda _, hostile: AuditLog.open(f"sqlite:///no/such/{hostile}", catalog=CATALOG),
    "package": lambda _, hostile: find_catalog(hostile),
    "line of an import": lambda log, hostile: _import(log, json.dumps(form(hostile, MODEL))),
    "name twice": lambda log, hostile: _import(log, "{" + f"{json.dumps(hostile)}: 1," * 2 + '"x": 1}'),
    "context": lambda _, hostile: load_context({"version": hostile}).__enter__(),
    "actor of a context": lambda _, hostile: load_context({"version": "1", "actor": hostile}).__enter__(),
    "proxies": lambda _, hostile: TrustedProxies([hostile]),
    "accounts of a principal": lambda _, hostile: Principal(Actor.system(), (hostile + "x" * MAX_ID,)),
}


def _found(log: AuditLog, condition: str) -> object:
    return log.account("acme").entries(Filter.parse([condition]))


def _import(log: AuditLog, line: str) -> None:
    def report(_: int, error: AuditwrightError) -> None:
        raise error

    log.import_jsonl([line.encode()], report)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.sampled_from(sorted(ENTRANCES)), hostile_text())
def test_no_error_has_a_line_of_the_input(log: AuditLog, path: Path, entrance: str, hostile: str) -> None:
    refuse(log, entrance, hostile)


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_every_entrance_refuses_safely(log: AuditLog, path: Path, entrance: str) -> None:
    assert refuse(log, entrance, HOSTILE)


def refuse(log: AuditLog, entrance: str, hostile: str) -> bool:
    """Whether the entrance has refused the text, with an error that is safe to print and to log."""
    try:
        ENTRANCES[entrance](log, hostile)
    except (AuditwrightError, ValueError, TypeError) as error:
        printed = f"{error}\n{error!r}"
        assert unsafe_lines(printed) == []
        for problem in getattr(error, "problems", ()):
            assert unsafe_lines(f"{problem.path}{problem.expected}{problem.got}") == []
        return True
    return False


# --- log records -----------------------------------------------------------------------------------


def test_damaged_entry_is_logged_on_one_line(
    log: AuditLog, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    row = insert_row(path, CATALOG, account_id=HOSTILE, actor_type="user", actor_id=None)
    with caplog.at_level(logging.WARNING):
        assert log.account(HOSTILE).get(uuid.UUID(bytes=row["id"])) is not None
    check_records(caplog)


def test_failing_request_is_logged_on_one_line(
    log: AuditLog, path: Path, portal: BlockingPortal, caplog: pytest.LogCaptureFixture
) -> None:
    """The path of a request can have any characters, as it is percent-decoded."""
    client = Client(create_app(log, authorize), portal)
    SQLiteDatabase(path).change("ALTER TABLE audit_entry RENAME TO moved")
    with caplog.at_level(logging.ERROR):
        assert client.get(f"/entries/{uuid.uuid4()}%0A{FORGED}").status_code in (404, 422, 503)
        assert client.get("/").status_code == 503
    check_records(caplog)


def check_records(caplog: pytest.LogCaptureFixture) -> None:
    messages = [each.getMessage() for each in caplog.records if each.name.startswith("auditwright")]
    assert messages
    assert [message for message in messages if "\n" in message or unsafe_lines(message)] == []


# --- the code --------------------------------------------------------------------------------------

PRINTS = {
    "runtime/auditwright/cli.py": 2,  # a constant, and the name of a package
    "runtime/auditwright/text.py": 1,
    "runtime/auditwright/commands/completion.py": 1,  # a script for a shell
    "runtime/auditwright/commands/database_setup.py": 1,  # SQL for psql, where stdout is no terminal
    "runtime/auditwright/commands/progress.py": 2,  # numbers
    "runtime/auditwright/commands/text.py": 1,
    "generator/auditwright_generator/text.py": 1,
    "generator/auditwright_generator/commands/base.py": 3,  # colors are added to printable lines
    "generator/auditwright_generator/commands/check.py": 1,  # printable lines of a diff
    "generator/auditwright_generator/commands/events.py": 1,
    "generator/auditwright_generator/commands/generate.py": 1,
    "generator/auditwright_generator/commands/progress.py": 2,
    "generator/auditwright_generator/commands/rules.py": 1,
    "generator/auditwright_generator/commands/site_build.py": 1,
}
"""How often a module calls `print` itself; whatever else it shows goes through `print_lines`."""
LEVELS = ("debug", "info", "warning", "error", "exception", "critical", "log")


@functools.cache
def calls() -> list[tuple[str, ast.Call, str, str]]:
    """Calls that print or log in both packages: the file, the call, what it is called on, and the name."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            source = path.read_text("utf-8")
            if "print(" not in source and "logging" not in source:
                continue
            for node in ast.walk(ast.parse(source)):
                if not isinstance(node, ast.Call):
                    continue
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in ("print", *LEVELS):
                    on = ast.unparse(node.func).rpartition(".")[0]
                    found.append((path.relative_to(ROOT).as_posix(), node, on, name))
    return found


def test_commands_print_through_one_function() -> None:
    found: dict[str, int] = {}
    for path, _, on, name in calls():
        if name == "print" and not on:
            found[path] = found.get(path, 0) + 1
    assert found == PRINTS


def test_log_records_have_printable_values_only() -> None:
    """A value of a log record is made printable where it is logged, or is a number or an id."""
    logged = [
        (path, ast.unparse(argument))
        for path, node, on, name in calls()
        if name in LEVELS and ("_log" in on or on.startswith("logging.getLogger"))
        for argument in node.args[1:]
    ]
    assert {each for each in logged if not each[1].startswith(("printable(", "shown(", "*(printable("))} == {
        ("runtime/auditwright/contrib/celery.py", "task_name"),
        ("runtime/auditwright/damage.py", "', '.join(damaged)"),
        ("runtime/auditwright/damage.py", "entry.id"),
        ("runtime/auditwright/ids.py", "(last - now) // 1000000"),
        ("runtime/auditwright/ids.py", "format_time(last)"),
        ("runtime/auditwright/ids.py", "format_time(now)"),
        ("runtime/auditwright/server/stalled_clients.py", "self._seconds"),
        ("runtime/auditwright/spool/mover.py", "_entries(moved.entries)"),
        ("runtime/auditwright/spool/mover.py", "number"),
        ("runtime/auditwright/storage/postgresql/engine.py", "reason"),
    }
    assert len(logged) > 12
