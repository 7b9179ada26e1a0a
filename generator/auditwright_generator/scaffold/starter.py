"""Writes a new catalog: the files in `starter/`, with other names. Overwrites nothing.

A catalog without levels has the same fields and events; `starter_without_levels/` has what differs.
"""

import os
import re
from importlib.resources import files
from pathlib import Path

from auditwright_generator.check import read_catalog
from auditwright_generator.scaffold.new_files import new_files
from auditwright_generator.scaffold.start_names import StartNames
from auditwright_generator.scaffold.trial import Refused
from auditwright_generator.scaffold.yaml_text import yaml_flow

FILES = ("catalog.yaml", "fields.yaml", "account/projects.yaml")


def starter_files(names: StartNames, has_levels: bool = True) -> dict[str, str]:
    """The files of a new catalog by their path in its folder."""
    texts = {path: _text(f"starter/{path}") for path in FILES}
    texts = texts if has_levels else _without_levels(texts)
    catalog = texts["catalog.yaml"]
    for key, value in (("package", names.package), ("distribution", names.distribution)):
        catalog = re.sub(rf"(?m)^{key}: \S+", f"{key}: {value}", catalog)
    texts["catalog.yaml"] = catalog.replace("title: Audit events\n", f"title: {yaml_flow(names.title)}\n", 1)
    return texts


def _text(path: str) -> str:
    return (files("auditwright_generator.scaffold") / path).read_text("utf-8")


def _without_levels(texts: dict[str, str]) -> dict[str, str]:
    head, events = _text("starter_without_levels/projects.yaml"), texts["account/projects.yaml"]
    return {
        "catalog.yaml": _text("starter_without_levels/catalog.yaml"),
        "fields.yaml": texts["fields.yaml"].replace("its level, its category", "its category"),
        "projects.yaml": head + events[events.index("events:\n") :],
    }


def refuse_folder(folder: Path) -> None:
    """Raise `Refused` unless the folder is new or empty."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise Refused(f"{folder} exists and is not a folder; name another folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise Refused(f"{folder} is not empty; name another folder")


def start_catalog(folder: Path, texts: dict[str, str]) -> None:
    """Write the files into a new or empty folder, all or none; raises `Refused`, also if `check` objects."""
    refuse_folder(folder)
    with new_files(folder, texts):
        findings = read_catalog(folder).findings
        if findings:
            raise Refused(
                "nothing was written: the catalog would have these findings; give another --title",
                findings,
            )
