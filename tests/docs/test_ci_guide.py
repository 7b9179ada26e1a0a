"""docs/ci.md: its shell recipe runs, and its workflow runs the same commands."""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.markdown import blocks, rows, section
from tests.support.paths import ROOT

from auditwright_generator import cli
from auditwright_generator.check import read_catalog
from auditwright_generator.coverage.rules import RULES

PAGE = ROOT / "docs" / "ci.md"
COMMANDS = [
    'pip install "auditwright[generator,site]"',
    'auditwright check --format "${FORMAT:-text}"',
    "auditwright generate --check",
    'auditwright diff --against origin/main --format "${FORMAT:-text}"',
    'auditwright coverage src --format "${FORMAT:-text}"',
    "pip install -e ./generated",
    "auditwright site build",
]
PROGRAMS = {
    # MyST-Parser uses what a later Sphinx removes, which is no warning of ours.
    "auditwright": f'[ "$1" = site ] && unset PYTHONWARNINGS\nexec "{sys.executable}" -m auditwright "$@"',
    "pip": 'echo "pip $*"',
}


def recipe() -> str:
    return blocks(PAGE, "sh")[0].text


def recipe_without_site() -> str:
    """The recipe without its last line, which takes seconds; `test_a_first_pull_request` runs it whole."""
    return recipe().removesuffix(f"{COMMANDS[-1]}\n")


def workflow() -> Any:
    return yaml.safe_load(blocks(PAGE, "yaml")[0].text)


