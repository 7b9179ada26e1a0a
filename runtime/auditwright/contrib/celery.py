"""Celery: a task acts as whoever sent it.

`install` connects to Celery's signals. Where a task is published, the current context goes into a header of
its message; where a task runs, it is set around it, whatever the pool of the worker.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

from celery import signals

from auditwright.actor import Actor
from auditwright.context import Context
from auditwright.errors import ValidationError
from auditwright.sent_context import dump_context, load_context
from auditwright.text import printable

HEADER = "auditwright"
"""The message header with what `dump_context` returns."""

_log = logging.getLogger("auditwright")
_default_actor: Actor | None = None
_Running = tuple[tuple[str, AbstractContextManager[Context]], ...]
_running: ContextVar[_Running] = ContextVar("auditwright_celery", default=())
"""The tasks that run here, by id, the innermost last: an eager task runs inside of its caller."""


def install(*, default_actor: Actor | None = None) -> None:
    """Send the audit context with every task of this process, and set it around every task that runs here.

    Call it where the Celery app is created, so that senders and workers both have it. A header that a caller
    gave, `headers={"auditwright": dump_context()}`, is kept. `default_actor` acts in tasks whose sender had
    no actor, such as those of beat; without it an emitter there needs `actor=`. A later call changes it.
    Raises `ValidationError` if `default_actor` is no actor.
    """
    global _default_actor
    with load_context(None, default_actor=default_actor):  # refuses what is no actor
        _default_actor = default_actor
    signals.before_task_publish.connect(_send, dispatch_uid=HEADER)
    signals.task_prerun.connect(_enter, dispatch_uid=HEADER)
    signals.task_postrun.connect(_leave, dispatch_uid=HEADER)


def _send(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Put the context into the headers of a task that is about to be published.

    An empty one too: a retry has the headers of the first run, and starts as that did.
    """
    if headers is not None:
        headers.setdefault(HEADER, dump_context())


def _enter(task_id: str, task: Any, **_: Any) -> None:
    """Set the context of a task that is about to run."""
    entered = load_context(_sent_to(task.request), default_actor=_default_actor)
    try:
        entered.__enter__()
    except ValidationError as error:
        # Celery would run the task in any case, and nobody is to act by mistake.
        task_name = printable(f"task {task.name} [{task_id}]")
        _log.error("%s runs without its sender's context: %s", task_name, printable(str(error)))
        entered = load_context(None)
        entered.__enter__()
    _running.set((*_running.get(), (task_id, entered)))


def _sent_to(request: Any) -> Any:
    """The header of a task; an eager task without one has its caller's context."""
    headers = request.headers
    if isinstance(headers, dict) and HEADER in headers:
        return headers[HEADER]
    return dump_context() if request.is_eager else None


def _leave(task_id: str, **_: Any) -> None:
    """Return to the context that was there before the task."""
    running = _running.get()
    if running and running[-1][0] == task_id:
        _running.set(running[:-1])
        running[-1][1].__exit__(None, None, None)
