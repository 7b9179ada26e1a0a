"""`auditwright generate`: schemas, models, tables, emitters and docs, written or compared."""

import argparse
import shlex
import sys
from pathlib import Path

from auditwright_generator.commands.base import (
    CLEAN,
    FINDINGS,
    UNREADABLE,
    add_catalog_option,
    print_findings,
    read_catalog_option,
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_catalog_option(parser)
    parser.add_argument(
        "--out", metavar="DIR", default="generated", help="where the files go (default: generated)"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; list what is not current, and exit 1 if anything is",
    )
    parser.add_argument("--diff", action="store_true", help="with --check: show how the files differ")
    parser.add_argument(
        "--all",
        action="store_true",
        help="make everything again, also what was made from the same input already",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    from auditwright_generator.output.incremental import catalog_inputs, current_run

    if options.diff and not options.check:
        print("auditwright: --diff shows what --check finds; give both: --check --diff", file=sys.stderr)
        return UNREADABLE
    out = Path(options.out)
    if not options.out.strip() or out.resolve().is_relative_to(Path(options.catalog).resolve()):
        where = "is inside the catalog's" if options.out.strip() else "names no folder"
        print(f"auditwright: --out {options.out!r} {where}; name another folder", file=sys.stderr)
        return UNREADABLE
    inputs = catalog_inputs(Path(options.catalog))
    current = None if options.all else current_run(inputs, out)
    if current is not None:
        return _say_current(options, current.events, current.files)
    checked = read_catalog_option(options)
    if checked is None:
        return UNREADABLE
    if checked.findings:
        print_findings(checked)
    if checked.catalog is None:
        return FINDINGS
    from auditwright_generator.generate import render_changed
    from auditwright_generator.output.write import compare, write

    # The next run has to print findings too, or look for other ones; and a file may have changed meanwhile.
    if checked.findings or checked.dated or inputs != catalog_inputs(Path(options.catalog)):
        inputs = None
    try:
        files, notes = render_changed(checked.catalog, None if options.all else out, inputs)
        difference = compare(out, files) if options.check else write(out, files, notes)
    except OSError as error:
        print(f"auditwright: {error.filename or out}: {error.strerror or error}", file=sys.stderr)
        return UNREADABLE
    if difference.foreign:
        for path in difference.foreign:
            print(f"{(out / path).as_posix()}: is in the way, and was never generated", file=sys.stderr)
        print("auditwright: nothing was written; name another folder with --out", file=sys.stderr)
        return UNREADABLE
    if not options.check:
        written = len(difference.missing) + len(difference.stale) + len(difference.edited)
        return _say_current(options, checked.events, len(files), written, len(difference.orphaned))
    for state, paths in (
        ("missing", difference.missing),
        ("stale: the catalog has changed", difference.stale),
        ("edited by hand", difference.edited),
        ("orphaned: no longer generated", difference.orphaned),
    ):
        for path in paths:
            print(f"{(out / path).as_posix()}: {state}")
    if difference:
        if options.diff:
            from auditwright_generator.output.unified_diff import unified_diff

            print(*unified_diff(out, files, difference), sep="\n")
        print(f"not current; `{_mending_command(options)}` mends it")
        return FINDINGS
    return _say_current(options, checked.events, len(files))


def _say_current(
    options: argparse.Namespace, events: int, files: int, written: int = 0, removed: int = 0
) -> int:
    if options.check:
        print(f"{files} files in {Path(options.out)} are current")
    else:
        print(
            f"{events} event{'s'[: events != 1]}, {files} files in {Path(options.out)}: "
            f"{written} written, {removed} removed, the others were current"
        )
    return CLEAN


def _mending_command(options: argparse.Namespace) -> str:
    parts = ["auditwright", "generate"]
    if options.catalog != "catalog":
        parts += ["--catalog", options.catalog]
    if options.out != "generated":
        parts += ["--out", options.out]
    return shlex.join(parts)
