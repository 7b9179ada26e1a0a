"""LinkML's generators, compared with `auditwright generate` on the same synthetic events, as whole processes.

python -m tests.benchmarks linkml 200

LinkML is installed into a temporary virtual environment. Each event becomes a class, and its fields become
attributes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.processes import Overdue, measure
from tests.benchmarks.synthetic import write_catalog

from auditwright_generator.check import read_catalog
from auditwright_generator.model import Catalog, Event, Field

LIMIT = 15 * 60
"""Seconds for one generator; LinkML's times grow faster than its schemas."""

_RANGES = {"number": "float", "timestamp": "datetime"}


def run(*sizes: int) -> None:
    """Print a table for each size; the default is 1,000 events."""
    with tempfile.TemporaryDirectory() as folder:
        python = _install(Path(folder, "venv"))
        version = subprocess.check_output(
            [python, "-c", "from importlib.metadata import version; print(version('linkml'))"], text=True
        )
        for size in sizes or (1_000,):
            print(f"\n### LinkML {version.strip()}, {size:,} classes of 8 attributes\n")
            _compare(size, python.parent, Path(folder, str(size)))


def _install(folder: Path) -> Path:
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "linkml"],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return python


def _compare(size: int, binaries: Path, folder: Path) -> None:
    catalog, schema = folder / "catalog", folder / "schema.yaml"
    write_catalog(catalog, size)
    resolved = read_catalog(catalog).catalog
    assert resolved is not None
    schema.write_text(json.dumps(linkml_schema(resolved), indent=1), "utf-8")  # JSON is YAML
    base = measure(
        [sys.executable, "-m", "auditwright", "generate", "--catalog", catalog, "--out", folder / "out"]
    )
    print("| command | CPU, s | wall, s | memory, MiB | CPU, ratio to auditwright |")
    print("|---|---:|---:|---:|---:|")
    print(
        f"| auditwright generate | {base.cpu:.1f} | {base.wall:.1f} | {base.memory:.0f} | 1.0 |", flush=True
    )
    total, least = 0.0, ""
    for command in (
        ("gen-pydantic", str(schema)),
        ("gen-json-schema", str(schema)),
        ("gen-sqltables", str(schema)),
        ("gen-doc", "--directory", str(folder / "docs"), str(schema)),
    ):
        try:
            cost = measure([binaries / command[0], *command[1:]], limit=LIMIT)
        except Overdue:
            total, least = total + LIMIT, "at least "
            print(
                f"| {command[0]} | killed after {LIMIT} s | | | at least {LIMIT / base.cpu:.1f} |", flush=True
            )
            continue
        total += cost.cpu
        ratio = cost.cpu / base.cpu
        print(
            f"| {command[0]} | {cost.cpu:.1f} | {cost.wall:.1f} | {cost.memory:.0f} | {ratio:.1f} |",
            flush=True,
        )
    print(f"| the four LinkML generators | {least}{total:.1f} | | | {least}{total / base.cpu:.1f} |")


def linkml_schema(catalog: Catalog) -> dict[str, Any]:
    """A LinkML schema with a class for each event of a catalog."""
    return {
        "id": f"https://example.org/{catalog.package}",
        "name": catalog.package,
        "prefixes": {"linkml": "https://w3id.org/linkml/", "x": "https://example.org/x/"},
        "default_prefix": "x",
        "default_range": "string",
        "imports": ["linkml:types"],
        "classes": {_class_name(event): _class(event) for event in catalog.events},
        "enums": dict(_enums(catalog)),
    }


def _class_name(event: Event) -> str:
    return f"{event.key.split('.')[1].capitalize()}{event.class_name}"


def _class(event: Event) -> dict[str, Any]:
    return {
        "title": event.title,
        "description": event.description,
        "attributes": {field.name: _attribute(field) for field in event.fields},
    }


def _attribute(field: Field) -> dict[str, Any]:
    kind = _RANGES.get(field.kind, field.kind if field.kind in ("integer", "boolean") else "string")
    attribute: dict[str, Any] = {
        "title": field.title,
        "description": field.description,
        "range": f"{field.name}_values" if field.values else kind,
        "required": field.always,
        "multivalued": field.many,
    }
    if field.min is not None:
        attribute["minimum_value"] = field.min
    return attribute


def _enums(catalog: Catalog) -> Iterator[tuple[str, dict[str, Any]]]:
    for event in catalog.events:
        for field in event.fields:
            if field.values:
                values = {value.key: {"title": value.title} for value in field.values}
                yield f"{field.name}_values", {"permissible_values": values}
