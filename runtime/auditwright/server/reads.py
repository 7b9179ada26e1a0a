"""Reads of the page and the API as entries, where the application has `record_reads`."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING

from auditwright.server.problems import HttpProblem
from auditwright.system_events import NotRecorded
from auditwright.text import printable

if TYPE_CHECKING:
    from starlette.requests import Request

    from auditwright.server.access import Principal
    from auditwright.system_events import Interface, ReadRecord, Shown

_logger = logging.getLogger("auditwright.server")


def record_read(
    request: Request,
    principal: Principal,
    account_id: str,
    interface: Interface,
    selection: str = "",
    *,
    entry_id: uuid.UUID | None = None,
    what: Shown = "entries",
) -> None:
    """Record that the principal looks at a selection, or at one entry; call it before anything is shown.

    Call it after reading: a request that is refused shows nothing, and the entry is not in what is shown.
    Raises a 503 problem if it cannot be recorded.
    """
    reads: ReadRecord | None = request.app.state.reads
    if reads is None:
        return
    try:
        reads.record(account_id, principal.actor, interface, selection, entry_id=entry_id, what=what)
    except NotRecorded as error:
        _logger.error("%s", printable(f"{request.method} {request.scope['path']}: {error}"))
        raise HttpProblem(
            503,
            "not-recorded",
            "Whoever looks at this audit log is recorded in it. That is not possible now, so nothing is "
            "shown. Try again, or ask its operator.",
        ) from error
