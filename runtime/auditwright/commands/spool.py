"""`auditwright spool`: show what waits in a spool, move it to the database, discard what is refused."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import orjson

from auditwright.catalog import find_catalog
from auditwright.commands.actions import Action, add_actions, run_action
from auditwright.commands.options import add_catalog_package, add_database, number_in
from auditwright.commands.progress import ProgressLine
from auditwright.commands.text import counted, print_json, table
from auditwright.damage import read_entry
from auditwright.errors import AuditwrightError, ExportError
from auditwright.ids import format_time, to_microseconds
from auditwright.spool import LARGEST
from auditwright.spool.mover import BATCH, Mover
from auditwright.storage import is_postgresql, open_spool_file, open_storage
from auditwright.storage.deadline import TIMEOUT
from auditwright.storage.errors import StorageError
from auditwright.text import print_lines
from auditwright.transfer.export_file import write_export

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from auditwright.catalog import Catalog
    from auditwright.entry import Row
    from auditwright.storage.base import Refused, Waiting
    from auditwright.transfer.text_export import Chunks

SPOOL = "AUDITWRIGHT_SPOOL"
SHOWN, MOST = 20, 10_000
"""How many refused entries are shown by default, and at most."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    add_actions(parser, "spool", ACTIONS)


def run(options: argparse.Namespace) -> int:
    """Run the chosen action."""
    return run_action(options)


def _add_spool(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get(SPOOL) or None
    parser.add_argument(
        "--spool",
        metavar="URL",
        default=default,
        required=default is None,
        help=f"the spool, such as sqlite:////var/lib/app/audit-spool.db (default: ${SPOOL})",
    )


# --- status ----------------------------------------------------------------------------------------


def _configure_status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limit",
        type=partial(number_in, 0, MOST),
        metavar="N",
        default=SHOWN,
        help=f"how many refused entries are shown, up to {MOST:,} (default: {SHOWN})",
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="text or JSON (default: text)"
    )
    _add_spool(parser)
    add_catalog_package(parser)


def status(options: argparse.Namespace) -> int:
    """Print what waits and what is refused. Returns 1 if there is any."""
    catalog = find_catalog(options.catalog_package)
    with closing(open_spool_file(options.spool, catalog, LARGEST, create=False)) as file:
        path, waiting, refused = str(file.path), file.waiting(), file.refused(options.limit)
    if options.format == "json":
        print_json(_to_json(path, waiting, refused))
    else:
        print_lines(f"{path}: {_sentence(waiting)}")
        if waiting.failing_since is not None:
            print_lines(f"  not moved since {_shown(waiting.failing_since)}: {waiting.failure}")
        _print_refused(refused, waiting.refused)
        if waiting.refused:
            print_lines(_NEXT)
    return 1 if waiting.entries or waiting.refused else 0


def _to_json(path: str, waiting: Waiting, refused: list[Refused]) -> dict[str, object]:
    return {
        "spool": path,
        "waiting": waiting.entries,
        "oldest": waiting.oldest and format_time(to_microseconds(waiting.oldest)),
        "error": waiting.failure,
        "error_since": waiting.failing_since and format_time(to_microseconds(waiting.failing_since)),
        "bytes": waiting.size,
        "refused": waiting.refused,
        "refused_entries": [
            {
                "account_id": each.account_id,
                "id": str(UUID(bytes=each.id)),
                "event": each.event,
                "reason": each.reason,
            }
            for each in refused
        ],
    }


def _sentence(waiting: Waiting) -> str:
    parts = ["nothing waits"]
    if waiting.oldest is not None:
        verb = "waits" if waiting.entries == 1 else "wait"
        parts = [f"{counted(waiting.entries, 'entry')} {verb} since {_shown(waiting.oldest)}"]
    if waiting.refused:
        parts.append(f"{counted(waiting.refused, 'entry')} {'is' if waiting.refused == 1 else 'are'} refused")
    return ", ".join([*parts, f"{waiting.size:,} bytes"])


def _shown(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} (UTC)"


def _print_refused(refused: list[Refused], count: int) -> None:
    if refused:
        rows = [[each.account_id, str(UUID(bytes=each.id)), each.event, each.reason] for each in refused]
        lines = table(["account", "id", "event", "reason"], rows, whole=("id", "event"))
        print_lines(*(f"  {line}" for line in lines))
    if count > len(refused):
        print_lines(f"  {'and ' * bool(refused)}{counted(count - len(refused), 'more refused entry')}")


_NEXT = (
    "next: remove the reasons, and run `auditwright spool drain --refused`; "
    "or take entries out by `auditwright spool discard`"
)


# --- drain -----------------------------------------------------------------------------------------


def _configure_drain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--refused", action="store_true", help="also move the entries that the database has refused before"
    )
    _add_spool(parser)
    add_database(parser)
    add_catalog_package(parser)


