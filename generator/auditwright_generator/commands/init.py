"""`auditwright init`: writes a new catalog that passes `check`."""

import argparse
import shlex
import sys
from pathlib import Path

from auditwright_generator.commands.base import CLEAN, FINDINGS, UNREADABLE


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    text = "a new or empty folder (default: catalog)"
    parser.add_argument("folder", metavar="DIR", nargs="?", default="catalog", help=text)
    text = "the Python package to generate (default: audit_events)"
    parser.add_argument("--package", metavar="NAME", default="audit_events", help=text)
    text = 'of the reference (default: "Audit events")'
    parser.add_argument("--title", metavar="TEXT", default="Audit events", help=text)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    from auditwright_generator.scaffold.starter import start_catalog, starter_files
    from auditwright_generator.scaffold.trial import Refused

    folder = Path(options.folder)
    files = starter_files(options.package, options.title)
    try:
        start_catalog(folder, files)
    except Refused as error:
        print(*error.findings, f"auditwright: {error}", sep="\n", file=sys.stderr)
        return UNREADABLE if error.findings else FINDINGS  # findings come from the options: wrong usage
    for path in files:
        print(folder / path)
    where = [] if folder == Path("catalog") else ["--catalog", str(folder)]
    out = [] if folder.parent == Path() else ["--out", str(folder.parent / "generated")]
    check, generate = ["auditwright", "check", *where], ["auditwright", "generate", *where, *out]
    print(f"next: `{shlex.join(check)}`, then `{shlex.join(generate)}`")
    return CLEAN
