"""Looking through branches in PostgreSQL: a lazy merge, which goes on where branches hold up the others.

PostgreSQL merges no branches lazily by itself: it would read each to its end, or as far as a limit says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditwright.storage.postgresql.queries import Group, Query, groups, narrowed, unnest, unnested
from auditwright.storage.scan import Part, joined, scan_budget

if TYPE_CHECKING:
    from auditwright.entry import Row
    from auditwright.storage.query import Scope

ROUND = 500
"""Entries that could be looked at in the time that a statement takes by itself."""
GROWTH = 8
"""How many times as far each round looks."""

FIRST, LAST = bytes(16), b"\xff" * 16
"""Ids that no entry has, around all others."""

Run = Callable[[str, list[Any]], Sequence["Row"]]
"""Runs a statement in the reader's transaction."""


@dataclass(slots=True)
class _Branch:
    """How far one branch has been looked through."""

    group: Group
    number: int
    """Its place in the group."""
    reached: bytes
    ids: list[bytes] = field(default_factory=list)
    ended: bool = False

    @property
    def part(self) -> Part:
        return Part(self.ids, None if self.ended else self.reached)


def look(run: Run, table: str, scope: Scope, newest_first: bool, limit: int) -> Part:
    """The first ids that belong to a scope, as far as one page may look for them."""
    start = (scope.high or LAST) if newest_first else _below(scope.low)
    branches = [
        _Branch(group, number, start) for group in groups(scope.branches) for number in range(group.size)
    ]
    left = scan_budget(scope)
    most = limit
    while True:
        held_up = [branch for branch in branches if not branch.ended]
        found = joined((branch.part for branch in branches), newest_first)
        if not held_up or len(found.ids) >= limit or left <= 0:
            return found
        held_up.sort(key=lambda branch: branch.reached, reverse=newest_first)
        advanced = held_up[: max(1, len(held_up) // 2)] if most > limit else held_up
        # Powers of two, lest every page be a statement of its own.
        each = 1 << (max(1, min(most, left // len(advanced))).bit_length() - 1)
        left -= ROUND + _advance(run, table, scope, newest_first, advanced, each)
        most *= GROWTH


def _advance(
    run: Run, table: str, scope: Scope, newest_first: bool, branches: list[_Branch], most: int
) -> int:
    """Look further in these branches, at so many entries of each at most; returns at how many it was."""
    looked = 0
    for group in {id(branch.group): branch.group for branch in branches}.values():
        of_group = {branch.number: branch for branch in branches if branch.group is group}
        statement, values = _statement(table, scope, newest_first, group, of_group.values(), most)
        for number, ids, count, reached in run(statement, values):
            branch = of_group[number]
            branch.ids += [each.bytes for each in ids or ()]
            looked += count
            branch.ended = count < most
            if reached is not None:
                branch.reached = reached.bytes
    return looked


def _statement(
    table: str, scope: Scope, newest_first: bool, group: Group, branches: Iterable[_Branch], most: int
) -> Query:
    """Of each branch its number, the ids that fit, how many entries were looked at, and the last of these."""
    given = [(branch.number, branch.reached.hex()) for branch in branches]
    columns, arrays, where = unnested(group, [number for number, _ in given])
    columns = {"number": "CAST(%s AS int[])", "place": "CAST(%s AS uuid[])"} | columns
    fits, bound = narrowed(scope, group.not_users, in_range=False)
    order, beyond = ("DESC", "<") if newest_first else ("ASC", ">")
    other_end, edge = ("id >= CAST(%s AS uuid)", scope.low) if newest_first else (
        "id < CAST(%s AS uuid)", scope.high
    )  # fmt: skip
    return (
        f"SELECT branch.number, tried.* FROM {unnest(columns)} CROSS JOIN LATERAL ("
        f"SELECT array_agg(id) FILTER (WHERE fits), count(*), (array_agg(id))[{most}] FROM ("
        f"SELECT id, (true{fits}) AS fits FROM {table} WHERE account_id = %s{where} "
        f"AND id {beyond} branch.place{f' AND {other_end}' if edge else ''} ORDER BY id {order} LIMIT {most}"
        ") AS candidates) AS tried",
        [
            [number for number, _ in given],
            [place for _, place in given],
            *arrays,
            *bound,
            scope.account_id,
            *([edge.hex()] if edge else []),
        ],
    )


def _below(low: bytes | None) -> bytes:
    """The id before the least one that belongs."""
    return FIRST if low is None or low == FIRST else (int.from_bytes(low) - 1).to_bytes(16)
