"""`auditwright generate`: writes schemas, models, tables, emitters and docs, or compares them."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from auditwright_generator.commands.base import (
    CLEAN,
    FINDINGS,
    UNREADABLE,
    add_catalog_option,
    print_findings,
    read_catalog_option,
)
from auditwright_generator.text import print_lines, printable

if TYPE_CHECKING:
    from auditwright_generator.model import Catalog
    from auditwright_generator.output.write import Difference, Files


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_catalog_option(parser)
    parser.add_argument(
        "--out", metavar="DIR", default="generated", help="the output folder (default: generated)"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; list files that are not current, and exit with 1 if there are any",
    )
    parser.add_argument("--diff", action="store_true", help="with --check: show the differences")
    parser.add_argument(
        "--all",
        action="store_true",
        help="generate everything, also files whose input has not changed",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    from auditwright_generator.output.incremental import catalog_inputs, current_run

    problem = _refuse_options(options)
    if problem:
        print_lines(f"auditwright: {problem}", file=sys.stderr)
        return UNREADABLE
    catalog = Path(options.catalog)
    inputs = catalog_inputs(catalog)
    current = None if options.all else current_run(inputs, Path(options.out))
    if current is not None:
        return _report_current(options, current.events, current.files)
    checked = read_catalog_option(options)
    if checked is None:
        return UNREADABLE
    if checked.findings:
        print_findings(checked)
    if checked.catalog is None:
        return FINDINGS
    # Without inputs the next run is not skipped: it may have findings, or a file has changed meanwhile.
    if checked.findings or checked.dated or inputs != catalog_inputs(catalog):
        inputs = None
    return _generate(options, checked.catalog, checked.events, inputs)


def _refuse_options(options: argparse.Namespace) -> str | None:
    if options.diff and not options.check:
        return "--diff needs --check; pass both: --check --diff"
    if not options.out.strip():
        return f"--out {options.out!r} is empty; name a folder"
    if Path(options.out).resolve().is_relative_to(Path(options.catalog).resolve()):
        return f"--out {options.out!r} is inside the catalog folder; name another folder"
    return None


def _generate(options: argparse.Namespace, catalog: "Catalog", events: int, inputs: str | None) -> int:
    from auditwright_generator.generate import render_changed
    from auditwright_generator.output.owner import other_package
    from auditwright_generator.output.write import compare, write

    out = Path(options.out)
    try:
        other = other_package(out, catalog.package, catalog.folder, catalog.title)
        if other is not None:
            return _report_other(out, other, catalog.package)
        files, notes = render_changed(catalog, None if options.all else out, inputs)
        difference = compare(out, files) if options.check else write(out, files, notes)
    except OSError as error:
        print_lines(f"auditwright: {error.filename or out}: {error.strerror or error}", file=sys.stderr)
        return UNREADABLE
    if difference.foreign:
        return _report_foreign(out, difference)
    if options.check and difference:
        return _report_difference(options, files, difference)
    written = len(difference.missing) + len(difference.stale) + len(difference.edited)
    return _report_current(options, events, len(files), written, len(difference.orphaned))


def _report_current(
    options: argparse.Namespace, events: int, files: int, written: int = 0, removed: int = 0
) -> int:
    from auditwright_generator.findings import counted

    if options.check:
        print_lines(f"{files} files in {Path(options.out)} are current")
    else:
        print_lines(
            f"{counted(events, 'event')}, {files} files in {Path(options.out)}: "
            f"{written} written, {removed} removed, the others were current"
        )
    return CLEAN


def _report_other(out: Path, other: str, package: str) -> int:
    print_lines(
        f"auditwright: {out.as_posix()} has the generated package {other} of another catalog, and this one "
        f"generates {package}; nothing was written; pass another folder with --out, or delete "
        f"{out.as_posix()} if the package was renamed",
        file=sys.stderr,
    )
    return UNREADABLE


def _report_foreign(out: Path, difference: "Difference") -> int:
    for path in difference.foreign:
        print_lines(f"{(out / path).as_posix()}: exists, but is not a generated file", file=sys.stderr)
    print_lines("auditwright: nothing was written; name another folder with --out", file=sys.stderr)
    return UNREADABLE


def _report_difference(options: argparse.Namespace, files: "Files", difference: "Difference") -> int:
    out = Path(options.out)
    for state, paths in (
        ("missing", difference.missing),
        ("stale: the catalog has changed", difference.stale),
        ("edited by hand", difference.edited),
        ("orphaned: no longer generated", difference.orphaned),
    ):
        for path in paths:
            print_lines(f"{(out / path).as_posix()}: {state}")
    if options.diff:
        from auditwright_generator.colors import color_diff
        from auditwright_generator.output.unified_diff import unified_diff

        lines = map(printable, unified_diff(out, files, difference))
        print(*color_diff(lines, sys.stdout), sep="\n")
    print_lines(f"not current; run `{_generate_command(options)}`")
    return FINDINGS


def _generate_command(options: argparse.Namespace) -> str:
    parts = ["auditwright", "generate"]
    if options.catalog != "catalog":
        parts += ["--catalog", options.catalog]
    if options.out != "generated":
        parts += ["--out", options.out]
    return shlex.join(parts)
