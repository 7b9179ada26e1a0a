"""Values of other types than the signatures say: documented errors, and nothing else is stored."""

import asyncio
import io
import math
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.databases import Database, open_log
from tests.support.sample_events import ADA, ADDED, DEPLOYED, KEY_CREATED, MODEL, form

from audit_events import CATALOG, AsyncAuditEvents, AuditEvents
from auditwright import (
    Actor,
    AuditLog,
    AuditMiddleware,
    AuditWsgiMiddleware,
    Catalog,
    CatalogError,
    Condition,
    Entry,
    ExportError,
    Filter,
    FilterError,
    SecretKey,
    SecretKeyMissing,
    StorageError,
    ValidationError,
)
from auditwright.server import create_app

HUGE = 10**5000
CYCLIC: list[Any] = []
CYCLIC.append(CYCLIC)


def other_than_none(wrong: Any) -> Any:
    """The wrong value; 7 in place of None, where None is the default."""
    return 7 if wrong is None else wrong


class Text(str):
    """A str whose methods raise."""

    def _raise(self, *_: Any) -> Any:
        raise LookupError("a method of a value was called")

    raising: Any = _raise
    __eq__ = __len__ = __iter__ = __str__ = __contains__ = encode = strip = partition = raising
    __hash__ = str.__hash__


class Number(int):
    """An int of another class."""


class Zone(tzinfo):
    """A time zone that gives what it was made with."""

    def __init__(self, offset: Any) -> None:
        self._offset = offset

    def utcoffset(self, _: datetime | None) -> Any:
        if isinstance(self._offset, Exception):
            raise self._offset
        return self._offset

    def dst(self, _: datetime | None) -> None:
        return None

    def tzname(self, _: datetime | None) -> None:
        return None


class Broken(Mapping[str, Any]):
    """A mapping that raises when it is read."""

    def __getitem__(self, name: str) -> Any:
        raise LookupError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(("event",))

    def __len__(self) -> int:
        return 1


