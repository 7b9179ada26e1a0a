"""The project on each engine, migrated once for a module, with its users."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from tests.runtime.contrib.django import project
from tests.support.database_fixtures import ENGINES
from tests.support.databases import PostgreSQLServer

from auditwright import Entry
from auditwright.contrib.django import log

from django.contrib.auth.models import Permission, User  # isort: skip


@contextmanager
def using(**database: Any) -> Iterator[None]:
    """Let `default` be another database inside, in all threads that start there."""
    before = dict(settings.DATABASES["default"])
    use(**database)
    try:
        yield
    finally:
        use(**before)


def use(**database: Any) -> None:
    """Let `default` be another database from now on, in all threads that start."""
    log.close()
    connections.close_all()
    given = settings.DATABASES["default"]
    given.clear()
    given.update(database)
    connections.configure_settings(settings.DATABASES)
    with suppress(AttributeError):  # nobody has used it in this thread
        del connections["default"]


@dataclass
class Project:
    """The project, and what was recorded since the test began."""

    engine: str
    users: dict[str, User] = field(default_factory=dict)
    seen: set[uuid.UUID] = field(default_factory=set)

    def recorded(self) -> list[tuple[str, str | None, str | None]]:
        """Event, actor and address of the entries that are new since the last call, oldest first."""
        new = [entry for entry in self._all() if entry.id not in self.seen]
        self.seen |= {entry.id for entry in new}
        return [
            (entry.event.rpartition(".")[2], entry.actor.name, entry.ip_address) for entry in reversed(new)
        ]

    def _all(self) -> list[Entry]:
        return list(log.account("acme").all())


def parameters(server: PostgreSQLServer, name: str) -> dict[str, Any]:
    """The entry of DATABASES for a database of the server."""
    from psycopg.conninfo import conninfo_to_dict

    found: dict[str, Any] = dict(conninfo_to_dict(server.bare_url))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": found["user"],
        "PASSWORD": found.get("password", ""),
        "HOST": found["host"],
        "PORT": str(found.get("port", "")),
    }


@contextmanager
def database(engine: str, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """The entry of DATABASES for a new database."""
    if engine == "sqlite":
        with TemporaryDirectory() as folder:
            yield project.SQLITE | {"NAME": Path(folder) / "it's a project.sqlite3"}
        return
    server: PostgreSQLServer = request.getfixturevalue("postgresql")
    name = f"it's {uuid.uuid4().hex[:8]}"
    # Django cannot read times in the unusual style of the server.
    server.change(f'CREATE DATABASE "{name}"', f"ALTER DATABASE \"{name}\" SET DateStyle = 'ISO'")
    try:
        yield parameters(server, name)
    finally:
        server.change(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module", params=ENGINES)
def migrated(request: pytest.FixtureRequest) -> Iterator[Project]:
    """The project with the tables of its apps."""
    with database(request.param, request) as parameters, using(**parameters):
        call_command("migrate", verbosity=0)
        made = Project(request.param)
        for name in ("ada", "grace", "frances"):
            made.users[name] = User.objects.create_user(name, f"{name}@example.com", "secret")
        for user, codename in (("ada", "view"), ("ada", "export"), ("grace", "view")):
            permission = Permission.objects.get(codename=f"{codename}_auditlog")
            made.users[user].user_permissions.add(permission)
        yield made


@pytest.fixture
def site(migrated: Project) -> Iterator[Project]:
    """The project, with nothing recorded yet as far as the test sees."""
    migrated.recorded()
    yield migrated
    connections.close_all()
