"""Made-up secrets in what is refused: nothing of them is in an error, an answer or a log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal
from tests.security.sample_secrets import KINDS
from tests.security.secret_entrances import (
    EVENT,
    KEY,
    World,
    form_of,
    import_lines,
    opened_world,
    post,
    values_of,
)
from tests.security.secret_faults import conflict, refused_calls, wrong_forms, wrong_payloads
from tests.security.secret_traces import (
    ONE_OF_EACH_KIND,
    SEARCH,
    SECRETS,
    TEXTS,
    Records,
    error_of,
    everything_logged,
    leaks_of,
    shown,
)
from tests.support.databases import Database, SQLiteDatabase, open_log
from tests.support.web import ADA

from audit_events.models.tool.tool_management import ApiAsyncEnabled
from auditwright import AuditwrightError, IdConflict, SecretKeyMissing, StorageError


@pytest.fixture(scope="module")
def records() -> Iterator[Records]:
    with everything_logged() as records:
        yield records


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, portal: BlockingPortal, records: Records
) -> Iterator[World]:
    database = SQLiteDatabase(tmp_path_factory.mktemp("errors") / "audit.db")
    with opened_world(database, portal) as world:
        yield world


def test_all_that_an_error_holds_is_searched() -> None:
    make: Any = ApiAsyncEnabled
    for secret in ONE_OF_EACH_KIND:
        for fault in (partial(json.loads, secret.text + "}"), partial(make, tool_id=[secret.text])):
            error = ValueError("hidden")
            error.__context__ = error_of(fault)
            assert leaks_of([error]) == {"hidden": {secret.kind}}


def test_no_error_has_a_secret(world: World, records: Records) -> None:
    tried = Counter[int]()
    for number, secret in enumerate(SECRETS):
        calls = list(enumerate(refused_calls(world, secret)))[number % 31 :: 31]
        assert leaks_of(error_of(call) for _, call in calls) == {}
        tried.update(way for way, _ in calls)
    assert len(tried) > 100
    assert min(tried.values()) >= 6, "each way to be refused is tried with six kinds of secrets"
    assert SEARCH.found_in(records.all) == set()


def test_no_refused_entry_of_a_batch_has_a_secret(world: World) -> None:
    errors: list[object] = []
    for number, secret in enumerate(ONE_OF_EACH_KIND):
        errors += world.log.record_forms(list(wrong_forms(secret))[number % 5 :: 5])
        errors += import_lines(world, list(wrong_payloads(secret))[number % 5 :: 5])
    refused = [error for error in errors if isinstance(error, AuditwrightError)]
    assert len(refused) == len(errors) > 10 * len(KINDS)
    assert leaks_of(refused) == {}


def test_no_refusal_of_the_api_has_a_secret(world: World) -> None:
    payloads = [
        payload
        for number, secret in enumerate(ONE_OF_EACH_KIND)
        for payload in list(wrong_payloads(secret))[number % 10 :: 10]
    ]
    answers = [post(world, payload) for payload in payloads]
    assert {code for code, _ in answers} <= {200, 400, 422}
    assert SEARCH.found_in(shown(answers)) == set()


def test_no_refusal_of_a_command_has_a_secret(world: World) -> None:
    lines = b"\n".join(line for secret in ONE_OF_EACH_KIND for line in wrong_payloads(secret))
    answers = [world.command("import", "-", stdin=lines)]
    for secret in ONE_OF_EACH_KIND[::6]:
        for wrong in (json.dumps(values_of([secret.text])), json.dumps(values_of(secret.text))[:-1]):
            answers.append(world.command("record", EVENT, "--metadata", wrong))
    assert {code for code, _ in answers} == {1}
    assert SEARCH.found_in(shown(answers)) == set()


def test_no_conflict_has_a_secret(world: World) -> None:
    errors = [error_of(conflict(world, secret)) for secret in ONE_OF_EACH_KIND]
    assert {type(error) for error in errors} == {IdConflict}
    assert leaks_of(errors) == {}


def test_no_error_of_a_missing_key_has_a_secret(world: World) -> None:
    with open_log(world.database) as log, log.acting(ADA):
        record = partial(log.record_event, EVENT)
        errors = [error_of(partial(record, values_of(text), {})) for text in TEXTS]
    assert {type(error) for error in errors} == {SecretKeyMissing}
    assert leaks_of(errors) == {}


def test_no_error_of_a_failing_database_has_a_secret(database: Database) -> None:
    with open_log(database, secret_key=KEY) as log:
        refuse_rows(database)
        calls: list[Callable[[], object]] = []
        for text in TEXTS[: len(KINDS)]:
            calls += (
                partial(log.record_event, EVENT, values_of(text), {"actor": ADA}),
                partial(log.record_form, form_of(text)),
                partial(log.record_forms, [form_of(text)]),
                partial(log.record_many, [form_of(text)]),
            )
        errors = [error_of(call) for call in calls]
    assert {type(error) for error in errors} == {StorageError}
    assert leaks_of(errors) == {}


def refuse_rows(database: Database) -> None:
    """Let the database refuse every row, as one that is full does."""
    if database.engine == "postgresql":
        database.change("ALTER TABLE audit_entry ADD CONSTRAINT is_full CHECK (id IS NULL) NOT VALID")
    else:
        database.change(
            "CREATE TRIGGER is_full BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
