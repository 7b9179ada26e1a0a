"""Measures variants in alternating rounds, because the machines are noisy, and prints their ratios."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One line of a benchmark's table: CPU and wall time of a unit of work, and the ratio to the first
    line.
    """

    name: str
    cpu: float
    wall: float
    ratio: float
    spread: tuple[float, float]


def side_by_side(
    variants: Mapping[str, Callable[[], object]],
    units: int,
    rounds: int,
    prepare: Callable[[], object] = lambda: None,
) -> list[Result]:
    """Run the variants in alternation; times and ratios are medians over the rounds.

    Times are of one of `units`. Ratios are of the CPU time of this process, to the first variant in the same
    round.
    """
    cpu: dict[str, list[float]] = {name: [] for name in variants}
    wall: dict[str, list[float]] = {name: [] for name in variants}
    # Garbage collections during a measurement skip the objects that exist before it.
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for name, run in variants.items():
            prepare()
            gc.collect()
            started, started_cpu = time.perf_counter(), time.process_time()
            run()
            cpu[name].append((time.process_time() - started_cpu) / units)
            wall[name].append((time.perf_counter() - started) / units)
    gc.unfreeze()
    first = next(iter(variants))
    results = []
    for name in variants:
        ratios = [one / base for one, base in zip(cpu[name], cpu[first], strict=True)]
        results.append(
            Result(
                name,
                statistics.median(cpu[name]),
                statistics.median(wall[name]),
                statistics.median(ratios),
                (min(ratios), max(ratios)),
            )
        )
    return results


def print_table(title: str, results: list[Result], unit: str, scale: float) -> None:
    """Print a Markdown table of the results; `scale` converts seconds to `unit`."""
    print(f"\n### {title}\n")
    print(f"| variant | CPU, {unit} | wall, {unit} | ratio | lowest to highest |")
    print("|---|---:|---:|---:|---:|")
    for result in results:
        low, high = result.spread
        print(
            f"| {result.name} | {result.cpu * scale:.2f} | {result.wall * scale:.2f} "
            f"| {result.ratio:.2f} | {low:.2f} to {high:.2f} |"
        )
