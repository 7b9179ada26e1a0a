"""One run finds a hundred seeded mistakes, each with its rule, its position and a hint."""

import re
import shutil
from pathlib import Path

import pytest
from tests.generator.checks.seeded import Seeded, seed

from auditwright_generator.check import read_catalog

CATALOG = Path(__file__).parents[3] / "catalog"


@pytest.fixture
def mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Seeded]:
    shutil.copytree(CATALOG, tmp_path / "catalog")
    monkeypatch.chdir(tmp_path)
    return seed(Path("catalog"))


def test_one_run_finds_a_hundred_mistakes_at_their_positions(mistakes: list[Seeded]) -> None:
    assert len(mistakes) >= 100
    assert len({mistake.code for mistake in mistakes}) >= 20
    findings = read_catalog(Path("catalog")).findings
    found = [Seeded(each.path, each.line, each.column, each.code) for each in findings]
    assert found == mistakes


def test_every_finding_has_a_hint(mistakes: list[Seeded]) -> None:
    for finding in read_catalog(Path("catalog")).findings:
        assert re.search("; |must be", finding.message), str(finding)
