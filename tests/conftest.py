"""Fixtures that several test modules share, and what the run prints at its end."""

import importlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.generator.run_command import run
from tests.support.paths import TEST_CATALOGS

from auditwright_generator import cli

# As `dev.py test` does: each interpreter that tests start would compile everything again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in a shell's background job: what tests start and interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

KITCHEN_SINK = TEST_CATALOGS / "kitchen_sink"

pytest_plugins = (
    "tests.support.temporary_files",
    "tests.support.campaigns",
    "tests.support.command_line",
    "tests.support.database_fixtures",
    "tests.support.sample_site",
    "tests.support.spools",
    "tests.support.team_site",
    "tests.support.web",
)

_mutations: dict[str, tuple[int, int]] = {}


@pytest.fixture(scope="session")
def kitchen_sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of what is generated from `tests/catalogs/kitchen_sink`; its package can be imported."""
    yield from _generated("kitchen_sink", tmp_path_factory)


@pytest.fixture(scope="session")
def stored_names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same of `tests/catalogs/stored_names`, whose JSON has names that are no names of the catalog."""
    yield from _generated("stored_names", tmp_path_factory)


@pytest.fixture(scope="session")
def further_types(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same of `tests/catalogs/types`: UUIDs, dates, 64-bit numbers, and a change of each type."""
    yield from _generated("types", tmp_path_factory)


@pytest.fixture(scope="session")
def json_values(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same of `tests/catalogs/json_values`, whose package is `json_values_events`."""
    yield from _generated("json_values", tmp_path_factory)


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same of `tests/catalogs/outcomes`, whose events can fail and have targets."""
    yield from _generated("outcomes", tmp_path_factory)


@pytest.fixture(scope="session")
def no_levels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same of `tests/catalogs/no_levels`, whose categories have dots in their names."""
    yield from _generated("no_levels", tmp_path_factory)


def _generated(name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    out = tmp_path_factory.mktemp(name)
    assert run(cli.generate, "--catalog", str(TEST_CATALOGS / name), "--out", str(out)) == 0
    sys.path.insert(0, str(out))
    yield out
    sys.path.remove(str(out))
    shutil.rmtree(out)


def import_view(package: str, event: str) -> Any:
    """The view class of an event in a generated package."""
    level, category, name = event.split(".")
    module = importlib.import_module(f"{package}.tables.{level}.{category}")
    return getattr(module, "".join(part.capitalize() for part in name.split("_")))


@pytest.fixture(scope="session")
def mutations() -> dict[str, tuple[int, int]]:
    """By catalog: how many mutations were compared, and how many of them every artifact accepted."""
    return _mutations


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for catalog, (compared, accepted) in _mutations.items():
        terminalreporter.write_line(
            f"parity of {catalog}: {compared} mutations, {accepted} accepted by all and "
            f"{compared - accepted} refused by all"
        )
