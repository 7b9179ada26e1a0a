"""Code that records events of a catalog without levels: two names in a row may also mean something else."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.support.paths import TEST_CATALOGS

QUERY, LOGIN = "db.session.query", "user.login"
AUDIT = "from flat_events import AuditEvents\naudit = AuditEvents(log)\n"
SESSIONS = "from flat_events.db_session import DbSession\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the catalog in it."""
    shutil.copytree(TEST_CATALOGS / "no_levels", tmp_path / "catalog")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUDITWRIGHT_CATALOG_DIR", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("import flat_events\nflat_events.AuditEvents(log).db_session.query()", "emitter"),
        (AUDIT + "audit.db_session.query()", "emitter"),
        (AUDIT + "s = audit.db_session\ns.query()", "emitter"),
        (AUDIT + "register(audit.db_session.query)", "emitter"),
        (AUDIT + "getattr(audit, 'db_session').query()", "emitter"),
        ("self.audit.db_session.query()", "emitter"),
        (SESSIONS + "def f(s: DbSession[A, B]): s.query()", "emitter"),
        ("from flat_events.models.db_session import Query\nlog.record(Query(db_name=n))", "model"),
        ("from flat_events.models import db_session as m\nm.Query.model_validate(d)", "model"),
        ("log.record_event('db.session.query', {}, {})", "key"),
        ("log.record_form({'event': 'db.session.query', 'metadata': {}})", "key"),
        ("def f(db_session): db_session.query(db_name=n, query_text=t)", "by name"),
    ],
)
def test_every_way_of_emitting_is_seen(cover: Any, code: str, how: str) -> None:
    found = cover(code)
    assert list(found.emitted) == [QUERY]
    assert {position.partition(" ")[2] for position in found.emitted[QUERY]} == {how}
    assert found.problems == []


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (
            AUDIT + "audit.db_sesion.query()",
            '3:7 AC972 flat_events has no category "db_sesion"; did you mean "db_session"?',
        ),
        (
            AUDIT + "audit.db_session.qury()",
            '3:18 AC972 db_session has no emitter "qury"; did you mean "query"?',
        ),
        (
            AUDIT + "audit.db.session.query()",
            '3:7 AC972 flat_events has no category "db"; write one of user, db_session',
        ),
        (
            AUDIT + "audit.account.users.user_login()",
            "3:21 AC972 account.users.user_login is called user.login now; emit that",
        ),
        (
            "self.audit.account.users.user_login()",
            "1:26 AC972 account.users.user_login is called user.login now; emit that",
        ),
        (
            "log.record_event('db.session.qury', {}, {})",
            '1:18 AC972 no event has the key "db.session.qury"; did you mean "db.session.query"?',
        ),
    ],
)
def test_unknown_emitter_is_found(cover: Any, code: str, problem: str) -> None:
    found = cover(code)
    assert (found.emitted, found.problems) == ({}, [f"src/a.py:{problem}"])


def test_former_key_is_a_finding(cover: Any) -> None:
    found = cover("log.record_event('account.users.user_login', {}, {})")
    assert found.emitted == {LOGIN: ["src/a.py:1:18 key"]}
    assert found.problems == [
        "src/a.py:1:18 AC975 account.users.user_login is called user.login now; write that"
    ]


@pytest.mark.parametrize(
    "code",
    [
        "db.session.query(User)",
        "db.session.query()",
        "db.session.query(db_name=n, query_text=t)",
        "user.login(how='sso')",
        "request.user.logout()",
        "request.user.logout(everywhere=True)",
        "row.account.users.user_login()",
        "audit.user.email",
        AUDIT + "user = audit.user if x else request.user\nuser.email",
        "send({'event': 'page.viewed', 'metadata': {}})",
    ],
)
def test_other_code_with_such_names_does_not_count(cover: Any, code: str) -> None:
    found = cover(code)
    assert (found.emitted, found.problems, found.notes) == ({}, [], [])
