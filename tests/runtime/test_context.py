"""The context: actor, account and address are set, inherited and refused."""

import json
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from tests.support.databases import Database
from tests.support.interrupts import Interrupted, is_interrupted
from tests.support.sample_events import ADA, GRACE, KEY_CREATED, refused

from audit_events import AuditEvents
from auditwright import (
    Actor,
    AuditLog,
    AuditwrightError,
    NoContext,
    ValidationError,
    dump_context,
    load_context,
    set_actor,
)
from auditwright.context import Context, acting, current, enter

NO_ACCOUNT = (
    "account_id: expected an account: open the log with account_id=, use log.acting(account_id=...) or "
    "pass account_id=, got none"
)
NO_ACTOR = (
    'actor: expected an actor: use log.acting(Actor.user(...)), pass actor=, or give "actor" in the JSON '
    "form, got none"
)


def test_context_of_a_call_is_recorded(log: AuditLog, audit: AuditEvents) -> None:
    with log.acting(ADA, account_id="other", ip_address="203.0.113.7"):
        entry = audit.account.app_api_key.app_api_key_created()
    assert (entry.actor, entry.account_id, entry.ip_address) == (ADA, "other", "203.0.113.7")


def test_options_override_the_context(log: AuditLog, audit: AuditEvents) -> None:
    with log.acting(ADA, account_id="other", ip_address="203.0.113.7"):
        entry = audit.account.app_api_key.app_api_key_created(
            actor=GRACE, account_id="third", ip_address="203.0.113.8"
        )
    assert (entry.actor, entry.account_id, entry.ip_address) == (GRACE, "third", "203.0.113.8")


def test_omitted_values_are_inherited_from_the_outer_context(log: AuditLog, audit: AuditEvents) -> None:
    create = audit.account.app_api_key.app_api_key_created
    with log.acting(ADA, ip_address="203.0.113.7"):
        with log.acting(account_id="inner"):
            entry = create()
            assert (entry.actor, entry.account_id, entry.ip_address) == (ADA, "inner", "203.0.113.7")
        with log.acting(ip_address="203.0.113.8"):
            entry = create()
            assert (entry.actor, entry.account_id, entry.ip_address) == (ADA, "acme", "203.0.113.8")
        entry = create()
        assert (entry.account_id, entry.ip_address) == ("acme", "203.0.113.7")


def test_another_actor_does_not_inherit_the_address(log: AuditLog, audit: AuditEvents) -> None:
    create = audit.account.app_api_key.app_api_key_created
    with log.acting(ADA, ip_address="203.0.113.7"):
        with log.acting(GRACE):
            assert create().ip_address is None
        with log.acting(Actor.system()):
            assert create().ip_address is None
        assert create(actor=GRACE).ip_address is None
        assert create(actor=Actor.system()).ip_address is None
        assert create(actor=ADA).ip_address == "203.0.113.7"


def test_address_set_before_the_actor_applies(log: AuditLog, audit: AuditEvents) -> None:
    with log.acting(ip_address="203.0.113.7"), log.acting(ADA):
        assert audit.account.app_api_key.app_api_key_created().ip_address == "203.0.113.7"


def test_address_without_an_actor_applies_to_all_but_the_system(log: AuditLog, audit: AuditEvents) -> None:
    create = audit.account.app_api_key.app_api_key_created
    with log.acting(ip_address="203.0.113.7"):
        assert create(actor=ADA).ip_address == "203.0.113.7"
        assert create(actor=Actor.app("a-1")).ip_address == "203.0.113.7"
        assert create(actor=Actor.system()).ip_address is None
        assert create(actor=Actor.system("Retention")).ip_address is None
        assert create(actor=Actor.system(), ip_address="203.0.113.8").ip_address == "203.0.113.8"
        with log.acting(Actor.system()):
            assert create().ip_address is None


def test_explicit_address_applies_to_the_system(log: AuditLog, audit: AuditEvents) -> None:
    create = audit.account.app_api_key.app_api_key_created
    with log.acting(Actor.system(), ip_address="203.0.113.7"):
        assert create().ip_address == "203.0.113.7"
        assert create(details="With an option.").ip_address == "203.0.113.7"


def test_the_context_ends_with_its_block_even_after_an_error(log: AuditLog) -> None:
    with pytest.raises(ZeroDivisionError), log.acting(ADA):
        _ = 1 / 0
    assert str(refused(log, KEY_CREATED, actor=None)) == f"{KEY_CREATED}: {NO_ACTOR}"


