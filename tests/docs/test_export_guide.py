"""docs/export.md: its blocks run in order, and its tables match the code."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.support.markdown import blocks, commands, fits, names_in, prose, rows, run, section
from tests.support.paths import ROOT

from auditwright.storage.csv_cells import FORMULA
from auditwright.transfer.export_file import COMPRESSORS, FORMATS
from auditwright.transfer.text_export import CSV_COLUMNS
from auditwright_generator.source.structure import KINDS

PAGE = ROOT / "docs" / "export.md"


def test_its_blocks_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "generated").symlink_to(ROOT / "generated")
    names: dict[str, Any] = {"__name__": "export_guide"}
    done = 0
    for block in blocks(PAGE):
        if block.language == "python":
            exec(compile("\n" * (block.line - 1) + block.text, str(PAGE), "exec"), names)
            done += 1
        elif block.language == "console":
            for command, expected in commands(block):
                ended = run(command, tmp_path)
                assert ended.returncode == 0, ended.stderr
                assert fits(ended.stdout, expected), f"{command}\n{ended.stdout}{ended.stderr}"
                done += 1
    assert done == 15
    names["log"].close()


def test_it_names_every_format_and_suffix() -> None:
    table = rows(section(PAGE, "The command"))
    assert [names_in(row[0])[0] for row in table] == list(FORMATS)
    assert [names_in(row[1])[0] for row in table] == [f".{form}" for form in FORMATS]
    assert set(names_in(section(PAGE, "Compression"))) >= {f".{suffix}" for suffix in COMPRESSORS}


def test_guide_names_every_guarded_character() -> None:
    (sentence,) = re.findall(r"A cell that begins with (.*?) gets a", prose(PAGE))
    assert {*names_in(sentence), "\t", "\n", "\r"} == set(FORMULA)
    assert "a tab, a line end" in sentence


def test_guide_names_the_columns() -> None:
    named = ", ".join(CSV_COLUMNS[:-1]) + f" and {CSV_COLUMNS[-1]}"
    assert f"The columns are {named}." in prose(PAGE)


def test_its_types_are_those_of_the_language() -> None:
    named = [names_in(row[0])[0] for row in rows(section(PAGE, "Parquet")) if names_in(row[0])]
    kinds, others = named[: named.index("list of")], named[named.index("list of") :]
    assert kinds == ["integer", "number", "boolean", "timestamp", "date", "bigint"]
    assert set(kinds) < set(KINDS)
    assert others == ["list of", "change of"]
