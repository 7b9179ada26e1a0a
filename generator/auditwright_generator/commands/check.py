"""`auditwright check`: prints the findings of a catalog, fixes what is mechanical, keeps a baseline."""

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditwright_generator.commands.base import (
    CLEAN,
    FINDINGS,
    UNREADABLE,
    add_catalog_option,
    add_fail_on_option,
    print_report,
    read_catalog_option,
)
from auditwright_generator.text import print_lines, printable

if TYPE_CHECKING:
    from auditwright_generator.baseline import Baseline
    from auditwright_generator.check import CheckResult
    from auditwright_generator.scaffold.fix import FileFix

FORMATS = ("text", "json", "github", "sarif")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = (
        "exit code: 0 no findings, 1 findings, 2 the catalog or the baseline cannot be read; "
        "known findings and those below --fail-on count as none"
    )
    add_catalog_option(parser)
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="text",
        help="text, json, github (annotations of a pull request) or sarif (code scanning); default: text",
    )
    add_fail_on_option(parser)
    parser.add_argument(
        "--fix",
        action="store_true",
        help="correct what is mechanical in the files: full stops of descriptions, and ends of titles",
    )
    parser.add_argument("--diff", action="store_true", help="with --fix: show the changes, and write nothing")
    baseline = parser.add_mutually_exclusive_group()
    baseline.add_argument(
        "--baseline", metavar="FILE", help="let the warnings pass that are in this file of known findings"
    )
    baseline.add_argument(
        "--write-baseline", metavar="FILE", help="write the file: from now on all warnings are known"
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    if options.diff and not options.fix:
        print_lines("auditwright: --diff needs --fix; pass both: --fix --diff", file=sys.stderr)
        return UNREADABLE
    checked = read_catalog_option(options)
    if checked is None:
        return UNREADABLE
    try:
        if options.diff:
            return _show_fixes(options, checked)
        if options.fix:
            _fix(options, checked)
            checked = read_catalog_option(options)
            if checked is None:
                return UNREADABLE
        baseline = _baseline_option(options, checked)
    except _Unusable as error:
        print_lines(f"auditwright: {error}", file=sys.stderr)
        return UNREADABLE
    return _report(options, checked, baseline)


class _Unusable(Exception):
    """The file of an option cannot be read or written; says why."""


def _planned(options: argparse.Namespace, checked: "CheckResult") -> "list[FileFix]":
    """The fixes of all findings but the known ones. Raises `_Unusable`."""
    from auditwright_generator.baseline import divide
    from auditwright_generator.scaffold.fix import plan_fixes

    findings = checked.findings
    if options.baseline is not None:
        findings = divide(findings, checked.source, _read_baseline(options)).new
    try:
        return plan_fixes(Path(options.catalog), findings)
    except OSError as error:
        raise _Unusable(f"{error.filename}: {error.strerror or error}") from error


def _fix(options: argparse.Namespace, checked: "CheckResult") -> None:
    """Correct the files, and say which on stderr. Raises `_Unusable`."""
    from auditwright_generator.findings import counted
    from auditwright_generator.scaffold.fix import write_fixes
    from auditwright_generator.source.yaml_nodes import shown_path

    folder, fixes = Path(options.catalog), _planned(options, checked)
    try:
        write_fixes(folder, fixes)
    except OSError as error:
        raise _Unusable(f"{error.filename}: {error.strerror or error}; nothing more was fixed") from error
    for fix in fixes:
        print_lines(f"{shown_path(folder / fix.path)}: fixed {fix}", file=sys.stderr)
    number, files = sum(fix.codes.total() for fix in fixes), counted(len(fixes), "file")
    print_lines(f"fixed {counted(number, 'finding')} in {files}", file=sys.stderr)


def _show_fixes(options: argparse.Namespace, checked: "CheckResult") -> int:
    from auditwright_generator.colors import color_diff
    from auditwright_generator.findings import counted
    from auditwright_generator.scaffold.fix import diff_fixes

    fixes = _planned(options, checked)
    if fixes:
        lines = map(printable, diff_fixes(Path(options.catalog), fixes))
        print(*color_diff(lines, sys.stdout), sep="\n")
    number, files = sum(fix.codes.total() for fix in fixes), counted(len(fixes), "file")
    print_lines(f"--fix would correct {counted(number, 'finding')} in {files}")
    return FINDINGS if fixes else CLEAN


def _baseline_option(options: argparse.Namespace, checked: "CheckResult") -> "Baseline | None":
    """The baseline to compare with, which `--write-baseline` writes first. Raises `_Unusable`."""
    if options.baseline is not None:
        return _read_baseline(options)
    if options.write_baseline is not None:
        return _write_baseline(options, checked)
    return None


def _read_baseline(options: argparse.Namespace) -> "Baseline":
    from auditwright_generator.baseline import UnreadableBaseline, read_baseline

    path, hint = Path(options.baseline), f"`{_refresh_command(options, options.baseline)}` writes one"
    try:
        return read_baseline(path)
    except (UnreadableBaseline, OSError) as error:
        raise _Unusable(f"cannot use {path.as_posix()} as baseline: {_reason(error)}; {hint}") from error


def _write_baseline(options: argparse.Namespace, checked: "CheckResult") -> "Baseline | None":
    from auditwright_generator.baseline import UnreadableBaseline, baseline_of, write_baseline

    if checked.catalog is None:  # errors hide warnings, which would be new once they are corrected
        problem = "no baseline was written; correct the errors of the catalog first"
        print_lines(f"auditwright: {problem}", file=sys.stderr)
        return None
    path, baseline = Path(options.write_baseline), baseline_of(checked.findings, checked.source)
    try:
        print_lines(f"{path.as_posix()}: {write_baseline(path, baseline)}", file=sys.stderr)
    except (UnreadableBaseline, OSError) as error:
        why = f"{_reason(error)}; name another file"
        raise _Unusable(f"cannot use {path.as_posix()} as baseline: {why}") from error
    return baseline


def _reason(error: Exception) -> str:
    """Why a file cannot be used."""
    reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
    return reason[:1].lower() + reason[1:]


def _refresh_command(options: argparse.Namespace, baseline: str) -> str:
    from auditwright_generator.source.yaml_nodes import catalog_option

    return (
        f"auditwright check{catalog_option(Path(options.catalog))} --write-baseline {shlex.quote(baseline)}"
    )


def _report(options: argparse.Namespace, checked: "CheckResult", baseline: "Baseline | None") -> int:
    from auditwright_generator import report
    from auditwright_generator.checks.rules import RULES

    compared, notes = None, []
    if baseline is not None:
        from auditwright_generator.baseline import divide

        divided = divide(checked.findings, checked.source, baseline)
        checked = replace(checked, findings=divided.new, known=divided.known)
        compared = report.Comparison(divided.known, divided.gone)
        notes += _note_of_gone(options, divided.gone.total())
    if options.format == "text" and checked.findings:
        notes += _note_of_fixes(options, checked)
    found = report.CheckReport(
        checked.findings, checked.summary, RULES, checked.suppressed, checked.off, compared, notes
    )
    print_report(report.FORMATS[options.format](found), options.format)
    failing = [each for each in checked.findings if options.fail_on in ("warning", each.severity)]
    return FINDINGS if failing else CLEAN


def _note_of_gone(options: argparse.Namespace, gone: int) -> list[str]:
    from auditwright_generator.findings import counted

    if not gone:
        return []
    occur = "occurs" if gone == 1 else "occur"
    command = _refresh_command(options, options.baseline)
    return [f"{counted(gone, 'known finding')} no longer {occur}; `{command}` writes the baseline anew"]


def _note_of_fixes(options: argparse.Namespace, checked: "CheckResult") -> list[str]:
    from auditwright_generator.findings import counted
    from auditwright_generator.scaffold.fix import plan_fixes
    from auditwright_generator.source.yaml_nodes import catalog_option

    folder = Path(options.catalog)
    try:
        number = sum(fix.codes.total() for fix in plan_fixes(folder, checked.findings))
    except OSError:  # a file is gone meanwhile
        return []
    command = f"auditwright check{catalog_option(folder)} --fix"
    if options.baseline is not None:
        command += f" --baseline {shlex.quote(options.baseline)}"
    return [f"`{command}` corrects {counted(number, 'finding')}"] if number else []
