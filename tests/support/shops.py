"""Two versions of one catalog, `shop_1` and `shop_2`, generated and importable, and what they record.

Import the fixture `shops` to use it. The packages have names of their own, as one process imports both;
of their `tables`, which share SQLModel's MetaData, a process imports only one.
"""

import importlib
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.generator.run_command import run
from tests.support.paths import TEST_CATALOGS

from auditwright import Actor, AuditLog, Catalog, Entry, SecretKey
from auditwright_generator import cli

PACKAGES = ("shop_v1_events", "shop_v2_events")
KEY = SecretKey("test", bytes(range(32)))
ADA = Actor.user("u-17", "Ada Lovelace")
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

PLACED, CREATED = "store.orders.order_placed", "store.orders.order_created"
PAID, SHIPPED = "store.orders.order_paid", "store.orders.order_shipped"
ARCHIVED, LOST = "store.orders.order_archived", "store.orders.order_lost"
RETURNED_1, RETURNED_2 = "store.orders.order_returned", "store.returns.order_returned"


@dataclass(frozen=True)
class Shops:
    """Both versions."""

    v1: Catalog
    v2: Catalog
    folders: tuple[Path, Path]
    """Where each was generated."""


_made: list[Shops] = []


@pytest.fixture(scope="session")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Shops:
    """Both versions, generated once."""
    if not _made:
        folders = tmp_path_factory.mktemp("shop_1"), tmp_path_factory.mktemp("shop_2")
        for folder, name in zip(folders, ("shop_1", "shop_2"), strict=True):
            assert run(cli.generate, "--catalog", str(TEST_CATALOGS / name), "--out", str(folder)) == 0
            sys.path.append(str(folder))
        importlib.invalidate_caches()
        v1, v2 = (importlib.import_module(each).CATALOG for each in PACKAGES)
        _made.append(Shops(v1, v2, folders))
    return _made[0]


def open_shop(path: Path, catalog: Catalog) -> AuditLog:
    """The log in a file, as the service of a catalog opens it."""
    return AuditLog.open(f"sqlite:///{path}", account_id="acme", catalog=catalog, secret_key=KEY)


def record_each(log: AuditLog, start: datetime = START) -> list[Entry]:
    """The example of each event of the log's catalog, a second apart."""
    return [
        record_example(log, key, start + timedelta(seconds=number))
        for number, key in enumerate(log.catalog.events)
    ]


def record_example(log: AuditLog, key: str, moment: datetime, **changes: Any) -> Entry:
    """The example of an event, at a time; `None` among the changes takes a value away."""
    options: dict[str, Any] = {"actor": ADA, "ip_address": "203.0.113.7", "occurred_at": moment}
    options |= {name: changes.pop(name) for name in ("account_id", "actor", "id") if name in changes}
    return log.record_event(key, log.catalog.events[key].example | changes, options)
