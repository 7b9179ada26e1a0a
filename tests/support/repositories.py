"""Git repositories for tests, without the configuration of whoever runs them."""

import os
import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str, date: str = "2026-01-01", given: bytes = b"") -> str:
    """The output of git."""
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        input=given,
        env={
            **os.environ,
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "GIT_COMMITTER_DATE": f"{date}T12:00:00Z",
        },
    )
    return done.stdout.decode()


def commit(folder: Path, tag: str, date: str = "2026-01-01") -> None:
    """Commits everything on a day, and tags it."""
    git(folder, "add", "--all")
    git(folder, "commit", "--message", tag, date=date)
    git(folder, "tag", tag)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
