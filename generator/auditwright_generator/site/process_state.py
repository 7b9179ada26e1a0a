"""What Sphinx changes in a process, put back after a run: logging, docutils, translations, the import path.

`sphinx-build` has its process for itself. A test or a server that builds a site goes on afterwards, and may
build another one.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sphinx import locale
from sphinx.util.docutils import docutils_namespace, patch_docutils
from sphinx.util.logging import NAMESPACE


@contextmanager
def restored_process_state(source: Path) -> Iterator[None]:
    """Put back what a run of Sphinx inside changes in the process.

    What an import does stays: the modules of extensions, and of conf.py.

    Args:
        source: The folder with conf.py, and docutils.conf if there is one.
    """
    path = sys.path.copy()
    translators = locale.translators.copy()
    with ExitStack() as stack:
        # The handlers know the run, and fail on a warning after it. The theme configures the root logger.
        for logger in (logging.getLogger(), logging.getLogger(NAMESPACE)):
            stack.enter_context(_restored_logger(logger))
        stack.enter_context(patch_docutils(source))
        stack.enter_context(docutils_namespace())
        try:
            yield
        finally:
            sys.path[:] = path
            locale.translators.clear()
            locale.translators.update(translators)


@contextmanager
def _restored_logger(logger: logging.Logger) -> Iterator[None]:
    handlers, level, propagate = logger.handlers.copy(), logger.level, logger.propagate
    try:
        yield
    finally:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate
