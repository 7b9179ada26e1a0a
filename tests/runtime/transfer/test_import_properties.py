"""Whatever is imported is stored or refused line by line, and what is stored can be read in every way."""

import io
import itertools
import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.databases import Database, open_log
from tests.support.sample_events import ASYNC, DEPLOYED, KEY_CREATED, MODEL, any_text, record

from auditwright import Actor, AuditLog, AuditwrightError, SecretKey, SourceError
from auditwright.server.metadata_rows import metadata_rows

COUNT = "SELECT count(*) FROM audit_entry WHERE event <> 'audit.log.imported'"
LOGIN = "account.login_logout.login"
EMAIL = {"email_id": "ada@example.com"}
TOOL = {"tool_id": "t-1", "version_id": "v-1", "timeout": True, "timeout_value": 1.5, "access_token": "sk-1"}
PARTS = (
    *("id", "account_id", "event", "occurred_at", "ip_address", "recorded_at", "level", "category"),
    *("description", "catalog_version", "metadata", "alterations", "other"),
    *("outcome", "failure_reason", "on_behalf_of", "context"),
)
INNER = (
    "type",
    "id",
    "name",
    "model_id",
    "model_name",
    "temperature",
    "stop_sequence",
    "access_token",
    "request_id",
)

numbers = st.integers(-(10**30), 10**30) | st.floats() | st.sampled_from([10**400, -(10**19), 2**64, 1e308])
texts = any_text(6) | st.sampled_from(["x" * 5000, "=1+1", "9.9.9", "acme", "2024-01-01T00:00:00Z", "::1"])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts | st.sampled_from(INNER), inner, max_size=3)
    ),
    max_leaves=6,
)
notes = st.dictionaries(st.sampled_from(["length", "sha256", "cut"]), st.booleans() | numbers | texts)
deep = st.integers(1, 1100).map(lambda depth: _nested(depth))
changes = st.lists(
    st.one_of(
        st.tuples(st.just("part"), st.sampled_from(PARTS), values | deep),
        st.tuples(st.just("inner"), st.sampled_from(INNER), texts | numbers | values),
        st.tuples(st.just("note"), st.sampled_from(INNER), notes | notes | values | deep),
        st.tuples(st.just("gone"), st.sampled_from(PARTS + INNER), st.none()),
    ),
    max_size=3,
)


def _nested(depth: int) -> Any:
    """Lists in lists."""
    made: Any = "end"
    for _ in range(depth):
        made = [made]
    return made


def changed(form: dict[str, Any], version: str | None, made: list[tuple[str, str, Any]]) -> bytes:
    """An exported line with changes."""
    form = json.loads(json.dumps(form))
    form.pop("id")
    if version:
        form["catalog_version"] = version
    for where, name, value in made:
        if where == "part":
            form[name] = value
        elif where == "note":
            form["alterations"] = {f"metadata.{name}": value}
        else:
            for part in (form, *map(form.get, ("actor", "on_behalf_of", "context", "metadata"))):
                if isinstance(part, dict) and name in part:
                    if where == "gone":
                        del part[name]
                    else:
                        part[name] = value
    try:
        return json.dumps(form).encode()
    except RecursionError:
        return b"[" * 2000


def damaged(line: bytes, at: float, put: bytes) -> bytes:
    """A line with other bytes in it, or cut short."""
    position = int(at * len(line))
    return line[:position] + put + (line[position + len(put) :] if put else b"")


FORMS: list[dict[str, Any]] = []
counter = itertools.count()


@pytest.fixture(scope="module")
def lasting_log(lasting_database: Database) -> Iterator[AuditLog]:
    with open_log(lasting_database, secret_key=SecretKey.generate("k1")) as log:
        if not FORMS:
            for key, metadata in ((KEY_CREATED, {}), (DEPLOYED, MODEL | {"temperature": 1}), (ASYNC, TOOL)):
                FORMS.append(record(log, key, metadata).to_json())
            FORMS.append(record(log, DEPLOYED, MODEL | {"model_name": "\0x"}).to_json())
            grace, context = Actor.user("u-2", "Grace\n"), {"request_id": '"r"', "user_agent": "\\ ü"}
            failed = {"outcome": "failure", "failure_reason": "\u2028;=", "on_behalf_of": grace}
            FORMS.append(
                record(log, LOGIN, EMAIL, actor=Actor.anonymous(), context=context, **failed).to_json()
            )
        yield log


exported = st.builds(
    lambda number, version, made: changed(FORMS[number], version, made),
    st.integers(0, 4),
    st.sampled_from([None, None, "9.9.9"]),
    changes,
)
others = st.one_of(
    st.builds(damaged, exported, st.floats(0, 1), st.binary(max_size=3)),
    values.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=20).map(lambda data: data.replace(b"\n", b"")),
)
lines = st.integers(0, 9).flatmap(lambda number: exported if number else others)


@given(st.lists(lines, min_size=1, max_size=12))
@settings(max_examples=examples(60))
def test_stored_and_refused_lines_are_all_lines(
    lasting_log: AuditLog, lasting_database: Database, given_lines: list[bytes]
) -> None:
    ((stored,),) = lasting_database.rows(COUNT)
    before = set(lasting_log.accounts(1000))
    account = f"a{next(counter)}"
    given_lines = [line.replace(b'"acme"', f'"{account}"'.encode()) for line in given_lines]
    bad: dict[int, AuditwrightError] = {}
    done = lasting_log.import_jsonl(given_lines, bad.__setitem__)
    blank = sum(not line.strip() for line in given_lines)
    assert done.stored + done.known + done.refused + blank == len(given_lines)
    assert done.refused == len(bad)
    assert all(len(str(error)) < 30_000 for error in bad.values())
    # A line without an account is of the account of the log, which has entries already.
    assert lasting_database.rows(COUNT) == [(stored + done.stored,)]
    new = set(lasting_log.accounts(1000)) - before
    assert sum(read_all(lasting_log, each) for each in new) <= done.stored + len(new)  # with the record


def read_all(log: AuditLog, account: str) -> int:
    """The number of entries of an account, read in every way."""
    reader = log.account(account)
    entries = list(reader.all())
    for entry in entries:
        orjson.dumps(entry.to_json())
        assert list(metadata_rows(entry, log.catalog)) is not None
        assert entry.typed is not None
        assert reader.get(entry.id) == entry
    written = io.BytesIO()
    reader.export_jsonl(written)
    assert [json.loads(line) for line in written.getvalue().splitlines()] == [
        entry.to_json() for entry in reversed(entries)
    ]
    again = log.import_jsonl(io.BytesIO(written.getvalue()), lambda number, error: pytest.fail(f"{error}"))
    assert (again.stored, again.known) == (0, len(entries))
    assert reader.export_csv(io.BytesIO(), full=True) == len(entries)
    assert reader.export_parquet(io.BytesIO()) == len(entries)
    return len(entries)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xef\xbb\xbf"]))
@settings(max_examples=examples(60))
def test_any_stream_is_imported_or_called_damaged(lasting_log: AuditLog, data: bytes, start: bytes) -> None:
    try:
        done = lasting_log.import_jsonl(io.BytesIO(start + data), lambda number, error: None)
    except SourceError as error:
        text = str(error)
    else:
        text = "" if done.stored == 0 else "stored"
    assert not text or "damaged or incomplete after line" in text
