"""The plugin in runs of pytest: its fixture, its options, and what it leaves alone."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from sqlalchemy import orm
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext import asyncio as sqlalchemy_asyncio
from tests.support.paths import ROOT
from tests.support.sample_events import KEY_CREATED

import audit_events.account.app_api_key
import audit_events.models.account.app_api_key
import auditwright_events
from auditwright.contrib import pytest_audit, pytest_watching
from auditwright.storage.sqlite import engine

pytest_plugins = ("pytester",)

KEPT = (
    audit_events,
    auditwright_events,
    engine,
    orm,
    pytest_audit,
    sqlalchemy_asyncio,
    sqlite,
    pytest_watching,
)
"""A run inside of this process forgets what it imports, so all of it is imported before: SQLAlchemy takes no
second import.
"""

ADA = """
import pytest
from audit_events import AuditEvents
from auditwright import Actor, AuditLog, ValidationError, set_actor

ADA = Actor.user("u-17", "Ada Lovelace")
KEY_CREATED = "account.app_api_key.app_api_key_created"

def create_key(log, **options):
    AuditEvents(log).account.app_api_key.app_api_key_created(**options)
"""
PLUGIN = ("-p", "auditwright.contrib.pytest_plugin", "-p", "no:cacheprovider")


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> "Run":
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return Run(pytester)


class Run:
    """Runs pytest on the text of a test module."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester

    def __call__(
        self, tests: str, *arguments: str, ini: str = "auditwright_account = acme"
    ) -> pytest.RunResult:
        self.pytester.makeini(f"[pytest]\n{ini}\n")
        self.pytester.makepyfile(ADA + tests)
        return self.pytester.runpytest_inprocess(*PLUGIN, *arguments)


def test_failure_shows_the_line_and_what_was_recorded(run: Run) -> None:
    result = run("""
def test_key(audit):
    create_key(audit.log, actor=ADA)
    audit.recorded(KEY_CREATED, actor="u-18")
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '>       audit.recorded(KEY_CREATED, actor="u-18")',
            f"E       AssertionError: {KEY_CREATED} with actor='u-18' was not recorded",
            "E       1 entry was recorded, the nearest first:",
            f"E         {KEY_CREATED} by user u-17 (Ada Lovelace) in 'acme'",
            "E           actor: expected 'u-18', got user u-17 (Ada Lovelace)",
            "",
            "test_failure_shows_the_line_and_what_was_recorded.py:*: AssertionError",
        ],
        consecutive=True,
    )


def test_each_test_begins_with_nothing(run: Run) -> None:
    result = run("""
@pytest.mark.parametrize("number", range(3))
def test_key(audit, number):
    audit.nothing_recorded()
    create_key(audit.log, actor=ADA)
    audit.recorded(KEY_CREATED, count=1)
    assert audit.log.account("acme").count() == 1
""")
    result.assert_outcomes(passed=3)


def test_no_file_is_left(run: Run) -> None:
    result = run(
        """
def test_key(audit, tmp_path_factory):
    create_key(audit.log, actor=ADA)
    assert list(tmp_path_factory.getbasetemp().rglob("*.db"))

def test_failing_key(audit):
    audit.recorded(KEY_CREATED)
    create_key(audit.log)
""",
        "--basetemp=made",
    )
    result.assert_outcomes(passed=1, failed=1)
    assert [path for path in (run.pytester.path / "made").rglob("*") if "auditwright" in path.name] == []
    assert list(run.pytester.path.rglob("*.db*")) == []


def test_code_without_an_actor_fails_as_in_production(run: Run) -> None:
    result = run(
        """
def test_no_actor(audit):
    with pytest.raises(ValidationError, match="actor: expected an actor"):
        create_key(audit.log)
    audit.nothing_recorded()

def test_no_account(audit):
    with pytest.raises(ValidationError, match="account_id: expected an account"):
        create_key(audit.log, actor=ADA)
    with audit.acting(ADA, account_id="acme"):
        create_key(audit.log)
    audit.recorded(KEY_CREATED, actor=ADA, account_id="acme")
""",
        ini="",
    )
    result.assert_outcomes(passed=2)


def test_context_does_not_reach_the_next_test(run: Run) -> None:
    result = run("""
from auditwright import context

@pytest.fixture(scope="module", autouse=True)
def someone():
    with context.acting(Actor.user("u-1")):
        yield

def test_leaves_contexts(audit):
    set_actor(ADA)
    # Not `acting(...).__enter__()`: when that is collected, the block ends.
    context._current.set(context._Block(context.Context(Actor.user("u-2")), None))
    create_key(audit.log)
    audit.recorded(KEY_CREATED, actor="u-2")

def test_has_the_context_of_the_module(audit):
    create_key(audit.log)
    audit.recorded(KEY_CREATED, actor="u-1")
""")
    result.assert_outcomes(passed=2)


def test_logs_of_the_code_are_seen(run: Run) -> None:
    result = run("""
import asyncio
from audit_events import AsyncAuditEvents

LOG = AuditLog.open("sqlite:///own.db", account_id="own")

def test_log_of_the_module(audit):
    create_key(LOG, actor=ADA)
    audit.recorded(KEY_CREATED, account_id="own", count=1)

def test_log_of_the_test(audit, tmp_path):
    with AuditLog.open(f"sqlite:///{tmp_path}/other.db", account_id="other") as log:
        asyncio.run(AsyncAuditEvents(log).account.app_api_key.app_api_key_created(actor=ADA))
    audit.recorded(KEY_CREATED, account_id="other", count=1)
    LOG.close()
""")
    result.assert_outcomes(passed=2)


def test_own_fixture_of_that_name_wins(run: Run) -> None:
    result = run("""
@pytest.fixture
def audit():
    return "mine"

def test_mine(audit):
    assert audit == "mine"
""")
    result.assert_outcomes(passed=1)


def test_fixture_can_have_another_name(run: Run) -> None:
    run.pytester.makeconftest("from auditwright.contrib.pytest_plugin import audit as trail\n")
    result = run("""
@pytest.fixture
def audit(trail):
    return AuditEvents(trail.log)

def test_both(audit, trail):
    audit.account.app_api_key.app_api_key_created(actor=ADA)
    trail.recorded(KEY_CREATED, count=1)
""")
    result.assert_outcomes(passed=1)


def test_option_names_the_catalog(run: Run) -> None:
    tests = """
def test_catalog(audit):
    assert audit.log.catalog.package == "auditwright_events"
"""
    run(tests, ini="auditwright_catalog = auditwright_events").assert_outcomes(passed=1)
    result = run(tests, ini="auditwright_catalog = acme_audit")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['E *CatalogError: the catalog package "acme_audit" cannot be imported:*'])


def test_several_catalogs_are_named_by_the_option(run: Run) -> None:
    folder = run.pytester.mkdir("two-1.0.dist-info")
    (folder / "METADATA").write_text("Name: two\nVersion: 1.0\n", "utf-8")
    (folder / "entry_points.txt").write_text(
        "[auditwright.catalogs]\none = one:CATALOG\ntwo = two:CATALOG\n", "utf-8"
    )
    for name in ("one", "two"):
        run.pytester.mkpydir(name)
    run.pytester.syspathinsert()
    result = run("""
def test_catalog(audit):
    audit.nothing_recorded()
    audit.log
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *CatalogError: several catalog packages are installed (*",
            "E *for pytest: set auditwright_catalog in its configuration",
        ]
    )


