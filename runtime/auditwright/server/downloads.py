"""Exports as downloads: recorded before their first byte, broken off where they fail midway."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from starlette.responses import StreamingResponse

from auditwright.system_events import record_export

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from auditwright.log import AuditLog
    from auditwright.server.access import Principal
    from auditwright.server.view import View

Format = Literal["csv", "jsonl"]
# RFC 4180 and RFC 7111 for CSV; JSON Lines has no registered type.
MEDIA = {"csv": "text/csv; charset=utf-8; header=present", "jsonl": "application/jsonl"}


def export(
    log: AuditLog, principal: Principal, account_id: str, view: View, form: Format
) -> StreamingResponse:
    """The entries of a view as a download.

    Its content is as of now, without the entry that records it. What fails before the first byte is an error
    like any other; what fails later ends the connection, so that the download fails too.
    """
    now = datetime.now(UTC)
    pieces = log.account(account_id).stream(
        form,
        **view.narrowing(now),
        begin=lambda: record_export(log, account_id, principal.actor, form, view.selection),
    )
    name = f"audit-log-{now:%Y%m%dT%H%M%SZ}.{form}"
    return Download(
        pieces,
        media_type=MEDIA[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


class Download(StreamingResponse):
    """Pieces as an answer; the database is let go of when it ends, however it ends."""

    def __init__(self, pieces: Generator[bytes, None, None], **options: Any) -> None:
        super().__init__(pieces, **options)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application (ASGI 3.0)."""
        try:
            await super().__call__(scope, receive, send)
        finally:  # nothing else closes what is left of them once the reader has gone
            self._pieces.close()
