"""The generator at 78, 1,000 and 10,000 events: whole processes, incremental runs, stages and imports.

python -m tests.benchmarks scale 78 1000
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.processes import Cost, measure, median
from tests.benchmarks.synthetic import write_catalog

SIZES = (78, 1_000, 10_000)
AUDITWRIGHT = (sys.executable, "-m", "auditwright")

EMITTERS = """
import synthetic_events
class Log:
    record_event = record_event_async = print
synthetic_events.AuditEvents(Log()).level0.area3.thing3_created
"""
"""Imports the package and uses the emitters of one category."""


def run(*sizes: int) -> None:
    """Print all tables, for the given sizes or the default ones."""
    costs: dict[int, dict[str, Cost]] = {}
    stages: dict[int, dict[str, float]] = {}
    imports: dict[int, dict[str, Cost]] = {}
    for size in sizes or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            catalog, out = Path(folder, "catalog"), Path(folder, "out")
            write_catalog(catalog, size)
            costs[size] = _commands(catalog, out, rounds=3 if size > 1_000 else 5)
            stages[size] = _stages(catalog, Path(folder, "stages"))
            imports[size] = _imports(out)
    _print_commands(costs)
    _print_incremental(costs)
    _print_stages(stages)
    _print_imports(imports)


# --- whole processes --------------------------------------------------------------------------------


def _commands(catalog: Path, out: Path, rounds: int) -> dict[str, Cost]:
    generate = (*AUDITWRIGHT, "generate", "--catalog", str(catalog), "--out", str(out))
    costs: dict[str, list[Cost]] = {}
    for number in range(rounds):
        again = out if number == 0 else out.with_name(f"{out.name}{number}")
        first = [str(again) if part == str(out) else part for part in generate]
        costs.setdefault("check", []).append(measure((*AUDITWRIGHT, "check", "--catalog", str(catalog))))
        costs.setdefault("generate from nothing", []).append(measure(first))
        _edit(catalog, number)
        costs.setdefault("generate, one category edited", []).append(measure(generate))
        costs.setdefault("generate, nothing changed", []).append(measure(generate))
        costs.setdefault("generate --check, nothing changed", []).append(measure((*generate, "--check")))
    return {name: median(each) for name, each in costs.items()}


def _edit(catalog: Path, number: int) -> None:
    path = catalog / "level0" / "area7.yaml"
    text = path.read_text("utf-8")
    path.write_text(re.sub(r"What.* happens in", f"What {number} happens in", text), "utf-8")


def _print_commands(costs: dict[int, dict[str, Cost]]) -> None:
    print("\n### Commands on synthetic catalogs, cold\n")
    print("| command | events | CPU, s | wall, s | memory, MiB | CPU an event, ratio to the previous size |")
    print("|---|---:|---:|---:|---:|---:|")
    for name in next(iter(costs.values())):
        before: float | None = None
        for size, by_name in costs.items():
            cost = by_name[name]
            growth = "" if before is None else f"{cost.cpu / size / before:.2f}"
            print(f"| {name} | {size:,} | {cost.cpu:.2f} | {cost.wall:.2f} | {cost.memory:.0f} | {growth} |")
            before = cost.cpu / size


def _print_incremental(costs: dict[int, dict[str, Cost]]) -> None:
    print("\n### Generating again, as a ratio to generating from nothing\n")
    print("| events | nothing changed | one category edited |")
    print("|---:|---:|---:|")
    for size, by_name in costs.items():
        whole = by_name["generate from nothing"].cpu
        ratios = [
            by_name[f"generate, {what}"].cpu / whole for what in ("nothing changed", "one category edited")
        ]
        print(f"| {size:,} | {ratios[0]:.3f} | {ratios[1]:.3f} |")


# --- stages -----------------------------------------------------------------------------------------


def _stages(catalog: Path, out: Path) -> dict[str, float]:
    """The CPU seconds of each stage, measured in a new process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.scale", str(catalog), str(out)],
        capture_output=True,
        check=True,
    )
    taken: dict[str, float] = json.loads(done.stdout)
    return taken


def run_stages(catalog: Path, out: Path) -> dict[str, float]:
    """The CPU seconds of each stage, measured in this process."""
    taken: dict[str, float] = {}

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        started = time.process_time()
        yield
        taken[name] = time.process_time() - started

    with stage("import"):
        import jinja2  # noqa: F401

        from auditwright_generator.check import read_catalog
        from auditwright_generator.generate import TARGETS, render, render_changed
        from auditwright_generator.output.incremental import catalog_inputs, category_inputs, current_run
        from auditwright_generator.output.write import write
        from auditwright_generator.source.catalog_source import read_source
        from auditwright_generator.source.resolve import resolve_catalog
    with stage("load, with structure"):
        source, _ = read_source(catalog)
    with stage("resolve"):
        resolve_catalog(source)
    with stage("load, rules, resolve"):
        resolved = read_catalog(catalog).catalog
    assert resolved is not None
    for name, target in TARGETS.items():
        with stage(f"target {name}"):
            target.whole(resolved)
            for item in category_inputs(resolved):
                target.of_category(item.catalog, item.level, item.category)
    files = render(resolved)
    with stage("write all"):
        write(out, files)
    with stage("compare all"):
        write(out, files)
    write(out, *render_changed(resolved, out, catalog_inputs(catalog)))
    with stage("render, nothing changed"):
        render_changed(resolved, out)
    with stage("detect no change"):
        assert current_run(catalog_inputs(catalog), out) is not None
    return taken


def _print_stages(stages: dict[int, dict[str, float]]) -> None:
    print("\n### Stages, ms of CPU an event\n")
    print(f"| stage | {' | '.join(f'{size:,} events' for size in stages)} |")
    print(f"|---|{'---:|' * len(stages)}")
    for name in next(iter(stages.values())):
        figures = (f"{taken[name] / size * 1000:.3f}" for size, taken in stages.items())
        print(f"| {name} | {' | '.join(figures)} |")


# --- imports ----------------------------------------------------------------------------------------


def _imports(out: Path) -> dict[str, Cost]:
    programs = {
        "python -c pass": "pass",
        "import pydantic, sqlmodel": "import pydantic, sqlmodel",
        "import auditwright": "import auditwright",
        "the generated package": "import synthetic_events",
        "one category's emitters": EMITTERS,
        "one category's tables too": f"{EMITTERS}\nimport synthetic_events.tables.level0.area3",
    }
    costs: dict[str, list[Cost]] = {name: [] for name in programs}
    for _ in range(9):
        for name, program in programs.items():
            costs[name].append(measure((sys.executable, "-c", program), {"PYTHONPATH": _path_with(out)}))
    return {name: median(each) for name, each in costs.items()}


def _path_with(folder: Path) -> str:
    return os.pathsep.join(part for part in (str(folder), os.environ.get("PYTHONPATH", "")) if part)


def _print_imports(imports: dict[int, dict[str, Cost]]) -> None:
    print("\n### Imports, less an empty interpreter\n")
    print("| events | import | CPU, ms | ratio to pydantic and sqlmodel |")
    print("|---:|---|---:|---:|")
    for size, costs in imports.items():
        empty, *others = costs.items()

        def own(cost: Cost, empty: Cost = empty[1]) -> float:
            return cost.cpu - empty.cpu

        base = own(others[0][1])
        for name, cost in others:
            print(f"| {size:,} | {name} | {own(cost) * 1000:.0f} | {own(cost) / base:.2f} |")


if __name__ == "__main__":
    print(json.dumps(run_stages(Path(sys.argv[1]), Path(sys.argv[2]))))
