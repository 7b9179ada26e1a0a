"""Fork hooks: objects reset their locks, queues and connections in a forked child.

A child has only the thread that forked, so locks of other threads would never be released there. Group commit
and database connections register here.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from weakref import WeakSet


class ForkAware(ABC):
    """An object whose state must be reset in a forked child; see `register`."""

    def before_fork(self) -> None:  # noqa: B027 - optional
        """Called in the parent before a fork."""

    def after_fork_in_parent(self) -> None:  # noqa: B027
        """Called in the parent after a fork."""

    @abstractmethod
    def after_fork_in_child(self) -> None:
        """Reset the state; called in the child before anything else runs there."""


_registered: WeakSet[ForkAware] = WeakSet()


def register(fork_aware: ForkAware) -> None:
    """Call the methods of the object whenever the process forks, as long as the object lives."""
    _registered.add(fork_aware)


def _before() -> None:
    for each in list(_registered):
        each.before_fork()


def _in_parent() -> None:
    for each in list(_registered):
        each.after_fork_in_parent()


def _in_child() -> None:
    for each in list(_registered):
        each.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
