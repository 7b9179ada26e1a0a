"""Events that can fail, with targets, from `tests/catalogs/outcomes`: generated, recorded, read, exported."""

import asyncio
import importlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlmodel import Session, create_engine, select
from tests.conftest import import_view
from tests.scenarios.test_other_catalog import assert_formatted, assert_linted
from tests.support.databases import Database, open_log
from tests.support.sample_events import without_imports
from tests.support.type_check import run_mypy

from auditwright import Actor, AuditLog, Catalog, Entry, SecretKey, ValidationError

PACKAGE = "outcome_events"
SIGNED_IN = "office.sign_ins.signed_in"
KEY = SecretKey("test", bytes(range(32)))
ADA, GRACE = Actor.user("u-17", "Ada Lovelace"), Actor.user("u-4", "Grace Hopper")

CAME_IN: dict[str, Any] = {"method": "password", "session_key": "k", "lifetime": 60, "second_factor": "app"}
FAILED: dict[str, Any] = {"method": "password", "attempts": 3}
REASON: dict[str, Any] = {"outcome": "failure", "failure_reason": "The password was wrong."}
CONTEXT = {"request_id": "r-1", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}
PERSON = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

USE = f"""
from typing import get_args
from uuid import UUID

from auditwright import Actor, AuditLog, Entry
from {PACKAGE} import AsyncAuditEvents, AuditEvents, TargetType
from {PACKAGE}.models.office.sign_ins import SignedIn as Values
from {PACKAGE}.tables.office.sign_ins import SignedIn


def use(audit: AuditEvents, log: AuditLog) -> Entry:
    audit.office.sign_ins.signed_out(method="link")
    log.record(Values(method="password", attempts=1), outcome="failure")
    copied = audit.office.documents.document_copied
    copied(document_id="d-2", copied_from="d-1", owner_id=UUID(int=1))
    copied(document_id="d-2", copied_from="d-1", outcome="failure", failure_reason="Locked")
    return audit.office.sign_ins.signed_in(method="password", attempts=1, outcome="failure")


async def use_async(audit: AsyncAuditEvents) -> Entry:
    return await audit.office.sign_ins.signed_in(method="link", outcome="failure", actor=Actor.anonymous())


def read(row: SignedIn) -> tuple[str, str | None, int | None]:
    return row.outcome, row.failure_reason, row.attempts


def name_type(text: str) -> TargetType:
    kind: TargetType = "person"
    assert text in get_args(TargetType)
    return kind
"""


@pytest.fixture
def catalog(outcomes: Path) -> Catalog:
    found: Catalog = importlib.import_module(PACKAGE).CATALOG
    return found


@pytest.fixture
def log(catalog: Catalog, database: Database) -> Iterator[AuditLog]:
    with open_log(database, catalog, secret_key=KEY) as log, log.acting(ADA, account_id="acme"):
        yield log


def audit(log: AuditLog) -> Any:
    return importlib.import_module(PACKAGE).AuditEvents(log).office


def model(log: AuditLog, key: str, values: dict[str, Any]) -> Any:
    return log.catalog.model(log.catalog.events[key])(**values)


def json_form(key: str, values: dict[str, Any], **envelope: Any) -> str:
    return json.dumps({"event": key, **envelope, "metadata": values})


def shown(entry: Entry) -> tuple[Any, ...]:
    """What all ways of recording have to make equal."""
    return (
        *(entry.event, entry.actor, entry.on_behalf_of, entry.outcome, entry.failure_reason, entry.context),
        *(entry.description, entry.metadata),
    )


def read_back(log: AuditLog, *recorded: Entry) -> list[Entry]:
    found = [log.account("acme").get(entry.id) for entry in recorded]
    assert found == list(recorded)
    return [entry for entry in found if entry is not None]


def test_every_way_of_recording_stores_the_same_failure(log: AuditLog) -> None:
    options: dict[str, Any] = {**REASON, "on_behalf_of": GRACE, "context": CONTEXT}
    form: dict[str, Any] = {**options, "on_behalf_of": {"type": "user", "id": "u-4", "name": "Grace Hopper"}}
    asynchronous = importlib.import_module(PACKAGE).AsyncAuditEvents(log).office
    made = read_back(
        log,
        audit(log).sign_ins.signed_in(**FAILED, **options),
        asyncio.run(asynchronous.sign_ins.signed_in(**FAILED, **options)),
        log.record(model(log, SIGNED_IN, FAILED), **options),
        log.record_json(json_form(SIGNED_IN, FAILED, **form)),
        log.record_form(json.loads(json_form(SIGNED_IN, FAILED)), **options),
    )
    assert [shown(entry) for entry in made] == [shown(made[0])] * 5
    assert shown(made[0]) == (
        *(SIGNED_IN, ADA, GRACE, "failure", "The password was wrong.", CONTEXT),
        "Ada Lovelace on behalf of Grace Hopper tried to sign in by Password and failed 3 times, {so far}.",
        FAILED,
    )


