"""Options that several commands share, and how their values are parsed."""

from __future__ import annotations

import argparse
import getpass
import os
import socket
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

from auditwright.account_log import AccountLog
from auditwright.actor import Actor
from auditwright.catalog import find_catalog
from auditwright.errors import AuditwrightError, FilterError, ValidationError
from auditwright.limits import MAX_ID, sanitize, shown
from auditwright.log import AuditLog
from auditwright.reading.filters import FIELDS, MATCHES, OPERATORS, Filter
from auditwright.reading.pages import MAX_SEARCH, MIN_SEARCH, FilteredSelection
from auditwright.reading.time_range import time_range
from auditwright.system_events import ReadRecord

DATABASE, ACCOUNT = "AUDITWRIGHT_DATABASE", "AUDITWRIGHT_ACCOUNT"
RECORD_READS = "AUDITWRIGHT_RECORD_READS"
OS = "os"
"""The value of `--actor` for the operating system's user."""


def add_log(parser: argparse.ArgumentParser) -> None:
    """Add `--database`, `--account` and `--catalog-package`."""
    add_database(parser)
    parser.add_argument(
        "--account",
        type=account,
        metavar="ID",
        default=os.environ.get(ACCOUNT) or "default",
        help=f"the account (default: ${ACCOUNT}, or default)",
    )
    add_catalog_package(parser)


def add_database(parser: argparse.ArgumentParser) -> None:
    """Add `--database`."""
    parser.add_argument(
        "--database",
        metavar="URL",
        default=os.environ.get(DATABASE) or "sqlite:///audit.db",
        help=f"the database (default: ${DATABASE}, or sqlite:///audit.db)",
    )


def add_catalog_package(parser: argparse.ArgumentParser) -> None:
    """Add `--catalog-package`."""
    parser.add_argument(
        "--catalog-package",
        metavar="NAME",
        help="the generated package (default: $AUDITWRIGHT_CATALOG, or the one that is installed)",
    )


def add_actor(parser: argparse.ArgumentParser, whose: str, *, of_any_event: bool = False) -> None:
    """Add `--actor` of a command that records; by default it is the operating system's user.

    Only who records any event may record what somebody unknown did.
    """
    anonymous = ", anonymous" if of_any_event else ""
    parser.add_argument(
        "--actor",
        type=any_actor if of_any_event else actor,
        default=OS,
        help=f"{whose}: user:ID:NAME, app:ID:NAME, {OS} for the operating system's user{anonymous}, or "
        f"system; the name is optional (default: {OS})",
    )


def add_reads(parser: argparse.ArgumentParser) -> None:
    """Add `--record-reads` and `--actor` of a command that shows entries."""
    add_record_reads(parser)
    add_actor(parser, "who reads, where that is recorded")


def add_record_reads(parser: argparse.ArgumentParser) -> None:
    """Add `--record-reads`."""
    parser.add_argument(
        "--record-reads",
        action="store_true",
        help=f"record in the log who looks at it (default: ${RECORD_READS}, 1 or 0)",
    )


def wants_reads_recorded(options: argparse.Namespace) -> bool:
    """Whether `--record-reads` is given or its variable is 1; raises `AuditwrightError` for another value."""
    value = os.environ.get(RECORD_READS, "")
    if value not in ("", "0", "1"):  # "true" must not mean that nothing is recorded
        raise AuditwrightError(f"{RECORD_READS}: expected 1 or 0, got {shown(value)}")
    return options.record_reads or value == "1"


def record_read(
    options: argparse.Namespace, log: AuditLog, query: str = "", entry_id: UUID | None = None
) -> None:
    """Record that the actor looks at a selection or an entry, where that is wanted, before it is printed."""
    if wants_reads_recorded(options):
        ReadRecord(log).record(options.account, options.actor, "cli", query, entry_id=entry_id)


def open_log(options: argparse.Namespace, create: bool = False) -> AuditLog:
    """Open the log of the options; `create` makes a missing database."""
    catalog = find_catalog(options.catalog_package)
    return AuditLog.open(options.database, account_id=options.account, catalog=catalog, create=create)


def add_selection(parser: argparse.ArgumentParser, with_match: bool = True) -> None:
    """Add `--where`, `--match`, `--from`, `--to` and `--search`; without a match all conditions must hold."""
    parser.add_argument(
        "--where",
        metavar="CONDITION",
        action="append",
        default=[],
        help="field:operator:value, such as category:is:account.models, user:is_not:u-17 or "
        "target:is:model:m-17; "
        f"fields: {', '.join(FIELDS)}; operators: {', '.join(OPERATORS)}; may be repeated",
    )
    if with_match:
        parser.add_argument(
            "--match",
            choices=MATCHES,
            default="all",
            help="whether all conditions must hold, or any of them (default: all)",
        )
    else:
        parser.set_defaults(match="all")
    parser.add_argument(
        "--from",
        dest="since",
        type=bound,
        metavar="TIME",
        help="the start of the range: a day such as 2026-01-31, a minute or a time (UTC)",
    )
    parser.add_argument(
        "--to",
        dest="until",
        type=bound,
        metavar="TIME",
        help="the end of the range: a day or a minute is included, a time with seconds is not (UTC)",
    )
    parser.add_argument(
        "--search",
        metavar="TEXT",
        help=f"text in the description, in any case; {MIN_SEARCH} to {MAX_SEARCH} characters",
    )


