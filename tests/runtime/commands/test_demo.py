"""`auditwright demo` and `auditwright secret-key`."""

import csv
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.generator.run_command import run
from tests.support.command_line import Auditwright
from tests.support.paths import TEST_CATALOGS

from audit_events import CATALOG
from auditwright import SecretKey
from auditwright_generator import cli


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


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a team whose package is generated, but not installed; another one is."""
    folder = tmp_path_factory.mktemp("shop")
    shutil.copytree(TEST_CATALOGS / "shop_1", folder / "catalog")
    assert run(cli.generate, "--catalog", str(folder / "catalog"), "--out", str(folder / "generated")) == 0
    return folder


def in_shell(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What the command does in a shell that knows nothing of the folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUDITWRIGHT_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**kept, "PATH": path, "PYTHONPATH": "", **variables}
    return subprocess.run(  # noqa: S602 - a command of a guide
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


def printed_commands(printed: str) -> list[str]:
    """The commands that the demo suggests, without the server and the help."""
    lines = [line.strip() for line in printed.splitlines() if line.startswith("  ")]
    return [line for line in lines if "auditwright list" in line or "auditwright export" in line]


@pytest.mark.parametrize("variables", [{}, {"PYTHONPATH": "elsewhere"}], ids=["bare", "with a path"])
def test_catalog_of_the_folder_is_shown(shop: Path, variables: dict[str, str]) -> None:
    done = in_shell("auditwright demo", shop, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    content = json.loads((shop / "generated" / "shop_v1_events" / "catalog.json").read_text("utf-8"))
    count = sum(len(category["events"]) for level in content["levels"] for category in level["categories"])
    assert done.stdout.startswith(f"Recorded {count} of {count} events")
    assert "\nThe reference  generated/docs/index.md\n" in done.stdout
    assert done.stdout.endswith(
        "\nThen edit a file in catalog/ and run: auditwright check && auditwright generate\n"
    )
    listing, exporting = printed_commands(done.stdout)
    assert listing.endswith(" --catalog-package shop_v1_events")
    listed = in_shell(listing, shop, **variables)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout.splitlines()[1] in done.stdout
    exported = in_shell(exporting, shop, **variables)
    assert exported.stderr == f"exported {count} entries to demo/audit-log.jsonl\n"


@pytest.mark.parametrize("how", ["--catalog-package audit_events", ""], ids=["option", "variable"])
def test_named_catalog_precedes_that_of_the_folder(shop: Path, how: str) -> None:
    variables = {} if how else {"AUDITWRIGHT_CATALOG": "audit_events"}
    done = in_shell(f"auditwright demo {how}", shop, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Recorded 78 of 78 events")
    assert "catalog/" not in done.stdout
    assert "The reference" not in done.stdout
    listing, _ = printed_commands(done.stdout)
    assert in_shell(listing, shop, **variables).returncode == 0


def test_named_catalog_of_the_folder_need_not_be_installed(shop: Path) -> None:
    done = in_shell("auditwright demo --catalog-package shop_v1_events", shop)
    assert (done.returncode, done.stderr) == (0, "")
    listing, _ = printed_commands(done.stdout)
    assert listing.startswith("PYTHONPATH=generated auditwright list ")
    assert in_shell(listing, shop).returncode == 0


def test_folder_with_a_catalog_is_generated_first(shop: Path, tmp_path: Path) -> None:
    shutil.copytree(shop / "catalog", tmp_path / "catalog")
    done = in_shell("auditwright demo", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "auditwright: catalog/ has a catalog, but generated/ has no package of it; run `auditwright "
        "generate` first, or name a package with --catalog-package\n"
    )
    assert in_shell("auditwright demo --catalog-package audit_events", tmp_path).returncode == 0


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
