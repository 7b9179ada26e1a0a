"""docs/requirements.md: each row of its tables is held by an assertion here, on both engines.

The catalog of the page is generated, something is recorded, and each assertion reads what its row claims.
"""

import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from anyio.from_thread import BlockingPortal
from sqlmodel import Session, create_engine
from tests.generator.run_command import run
from tests.support.databases import Database, open_log
from tests.support.markdown import follow, names_in, rows, section
from tests.support.paths import DOCS, ROOT
from tests.support.web import AUDITOR, Client, authorize

from auditwright import Actor, AuditLog, Catalog, Change, Entry, Filter, SecretKey, ValidationError
from auditwright.cli import main
from auditwright.entry import TRAILING
from auditwright.entry_context import EntryContext
from auditwright.server import create_app
from auditwright_generator import cli

PAGE, EVERY_ENTRY = DOCS / "requirements.md", ROOT / "generated" / "docs" / "entry.md"
SECTIONS = ("PCI DSS", "ISO/IEC 27002", "OWASP ASVS", "OpenTelemetry")
TABLES = [row for title in SECTIONS for row in rows(section(PAGE, title))]
ADA, EVE = Actor.user("u-17", "Ada Lovelace"), Actor.user("u-99", "Eve")
BILLING = Actor.app("billing", "Billing")
TOKEN = "6f1d2c3b4a59687786950413"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@dataclass(frozen=True)
class Answers:
    """The log of the page's catalog, and what it says of what was recorded."""

    log: AuditLog
    client: Client
    """A client of the page, which records reads."""
    sqlalchemy_url: str
    folder: Path
    recorded: dict[str, Entry] = field(default_factory=dict)

    def record(self, name: str, event: str, values: dict[str, Any] | None = None, **options: Any) -> None:
        """Record an event of the category `security`, as Ada where nobody else is named."""
        options = {"actor": ADA, "ip_address": "203.0.113.7", **options}
        self.recorded[name] = self.log.record_event(f"security.{event}", values or {}, options)

    def __getitem__(self, name: str) -> Entry:
        """What was recorded under this name, as the log has it."""
        found = self.log.account("acme").get(self.recorded[name].id)
        assert found is not None
        return found

    def find(self, *conditions: str) -> set[str]:
        """The names of the entries that a filter finds."""
        entries = self.log.account("acme").entries(Filter.parse(list(conditions)), limit=100).entries
        return self.names(entries)

    def history(self, kind: str, of: str) -> set[str]:
        """The names of the entries about an object."""
        return self.names(self.log.account("acme").history(kind, of).entries)

    def names(self, entries: Any) -> set[str]:
        """The names of those of the entries that this test has recorded."""
        ids = {entry.id for entry in entries}
        return {name for name, entry in self.recorded.items() if entry.id in ids}

    def exported(self) -> dict[str, dict[str, Any]]:
        """The lines of JSON Lines by name."""
        stream = BytesIO()
        self.log.account("acme").export_jsonl(stream)
        lines = {form["id"]: form for form in map(json.loads, stream.getvalue().splitlines())}
        return {name: lines[str(entry.id)] for name, entry in self.recorded.items()}


def record_all(answers: Answers) -> None:
    """What somebody may do in a day."""
    record = answers.record
    record("signed in", "signed_in", {"method": "passkey", "session_token": TOKEN})
    failure = {"outcome": "failure", "failure_reason": "wrong password"}
    record("refused sign-in", "signed_in", {"method": "password"}, actor=Actor.anonymous(), **failure)
    context = {
        "request_id": "r-1",
        "trace_id": TRACE,
        "span_id": SPAN,
        "session_id": "s-1",
        "user_agent": "B",
    }
    record("viewed", "card_viewed", {"card_id": "c-17"}, context=context)
    record("refused view", "card_viewed", {"card_id": "c-17"}, actor=EVE, outcome="failure")
    record("viewed as billing", "card_viewed", {"card_id": "c-18"}, on_behalf_of=BILLING)
    record("viewed by billing", "card_viewed", {"card_id": "c-19"}, actor=BILLING, on_behalf_of=ADA)
    member = {"member_id": "u-18"}
    record("member created", "member_created", member)
    record("role changed", "role_changed", {**member, "role": Change("viewer", "admin")})
    record("credential changed", "credential_changed", {**member, "method": "password"})
    record("member deleted", "member_deleted", member, details="Ticket 17.")
    setting = {"setting": "intrusion detection", "setting_value": Change("on", "off")}
    record("setting changed", "setting_changed", setting)
    record("bucket created", "bucket_created", {"bucket_id": "b-17"})
    record("bucket deleted", "bucket_deleted", {"bucket_id": "b-17"})
    record("request refused", "request_refused", {"control": "rate limit"}, actor=EVE)
    failed = {"component": "certificate check", "failure": "SSLCertVerificationError"}
    record("component failed", "component_failed", failed, actor=Actor.system(), ip_address=None)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """The catalog of the page, generated."""
    folder = tmp_path_factory.mktemp("requirements")
    assert follow(PAGE, folder) == 1
    assert run(cli.generate, "--catalog", str(folder / "catalog"), "--out", str(folder / "out")) == 0
    sys.path.insert(0, str(folder / "out"))
    yield importlib.import_module("card_events").CATALOG
    sys.path.remove(str(folder / "out"))


