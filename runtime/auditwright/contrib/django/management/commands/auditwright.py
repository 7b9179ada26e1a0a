"""`manage.py auditwright ...`: the command line of Auditwright with the database of the settings."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from auditwright.cli import main
from auditwright.contrib.django.conf import configuration
from auditwright.contrib.django.databases import url_of
from auditwright.errors import AuditwrightError
from auditwright.text import printable


class Command(BaseCommand):
    """Passes its arguments on, such as `list --where event:is:...`, and ends with the same exit code."""

    help = "Run a command of auditwright with the database, account and catalog of the settings."
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """Run from the command line: all arguments are those of auditwright."""
        of_django = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        of_django.add_argument("--settings")
        of_django.add_argument("--pythonpath")
        _, arguments = of_django.parse_known_args(argv[2:])
        try:
            with _environment():
                code = main(arguments)
        except (AuditwrightError, ImproperlyConfigured) as error:
            self.stderr.write(printable(f"auditwright: {error}"))
            code = 2
        finally:
            connections.close_all()
        sys.exit(code)

    def print_help(self, prog_name: str, subcommand: str) -> None:
        """`manage.py help auditwright`."""
        with contextlib.suppress(SystemExit):
            main(["--help"])

    def add_arguments(self, parser: CommandParser) -> None:
        """For `call_command("auditwright", "list", ...)`."""
        parser.add_argument("arguments", nargs=argparse.REMAINDER)

    def handle(self, *_: Any, **options: Any) -> None:
        """For `call_command`; raises `CommandError` with the exit code."""
        out, err = io.StringIO(), io.StringIO()
        with _environment(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([str(each) for each in options["arguments"]])
        self.stdout.write(out.getvalue(), ending="")
        self.stderr.write(err.getvalue(), ending="")
        if code:
            raise CommandError(f"auditwright ended with exit code {code}", returncode=code)


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """The defaults of the command line from the settings."""
    settings = configuration()
    values = {
        "AUDITWRIGHT_DATABASE": settings.url or url_of(settings.alias or "default"),
        "AUDITWRIGHT_ACCOUNT": settings.account,
        "AUDITWRIGHT_CATALOG": settings.catalog,
        "AUDITWRIGHT_SECRET_KEY": settings.secret_key,
        "AUDITWRIGHT_SPOOL": settings.spool,
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: value for name, value in values.items() if value is not None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
