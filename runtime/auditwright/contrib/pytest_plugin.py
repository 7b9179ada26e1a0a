"""The plugin for pytest: the fixture `audit` and its options; `docs/testing.md` describes it.

pytest loads it wherever Auditwright is installed, so it imports nothing until a test uses the fixture.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from auditwright.catalog import Catalog
    from auditwright.contrib.pytest_audit import Audit


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options."""
    parser.addini("auditwright_catalog", "the generated package of the fixture `audit`, such as acme_audit")
    parser.addini("auditwright_account", "the default account of audit.log (default: none)")
    parser.addini(
        "auditwright_uncommitted",
        "whether entries in a transaction that is still open count as recorded",
        type="bool",
        default=False,
    )


@pytest.fixture(scope="session")
def _audit_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Catalog], Path]]:
    """Gives an empty log of a catalog: copying it takes half the time of creating one."""
    made: dict[str, Path] = {}

    def template(catalog: Catalog) -> Path:
        if catalog.package not in made:
            from auditwright.log import AuditLog

            path = tmp_path_factory.mktemp("auditwright") / "empty.db"
            AuditLog.open(f"sqlite:///{path}", catalog=catalog).close()
            made[catalog.package] = path
        return made[catalog.package]

    yield template
    for path in made.values():
        shutil.rmtree(path.parent, ignore_errors=True)


@pytest.fixture
def audit(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    _audit_template: Callable[[Catalog], Path],
) -> Iterator[Audit]:
    """What the test records, in any log of this process, and `audit.log`, an empty log of its own."""
    from auditwright.catalog import find_catalog
    from auditwright.context import isolated
    from auditwright.contrib.pytest_audit import Audit, OwnLog
    from auditwright.contrib.pytest_watching import watching
    from auditwright.errors import CatalogError

    config = request.config
    package: str | None = config.getini("auditwright_catalog") or None

    def catalog() -> Catalog:
        try:
            return find_catalog(package)
        except CatalogError as error:
            if package is None:
                error.add_note("for pytest: set auditwright_catalog in its configuration")
            raise

    def folder() -> Path:
        return tmp_path_factory.mktemp("auditwright")

    own = OwnLog(catalog, config.getini("auditwright_account") or None, _audit_template, folder)
    try:
        with isolated(), watching() as watch:
            yield Audit(watch, own, uncommitted=config.getini("auditwright_uncommitted"))
    finally:
        own.remove()
