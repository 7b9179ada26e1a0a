"""docs/service.md: its blocks run as one program, which records what the page shows."""

import json
from pathlib import Path

from tests.support.markdown import follow, program_text, run
from tests.support.paths import DOCS, ROOT

PAGE = DOCS / "service.md"


def test_the_program_records_what_the_page_shows(tmp_path: Path) -> None:
    # In a process of its own: the table of its example must not stay in SQLModel's metadata.
    (tmp_path / "service.py").write_text(program_text(PAGE))
    (tmp_path / "generated").symlink_to(ROOT / "generated")
    done = run("python service.py", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "metadata.tool_id a string of 1 to 200 characters nothing\n" in done.stdout
    exported = (tmp_path / "audit-log.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in exported] == [
        "account.models.model_deployed",
        "tool.tool_management.version_created",
        "account.login_logout.login",
        "account.models.model_deployed",
        "account.login_logout.login",
        "tool.guardrails.input_scanner_added",
        "account.prompts.prompt_created",
        "tool.guardrails.input_scanner_edited",
    ]


def test_its_commands_print_what_it_shows(tmp_path: Path) -> None:
    (tmp_path / "generated").symlink_to(ROOT / "generated")
    assert follow(PAGE, tmp_path) == 1
