"""Fields may have any name that `check` accepts: SQL keywords, aliases of our own SQL, Python's names."""

import builtins
import importlib
import io
import json
import keyword
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet  # type: ignore[import-untyped]
import pytest
import yaml
from pydantic import BaseModel
from sqlmodel import Session, create_engine, select
from tests.conftest import import_view
from tests.generator.run_command import run
from tests.support.databases import Database, PostgreSQLServer
from tests.support.paths import ROOT

import auditwright.emitters
from auditwright import Actor, AuditLog, Catalog, Filter
from auditwright import cli as command_line
from auditwright.event_model import EventModel
from auditwright_generator import cli, names
from auditwright_generator.source.structure import KINDS

EVENT = "workspace.things.named"
SQLITE_KEYWORDS = """
    abort action add after all alter always analyze and as asc attach autoincrement before begin between by
    cascade case cast check collate column commit conflict constraint create cross current current_date
    current_time current_timestamp database default deferrable deferred delete desc detach distinct do drop
    each else end escape except exclude exclusive exists explain fail filter first following for foreign from
    full generated glob group groups having if ignore immediate in index indexed initially inner insert
    instead intersect into is isnull join key last left like limit match materialized natural no not nothing
    notnull null nulls of offset on or order others outer over partition plan pragma preceding primary query
    raise range recursive references regexp reindex release rename replace restrict returning right rollback
    row rows savepoint select set table temp temporary then ties to transaction trigger unbounded union unique
    update using vacuum values view virtual when where window with without
    """
"""All of `sqlite3_keyword_name`, SQLite 3.40."""
SYSTEM = "SELECT attname FROM pg_attribute WHERE attrelid = 'pg_class'::regclass AND attnum < 0"
NAME = re.compile("[a-z][a-z0-9]*(_[a-z0-9]+)*")


def names_in_sql() -> set[str]:
    """The names that our own statements give to tables, columns and functions."""
    files = (ROOT / "runtime" / "auditwright" / "storage").rglob("*")
    text = "\n".join(file.read_text("utf-8") for file in files if file.suffix in (".py", ".sql"))
    return set(re.findall(r"\b(?:AS|FROM|JOIN|RECURSIVE|WITH|TABLE|INTO) ([a-z][a-z0-9_]*)", text))


def names_in_python() -> set[str]:
    """Attributes of the classes, options of the emitters, builtins, and what generated code imports."""
    classes: tuple[type, ...] = (EventModel, BaseModel, auditwright.emitters.Emitters, type, object)
    attributes = {name for each in classes for name in dir(each)}
    attributes |= {"model_dump_count", "model_validate_it", "uuid", "sqlmodel", "pydantic", "typing", "col"}
    options = auditwright.emitters.Options.__annotations__
    return {*attributes, *options, *dir(builtins), *keyword.kwlist, *keyword.softkwlist, *KINDS}


@dataclass(frozen=True)
class Named:
    """Two versions of a catalog of one event, whose fields have the names; the second has columns."""

    first: Catalog
    second: Catalog
    every: list[str]
    """All names that were tried."""


def catalog_of(folder: Path, package: str, fields: Iterable[str], columns: Iterable[str]) -> Catalog:
    """A generated catalog."""
    listed, separate = list(fields), set(columns)
    texts: dict[str, Any] = {
        "catalog.yaml": {
            "format": 1,
            "package": package,
            "title": "Names",
            "version": f"{package[-1]}.0.0",
            "levels": {"workspace": {"title": "Workspace"}},
        },
        "fields.yaml": {
            name: {
                "title": f"The {name}",
                "type": "string",
                "sensitivity": "public",
                "description": f"It has the name {name}.",
                **({"column": True} if name in separate else {}),
            }
            for name in listed
        },
        "workspace/things.yaml": {
            "category": "things",
            "title": "Things",
            "description": "Things of any name.",
            "events": {
                "named": {
                    "title": "Thing named",
                    "description": "A thing was given a name.",
                    "message": "It was named.",
                    "metadata": {name: {"required": False} for name in listed},
                    "example": {name: name for name in listed},
                }
            },
        },
    }
    for path, content in texts.items():
        (folder / package / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / package / path).write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    source, out = folder / package, folder / f"generated_{package}"
    assert run(cli.generate, "--catalog", str(source), "--out", str(out)) == 0
    sys.path.append(str(out))
    importlib.invalidate_caches()
    found: Catalog = importlib.import_module(package).CATALOG
    return found