def test_option_lets_open_transactions_count(run: Run) -> None:
    tests = """
import sqlite3

def test_key(audit):
    path = audit.log._storage.path
    connection = sqlite3.connect(path)
    create_key(audit.log, actor=ADA, session=connection)
    try:
        audit.recorded(KEY_CREATED)
        connection.rollback()
        audit.nothing_recorded()
    finally:
        connection.close()
"""
    account = "auditwright_account = acme\n"
    run(tests, ini=f"{account}auditwright_uncommitted = true").assert_outcomes(passed=1)
    run(tests, ini=account).assert_outcomes(failed=1)


def test_loading_the_plugin_loads_nothing_else() -> None:
    program = "import sys, json, auditwright.contrib.pytest_plugin\nprint(json.dumps(list(sys.modules)))"
    loaded = json.loads(
        subprocess.check_output([sys.executable, "-c", program], text=True, cwd=ROOT / "runtime")
    )
    ours = {name for name in loaded if name.partition(".")[0] in ("auditwright", "pydantic", "orjson")}
    assert ours == {"auditwright", "auditwright.contrib", "auditwright.contrib.pytest_plugin"}


def test_installed_plugin_works_in_several_processes(pytester: pytest.Pytester) -> None:
    (point,) = metadata.entry_points(group="pytest11", name="auditwright")
    assert point.value == "auditwright.contrib.pytest_plugin"
    pytester.makeini("[pytest]\nauditwright_account = acme\n")
    pytester.makepyfile(
        ADA
        + """
@pytest.mark.parametrize("number", range(6))
def test_key(audit, number):
    create_key(audit.log, actor=ADA)
    audit.recorded(KEY_CREATED, count=1)
"""
    )
    others = (
        each.name
        for each in metadata.entry_points(group="pytest11")
        if each.name not in ("auditwright", "xdist", "xdist.looponfail")
    )
    result = pytester.runpytest_subprocess("-n2", *(f"-pno:{name}" for name in others))
    result.assert_outcomes(passed=6)
    assert Path(pytester.path, "audit.db").exists() is False
