"""`settings.AUDITWRIGHT`, the system checks, the URL of Django's database, and the management command."""

from __future__ import annotations

import io
import json
import uuid
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import connections
from django.test import override_settings
from psycopg.conninfo import conninfo_to_dict
from tests.runtime.contrib.django import project
from tests.runtime.contrib.django.conftest import Project, using
from tests.support.databases import PostgreSQLServer

from auditwright import Actor, StorageError
from auditwright.contrib.django import checks, log
from auditwright.contrib.django.conf import SETTING, configuration
from auditwright.contrib.django.databases import url_of
from auditwright.contrib.django.management.commands.auditwright import Command

from django.contrib.auth.models import Permission  # isort: skip


def messages(**changes: Any) -> list[tuple[str, str]]:
    """Id and text of what the checks find with changed settings."""
    with override_settings(**{SETTING: project.AUDITWRIGHT | changes}):
        return [(str(each.id), str(each.msg)) for each in (*checks.check_settings(), *checks.check_page())]


def test_the_project_passes_the_checks() -> None:
    assert messages() == []
    with override_settings(**{SETTING: {"ACCOUNT": "acme", "CATALOG": "audit_events"}}):
        assert checks.check_settings() == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"ACOUNT": "acme"},
            "AUDITWRIGHT: unknown key 'ACOUNT'; did you mean 'ACCOUNT'?",
        ),
        (
            {"ACCOUNT": 7},
            "AUDITWRIGHT['ACCOUNT']: expected the id of an account, such as 'acme', got 7",
        ),
        (
            {"URL": b"postgresql://ada:secret@db/shop"},
            "AUDITWRIGHT['URL']: expected a text, got bytes",
        ),
        (
            {"TRUSTED_PROXIES": ["*"]},
            "AUDITWRIGHT['TRUSTED_PROXIES']: *: every client would be a trusted proxy; name the addresses of "
            "your own proxies",
        ),
        (
            {"REQUEST_ID_HEADER": "x request"},
            "AUDITWRIGHT['REQUEST_ID_HEADER']: expected the name of a header, such as 'x-request-id', or "
            "None, got 'x request'",
        ),
        (
            {"TIMEOUT": 0},
            "AUDITWRIGHT['TIMEOUT']: expected a number of seconds from 1 to 3,600, got 0",
        ),
        (
            {"SPOOL": "/var/lib/shop/spool.db"},
            "AUDITWRIGHT['SPOOL']: expected the URL of a SQLite file, such as "
            "'sqlite:////var/lib/shop/audit-spool.db', got '/var/lib/shop/spool.db'",
        ),
        (
            {"SPOOL_BYTES": "1 GiB"},
            "AUDITWRIGHT['SPOOL_BYTES']: expected a whole number from 1,048,576 to 1,099,511,627,776, "
            "got '1 GiB'",
        ),
        (
            {"GET_ACTOR": "actor_of"},
            "AUDITWRIGHT['GET_ACTOR']: expected a function of the request, or its dotted path such as "
            "'shop.audit.actor_of', got 'actor_of'",
        ),
    ],
    ids=str,
)
def test_wrong_setting_is_an_error(changes: dict[str, Any], text: str) -> None:
    assert messages(**changes) == [("auditwright.E001", text)]
    with override_settings(**{SETTING: project.AUDITWRIGHT | changes}):
        with pytest.raises(ImproperlyConfigured) as raised:
            configuration()
        assert str(raised.value) == text


def test_setting_that_is_no_dictionary_is_an_error() -> None:
    with override_settings(**{SETTING: ["acme"]}):
        (found,) = checks.check_settings()
    assert str(found.msg) == "AUDITWRIGHT: expected a dictionary, got list"