def selection_of(options: argparse.Namespace) -> FilteredSelection:
    """The selection that the options of `add_selection` describe."""
    return {
        "where": Filter.parse(options.where, options.match),
        "since": options.since,
        "until": options.until,
        "search": options.search,
    }


def is_narrowed(selection: FilteredSelection) -> bool:
    """Whether the selection leaves any entries out."""
    return bool(selection["where"].conditions or _query_of_rest(selection))


def query_of(selection: FilteredSelection) -> str:
    """The selection as a URL query of the page and the API: what an export is recorded with."""
    return "&".join(filter(None, (selection["where"].to_query(), _query_of_rest(selection))))


def _query_of_rest(selection: FilteredSelection) -> str:
    names = {"from": "since", "to": "until", "search": "search"}
    values = {name: sanitize(str(selection.get(key) or "")) for name, key in names.items()}
    period = {"period": "custom"} if values["from"] or values["to"] else {}
    return urlencode(period | {name: value for name, value in values.items() if value}, safe=":")


def bound(text: str) -> str:
    """Check a day, a minute or a time that begins or ends a range."""
    end(text)
    return text


def end(text: str) -> datetime:
    """Parse the end of a range; a day or a minute is included."""
    try:
        _, until = time_range(None, text)
    except FilterError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time; write 2026-01-31, 2026-01-31T09:30 or 2026-01-31T09:30:00+01:00"
        ) from None
    assert until is not None  # noqa: S101 - for type checkers
    return until


def moment(text: str) -> datetime:
    """Parse an ISO 8601 time; UTC where there is no zone, midnight where there is no hour."""
    try:
        parsed = datetime.fromisoformat(text.upper())
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time; write 2026-01-31, 2026-01-31T09:30 or 2026-01-31T09:30:00+01:00"
        ) from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def account(text: str) -> str:
    """Parse an account's id."""
    if not 1 <= len(text) <= MAX_ID:
        raise argparse.ArgumentTypeError(f"an account's id has 1 to {MAX_ID} characters, not {len(text)}")
    return text


def number_in(low: int, high: int, text: str) -> int:
    """Parse a whole number within bounds."""
    if not text.isascii() or not text.isdigit() or not low <= int(text[:9]) <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {high}")
    return int(text)


def actor(text: str) -> Actor:
    """Parse `user:u-17:Ada Lovelace`, `app:ci`, `os` or `system`."""
    kind, _, rest = text.partition(":")
    actor_id, _, name = rest.partition(":")
    try:
        if kind == OS and not rest:
            return os_user()
        if kind == "system" and not rest:
            return Actor.system()
        if kind in ("user", "app"):
            return Actor(kind, actor_id, name or None)  # type: ignore[arg-type]
    except ValidationError as error:
        raise argparse.ArgumentTypeError(str(error.problems[0])) from None
    raise argparse.ArgumentTypeError(
        f"{text!r} is not an actor; write user:ID:NAME, app:ID:NAME, {OS} or system"
    )


def any_actor(text: str) -> Actor:
    """`actor`, or `anonymous`."""
    return Actor.anonymous() if text == "anonymous" else actor(text)


def user_or_app(text: str) -> Actor:
    """`user:u-17:Ada Lovelace` or `app:ci`: who others can act for."""
    if not text.startswith(("user:", "app:")):
        raise argparse.ArgumentTypeError(f"{text!r} is no user or app; write user:ID:NAME or app:ID:NAME")
    return actor(text)


def os_user() -> Actor:
    """The operating system's user of this process: the id `os:ada`, and the name `ada@host`.

    The id has no host, because a container has another one at each run, and the prefix `os:`, because the
    service may have a user `ada` of its own. A user id without a name is shown as its number. Variables such
    as USER are not read where there are user ids, since anybody can set them. The system is returned where
    the user is not known.
    """
    try:
        user = _login_name()
    except (ImportError, KeyError, OSError):
        return Actor.system()
    try:
        host = socket.gethostname()
    except OSError:
        host = ""
    return Actor.user(f"{OS}:{user}"[:MAX_ID], f"{user}@{host}" if host else user)


def _login_name() -> str:
    if not hasattr(os, "getuid"):  # Windows
        return getpass.getuser()
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # usual in containers
        return str(os.getuid())


def no_entries_text(log: AuditLog, account: AccountLog, selection: FilteredSelection) -> str:
    """The message for an empty result. Names other accounts where this one is empty."""
    if is_narrowed(selection):
        return f'no entry of the account "{account.account_id}" matches'
    return f'the account "{account.account_id}" has no entries{other_accounts(log)}'


def other_accounts(log: AuditLog) -> str:
    """The hint where an account has no entries: accounts that have some, or nothing."""
    others = ", ".join(log.accounts(limit=5))
    return f"; there are entries of {others}: select one by --account" if others else ""
