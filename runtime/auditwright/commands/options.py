"""Options that several commands share, and the text forms of values on the command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from auditwright.account_log import AccountLog
from auditwright.actor import Actor
from auditwright.catalog import find_catalog
from auditwright.errors import ValidationError
from auditwright.limits import MAX_ID
from auditwright.log import AuditLog
from auditwright.reading.filters import MATCHES, Filter
from auditwright.reading.pages import MAX_SEARCH, MIN_SEARCH

DATABASE, ACCOUNT = "AUDITWRIGHT_DATABASE", "AUDITWRIGHT_ACCOUNT"


def add_log(parser: argparse.ArgumentParser) -> None:
    """`--database`, `--account` and `--catalog-package`."""
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
    """`--database`."""
    parser.add_argument(
        "--database",
        metavar="URL",
        default=os.environ.get(DATABASE) or "sqlite:///audit.db",
        help=f"the database (default: ${DATABASE}, or sqlite:///audit.db)",
    )


def add_catalog_package(parser: argparse.ArgumentParser) -> None:
    """`--catalog-package`."""
    parser.add_argument(
        "--catalog-package",
        metavar="NAME",
        help="the generated package (default: $AUDITWRIGHT_CATALOG, or the one that is installed)",
    )


def open_log(options: argparse.Namespace, create: bool = False) -> AuditLog:
    """The log that the options name; `create` makes a database that is not there."""
    catalog = find_catalog(options.catalog_package)
    return AuditLog.open(options.database, account_id=options.account, catalog=catalog, create=create)


def add_selection(parser: argparse.ArgumentParser) -> None:
    """`--where`, `--match`, `--from`, `--to` and `--search`."""
    parser.add_argument(
        "--where",
        metavar="CONDITION",
        action="append",
        default=[],
        help="field:operator:value, such as category:is:account.models or user:is_not:u-17; fields are "
        "category, event and user, operators is and is_not; may be given several times",
    )
    parser.add_argument(
        "--match",
        choices=MATCHES,
        default="all",
        help="whether all conditions hold, or any of them (default: all)",
    )
    parser.add_argument(
        "--from",
        dest="since",
        type=moment,
        metavar="TIME",
        help="the earliest time, such as 2026-01-31 (UTC)",
    )
    parser.add_argument(
        "--to", dest="until", type=moment, metavar="TIME", help="the time before which entries end (UTC)"
    )
    parser.add_argument(
        "--search",
        metavar="TEXT",
        help=f"what the description contains, in any case; {MIN_SEARCH} to {MAX_SEARCH} characters",
    )


def selection(options: argparse.Namespace) -> tuple[Filter, dict[str, Any]]:
    """What the options of `add_selection` say: the filter, and what stands beside it in `AccountLog`."""
    where = Filter.parse(options.where, options.match)
    return where, {"since": options.since, "until": options.until, "search": options.search}


def query_of(where: Filter, narrowed: Mapping[str, Any]) -> str:
    """The selection as the query of a URL: what an export is recorded with."""
    parts = {"from": narrowed["since"], "to": narrowed["until"], "search": narrowed["search"]}
    rest = urlencode({name: str(value) for name, value in parts.items() if value})
    return "&".join(part for part in (where.to_query(), rest) if part)


def moment(text: str) -> datetime:
    """A time from ISO 8601; without a zone it is UTC, without an hour it is midnight."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; write 2026-01-31, 2026-01-31T09:30 or 2026-01-31T09:30:00+01:00"
        ) from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def account(text: str) -> str:
    """An account's id."""
    if not 1 <= len(text) <= MAX_ID:
        raise argparse.ArgumentTypeError(f"an account's id has 1 to {MAX_ID} characters, not {len(text)}")
    return text


def actor(text: str) -> Actor:
    """An actor from `user:u-17:Ada Lovelace`, `app:ci` or `system`."""
    kind, _, rest = text.partition(":")
    actor_id, _, name = rest.partition(":")
    try:
        if kind == "system" and not rest:
            return Actor.system()
        if kind in ("user", "app"):
            return Actor(kind, actor_id, name or None)  # type: ignore[arg-type]
    except ValidationError as error:
        raise argparse.ArgumentTypeError(str(error.problems[0])) from None
    raise argparse.ArgumentTypeError(f"{text!r} is no actor; write user:ID:NAME, app:ID:NAME or system")


def nothing_found(log: AuditLog, account: AccountLog, filtered: bool) -> str:
    """What to say where no entry fits: the account's emptiness, or other accounts that are there."""
    if filtered:
        return f'no entry of the account "{account.account_id}" fits'
    others = ", ".join(log.accounts(limit=5))
    hint = f"; there are entries of {others}: name one with --account" if others else ""
    return f'the account "{account.account_id}" has no entries{hint}'
