"""docs/security.md: the tests that it names exist, and its headers are those of the code.

A known weakness has its test here: the fix fails it, and then the page and the test change with it.
"""

import re

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
