"""`auditwright history`: the entries about one object, newest first."""

from __future__ import annotations

import argparse

from auditwright.commands import list as list_command
from auditwright.commands.options import add_selection
from auditwright.errors import FilterError
from auditwright.reading.filters import Condition


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the argument and the options, which are those of `list`."""
    parser.add_argument("target", metavar="TYPE:ID", type=_target, help="the object, such as model:m-17")
    add_selection(parser, with_match=False)
    list_command.add_page(parser)


def _target(text: str) -> str:
    """Check the type and the id of an object."""
    try:
        return Condition("target", "is", text).value
    except FilterError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(options: argparse.Namespace) -> int:
    """Print the page as `list` does."""
    options.where = [f"target:is:{options.target}", *options.where]
    return list_command.run(options)
