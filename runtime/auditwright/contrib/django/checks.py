"""System checks: `manage.py check`, and `manage.py check --database default` for the tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.urls import NoReverseMatch, reverse

from auditwright.catalog import find_catalog
from auditwright.contrib.django.conf import (
    SETTING,
    Configuration,
    configuration,
    function_of,
    problems,
)
from auditwright.contrib.django.databases import connection_of, is_in_memory, url_of
from auditwright.errors import AuditwrightError, CatalogError
from auditwright.storage import open_inspection, open_storage

MIDDLEWARE = "auditwright.contrib.django.middleware.AuditMiddleware"
_AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"


def check_settings(**_: Any) -> list[CheckMessage]:
    """What is wrong with the settings, the catalog or the kind of database."""
    found: list[CheckMessage] = [
        Error(text, id="auditwright.E001") for text in problems(getattr(django_settings, SETTING, {}))
    ]
    return found or [*_of_configuration(configuration()), *_of_middleware(configuration())]


def _of_configuration(settings: Configuration) -> Iterator[CheckMessage]:
    for key in ("get_actor", "get_account", "get_accounts"):
        named = getattr(settings, key)
        try:
            if named is not None and not callable(function_of(named)):
                raise ImportError(f"{named!r} is not a function")
        except ImportError as error:
            yield Error(f"{SETTING}[{key.upper()!r}]: {error}", id="auditwright.E002")
    try:
        find_catalog(settings.catalog)
    except CatalogError as error:
        yield Error(
            str(error),
            hint=f"Install the generated package, and name it: {SETTING} = {{'CATALOG': 'acme_audit'}}.",
            id="auditwright.E003",
        )
    try:
        if settings.alias is not None and not is_in_memory(connection_of(settings.alias)):
            url = url_of(settings.alias)
            if url.startswith("postgresql") and not _has_psycopg():
                yield Error(
                    "The audit log needs psycopg 3, and Django uses psycopg2.",
                    hint='Install it: pip install "auditwright[postgres]".',
                    id="auditwright.E004",
                )
    except (AuditwrightError, ImproperlyConfigured) as error:
        yield Error(str(error), id="auditwright.E004")
    if settings.spool is not None and _is_sqlite(settings):
        yield Error(
            f"{SETTING}['SPOOL'] is for an audit log in PostgreSQL, and this one is in SQLite.",
            hint="Leave SPOOL out: a SQLite log is a file of this machine itself.",
            id="auditwright.E011",
        )
    if settings.account is None and settings.get_account is None:
        yield checks.Warning(
            "Entries need an account, and the settings name none.",
            hint=f"Set {SETTING}['ACCOUNT'], or {SETTING}['GET_ACCOUNT'] to a function of the request.",
            id="auditwright.W005",
        )


def _is_sqlite(settings: Configuration) -> bool:
    if settings.url is not None:
        return settings.url.startswith("sqlite:")
    alias = settings.alias or "default"
    return alias in connections and connections[alias].vendor == "sqlite"


def _has_psycopg() -> bool:
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    return bool(is_psycopg3)


def _of_middleware(settings: Configuration) -> Iterator[CheckMessage]:
    names: Sequence[str] = django_settings.MIDDLEWARE
    if MIDDLEWARE not in names:
        yield checks.Warning(
            "Entries have no actor and no address: the middleware of the audit log is not installed.",
            hint=f"Add {MIDDLEWARE!r} as the first of MIDDLEWARE.",
            id="auditwright.W006",
        )
    elif _AUTHENTICATION in names and names.index(MIDDLEWARE) > names.index(_AUTHENTICATION):
        yield checks.Warning(
            "What AuthenticationMiddleware and other middleware before AuditMiddleware do has no audit "
            "context, such as signing in by RemoteUserMiddleware.",
            hint=f"Make {MIDDLEWARE!r} the first of MIDDLEWARE.",
            id="auditwright.W007",
        )
    if _AUTHENTICATION not in names and settings.get_actor == Configuration().get_actor:
        yield checks.Warning(
            "Entries have no actor: AuthenticationMiddleware is not installed.",
            hint=f"Install it, or set {SETTING}['GET_ACTOR'] to a function of the request.",
            id="auditwright.W008",
        )


def check_page(**_: Any) -> list[CheckMessage]:
    """Whether the page knows which accounts a user may read, where it is mounted."""
    try:
        settings = configuration()
        reverse("auditwright:page", args=("",))
    except (ImproperlyConfigured, NoReverseMatch):
        return []
    if settings.get_accounts is not None or (settings.account is not None and settings.get_account is None):
        return []
    return [
        checks.Warning(
            "Nobody may see the Audit Logs page: the settings do not say which accounts a user may read.",
            hint=f"Set {SETTING}['GET_ACCOUNTS'] to a function of the request that returns their ids.",
            id="auditwright.W009",
        )
    ]


def check_database(*, databases: Sequence[str] | None, **_: Any) -> list[CheckMessage]:
    """Whether the tables exist and have what the catalog needs. It changes nothing in a SQLite file."""
    try:
        settings = configuration()
        catalog = find_catalog(settings.catalog)
    except (AuditwrightError, ImproperlyConfigured):
        return []  # an error of `check_settings`
    if settings.alias is None or settings.alias not in (databases or ()):
        return []
    if not settings.url and is_in_memory(connection_of(settings.alias)):
        return []
    try:
        url = settings.url or url_of(settings.alias)
        # An inspection of PostgreSQL needs the rights of the owner; opening a SQLite file creates tables.
        (open_inspection if url.startswith("sqlite:") else open_storage)(url, catalog).close()
    except AuditwrightError as error:
        command = "migrate" if settings.migrate and not settings.url else "auditwright database create"
        # No error: that would keep `migrate` from creating them.
        return [
            checks.Warning(
                f"The audit log cannot be used: {error}",
                hint=f"Run `manage.py {command}`.",
                id="auditwright.W010",
            )
        ]
    return []