class Repository:
    """A git repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._programs = folder.parent / "programs"
        self._programs.mkdir()
        for name, line in PROGRAMS.items():
            (self._programs / name).write_text(f"#!/bin/sh\n{line}\n")
            (self._programs / name).chmod(0o755)
        folder.mkdir()
        self.git("init", "-q", "-b", "main")

    def add_sample(self) -> None:
        """The sample catalog, its generated files and a service that emits every event, on main."""
        folder = self.folder
        for name in ("catalog", "generated"):
            ignored = shutil.ignore_patterns("__pycache__", "runtime")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        catalog = read_catalog(ROOT / "catalog").catalog
        assert catalog is not None
        self.write("src/service.py", "".join(f"audit.{event.key}\n" for event in catalog.events))
        assert self.run("auditwright generate").returncode == 0
        self.start_change()

    def start_change(self) -> None:
        """Commit everything to main, and begin a branch."""
        self.commit()
        self.git("update-ref", "refs/remotes/origin/main", "main")
        self.git("checkout", "-q", "-b", "change")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(text, "utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text("utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-q", "-m", "A change")

    def git(self, *arguments: str) -> None:
        command = ["git", "-c", "commit.gpgsign=false", *arguments]
        subprocess.run(command, cwd=self.folder, env=self._environment(), check=True, timeout=60)

    def run(self, script: str, form: str = "") -> subprocess.CompletedProcess[str]:
        environment = self._environment() | ({"FORMAT": form} if form else {})
        command = ["sh", "-c", script]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120
        )

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AUDITWRIGHT_", "GIT_", "FORMAT"))
        }
        path = os.pathsep.join([str(self._programs), os.environ["PATH"]])
        return kept | {"PATH": path, "PYTHONWARNINGS": "error", "GIT_CONFIG_GLOBAL": os.devnull}


@pytest.fixture
def empty(tmp_path: Path) -> Repository:
    """A repository without a commit."""
    return Repository(tmp_path / "acme-billing")


@pytest.fixture
def repository(empty: Repository) -> Repository:
    """A repository with the sample catalog."""
    empty.add_sample()
    return empty


def test_the_recipe_is_a_shell_script_of_these_commands() -> None:
    shebang, comment, options, *commands = recipe().splitlines()
    assert (shebang, comment[0], options) == ("#!/bin/sh", "#", "set -eu")
    assert commands == COMMANDS


def test_the_workflow_runs_the_recipe_on_the_whole_history() -> None:
    jobs = workflow()["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    *check, install, build = [step["run"] for step in steps if "run" in step]
    assert check == [*COMMANDS[:-1], "auditwright site check"]
    assert [install, build] == ['pip install "auditwright[site]"', COMMANDS[-1]]
    assert jobs["check"]["steps"][0] == {"uses": "actions/checkout@v4", "with": {"fetch-depth": 0}}
    assert workflow()["env"] == {"FORMAT": "github"}
    assert jobs["publish"]["needs"] == "check"
    assert jobs["publish"]["if"] == "github.ref == 'refs/heads/main'"


def test_the_workflow_publishes_the_folder_of_the_site() -> None:
    parser = argparse.ArgumentParser()
    cli.site.configure(parser)
    uploaded = [
        step["with"]["path"]
        for step in workflow()["jobs"]["publish"]["steps"]
        if step.get("uses", "").startswith("actions/upload-pages-artifact@")
    ]
    assert uploaded == [parser.parse_args(["build"]).out]


def test_the_recipe_passes_without_findings(repository: Repository) -> None:
    done = repository.run(recipe_without_site())
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "78 emitted from 1 file; no findings\n" in done.stdout
    assert done.stdout.startswith("pip install auditwright[generator,site]\n")
    assert done.stdout.endswith("\npip install -e ./generated\n")


def test_a_first_pull_request_passes_as_init_writes_it(empty: Repository) -> None:
    empty.write("src/service.py", '"""A service that records nothing yet."""\n')
    empty.start_change()
    done = empty.run(blocks(PAGE, "sh")[1].text)
    assert (done.returncode, done.stderr) == (0, "")
    empty.commit()
    done = empty.run(recipe())
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "\n3 events, " in done.stdout
    assert "\neverything is new in 0.1.0: origin/main has no catalog in catalog/\n" in done.stdout
    assert "\n3 events, 1 file read: none emitted, 3 suppressed; no findings\n" in done.stdout
    assert re.search(r"\n\d+ pages in [0-9.]+ s: build/site; .*\n\Z", done.stdout)
    assert "<h1>Acme billing: audit events<" in (empty.folder / "build/site/index.html").read_text("utf-8")
    mistyped = empty.run("auditwright diff --against origin/mian")
    assert mistyped.returncode == 2
    assert "no git commit of that name" in mistyped.stderr


def test_a_second_pull_request_is_compared_with_the_first(empty: Repository) -> None:
    empty.write("src/service.py", "audit.account.projects.project_created()\n")
    assert empty.run("auditwright init && auditwright generate").returncode == 0
    empty.start_change()
    done = empty.run("auditwright coverage src")
    assert done.returncode == 1
    assert "AC952 unused-suppression: suppression of AC971 has no effect here; remove it" in done.stdout
    suppression = r"    # `auditwright coverage`.*\n    suppress: .*\n"
    path = empty.folder / "catalog" / "account" / "projects.yaml"
    path.write_text(re.sub(suppression, "", path.read_text("utf-8"), count=1), "utf-8")
    done = empty.run(recipe_without_site())
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "\nno changes; 0.1.0 -> 0.1.0\n" in done.stdout


def test_a_mistake_in_the_catalog_stops_the_recipe(repository: Repository) -> None:
    repository.replace("catalog/account/models.yaml", "model_id: {}", "modle_id: {}")
    done = repository.run(recipe(), "github")
    assert done.returncode == 1
    assert re.search(
        r"^::error file=catalog/account/models\.yaml,line=\d+,col=\d+,title=AC106", done.stdout, re.M
    )


def test_outdated_generated_files_stop_the_recipe(repository: Repository) -> None:
    repository.replace("catalog/catalog.yaml", "title: Audit log event reference", "title: Audit log")
    done = repository.run(recipe())
    assert done.returncode == 1
    assert done.stdout.endswith("not current; run `auditwright generate`\n")


def test_a_break_stops_the_recipe_until_it_is_accepted(repository: Repository) -> None:
    removed = r"  input_scanner_edited:\n(?:    .*\n)+\n"
    path = repository.folder / "catalog" / "tool" / "guardrails.yaml"
    path.write_text(re.sub(removed, "", path.read_text("utf-8")), "utf-8")
    repository.replace("src/service.py", "audit.tool.guardrails.input_scanner_edited\n", "")
    assert repository.run("auditwright generate").returncode == 0
    repository.commit()
    done = repository.run("auditwright diff --against origin/main --format github")
    assert done.returncode == 1
    assert "tool.guardrails.input_scanner_edited" in done.stdout
    breaks = repository.run("auditwright diff --against origin/main --format json").stdout
    rules = set(re.findall(r"\bBR1\d\d\b", breaks))
    accepted = "".join(
        f"  - {{rule: {rule}, at: tool.guardrails.input_scanner_edited, version: 2.0.0, reason: Gone.}}\n"
        for rule in sorted(rules)
    )
    repository.replace("catalog/catalog.yaml", "version: 1.1.0\n", f"version: 2.0.0\naccepted:\n{accepted}")
    done = repository.run("auditwright diff --against origin/main")
    assert done.returncode == 0, done.stdout


def test_unemitted_event_stops_the_recipe(repository: Repository) -> None:
    repository.replace("src/service.py", "audit.tool.guardrails.input_scanner_edited\n", "")
    done = repository.run(recipe())
    assert done.returncode == 1
    assert "AC971 event-never-emitted: tool.guardrails.input_scanner_edited" in done.stdout
    assert "77 emitted from 1 file, 1 never; 1 warning\n" in done.stdout


def test_the_page_lists_the_inputs_of_the_action() -> None:
    action = yaml.safe_load((ROOT / ".github" / "actions" / "catalog" / "action.yml").read_text("utf-8"))
    listed = {row[0].strip("`"): row[2] for row in rows(section(PAGE, "In GitHub Actions, as one step"))}
    given = {name: each["default"] for name, each in action["inputs"].items()}
    assert list(listed) == list(given)
    assert {name: listed[name] for name in given if given[name]} == {
        name: f"`{default}`" for name, default in given.items() if default
    }


def test_the_step_uses_an_action_that_exists() -> None:
    (job,) = yaml.safe_load(blocks(PAGE, "yaml")[1].text)["jobs"].values()
    checkout, step = job["steps"]
    assert checkout == workflow()["jobs"]["check"]["steps"][0]
    folder = step["uses"].removeprefix("OWNER/auditwright/").removesuffix("@TAG")
    assert (ROOT / folder / "action.yml").is_file()


def test_the_page_names_the_hooks_of_pre_commit() -> None:
    (block,) = [block for block in blocks(PAGE, "yaml") if block.text.startswith("repos:")]
    (repository,) = yaml.safe_load(block.text)["repos"]
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert [hook["id"] for hook in repository["hooks"]] == [hook["id"] for hook in hooks]


def test_contributors_run_the_commands_of_the_recipe() -> None:
    own = blocks(PAGE, "sh")[2].text.splitlines()
    assert [line.split()[:2] for line in own] == [line.split()[:2] for line in COMMANDS[1:5]]


def test_the_page_lists_all_rules_of_coverage() -> None:
    listed = [row[0] for row in rows(section(PAGE, "What coverage finds")) if row[0].startswith("AC")]
    assert listed == [rule.code for rule in RULES]
