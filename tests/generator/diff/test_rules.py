"""The output of `auditwright diff` for every kind of change, with cases in tests/generator/diff/cases.yaml.

After a change of messages update them with
`AUDITWRIGHT_UPDATE_CASES=1 pytest tests/generator/diff/test_rules.py`, and review the diff.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.generator.run_command import run

from auditwright_generator import cli
from auditwright_generator.check import read_catalog
from auditwright_generator.diff.compare import compare
from auditwright_generator.diff.rules import AUDIENCES, CHANGE_RULES
from auditwright_generator.model import Catalog

FOLDER = Path(__file__).parent
CASES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "cases.yaml").read_text("utf-8"))
BY_NAME = {case["case"]: case for case in CASES}

PAIRS = (
    "BR101 BR102", "BR103 BR104", "BR105 BR104", "BR110 BR111", "BR112 BR113", "BR115 BR116", "BR121 BR122",
    "BR131 BR132", "BR201 BR203", "BR202 BR203", "BR205 BR206", "BR210 BR211", "BR222 BR221", "BR224 BR225",
    "BR226 BR228", "BR231 BR232", "BR235 BR232", "BR241 BR242", "BR252 BR251", "BR261 BR262", "BR263 BR264",
    "BR271 BR273", "BR272 BR273", "BR274 BR275", "BR301 BR302", "BR304 BR305",
)  # fmt: skip
"""What a change is when it is taken back; all others are what they were."""
BOTH_WAYS = ("BR104", "BR221", "BR251")
"""Changes of such a pair that can be their own reverse, too."""
ONE_WAY = {
    "alias dropped": "the former key is an alias that is added again",
    "category renamed": "its events had aliases on the way there",
    "level renamed": "its events had aliases on the way there",
    "two events become one": "one event becomes two",
    "alias dropped in a merge": "one event becomes two",
    "entry": "the use says `required: false` again",
    "condition made certain": "an optional field comes from one that was conditional",
    "event moved": "without an alias its fields are not compared",
}


def edit(folder: Path, edits: list[dict[str, str]]) -> None:
    for each in edits:
        path = folder / each["file"]
        if "new" not in each:
            path.unlink()
        elif "old" not in each:
            path.parent.mkdir(exist_ok=True)
            path.write_text(each["new"], "utf-8")
        else:
            text = path.read_text("utf-8")
            assert each["old"] in text, each
            path.write_text(text.replace(each["old"], each["new"]), "utf-8")


def write_case(case: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """Writes the older and the newer catalog of a case, with versions 1.0.0 and 2.0.0."""
    for name in ("old", "catalog"):
        shutil.copytree(FOLDER / "catalog", folder / name)
        edit(folder / name, case.get("before", []))
    edit(folder / "catalog", case["after"])
    edit(folder / "catalog", [{"file": "catalog.yaml", "old": "version: 1.0.0", "new": "version: 2.0.0"}])
    return folder / "old", folder / "catalog"


def resolved(folder: Path) -> Catalog:
    catalog = read_catalog(folder).catalog
    assert catalog is not None
    return catalog


@pytest.mark.parametrize("name", BY_NAME)
def test_every_kind_of_change_is_printed(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = BY_NAME[name]
    write_case(case, tmp_path)
    monkeypatch.chdir(tmp_path)
    code = run(cli.diff, "--against", "old")
    printed, problems = capsys.readouterr()
    changes = "".join(printed.splitlines(keepends=True)[:-1])
    if os.environ.get("AUDITWRIGHT_UPDATE_CASES"):
        _rewrite(name, changes)
        return
    assert changes == case["prints"]
    assert problems == ""
    assert code == (1 if " break BR" in changes else 0)


def _rewrite(name: str, prints: str) -> None:
    path = FOLDER / "cases.yaml"
    pattern = rf"(- case: {re.escape(name)}\n(?:.+\n)*?  prints: \|\n)(?:    .+\n)*"
    indented = "".join(f"    {line}" for line in prints.splitlines(keepends=True))
    text = path.read_text("utf-8")
    path.write_text(re.sub(pattern, lambda match: match[1] + indented, text), "utf-8")


@pytest.mark.parametrize("name", [name for name in BY_NAME if name not in ONE_WAY])
def test_the_reverse_comparison_has_the_reverse_rule(name: str, tmp_path: Path) -> None:
    old, new = (resolved(folder) for folder in write_case(BY_NAME[name], tmp_path))
    there = {change.rule.code for change in compare(old, new)}
    back = {change.rule.code for change in compare(new, old)}
    assert there
    assert [code for code in there if not reverses(code) & back] == []
    assert [code for code in back if not reverses(code) & there] == []


def reverses(code: str) -> set[str]:
    found = {other for pair in PAIRS if code in pair for other in pair.split() if other != code}
    return found | ({code} if not found or code in BOTH_WAYS else set())


@pytest.mark.parametrize("name", BY_NAME)
def test_a_catalog_equals_itself(name: str, tmp_path: Path) -> None:
    for folder in write_case(BY_NAME[name], tmp_path):
        assert compare(resolved(folder), resolved(folder)) == []


def test_every_rule_has_a_case() -> None:
    printed = "".join(case["prints"] for case in CASES)
    assert [rule.code for rule in CHANGE_RULES if f" {rule.code} {rule.name}: " not in printed] == []


def test_codes_and_names_are_unique_and_sorted() -> None:
    codes = [rule.code for rule in CHANGE_RULES]
    assert codes == sorted(set(codes))
    assert len({rule.name for rule in CHANGE_RULES}) == len(codes)


def test_breaks_have_audiences_and_a_large_enough_bump() -> None:
    breaks = [rule for rule in CHANGE_RULES if rule.effect == "break"]
    assert all(rule.audiences for rule in breaks)
    assert {name for rule in CHANGE_RULES for name in rule.audiences} == set(AUDIENCES)
    minor = [rule.name for rule in breaks if rule.bump != "major"]
    assert minor == ["event-title-changed", "category-title-changed", "column-title-changed"]
    assert all(rule.bump != "major" for rule in CHANGE_RULES if rule.effect == "safe")
