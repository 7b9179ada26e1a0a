"""Sites that tests build with plain Sphinx."""

import fcntl
import re
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest


def write_site(folder: Path, pages: dict[str, str] | None = None, **values: Any) -> Path:
    """Write a site: a conf.py with the values, and the pages."""
    lines = ['project = "Acme audit log"', 'extensions = ["auditwright_generator.sphinx"]']
    lines += [f"{name} = {value!r}" for name, value in values.items()]
    texts = {"index.md": "# Acme audit log\n", "conf.py": "\n".join(lines) + "\n"} | (pages or {})
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def run_sphinx(folder: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `sphinx-build` on a site, with warnings as errors."""
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-n", "-W", "--no-color", *options, str(folder), str(out)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def build_site(folder: Path, out: Path, *options: str) -> Path:
    """The folder of a built site; the build must succeed without a warning."""
    done = run_sphinx(folder, out, "-q", *options)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return out


def build_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """A folder that the first process of a run to need it builds, and that tests only read."""
    base = factory.getbasetemp()
    folder = (base.parent if base.name.startswith("popen-") else base) / name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "built").exists():
            build(folder)
            (folder / "built").touch()
    return folder


def article(site: Path, page: str) -> str:
    """The HTML of a page without the menus."""
    html = (site / page).read_text("utf-8")
    found = re.search(
        r"<article.*?</article>|<div class=\"body\".*?<footer|<div class=\"body\".*", html, re.DOTALL
    )
    assert found, html
    return found[0]


def text_of(html: str) -> str:
    """What a reader sees of HTML, on one line."""
    without = re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", "", without)).split())