def test_every_way_of_recording_stores_the_same_success(log: AuditLog) -> None:
    made = read_back(
        log,
        audit(log).sign_ins.signed_in(**CAME_IN),
        audit(log).sign_ins.signed_in(**CAME_IN, outcome="success"),
        log.record(model(log, SIGNED_IN, CAME_IN)),
        log.record_json(json_form(SIGNED_IN, CAME_IN)),
        log.record_json(json_form(SIGNED_IN, CAME_IN, outcome="success")),
    )
    assert [shown(entry) for entry in made] == [shown(made[0])] * 5
    assert made[0].description == "Ada Lovelace signed in by Password for 60 seconds."
    assert "outcome" not in made[0].to_json()
    # The JSON form says of every event that it was a success, also of one that cannot fail.
    out = log.record_json(json_form("office.sign_ins.signed_out", {"method": "MAIL"}, outcome="success"))
    assert out.outcome == "success"


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("values", "outcome", "texts"),
    [
        (
            {"method": "password"},
            "success",
            [
                "metadata.session_key: expected a value, as the outcome is success, got nothing",
                "metadata.lifetime: expected a value, as the outcome is success, got nothing",
                "metadata.second_factor: expected a value, as the outcome is success, got nothing",
            ],
        ),
        (
            CAME_IN | {"attempts": 1},
            "success",
            ["metadata.attempts: expected nothing, as the outcome is success, got a value"],
        ),
        (
            {"method": "password"},
            "failure",
            ["metadata.attempts: expected a value, as the outcome is failure, got nothing"],
        ),
        (
            FAILED | {"lifetime": 60},
            "failure",
            ["metadata.lifetime: expected nothing, as the outcome is failure, got a value"],
        ),
        (
            CAME_IN | {"method": "MAIL", "outcome": "ok"},
            "success",
            ["metadata.second_factor: expected nothing unless method is password, got 'app'"],
        ),
    ],
)
def test_fields_of_the_other_outcome_are_refused(
    log: AuditLog, values: dict[str, Any], outcome: str, texts: list[str]
) -> None:
    with pytest.raises(ValidationError) as by_json:
        log.record_json(json_form(SIGNED_IN, values, outcome=outcome))
    assert sorted(map(str, by_json.value.problems)) == sorted(texts)
    names = {field.name: field.identifier for field in log.catalog.events[SIGNED_IN].metadata}
    given = {names[name]: "link" if value == "MAIL" else value for name, value in values.items()}
    with pytest.raises(ValidationError) as by_emitter:
        audit(log).sign_ins.signed_in(**given, outcome=outcome)
    assert sorted(map(str, by_emitter.value.problems)) == sorted(texts)


def test_views_show_outcomes(log: AuditLog, database: Database) -> None:
    audit(log).sign_ins.signed_in(**CAME_IN)
    audit(log).sign_ins.signed_in(**FAILED, **REASON, on_behalf_of=GRACE, context=CONTEXT)
    engine = create_engine(database.sqlalchemy_url)
    view = import_view(PACKAGE, SIGNED_IN)
    with Session(engine) as session:
        (failed,) = session.exec(select(view).where(view.outcome == "failure")).all()
        (done,) = session.exec(select(view).where(view.context.is_(None))).all()
    engine.dispose()
    assert (failed.failure_reason, failed.attempts, failed.lifetime) == ("The password was wrong.", 3, None)
    assert (failed.on_behalf_of_type, failed.on_behalf_of_id) == ("user", "u-4")
    assert (failed.on_behalf_of_name, failed.context) == ("Grace Hopper", CONTEXT)
    assert (done.outcome, done.failure_reason, done.on_behalf_of_type) == ("success", None, None)
    assert (done.attempts, done.lifetime) == (None, 60)


def test_exported_outcomes_are_imported_as_they_were(log: AuditLog, catalog: Catalog, tmp_path: Path) -> None:
    audit(log).sign_ins.signed_in(**CAME_IN, actor=Actor.app("proxy"), on_behalf_of=ADA)
    audit(log).sign_ins.signed_in(**FAILED, **REASON, actor=Actor.anonymous(), context=CONTEXT)
    audit(log).documents.document_copied(document_id="d-2", copied_from="d-1", outcome="failure")
    audit(log).documents.document_copied(document_id="d-2", copied_from="d-1", owner_id=PERSON)
    lines = io.BytesIO()
    assert log.account("acme").export_jsonl(lines) == 4
    with AuditLog.open(f"sqlite:///{tmp_path}/copy.db", catalog=catalog, secret_key=KEY) as copy:
        refused: list[object] = []
        copy.import_jsonl(lines.getvalue().splitlines(), lambda *why: refused.append(why))
        assert refused == []
        assert without_imports(copy.account("acme").all()) == list(log.account("acme").all())


def test_package_names_the_types_of_targets(outcomes: Path, catalog: Catalog) -> None:
    module = importlib.import_module(PACKAGE)
    assert get_args(module.TargetType) == catalog.target_types == ("box", "document", "person", "shelf_2")
    assert "TargetType" in module.__all__
    assert not hasattr(importlib.import_module("auditwright_events"), "TargetType")


def test_generated_code_type_checks_and_is_laid_out(outcomes: Path, tmp_path: Path) -> None:
    uses = tmp_path / "uses.py"
    uses.write_text(USE, "utf-8")
    assert_formatted(outcomes / PACKAGE)
    assert_linted(outcomes, PACKAGE)
    assert run_mypy(outcomes / PACKAGE, uses, roots=[outcomes]) == ""
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        f"from {PACKAGE} import AuditEvents, TargetType\n\n\n"
        "def use(audit: AuditEvents) -> TargetType:\n"
        '    audit.office.sign_ins.signed_out(method="link", outcome="failure")\n'
        '    audit.office.sign_ins.signed_in(method="link", attempts="three", outcome="failure")\n'
        '    return "page"\n',
        "utf-8",
    )
    lines = run_mypy(wrong, roots=[outcomes]).splitlines()
    assert [line.split(":")[1] for line in lines if ": error: " in line] == ["5", "6", "7"]
    config = {"extraPaths": [str(outcomes)], "typeCheckingMode": "standard", "include": ["uses.py"]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config), "utf-8")
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--project", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.endswith("0 errors, 0 warnings, 0 informations\n"), done.stdout