@pytest.mark.parametrize(
    ("changes", "found", "beginning"),
    [
        ({"GET_ACTOR": "shop.audit.actor_of"}, "E002", "AUDITWRIGHT['GET_ACTOR']: No module named 'shop'"),
        ({"GET_ACCOUNT": "sys.path"}, "E002", "AUDITWRIGHT['GET_ACCOUNT']: 'sys.path' is not a"),
        ({"CATALOG": "shop_audit"}, "E003", 'the catalog package "shop_audit" cannot be imported'),
        ({"DATABASE": "audit"}, "E004", "DATABASES has no 'audit', which AUDITWRIGHT names; it has default"),
        ({"SPOOL": "sqlite:///s.db"}, "E011", "AUDITWRIGHT['SPOOL'] is for an audit log in PostgreSQL, and"),
        ({"SPOOL": "sqlite:///s.db", "URL": "sqlite:///a.db"}, "E011", "AUDITWRIGHT['SPOOL'] is for"),
        ({"ACCOUNT": None}, "W005", "Entries need an account"),
    ],
    ids=str,
)
def test_setting_that_leads_nowhere_is_found(changes: dict[str, Any], found: str, beginning: str) -> None:
    (first, text), *_ = messages(**changes)
    assert first == f"auditwright.{found}"
    assert text.startswith(beginning)


def test_other_databases_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections["default"], "vendor", "oracle")
    (found,) = messages()
    assert found[0] == "auditwright.E004"
    assert "an audit log is in SQLite or PostgreSQL: name one by AUDITWRIGHT['URL']" in found[1]
    assert messages(URL="sqlite:///audit.db") == []


def test_middleware_is_expected_first() -> None:
    ours, *others = project.MIDDLEWARE
    for middleware, expected in (
        (others, ["auditwright.W006"]),
        ([*others, ours], ["auditwright.W007"]),
        ([ours], ["auditwright.W008"]),
    ):
        with override_settings(MIDDLEWARE=middleware):
            assert [found for found, _ in messages()] == expected
    with override_settings(MIDDLEWARE=[ours]):
        assert messages(GET_ACTOR=lambda request: None) == []


def test_page_that_nobody_may_see_is_found() -> None:
    (found,) = messages(GET_ACCOUNT=lambda request: "acme")
    assert found[0] == "auditwright.W009"
    assert messages(GET_ACCOUNT=lambda request: "acme", GET_ACCOUNTS=lambda request: ["acme"]) == []


# --- the database ----------------------------------------------------------------------------------


def test_log_in_memory_is_refused() -> None:
    with using(**project.SQLITE | {"NAME": ":memory:"}):
        with pytest.raises(StorageError) as raised:
            log.record_event("account.roles.role_changed", {}, {"actor": Actor.system()})
        call_command("migrate", verbosity=0)  # for projects whose tests record nothing
        assert checks.check_database(databases=["default"]) == []
        assert messages() == []
    assert str(raised.value) == (
        "the database 'default' is in memory, where an audit log cannot be; for tests name a file: "
        'DATABASES[\'default\']["TEST"] = {"NAME": BASE_DIR / "test.sqlite3"}'
    )


def test_missing_tables_are_found_and_migrated(tmp_path: Path) -> None:
    with using(**project.SQLITE | {"NAME": tmp_path / "new.sqlite3"}):
        (found,) = checks.check_database(databases=["default"])
        assert (found.id, found.hint) == ("auditwright.W010", "Run `manage.py migrate`.")
        assert not (tmp_path / "new.sqlite3").exists()
        assert checks.check_database(databases=None) == []
        call_command("migrate", verbosity=0)
        assert checks.check_database(databases=["default"]) == []


def test_postgresql_parameters_become_a_url() -> None:
    odd = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "it's a shop?x=1&y",
        "USER": "ada@example.com",
        "PASSWORD": "p/w:%41 ü'\\",
        "HOST": "/var/run/my sockets",
        "PORT": "5433",
        "OPTIONS": {
            "sslmode": "require",
            "connect_timeout": 7,
            "options": "-c search_path=shop",
            "assume_role": "audit writer",
            "isolation_level": 4,
            "server_side_binding": True,
        },
    }
    with using(**odd):
        url = url_of("default")
    assert url.startswith("postgresql:///?")
    assert dict(conninfo_to_dict(url)) == {
        "dbname": "it's a shop?x=1&y",
        "user": "ada@example.com",
        "password": "p/w:%41 ü'\\",
        "host": "/var/run/my sockets",
        "port": "5433",
        "sslmode": "require",
        "connect_timeout": "7",
        "client_encoding": "UTF8",
        "options": "-c search_path=shop -c role=audit\\ writer",
    }


