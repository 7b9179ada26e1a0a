"""A catalog without levels, `tests/catalogs/no_levels`: keys of two and three parts, and no level shown."""

import csv
import importlib
import io
import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet  # type: ignore[import-untyped]
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from sqlalchemy import create_engine
from sqlmodel import Session, col, select
from tests.generator.run_command import run
from tests.scenarios.test_other_catalog import assert_formatted, assert_linted
from tests.support.databases import Database, insert_row, open_log
from tests.support.paths import ROOT, TEST_CATALOGS
from tests.support.sample_events import without_imports
from tests.support.type_check import run_mypy
from tests.support.web import Client, authorize

from audit_events import CATALOG as WITH_LEVELS
from audit_events import AuditEvents
from auditwright import Actor, AuditLog, Catalog, Entry, Filter
from auditwright.server import create_app
from auditwright_generator import cli

NO_LEVELS = TEST_CATALOGS / "no_levels"
ADA = Actor.user("u-17", "Ada Lovelace")
USE = """
from auditwright import AuditLog, Entry
from flat_events import AsyncAuditEvents, AuditEvents
from flat_events.models.db_session import Query as Values
from flat_events.tables.db_session import Query


def use(log: AuditLog) -> Entry:
    log.record(Values(db_name="orders", query_text="SELECT 1"))
    AuditEvents(log).user.login(method="sso")
    return AuditEvents(log).db_session.query(db_name="orders", query_text="SELECT 1", row_total=3)


async def use_async(log: AuditLog) -> Entry:
    return await AsyncAuditEvents(log).user.logout()


def read(row: Query) -> int | None:
    return row.row_total
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of what is generated; its package can be imported."""
    out = tmp_path_factory.mktemp("no_levels")
    assert run(cli.generate, "--catalog", str(NO_LEVELS), "--out", str(out)) == 0
    sys.path.insert(0, str(out))
    yield out
    sys.path.remove(str(out))


@pytest.fixture(scope="module")
def catalog(generated: Path) -> Catalog:
    found: Catalog = importlib.import_module("flat_events").CATALOG
    return found


@pytest.fixture
def log(database: Database, catalog: Catalog) -> Iterator[AuditLog]:
    with open_log(database, catalog) as log, log.acting(ADA, ip_address="203.0.113.7"):
        yield log


def record_all(log: AuditLog) -> dict[str, Entry]:
    """An entry of each event, by its key; a query by its emitter, by its model and as JSON."""
    audit = importlib.import_module("flat_events").AuditEvents(log)
    values = {"db_name": "orders", "query_text": "SELECT 1"}
    model = importlib.import_module("flat_events.models.db_session").Query
    made = [
        audit.user.login(method="sso"),
        audit.user.logout(),
        audit.db_session.query(**values, row_total=3),
        log.record(model(**values)),
        log.record_json(json.dumps({"event": "db.session.query", "metadata": values})),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made.append(audit.db_session.closed(db_name="orders"))
    return {f"{number} {entry.event}": entry for number, entry in enumerate(made)}


# --- what is generated ------------------------------------------------------------------------------


def test_catalog_without_levels_has_no_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.check, "--catalog", str(NO_LEVELS)) == 0
    assert capsys.readouterr().out.startswith("4 events, ")


def test_generated_paths_have_no_level(generated: Path) -> None:
    paths = {path.relative_to(generated).as_posix() for path in generated.rglob("*") if path.is_file()}
    assert {path for path in paths if "session" in path or "user" in path} == {
        "docs/db_session.md",
        "docs/user.md",
        "flat_events/db_session.py",
        "flat_events/json_schema/db/session/closed.json",
        "flat_events/json_schema/db/session/query.json",
        "flat_events/json_schema/user/login.json",
        "flat_events/json_schema/user/logout.json",
        "flat_events/models/db_session.py",
        "flat_events/models/user.py",
        "flat_events/tables/db_session.py",
        "flat_events/tables/user.py",
        "flat_events/user.py",
    }


def test_code_without_levels_is_typed_and_formatted(generated: Path, tmp_path: Path) -> None:
    use = tmp_path / "use.py"
    use.write_text(USE, "utf-8")
    assert run_mypy(use, generated / "flat_events", roots=(tmp_path, generated)) == ""
    assert_formatted(generated / "flat_events")
    assert_linted(generated, "flat_events")
    roots = [str(generated), str(ROOT / "runtime")]
    config = {"extraPaths": roots, "typeCheckingMode": "strict"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config), "utf-8")
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--project", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "0 errors" in done.stdout, done.stdout


