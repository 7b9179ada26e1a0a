"""Made-up secrets that Django's views and Celery's tasks record, or fail to: nothing of them is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, signals
from django.core.management import call_command
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path
from tests.runtime.contrib.django import project
from tests.runtime.contrib.django.conftest import using
from tests.security.secret_entrances import KEY, values_of
from tests.security.secret_traces import SEARCH, TEXTS, everything_logged, shown
from tests.support.databases import SQLiteDatabase, open_log
from tests.support.web import ADA

from audit_events import AuditEvents
from auditwright.contrib import celery as integration
from auditwright.contrib.django import log as django_log


def given(number: int) -> dict[str, Any]:
    """The arguments with a secret; every tenth is wrong."""
    text = TEXTS[number]
    return values_of([text] if number % 10 == 0 else text, actor=ADA)


def record_in_view(request: HttpRequest, number: int) -> HttpResponse:
    """Every other entry is recorded in a transaction."""
    emit = AuditEvents(django_log).tool.tool_management.api_async_enabled
    if number % 2:
        return HttpResponse(shown(emit(**given(number))))
    with transaction.atomic():
        return HttpResponse(shown(emit(**given(number))))


urlpatterns = [path("record/<int:number>", record_in_view)]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SQLiteDatabase]:
    """The Django project with an empty database."""
    monkeypatch.setenv("AUDITWRIGHT_SECRET_KEY", KEY.text())
    database = SQLiteDatabase(tmp_path / "project.sqlite3")
    with using(**project.SQLITE | {"NAME": database.path}), override_settings(ROOT_URLCONF=__name__):
        call_command("migrate", verbosity=0)
        yield database


def test_no_view_of_django_leaves_a_secret(site: SQLiteDatabase) -> None:
    browser = Client(raise_request_exception=False)
    with everything_logged() as records:
        answers = [browser.get(f"/record/{number}") for number in range(len(TEXTS))]
    assert [answer.status_code for answer in answers[:11]] == [500, *[200] * 9, 500]
    assert len(site.rows()) == len(TEXTS) * 9 // 10 + 1  # that the log was created
    assert b"Internal Server Error" in records.all
    files = [file.read_bytes() for file in site.path.parent.glob("project.sqlite3*")]
    for content in (*files, *(answer.content for answer in answers), records.all):
        assert SEARCH.found_in(content) == set()


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[tuple[SQLiteDatabase, Any]]:
    """A database, and a task that records into it, in this process."""
    app = Celery("jobs", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.update(task_always_eager=True)
    integration.install()
    database = SQLiteDatabase(tmp_path / "audit.db")
    with open_log(database, secret_key=KEY) as log:
        emit = AuditEvents(log).tool.tool_management.api_async_enabled

        @app.task(name="record", shared=False)
        def record(number: int) -> str:
            return repr(emit(**given(number)))

        yield database, record
    for signal in (signals.before_task_publish, signals.task_prerun, signals.task_postrun):
        signal.disconnect(dispatch_uid=integration.HEADER)


def test_no_task_of_celery_leaves_a_secret(jobs: tuple[SQLiteDatabase, Any]) -> None:
    database, record = jobs
    with everything_logged() as records:
        results = [record.delay(number) for number in range(len(TEXTS))]
    assert sum(result.failed() for result in results) == len(TEXTS) // 10
    assert len(database.rows()) == len(TEXTS) * 9 // 10
    assert b"raised unexpected: ValidationError" in records.all
    traces = [shown([result.result, result.traceback]) for result in results]
    files = [file.read_bytes() for file in database.path.parent.glob("audit.db*")]
    for content in (*files, *traces, records.all):
        assert SEARCH.found_in(content) == set()
