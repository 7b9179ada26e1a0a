"""`auditwright site build` and `site check`: the site, or what is wrong with it."""

import argparse
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from auditwright_generator.commands.base import CLEAN, FINDINGS, UNREADABLE, add_catalog_option
from auditwright_generator.commands.progress import ProgressLine
from auditwright_generator.text import print_lines, printable

if TYPE_CHECKING:
    from auditwright_generator.site.build import BuiltSite
    from auditwright_generator.site.cache import BuildCache

EDITIONS = ("developer", "reader")


def configure_check(parser: argparse.ArgumentParser) -> None:
    """Add the options that both have."""
    add_catalog_option(parser)
    text = "developer, or reader without Python code, for customers (default: auditwright_edition in conf.py)"
    parser.add_argument("--edition", choices=EDITIONS, help=text)


def configure_build(parser: argparse.ArgumentParser) -> None:
    """Add the options of `site build`."""
    text = "the folder of the site, which is replaced as a whole (default: build/site)"
    parser.add_argument("--out", metavar="DIR", default="build/site", help=text)
    parser.add_argument(
        "--all", action="store_true", help="build all pages, also those that have not changed"
    )
    configure_check(parser)


def check(options: argparse.Namespace) -> int:
    """Build in a temporary folder; returns the exit code."""
    from auditwright_generator.site.cache import BuildCache

    with tempfile.TemporaryDirectory() as folder:
        built = _build(options, BuildCache(Path(folder)), "")
    if built is None:
        return UNREADABLE
    if built.findings:
        return FINDINGS
    print_lines(f"{_counted_pages(built)}: no findings")
    return CLEAN


def build(options: argparse.Namespace) -> int:
    """Build the site and put it into its folder; returns the exit code."""
    from auditwright_generator.site.cache import BuildCache
    from auditwright_generator.site.errors import SiteError
    from auditwright_generator.site.publish import publish, refuse_folder

    out, source = Path(options.out), Path(options.folder)
    before = f"; {options.out} {'is as it was' if out.exists() else 'was not written'}"
    try:
        refuse_folder(out, source)
    except SiteError as error:
        print_lines(f"auditwright: {error}", file=sys.stderr)
        return UNREADABLE
    try:
        cache = BuildCache.beside(out)
        if options.all:
            cache.forget()
        built = _build(options, cache, before)
        if built is None or built.findings:
            return UNREADABLE if built is None else FINDINGS
        publish(cache.html, out)
    except SiteError as error:
        print_lines(f"auditwright: {error}{before}", file=sys.stderr)
        return UNREADABLE
    shown = shlex.quote(options.out)
    print_lines(f"{_counted_pages(built)}: {options.out}; `python -m http.server -d {shown}` shows it")
    return CLEAN


def _build(options: argparse.Namespace, cache: "BuildCache", before: str) -> "BuiltSite | None":
    """The build, with its findings printed; None with a message if there is none."""
    from auditwright_generator.site.build import build_site
    from auditwright_generator.site.errors import SiteError

    overrides = {"auditwright_edition": options.edition} if options.edition else {}
    try:
        with ProgressLine() as progress:
            built = build_site(Path(options.folder), cache, Path(options.catalog), overrides, progress)
    except SiteError as error:
        print_lines(f"auditwright: {error}{before}", file=sys.stderr)
        return None
    except KeyboardInterrupt:
        if before:
            print(f"\nauditwright: stopped{printable(before)}", end="", file=sys.stderr)
        raise
    if built.findings:
        from auditwright_generator.findings import counted

        print_lines(*map(str, built.findings), f"{counted(len(built.findings), 'finding')}{before}")
    return built


def _counted_pages(built: "BuiltSite") -> str:
    from auditwright_generator.findings import counted

    return f"{counted(built.pages, 'page')} in {built.seconds:.1f} s"
