"""`auditwright serve`: the Audit Logs page on this machine's loopback address."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING

from auditwright.commands.options import (
    add_actor,
    add_log,
    add_record_reads,
    number_in,
    open_log,
    wants_reads_recorded,
)
from auditwright.text import print_lines

if TYPE_CHECKING:
    from starlette.requests import Request

    from auditwright.actor import Actor
    from auditwright.log import AuditLog
    from auditwright.server import Principal

LOOPBACK = "127.0.0.1"
PORT = 8765


def add_port(parser: argparse.ArgumentParser) -> None:
    """Add `--port`."""
    parser.add_argument(
        "--port",
        type=partial(number_in, 0, 65535),
        default=PORT,
        metavar="PORT",
        help=f"the port; 0 takes a free one (default: {PORT})",
    )


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_port(parser)
    add_actor(parser, "who reads, exports and records through the page and its API")
    parser.add_argument(
        "--allow-recording",
        action="store_true",
        help="let programs on this machine record entries by POST /api/entries",
    )
    parser.add_argument(
        "--allow-impersonation",
        action="store_true",
        help="let these programs also name any actor, address and time; implies --allow-recording",
    )
    add_record_reads(parser)
    add_log(parser)


def run(options: argparse.Namespace) -> int:
    """Serve the page of the account until interrupted."""
    with open_log(options) as log:
        return serve(
            log,
            options.account,
            options.port,
            options.actor,
            wants_reads_recorded(options),
            may_record=options.allow_recording or options.allow_impersonation,
            may_impersonate=options.allow_impersonation,
        )


def serve(
    log: AuditLog, account: str, port: int, actor: Actor, record_reads: bool = False, **granted: bool
) -> int:
    """Serve the page of one account on loopback until interrupted. Every local user has access.

    `granted` has rights of a `Principal` besides exporting.
    """
    import socket

    import uvicorn

    from auditwright.server import Principal, create_app

    principal = Principal(actor, (account,), may_export=True, **granted)

    async def authorize(_: Request) -> Principal:
        return principal

    # Only this machine's names are allowed, against DNS rebinding.
    app = create_app(log, authorize, allowed_hosts=["127.0.0.1", "localhost"], record_reads=record_reads)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen(128)
        except OSError as error:
            print_lines(
                f"auditwright: port {port}: {error.strerror}; choose another by --port", file=sys.stderr
            )
            return 2
        address = f"http://{LOOPBACK}:{listener.getsockname()[1]}/"
        print_lines(f'Audit Logs of the account "{account}": {address} (stop with Ctrl-C)')
        sys.stdout.flush()
        config = uvicorn.Config(app, log_level="warning", proxy_headers=False, server_header=False)
        uvicorn.Server(config).run(sockets=[listener])
    return 0
