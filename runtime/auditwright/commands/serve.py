"""`auditwright serve`: the Audit Logs page on this machine's loopback address."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from auditwright.actor import Actor
from auditwright.commands import Command
from auditwright.commands.options import actor, add_log, open_log
from auditwright.text import printable

if TYPE_CHECKING:
    from starlette.requests import Request

    from auditwright.log import AuditLog
    from auditwright.server import Principal

LOOPBACK = "127.0.0.1"
PORT = 8765


def add_port(parser: argparse.ArgumentParser) -> None:
    """`--port`."""
    parser.add_argument(
        "--port", type=_port, default=PORT, help=f"the port; 0 takes a free one (default: {PORT})"
    )


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:9]) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to 65535")
    return int(text)


def _configure(parser: argparse.ArgumentParser) -> None:
    add_port(parser)
    parser.add_argument(
        "--actor",
        type=actor,
        default=Actor.system("auditwright serve"),
        help="who is recorded when something is exported: user:ID:NAME, app:ID:NAME or system "
        "(default: system)",
    )
    parser.add_argument(
        "--allow-recording",
        action="store_true",
        help="let programs on this machine record through POST /api/entries",
    )
    add_log(parser)


def _run(options: argparse.Namespace) -> int:
    with open_log(options) as log:
        return serve(log, options.account, options.port, options.actor, options.allow_recording)


def serve(log: AuditLog, account: str, port: int, actor: Actor, may_record: bool = False) -> int:
    """Serve the page of one account on loopback until interrupted: to whoever can use this machine."""
    import socket

    import uvicorn

    from auditwright.server import Principal, create_app

    principal = Principal(actor, (account,), may_export=True, may_record=may_record)

    async def authorize(_: Request) -> Principal:
        return principal

    # Only by the names of this machine: a page elsewhere must not reach it under a name of its own.
    app = create_app(log, authorize, allowed_hosts=["127.0.0.1", "localhost"])
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((LOOPBACK, port))
            listening.listen(128)
        except OSError as error:
            print(f"auditwright: port {port}: {error.strerror}; --port names another one", file=sys.stderr)
            return 2
        address = f"http://{LOOPBACK}:{listening.getsockname()[1]}/"
        print(f'Audit Logs of the account "{printable(account)}": {address} (Ctrl-C ends it)', flush=True)
        config = uvicorn.Config(app, log_level="warning", proxy_headers=False, server_header=False)
        uvicorn.Server(config).run(sockets=[listening])
    return 0


command = Command("show the Audit Logs page on this machine", _configure, _run)
