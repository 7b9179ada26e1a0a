"""The web application over an empty log in a SQLite file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal
from fastapi import FastAPI
from tests.support.web import Client, authorize

from auditwright import AuditLog, SecretKey
from auditwright.server import create_app


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    """An empty log of the service's catalog."""
    key = SecretKey.generate("k1")
    with AuditLog.open(f"sqlite:///{tmp_path}/audit.db", account_id="acme", secret_key=key) as opened:
        yield opened


@pytest.fixture
def app(log: AuditLog) -> FastAPI:
    """The application over the log."""
    return create_app(log, authorize)


@pytest.fixture
def client(app: FastAPI, portal: BlockingPortal) -> Client:
    """A client of the application."""
    return Client(app, portal)
