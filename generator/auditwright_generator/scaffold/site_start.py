"""Writes the folder of a new site: the files in `site_starter/`, with the title and the paths of a catalog.

Overwrites nothing.
"""

import os
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from auditwright_generator.files import link_out
from auditwright_generator.model import Catalog
from auditwright_generator.scaffold.new_files import new_files
from auditwright_generator.scaffold.trial import Refused
from auditwright_generator.source.yaml_nodes import shown_path
from auditwright_generator.targets.python_code import literal
from auditwright_generator.targets.templating import markdown_cell

REFERENCE = "reference"
"""The folder of the site that has the reference."""


def site_files(catalog: Catalog, folder: Path, source: Path, generated: Path) -> dict[str, str]:
    """The files of a new site by their path in its folder; `source` is the folder of catalog.yaml."""
    below = Path(os.path.relpath(generated, folder)).as_posix()
    versions = Path(os.path.relpath(source, folder)).as_posix()
    description = re.sub(r"^(?=[%:(])", r"\\", markdown_cell(catalog.description))
    return {
        "conf.py": _filled(
            "conf.py.template",
            title=literal(catalog.title),
            generated=literal(below),
            catalog=literal(versions),
        ),
        "index.md": _filled(
            "index.md.template",
            title=markdown_cell(catalog.title),
            description=description or "What the audit log records.",
            reference=_target(f"{below}/docs/index.md"),
            pages="".join(f"{page}\n" for page in _pages_in(folder)),
        ),
        "_static/brand.css": _text("brand.css"),
        ".gitignore": f"/{REFERENCE}/\n",
    }


def _target(path: str) -> str:
    return path if re.fullmatch(r"[\w./-]+", path) else f"<{path}>"


def _filled(name: str, **values: str) -> str:
    return Template(_text(name)).substitute(values)


def _text(name: str) -> str:
    return (files("auditwright_generator.scaffold") / "site_starter" / name).read_text("utf-8")


def _pages_in(folder: Path) -> list[str]:
    """The pages that are in the folder already, as Sphinx names them, without those of hidden folders."""
    paths = sorted(path.relative_to(folder) for path in folder.rglob("*.md"))
    shown = [path for path in paths if not any(part.startswith((".", "_")) for part in path.parts)]
    return [path.with_suffix("").as_posix() for path in shown if path.parts[0] != REFERENCE]


def refuse_site_folder(folder: Path, catalog: Path, generated: Path) -> None:
    """Raise `Refused` if the folder is a file, or overlaps the catalog or what is generated."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise Refused(f"{folder} exists and is not a folder; name another folder")
    for other, what in ((catalog, "the catalog"), (generated, "what is generated")):
        here, there = folder.resolve(), other.resolve()
        if here.is_relative_to(there) or there.is_relative_to(here):
            relation = "is inside" if here.is_relative_to(there) else "has"
            raise Refused(
                f"{folder} {relation} the folder of {what}, {other}; name another folder, such as docs"
            )


def write_site(folder: Path, texts: dict[str, str]) -> None:
    """Write the files, all or none. Raises `Refused` if any exists, and `OSError`."""
    existing = [shown_path(folder / path) for path in texts if os.path.lexists(folder / path)]
    if existing:
        raise Refused(
            f"{', '.join(existing)} {'exists' if len(existing) == 1 else 'exist'}, and nothing was written; "
            "name another folder, or remove what is not needed"
        )
    link = link_out(folder, texts)
    if link is not None:
        shown = shown_path(folder / link)
        raise Refused(f"{shown} is a link that leads out of {folder}, and nothing was written; remove it")
    with new_files(folder, texts):
        pass
