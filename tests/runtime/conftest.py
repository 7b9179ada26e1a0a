"""A log of the account "acme" in a file of its own, and the emitters into it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_events import AuditEvents
from auditwright import AccountLog, AuditLog, SecretKey


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AUDITWRIGHT_CATALOG", "AUDITWRIGHT_SECRET_KEY", "AUDITWRIGHT_DATABASE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
def key() -> SecretKey:
    return SecretKey("k1", bytes(range(32)))


@pytest.fixture
def log(path: Path, key: SecretKey) -> Iterator[AuditLog]:
    with AuditLog.open(f"sqlite:///{path}", account_id="acme", secret_key=key) as log:
        yield log


@pytest.fixture
def audit(log: AuditLog) -> AuditEvents:
    return AuditEvents(log)


@pytest.fixture
def acme(log: AuditLog) -> AccountLog:
    return log.account("acme")