def drain(options: argparse.Namespace) -> int:
    """Move what waits to the database. Returns 1 if entries are refused, or another process moves them."""
    if not is_postgresql(options.database):
        raise StorageError(
            "the entries of a spool belong to a PostgreSQL database: name it by --database postgresql://..."
        )
    catalog, count = find_catalog(options.catalog_package), 0

    def show(moved: int) -> None:
        nonlocal count
        count = moved
        progress(moved)

    with (
        closing(open_spool_file(options.spool, catalog, LARGEST, create=False)) as file,
        closing(open_storage(options.database, catalog)) as database,
    ):
        if options.refused:
            print_lines(f"{file.path}: {counted(file.retry_refused(), 'refused entry')} to move again")
        try:
            total = file.waiting().entries
            with ProgressLine("moved", lambda _: total) as progress:
                moved = Mover(file, lambda: database, TIMEOUT).move(show)
        except AuditwrightError as error:
            error.add_note(f"{counted(count, 'entry')} {'was' if count == 1 else 'were'} moved before")
            raise
        refused = file.waiting().refused
    if moved is None:
        print_lines(f"{file.path}: another process is moving the entries of this spool")
        return 1
    print_lines(f"{file.path}: {counted(moved.entries, 'entry')} moved, {refused:,} refused")
    if refused:
        print_lines("next: `auditwright spool status` shows why entries are refused")
    return 1 if refused else 0


# --- discard ---------------------------------------------------------------------------------------


def _configure_discard(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", metavar="ID", nargs="*", type=_entry_id, help="the id of a refused entry")
    parser.add_argument(
        "--all", action="store_true", help="discard all refused entries, instead of naming their ids"
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        required=True,
        help="the new JSON Lines file that gets them before they are deleted, compressed where its name "
        "ends in .gz or .zst",
    )
    _add_spool(parser)
    add_catalog_package(parser)


def _entry_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an entry's id; `auditwright spool status` shows those of refused entries"
        ) from None


def discard(options: argparse.Namespace) -> int:
    """Move refused entries into a file, for good. Returns 2 for wrong usage."""
    if options.all == bool(options.ids):
        print_lines(
            "auditwright: name the ids of refused entries, or --all; nothing was discarded", file=sys.stderr
        )
        return 2
    catalog, output = find_catalog(options.catalog_package), Path(options.output)
    with closing(open_spool_file(options.spool, catalog, LARGEST, create=False)) as file:
        refused = file.refused(-1)
        if options.ids:
            wanted = {each.bytes for each in options.ids}
            refused = [each for each in refused if each.id in wanted]
            unknown = wanted - {each.id for each in refused}
            if unknown:
                first = next(each for each in options.ids if each.bytes in unknown)
                raise StorageError(f"{file.path}: no refused entry has the id {first}; nothing was discarded")
        if not refused:
            print_lines(f"{file.path}: no entry is refused")
            return 0
        if output.exists():
            raise ExportError(f"{output}: the file exists already; nothing was discarded; name a new one")
        rows: list[Row] = []
        write_export(_lines(file.row, catalog, refused, rows), output, None)
        try:
            discarded = sum(file.discard(rows[at : at + BATCH]) for at in range(0, len(rows), BATCH))
        except StorageError as error:
            error.add_note(f"{output} has all {counted(len(rows), 'entry')}; some are still in the spool")
            raise
        path = file.path
    _print_refused(refused[:MOST], len(refused))
    print_lines(f"{path}: {counted(discarded, 'refused entry')} moved to {output}")
    return 0


def _lines(
    row_of: Callable[[str, bytes], Row | None], catalog: Catalog, refused: list[Refused], rows: list[Row]
) -> Chunks:
    """The entries as lines of an export; their rows are added to `rows`."""
    for each in refused:
        row = row_of(each.account_id, each.id)
        if row is not None:  # another process has not moved it meanwhile
            rows.append(row)
            yield 1, orjson.dumps(read_entry(catalog, row).to_json()) + b"\n"


ACTIONS = {
    "status": Action(
        "show what waits in a spool",
        "Show how many entries wait in a spool for the database, since when, and which ones the database has "
        "refused, with the reasons. It moves nothing.",
        "exit code: 0 nothing waits, 1 entries wait or are refused, 2 the spool cannot be read",
        _configure_status,
        status,
    ),
    "drain": Action(
        "move what waits in a spool to its database now",
        "Move all entries that wait in a spool to the PostgreSQL database, oldest first and each once. A "
        "service that has the spool open moves them by itself; use this where no service does. Entries that "
        "the database refuses stay in the spool.",
        "exit code: 0 nothing is left, 1 entries are refused or another process is moving them, 2 failed",
        _configure_drain,
        drain,
    ),
    "discard": Action(
        "take refused entries out of a spool, into a file",
        "Write entries that the database has refused into a new JSON Lines file, and delete them from the "
        "spool. Nothing is lost: `auditwright import` reads the file. Entries that wait are left alone.",
        "exit code: 0 discarded, 2 failed",
        _configure_discard,
        discard,
    ),
}
