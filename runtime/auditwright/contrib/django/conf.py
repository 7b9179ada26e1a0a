"""`settings.AUDITWRIGHT`: its values, their defaults, and what is wrong with them."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.http import HttpRequest
from django.utils.module_loading import import_string

from auditwright.actor import Actor, identifier
from auditwright.addresses import TrustedProxies
from auditwright.errors import ValidationError
from auditwright.limits import shown
from auditwright.request_context import REQUEST_ID_HEADER, header_name
from auditwright.spool import LARGEST, MAX_BYTES, SMALLEST
from auditwright.storage.deadline import LONGEST, SHORTEST, TIMEOUT
from auditwright.system_events import MAX_WINDOW, MIN_WINDOW, READ_WINDOW

SETTING = "AUDITWRIGHT"
Function = str | Callable[[HttpRequest], Any]
"""A function of the request, or its dotted path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The values of `settings.AUDITWRIGHT`; each key is the name of an attribute in capitals."""

    catalog: str | None = None
    """The generated package; by default the only one that is installed."""
    account: str | None = None
    """The account of entries, if there is one for the whole site."""
    database: str | None = None
    """The alias in DATABASES whose transactions entries join; "default" unless there is a `url`."""
    url: str | None = None
    """How the log connects; by default as Django connects to `database`."""
    read_url: str | None = None
    """The same PostgreSQL database as the role that reads."""
    migrate: bool = True
    """Whether `manage.py migrate` creates and upgrades the tables."""
    trusted_proxies: Iterable[str] = ()
    """The proxies whose X-Forwarded-For is trusted."""
    request_id_header: str | None = REQUEST_ID_HEADER
    """The header with the id of a request; None if there is none."""
    secret_key: str | None = None
    """The key for fingerprints of secret fields; by default from AUDITWRIGHT_SECRET_KEY."""
    timeout: float = TIMEOUT
    """How long a call may take, in seconds."""
    spool: str | None = None
    """The URL of the SQLite file that takes entries while PostgreSQL is away."""
    spool_bytes: int = MAX_BYTES
    """The size up to which it takes entries."""
    record_reads: bool = False
    """Whether the page records who looks at the log."""
    read_window: int = READ_WINDOW
    """In how many seconds reads of the same selection are recorded once."""
    get_actor: Function = "auditwright.contrib.django.conf.signed_in_user"
    """Returns the actor of a request, or None."""
    get_account: Function | None = None
    """Returns the account of the entries of a request, or None."""
    get_accounts: Function | None = None
    """Returns the accounts whose entries the user of a request may read; `account` by default."""

    @property
    def alias(self) -> str | None:
        """The alias of the database whose transactions entries join."""
        return self.database if self.database or self.url else "default"

    def actor_of(self, request: HttpRequest) -> Actor | None:
        """The actor of a request; raises `TypeError` if the function returns anything else."""
        actor = function_of(self.get_actor)(request)
        if actor is None or isinstance(actor, Actor):
            return actor
        raise TypeError(f"GET_ACTOR returns an Actor or None, not {shown(actor)}")

    def account_of(self, request: HttpRequest) -> str | None:
        """The account of a request."""
        account = function_of(self.get_account)(request) if self.get_account else self.account
        return None if account is None else identifier("account_id", account)

    def accounts_of(self, request: HttpRequest) -> tuple[str, ...]:
        """The accounts that a user may read; none where only `get_account` is set, which names any tenant.

        Raises `TypeError` if the function returns no list: each letter of a text would be an account.
        """
        if self.get_accounts is not None:
            accounts = function_of(self.get_accounts)(request)
            if isinstance(accounts, str) or not isinstance(accounts, Iterable):
                raise TypeError(f"GET_ACCOUNTS returns a list of accounts, not {shown(accounts)}")
            return tuple(accounts)
        return (self.account,) if self.account is not None and self.get_account is None else ()


def signed_in_user(request: HttpRequest) -> Actor | None:
    """The actor of a request by default: the user who is signed in, with the full name if there is one."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    full_name = getattr(user, "get_full_name", str)()
    return Actor.user(str(user.pk), full_name.strip() or user.get_username())


def function_of(named: Function) -> Callable[[HttpRequest], Any]:
    """The function of a setting; raises `ImportError` for a dotted path that leads nowhere."""
    if callable(named):
        return named
    function: Callable[[HttpRequest], Any] = import_string(named)
    return function


