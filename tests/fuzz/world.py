"""What the fuzzer acts on: a log, its emitters, an account to read, and what is stored."""

from __future__ import annotations

import asyncio
import functools
import importlib
import sys
import uuid
from collections import Counter
from contextlib import redirect_stdout
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import Any

import sqlalchemy
from tests.fuzz import valid
from tests.generator.run_command import run
from tests.support.databases import Database, SQLiteDatabase, open_log
from tests.support.paths import TEST_CATALOGS

from audit_events import AsyncAuditEvents, AuditEvents
from auditwright import Actor, AuditLog, Entry, SecretKey
from auditwright.entry import ID
from auditwright.ids import make_id, to_microseconds
from auditwright_generator import cli

READABLE = "readable"
"""The account that is read: it has few entries, so that each read is quick."""
RECORDED = "SELECT count(*) FROM audit_entry WHERE event <> 'audit.log.imported'"
BY_ACCOUNT = "SELECT account_id, count(*) FROM audit_entry GROUP BY account_id"
KITCHEN_SINK = TEST_CATALOGS / "kitchen_sink"
KEY = SecretKey("k1", bytes(range(32)))
ADA = Actor.user("u-17", "Ada Lovelace")


class World:
    """An open log in an empty database, with a few entries to read."""

    def __init__(self, database: Database, folder: Path, seed: int) -> None:
        self.database = database
        self.folder = folder
        self.log = open_log(database, secret_key=KEY)
        self.audit = AuditEvents(self.log)
        self.async_audit = AsyncAuditEvents(self.log)
        # psycopg reads times in this style only, and the tests' server has another one.
        style = {"options": "-c DateStyle=ISO"} if database.engine == "postgresql" else {}
        self.engine = sqlalchemy.create_engine(database.sqlalchemy_url, connect_args=style)
        self.loop = asyncio.new_event_loop()
        self.input: tuple[str, Any, Any] = ("", (), {})
        """The name and the arguments of the current call, for reports."""
        self.stored: Counter[str] = Counter()
        """By entrance, how many entries it stored."""
        self._ids: set[bytes] = set()
        self.readable = self.log.account(READABLE)
        self.readable_ids = self._fill(Random(seed))
        self.cursors = self._cursors()
        self.emitter = functools.cache(lambda key: attrgetter(key)(self.audit))
        self.async_emitter = functools.cache(lambda key: attrgetter(key)(self.async_audit))

    def close(self) -> None:
        """Close the log and the engine."""
        self.engine.dispose()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        self.log.close()
        if "other" in vars(self):
            self.other.close()

    def is_new(self, entry: Entry) -> bool:
        """Whether this entry is returned for the first time; the same id with the same content is known."""
        return self.is_new_id(entry.account_id, entry.row[ID])

    def is_new_id(self, account_id: str, entry_id: bytes) -> bool:
        """Whether this account gets an entry with this id for the first time."""
        key = entry_id + account_id.encode("utf-8", "surrogatepass")
        if key in self._ids:
            return False
        self._ids.add(key)
        return True

    def rows(self) -> dict[str, int]:
        """How many entries each account has, by plain SQL."""
        return dict(self.database.rows(BY_ACCOUNT))

    def entries(self) -> int:
        """How many entries there are, in the log and in that of the other catalog, but records of imports."""
        databases = (self.database, self._other_database) if "other" in vars(self) else (self.database,)
        return sum(count for each in databases for ((count,),) in [each.rows(RECORDED)])

    @functools.cached_property
    def other(self) -> AuditLog:
        """A log of the catalog `kitchen_sink`, which has fields of every type, single and in lists."""
        out = self.folder / "generated"
        with redirect_stdout(None):
            assert run(cli.generate, "--catalog", str(KITCHEN_SINK), "--out", str(out)) == 0
        sys.path.insert(0, str(out))
        importlib.invalidate_caches()
        try:
            catalog = importlib.import_module("kitchen_sink_events").CATALOG
            catalog.warm_up()
        finally:
            sys.path.remove(str(out))
        return open_log(self._other_database, catalog, secret_key=KEY)

    @property
    def _other_database(self) -> SQLiteDatabase:
        return SQLiteDatabase(self.folder / "kitchen_sink.db")

    def _fill(self, random: Random) -> list[str]:
        ids = []
        for _ in range(300):
            event = random.choice(valid.OWN_EVENTS)
            at = valid.moment(random)
            head, tail = make_id(to_microseconds(at))[:8], random.randbytes(8)
            entry_id = uuid.UUID(bytes=head + bytes((0x80 | tail[0] & 0x3F,)) + tail[1:])
            options = {
                "actor": valid.actor(random),
                "account_id": READABLE,
                "occurred_at": at,
                "id": entry_id,
            }
            self.log.record_event(event.key, event.example, options)
            ids.append(str(entry_id))
        return ids

    def _cursors(self) -> list[str]:
        found = []
        for limit in (1, 7, 50):
            page = self.readable.entries(limit=limit)
            older = self.readable.entries(limit=limit, after=page.next)
            found += [cursor for cursor in (page.next, older.next, older.previous) if cursor]
        return found