@pytest.fixture(scope="module")
def answers(
    catalog: Catalog,
    lasting_database: Database,
    portal: BlockingPortal,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Answers]:
    with open_log(lasting_database, catalog, secret_key=SecretKey("k1", bytes(range(32)))) as log:
        client = Client(create_app(log, authorize, record_reads=True), portal)
        found = Answers(log, client, lasting_database.sqlalchemy_url, tmp_path_factory.mktemp("set-up"))
        record_all(found)
        yield found


Assertion = Callable[[Answers], None]
HELD: dict[str, Assertion] = {}


def holds(*numbers: str) -> Callable[[Assertion], Assertion]:
    """The assertion holds the rows with these numbers."""

    def add(assertion: Assertion) -> Assertion:
        assert HELD.keys().isdisjoint(numbers)
        HELD.update(dict.fromkeys(numbers, assertion))
        return assertion

    return add


@holds("10.2.1.1", "8.15 access to data and resources", "16.3.2")
def access_to_data(answers: Answers) -> None:
    assert answers.history("card", "c-17") == {"viewed", "refused view"}
    assert (answers["viewed"].actor, answers["viewed"].outcome) == (ADA, "success")
    assert answers["refused view"].description == "Eve tried to view card c-17 and was refused."


@holds("10.2.1.2", "8.15 privileges")
def administrative_actions(answers: Answers) -> None:
    assert {"setting changed", "role changed"} <= answers.find("user:is:u-17")
    assert answers["viewed as billing"].description == "Ada Lovelace on behalf of Billing viewed card c-18."
    assert answers.find("on_behalf_of:is:billing") == {"viewed as billing"}


@holds("10.2.1.3", "16.2.3")
def reads_and_exports(answers: Answers) -> None:
    answers.log.record_event("security.request_refused", {"control": "validation"}, {"actor": ADA})
    assert answers.client.get("/?where=user:is:u-17").status_code == 200
    assert answers.client.export().status_code == 200
    found = answers.log.account("acme").entries(Filter.parse(["category:is:audit.log"])).entries
    (viewed,) = (entry for entry in found if entry.event == "audit.log.viewed")
    assert (viewed.actor, viewed.ip_address) == (AUDITOR, "203.0.113.9")
    assert viewed.metadata["selection"] == "where=user:is:u-17"
    exported = [entry for entry in found if entry.event == "audit.log.exported" and entry.actor == AUDITOR]
    assert {entry.metadata["format"] for entry in exported} == {"csv"}


@holds("10.2.1.4", "8.15 access to the system", "16.3.1")
def attempts_to_sign_in(answers: Answers) -> None:
    assert answers.find("outcome:is:failure") == {"refused sign-in", "refused view"}
    refused = answers["refused sign-in"]
    assert (refused.actor, refused.failure_reason) == (Actor.anonymous(), "wrong password")
    assert answers.find("event:is:security.signed_in") == {"signed in", "refused sign-in"}
    assert [answers[name].metadata["method"] for name in ("signed in", "refused sign-in")] == [
        "passkey",
        "password",
    ]


@holds("10.2.1.5", "8.15 identities")
def changes_of_accounts(answers: Answers) -> None:
    changes = {"member created", "role changed", "credential changed", "member deleted"}
    assert answers.history("member", "u-18") == changes
    assert answers["role changed"].metadata["role"] == {"from": "viewer", "to": "admin"}


@holds("10.2.1.6")
def beginning_of_a_log(answers: Answers) -> None:
    database = f"sqlite:///{answers.folder}/audit.db"
    options = ["--database", database, "--catalog-package", answers.log.catalog.package]
    for command in (["create"], ["hold", "add", "--account", "acme", "--reason", "Case 17"]):
        assert main(["database", *command, *options]) == 0
    with AuditLog.open(database, catalog=answers.log.catalog) as log:
        events = [entry.event for account in ("auditwright", "acme") for entry in log.account(account).all()]
    assert events == ["audit.setup.created", "audit.log.held"]