def test_category_is_imported_on_first_use(generated: Path) -> None:
    code = "import sys, flat_events; print([each for each in sys.modules if each.startswith('flat_events.')])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=generated, capture_output=True, text=True, check=True
    )
    assert done.stdout == "['flat_events._catalog', 'flat_events._categories']\n"


def test_pages_show_no_empty_level(generated: Path) -> None:
    pages = {path.name: path.read_text("utf-8") for path in (generated / "docs").rglob("*.md")}
    for name, text in pages.items():
        for sign in ("[](", "›  ›", "## \n", "(/", "..md", "<level>", "of the level"):
            assert sign not in text, (name, sign)
    assert "\n[Flat events](index.md) › Database sessions\n\n`db.session`\n" in pages["db_session.md"]
    assert 'audit.db_session.query(\n    db_name="orders",\n' in pages["db_session.md"]
    assert "Use [`user.logout`](user.md#logout)." in pages["db_session.md"]
    assert (
        "| [Users](user.md) | People who come and go. | [User logged in](user.md#login)," in pages["index.md"]
    )
    assert "| Event | Category | Key |\n" in pages["events.md"]
    assert "A category is named where all its events have the field." in pages["fields.md"]


def test_unchanged_category_is_not_rendered_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "catalog", tmp_path / "out"
    source.mkdir()
    for path in NO_LEVELS.iterdir():
        (source / path.name).write_text(path.read_text("utf-8"), "utf-8")
    command = ("--catalog", str(source), "--out", str(out))
    assert run(cli.generate, *command) == 0
    user = source / "user.yaml"
    user.write_text(user.read_text("utf-8").replace("People who", "Persons who"), "utf-8")
    page = out / "docs" / "db_session.md"
    before = page.stat().st_mtime_ns
    assert run(cli.generate, *command) == 0
    assert page.stat().st_mtime_ns == before
    assert "Persons who" in (out / "docs" / "user.md").read_text("utf-8")
    assert run(cli.generate, *command, "--check", "--all") == 0


# --- recorded and read back ------------------------------------------------------------------------------


def test_entries_are_read_back_by_key_and_category(log: AuditLog) -> None:
    made = list(record_all(log).values())
    account = log.account("acme")
    assert list(account.all()) == made[::-1]
    assert {entry.level for entry in made} == {""}
    assert [entry.category for entry in made] == ["user"] * 2 + ["db.session"] * 4
    assert account.entries(Filter.parse(["category:is:db.session"])).entries == tuple(made[:1:-1])
    assert account.entries(Filter.parse(["event:is:db.session.closed"])).entries == (made[5],)
    assert account.entries(Filter.parse(["event:is:account.users.user_login"])).entries == (made[0],)
    model: Any = log.catalog.model(log.catalog.events["db.session.query"])
    assert made[2].typed == model(db_name="orders", query_text="SELECT 1", row_total=3)


def test_views_and_tables_have_an_empty_level(log: AuditLog, database: Database) -> None:
    made = record_all(log)
    query = importlib.import_module("flat_events.tables.db_session").Query
    engine = create_engine(database.sqlalchemy_url)
    with Session(engine) as session:
        statement = select(query).where(query.account_id == "acme").order_by(col(query.id))
        found = [(row.level, row.db_name, row.row_total) for row in session.exec(statement).all()]
    engine.dispose()
    assert found == [("", "orders", 3), ("", "orders", None), ("", "orders", None)]
    categories = database.rows("SELECT key, level FROM audit_category")
    assert {("audit.log", "audit"), ("db.session", ""), ("user", "")} <= set(categories)
    assert ("account.users.user_login", "", "user") in database.rows(
        "SELECT key, level, category FROM audit_event"
    )
    assert len(made) == 6


def test_exports_leave_out_the_empty_level(log: AuditLog) -> None:
    made = record_all(log)
    account = log.account("acme")
    lines, full, parquet = io.BytesIO(), io.BytesIO(), io.BytesIO()
    account.export_jsonl(lines)
    exported = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert exported == [entry.to_json() for entry in made.values()]
    assert not any("level" in form for form in exported)
    account.export_csv(full, full=True)
    rows = list(csv.DictReader(io.StringIO(full.getvalue().decode("utf-8-sig"))))
    assert [(row["Event Key"], row["Level"]) for row in rows] == [
        (e.event, "") for e in reversed(made.values())
    ]
    account.export_parquet(parquet)
    table = pyarrow.parquet.read_table(parquet)
    assert table.column("level").to_pylist() == [""] * 6