class Lazy:
    """An object that says it is a str, as lazy texts of web frameworks do."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return str


# --- numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [np.float64(0.5), np.float32(0.5), Decimal("0.5"), Number(1), 0.5])
def test_number_of_another_class_is_stored_everywhere(log: AuditLog, number: Any) -> None:
    values = {**MODEL, "temperature": number}
    with log.acting(ADA):
        emitted = AuditEvents(log).account.models.model_deployed(**values)
    assert emitted.metadata["temperature"] == float(number)
    recorded = log.record_form(form(DEPLOYED, values))
    (of_many,) = log.record_forms([form(DEPLOYED, values)])
    assert isinstance(of_many, Entry)
    assert recorded.metadata == of_many.metadata == emitted.metadata
    assert log.record_many([form(DEPLOYED, values)]) == 1


def test_negative_zero_is_the_same_entry_on_import(log: AuditLog) -> None:
    entry = log.record_event(DEPLOYED, {**MODEL, "temperature": -0.0}, {"actor": ADA})
    assert math.copysign(1, entry.metadata["temperature"]) == 1
    exported = io.BytesIO()
    log.account("acme").export_jsonl(exported)
    done = log.import_jsonl([exported.getvalue()], lambda number, error: pytest.fail(f"{number}: {error}"))
    assert (done.stored, done.known) == (0, 1)


def test_bad_form_does_not_affect_the_others(log: AuditLog) -> None:
    good = form(ADDED, {**MODEL, "deployment_name": "d"})
    bad: list[Any] = [
        None,
        7,
        "x",
        object(),
        Broken(),
        CYCLIC,
        {},
        {1: 2},
        {"event": []},
        {"event": Text("a")},
        form(ADDED, {**MODEL, "model_id": HUGE}),
        {"event": ADDED, "metadata": CYCLIC},
        form(DEPLOYED, {**MODEL, "temperature": HUGE}),
        form(DEPLOYED, {**MODEL, "temperature": math.nan}),
        form(DEPLOYED, {**MODEL, "temperature": np.array([1, 2])}),
        form(ADDED, {"model_id": CYCLIC}),
        form(ADDED, MODEL, id=HUGE),
        form(ADDED, MODEL, actor=Broken()),
        form(ADDED, MODEL, account_id=Lazy()),
    ]
    results = log.record_forms([good, *bad, good])
    assert [type(each) for each in results] == [Entry, *[ValidationError] * len(bad), Entry]
    assert log.account("acme").count() == 2


# --- the options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"id": HUGE}, "id: expected a UUID, version 7, got int"),
        ({"id": CYCLIC}, "id: expected a UUID, version 7, got list"),
        ({"occurred_at": datetime(2026, 1, 1, tzinfo=Zone(None))}, "occurred_at: expected a datetime with"),
        ({"occurred_at": datetime(2026, 1, 1, tzinfo=Zone("+1"))}, "occurred_at: expected a datetime with"),
        (
            {"occurred_at": datetime(2026, 1, 1, tzinfo=Zone(timedelta(30)))},
            "occurred_at: expected a datetime",
        ),
        ({"occurred_at": datetime(2026, 1, 1, tzinfo=Zone(KeyError()))}, "occurred_at: expected a datetime"),
        (
            {"occurred_at": datetime(2026, 1, 1, tzinfo=Zone(NotImplementedError()))},
            "occurred_at: expected a",
        ),
        ({"account_id": Lazy()}, "account_id: expected a string of 1 to 256 characters, got Lazy"),
        ({"ip_address": Lazy()}, "ip_address: expected an IPv4 or IPv6 address, got Lazy"),
        ({"details": Lazy()}, "details: expected a string of at most 2000 characters, got Lazy"),
        ({"details": CYCLIC}, "details: expected a string of at most 2000 characters, got list"),
        ({"actor": "u-17"}, "actor: expected an Actor, got str"),
    ],
)
def test_option_of_a_wrong_type_is_refused(log: AuditLog, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        log.record_event(ADDED, {**MODEL, "deployment_name": "d"}, {"actor": ADA, **options})
    assert str(caught.value).startswith(f"{ADDED}: {problem}")


def test_no_method_of_a_text_is_called(log: AuditLog) -> None:
    who = Actor.user(Text("u-17"), Text("Ada"))
    values = {"model_id": Text("m-1"), "model_name": Text("a\0b"), "model_type": "open_source"}
    options = {"account_id": Text("acme"), "ip_address": Text("::1"), "details": Text("d")}
    entry = log.record_event(DEPLOYED, values, {"actor": who, **options})
    assert (entry.account_id, entry.actor, entry.ip_address) == ("acme", Actor.user("u-17", "Ada"), "::1")
    assert entry.metadata["model_name"] == "a\ufffdb"
    assert all(type(each) in (str, int, bytes, type(None)) for each in entry.row)
    assert log.account(Text("acme")).entries(Filter.parse([Text("user:is:u-17")])).entries == (entry,)


def test_an_error_about_any_key_can_be_written(log: AuditLog) -> None:
    with pytest.raises(ValidationError, match="metadata: expected an object") as caught:
        log.record_event("\ud800", 7, {})  # type: ignore[arg-type]
    assert str(caught.value).encode().startswith(b"\\ud800: ")


@pytest.mark.parametrize("wrong", [None, 7, "text", CYCLIC, object(), Broken()])
def test_event_without_an_object_is_refused(log: AuditLog, wrong: Any) -> None:
    calls: list[Any] = [
        (wrong, MODEL, {}),
        (ADDED, wrong, {}),
        (ADDED, MODEL, wrong),
        (ADDED, {7: wrong}, {}),
        (ADDED, MODEL, {7: wrong}),
    ]
    for key, values, options in calls:
        with pytest.raises(ValidationError):
            log.record_event(key, values, options)


def test_async_emitter_refuses_a_session_that_is_not_async(log: AuditLog) -> None:
    events = AsyncAuditEvents(log)
    with pytest.raises(
        StorageError, match=r"^session= takes an AsyncSession or AsyncConnection .* not object"
    ):
        asyncio.run(events.account.app_api_key.app_api_key_created(actor=ADA, session=object()))  # type: ignore[arg-type]


# --- the caller's own code -------------------------------------------------------------------------


def test_exception_of_an_iterable_passes_through(log: AuditLog) -> None:
    def forms() -> Iterator[Any]:
        yield form(ADDED, {**MODEL, "deployment_name": "d"})
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine") as caught:
        log.record_many(forms())
    assert caught.value.__notes__ == ["event 1 (counted from 0) was refused; the 1 before it are stored"]
    with pytest.raises(LookupError, match="mine"):
        log.record_forms(forms())  # type: ignore[arg-type]
    assert log.account("acme").count() == 1


def test_exception_of_a_callback_passes_through(log: AuditLog) -> None:
    def begin() -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        log.account("acme").export_csv(io.BytesIO(), begin=begin)


@pytest.mark.parametrize("wrong", [None, 7, object()])
def test_list_of_events_must_be_iterable(log: AuditLog, wrong: Any) -> None:
    with pytest.raises(ValidationError, match=r"^events: expected an iterable, got"):
        log.record_many(wrong)
    with pytest.raises(ValidationError, match=r"^forms: expected an iterable, got"):
        log.record_forms(wrong)
    with pytest.raises(ValidationError, match=r"^lines: expected an iterable, got"):
        log.import_jsonl(wrong, lambda number, error: None)
    with pytest.raises(ValidationError, match=r"^report: expected a function, got"):
        log.import_jsonl([], wrong)


# --- the secret key --------------------------------------------------------------------------------


def test_secret_key_is_accepted_as_its_text(database: Database, key: SecretKey) -> None:
    with open_log(database, secret_key=key.text()) as log, log.acting(ADA):
        example = CATALOG.events[KEY_CREATED].example
        secret = next(
            (f.name for f in CATALOG.events[KEY_CREATED].metadata if f.sensitivity == "secret"), None
        )
        entry = log.record_event(KEY_CREATED, example, {})
        assert secret is None or entry.metadata[secret] == key.fingerprint(
            example[secret], account_id=entry.account_id, field=secret
        )
        assert log._recorder.secret_key == key


@pytest.mark.parametrize(
    "wrong", ["", "k1", "k1:", "k1:AAAA", "k1:!", ":AAAA", "k 1:" + "A" * 44, 7, b"k1:", object()]
)
def test_wrong_secret_key_is_refused_at_open(database: Database, wrong: Any) -> None:
    with pytest.raises(SecretKeyMissing, match=r"^secret_key: a secret key") as caught:
        open_log(database, secret_key=wrong)
    assert "AAAA" not in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SecretKey.parse(None),  # type: ignore[arg-type]
        lambda: SecretKey("k1", "x" * 32),  # type: ignore[arg-type]
        lambda: SecretKey(7, bytes(32)),  # type: ignore[arg-type]
        lambda: SecretKey("k1", bytes(32)).fingerprint(7, account_id="a", field="b"),  # type: ignore[arg-type]
        lambda: SecretKey("k1", bytes(32)).fingerprint("x", account_id=7, field="b"),  # type: ignore[arg-type]
    ],
)
def test_secret_key_of_wrong_types_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"^a secret"):
        make()


# --- opening, reading, exporting -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"url": None}, StorageError),
        ({"url": Path("audit.db")}, StorageError),
        ({"url": b"sqlite://"}, StorageError),
        ({"account_id": 7}, ValidationError),
        ({"catalog": "audit_events"}, CatalogError),
        ({"create": "no"}, ValidationError),
    ],
)
def test_open_refuses_wrong_types(tmp_path: Path, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        AuditLog.open(**{"url": f"sqlite:///{tmp_path}/audit.db", "catalog": CATALOG, **options})


@pytest.mark.parametrize(
    "wrong",
    [HUGE, CYCLIC, None, Lazy(), np.float64(1), object(), b"0" * 16],
    ids=lambda value: type(value).__name__,
)
def test_reading_refuses_wrong_types(log: AuditLog, wrong: Any) -> None:
    account = log.account("acme")
    other = other_than_none(wrong)
    with pytest.raises(ValidationError, match=r"^entry: id: expected a UUID, got"):
        account.get(wrong)
    for read in (
        lambda: account.entries(limit=wrong),
        lambda: account.count_up_to(wrong),
        lambda: account.users(wrong),
        lambda: account.entries(after=other),
        lambda: account.entries(search=other),
        lambda: account.entries(other),
        lambda: account.stream(wrong),
        lambda: account.count(progress=other),
        lambda: log.accounts(wrong),
        lambda: Condition("user", "is", wrong),
        lambda: Condition(wrong, "is", "u-1"),
        lambda: Condition.parse(wrong),
        lambda: Filter.parse(other),
        lambda: Filter.parse([], wrong),
        lambda: Filter("all", wrong),
        lambda: Filter("all", (wrong,)),
        lambda: Filter.from_json(wrong),
        lambda: Filter.from_json({"match": wrong}),
        lambda: Filter.from_json({"conditions": [wrong]}),
        lambda: Filter.from_query(wrong),
    ):
        with pytest.raises(FilterError):
            read()


def test_filter_of_a_list_is_a_filter_of_a_tuple() -> None:
    one = Condition("user", "is", "u-1")
    assert hash(Filter("all", [one])) == hash(Filter("all", (one,)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "target", [None, 7, CYCLIC, object(), io.StringIO(), io.BytesIO, "a\0b", "\ud800.csv", "", "x" * 5000]
)
def test_export_to_a_wrong_target_is_refused(log: AuditLog, target: Any) -> None:
    account = log.account("acme")
    for export in (account.export_csv, account.export_jsonl):
        with pytest.raises(ExportError, match="the export was not written") as caught:
            export(target)
        assert len(str(caught.value).encode()) < 2000
    with pytest.raises(ExportError, match=r"progress is a function or None, not 7"):
        account.export_csv(io.BytesIO(), progress=7)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [None, 7, CYCLIC, object(), Text("x")], ids=lambda value: type(value).__name__
)
def test_actor_and_context_refuse_wrong_types(log: AuditLog, wrong: Any) -> None:
    assert CATALOG.event(wrong) is None
    other = other_than_none(wrong)
    with pytest.raises(ValidationError):
        Actor(wrong, "u-1")
    with pytest.raises(ValidationError), log.acting(other):
        pass
    for function in (CATALOG.model, CATALOG.validator, CATALOG.schema):
        with pytest.raises(CatalogError):
            function(wrong)
    with pytest.raises(CatalogError):
        Catalog(wrong)


def test_middleware_and_application_refuse_wrong_types(log: AuditLog) -> None:
    async def app(*_: Any) -> None:
        pass

    for proxies in (7, [7], [CYCLIC], [None], "10.0.0.1"):
        with pytest.raises(ValueError, match="trusted"):
            AuditMiddleware(app, trusted_proxies=proxies)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="trusted"):
            AuditWsgiMiddleware(lambda *_: [], trusted_proxies=proxies)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="trusted"):
            create_app(log, lambda _: None, trusted_proxies=proxies)  # type: ignore[arg-type]
    for header in (7, "", "x-request id", "x\n", b"x-request-id", "x" * 101):
        with pytest.raises(ValueError, match=r"^request_id_header: expected the name of a header"):
            AuditMiddleware(app, request_id_header=header)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"^request_id_header: expected the name of a header"):
            AuditWsgiMiddleware(lambda *_: [], request_id_header=header)  # type: ignore[arg-type]
    for hosts in (7, [7], "example.com", ["a.*"]):
        with pytest.raises(ValueError, match=r"^allowed_hosts: expected a list"):
            create_app(log, lambda _: None, allowed_hosts=hosts)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="create_app needs log: an AuditLog, not None"):
        create_app(None, lambda _: None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="AuditMiddleware needs app"):
        AuditMiddleware(None)  # type: ignore[arg-type]


def test_id_of_uuid_utils_is_an_id(log: AuditLog) -> None:
    import uuid_utils

    given = uuid_utils.uuid7()
    entry = log.record_event(DEPLOYED, MODEL, {"actor": ADA, "id": given})
    assert entry.id == uuid.UUID(str(given))
    assert log.account("acme").get(given) == entry  # type: ignore[arg-type]
