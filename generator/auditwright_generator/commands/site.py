"""`auditwright site`: start, build and check a site; the actions are in modules beside this."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from auditwright_generator.commands import site_build, site_init


@dataclass(frozen=True, slots=True)
class Action:
    """One action of `auditwright site`."""

    help: str
    """One line for the list of actions."""
    description: str
    epilog: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


_CODES = "exit code: 0 no findings, 1 findings, 2 the site cannot be built"

ACTIONS = {
    "init": Action(
        "write a folder from which the site is built",
        "Write a folder from which the site is built: conf.py, index.md, _static/brand.css and .gitignore. "
        "They are yours to edit. An existing file is never replaced.",
        "",
        site_init.configure,
        site_init.run,
    ),
    "build": Action(
        "build the site as a folder of HTML",
        "Build the site as a folder of HTML, which any web server can serve. Reports every warning and every "
        "broken link, and then leaves the folder as it was. Only pages that have changed are built again.",
        _CODES,
        site_build.configure_build,
        site_build.build,
    ),
    "check": Action(
        "build the site and report what is wrong, without leaving it",
        "Build the site in a temporary folder, and report every warning and every broken link.",
        _CODES,
        site_build.configure_check,
        site_build.check,
    ),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(
        title="actions", metavar="ACTION", required=True, help="see `auditwright site ACTION --help`"
    )
    for name, action in ACTIONS.items():
        subparser = actions.add_parser(
            name,
            help=action.help,
            description=action.description,
            epilog=action.epilog or None,
            allow_abbrev=False,
        )
        subparser.add_argument(
            "folder", metavar="DIR", nargs="?", default="docs", help="the folder with conf.py (default: docs)"
        )
        action.configure(subparser)
        subparser.set_defaults(action=action.run)


def run(options: argparse.Namespace) -> int:
    """Run the chosen action; returns its exit code."""
    code: int = options.action(options)
    return code
