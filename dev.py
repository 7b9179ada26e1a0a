"""Set up this checkout and run tasks: `python3 dev.py demo`, `python3 dev.py test`.

Needs Python 3.11 with pip and nothing else; everything is installed into .venv/ beside this file.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENV = ROOT / ".venv"
BIN = ENV / ("Scripts" if sys.platform == "win32" else "bin")
PINS = ["-c", "constraints.txt"]
OWN_CATALOG = ["--catalog", "runtime/catalog", "--out", "generated/runtime"]

TASKS: dict[str, tuple[str, list[list[str]]]] = {
    "demo": ("check the catalog, generate, and record one of each event", [
        ["auditwright", "check"],
        ["auditwright", "generate"],
        ["auditwright", "generate", *OWN_CATALOG],
        ["auditwright", "demo"],
    ]),
    "test": ("run every test", [["python", "-m", "pytest", "-n", "auto", "--dist", "worksteal"]]),
    "lint": ("ruff, mypy, pyright, the import contracts, and whether generated/ is current", [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["pyright"],
        ["lint-imports", "--no-logo"],
        ["auditwright", "generate", "--check"],
        ["auditwright", "generate", *OWN_CATALOG, "--check"],
    ]),
    "site": ("build the site of this repository into build/site", [["auditwright", "site", "build"]]),
    "benchmarks": ("print the figures of tests/benchmarks/", [["python", "-m", "tests.benchmarks"]]),
    "pins": ("renew constraints.txt", [
        [
            "uv", "pip", "compile", "pyproject.toml", "--all-extras", "--group", "dev", "--upgrade",
            "--quiet", "--universal", "--python-version", "3.11", "--no-annotate", "--no-header",
            "--output-file", "constraints.txt",
        ],
    ]),
}  # fmt: skip


def run(*command: str | Path) -> None:
    # No output of ours may wait in a buffer while a child writes past it.
    sys.stdout.flush()
    env = {**os.environ, "VIRTUAL_ENV": str(ENV)}
    # The tests start hundreds of interpreters, and each would compile the generated package again.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(command, cwd=ROOT, check=True, env=env)  # noqa: S603 - the commands of TASKS


def installed_as() -> bytes:
    """What an install of generated/ depends on; the version and title of the catalog may change."""
    import tomllib  # not in the Pythons that `main` refuses

    path = ROOT / "generated" / "pyproject.toml"
    if not path.exists():
        return b""
    project = tomllib.loads(path.read_text("utf-8"))["project"]
    return repr([project[key] for key in ("name", "dependencies", "entry-points")]).encode()


def set_up() -> None:
    """Fill .venv/ afresh whenever what it holds or the interpreter has changed."""
    ready = ENV / "ready"
    inputs = [ROOT / "pyproject.toml", ROOT / "constraints.txt"]
    digest = hashlib.sha256(
        b"\0".join(
            [sys.version.encode(), bytes(ROOT), *(path.read_bytes() for path in inputs), installed_as()]
        )
    )
    if ready.exists() and ready.read_text() == digest.hexdigest():
        return
    print("Setting up .venv (about a minute; only when the pins change) ...", file=sys.stderr, flush=True)
    shutil.rmtree(ENV, ignore_errors=True)
    # Debian's python3 has no ensurepip: an empty environment is filled by the pip outside of it.
    venv.create(ENV, symlinks=os.name != "nt")
    run(sys.executable, "-m", "pip", "--python", BIN / "python", "install", "-q", *PINS, "pip")
    install: list[str | Path] = [BIN / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    build = ["--build-constraint", "constraints.txt"]
    extras = "generator,asyncio,server,postgres,analytics,zstd,completion,site"
    sample = ["-e", "./generated"] if installed_as() else []
    run(*install, *PINS, *build, "--group", "dev", "-e", f".[{extras}]", *sample)
    ready.write_text(digest.hexdigest())


def usage() -> str:
    width = max(map(len, TASKS))
    tasks = "\n".join(f"  {name:<{width}}  {what}" for name, (what, _) in TASKS.items())
    return (
        f"usage: python3 dev.py TASK ... [-- arguments of the last task]\n\n{tasks}\n\n"
        "`python3 dev.py lint test` runs what CI runs.\n"
    )


def main(arguments: list[str]) -> int:
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    tasks, extra = arguments[:cut], arguments[cut + 1 :]
    if tasks and tasks[0] in ("-h", "--help", "help"):
        print(usage(), end="")
        return 0
    if not tasks or not set(tasks) <= set(TASKS):
        print(usage(), end="", file=sys.stderr)
        return 2
    if sys.version_info < (3, 11):  # noqa: UP036 - this file runs before anything says so
        print(f"dev.py: Python 3.11 or newer is needed; this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    commands = [[*command] for task in tasks for command in TASKS[task][1]]
    commands[-1] += extra
    try:
        set_up()
        for name, *rest in commands:
            run(BIN / name, *rest)
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
