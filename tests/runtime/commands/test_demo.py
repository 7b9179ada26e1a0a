"""`auditwright demo` and `auditwright secret-key`."""

import csv
import shlex
from pathlib import Path

import pytest
from tests.support.command_line import Auditwright

from audit_events import CATALOG
from auditwright import SecretKey


@pytest.mark.parametrize("folder", ["demo", "a folder/of mine"])
def test_demo_can_be_repeated(auditwright: Auditwright, tmp_path: Path, folder: str) -> None:
    kept = tmp_path / folder / "notes.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    for _ in range(2):
        done = auditwright("demo", "--folder", folder)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("Recorded 78 of 78 events by 4 actors, one of each.\n")
        assert f"The CSV        {folder}/audit-log.csv (78 entries)\n" in done.out
        with (tmp_path / folder / "audit-log.csv").open(newline="", encoding="utf-8") as stream:
            titles = [row["Event Name"] for row in csv.DictReader(stream)]
        assert sorted(titles) == sorted(event.title for event in CATALOG.events.values())
    assert kept.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == [Path(folder).parts[0]]


@pytest.mark.parametrize("folder", ["demo", "a folder"])
def test_suggested_commands_work(auditwright: Auditwright, folder: str) -> None:
    printed = auditwright("demo", "--folder", folder).out
    listing, serving, exporting, helping = (
        shlex.split(line)[1:] for line in printed.splitlines() if line.startswith("  auditwright ")
    )
    listed = auditwright(*listing)
    assert (listed.code, listed.err) == (0, "")
    assert listed.out.splitlines()[1] in printed
    assert serving[:2] == ["serve", "--account"]
    assert auditwright(*exporting).err == f"exported 78 entries to {folder}/audit-log.jsonl\n"
    assert auditwright(*helping).out.startswith("usage: auditwright ")


def test_catalog_is_mentioned_only_where_it_exists(auditwright: Auditwright, tmp_path: Path) -> None:
    assert "catalog/" not in auditwright("demo").out
    (tmp_path / "catalog").mkdir()
    (tmp_path / "generated" / "docs").mkdir(parents=True)
    (tmp_path / "generated" / "docs" / "index.md").touch()
    printed = auditwright("demo").out
    assert "\nThe reference  generated/docs/index.md\n" in printed
    assert printed.endswith(
        "\nThen edit a file in catalog/ and run: auditwright check && auditwright generate\n"
    )


def test_folder_that_cannot_be_created_is_an_error(auditwright: Auditwright, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    done = auditwright("demo", "--folder", "file/demo")
    assert (done.code, done.out, done.err) == (2, "", "auditwright: file/demo: Not a directory\n")


def test_secret_key_command_prints_a_valid_key(auditwright: Auditwright) -> None:
    done = auditwright("secret-key")
    assert (done.code, SecretKey.parse(done.out).id) == (0, "k1")
    assert done.err == (
        "store it with the deployment's other secrets, as AUDITWRIGHT_SECRET_KEY; not in the database\n"
    )
    assert auditwright("secret-key").out != done.out
    assert auditwright("secret-key", "--id", "2026-01").out.startswith("2026-01:")


def test_invalid_key_id_is_a_usage_error(auditwright: Auditwright) -> None:
    done = auditwright("secret-key", "--id", "a b")
    assert (done.code, done.out) == (2, "")
    assert done.err == "auditwright: --id: a secret key's id is 1 to 32 letters, digits, - or _\n"
