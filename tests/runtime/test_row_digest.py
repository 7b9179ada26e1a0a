"""A row is read back as it was recorded, and its digest can be computed again, on both engines.

Whatever the values are, and whichever catalog they are read with.
"""

import hashlib
import json
from contextlib import closing
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.databases import Database, open_log
from tests.support.sample_events import ADDED, ASYNC, DEPLOYED, LONG_AGO, MODEL, any_text, form, record
from tests.support.shops import KEY, Shops, record_each, shops

from audit_events import CATALOG
from auditwright import Actor, AuditLog, Catalog, Entry
from auditwright.entry import LEADING, row_digest
from auditwright.errors import AuditwrightError
from auditwright.operations.check import CheckReport, check_database
from auditwright.storage import open_inspection

__all__ = ["shops"]

FLOATS = st.floats(0, allow_infinity=False) | st.sampled_from([-0.0, 1e22, 5e-324, 1e300, 1e15, 7])
ADDRESSES = st.ip_addresses().map(str) | st.sampled_from(["::5", "::ffff:192.0.2.1", "::", "2001:DB8::1"])
ACTORS = st.builds(Actor.user, any_text(least=1), st.none() | any_text(least=1)) | st.just(Actor.system())
DEPLOYMENTS = st.fixed_dictionaries(
    {"model_id": any_text(least=1), "model_name": any_text(least=1), "model_type": st.just("open_source")},
    optional={
        "scale_up_delay": FLOATS,
        "top_k": st.integers(0, 2**53 - 1),
        "stop_sequence": st.lists(any_text(least=1), min_size=1, max_size=3),
    },
)
SECRETS = st.fixed_dictionaries(
    {
        **dict.fromkeys(("tool_id", "version_id", "access_token"), any_text(least=1)),
        "timeout": st.just(True),
        "timeout_value": FLOATS,
    }
)
EVENTS = st.tuples(st.just(DEPLOYED), DEPLOYMENTS) | st.tuples(st.just(ASYNC), SECRETS)


def refuse(number: int, error: AuditwrightError) -> None:
    pytest.fail(f"line {number}: {error}")


def computed(entry: Entry) -> bytes:
    metadata = orjson.dumps(entry.metadata, option=orjson.OPT_SORT_KEYS)
    altered = entry.row[-2]
    return row_digest(entry.row[: len(LEADING)], entry.catalog_version, entry.digest, altered, metadata)


def check(database: Database, catalog: Catalog) -> CheckReport:
    with closing(open_inspection(database.url, catalog)) as inspection:
        return check_database(inspection, catalog)


def is_sound(database: Database, catalog: Catalog, entries: int) -> bool:
    """Whether a check recognises every entry."""
    report = check(database, catalog)
    return (report.entries, report.changed, report.without_row_digest) == (entries, None, 0)


def test_rows_are_read_back_with_their_digest(log: AuditLog, database: Database) -> None:
    recorded: list[Entry] = []

    @given(EVENTS, ACTORS, ADDRESSES | st.none(), any_text(2000) | st.none())
    @settings(max_examples=examples(150))
    def read_back(said: tuple[str, Any], actor: Actor, address: str | None, details: str | None) -> None:
        key, values = said
        options = {"actor": actor, "ip_address": address, "details": details}
        entry = log.record_event(key, values, {name: value for name, value in options.items() if value})
        stored = log.account("acme").get(entry.id)
        assert stored is not None
        assert stored.row == entry.row
        assert computed(stored) == entry.row_digest
        recorded.append(entry)

    read_back()
    assert is_sound(database, log.catalog, len(recorded))


def test_batches_and_truncated_values_have_their_digest(log: AuditLog, database: Database) -> None:
    values = MODEL | {"model_name": "\0" + "é" * 200, "stop_sequence": ["x" * 5000, "\ud800"]}
    log.record_many([form(DEPLOYED, values | {"temperature": number / 30}) for number in range(20)] * 2)
    assert is_sound(database, log.catalog, 40)


def test_every_catalog_computes_the_same_digest(database: Database, shops: Shops) -> None:
    """Each has columns of its own, whose values the others read as metadata."""
    catalogs, entries = (shops.v1, shops.v2, CATALOG), 0
    for catalog in catalogs:
        with open_log(database, catalog, secret_key=KEY) as log:
            entries += len(record_each(log))
    if database.engine == "sqlite":  # opening a file with another catalog than before is recorded
        entries += len(catalogs) - 1
    assert all(is_sound(database, catalog, entries) for catalog in catalogs)
    for catalog in catalogs:
        with open_log(database, catalog) as log:
            found = log.account("acme").all()
            assert [entry.id for entry in found if computed(entry) != entry.row_digest] == []


def test_import_computes_the_digest_of_what_it_stores(
    log: AuditLog, database: Database, other_database: Database
) -> None:
    record(log, ADDED, log.catalog.events[ADDED].example, occurred_at=LONG_AGO, ip_address="::5")
    record(log, DEPLOYED, MODEL | {"model_name": "x\0", "temperature": -0.0})
    lines = b"".join(log.account("acme").stream("jsonl"))
    with open_log(other_database) as other:
        assert other.import_jsonl(lines.splitlines(), refuse).stored == 2
        rows = {entry.id: entry.row for entry in other.account("acme").all()}
    assert [rows[entry.id] for entry in log.account("acme").all()] == [
        entry.row for entry in log.account("acme").all()
    ]
    assert is_sound(other_database, log.catalog, len(rows))


def test_imported_negative_zero_is_stored_as_zero(log: AuditLog, database: Database) -> None:
    """Also in an entry of another version, whose metadata is not validated."""
    parts = {"actor": {"type": "system"}, "description": "A model was deployed.", "catalog_version": "0.9.0"}
    said = form(DEPLOYED, {"old_field": -0.0, "old_list": [-0.0, -0.05]}, **parts)
    assert log.import_jsonl([json.dumps(said).encode()], refuse).stored == 1
    entry = next(entry for entry in log.account("acme").all() if entry.event == DEPLOYED)
    assert entry.row[-1] == '{"old_field":0.0,"old_list":[0.0,-0.05]}'
    assert computed(entry) == entry.row_digest
    assert check(database, log.catalog).changed is None


def test_digest_is_that_of_the_guide(log: AuditLog) -> None:
    said = {"tool_id": "t-4", "version_id": "v-1", "timeout": False, "access_token": "ä"}
    entry = record(log, ASYNC, said, ip_address="2001:db8::1")
    account_id, entry_id, *rest = entry.row[: len(LEADING)]
    alterations = None
    listed = [account_id, entry_id.hex(), *rest, entry.catalog_version, entry.digest.hex(), alterations]
    texts = (
        json.dumps(listed, separators=(",", ":"), ensure_ascii=False),
        json.dumps(entry.metadata, separators=(",", ":"), ensure_ascii=False, sort_keys=True),
    )
    assert entry.row_digest == hashlib.sha256("".join(texts).encode()).digest()
