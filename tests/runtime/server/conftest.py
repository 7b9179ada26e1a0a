"""The web application over an empty log, in a SQLite file or on the cluster of the environment."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal
from fastapi import FastAPI
from tests.support.citus import coordinator
from tests.support.databases import Database
from tests.support.web import Client, authorize

from auditwright import AuditLog, SecretKey
from auditwright.server import create_app

if coordinator():

    @pytest.fixture
    def database_url(database: Database) -> str:
        """The URL of an empty database."""
        return database.url

else:

    @pytest.fixture
    def database_url(tmp_path: Path) -> str:
        """The URL of an empty database."""
        return f"sqlite:///{tmp_path}/audit.db"


@pytest.fixture
def log(database_url: str) -> Iterator[AuditLog]:
    """An empty log of the service's catalog."""
    with AuditLog.open(database_url, account_id="acme", secret_key=SecretKey.generate("k1")) as opened:
        yield opened


@pytest.fixture
def app(log: AuditLog) -> FastAPI:
    """The application over the log."""
    return create_app(log, authorize)


@pytest.fixture
def client(app: FastAPI, portal: BlockingPortal) -> Client:
    """A client of the application."""
    return Client(app, portal)
