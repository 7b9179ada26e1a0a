"""docs/logging.md: its program binds an entry to lines of structlog and of logging."""

import json
from pathlib import Path

from tests.support.markdown import blocks, program_text, run
from tests.support.paths import DOCS, ROOT

PAGE = DOCS / "logging.md"


def test_lines_of_the_services_log_name_the_entry(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(program_text(PAGE))
    (tmp_path / "generated").symlink_to(ROOT / "generated")
    done = run("python service.py", tmp_path)
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    entry_id = line.pop("audit_id")
    assert line == {"audit_event": "account.prompts.prompt_created", "count": 3, "event": "files written"}
    assert done.stderr.splitlines() == [
        f"3 files written (audit entry {entry_id})",
        "Disk is almost full (audit entry none)",
    ]
    shown = run(f"auditwright show {entry_id} --account acme --database sqlite:///audit.db", tmp_path)
    assert shown.stdout.startswith("Event Name: ")
    assert done.stdout.strip().replace(entry_id, "...") in PAGE.read_text("utf-8")


def test_the_page_shows_nothing_but_the_program() -> None:
    assert {(block.language, block.use) for block in blocks(PAGE)} == {("python", "")}
