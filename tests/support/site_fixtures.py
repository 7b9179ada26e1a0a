"""Sites that tests build, and the site of the sample catalog, which is built once for all tests."""

import fcntl
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from tests.support.paths import ROOT

GUIDE = """\
# Where to look

- [Model added](../../generated/docs/account/models.md#model_added) is an event.
- [The system events](../../generated/runtime/docs/index.md) are another catalog.

| Page | Event |
|---|---|
| [Roles](../../generated/docs/account/roles.md) | [Role changed](../../generated/docs/account/roles.md#role_changed) |
"""


def write_site(folder: Path, pages: dict[str, str] | None = None, **values: Any) -> Path:
    """Write a site: a conf.py with the values, and the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ['project = "Acme audit log"', 'extensions = ["auditwright_generator.sphinx"]']
    lines += [f"{name} = {value!r}" for name, value in values.items()]
    (folder / "conf.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for path, text in ({"index.md": "# Acme audit log\n"} | (pages or {})).items():
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


def text_of(html: str) -> str:
    """What a reader sees of HTML, on one line."""
    without = re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", "", without)).split())


@pytest.fixture(scope="session")
def sample_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site of the sample catalog and of the system events, made once for all processes of a run.

    The folder that is built from is `../acme/docs` beside it.
    """
    top = tmp_path_factory.getbasetemp()
    top = (top.parent if top.name.startswith("popen-") else top) / "sample_site"
    top.mkdir(exist_ok=True)
    out = top / "html"
    with (top / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (top / "done").exists():
            write_sample_site(top / "acme" / "docs")
            build_site(top / "acme" / "docs", out)
            (top / "done").touch()
    return out


def write_sample_site(folder: Path, **values: Any) -> Path:
    """A repository with a copy of what this one generates, and the folder of its site."""
    shutil.copytree(
        ROOT / "generated", folder.parent / "generated", ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder.parent / "CHANGELOG.md").write_text("# Changelog\n\n- [A guide](docs/guides/look.md)\n")
    references = {"reference": "../generated", "system": "../generated/runtime"}
    return write_site(
        folder,
        {"guides/look.md": GUIDE, "index.md": "# Acme audit log\n\n<!-- toctree\nguides/look\n-->\n"},
        auditwright_references=references,
        auditwright_pages={"changelog.md": "../CHANGELOG.md"},
        **values,
    )
