"""Exports as downloads: recorded before the first byte; a failure midway breaks the connection."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from auditwright.errors import FilterError
from auditwright.limits import truncate
from auditwright.storage.interrupt import Interrupt
from auditwright.system_events import record_export
from auditwright.transfer.text_export import SEPARATORS

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

    from auditwright.log import AuditLog
    from auditwright.server.access import Principal
    from auditwright.server.long_reads import LongReads
    from auditwright.server.view import View
    from auditwright.transfer.text_export import ExcelSeparator, TextFormat

Pieces = Generator[bytes, None, None]
"""A file in pieces; closing it releases the database connection."""

AGAIN_SECONDS = 0.05
"""After how long an interrupt is repeated: between two statements it has no effect."""

# RFC 4180 and RFC 7111 for CSV; JSON Lines has no registered type.
MEDIA: dict[TextFormat, str] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "jsonl": "application/jsonl",
}


def excel_of(text: str | None) -> ExcelSeparator | None:
    """The separator of a CSV for Excel that a request names; raises `FilterError`."""
    if text is None:
        return None
    for known in SEPARATORS:
        if text == known:
            return known
    raise FilterError(f"excel: expected {' or '.join(SEPARATORS)}, got {truncate(repr(text), 80)}")


def export(
    app: FastAPI,
    principal: Principal,
    account_id: str,
    view: View,
    form: TextFormat,
    excel: ExcelSeparator | None = None,
) -> Response:
    """The entries of a view as a download; `excel` as in `AccountLog.stream`.

    The content is a snapshot without the entry that records the export. A failure before the first byte is an
    error response; a later one breaks the connection, so that the download fails too. Where too many long
    reads are running, the response is a 429 problem, and nothing is recorded.
    """
    log: AuditLog = app.state.log
    long_reads: LongReads = app.state.long_reads
    now = datetime.now(UTC)

    def start(interrupt: Interrupt) -> Pieces:
        return log.account(account_id).stream(
            form,
            **view.selection(now),
            excel=excel,
            begin=lambda: record_export(log, account_id, principal.actor, form, view.selection_query),
            interrupt=interrupt,
        )

    name = f"audit-log-{now:%Y%m%dT%H%M%SZ}.{form}"
    return Download(
        long_reads.slot(principal),
        start,
        media_type=MEDIA[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


class Download(Response):
    """A response that opens its source when it is sent, and closes it however sending ends.

    The source and so the database connection are open only inside of `slot`. Blocking calls of the source
    run in threads; while a client is waited for, no thread is in use. When the client disconnects, what the
    database does is interrupted.
    """

    def __init__(
        self, slot: AbstractContextManager[None], start: Callable[[Interrupt], Pieces], **options: Any
    ) -> None:
        super().__init__(**options)
        del self.headers["content-length"]  # of the empty body of this class
        self._slot = slot
        self._start = start
        self._interrupt = Interrupt()
        self._pieces: Pieces | None = None
        self._error: Exception | None = None
        self._is_disconnected = False
        self._is_over = False
        """Whether nothing is read any more."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application (ASGI 3.0)."""
        with self._slot:
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._end_on_disconnect, receive, group.cancel_scope)
                    await self._send(send)
                    group.cancel_scope.cancel()
            finally:
                with anyio.CancelScope(shield=True):
                    await run_in_threadpool(self._close)
        if self._error is not None and not self._is_disconnected:
            raise self._error

    async def _send(self, send: Send) -> None:
        """Send the response. An error is kept, as the task group would wrap it."""

        async def deliver(kind: str, **message: Any) -> None:
            try:
                await send({"type": f"http.response.{kind}", **message})
            except OSError:  # how servers report it from ASGI 2.4 on
                raise ClientDisconnect from None

        try:
            pieces = await run_in_threadpool(self._open)
            await deliver("start", status=self.status_code, headers=self.raw_headers)
            while (piece := await run_in_threadpool(next, pieces, None)) is not None:
                await deliver("body", body=piece, more_body=True)
            await deliver("body", body=b"", more_body=False)
        except ClientDisconnect:
            self._is_disconnected = True
        except Exception as error:
            self._error = self._error or error
        finally:
            self._is_over = True

    async def _end_on_disconnect(self, receive: Receive, sending: anyio.CancelScope) -> None:
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
            self._is_disconnected = True
        except Exception as error:
            self._error = error
        sending.cancel()
        with anyio.CancelScope(shield=True):
            while not self._is_over:
                await run_in_threadpool(self._interrupt.request)
                await anyio.sleep(AGAIN_SECONDS)

    def _open(self) -> Pieces:
        self._pieces = self._start(self._interrupt)  # kept here, as a cancelled call returns nothing
        return self._pieces

    def _close(self) -> None:
        if self._pieces is not None:
            self._pieces.close()
