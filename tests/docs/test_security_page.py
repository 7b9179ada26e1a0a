"""docs/security.md: the tests that it names exist, and its headers and weaknesses are those of the code.

The fix of a weakness fails its test here; then the page and the test change with it.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal
from tests.support.markdown import names_in, prose, rows, section
from tests.support.paths import DOCS, ROOT
from tests.support.sample_events import ASYNC
from tests.support.web import Client, authorize

from auditwright import AuditLog
from auditwright.server import create_app
from auditwright.server.headers import HEADERS

PAGE = DOCS / "security.md"
SECRET = {"tool_id": "t-4", "version_id": "v-1", "timeout": False, "access_token": "sk-1"}


def test_every_named_test_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", prose(PAGE)))
    modules = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    defined = {name for text in modules for name in re.findall(r"def (test_\w+)", text)}
    assert len(named) > 50
    assert named - defined == set()


def actors() -> dict[str, str]:
    """What the threat model says of each actor, by their heading."""
    _, _, after = prose(PAGE).partition("\n## Threat model\n")
    model, _, _ = after.partition("\n## ")
    parts = [part.partition("\n") for part in re.split(r"^### ", model, flags=re.MULTILINE)[1:]]
    return {title: text for title, _, text in parts}


def test_the_threat_model_is_complete_for_each_actor() -> None:
    starts = {
        title: [line.split()[0] for line in re.findall(r"^- (.*\.)$", text, re.MULTILINE)]
        for title, text in actors().items()
    }
    assert len(starts) >= 10
    assert {tuple(words) for words in starts.values()} == {("Can", "Is", "Not")}, starts


def test_every_claim_and_weakness_names_a_test() -> None:
    tables = [rows(text) for text in actors().values()]
    assert all(tables)
    claims = [row[1] for table in tables for row in table]
    weaknesses = re.findall(r"^- (.*)$", section(PAGE, "Known weaknesses"), re.MULTILINE)
    assert [text for text in claims + weaknesses if not re.search(r"`test_\w+`", text)] == []


def test_its_headers_are_those_of_the_code() -> None:
    table = [[names_in(cell)[0] for cell in row] for row in rows(section(PAGE, "Headers of the page"))]
    assert table == [
        *([name.decode(), value.decode()] for name, value in HEADERS.items()),
        ["cache-control", "no-store"],
    ]


# --- known weaknesses ----------------------------------------------------------------------------


@pytest.fixture
def client(log: AuditLog, portal: BlockingPortal) -> Client:
    return Client(create_app(log, authorize), portal)


def form(event: str = ASYNC, **parts: Any) -> dict[str, Any]:
    return {"event": event, "actor": {"type": "system"}, "metadata": SECRET, **parts}


def test_system_events_can_be_recorded_by_anybody(log: AuditLog, path: Path) -> None:
    ceo = {"type": "user", "id": "u-1", "name": "CEO"}
    entry = log.record_json(
        json.dumps({"event": "audit.log.exported", "actor": ceo, "metadata": {"format": "csv"}})
    )
    assert entry.description == "CEO exported the audit log as CSV."
