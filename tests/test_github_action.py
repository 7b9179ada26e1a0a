"""The GitHub Action: its structure, its commands in a repository, and its one comment on a fake GitHub."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from tests.support.paths import ROOT

from auditwright_generator.checks.explanations import BASE

FOLDER = ROOT / ".github" / "actions" / "catalog"
ACTION = yaml.safe_load((FOLDER / "action.yml").read_text("utf-8"))
STEPS = ACTION["runs"]["steps"]
MARKER = "<!-- auditwright diff of catalog -->"
BOT = "github-actions[bot]"


# --- action.yml ------------------------------------------------------------------------------------


def test_the_action_is_a_composite_one() -> None:
    assert set(ACTION) == {"name", "description", "inputs", "runs"}
    assert ACTION["runs"]["using"] == "composite"
    for step in STEPS:
        assert set(step) <= {"uses", "with", "shell", "env", "run"}
        assert ("run" in step) == ("shell" in step) != ("uses" in step)


def test_the_action_uses_actions_of_github_only() -> None:
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert used == ["actions/setup-python@v5"]


def test_scripts_of_the_action_contain_no_values() -> None:
    scripts = [step["run"] for step in STEPS if "run" in step]
    assert len(scripts) == 2
    assert [script for script in scripts if "${{" in script] == []


def test_each_input_is_described_and_used() -> None:
    values = json.dumps(STEPS)
    for name, given in ACTION["inputs"].items():
        assert set(given) == {"description", "default"}
        assert isinstance(given["default"], str)
        assert f"inputs.{name} " in values
    assert set(re.findall(r"inputs\.([\w-]+)", values)) == set(ACTION["inputs"])


def test_the_script_reads_the_variables_that_the_action_sets() -> None:
    script = (FOLDER / "run.py").read_text("utf-8")
    read = set(re.findall(r"environ\[[\"'](\w+)", script)) - {"GITHUB_REPOSITORY"}
    assert read == set(STEPS[-1]["env"])
    assert STEPS[-1]["run"] == 'python "$GITHUB_ACTION_PATH/run.py"'


@pytest.mark.parametrize(
    ("given", "installed"),
    [("", "/actions/catalog/../../..[generator]"), ("auditwright[generator]==1.0; $(exit)", None)],
)
def test_pip_installs_the_requirement_as_it_is(tmp_path: Path, given: str, installed: str | None) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    (tmp_path / "python").chmod(0o755)
    variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REQUIREMENT": given}
    variables["GITHUB_ACTION_PATH"] = "/actions/catalog"
    done = subprocess.run(
        ["bash", "-e", "-c", STEPS[1]["run"]], env=variables, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["-P", "-m", "pip", "install", "--quiet", installed or given]


# --- a fake GitHub ---------------------------------------------------------------------------------


class FakeGitHub:
    """GitHub's comments of pull request 7 of acme/shop, and the requests that changed or tried to."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.writes: list[str] = []
        self.status = 200
        self.url = ""

    def add(self, login: str, body: str) -> None:
        self.comments.append({"id": 100 + len(self.comments), "user": {"login": login}, "body": body})

    def answer(self, method: str, path: str, body: str) -> tuple[int, Any]:
        if method == "GET":
            start = "/repos/acme/shop/issues/7/comments?per_page=100&page="
            assert path.startswith(start)
            page = int(path.removeprefix(start))
            return 200, self.comments[100 * (page - 1) : 100 * page]
        self.writes.append(f"{method} {path}")
        if self.status != 200:
            return self.status, {"message": "Resource not accessible by integration"}
        if method == "POST":
            assert path == "/repos/acme/shop/issues/7/comments"
            self.add(BOT, body)
            return 201, self.comments[-1]
        number = int(path.removeprefix("/repos/acme/shop/issues/comments/"))
        (comment,) = [each for each in self.comments if each["id"] == number]
        comment["body"] = body
        return 200, comment


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    fake = FakeGitHub()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            assert self.headers["Authorization"] == "Bearer sesame"
            given = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.loads(given)["body"] if given else ""
            status, answer = fake.answer(self.command, self.path, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _serve

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_port}"
        yield fake
        server.shutdown()
        thread.join()


# --- the whole script in a repository --------------------------------------------------------------


