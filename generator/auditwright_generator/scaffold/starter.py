"""Writes a new catalog: the files in `starter/`, with other names. Overwrites nothing."""

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


def starter_files(names: StartNames) -> dict[str, str]:
    """The files of a new catalog by their path in its folder."""
    folder = files("auditwright_generator.scaffold") / "starter"
    texts = {path: folder.joinpath(path).read_text("utf-8") for path in FILES}
    catalog = texts["catalog.yaml"]
    for key, value in (("package", names.package), ("distribution", names.distribution)):
        catalog = re.sub(rf"(?m)^{key}: \S+", f"{key}: {value}", catalog)
    texts["catalog.yaml"] = catalog.replace("title: Audit events\n", f"title: {yaml_flow(names.title)}\n", 1)
    return texts


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
