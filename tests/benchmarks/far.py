"""Recording on a far PostgreSQL server: a proxy in front of it delays what both sides send.

The rate of many callers depends on the round trips of a group commit, and on how many rows one carries.
"""

from __future__ import annotations

import logging
import statistics

from tests.benchmarks.load import ADA, MODEL, in_threads, percentiles
from tests.support.databases import temporary_server
from tests.support.tcp_proxy import proxy_of

from audit_events import AuditEvents
from auditwright import AuditLog

CALLERS = 64
CALLS = 8
ROUNDS = 3
DELAYS = (0.0, 0.001, 0.05)
"""Seconds in each direction."""


def run() -> None:
    """Print the rate of concurrent callers by the delay of the network."""
    logging.getLogger("auditwright").setLevel(logging.ERROR)  # hides a warning about the role
    print(f"\n### PostgreSQL behind a slow network: {CALLERS} threads\n")
    print("| delay each way, ms | entries a second | p50, ms | p99, ms | lowest to highest |")
    print("|---:|---:|---:|---:|---:|")
    with temporary_server(durable=True) as server, proxy_of(server.another().url) as proxy:
        for delay in DELAYS:
            proxy.delay = delay
            with AuditLog.open(proxy.url, account_id="acme") as log:
                _measure(delay, log)


def _measure(delay: float, log: AuditLog) -> None:
    audit = AuditEvents(log)
    rates: list[float] = []
    taken: list[float] = []
    for _ in range(ROUNDS):
        found = in_threads(CALLERS, CALLS, lambda: audit.account.models.model_deployed(**MODEL, actor=ADA))
        rates.append(len(found) * CALLERS / sum(found))
        taken += found
    p50, p99 = percentiles(taken)
    print(
        f"| {delay * 1e3:g} | {statistics.median(rates):,.0f} | {p50:.2f} | {p99:.2f} "
        f"| {min(rates):,.0f} to {max(rates):,.0f} |",
        flush=True,
    )
