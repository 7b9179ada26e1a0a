"""The exit codes of the command."""

from pathlib import Path

import pytest
from tests.generator.coverage.sample_code import AUDIT, CATALOG, write
from tests.generator.run_command import run

from auditwright_generator.cli import coverage as command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the catalog in it."""
    write(tmp_path / "catalog", CATALOG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUDITWRIGHT_CATALOG_DIR", raising=False)
    return tmp_path


def test_fail_on_error_lets_warnings_pass(here: Path) -> None:
    write(here, {"src/a.py": ""})
    assert run(command, "src") == 1
    assert run(command, "src", "--fail-on", "error") == 0
    write(here, {"src/a.py": AUDIT + "audit.shop.orders.typo()"})
    assert run(command, "src", "--fail-on", "error") == 1


def test_a_catalog_with_errors_is_compared_with_nothing(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here, {"src/a.py": "", "catalog/shop/orders.yaml": "category: orders\n"})
    assert run(command, "src") == 1
    output, problems = capsys.readouterr()
    assert output == ""
    assert problems.startswith("catalog/shop/orders.yaml:1:1: error ")


def test_missing_catalog_is_a_usage_error(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"src/a.py": ""})
    assert run(command, "src", "--catalog", "nowhere") == 2
    assert capsys.readouterr().err.startswith("auditwright: cannot read nowhere: there is no such folder")
