"""Two hundred made-up secrets through every entrance: nothing of them is stored, shown or logged."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Iterator

import pyarrow.parquet  # type: ignore[import-untyped]
import pytest
from anyio.from_thread import BlockingPortal
from tests.security.sample_secrets import KINDS
from tests.security.secret_entrances import ENTRANCES, EVENT, KEY, World, opened_world
from tests.security.secret_traces import (
    ONE_OF_EACH_KIND,
    SEARCH,
    SECRETS,
    TEXTS,
    Records,
    everything_logged,
    shown,
)
from tests.support.databases import Database, PostgreSQLServer, SQLiteDatabase
from tests.support.sample_events import without_imports


@pytest.fixture(scope="module")
def records() -> Iterator[Records]:
    with everything_logged() as records:
        yield records


@pytest.fixture(scope="module")
def world(lasting_database: Database, portal: BlockingPortal, records: Records) -> Iterator[World]:
    with opened_world(lasting_database, portal) as world:
        yield world


@pytest.fixture(scope="module")
def answers(world: World) -> dict[str, list[object]]:
    """What each entrance returned for all secrets."""
    return {entrance.__name__: entrance(world, TEXTS) for entrance in ENTRANCES}


def test_the_search_finds_every_kind_in_every_form() -> None:
    for secret in ONE_OF_EACH_KIND:
        for made in (repr, json.dumps, str):
            assert SEARCH.found_in(made(secret.text).encode(errors="backslashreplace")) == {secret.kind}
        assert SEARCH.found_in(secret.text.encode("utf-8", "surrogatepass").hex().upper().encode())
    assert SEARCH.found_in(KEY.fingerprint("sk-1", account_id="acme", field="access_token").encode()) == set()


def test_no_entrance_returns_a_secret(answers: dict[str, list[object]]) -> None:
    leaks = {name: SEARCH.found_in(shown(answer)) for name, answer in answers.items()}
    assert not any(leaks.values()), leaks


def test_every_secret_is_stored_as_its_fingerprint(world: World, answers: dict[str, list[object]]) -> None:
    stored = [entry.metadata["access_token"] for entry in without_imports(world.log.account("acme").all())]
    assert len(stored) == 200 * (len(ENTRANCES) - 1) + len(answers["record_command"])
    assert len(set(stored)) == len(SECRETS)
    assert all(":k1:" in fingerprint for fingerprint in stored)


@pytest.mark.usefixtures("answers")
def test_no_secret_is_in_the_database(world: World, request: pytest.FixtureRequest) -> None:
    database = world.database
    if isinstance(database, SQLiteDatabase):
        folder = database.path.parent
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert "audit.db-wal" in files
    else:
        server: PostgreSQLServer = request.getfixturevalue("postgresql")
        dump = [str(server.programs / "pg_dump"), "--dbname", database.url]
        files = {"dump": subprocess.run(dump, check=True, capture_output=True).stdout}
        assert files["dump"].count(EVENT.encode()) > 1000
    leaks = {name: SEARCH.found_in(content) for name, content in files.items()}
    assert not any(leaks.values()), leaks


@pytest.mark.usefixtures("answers")
def test_no_secret_is_in_an_export(world: World) -> None:
    account = world.log.account("acme")
    csv, lines, table = io.BytesIO(), io.BytesIO(), io.BytesIO()
    account.export_csv(csv, full=True)
    account.export_jsonl(lines)
    account.export_parquet(table)
    columns = repr(pyarrow.parquet.read_table(table).to_pydict())  # its pages are compressed
    for export in (csv.getvalue(), lines.getvalue(), columns.encode()):
        assert export.count(b":k1:") > 2000
        assert SEARCH.found_in(export) == set()


@pytest.mark.usefixtures("answers")
def test_no_secret_is_on_the_page_or_in_the_api(world: World) -> None:
    newest = world.log.account("acme").entries(limit=len(KINDS)).entries
    entries = [str(entry.id) for entry in newest]
    paths = ["/?limit=200", "/api/entries?limit=200", "/api/users"]
    for path in [
        *paths,
        *(f"/entries/{each}" for each in entries),
        *(f"/api/entries/{each}" for each in entries),
    ]:
        answer = world.client.get(path)
        assert answer.status_code == 200
        assert SEARCH.found_in(answer.content) == set()


@pytest.mark.usefixtures("answers")
def test_no_command_prints_a_secret(world: World) -> None:
    newest = str(world.log.account("acme").entries(limit=1).entries[0].id)
    commands = [["list", "--limit", "200", "--format", form] for form in ("table", "json", "csv")]
    for command in [*commands, ["show", newest], ["export", "--output", "-", "--format", "csv"], ["count"]]:
        code, printed = world.command(*command)
        assert code == 0, printed
        assert SEARCH.found_in(printed) == set()


@pytest.mark.usefixtures("answers")
def test_no_secret_is_logged(records: Records, world: World) -> None:
    assert SEARCH.found_in(records.all) == set()
