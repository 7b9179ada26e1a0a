"""Exports as downloads: recorded before their first byte, broken off where they fail midway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.responses import StreamingResponse

from auditwright.own_events import record_export

if TYPE_CHECKING:
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
    return StreamingResponse(
        _closing(pieces),
        media_type=MEDIA[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _closing(pieces: Generator[bytes, None, None]) -> AsyncIterator[bytes]:
    """The pieces; the database is let go of as soon as the reader has gone."""
    try:
        async for piece in iterate_in_threadpool(pieces):
            yield piece
    finally:
        await run_in_threadpool(pieces.close)
