"""Why there is no site, in one line: what Sphinx, themes, extensions and conf.py raise, and the system."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from sphinx.errors import ConfigError, ExtensionError, SphinxError, SphinxParallelError, ThemeError

from auditwright_generator.findings import PrintableError
from auditwright_generator.source.yaml_nodes import shown_path
from auditwright_generator.sphinx.site import InvalidSite

EXTRA = ("myst_parser", "pydata_sphinx_theme", "sphinx_copybutton", "sphinx_design")
"""Packages of the extra `site` that Sphinx imports by their names."""


class SiteError(PrintableError):
    """There is no site; the text says why, and what to do, in one line."""


@contextmanager
def one_line_errors(conf: Path) -> Iterator[None]:
    """Turn whatever is raised inside into `SiteError`. Missing packages and interruptions pass."""
    try:
        yield
    except (SiteError, ModuleNotFoundError):
        raise
    except OSError as error:
        where = f"{shown_path(Path(error.filename))}: " if isinstance(error.filename, str) else ""
        raise SiteError(f"{where}{error.strerror or error}") from error
    except Exception as error:
        for name in EXTRA:
            missing = isinstance(error, ExtensionError | ThemeError) and find_spec(name) is None
            if missing and name in str(error):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name) from error
        raise SiteError(_describe(error, conf)) from error


def _describe(error: Exception, conf: Path) -> str:
    shown = shown_path(conf)
    if isinstance(error, InvalidSite):
        return f"{shown}: {_first_line(error)}"
    if isinstance(error, ThemeError):
        return (
            f"{shown}: {_first_line(error)}; correct html_theme, or install the package of the theme with pip"
        )
    if isinstance(error, ConfigError):
        return _in_conf(error, conf)
    if isinstance(error, ExtensionError):
        return f"{shown}: {_first_line(error)}; correct the name, or install its package with pip"
    if isinstance(error, SphinxParallelError):
        return f"Sphinx broke off: {_first_line(error)}; {_where(conf)}"
    if isinstance(error, SphinxError):
        return f"{shown}: {_first_line(error)}"
    return f"Sphinx broke off: {type(error).__name__}: {_first_line(error)}; {_where(conf)}"


def _where(conf: Path) -> str:
    return f"`sphinx-build -j1 -T {shown_path(conf.parent)} build/html` shows where"


def _in_conf(error: ConfigError, conf: Path) -> str:
    """A mistake in conf.py, with the line where it was noticed."""
    cause = error.__cause__
    if isinstance(cause, SyntaxError):
        return f"{shown_path(Path(cause.filename or conf))}:{cause.lineno}: {cause.msg}"
    if cause is None:
        return f"{shown_path(conf)}: {_first_line(error)}"
    line, trace = 0, cause.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(conf.resolve()):
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f"{shown_path(conf)}:{line}" if line else shown_path(conf)
    return f"{where}: {type(cause).__name__}: {_first_line(cause)}"


def _first_line(error: BaseException) -> str:
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
    return text.splitlines()[0].rstrip(" .:") if text else "no reason was given"
