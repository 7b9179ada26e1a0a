"""`auditwright site init`: writes the folder from which a site is built."""

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
from auditwright_generator.text import print_lines


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_catalog_option(parser)
    text = "the folder that `auditwright generate` writes (default: generated)"
    parser.add_argument("--out", metavar="DIR", default="generated", help=text)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    from auditwright_generator.scaffold.site_start import refuse_site_folder, site_files, write_site
    from auditwright_generator.scaffold.trial import Refused

    folder, generated = Path(options.folder), Path(options.out)
    checked = read_catalog_option(options)
    if checked is None:
        return UNREADABLE
    if checked.catalog is None:
        print_findings(checked)
        return FINDINGS
    try:
        refuse_site_folder(folder, Path(options.catalog), generated)
        texts = site_files(checked.catalog, folder, Path(options.catalog), generated)
        write_site(folder, texts)
    except Refused as error:
        print_lines(f"auditwright: {error}", file=sys.stderr)
        return FINDINGS
    commands = _next_commands(folder, Path(options.catalog), generated)
    print_lines(*(str(folder / path) for path in texts), "next:", *(f"  {command}" for command in commands))
    return CLEAN


def _next_commands(folder: Path, catalog: Path, generated: Path) -> list[str]:
    from auditwright_generator.source.yaml_nodes import catalog_option

    where = catalog_option(catalog)
    out = "" if generated == Path("generated") else f" --out {shlex.quote(str(generated))}"
    site = "" if folder == Path("docs") else f" {shlex.quote(str(folder))}"
    generate = [] if any(generated.glob("*/catalog.json")) else [f"auditwright generate{where}{out}"]
    return [*generate, f"auditwright site build{site}{where}"]
