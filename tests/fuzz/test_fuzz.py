"""The short form of `python -m tests.fuzz`: every entrance, on both engines."""

import os
from pathlib import Path

import pytest
from tests.fuzz.__main__ import main
from tests.fuzz.campaign import Entrance, Outcome, Result, run
from tests.fuzz.entrances import ENTRANCES
from tests.fuzz.hostile import Raised
from tests.fuzz.reading_back import read_back
from tests.fuzz.world import World
from tests.support.campaigns import examples
from tests.support.databases import Database, SQLiteDatabase

from auditwright import FilterError

SEED = 13
INPUTS = examples(2_500)
"""Over all entrances: a few seconds. The command tries a million."""


def test_hostile_inputs_end_as_documented(database: Database, tmp_path: Path) -> None:
    shares = sum(entrance.share for entrance in ENTRANCES)
    folder = Path.cwd()
    os.chdir(tmp_path)  # a name in an input never touches the caller's files
    world = World(database, tmp_path, SEED)
    try:
        results = [
            run(world, entrance, SEED, max(round(INPUTS * entrance.share / shares), 10))
            for entrance in ENTRANCES
        ]
        findings = [each for result in results for each in result.findings.values()] + read_back(world)
        assert not findings, "\n\n".join(
            f"{each.entrance}: {each.title}\n{each.shown[:1000]}\n{each.text[-3000:]}" for each in findings
        )
        total = Outcome()
        for result in results:
            total.add(result.outcome)
        assert total.inputs >= INPUTS
        assert min(total.stored, total.refused, total.answered) > INPUTS // 20
    finally:
        os.chdir(folder)
        world.close()


# --- the judge -------------------------------------------------------------------------------------


class _Unwritable(FilterError):
    """An error whose text no file takes."""

    def __str__(self) -> str:
        return "\ud800"


def _judged(world: World, error: Exception | None, **options: object) -> Result:
    def call(*_: object) -> Outcome:
        if error is not None:
            raise error
        return Outcome(stored=1)

    return run(world, Entrance("judged", 1, call, **options), SEED, 1)  # type: ignore[arg-type]


def test_judge_finds_what_is_not_documented(tmp_path: Path) -> None:
    world = World(SQLiteDatabase(tmp_path / "audit.db"), tmp_path, SEED)
    try:
        assert _judged(world, FilterError("no")).findings == {}
        assert _judged(world, Raised(), passes=True).findings == {}
        assert _judged(world, ValueError(), documented=(ValueError,)).findings == {}
        for error in (
            ValueError(),
            Raised(),
            RecursionError(),
            _Unwritable(),
            FilterError("x" * 50_000),
        ):
            assert _judged(world, error).undocumented == 1, error
        assert list(_judged(world, None).findings) == ["rows"], "it says stored, and nothing is"
    finally:
        world.close()


def test_command_shows_a_table_and_repeats_one_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--entrance", "record_json", "--number", "20", "--seed", "3"]) == 0
    head, row, *_ = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["entrance", "inputs", "stored", "known"]
    assert row.split()[:2] == ["record_json", "20"]
    assert main(["--repeat", "record_json:7", "--seed", "3"]) == 0
    assert capsys.readouterr().out.startswith("Outcome(")
