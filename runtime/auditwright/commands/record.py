"""`auditwright record`: validate and record one entry."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from auditwright.commands.options import add_actor, add_log, moment, open_log, user_or_app
from auditwright.commands.text import print_json
from auditwright.entry_context import LIMITS
from auditwright.errors import Problem, ValidationError
from auditwright.recording.json_form import NotJson, decoded
from auditwright.text import print_lines


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("event", metavar="EVENT", help="the event's key, such as account.models.model_added")
    parser.add_argument(
        "--metadata",
        metavar="JSON",
        default="{}",
        help="the metadata as a JSON object; - reads it from stdin (default: {})",
    )
    add_actor(parser, "who did it", of_any_event=True)
    parser.add_argument(
        "--on-behalf-of",
        type=user_or_app,
        metavar="ACTOR",
        help="for whom the actor did it: user:ID:NAME or app:ID:NAME",
    )
    parser.add_argument(
        "--outcome",
        choices=("success", "failure"),
        default="success",
        help="whether it succeeded; only events with a failure_message can fail (default: success)",
    )
    parser.add_argument("--failure-reason", metavar="TEXT", help="why it failed")
    parser.add_argument("--ip", metavar="ADDRESS", help="the actor's IP address")
    parser.add_argument(
        "--context",
        metavar="JSON",
        help=f"where it comes from, as a JSON object with any of {', '.join(LIMITS)}",
    )
    parser.add_argument("--details", metavar="TEXT", help="text that is appended to the description")
    parser.add_argument("--occurred-at", type=moment, metavar="TIME", help="when it happened (default: now)")
    parser.add_argument(
        "--id", metavar="UUID", help="the entry's id; makes a retry idempotent, with the same --actor"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_log(parser)


def run(options: argparse.Namespace) -> int:
    """Record the entry and print it."""
    arguments: dict[str, Any] = {
        "actor": options.actor,
        "on_behalf_of": options.on_behalf_of,
        "outcome": options.outcome if options.outcome != "success" else None,
        "failure_reason": options.failure_reason,
        "ip_address": options.ip,
        "context": None if options.context is None else _json(options, "context", options.context),
        "details": options.details,
        "occurred_at": options.occurred_at,
        "id": options.id,
    }
    with open_log(options, create=True) as log:
        entry = log.record_form(
            {"event": options.event, "metadata": _metadata(options)},
            **{name: value for name, value in arguments.items() if value is not None},
        )
    if options.format == "json":
        print_json(entry.to_json())
    else:
        print_lines(f"{entry.id}  {entry.event}  {entry.description}")
    return 0


def _metadata(options: argparse.Namespace) -> Any:
    text = sys.stdin.buffer.read() if options.metadata == "-" else options.metadata
    return _json(options, "metadata", text)


def _json(options: argparse.Namespace, name: str, text: str | bytes) -> Any:
    try:
        return decoded(text)
    except NotJson as error:
        problem = Problem(name, "a JSON object", f"invalid JSON: {error}")
        raise ValidationError(options.event, (problem,)) from None