class Repository:
    """A clone with a small catalog, its generated files and a service, on a branch of a pull request."""

    def __init__(self, folder: Path, github: FakeGitHub) -> None:
        self.folder = folder / "clone"
        programs = folder / "programs"
        programs.mkdir()
        (programs / "auditwright").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m auditwright "$@"\n')
        (programs / "auditwright").chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUDIT", "GIT"))}
        self.variables = kept | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GITHUB_API_URL": github.url,
            "GITHUB_REPOSITORY": "acme/shop",
            "CATALOG": "catalog",
            "OUT": "generated",
            "BASE": "main",
            "SOURCES": "service.py",
            "FAIL_ON": "warning",
            "BASELINE": "",
            "COMMENT": "true",
            "PULL_REQUEST": "7",
            "TOKEN": "sesame",
        }
        origin = folder / "origin"
        origin.mkdir()
        self._git(origin, "init", "-q", "-b", "main")
        for path, text in BASE.items():
            (origin / "catalog" / path).parent.mkdir(parents=True, exist_ok=True)
            (origin / "catalog" / path).write_text(text, "utf-8")
        events = ("board_created", "link_sent", "board_deleted")
        code = "".join(f"audit.workspace.boards.{event}()\n" for event in events)
        (origin / "service.py").write_text(code, "utf-8")
        subprocess.run(["auditwright", "generate"], cwd=origin, env=self.variables, check=True)
        self._commit(origin)
        self._git(origin, "tag", "v1")  # of a commit that the clone does not have
        (origin / "README.md").write_text("A shop.\n", "utf-8")
        self._commit(origin)
        self._git(folder, "clone", "-q", "--depth=1", f"file://{origin}", str(self.folder))
        self._git(self.folder, "checkout", "-q", "-b", "change")

    def replace(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        assert old in path.read_text("utf-8")
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")

    def run(self, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(FOLDER / "run.py")],
            cwd=self.folder, env=self.variables | variables, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    def _commit(self, folder: Path) -> None:
        self._git(folder, "add", "-A")
        self._git(folder, "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-qm", "A change")

    def _git(self, folder: Path, *arguments: str) -> None:
        command = ["git", "-c", "commit.gpgsign=false", *arguments]
        subprocess.run(command, cwd=folder, env=self.variables, check=True, timeout=60)


def groups(done: subprocess.CompletedProcess[str]) -> list[str]:
    return re.findall(r"^::group::auditwright (\w+)", done.stdout, re.MULTILINE)


def test_runs_of_a_pull_request_write_one_comment(tmp_path: Path, github: FakeGitHub) -> None:
    repository = Repository(tmp_path, github)
    done = repository.run()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert groups(done) == ["check", "generate", "diff", "coverage"]
    assert "::error" not in done.stdout
    assert github.comments == []  # nothing has changed

    # A break and files that are not current: every command still runs, and the job fails.
    repository.replace("catalog/fields.yaml", "max: 90", "max: 30")
    done = repository.run()
    assert done.returncode == 1
    assert groups(done) == ["check", "generate", "diff", "coverage"]
    assert "::error title=auditwright::not current; run `auditwright generate`\n" in done.stdout
    assert re.search(r"^::error file=catalog/fields\.yaml,line=27,.*BR", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("::error title=auditwright::failed: auditwright generate, auditwright diff\n")
    (comment,) = github.comments
    summary, _, notes = comment["body"].removeprefix(f"{MARKER}\n").partition("\n\n")
    assert "; 1.2.0 -> 1.2.0, and 2.0.0 is required; to accept a break, list it in " in summary
    assert notes.startswith("# Events of the boards 1.2.0\n\n## Breaking\n\n- ")

    # The change is taken back: the comment stays, and says so.
    repository.replace("catalog/fields.yaml", "max: 30", "max: 90")
    assert repository.run().returncode == 0
    (comment,) = github.comments
    assert "Nothing changed since 1.2.0.\n" in comment["body"]
    assert [each.split()[0] for each in github.writes] == ["POST", "PATCH"]


def test_a_catalog_with_mistakes_fails_without_a_comment(tmp_path: Path, github: FakeGitHub) -> None:
    repository = Repository(tmp_path, github)
    repository.replace("catalog/workspace/boards.yaml", "  board_id: {}", "  bord_id: {}")
    done = repository.run(COMMENT="false", SOURCES="")
    assert done.returncode == 1
    assert groups(done) == ["check", "generate", "diff"]
    assert re.search(r"^::error file=catalog/workspace/boards\.yaml,line=5,.*AC106", done.stdout, re.M)
    assert done.stdout.endswith(
        "::error title=auditwright::failed: auditwright check, auditwright generate, auditwright diff\n"
    )
    assert github.writes == []


def test_known_findings_and_warnings_may_pass(tmp_path: Path, github: FakeGitHub) -> None:
    repository = Repository(tmp_path, github)
    repository.replace("catalog/fields.yaml", "title: Guest", "title: Guest.")
    repository.replace("catalog/catalog.yaml", "version: 1.2.0", "version: 1.2.1")
    subprocess.run(["auditwright", "generate"], cwd=repository.folder, env=repository.variables, check=True)
    failed = "::error title=auditwright::failed: auditwright check\n"
    assert repository.run(SOURCES="").stdout.endswith(failed)
    assert repository.run(SOURCES="", FAIL_ON="error").returncode == 0
    command = ["auditwright", "check", "--write-baseline", "known findings.json"]
    subprocess.run(command, cwd=repository.folder, env=repository.variables, check=True)
    done = repository.run(SOURCES="", BASELINE="known findings.json")
    assert done.returncode == 0, done.stdout
    assert "AC307" not in done.stdout
    assert repository.run(SOURCES="", BASELINE="missing.json").stdout.endswith(failed)


def test_a_base_that_does_not_exist_fails_and_runs_nothing(tmp_path: Path, github: FakeGitHub) -> None:
    repository = Repository(tmp_path, github)
    done = repository.run(BASE="$(touch injected); `touch injected`", SOURCES="")
    assert done.returncode == 1
    assert done.stdout.endswith("::error title=auditwright::failed: auditwright diff\n")
    assert not (repository.folder / "injected").exists()
    # The name of a folder is no commit, though `diff` would compare with the folder.
    done = repository.run(BASE="catalog", SOURCES="")
    assert done.stdout.endswith("::error title=auditwright::failed: auditwright diff\n")
    assert github.writes == []


def test_a_tag_may_be_the_base(tmp_path: Path, github: FakeGitHub) -> None:
    repository = Repository(tmp_path, github)
    done = repository.run(BASE="v1", SOURCES="")
    assert (done.returncode, done.stderr) == (0, "fatal: couldn't find remote ref refs/heads/v1\n")


# --- the comment -----------------------------------------------------------------------------------


class Script:
    """The script as a module, where `auditwright diff` gives `notes`."""

    def __init__(self) -> None:
        spec = importlib.util.spec_from_file_location("action_script", FOLDER / "run.py")
        assert spec is not None
        assert spec.loader is not None
        self.notes = "# Events 1.1.0\n\n- a change\n"
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        vars(self.module)["run"] = lambda *command: subprocess.CompletedProcess(command, 0, self.notes)

    def comment(self, summary: str = "1 change") -> None:
        self.module.comment_on_changes(["--catalog", "catalog"], summary)


@pytest.fixture
def script(github: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> Script:
    for name, value in {
        "GITHUB_API_URL": github.url,
        "GITHUB_REPOSITORY": "acme/shop",
        "PULL_REQUEST": "7",
        "CATALOG": "catalog",
        "TOKEN": "sesame",
    }.items():
        monkeypatch.setenv(name, value)
    return Script()


def test_the_comment_is_found_among_many(script: Script, github: FakeGitHub) -> None:
    for number in range(250):
        github.add("ada", f"Comment {number}")
    script.comment()
    for number in range(100):
        github.add("ada", f"Comment {number}")
    script.notes = "# Events 1.2.0\n"
    script.comment()
    script.comment()
    assert github.writes == [
        "POST /repos/acme/shop/issues/7/comments",
        "PATCH /repos/acme/shop/issues/comments/350",
    ]
    assert github.comments[250]["body"] == f"{MARKER}\n1 change\n\n# Events 1.2.0\n"


def test_comments_of_others_are_left_alone(script: Script, github: FakeGitHub) -> None:
    github.add("mallory", f"{MARKER}\nmine")
    github.add(BOT, "<!-- auditwright diff of billing -->\nanother catalog")
    github.add("ghost", f"{MARKER}\nof a deleted account")
    github.comments[-1]["user"] = None
    script.comment()
    assert github.writes == ["POST /repos/acme/shop/issues/7/comments"]
    assert [each["body"].partition("\n")[2] for each in github.comments[:2]] == ["mine", "another catalog"]


def test_without_changes_there_is_no_comment(script: Script, github: FakeGitHub) -> None:
    script.comment("no changes; 1.0.0")
    assert github.writes == []


@pytest.mark.parametrize(
    ("status", "printed"),
    [
        (403, "::notice title=auditwright::no comment: the token of this job may not write; "),
        (500, "::warning title=auditwright::the comment was not written: HTTP Error 500: "),
    ],
)
def test_a_refused_comment_fails_nothing(
    script: Script, github: FakeGitHub, capsys: pytest.CaptureFixture[str], status: int, printed: str
) -> None:
    github.status = status
    script.comment()
    assert github.comments == []
    assert capsys.readouterr().out.startswith(printed)


def test_a_github_that_is_out_of_reach_fails_nothing(
    script: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:1")
    script.comment()
    assert capsys.readouterr().out.startswith("::warning title=auditwright::the comment was not written: ")


def test_a_long_comment_is_truncated_with_a_note(script: Script, github: FakeGitHub) -> None:
    script.notes = "".join(f"- change {number} of ünïcödé\n" for number in range(4_000))
    script.comment()
    script.comment()
    assert len(github.writes) == 1
    body = github.comments[0]["body"]
    assert 65_000 < len(body.encode()) <= 65_536
    lines = body.split("\n")
    assert lines[:3] == [MARKER, "1 change", ""]
    change, blank, note, end = lines[-4:]
    assert (blank, end) == ("", "")
    assert re.fullmatch(r"- change \d+ of ünïcödé", change)
    assert note == "… and more changes, which have no room in a comment; `auditwright diff` lists them all."
