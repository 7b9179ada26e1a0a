"""A hundred mistakes in the real catalog are found in one run, each by its rule and where it is."""

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


def test_a_hundred_mistakes_are_found_in_one_run_each_by_its_rule_where_it_is(mistakes: list[Seeded]) -> None:
    assert len(mistakes) >= 100
    assert len({mistake.code for mistake in mistakes}) >= 20
    findings = read_catalog(Path("catalog")).findings
    found = [Seeded(each.path, each.line, each.column, each.code) for each in findings]
    assert found == mistakes


def test_every_one_of_them_says_the_way_out(mistakes: list[Seeded]) -> None:
    for finding in read_catalog(Path("catalog")).findings:
        assert re.search("; |must be", finding.message), str(finding)