@pytest.fixture(scope="module", name="named")
def make_named(tmp_path_factory: pytest.TempPathFactory, postgresql: PostgreSQLServer) -> Named:
    folder = tmp_path_factory.mktemp("named")
    server = postgresql.bare()
    keywords = {word for (word,) in server.rows("SELECT word FROM pg_get_keywords()")}
    system = {name for (name,) in server.rows(SYSTEM)}
    postgresql.drop(server)
    every = {
        *SQLITE_KEYWORDS.split(),
        *keywords,
        *system,
        "rowid",
        "oid",
        *names_in_sql(),
        *names_in_python(),
    }
    every |= names.TABLE_COLUMNS | names.EXPORTED_COLUMNS
    tried = sorted(name for name in every if NAME.fullmatch(name))
    fields = [name for name in tried if not names.refuse_field(name, False)]
    columns = [name for name in fields if not names.refuse_field(name, False, True)]
    first = catalog_of(folder, "names_1", fields, ())
    return Named(first, catalog_of(folder, "names_2", fields, columns), tried)


def open_log(database: Database, catalog: Catalog) -> AuditLog:
    database.prepare(catalog)
    return AuditLog.open(database.url, account_id="acme", catalog=catalog)


def assert_read_back(log: AuditLog, values: dict[str, str]) -> None:
    """All of the log's entries have the values, however they are read."""
    account, number = log.account("acme"), log.account("acme").count()
    where = Filter.parse([f"event:is:{EVENT}", "user:is_not:u-18"])
    for entries in (account.entries(where, search="named").entries, list(account.all())):
        assert [entry.metadata for entry in entries] == [values] * number
    csv, lines, parquet = io.BytesIO(), io.BytesIO(), io.BytesIO()
    account.export_csv(csv, full=True)
    account.export_jsonl(lines)
    account.export_parquet(parquet)
    assert csv.getvalue().count(b"Thing named") == number
    assert [json.loads(line)["metadata"] for line in lines.getvalue().splitlines()] == [values] * number
    rows = pyarrow.parquet.read_table(io.BytesIO(parquet.getvalue())).to_pylist()
    assert [{name: row[name] for name in values} for row in rows] == [values] * number


def test_field_of_any_accepted_name_is_stored(
    named: Named, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    values = dict(named.first.events[EVENT].example)
    assert len(values) > 500
    for catalog in (named.first, named.second, named.first):  # the first one again, beside the columns
        package = sys.modules[catalog.package]
        with open_log(database, catalog) as log, log.acting(Actor.user("u-17", "Ada Lovelace")):
            entry = package.AuditEvents(log).workspace.things.named(**values)
            assert log.account("acme").get(entry.id) == entry
            log.record(catalog.model(catalog.events[EVENT])(**values))
            line = json.dumps({**entry.to_json(), "account_id": "globex"}).encode()
            assert log.import_jsonl([line], lambda *problem: pytest.fail(str(problem))).stored == 1
            assert_read_back(log, values)
        engine = create_engine(database.sqlalchemy_url)
        with Session(engine) as session:
            table = import_view(catalog.package, EVENT)
            row = session.exec(select(table).where(table.id == entry.id, table.account_id == "acme")).one()
            assert {name: getattr(row, name) for name in values} == values
        engine.dispose()
        options = ("--database", database.url, "--catalog-package", catalog.package)
        code = command_line.main(("database", "check", *options))
        out, err = capsys.readouterr()
        assert (code, err) == (0, ""), out + err
