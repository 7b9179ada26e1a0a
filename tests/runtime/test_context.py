"""The context: actor, account and address are set, inherited and refused."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from tests.support.databases import Database
from tests.support.sample_events import ADA, GRACE, KEY_CREATED, refused

from audit_events import AuditEvents
from auditwright import Actor, AuditLog, AuditwrightError, NoContext, ValidationError, set_actor
from auditwright.context import Context, current, enter

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
        "set_actor: no context is around this call; install AuditMiddleware outside of what calls it, or "
        "call it inside `with log.acting():`"
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


# --- actors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Actor.user(""), "actor.id: expected a string of 1 to 256 characters, got 0 characters"),
        (lambda: Actor.user(17), "actor.id: expected a string of 1 to 256 characters, got int"),  # type: ignore[arg-type]
        (lambda: Actor("user"), "actor.id: expected a string of 1 to 256 characters, got NoneType"),
        (lambda: Actor.app("a", 5), "actor: actor.name: expected a string, got int"),  # type: ignore[arg-type]
        (
            lambda: Actor("robot", "r"),  # type: ignore[arg-type]
            'actor: actor.type: expected "user", "app" or "system", got \'robot\'',
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