@pytest.mark.parametrize("granted", [False, True])
def test_log_assumes_the_role_of_django(site: Project, postgresql: PostgreSQLServer, granted: bool) -> None:
    if site.engine == "postgresql":
        role = f"audit clerk {uuid.uuid4().hex[:8]}"
        postgresql.change(f'CREATE ROLE "{role}" {"SUPERUSER" if granted else ""}')
        settings = connections["default"].settings_dict
        settings["OPTIONS"] = {"assume_role": role}
        log.close()
        try:
            with nullcontext() if granted else pytest.raises(StorageError, match="permission denied"):
                project.audit.account.roles.role_changed(actor=Actor.system())
        finally:
            settings["OPTIONS"] = {}
            log.close()
            postgresql.change(f'DROP ROLE "{role}"')


def test_there_is_nothing_to_migrate(site: Project) -> None:
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
    assert Permission.objects.filter(content_type__app_label="auditwright").count() == 2


# --- the command -----------------------------------------------------------------------------------


def run(*arguments: str) -> int:
    """The exit code of `manage.py auditwright ...`."""
    with pytest.raises(SystemExit) as ended:
        Command(stdout=io.StringIO()).run_from_argv(["manage.py", "auditwright", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_command_reads_the_log_of_the_settings(site: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.audit.account.roles.role_changed(actor=Actor.system("Night shift"))
    assert run("list", "--settings=shop.settings") == 0
    assert "Night shift" in capsys.readouterr().out
    assert run("database", "check") in (0, 1)
    assert run("show", "ffffffff") == 1
    assert run("list", "--where", "nonsense") == 2
    out = io.StringIO()
    call_command("auditwright", "count", stdout=out)
    assert int(out.getvalue()) >= 1
    with pytest.raises(CommandError, match="exit code 1") as raised:
        call_command("auditwright", "show", "ffffffff", stdout=out, stderr=out)
    assert raised.value.returncode == 1
    site.recorded()


def test_command_exports_to_a_file(site: Project, tmp_path: Path) -> None:
    project.audit.account.roles.role_changed(actor=Actor.system("Night shift"))
    assert run("export", "--format", "jsonl", "--output", str(tmp_path / "log.jsonl")) == 0
    lines = (tmp_path / "log.jsonl").read_text("utf-8").splitlines()
    assert any(json.loads(line)["actor"].get("name") == "Night shift" for line in lines)
    site.recorded()


def test_command_is_found_by_django(capsys: pytest.CaptureFixture[str]) -> None:
    from django.core.management import get_commands, load_command_class

    command = load_command_class(get_commands()["auditwright"], "auditwright")
    assert isinstance(command, BaseCommand)
    command.print_help("manage.py", "auditwright")
    assert "usage: auditwright" in capsys.readouterr().out
    assert settings.configured


def test_entries_go_into_the_spool_while_the_database_is_away(tmp_path: Path) -> None:
    away = {
        "URL": "postgresql://postgres@127.0.0.1:1/audit",
        "SPOOL": f"sqlite:///{tmp_path}/spool.db",
        "SPOOL_BYTES": 2**20,
        "TIMEOUT": 3,
    }
    with override_settings(**{SETTING: project.AUDITWRIGHT | away}):
        try:
            entry = log.record_event("account.roles.role_changed", {}, {"actor": Actor.system()})
            assert entry.spooled
            assert log.health().spooled == 1
        finally:
            log.close()
        out = io.StringIO()
        with pytest.raises(CommandError, match="exit code 1"):
            call_command("auditwright", "spool", "status", stdout=out)
        assert out.getvalue().startswith(f"{tmp_path}/spool.db: 1 entry waits since ")
