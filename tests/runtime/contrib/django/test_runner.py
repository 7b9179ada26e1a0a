"""Django's test runner: the audit log in the databases that it creates, copies and drops."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.contrib.django import project
from tests.runtime.contrib.django.conftest import parameters
from tests.support.databases import PostgreSQLServer
from tests.support.markdown import IMPORT_ROOTS
from tests.support.paths import ROOT

RUN = """
import json, sys
from tests.runtime.contrib.django.conftest import use
use(**json.loads(sys.argv[1]))
from django.core.management import call_command
label = "tests.runtime.contrib.django.sample_tests"
call_command("test", label, parallel=int(sys.argv[2]), interactive=False)
"""


def run_tests(database: dict[str, Any], processes: int) -> str:
    """What Django's runner says; its tests must pass."""
    roots = os.pathsep.join(str(ROOT / name) for name in (*IMPORT_ROOTS, "."))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN, json.dumps(database), str(processes)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": roots},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("processes", [1, 2])
def test_sqlite_file_is_created_copied_and_removed(tmp_path: Path, processes: int) -> None:
    name = str(tmp_path / "test.sqlite3")
    said = run_tests(project.SQLITE | {"TEST": {"NAME": name}}, processes)
    assert "Ran 4 tests" in said
    assert list(tmp_path.iterdir()) == []


def test_postgresql_database_is_created_and_dropped(postgresql: PostgreSQLServer) -> None:
    name = f"test_shop_{uuid.uuid4().hex[:8]}"
    said = run_tests(
        {**parameters(postgresql, "postgres"), "TEST": {"NAME": name}}
        | {"OPTIONS": {"options": "-c DateStyle=ISO"}},
        1,
    )
    assert "Ran 4 tests" in said
    databases = postgresql.bare()
    try:
        found = databases.rows(f"SELECT count(*) FROM pg_database WHERE datname = '{name}'")
    finally:
        postgresql.drop(databases)
    assert found == [(0,)]
