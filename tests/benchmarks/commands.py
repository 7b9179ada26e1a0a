"""The commands `check` and `generate` as cold processes, compared with an idle interpreter."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 7


def run() -> None:
    """Run the commands in alternation, each in a process of its own, on the catalog of this checkout."""
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "python -c pass": ["-c", "pass"],
            "auditwright --help": ["-m", "auditwright", "--help"],
            "auditwright check": ["-m", "auditwright", "check"],
            "auditwright generate, empty folder": ["-m", "auditwright", "generate", "--out", "{new}"],
            "auditwright generate, nothing changed": ["-m", "auditwright", "generate", "--out", "{new}"],
            "auditwright generate --check --all": ["-m", "auditwright", "generate", "--check", "--all"],
        }
        wall: dict[str, list[float]] = {name: [] for name in commands}
        cpu: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(ROUNDS):
            for name, arguments in commands.items():
                filled = [argument.format(new=f"{folder}/{number}") for argument in arguments]
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                started = time.perf_counter()
                subprocess.run([sys.executable, *filled], check=True, stdout=subprocess.DEVNULL)
                wall[name].append(time.perf_counter() - started)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                cpu[name].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    print("\n### Commands, cold\n")
    print("| command | CPU, ms | wall, ms | ratio to an empty process |")
    print("|---|---:|---:|---:|")
    base = statistics.median(cpu["python -c pass"])
    for name in commands:
        own = statistics.median(cpu[name])
        print(
            f"| {name} | {own * 1000:.0f} | {statistics.median(wall[name]) * 1000:.0f} | {own / base:.1f} |"
        )
