"""Importing a generated package imports no category; using one category's emitters imports that category."""

import inspect
import re
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from tests.support.processes import run_python

import audit_events
from audit_events.account import Account
from audit_events.tool import Tool
from auditwright.emitters import Emitters

LEVELS: dict[str, type[Any]] = {"account": Account, "tool": Tool}
CATEGORIES = [tuple(category.key.split(".")) for category in audit_events.CATALOG.categories]

BEGIN = """
import sys
def ours():
    return sorted(name for name in sys.modules if name.partition(".")[0] == "audit_events")
def heavy():
    return sorted({"sqlmodel", "sqlalchemy", "jsonschema"} & set(sys.modules))
import audit_events
from auditwright import Actor, AuditLog
"""


def test_import_loads_only_the_levels() -> None:
    script = BEGIN + "print(*ours(), *heavy())"
    names = ["audit_events", "audit_events._catalog", "audit_events.account", "audit_events.tool"]
    assert run_python(script).split() == names


@pytest.mark.parametrize("name", ["AuditEvents", "AsyncAuditEvents"])
def test_emitters_of_one_category_load_that_category(name: str, tmp_path: Path) -> None:
    script = (
        BEGIN
        + """
before = ours()
with AuditLog.open(f"sqlite:///{sys.argv[1]}", account_id="acme", catalog=audit_events.CATALOG) as log:
    audit = getattr(audit_events, sys.argv[2])(log)
    print(*set(ours()) - set(before))
    emitter = audit.account.roles.role_changed
    print(*set(ours()) - set(before))
    with log.acting(Actor.system()):
        made = emitter()
        if sys.argv[2].startswith("Async"):
            import asyncio
            async def wait():
                await made
            asyncio.run(wait())
    print(*sorted(set(ours()) - set(before)), *heavy())
"""
    )
    assert run_python(script, str(tmp_path / "audit.db"), name).splitlines() == [
        "",
        "audit_events.account.roles",
        "audit_events.account.roles audit_events.models audit_events.models.account "
        "audit_events.models.account.roles",
    ]


@pytest.mark.parametrize(("level", "category"), CATEGORIES)
def test_category_is_its_emitters_and_the_same_ones_every_time(level: str, category: str) -> None:
    made: list[tuple[object, ...]] = []
    audit = LEVELS[level](lambda *call: made.append(call))
    emitters = getattr(audit, category)
    assert isinstance(emitters, Emitters)
    assert getattr(audit, category) is emitters
    assert type(emitters).__module__ == f"audit_events.{level}.{category}"
    event = next(
        each for each in audit_events.CATALOG.events.values() if each.category == f"{level}.{category}"
    )
    getattr(emitters, event.name)(**event.example)
    assert made[0][0] == event.key


@pytest.mark.parametrize("level", LEVELS)
def test_level_shows_its_categories_with_their_docs(level: str) -> None:
    known = {name for owner, name in CATEGORIES if owner == level}
    cls = LEVELS[level]
    audit = cls(print)
    assert {name for name in dir(audit) if not name.startswith("_")} == known
    for category in audit_events.CATALOG.categories:
        if category.level == level:
            member = inspect.getattr_static(cls, category.key.split(".")[1])
            assert isinstance(member, cached_property)
            words = re.sub(r"\s+", " ", inspect.getdoc(member) or "")
            assert words in (category.description, f"{category.title}. {category.description}")


def test_no_other_category_exists() -> None:
    with pytest.raises(AttributeError, match="'Account' object has no attribute 'role'"):
        Account(print).role  # type: ignore[attr-defined]  # noqa: B018


def test_concurrent_first_use_works_in_all_threads() -> None:
    made: list[tuple[object, ...]] = []
    audit: Account[Any, Any] = Account(lambda *call: made.append(call))
    together = Barrier(16)

    def use(_: int) -> None:
        together.wait()
        audit.roles.role_changed()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(use, range(16)))
    assert [call[0] for call in made] == ["account.roles.role_changed"] * 16
