"""What a run of the fault campaign found, and which promises it breaks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

GRACE = 1.0
"""How many seconds after its timeout a call may end, as `docs/recording.md` says."""
GROWTH = 40.0
"""The MB by which a writer may be larger at the end than in the middle of a run."""


@dataclass
class Report:
    """What became of the entries of one writer, or of all writers of one spool."""

    scenario: str
    way: str
    deadline: float = 0.0
    """The seconds within which a call has to end."""
    announced: set[str] = field(default_factory=set)
    in_database: set[str] = field(default_factory=set)
    in_spool: set[str] = field(default_factory=set)
    errors: Counter[str] = field(default_factory=Counter)
    """The documented errors, by the beginning of their text."""
    undocumented: list[str] = field(default_factory=list)
    missing: int = 0
    """The entries that were acknowledged and are not in the database at the end."""
    twice: int = 0
    """How often an entry is stored that was stored before."""
    unasked: int = 0
    """The entries that nobody announced, or with content that is not theirs."""
    refused: int = 0
    """The entries that the database refused and that are kept in the spool."""
    longest: float = 0.0
    """The longest call, in seconds."""
    memory: list[float] = field(default_factory=list)
    """The MB of the process, in time."""
    stall: float = 0.0
    """How late a thread of the campaign or of the writer ran at most, in seconds: it waited for a core, or
    for the lock of the interpreter, which the garbage collector holds while it works.
    """
    loop_lag: float = 0.0
    """How late the event loop of the writer ran a timer at most, in seconds."""
    seconds: float = 0.0
    """How long it took, in seconds."""
    kills: int = 0
    """The processes that were killed."""
    not_run: str = ""
    """Why it was not run."""

    @property
    def acknowledged(self) -> set[str]:
        """The entries that were acknowledged."""
        return self.in_database | self.in_spool

    @property
    def sizes(self) -> tuple[float, float, float]:
        """The MB at the start, in the middle and at the end."""
        found = self.memory or [0.0]
        return found[min(5, len(found) - 1)], found[len(found) // 2], found[-1]

    def broken(self) -> list[str]:
        """The promises that were not kept."""
        found = [f"undocumented: {each}" for each in self.undocumented[:5]]
        for name in ("missing", "twice", "unasked", "refused"):
            if getattr(self, name):
                found.append(f"{getattr(self, name)} {name}")
        if self.longest > self.deadline + self.stall:
            found.append(
                f"a call took {self.longest:.1f} s, of {self.deadline:g} s and {self.stall:.1f} s of stall"
            )
        _, middle, end = self.sizes
        if end > middle + GROWTH:
            found.append(f"the process grew from {middle:.0f} to {end:.0f} MB")
        if not self.not_run and not self.acknowledged:
            found.append("nothing was acknowledged")
        return found
