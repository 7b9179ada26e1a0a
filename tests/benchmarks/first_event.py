"""The CPU time of the first event of a process, in a category of 830 events.

python -m tests.benchmarks first_event
"""

from __future__ import annotations

import compileall
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.benchmarks.processes import measure
from tests.benchmarks.scale import AUDITWRIGHT
from tests.benchmarks.synthetic import write_catalog

EVENTS = 830
ROUNDS = 7

PROGRAM = """
import sys
import time
sys.path.insert(0, sys.argv[1])
import synthetic_events
from auditwright import Actor, AuditLog
from auditwright.event_model import EventModel

if sys.argv[3] == "every model is built at import":
    EventModel.model_config["defer_build"] = False
catalog = synthetic_events.CATALOG
first, second, *_ = catalog.events.values()
with AuditLog.open(f"sqlite:///{sys.argv[2]}", account_id="acme", catalog=catalog) as log:
    audit = synthetic_events.AuditEvents(log)
    with log.acting(Actor.user("u-17")):
        moments = [time.process_time()]
        if sys.argv[3] == "after warm_up":
            catalog.warm_up()
        moments.append(time.process_time())
        for event in (first, second):
            getattr(audit.level0.area0, event.name)(**event.example)
            moments.append(time.process_time())
print(*(after - before for before, after in zip(moments, moments[1:])))
"""
VARIANTS = ("every model is built at import", "a model is built on first use", "after warm_up")


def run() -> None:
    """Print the cost of the first two events, which are of different kinds, and of `warm_up`."""
    taken: dict[str, list[list[float]]] = {variant: [] for variant in VARIANTS}
    with tempfile.TemporaryDirectory() as folder:
        catalog, out = Path(folder, "catalog"), Path(folder, "out")
        write_catalog(catalog, EVENTS, per_category=EVENTS)
        measure((*AUDITWRIGHT, "generate", "--catalog", str(catalog), "--out", str(out)))
        compileall.compile_dir(out, quiet=1)
        for number in range(ROUNDS):
            for variant in VARIANTS:
                database = Path(folder, f"{number}-{VARIANTS.index(variant)}.db")
                done = subprocess.run(
                    [sys.executable, "-c", PROGRAM, str(out), str(database), variant],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                taken[variant].append(list(map(float, done.stdout.split())))
    medians = {
        variant: [median(each) for each in zip(*rounds, strict=True)] for variant, rounds in taken.items()
    }
    base = medians[VARIANTS[0]][1]
    print(f"\n### The first event of a process, in a category of {EVENTS} events\n")
    print("| models | warm_up, ms of CPU | first event | ratio | second event, of another kind |")
    print("|---|---:|---:|---:|---:|")
    for variant, (warm, first, second) in medians.items():
        shown = f"{warm * 1000:,.0f}" if variant == VARIANTS[2] else ""
        print(f"| {variant} | {shown} | {first * 1000:,.1f} | {first / base:.2f} | {second * 1000:.1f} |")
