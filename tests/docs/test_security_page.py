"""docs/security.md: the tests that it names exist, and its headers are those of the code.

A known weakness has its test here: the fix fails it, and then the page and the test change with it.
"""

import re
from typing import Any
from unittest.mock import Mock

from tests.fuzz import entrances as fuzz
from tests.security.hostile_row_texts import HOSTILE_TEXTS
from tests.security.sample_secrets import KINDS
from tests.security.secret_entrances import ENTRANCES
from tests.security.secret_faults import refused_calls
from tests.security.secret_traces import SECRETS
from tests.security.test_postgresql_rewrites import REWRITING as ON_POSTGRESQL
from tests.security.test_sqlite_rewrites import REWRITING as ON_SQLITE
from tests.support.markdown import names_in, prose, rows, section
from tests.support.paths import DOCS, ROOT

from auditwright.server.headers import HEADERS

PAGE = DOCS / "security.md"


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
    assert all(rows(text) for text in actors().values())
    tables = re.findall(r"^\| (?:Claim|Attack) \|(?:.*\n\|)*.*$", prose(PAGE), re.MULTILINE)
    claims = [row[-1] for table in tables for row in rows(f"{table}\n")]
    assert len(claims) > 30
    weaknesses = re.findall(r"^- (.*)$", section(PAGE, "Known weaknesses"), re.MULTILINE)
    assert [text for text in claims + weaknesses if not re.search(r"`test_\w+`", text)] == []


def test_its_figures_are_those_of_the_tests() -> None:
    tried = {row[0]: re.findall(r"\d[\d,]*", row[1]) for row in rows(section(PAGE, "What was tried"))}
    nothing: Any = Mock()
    refused = list(refused_calls(nothing, SECRETS[0]))
    figures = [
        (len(SECRETS), len(KINDS), len(ENTRANCES) - 1, len(KINDS) - 1),
        (len(refused), 6),
        (len(HOSTILE_TEXTS),),
        (len(ON_SQLITE), 4, len(ON_POSTGRESQL), 3),
        (2_500, len(fuzz.ENTRANCES)),
    ]
    assert list(tried.values()) == [[f"{figure:,}" for figure in each] for each in figures]


def test_its_headers_are_those_of_the_code() -> None:
    table = [[names_in(cell)[0] for cell in row] for row in rows(section(PAGE, "Headers of the page"))]
    assert table == [
        *([name.decode(), value.decode()] for name, value in HEADERS.items()),
        ["cache-control", "no-store"],
    ]
