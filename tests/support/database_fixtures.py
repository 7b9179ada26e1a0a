"""A log of the account "acme" in an empty database, and the emitters into it.

A test that uses `database`, or what is made of it, runs on every engine; one that uses `path`, or that is
marked `sqlite_only`, is about SQLite, and one that is marked `postgresql_only` about PostgreSQL.

With the URL of a coordinator in AUDITWRIGHT_TEST_CITUS, they run on that Citus cluster instead, and only
those that concern PostgreSQL.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.citus import NOT_RUN, CitusCluster, coordinator
from tests.support.databases import (
    BIN,
    Database,
    PostgreSQLServer,
    SQLiteDatabase,
    open_log,
    temporary_server,
)

from audit_events import AuditEvents
from auditwright import AccountLog, AuditLog, SecretKey

ENGINES = ("citus",) if coordinator() else ("sqlite", "postgresql")
Server = PostgreSQLServer | CitusCluster
OF_ONE_SERVER = {
    "test_a_database_is_created_through_the_pool": "it drops the schema that has the extension",
    "test_a_database_that_stops_in_between_refuses_none": "its sequence is on the coordinator only",
    "test_every_commit_is_durable_and_no_setting_stays": "its table is on the coordinator only",
}
"""Tests that cannot apply to a cluster, each with its reason."""


def pytest_configure(config: pytest.Config) -> None:
    for engine, title in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL")):
        config.addinivalue_line("markers", f"{engine}_only: about {title}, whatever fixtures it uses")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    used, marker = metafunc.fixturenames, metafunc.definition.get_closest_marker
    if "database" not in used or "path" in used or marker("sqlite_only"):
        return
    engines = ENGINES[-1:] if marker("postgresql_only") else ENGINES
    metafunc.parametrize("database", engines, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With another PostgreSQL than the usual one, run only what concerns it, except for its plans.

    With a cluster, run only what runs on it.
    """
    if BIN not in os.environ and not coordinator():
        return
    is_run = _is_of_citus if coordinator() else _is_of_postgresql
    others = [item for item in items if not is_run(item)]
    items[:] = [item for item in items if is_run(item)]
    config.hook.pytest_deselected(items=others)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not coordinator():
        terminalreporter.write_line(NOT_RUN)


def _is_of_citus(item: pytest.Item) -> bool:
    if item.path.name == "test_plans.py":  # its limits are those of one server
        return False
    if getattr(item, "originalname", item.name) in OF_ONE_SERVER:
        return False
    parameters: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
    return "citus" in getattr(item, "fixturenames", ()) or "citus" in (
        each for each in parameters.values() if type(each) is str
    )


def _is_of_postgresql(item: pytest.Item) -> bool:
    if item.path.name == "test_plans.py":  # the planner of older versions reads more for rare users
        return False
    parameters: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
    engines = (each for each in parameters.values() if type(each) is str)
    return "postgresql" in getattr(item, "fixturenames", ()) or "postgresql" in engines


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AUDITWRIGHT_CATALOG", "AUDITWRIGHT_SECRET_KEY", "AUDITWRIGHT_DATABASE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQLServer]:
    """A PostgreSQL server; where there is none to start, the test is skipped."""
    with temporary_server() as server:
        yield server


@pytest.fixture(scope="session")
def citus() -> Iterator[CitusCluster]:
    """The Citus cluster of the environment; without one no test that uses it is collected."""
    cluster = CitusCluster(coordinator())
    yield cluster
    cluster.stop()


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    engine = getattr(request, "param", "sqlite")
    if engine == "sqlite":
        return SQLiteDatabase(tmp_path / "audit.db")
    server: Server = request.getfixturevalue(engine)
    return server.database()


@pytest.fixture
def other_database(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """Another one of the same engine."""
    if database.engine == "sqlite":
        yield SQLiteDatabase(tmp_path / "other.db")
    else:
        yield from _of_its_own(request.getfixturevalue(ENGINES[-1]))


@pytest.fixture(scope="module", params=ENGINES)
def lasting_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A database for all tests of a module, which keep apart by their accounts."""
    if request.param == "sqlite":
        yield SQLiteDatabase(tmp_path_factory.mktemp("lasting") / "audit.db")
    else:
        yield from _of_its_own(request.getfixturevalue(ENGINES[-1]))


@pytest.fixture(scope="module")
def other_lasting_database(
    lasting_database: Database, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Database]:
    """Another one of the same engine."""
    if lasting_database.engine == "sqlite":
        yield SQLiteDatabase(tmp_path_factory.mktemp("lasting") / "other.db")
    else:
        yield from _of_its_own(request.getfixturevalue(ENGINES[-1]))


def _of_its_own(server: Server) -> Iterator[Database]:
    made = server.another()
    yield made
    server.drop(made)


@pytest.fixture
def path(database: Database) -> Path:
    assert isinstance(database, SQLiteDatabase)
    return database.path


@pytest.fixture
def key() -> SecretKey:
    return SecretKey("k1", bytes(range(32)))


@pytest.fixture
def log(database: Database, key: SecretKey) -> Iterator[AuditLog]:
    with open_log(database, secret_key=key) as log:
        yield log


@pytest.fixture
def audit(log: AuditLog) -> AuditEvents:
    return AuditEvents(log)


@pytest.fixture
def acme(log: AuditLog) -> AccountLog:
    return log.account("acme")