@functools.cache
def configuration() -> Configuration:
    """The configuration of this process; raises `ImproperlyConfigured` for invalid settings."""
    given = getattr(settings, SETTING, {})
    problem = next(problems(given), None)
    if problem is not None:
        raise ImproperlyConfigured(problem)
    return Configuration(**{key.lower(): value for key, value in given.items()})


@functools.cache
def trusted_proxies() -> TrustedProxies:
    """The trusted proxies of the configuration."""
    return TrustedProxies(configuration().trusted_proxies)


def problems(given: object) -> Iterator[str]:
    """What is wrong with the value of the setting, without importing what it names."""
    if not isinstance(given, dict):
        yield f"{SETTING}: expected a dictionary, got {shown(given)}"
        return
    for key, value in given.items():
        if key not in _EXPECTED:
            close = difflib.get_close_matches(str(key), _EXPECTED, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(_EXPECTED)}"
            yield f"{SETTING}: unknown key {shown(key)}; {hint}"
            continue
        expected, is_valid = _EXPECTED[key]
        if not is_valid(value):
            # The values of these hold passwords.
            got = type(value).__name__ if key in ("URL", "READ_URL", "SECRET_KEY") else shown(value)
            yield f"{SETTING}[{key!r}]: expected {expected}, got {got}"
        elif key == "TRUSTED_PROXIES":
            try:
                TrustedProxies(value)
            except ValueError as error:
                yield f"{SETTING}[{key!r}]: {error}"


def _is_text(value: object) -> bool:
    return value is None or (isinstance(value, str) and value != "")


def _is_account(value: object) -> bool:
    try:
        return value is None or identifier("account", value) == value
    except ValidationError:
        return False


def _is_header(value: object) -> bool:
    try:
        header_name(value)
    except ValueError:
        return False
    return True


def _is_timeout(value: object) -> bool:
    return type(value) in (int, float) and SHORTEST <= value <= LONGEST  # type: ignore[operator]


def _is_spool(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.startswith("sqlite:///"))


def _is_spool_size(value: object) -> bool:
    return type(value) is int and SMALLEST <= value <= LARGEST


def _is_window(value: object) -> bool:
    return type(value) is int and MIN_WINDOW <= value <= MAX_WINDOW


def _is_function(value: object) -> bool:
    return value is None or callable(value) or (isinstance(value, str) and "." in value)


_TEXT = ("a text", _is_text)
_FUNCTION = ("a function of the request, or its dotted path such as 'shop.audit.actor_of'", _is_function)
_EXPECTED: dict[str, tuple[str, Callable[[object], bool]]] = {
    "CATALOG": ("the name of the generated package, such as 'acme_audit'", _is_text),
    "ACCOUNT": ("the id of an account, such as 'acme'", _is_account),
    "DATABASE": ("an alias in DATABASES", _is_text),
    "URL": _TEXT,
    "READ_URL": _TEXT,
    "MIGRATE": ("True or False", lambda value: isinstance(value, bool)),
    "TRUSTED_PROXIES": ("a list of addresses and CIDRs", lambda value: isinstance(value, (list, tuple))),
    "REQUEST_ID_HEADER": (f"the name of a header, such as {REQUEST_ID_HEADER!r}, or None", _is_header),
    "SECRET_KEY": _TEXT,
    "RECORD_READS": ("True or False", lambda value: isinstance(value, bool)),
    "READ_WINDOW": (f"a whole number of seconds from {MIN_WINDOW} to {MAX_WINDOW:,}", _is_window),
    "TIMEOUT": (f"a number of seconds from {SHORTEST:g} to {LONGEST:,g}", _is_timeout),
    "SPOOL": ("the URL of a SQLite file, such as 'sqlite:////var/lib/shop/audit-spool.db'", _is_spool),
    "SPOOL_BYTES": (f"a whole number from {SMALLEST:,} to {LARGEST:,}", _is_spool_size),
    "GET_ACTOR": _FUNCTION,
    "GET_ACCOUNT": _FUNCTION,
    "GET_ACCOUNTS": _FUNCTION,
}
assert {each.name for each in fields(Configuration)} == {key.lower() for key in _EXPECTED}  # noqa: S101 - a mistake of this module


def _on_change(*, setting: str, **_: object) -> None:
    """Read the settings anew, for tests that override them."""
    if setting == SETTING:
        configuration.cache_clear()
        trusted_proxies.cache_clear()


setting_changed.connect(_on_change)
