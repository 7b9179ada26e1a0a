"""`pyproject.toml`: what makes the generated package a distribution that services install or publish.

Auditwright's own package has none, because it is part of the distribution `auditwright`.
"""

from __future__ import annotations

import re

from auditwright_generator.model import Catalog
from auditwright_generator.names import OWN_PACKAGE
from auditwright_generator.targets.templating import header, render
from auditwright_generator.versions import RUNTIME_REQUIREMENT

_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def whole(catalog: Catalog) -> dict[str, str]:
    """`pyproject.toml`."""
    if catalog.package == OWN_PACKAGE:
        return {}
    return {
        "pyproject.toml": render(
            "pyproject.toml.j2",
            head=header(f"{catalog.folder}/"),
            catalog=catalog,
            # The summary of a distribution is one line.
            summary=" ".join(_BREAKS.sub(" ", catalog.title).split()),
            requirement=RUNTIME_REQUIREMENT,
        )
    }