@holds("10.2.1.7", "8.15 files")
def objects_made_and_deleted(answers: Answers) -> None:
    assert answers.history("bucket", "b-17") == {"bucket created", "bucket deleted"}


@holds("10.2.2 user identification", "8.15 user ids", "`audit.actor.id`", "`audit.actor.type`")
def who_it_was(answers: Answers) -> None:
    actors = {name: form["actor"] for name, form in answers.exported().items()}
    assert actors["viewed"] == {"type": "user", "id": "u-17", "name": "Ada Lovelace"}
    assert actors["viewed by billing"]["type"] == "app"
    assert actors["component failed"] == {"type": "system"}
    assert actors["refused sign-in"] == {"type": "anonymous"}


@holds("10.2.2 type of event", "`EventName`", "`audit.action`")
def kind_of_event(answers: Answers) -> None:
    assert (answers["viewed"].event, answers["viewed"].category) == ("security.card_viewed", "security")


@holds("10.2.2 date and time", "16.2.2", "`Timestamp`", "`ObservedTimestamp`")
def times(answers: Answers) -> None:
    form = answers.exported()["viewed"]
    for name in ("occurred_at", "recorded_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", form[name])
    assert form["occurred_at"] <= form["recorded_at"]
    earlier = answers.log.record_event(
        "security.request_refused",
        {"control": "validation"},
        {"actor": ADA, "account_id": "times", "occurred_at": datetime(2026, 1, 31, tzinfo=UTC)},
    )
    assert earlier.to_json()["occurred_at"] == "2026-01-31T00:00:00.000000Z"
    with pytest.raises(ValidationError, match="time zone"):
        answers.log.record_event("security.request_refused", {}, {"occurred_at": datetime(2026, 1, 31)})


@holds("10.2.2 success and failure", "`audit.outcome`")
def outcomes(answers: Answers) -> None:
    assert (answers["signed in"].outcome, answers["signed in"].failure_reason) == ("success", None)
    refused = answers.exported()["refused sign-in"]
    assert (refused["outcome"], refused["failure_reason"]) == ("failure", "wrong password")
    with pytest.raises(ValidationError, match="outcome"):
        answers.log.record_event("security.signed_in", {}, {"actor": ADA, "outcome": "unknown"})


@holds("10.2.2 origination", "8.15 addresses and protocols", "`audit.source.id`", "`audit.source.type`")
def address(answers: Answers) -> None:
    assert answers["viewed"].ip_address == "203.0.113.7"
    assert answers["viewed"].context["request_id"] == "r-1"
    with pytest.raises(ValidationError, match="an IPv4 or IPv6 address"):
        answers.log.record_event("security.signed_in", {}, {"actor": ADA, "ip_address": "host.example"})


@holds("10.2.2 affected data", "`audit.target.id`", "`audit.target.type`")
def affected_object(answers: Answers) -> None:
    assert answers.find("target:is:card:c-18") == answers.history("card", "c-18") == {"viewed as billing"}
    assert answers.log.catalog.target_types == ("bucket", "card", "member")


@holds("8.15 system activities")
def activity_of_the_system(answers: Answers) -> None:
    failed = answers["component failed"]
    assert (failed.actor, failed.event) == (Actor.system(), "security.component_failed")
    assert failed.description == "certificate check failed: SSLCertVerificationError."


@holds("8.15 dates, times and details", "`Body`", "`Attributes`")
def details(answers: Answers) -> None:
    entry = answers["member deleted"]
    assert entry.description == "Ada Lovelace deleted member u-18. Ticket 17."
    assert entry.metadata == {"member_id": "u-18"}


@holds("8.15 device, system and location")
def device(answers: Answers) -> None:
    assert {"user_agent": "B", "session_id": "s-1"}.items() <= answers["viewed"].context.items()


@holds("8.15 system configuration", "8.15 protection systems")
def changed_setting(answers: Answers) -> None:
    assert answers["setting changed"].metadata["setting_value"] == {"from": "on", "to": "off"}
    assert answers["setting changed"].description.endswith("changed intrusion detection: on -> off.")


@holds("8.15 utility programs")
def program_for_somebody(answers: Answers) -> None:
    entry = answers["viewed by billing"]
    assert (entry.actor, entry.on_behalf_of) == (BILLING, ADA)
    assert answers.find("on_behalf_of:is:u-17") == {"viewed by billing"}


@holds("8.15 alarms", "16.3.3")
def refused_request(answers: Answers) -> None:
    assert answers["request refused"].description == "rate limit refused a request of Eve."


