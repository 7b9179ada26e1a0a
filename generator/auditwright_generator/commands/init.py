"""`auditwright init`: a new catalog that passes `check`."""

import argparse
import re
import shlex
import sys
from pathlib import Path

from auditwright_generator.commands.base import CLEAN, FINDINGS, UNREADABLE, Command


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", metavar="DIR", nargs="?", default="catalog", help="a new or empty folder (default: catalog)"
    )
    parser.add_argument(
        "--package",
        metavar="NAME",
        default="audit_events",
        help="the Python package to generate (default: audit_events)",
    )
    parser.add_argument(
        "--title", metavar="TEXT", default="Audit events", help='of the reference (default: "Audit events")'
    )


def _run(options: argparse.Namespace) -> int:
    from auditwright_generator.scaffold.starter import FolderInUse, start_catalog, starter_files

    reason = _refuse(options.package, options.title)
    if reason:
        print(f"auditwright: {reason}", file=sys.stderr)
        return UNREADABLE
    folder = Path(options.folder)
    files = starter_files(options.package, options.title)
    try:
        start_catalog(folder, files)
    except FolderInUse as error:
        print(f"auditwright: {error}; name another folder, and nothing is overwritten", file=sys.stderr)
        return FINDINGS
    for path in files:
        print(folder / path)
    print(f"next: `{_command('check', folder)}`, then `{_command('generate', folder)}`")
    return CLEAN


def _refuse(package: str, title: str) -> str | None:
    """Why a catalog cannot have the package or the title."""
    from auditwright_generator.names import refuse_package
    from auditwright_generator.source.structure import DEFS

    name, line = DEFS["name"], DEFS["title"]
    if not re.search(name["pattern"], package):
        return f'--package "{package}" must be {name["description"]}'
    reason = refuse_package(package)
    if reason:
        return f'--package "{package}" is refused: {reason}; choose another name'
    if not re.search(line["pattern"], title) or len(title) > line["maxLength"] or not _can_be_read(title):
        return f"--title must be {line['description']}"
    return None


def _can_be_read(title: str) -> bool:
    """Whether a catalog can hold the characters."""
    from auditwright_generator.scaffold.wording import yaml_scalar
    from auditwright_generator.source.yaml_nodes import parse_yaml

    try:
        node, findings = parse_yaml(yaml_scalar(title).encode(), "--title")
    except UnicodeEncodeError:
        return False
    return not findings and node.scalar == title


def _command(name: str, folder: Path) -> str:
    """The command for the new catalog, with what it makes beside the folder."""
    parts = ["auditwright", name]
    if folder != Path("catalog"):
        parts += ["--catalog", str(folder)]
    if name == "generate" and folder.parent != Path():
        parts += ["--out", str(folder.parent / "generated")]
    return shlex.join(parts)


command = Command("start a new catalog", _configure, _run)
