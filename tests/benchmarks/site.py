"""The site of synthetic catalogs: from nothing, again, and as plain Sphinx would make its tables.

python -m tests.benchmarks site 78 1000
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.processes import Cost, measure, median
from tests.benchmarks.synthetic import EVENTS_PER_CATEGORY, write_catalog

SIZES = (78, 1_000)
LARGE_CATEGORY = 55
ROUNDS = 3
CONF = """
project = "Synthetic"
extensions = ["auditwright_generator.sphinx"]
auditwright_references = {"reference": "../generated"}
"""
VARIANTS = {
    "tables by Sphinx, from nothing": ("-D", "auditwright_html_tables=0"),
    "tables as HTML, from nothing": (),
}


def run(*sizes: int) -> None:
    """Print a table for each size and for small and large categories."""
    for size in sizes or SIZES:
        for per_category in (EVENTS_PER_CATEGORY, LARGE_CATEGORY):
            with tempfile.TemporaryDirectory() as folder:
                site = _write_site(Path(folder), size, per_category)
                costs, largest = _costs(site, ROUNDS)
            print(f"\n### Site of {size:,} events, {per_category} in a category\n")
            print(f"The largest page has {largest / 1000:.0f} kB.\n")
            _print(costs)


def _write_site(folder: Path, size: int, per_category: int) -> Path:
    """A generated reference and the folder of its site."""
    write_catalog(folder / "catalog", size, per_category)
    command = [sys.executable, "-m", "auditwright", "generate"]
    options = ["--catalog", str(folder / "catalog"), "--out", str(folder / "generated")]
    subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)
    site = folder / "docs"
    site.mkdir()
    (site / "conf.py").write_text(CONF, "utf-8")
    (site / "index.md").write_text("# Synthetic\n", "utf-8")
    return site


def _costs(site: Path, rounds: int) -> tuple[dict[str, Cost], int]:
    """The median cost of each variant, and the size of the largest page."""
    costs: dict[str, list[Cost]] = {}
    largest = 0
    for number in range(rounds):
        for name, options in VARIANTS.items():
            costs.setdefault(name, []).append(measure(_command(site, _out(site, number, options), options)))
        out = _out(site, number, ())
        costs.setdefault("tables as HTML, nothing changed", []).append(measure(_command(site, out, ())))
        largest = max(path.stat().st_size for path in out.rglob("*.html"))
    return {name: median(each) for name, each in costs.items()}, largest


def _out(site: Path, number: int, options: tuple[str, ...]) -> Path:
    return site.with_name(f"site{number}{len(options)}")


def _command(site: Path, out: Path, options: tuple[str, ...]) -> tuple[str, ...]:
    return (sys.executable, "-m", "sphinx", "-q", "-j", "auto", *options, str(site), str(out))


def _print(costs: dict[str, Cost]) -> None:
    print("| variant | CPU, s | wall, s | memory, MiB | CPU, ratio |")
    print("|---|---:|---:|---:|---:|")
    base = next(iter(costs.values())).cpu
    for name, cost in costs.items():
        print(f"| {name} | {cost.cpu:.2f} | {cost.wall:.2f} | {cost.memory:.0f} | {cost.cpu / base:.2f} |")
