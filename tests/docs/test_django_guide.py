"""docs/django.md: its files and commands turn a new Django project into one with an audit log."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.markdown import blocks, follow, rows, section
from tests.support.paths import DOCS
from tests.support.processes import run_python

PAGE = DOCS / "django.md"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after the page."""
    folder = tmp_path_factory.mktemp("django")
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", "."], cwd=folder, check=True)
    assert follow(PAGE, folder) == 4
    return folder


VISIT = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
import django
django.setup()
from django.contrib.auth.models import User
from django.test import Client
from auditwright.contrib.django import log
client = Client(headers={"host": "localhost"})
client.force_login(User.objects.create_superuser("ada"))
print(client.post("/roles/editors/", REMOTE_ADDR="203.0.113.7").status_code)
print(*((each.event, each.actor.name, each.ip_address) for each in log.account("acme").all()))
print("203.0.113.7" in client.get("/audit/").content.decode())
log.close()
django.db.connections.close_all()
"""


def test_project_records_and_shows(shop: Path) -> None:
    script = f"import sys; sys.path.insert(0, {str(shop)!r})\n{VISIT}"
    assert run_python(script, cwd=shop).splitlines() == [
        "201",
        "('account.roles.role_changed', 'ada', '203.0.113.7')",
        "True",
    ]


def test_page_names_all_keys_of_the_settings() -> None:
    from dataclasses import fields

    from auditwright.contrib.django.conf import Configuration

    table = rows(section(PAGE, "Settings"))
    named = {name.strip("`") for first, *_ in table for name in first.split(", ")}
    assert named == {each.name.upper() for each in fields(Configuration)}


def test_page_shows_files_and_commands_only() -> None:
    assert {(block.language, block.use.partition("=")[0]) for block in blocks(PAGE)} == {
        ("python", "append"),
        ("python", "file"),
        ("console", ""),
    }
