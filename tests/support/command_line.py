"""The command line in-process, in a folder of its own."""

import io
import os
import pwd
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.citus import coordinator
from tests.support.databases import Database

from auditwright import Actor, cli

_LOGIN = pwd.getpwuid(os.getuid()).pw_name
OS_USER = Actor.user(f"os:{_LOGIN}", f"{_LOGIN}@{socket.gethostname()}")
"""Who a command without --actor records."""
SCANNER = "tool.guardrails.input_scanner_added"


@dataclass(frozen=True)
class CommandResult:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def usage_error(self) -> str:
        """The message under the usage, where that is all there is."""
        assert self.code == 2
        assert self.out == ""
        assert self.err.startswith("usage: auditwright ")
        return self.err.splitlines()[-1]


Auditwright = Callable[..., CommandResult]


@pytest.fixture
def auditwright(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Auditwright:
    """Runs a command with its arguments; `stdin` is what it is given there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("DATABASE", "ACCOUNT", "CATALOG", "CATALOG_DIR", "SECRET_KEY", "RECORD_READS", "SPOOL"):
        monkeypatch.delenv(f"AUDITWRIGHT_{name}", raising=False)

    def run(*arguments: str, stdin: str = "") -> CommandResult:
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
            try:
                code = cli.main(arguments)
            except SystemExit as exit_:
                code = int(exit_.code or 0)
        out, err = capsys.readouterr()
        return CommandResult(code, out, err)

    return run


if coordinator():

    @pytest.fixture
    def default_database(
        auditwright: Auditwright, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Commands use a database on the cluster of the environment."""
        monkeypatch.setenv("AUDITWRIGHT_DATABASE", database.url)

else:

    @pytest.fixture
    def default_database() -> None:
        """Commands use audit.db in their folder."""


@pytest.fixture
def recorded(auditwright: Auditwright, default_database: None) -> Auditwright:
    """The same, with three entries in the default database: two of the account acme, one of globex."""
    for account, time, actor, event, metadata in (
        ("acme", "03:04:05.678", "user:u-17:Ada Lovelace", SCANNER, '{"tool_id": "t-4"}'),
        ("acme", "04:00", "app:ci:Pipeline", "account.models.api_key_created", _MODEL),
        ("globex", "05:00", "user:u-42:Grace Hopper", SCANNER, '{"tool_id": "t-5"}'),
    ):
        options = ["--actor", actor, "--metadata", metadata, "--account", account]
        done = auditwright(
            "record", event, *options, "--occurred-at", f"2026-01-02T{time}", "--ip", "192.0.2.1"
        )
        assert (done.code, done.err) == (0, "")
    return auditwright


_MODEL = '{"model_id": "m-17", "model_name": "Llama", "model_type": "open_source"}'
