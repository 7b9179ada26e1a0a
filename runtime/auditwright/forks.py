"""What a forked child makes anew: locks that a thread of its parent may have held, queues, connections.

A child has only the thread that forked; whatever the others held or waited for is nobody's there.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from weakref import WeakSet


class ForkAware(ABC):
    """Something that a child must not use as its parent left it; `register` has these called."""

    def before_fork(self) -> None:  # noqa: B027 - not everything has something to do here
        """In the parent: come to a state in which a child can begin anew."""

    def after_fork_in_parent(self) -> None:  # noqa: B027
        """Go on in the parent."""

    @abstractmethod
    def after_fork_in_child(self) -> None:
        """Begin anew in the child, before anything else runs there."""


_forked: WeakSet[ForkAware] = WeakSet()


def register(thing: ForkAware) -> None:
    """Have the methods of `thing` called whenever the process forks, for as long as `thing` lives."""
    _forked.add(thing)


def _before() -> None:
    for thing in list(_forked):
        thing.before_fork()


def _in_parent() -> None:
    for thing in list(_forked):
        thing.after_fork_in_parent()


def _in_child() -> None:
    for thing in list(_forked):
        thing.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
