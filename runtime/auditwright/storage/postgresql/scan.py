"""Scanning branches in PostgreSQL: a lazy merge in rounds, which advances the branches furthest behind.

PostgreSQL does not merge branches lazily: it would read each to its end or to a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditwright.storage.postgresql.queries import (
    Group,
    Query,
    groups,
    narrowed,
    scan_budget,
    source,
    unnest,
    unnested,
)
from auditwright.storage.scan import Part, merge_parts

if TYPE_CHECKING:
    from auditwright.entry import Row
    from auditwright.storage.query import Scope

ROUND_COST = 500
"""The fixed cost of a statement, in scanned entries."""
GROWTH = 8
"""How many times as many entries each round scans."""

FIRST, LAST = bytes(16), b"\xff" * 16
"""Ids below and above all ids of entries."""

Run = Callable[[str, list[Any]], Sequence["Row"]]
"""Executes a statement in the reader's transaction."""


@dataclass(slots=True)
class _Branch:
    """How far one branch has been scanned."""

    group: Group
    number: int
    """Its position in the group."""
    scanned_to: bytes
    ids: list[bytes] = field(default_factory=list)
    ended: bool = False

    @property
    def part(self) -> Part:
        return Part(self.ids, None if self.ended else self.scanned_to)


def scan(run: Run, table: str, scope: Scope, newest_first: bool, limit: int) -> Part:
    """The first matching ids of a scope, within the scan budget of one page."""
    start = (scope.high or LAST) if newest_first else _below(scope.low)
    branches = [
        _Branch(group, number, start) for group in groups(scope.branches) for number in range(group.size)
    ]
    left = scan_budget(scope)
    most = limit
    while True:
        unfinished = [branch for branch in branches if not branch.ended]
        found = merge_parts((branch.part for branch in branches), newest_first)
        if not unfinished or len(found.ids) >= limit or left <= 0:
            return found
        unfinished.sort(key=lambda branch: branch.scanned_to, reverse=newest_first)
        advanced = unfinished[: max(1, len(unfinished) // 2)] if most > limit else unfinished
        # Powers of two keep the number of different statements small: each is prepared once.
        each = 1 << (max(1, min(most, left // len(advanced))).bit_length() - 1)
        left -= ROUND_COST + _advance(run, table, scope, newest_first, advanced, each)
        most *= GROWTH


def _advance(
    run: Run, table: str, scope: Scope, newest_first: bool, branches: list[_Branch], most: int
) -> int:
    """Scan up to so many further entries of each branch; returns the number scanned."""
    scanned = 0
    for group in {id(branch.group): branch.group for branch in branches}.values():
        of_group = {branch.number: branch for branch in branches if branch.group is group}
        statement, values = _statement(table, scope, newest_first, group, of_group.values(), most)
        for number, ids, count, scanned_to in run(statement, values):
            branch = of_group[number]
            branch.ids += [each.bytes for each in ids or ()]
            scanned += count
            branch.ended = count < most
            if scanned_to is not None:
                branch.scanned_to = scanned_to.bytes
    return scanned


def _statement(
    table: str, scope: Scope, newest_first: bool, group: Group, branches: Iterable[_Branch], most: int
) -> Query:
    """For each branch: its number, the matching ids, the number of entries scanned, and the last of them."""
    given = [(branch.number, branch.scanned_to.hex()) for branch in branches]
    columns, arrays, where = unnested(group, [number for number, _ in given])
    columns = {"number": "CAST(%s AS int[])", "position": "CAST(%s AS uuid[])"} | columns
    fits, bound = narrowed(table, scope, group, in_range=False)
    order, beyond = ("DESC", "<") if newest_first else ("ASC", ">")
    other_end, edge = ("id >= CAST(%s AS uuid)", scope.low) if newest_first else (
        "id < CAST(%s AS uuid)", scope.high
    )  # fmt: skip
    return (
        f"SELECT branch.number, scanned.* FROM {unnest(columns)} CROSS JOIN LATERAL ("
        f"SELECT array_agg(id) FILTER (WHERE fits), count(*), (array_agg(id))[{most}] FROM ("
        f"SELECT id, (true{fits}) AS fits FROM {source(table, group)} WHERE entry.account_id = %s{where} "
        f"AND id {beyond} branch.position{f' AND {other_end}' if edge else ''} "
        f"ORDER BY id {order} LIMIT {most}) AS candidates) AS scanned",
        [
            [number for number, _ in given],
            [position for _, position in given],
            *arrays,
            *bound,
            scope.account_id,
            *([edge.hex()] if edge else []),
        ],
    )


def _below(low: bytes | None) -> bytes:
    """The id just below the lower bound."""
    return FIRST if low is None or low == FIRST else (int.from_bytes(low) - 1).to_bytes(16)
