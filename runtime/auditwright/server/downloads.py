"""Exports as downloads: recorded before the first byte; a failure midway breaks the connection."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

from auditwright.system_events import record_export

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from auditwright.log import AuditLog
    from auditwright.server.access import Principal
    from auditwright.server.view import View
    from auditwright.transfer.text_export import TextFormat

# RFC 4180 and RFC 7111 for CSV; JSON Lines has no registered type.
MEDIA: dict[TextFormat, str] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "jsonl": "application/jsonl",
}


def export(
    log: AuditLog, principal: Principal, account_id: str, view: View, form: TextFormat
) -> StreamingResponse:
    """The entries of a view as a download.

    The content is a snapshot without the entry that records the export. A failure before the first byte is an
    error response; a later one breaks the connection, so that the download fails too.
    """
    now = datetime.now(UTC)
    pieces = log.account(account_id).stream(
        form,
        **view.selection(now),
        begin=lambda: record_export(log, account_id, principal.actor, form, view.selection_query),
    )
    name = f"audit-log-{now:%Y%m%dT%H%M%SZ}.{form}"
    return Download(
        pieces,
        media_type=MEDIA[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


class Download(StreamingResponse):
    """A streaming response that closes its source, and so the database cursor, however it ends."""

    def __init__(self, pieces: Generator[bytes, None, None], **options: Any) -> None:
        super().__init__(pieces, **options)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application (ASGI 3.0)."""
        try:
            await super().__call__(scope, receive, send)
        finally:  # Starlette does not close the iterator when the client disconnects
            self._pieces.close()
