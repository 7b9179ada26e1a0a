"""Exports as downloads: recorded before the first byte; a failure midway breaks the connection."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.responses import StreamingResponse

from auditwright.system_events import record_export

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

    from auditwright.log import AuditLog
    from auditwright.server.access import Principal
    from auditwright.server.long_reads import LongReads
    from auditwright.server.view import View
    from auditwright.transfer.text_export import TextFormat

Pieces = Generator[bytes, None, None]
"""A file in pieces; closing it releases the database connection."""

# RFC 4180 and RFC 7111 for CSV; JSON Lines has no registered type.
MEDIA: dict[TextFormat, str] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "jsonl": "application/jsonl",
}


def export(
    app: FastAPI, principal: Principal, account_id: str, view: View, form: TextFormat
) -> StreamingResponse:
    """The entries of a view as a download.

    The content is a snapshot without the entry that records the export. A failure before the first byte is an
    error response; a later one breaks the connection, so that the download fails too. Where too many long
    reads are running, the response is a 429 problem, and nothing is recorded.
    """
    log: AuditLog = app.state.log
    long_reads: LongReads = app.state.long_reads
    now = datetime.now(UTC)
    pieces = partial(
        log.account(account_id).stream,
        form,
        **view.selection(now),
        begin=lambda: record_export(log, account_id, principal.actor, form, view.selection_query),
    )
    name = f"audit-log-{now:%Y%m%dT%H%M%SZ}.{form}"
    return Download(
        long_reads.slot(principal),
        pieces,
        media_type=MEDIA[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


class Download(StreamingResponse):
    """A response that opens its source when it is sent, and closes it however sending ends.

    The source and so the database connection are open only inside of `slot`. Blocking calls of the source
    run in threads; while a client is waited for, no thread is in use.
    """

    def __init__(
        self, slot: AbstractContextManager[None], start: Callable[[], Pieces], **options: Any
    ) -> None:
        super().__init__((), **options)
        self._slot = slot
        self._start = start
        self._pieces: Pieces | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application (ASGI 3.0)."""
        with self._slot:
            try:
                self.body_iterator = iterate_in_threadpool(await run_in_threadpool(self._open))
                await super().__call__(scope, receive, send)
            finally:  # Starlette does not close the iterator when the client disconnects
                with anyio.CancelScope(shield=True):
                    await run_in_threadpool(self._close)

    def _open(self) -> Pieces:
        self._pieces = self._start()  # kept here, as a cancelled call returns nothing
        return self._pieces

    def _close(self) -> None:
        if self._pieces is not None:
            self._pieces.close()
