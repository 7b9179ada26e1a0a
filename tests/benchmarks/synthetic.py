"""Synthetic catalogs of any size, with 6 events a category and 6 fields an event, half of them shared.

python -m tests.benchmarks.synthetic 1000 /tmp/catalog
"""

from __future__ import annotations

import sys
from pathlib import Path

EVENTS_PER_CATEGORY = 6
SHARED = 3
OWN = 3
CATEGORIES_PER_LEVEL = 200
DONE = ("viewed", "deleted", "created", "updated", "stopped", "started")

_TYPES = (
    ("string", "min_length: 1\n  max_length: 200"),
    ("integer", "min: 0"),
    ("enum", "values: {small: Small, medium: Medium, large: Large}"),
    ("boolean", ""),
    ("timestamp", ""),
    ("list of string", "max_items: 10"),
)
_EXAMPLES = ("thing-1", "7", "medium", "true", '"2026-01-31T12:00:00Z"', "[one, two]")


def write_catalog(folder: Path, events: int, per_category: int = EVENTS_PER_CATEGORY) -> None:
    """Write a catalog with `events` events into the folder."""
    categories = -(-events // per_category)
    levels = -(-categories // CATEGORIES_PER_LEVEL)
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["format: 1", "package: synthetic_events", "title: Synthetic events", "version: 1.0.0", "levels:"]
    for number in range(levels):
        lines += [f"  level{number}:", f"    title: Level {number}", "    metadata: [user_id, ip_address]"]
    _write(folder / "catalog.yaml", lines)
    lines = [
        "user_id: {title: User ID, type: string, entry: actor_id, description: Who did it.}",
        "ip_address: {title: IP Address, type: ip, entry: ip_address, sensitivity: personal, "
        "description: From where it was done.}",
    ]
    for category in range(categories):
        for part in range(SHARED):
            lines += _field(f"shared{category}_{part}", part)
        for part in range(OWN):
            lines += _field(f"own{category}_{part}", part + SHARED)
    _write(folder / "fields.yaml", lines)
    for category in range(categories):
        level = category // CATEGORIES_PER_LEVEL
        count = min(per_category, events - category * per_category)
        _write(folder / f"level{level}" / f"area{category}.yaml", _category(category, count))


def _field(name: str, part: int) -> list[str]:
    kind, constraint = _TYPES[part]
    lines = [f"{name}:", f"  title: Field {name}", f"  type: {kind}"]
    lines += [f"  {constraint}"] if constraint else []
    return [*lines, f"  description: What {name} of the thing was when it happened."]


def _category(category: int, count: int) -> list[str]:
    lines = [
        f"category: area{category}",
        f"title: Area {category}",
        f"description: What happens in area {category}.",
        f"metadata: [{', '.join(f'shared{category}_{part}' for part in range(SHARED))}]",
        "events:",
    ]
    for number in range(count):
        done = DONE[number % len(DONE)] + (f"_{number // len(DONE)}" if number >= len(DONE) else "")
        values = [
            *(f"shared{category}_{part}: {_EXAMPLES[part]}" for part in range(SHARED)),
            *(f"own{category}_{part}: {_EXAMPLES[part + SHARED]}" for part in range(OWN)),
        ]
        lines += [
            f"  thing{category}_{done}:",
            f"    title: Thing {category} {done}",
            f"    description: Someone {done} thing {category}. Recorded when it has taken effect.",
            f'    message: "{{actor}} {done} thing {{shared{category}_0}}."',
            f"    metadata: {{{', '.join(f'own{category}_{part}: {{}}' for part in range(OWN))}}}",
            f"    example: {{{', '.join(values)}}}",
        ]
    return lines


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_catalog(Path(sys.argv[2]), int(sys.argv[1]))