def test_import_takes_entries_with_and_without_level(log: AuditLog, other_database: Database) -> None:
    made = record_all(log)
    lines = io.BytesIO()
    log.account("acme").export_jsonl(lines)
    forms = [json.loads(line) for line in lines.getvalue().splitlines()]
    forms[1] |= {"event": "account.users.user_login", "level": "account", "category": "account.users"}
    forms[1] |= {"metadata": {"method": "password"}}
    problems: list[object] = []
    with open_log(other_database, log.catalog) as other:
        other.import_jsonl(
            [json.dumps(form).encode() for form in forms], lambda *problem: problems.append(problem)
        )
        found = without_imports(other.account("acme").all())[::-1]
    assert problems == []
    assert [entry.level for entry in found] == ["", "account", "", "", "", ""]
    assert [found[0], *found[2:]] == [each for n, each in enumerate(made.values()) if n != 1]


def test_log_with_levels_is_opened_without_them(database: Database, catalog: Catalog) -> None:
    with open_log(database, WITH_LEVELS) as log, log.acting(ADA):
        AuditEvents(log).account.login_logout.logout(email_id="ada@example.com")
    former = {"level": "account", "category": "account.users", "event": "account.users.user_login"}
    with open_log(database, catalog) as log, log.acting(ADA):
        insert_row(database, catalog, **former, metadata='{"method": "sso"}')
        record_all(log)
        account = log.account("acme")
        login, renamed = account.entries(Filter.parse(["event:is:user.login"])).entries
        assert (login.level, renamed.level, renamed.event) == ("", "account", "account.users.user_login")
        assert (renamed.event_title, renamed.category_title) == ("User logged in", "Users")
        removed = account.entries(Filter.parse(["category:is:account.login_logout"])).entries[0]
        assert (removed.level, removed.event_title) == ("account", "account.login_logout.logout")


# --- page and API ------------------------------------------------------------------------------------


@pytest.fixture
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as portal:
        yield portal


def test_page_and_api_show_no_level(log: AuditLog, portal: BlockingPortal) -> None:
    made = list(record_all(log).values())
    client = Client(create_app(log, authorize), portal)
    page = client.get("/").text
    assert "Level:" not in page
    assert '<optgroup label="Categories"><option value="user"' in page
    assert "Database sessions" in page
    found: dict[str, Any] = client.get("/api/entries?where=category:is:db.session").json()
    assert [each["id"] for each in found["entries"]] == [str(entry.id) for entry in made[:1:-1]]
    assert not any("level" in each for each in found["entries"])
    api = client.get("/api/openapi.json").json()
    examples = api["paths"]["/api/entries"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert list(examples) == ["entry", "several"]


# --- new and diff ------------------------------------------------------------------------------------


def copied(tmp_path: Path) -> str:
    """A copy of the catalog, to change."""
    shutil.copytree(NO_LEVELS, tmp_path / "catalog")
    return str(tmp_path / "catalog")


def test_new_takes_keys_without_level(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--catalog", copied(tmp_path), "--description", "What crosses a border of the network.")
    assert run(cli.new, "category", "net.flow", *where) == 0
    assert run(cli.new, "event", "net.flow.flow_seen", *where) == 0
    assert (tmp_path / "catalog" / "net.flow.yaml").read_text("utf-8").startswith("category: net.flow\n")
    capsys.readouterr()
    for name in ("catalog", "fields"):
        assert run(cli.new, "category", name, *where) == 1
        message = f'auditwright: category "{name}" is refused: {name}.yaml is no file of a category; '
        assert capsys.readouterr().err.startswith(message)
    assert run(cli.new, "level", "account", *where) == 1
    assert capsys.readouterr().err.startswith("auditwright: the catalog has no levels, and its categories")


def test_events_are_listed_without_level(capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("table", "csv", "json"):
        assert run(cli.events, "--catalog", str(NO_LEVELS), "--format", form) == 0
    lines, printed = capsys.readouterr().out.split("key,level,category,")
    assert lines.split()[:8] == ["KEY", "TITLE", "CATEGORY", "FIELDS", "user.login", "User", "logged", "in"]
    assert "\r\nuser.login,,user,Users,login," in printed
    (login, *_) = json.loads(printed[printed.index("[\n") :])
    assert list(login)[:2] == ["key", "category"]


def test_diff_shows_categories_without_level(
    generated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(tmp_path)
    (tmp_path / "catalog" / "db.session.yaml").unlink()
    run(cli.diff, "--catalog", folder, "--against", str(generated / "flat_events" / "catalog.json"))
    shown = capsys.readouterr().out
    assert 'BR122 category-removed: db.session: the category "Database sessions" was removed' in shown
    assert "level" not in shown
