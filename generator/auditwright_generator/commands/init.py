"""`auditwright init`: writes a new catalog that passes `check`."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditwright_generator.commands.base import CLEAN, FINDINGS, UNREADABLE, ask
from auditwright_generator.text import print_lines

if TYPE_CHECKING:
    from auditwright_generator.scaffold.start_names import StartNames

_HELP = """\
Names that are not given are derived from the folder above DIR, and asked for on a terminal. For a catalog in
acme-billing/catalog they are the package acme_billing_audit, the distribution acme-billing-audit and the
title "Acme billing: audit events". A prefix such as the company's name keeps them free in every index.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _HELP
    text = "a new or empty folder (default: catalog)"
    parser.add_argument("folder", metavar="DIR", nargs="?", default="catalog", help=text)
    text = "the Python package to generate, such as acme_audit"
    parser.add_argument("--package", metavar="NAME", help=text)
    text = "the name under which pip installs it, such as acme-audit (default: the package with hyphens)"
    parser.add_argument("--distribution", metavar="NAME", help=text)
    text = 'of the reference, such as "Acme: audit events"'
    parser.add_argument("--title", metavar="TEXT", help=text)
    text = "start with categories alone, whose events have keys such as projects.project_created"
    parser.add_argument("--no-levels", action="store_true", help=text)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    from auditwright_generator.scaffold.start_names import PLAIN_TITLE, is_installed, propose_title
    from auditwright_generator.scaffold.starter import refuse_folder, start_catalog, starter_files
    from auditwright_generator.scaffold.trial import Refused

    folder = Path(options.folder)
    try:
        refuse_folder(folder)
        names = _choose_names(options, folder)
        if names is None:
            return UNREADABLE
        has_levels = not options.no_levels
        files = starter_files(names, has_levels)
        try:
            start_catalog(folder, files)
        except Refused:
            if names.title != propose_title(folder):
                raise
            names = replace(names, title=PLAIN_TITLE)  # no title can be derived from such a folder
            files = starter_files(names, has_levels)
            start_catalog(folder, files)
    except Refused as error:
        print_lines(*error.findings, f"auditwright: {error}", file=sys.stderr)
        return UNREADABLE if error.findings else FINDINGS  # findings come from the options: wrong usage
    if is_installed(names.distribution):
        print_lines(
            f"auditwright: {names.distribution} is installed in this environment already; the command below "
            "replaces it",
            file=sys.stderr,
        )
    print_lines(*(str(folder / path) for path in files))
    print_lines(f"package {names.package}, distribution {names.distribution}, title {names.title}")
    print_lines("next:", *(f"  {command}" for command in _next_commands(folder, names)))
    return CLEAN


def _choose_names(options: argparse.Namespace, folder: Path) -> "StartNames | None":
    """The names that are given, asked for or derived; None with a message if one is refused."""
    from auditwright_generator.scaffold import start_names

    package: str | None = options.package
    distribution: str | None = options.distribution
    if package is None:
        name = start_names.project_name(folder) if distribution is None else distribution
        proposal = start_names.propose_package(name, distribution)
        package = _ask("Python package", proposal, start_names.refused_package)
    elif reason := start_names.refused_package(package, distribution):
        _refuse("--package", package, reason, start_names.propose_package(package))
        return None

    def refused_distribution(name: str) -> str | None:
        return start_names.refused_distribution(name, package)

    if distribution is None:
        proposal = start_names.propose_distribution(package)
        distribution = _ask("Distribution", proposal, refused_distribution)
    elif reason := refused_distribution(distribution):
        _refuse("--distribution", distribution, reason, start_names.propose_distribution(package))
        return None
    title: str | None = options.title
    if title is None:
        title = _ask("Title", start_names.propose_title(folder), lambda _: None)
    return start_names.StartNames(package, distribution, title)


def _refuse(option: str, name: str, reason: str, other: str) -> None:
    from auditwright_generator.findings import quote

    print_lines(
        f"auditwright: {option} {quote(name)} is refused: {reason}; choose another name, such as {other}",
        file=sys.stderr,
    )


def _ask(what: str, proposal: str, refused: Callable[[str], str | None]) -> str:
    """The answer of a person at a terminal, where an empty one takes the proposal; else the proposal."""
    while sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI"):
        name = ask(f"{what} [{proposal}]").strip()
        if not name:
            break
        reason = refused(name)
        if reason is None:
            return name
        print_lines(f"{name} is refused: {reason}", file=sys.stderr)
    return proposal


def _next_commands(folder: Path, names: "StartNames") -> list[str]:
    from auditwright_generator.scaffold.start_names import other_catalogs
    from auditwright_generator.source.yaml_nodes import catalog_option

    where = catalog_option(folder)
    package = str(_free_output(folder, names))
    out = "" if package == "generated" else package
    package = package if Path(package).is_absolute() else f"./{package}"
    demo = f" --catalog-package {names.package}" if other_catalogs(names.package) else ""
    return [
        f"auditwright check{where}",
        f"auditwright generate{where}{f' --out {shlex.quote(out)}' if out else ''}",
        f"pip install -e {shlex.quote(package)}",
        f"auditwright demo{demo}",
    ]


def _free_output(folder: Path, names: "StartNames") -> Path:
    """`generated` beside the catalog; a folder named after the package if another catalog has that one."""
    from auditwright_generator.output.owner import other_package
    from auditwright_generator.source.catalog_source import folder_name

    usual = folder.parent / "generated"
    try:
        other = other_package(usual, names.package, folder_name(folder), names.title)
    except OSError:  # `generate` says what is wrong with the folder
        return usual
    return usual if other is None else folder.parent / f"{names.package}_generated"