def test_the_context_may_be_filled_in_late(log: AuditLog, audit: AuditEvents) -> None:
    with log.acting() as context:
        context.actor = ADA
        assert audit.account.app_api_key.app_api_key_created().actor == ADA


def test_event_without_an_actor_is_refused(log: AuditLog, audit: AuditEvents, database: Database) -> None:
    with pytest.raises(ValidationError) as caught:
        audit.account.app_api_key.app_api_key_created()
    assert str(caught.value) == f"{KEY_CREATED}: {NO_ACTOR}"
    assert database.rows() == []


def test_all_missing_values_are_reported(tmp_path: Path) -> None:
    with AuditLog.open(f"sqlite:///{tmp_path}/a.db") as log:
        with pytest.raises(ValidationError) as caught:
            AuditEvents(log).account.app_api_key.app_api_key_created()
        assert str(caught.value) == f"{KEY_CREATED}: 2 problems\n  {NO_ACCOUNT}\n  {NO_ACTOR}"
        with log.acting(ADA), pytest.raises(ValidationError) as caught:
            AuditEvents(log).account.app_api_key.app_api_key_created()
        assert str(caught.value) == f"{KEY_CREATED}: {NO_ACCOUNT}"


@pytest.mark.parametrize("wrong", ["u-17", "", 0, {"id": "u-17"}])
def test_only_an_actor_acts(log: AuditLog, wrong: Any) -> None:
    with pytest.raises(ValidationError) as caught, log.acting(wrong):
        pass
    assert str(caught.value) == f"actor: expected an Actor, got {type(wrong).__name__}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"account_id": ""}, "account_id: expected a string of 1 to 256 characters, got 0 characters"),
        ({"account_id": 5}, "account_id: expected a string of 1 to 256 characters, got int"),
        ({"ip_address": "here"}, "ip_address: expected an IPv4 or IPv6 address, got other text"),
        ({"ip_address": ""}, "ip_address: expected an IPv4 or IPv6 address, got other text"),
    ],
)
def test_invalid_values_cannot_be_set_in_the_context(log: AuditLog, options: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught, log.acting(ADA, **options):
        pass
    assert str(caught.value) == message


def test_a_thread_does_not_see_the_context_of_another(log: AuditLog, audit: AuditEvents) -> None:
    seen: list[BaseException | str] = []

    def create() -> None:
        try:
            seen.append(audit.account.app_api_key.app_api_key_created().actor.label)
        except ValidationError as error:
            seen.append(error)

    with log.acting(ADA):
        thread = threading.Thread(target=create)
        thread.start()
        thread.join()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(copy_context().run, create).result()
    assert isinstance(seen[0], ValidationError)
    assert seen[1] == "Ada Lovelace"


# --- filled in from wherever it is known --------------------------------------------------------------


def test_set_actor_lasts_to_the_end_of_the_block(log: AuditLog, audit: AuditEvents) -> None:
    create = audit.account.app_api_key.app_api_key_created
    with log.acting(account_id="other", ip_address="203.0.113.7"):
        set_actor(ADA)
        entry = create()
        assert (entry.actor, entry.account_id, entry.ip_address) == (ADA, "other", "203.0.113.7")
        set_actor(ADA, "third")
        assert (create().account_id, create().ip_address) == ("third", "203.0.113.7")
        set_actor(None)
        with pytest.raises(ValidationError):
            create()
    assert current() == Context()


def test_actor_applies_only_inside_its_block(log: AuditLog) -> None:
    with log.acting(ADA, account_id="acme") as outer:
        with log.acting() as inner:
            set_actor(GRACE, "globex")
            assert (inner.actor, inner.account_id) == (GRACE, "globex")
        assert (outer.actor, outer.account_id) == (ADA, "acme")


def test_another_actor_does_not_get_the_blocks_address(log: AuditLog) -> None:
    for actor in (GRACE, Actor.system()):
        with log.acting(ADA, ip_address="203.0.113.7") as block:
            set_actor(ADA)
            assert block.ip_address == "203.0.113.7"
            set_actor(actor)
            assert block.ip_address is None


def test_an_actor_is_set_for_whatever_shares_the_context(log: AuditLog) -> None:
    with log.acting() as block:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(copy_context().run, set_actor, ADA).result()
        assert block.actor == ADA


def test_outside_of_any_context_no_actor_can_be_set() -> None:
    with pytest.raises(NoContext) as caught:
        set_actor(ADA, "acme")
    assert str(caught.value) == (
        "set_actor: no context is around this call; install AuditMiddleware or AuditWsgiMiddleware outside "
        "of what calls it, or call it inside `with log.acting():`"
    )
    assert isinstance(caught.value, AuditwrightError)
    assert isinstance(caught.value, RuntimeError)
    assert current() == Context()


def test_invalid_actor_cannot_be_set(log: AuditLog) -> None:
    with log.acting(ADA, account_id="acme", ip_address="203.0.113.7") as block:
        with pytest.raises(ValidationError) as caught:
            set_actor("u-17")  # type: ignore[arg-type]
        assert str(caught.value) == "actor: expected an Actor, got str"
        with pytest.raises(ValidationError) as caught:
            set_actor(GRACE, "")
        assert str(caught.value) == "account_id: expected a string of 1 to 256 characters, got 0 characters"
        assert block == Context(ADA, "acme", "203.0.113.7")


def test_entered_context_inherits_nothing(log: AuditLog) -> None:
    context = Context(ip_address="203.0.113.8")
    with log.acting(ADA, account_id="other", ip_address="203.0.113.7"):
        with enter(context) as entered:
            assert entered is context is current()
            assert (current().actor, current().account_id) == (None, None)
        assert current().actor == ADA
        with pytest.raises(ZeroDivisionError), enter(context):
            _ = 1 / 0
        assert current().actor == ADA


# --- carried to another process -----------------------------------------------------------------------

SENT = {
    "version": "1",
    "actor_type": "user",
    "actor_id": "u-17",
    "actor_name": "Ada Lovelace",
    "account_id": "other",
    "ip_address": "203.0.113.7",
}
MORE = SENT | {
    "version": "2",
    "on_behalf_of_type": "user",
    "on_behalf_of_id": "u-18",
    "on_behalf_of_name": "Grace Hopper",
    "request_id": "r-1",
    "session_id": "s-1",
}


def test_a_context_is_sent_as_texts(log: AuditLog) -> None:
    with log.acting(ADA, account_id="other", ip_address="::ffff:203.0.113.7"):
        assert dump_context() == SENT
        with log.acting(on_behalf_of=GRACE, context={"request_id": "r-1", "session_id": "s-1"}):
            assert dump_context() == MORE
    with log.acting(Actor.system()):
        assert dump_context() == {"version": "1", "actor_type": "system"}
    with log.acting():
        assert dump_context() == {}
    assert dump_context() == {}


def test_a_sent_context_is_recorded(log: AuditLog, audit: AuditEvents) -> None:
    with load_context(json.loads(json.dumps(SENT))):
        entry = audit.account.app_api_key.app_api_key_created()
    assert (entry.actor, entry.account_id, entry.ip_address) == (ADA, "other", "203.0.113.7")
    assert current() == Context()


@pytest.mark.parametrize(
    "actor",
    [
        None,
        ADA,
        Actor.user("ü", ""),
        Actor.app("a-1"),
        Actor.system(),
        Actor.system("Retention"),
        Actor.anonymous(),
    ],
)
@pytest.mark.parametrize("account_id", [None, "acme"])
@pytest.mark.parametrize("ip_address", [None, "2001:db8::7"])
@pytest.mark.parametrize(("on_behalf_of", "details"), [(None, {}), (Actor.app("a-1"), {"user_agent": "ü/1"})])
def test_every_context_arrives_as_it_was_sent(
    actor: Actor | None,
    account_id: str | None,
    ip_address: str | None,
    on_behalf_of: Actor | None,
    details: dict[str, str],
) -> None:
    context = Context(actor, account_id, ip_address, on_behalf_of=on_behalf_of, details=details)
    with enter(context):
        sent = json.dumps(dump_context())
    with load_context(json.loads(sent)) as arrived:
        assert arrived == context
        assert json.dumps(dump_context()) == sent


def test_the_address_of_a_request_belongs_to_its_sender(log: AuditLog, audit: AuditEvents) -> None:
    create = audit.account.app_api_key.app_api_key_created
    with enter(Context(None, "acme", "203.0.113.7", origin="203.0.113.7")):
        unknown = dump_context()
        set_actor(ADA)
        by_ada = dump_context()
        set_actor(Actor.system())
        by_system = dump_context()
    assert "ip_address" not in by_system
    with load_context(by_ada):
        assert create().ip_address == "203.0.113.7"
        set_actor(GRACE)
        assert create().ip_address is None
    with load_context(unknown):
        set_actor(GRACE)
        assert create().ip_address == "203.0.113.7"


@pytest.mark.parametrize("nothing", [None, {}])
def test_without_a_sent_context_the_actor_is_unknown(
    log: AuditLog, audit: AuditEvents, nothing: dict[str, str] | None
) -> None:
    create = audit.account.app_api_key.app_api_key_created
    with log.acting(ADA, account_id="other", ip_address="203.0.113.7"), load_context(nothing):
        with pytest.raises(ValidationError) as caught:
            create()
        set_actor(GRACE)
        entry = create()
    assert str(caught.value) == f"{KEY_CREATED}: {NO_ACTOR}"
    assert (entry.actor, entry.account_id, entry.ip_address) == (GRACE, "acme", None)


def test_default_actor_acts_where_the_sender_had_none(log: AuditLog, audit: AuditEvents) -> None:
    create = audit.account.app_api_key.app_api_key_created
    system, app = Actor.system("Worker"), Actor.app("a-1")
    nobody = {"version": "1", "account_id": "other", "ip_address": "203.0.113.7"}
    with load_context(SENT, default_actor=system):
        assert create().actor == ADA
    with load_context(None, default_actor=system):
        assert (create().actor, create().ip_address) == (system, None)
    with load_context(nobody, default_actor=system):
        entry = create()
        assert (entry.actor, entry.account_id, entry.ip_address) == (system, "other", None)
    with load_context(nobody, default_actor=app):
        assert (create().actor, create().ip_address) == (app, "203.0.113.7")
    with pytest.raises(ValidationError) as caught, load_context(None, default_actor="worker"):  # type: ignore[arg-type]
        pass
    assert str(caught.value) == "actor: expected an Actor, got str"


KEYS = "version, actor_type, actor_id, actor_name, account_id, ip_address"


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        ("{}", "context: expected a dict of dump_context, got str"),
        ([SENT], "context: expected a dict of dump_context, got list"),
        (
            {**SENT, "version": "3", "weekday": "Monday"},
            'context: context.version: expected "1" or "2" (a later one: upgrade auditwright here before the '
            "senders), got '3'",
        ),
        (
            {"actor_type": "user", "actor_id": "u-17"},
            'context: context.version: expected "1" or "2" (a later one: upgrade auditwright here before the '
            "senders), got None",
        ),
        ({**SENT, "actor": "u-18"}, f"context: expected no keys except {KEYS}, got 'actor'"),
        ({**SENT, "request_id": "r-1"}, f"context: expected no keys except {KEYS}, got 'request_id'"),
        (
            {**MORE, "on_behalf_of_type": "robot", "trace_id": "4bf92f35"},
            "context: 2 problems\n"
            '  context.on_behalf_of_type: expected "user", "app", "system" or "anonymous", got \'robot\'\n'
            "  context.trace_id: expected 32 hexadecimal digits, got '4bf92f35'",
        ),
        (
            {"version": "2", "on_behalf_of_type": "system"},
            "context: context.on_behalf_of: expected an Actor.user or an Actor.app, got Actor.system",
        ),
        ({7: "u-18", "version": "1"}, f"context: expected no keys except {KEYS}, got 7"),
        ({**SENT, "actor_name": None}, "context: context.actor_name: expected a string, got NoneType"),
        (
            {**SENT, "actor_type": "root"},
            'context: context.actor_type: expected "user", "app", "system" or "anonymous", got \'root\'',
        ),
        (
            {"version": "1", "actor_id": "u-17"},
            'context: context.actor_type: expected "user", "app", "system" or "anonymous", got None',
        ),
        (
            {"version": "1", "actor_type": "app"},
            "context: context.actor_id: expected a string of 1 to 256 characters, got NoneType",
        ),
        (
            {**SENT, "account_id": "a\0", "ip_address": "localhost"},
            "context: 2 problems\n"
            "  context.account_id: expected a string of 1 to 256 characters, got one with a NUL or a lone "
            "surrogate\n"
            "  context.ip_address: expected an IPv4 or IPv6 address, got other text",
        ),
    ],
)
def test_a_damaged_context_is_refused(damaged: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught, load_context(damaged):
        pass
    assert str(caught.value) == message
    assert current() == Context()


def test_no_method_of_a_sent_context_is_called() -> None:
    class Hostile(dict[str, str]):
        def __iter__(self) -> Iterator[str]:
            raise AssertionError

        __getitem__ = __len__ = items = keys = get = __iter__  # type: ignore[assignment]

    with load_context(Hostile(SENT)) as context:
        assert context == Context(ADA, "other", "203.0.113.7")


# --- on whose behalf, and the context of entries --------------------------------------------------


def test_another_actor_acts_for_nobody_else(log: AuditLog) -> None:
    with log.acting(ADA, on_behalf_of=GRACE) as context:
        for actor, expected in ((None, GRACE), (ADA, GRACE), (Actor.system(), None), (GRACE, None)):
            with log.acting(actor) as inner:
                assert inner.on_behalf_of == expected
        set_actor(ADA)
        assert context.on_behalf_of is None
        set_actor(ADA, on_behalf_of=GRACE)
        assert context.on_behalf_of == GRACE


@pytest.mark.parametrize("nobody", [None, Actor.anonymous()])
def test_an_actor_known_later_has_what_surrounds_nobody(log: AuditLog, nobody: Actor | None) -> None:
    with (
        log.acting(nobody, ip_address="203.0.113.7", on_behalf_of=GRACE),
        log.acting(ADA) as inner,
    ):
        assert (inner.ip_address, inner.on_behalf_of) == ("203.0.113.7", GRACE)


def test_each_part_of_the_context_is_inherited_by_itself(log: AuditLog) -> None:
    with log.acting(ADA, context={"request_id": "r-1", "session_id": "s-1"}) as outer:
        with log.acting(GRACE, context={"session_id": "s-2", "user_agent": None}) as inner:
            set_actor(GRACE, context={"user_agent": "Firefox/99"})
        assert inner.details == {"request_id": "r-1", "session_id": "s-2", "user_agent": "Firefox/99"}
        assert outer.details == {"request_id": "r-1", "session_id": "s-1"}


@pytest.mark.parametrize("wrong", [Actor.system(), Actor.anonymous(), "u-17"])
def test_only_users_and_apps_are_acted_for(log: AuditLog, wrong: Any) -> None:
    got = f"Actor.{wrong.type}" if isinstance(wrong, Actor) else "str"
    for call in (
        lambda: log.acting(ADA, on_behalf_of=wrong).__enter__(),
        lambda: set_actor(ADA, on_behalf_of=wrong),
    ):
        with log.acting(), pytest.raises(ValidationError) as caught:
            call()
        assert str(caught.value) == f"on_behalf_of: expected an Actor.user or an Actor.app, got {got}"


# --- actors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Actor.user(""), "actor.id: expected a string of 1 to 256 characters, got 0 characters"),
        (lambda: Actor.user(17), "actor.id: expected a string of 1 to 256 characters, got int"),  # type: ignore[arg-type]
        (lambda: Actor("user"), "actor.id: expected a string of 1 to 256 characters, got NoneType"),
        (lambda: Actor.app("a", 5), "actor: actor.name: expected a string, got int"),  # type: ignore[arg-type]
        (
            lambda: Actor("anonymous", "u-17"),
            "actor: actor.id: expected nothing, as the actor is anonymous, got a value",
        ),
        (
            lambda: Actor("robot", "r"),  # type: ignore[arg-type]
            'actor: actor.type: expected "user", "app", "system" or "anonymous", got \'robot\'',
        ),
    ],
)
def test_invalid_actor_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        make()
    assert str(caught.value) == message


def test_an_actor_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        ADA.id = "u-18"  # type: ignore[misc]


def test_an_actor_comes_back_as_it_was(log: AuditLog, audit: AuditEvents) -> None:
    for actor in (ADA, Actor.user("u"), Actor.app("a", ""), Actor.system(), Actor.system("Retention")):
        entry = audit.account.app_api_key.app_api_key_created(actor=actor)
        found = log.account("acme").get(entry.id)
        assert found is not None
        assert found.actor == actor


def test_block_of_a_generator_may_be_closed_elsewhere() -> None:
    def parts() -> Generator[str, None, None]:
        with acting(ADA):
            yield "1"

    def read() -> Generator[str, None, None]:
        reader = parts()
        next(reader)
        return reader

    copy_context().run(read).close()
    assert dump_context() == {}


def test_an_interrupt_leaves_no_actor_behind() -> None:
    kept: list[BaseException] = []

    def act() -> None:
        with acting(ADA):
            try:
                with acting(GRACE):
                    current()
            except Interrupted as error:
                kept.append(error)  # its traceback has the block of Grace, which may not have ended
                raise

    moment = 0
    while is_interrupted(moment, act):
        moment += 1
        assert current().actor is None
        kept.clear()
        assert current().actor is None
    assert moment > 20
