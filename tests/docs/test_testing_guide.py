"""docs/testing.md: its blocks are a test module that passes, and its report is the one of a failure."""

import pytest
from sqlalchemy import orm
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext import asyncio as sqlalchemy_asyncio
from tests.support.markdown import blocks
from tests.support.paths import DOCS

import audit_events.models.account.models
import auditwright_events
from auditwright.contrib import pytest_audit
from auditwright.contrib.pytest_plugin import pytest_addoption
from auditwright.storage.sqlite import engine

pytest_plugins = ("pytester",)

PAGE = DOCS / "testing.md"
PLUGIN = ("-p", "auditwright.contrib.pytest_plugin")
KEPT = (audit_events, auditwright_events, engine, orm, pytest_audit, sqlalchemy_asyncio, sqlite)
"""A run inside of this process forgets what it imports, so all of it is imported before: SQLAlchemy takes no
second import.
"""


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    report, settings = blocks(PAGE, "text")
    assert report.text.startswith("E ")
    pytester.makeini(settings.text.replace("auditwright_account = acme\n", ""))
    return pytester


def source() -> str:
    return "\n\n".join(block.text for block in blocks(PAGE, "python"))


def test_the_blocks_are_a_module_that_passes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(source())
    pytester.runpytest_inprocess(*PLUGIN).assert_outcomes(passed=4)


def test_the_report_is_that_of_a_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(source().replace('add_model(audit.log, "m-17")', 'add_model(audit.log, "m-18")'))
    result = pytester.runpytest_inprocess(*PLUGIN, "-k", "adding")
    result.assert_outcomes(failed=1, deselected=3)
    assert blocks(PAGE, "text")[0].text in result.stdout.str()


def test_the_settings_are_those_of_the_plugin(pytester: pytest.Pytester) -> None:
    added: list[str] = []

    class Parser:
        def addini(self, name: str, *_: object, **__: object) -> None:
            added.append(name)

    pytest_addoption(Parser())  # type: ignore[arg-type]
    settings = blocks(PAGE, "text")[1].text.splitlines()[1:]
    assert [line.partition(" = ")[0] for line in settings] == added