@holds("8.15 transactions")
def transaction(answers: Answers) -> None:
    engine = create_engine(answers.sqlalchemy_url)
    account = answers.log.account("transactions")
    for ending, stored in (("rollback", 0), ("commit", 1)):
        with Session(engine) as session:
            options = {"actor": ADA, "account_id": "transactions", "session": session}
            answers.log.record_event("security.card_viewed", {"card_id": "c-20"}, options)
            getattr(session, ending)()
        assert account.count() == stored
    engine.dispose()


@holds("16.3.4")
def unexpected_error(answers: Answers) -> None:
    values = {"component": "certificate check", "failure": "SSLCertVerificationError"}
    assert answers["component failed"].metadata == values


@holds("16.2.1")
def timeline(answers: Answers) -> None:
    own = [entry.id for entry in answers.recorded.values()]
    assert [entry.id for entry in answers.log.account("acme").all() if entry.id in own] == own[::-1]


@holds("16.2.4", "`TraceId`", "`SpanId`")
def correlation(answers: Answers) -> None:
    forms = answers.exported()
    assert forms["viewed"]["context"]["trace_id"] == TRACE
    assert forms["viewed"]["context"]["span_id"] == SPAN
    for form in forms.values():
        event = answers.log.catalog.event(form["event"])
        assert event is not None
        schema = answers.log.catalog.schema(event)
        given = {name: value for name, value in form.items() if name in schema["properties"]}
        assert form.keys() - given.keys() == {"recorded_at", "category", "description", "catalog_version"}
        jsonschema_rs.validator_for(schema).validate(given)


@holds("16.2.5")
def secret(answers: Answers) -> None:
    assert answers["signed in"].metadata["session_token"].startswith("hkdf-sha256:k1:")
    assert TOKEN not in json.dumps(answers.exported())


@holds("`Resource`", "`audit.schema.version`")
def emitter(answers: Answers) -> None:
    form = answers.exported()["viewed"]
    assert (form["account_id"], form["catalog_version"]) == ("acme", "1.0.0")


@holds("`audit.record.id`")
def retry(answers: Answers) -> None:
    entry = answers["viewed"]
    assert entry.id.version == 7
    answers.record("viewed", "card_viewed", {"card_id": "c-17"}, id=entry.id, occurred_at=entry.occurred_at)
    assert answers["viewed"] == entry
    assert answers.history("card", "c-17") == {"viewed", "refused view"}


@holds("`AuditReceipt`", "`audit.integrity.value`", "`audit.sequence.number`", "`audit.prev.hash`")
def receipt(answers: Answers) -> None:
    """What the call returned is what is stored; no column has a signature, a counter or another's hash."""
    for name, returned in answers.recorded.items():
        stored = answers[name]
        assert (stored.id, stored.row_digest, stored.recorded_at) == (
            returned.id,
            returned.row_digest,
            returned.recorded_at,
        )
        assert stored.row_digest is not None
        assert len(stored.digest) == len(stored.row_digest) == 32


def numbers_of(row: list[str]) -> list[str]:
    """The numbers of a row: some rows have two fields of OTEP 0267."""
    return [f"`{name}`" for name in names_in(row[0])] or [row[0]]


OTHER_NAMES = {
    *(
        "actor",
        "on_behalf_of",
        "details",
        "target",
        "failure",
        "success",
        "unknown",
        "user",
        "app",
        "system",
        "anonymous",
    ),
    *("Actor.anonymous()", "Actor.system()", "sensitivity: secret", "Z"),
}
"""What the tables name besides: whole parts, values, keys of the catalog and calls."""
NUMBERS = [number for row in TABLES for number in numbers_of(row)]


@pytest.mark.parametrize("number", NUMBERS)
def test_an_entry_has_what_the_row_says(number: str, answers: Answers) -> None:
    HELD[number](answers)


def test_every_assertion_has_a_row() -> None:
    assert len(NUMBERS) == len(set(NUMBERS))
    assert sorted(HELD) == sorted(NUMBERS)


def test_names_in_the_tables_exist(catalog: Catalog) -> None:
    """Parts of an entry, events and fields of the page's catalog, and events of Auditwright."""
    parts = {name for row in rows(section(EVERY_ENTRY, "Parts of an entry")) for name in names_in(row[0])}
    contexts = {f"context.{name}" for name in EntryContext.__annotations__}
    named = {name for row in TABLES for name in names_in(row[2])}
    events = catalog.events.values()
    own = {event.name for event in events} | {each.name for event in events for each in event.fields}
    system = catalog.every_event.keys() - catalog.events.keys()
    columns = {name for name, _, _ in TRAILING}
    assert named - parts - contexts - columns - own - system - OTHER_NAMES == set()
