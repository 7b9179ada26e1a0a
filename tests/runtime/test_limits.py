"""Limits: values are sanitized or truncated and noted, or refused by a limit of the catalog."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.databases import Database
from tests.support.sample_events import (
    ADA,
    DEPLOYED,
    KEY_CREATED,
    MODEL,
    any_text,
    event_of,
    form,
    make_catalog,
    record,
    refused,
    stored_or_refused,
)

from auditwright import AccountLog, Actor, AuditLog, Entry, ValidationError
from auditwright.limits import sanitize, truncate, truncate_values

INVITED = "account.users_management.user_invited"
DELETED = "account.users_management.user_deleted"
UNSTORABLE = ["\0", "\ud800", "\udfff"]
TOOL_DEPLOYED = "tool.tool_management.tool_deployed"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@pytest.mark.parametrize("bad", UNSTORABLE)
def test_unstorable_metadata_is_replaced_and_noted(log: AuditLog, bad: str) -> None:
    text = f"a{bad}b"
    for entry in (
        record(log, DEPLOYED, MODEL | {"model_name": text, "stop_sequence": ["ok", text]}),
        log.record_form(form(DEPLOYED, MODEL | {"model_name": text, "stop_sequence": ["ok", text]})),
    ):
        assert entry.metadata["model_name"] == "a�b"
        assert entry.metadata["stop_sequence"] == ["ok", "a�b"]
        assert "a�b" in entry.description
        assert entry.alterations == {
            "metadata.model_name": {"length": 3, "sha256": sha256(text), "cleaned": True},
            "metadata.stop_sequence": {
                "length": 2, "sha256": sha256(json.dumps(["ok", text])), "cleaned": True,
            },
        }  # fmt: skip
        assert log.account("acme").get(entry.id) == entry


@pytest.mark.parametrize("bad", UNSTORABLE)
@pytest.mark.parametrize("name", ["model_name", "stop_sequence"])
def test_unstorable_character_is_replaced_in_every_field(log: AuditLog, name: str, bad: str) -> None:
    value: Any = [bad] if name == "stop_sequence" else bad
    kept: Any = ["�"] if name == "stop_sequence" else "�"
    for entry in (
        record(log, DEPLOYED, MODEL | {name: value}),
        log.record_form(form(DEPLOYED, MODEL | {name: value})),
    ):
        assert entry.metadata[name] == kept
        assert len(entry.alterations) == 1


@pytest.mark.parametrize("bad", UNSTORABLE)
def test_unstorable_characters_around_the_metadata_are_replaced(log: AuditLog, bad: str) -> None:
    with log.acting(Actor.user(f"u{bad}", f"n{bad}")):
        entry = record(log, KEY_CREATED, actor=None, details=f"d{bad}")
    assert entry.actor == Actor.user("u�", "n�")
    assert entry.description == "n� created an App API key. d�"
    assert entry.alterations == {
        "details": {"length": 2, "sha256": sha256(f"d{bad}"), "cleaned": True},
        "actor.id": {"length": 2, "sha256": sha256(f"u{bad}"), "cleaned": True},
        "actor.name": {"length": 2, "sha256": sha256(f"n{bad}"), "cleaned": True},
    }
    assert log.account("acme").get(entry.id) == entry


@pytest.mark.parametrize("bad", UNSTORABLE)
def test_an_account_with_an_unstorable_character_is_refused(log: AuditLog, bad: str) -> None:
    said = "account_id: expected a string of 1 to 256 characters, got one with a NUL or a lone surrogate"
    with pytest.raises(ValidationError) as caught:
        log.account(f"acme{bad}")
    assert str(caught.value) == said
    assert str(refused(log, KEY_CREATED, account_id=f"acme{bad}")) == f"{KEY_CREATED}: {said}"


def test_unstorable_characters_in_a_column_are_replaced(log: AuditLog) -> None:
    entry = record(log, "tool.guardrails.input_scanner_added", {"tool_id": "t\0"})
    assert entry.metadata == {"tool_id": "t�"}
    assert list(entry.alterations) == ["metadata.tool_id"]


def test_escaped_nul_in_text_is_unchanged(log: AuditLog) -> None:
    entry = record(log, DEPLOYED, MODEL | {"model_name": "\\u0000"})
    assert entry.metadata["model_name"] == "\\u0000"
    assert entry.alterations == {}


def test_a_declared_limit_still_refuses(log: AuditLog, database: Database) -> None:
    long = "x" * 301
    assert str(refused(log, DEPLOYED, MODEL | {"model_name": long})) == (
        f"{DEPLOYED}: metadata.model_name: expected a string of 1 to 300 characters, "
        f"got '{'x' * 97}…' (301 characters)"
    )
    assert record(log, DEPLOYED, MODEL | {"model_name": "\0" * 300}).metadata["model_name"] == "�" * 300
    assert refused(log, DEPLOYED, MODEL | {"model_name": "\0" * 301})
    assert len(database.rows()) == 1


def test_a_string_of_more_than_4_kib_is_cut_and_marked(log: AuditLog, acme: AccountLog) -> None:
    exact, long = "x" * 4096, "é" * 2049
    entry = record(log, DELETED, {"removed_user_ids": [exact, long]})
    assert entry.metadata["removed_user_ids"][0] == exact
    cut = entry.metadata["removed_user_ids"][1]
    assert cut == "é" * 2046 + "…"
    assert entry.alterations == {
        "metadata.removed_user_ids[1]": {"length": 2049, "sha256": sha256(long), "cut": True},
        "description": {
            "length": len(f"Ada Lovelace removed {exact}, {cut} from the account."),
            "sha256": sha256(f"Ada Lovelace removed {exact}, {cut} from the account."),
            "cut": True,
        },
    }
    assert len(entry.description.encode()) <= 4096
    assert entry.description.endswith("…")
    assert acme.get(entry.id) == entry


def test_a_long_list_is_cut_until_the_entry_fits(log: AuditLog, acme: AccountLog) -> None:
    ids = [f"user-{number:05}" for number in range(10_000)]
    entry = record(log, DELETED, {"removed_user_ids": ids})
    kept = entry.metadata["removed_user_ids"]
    assert kept == ids[: len(kept)]
    assert kept
    assert len(entry.row[-1]) <= 32 * 1024
    mark = entry.alterations["metadata.removed_user_ids"]
    joined = "[" + ",".join(f'"{each}"' for each in ids) + "]"
    assert mark == {"length": 10_000, "sha256": sha256(joined), "cut": True}
    assert acme.get(entry.id) == entry


def test_truncated_list_keeps_an_item(log: AuditLog) -> None:
    entry = record(log, DELETED, {"removed_user_ids": ["x" * 4096 for _ in range(20)]})
    assert entry.metadata["removed_user_ids"]


def test_alteration_digest_is_of_the_original_list(log: AuditLog) -> None:
    ids = ["y" * 5000, *("x" * 4000 for _ in range(20))]
    entry = record(log, DELETED, {"removed_user_ids": ids})
    joined = "[" + ",".join(f'"{each}"' for each in ids) + "]"
    assert entry.alterations["metadata.removed_user_ids"] == {
        "length": 21,
        "sha256": sha256(joined),
        "cut": True,
    }


def test_alterations_of_dropped_items_are_not_kept(log: AuditLog) -> None:
    entry = record(log, DELETED, {"removed_user_ids": ["\0" * 10 for _ in range(20_000)]})
    assert len(entry.row[-2]) <= 32 * 1024


def test_many_long_fields_are_cut_until_the_entry_fits() -> None:
    values = {f"field_{number}": "x" * 4000 for number in range(20)} | {"count": 5, "list": ["y" * 9000]}
    alterations: dict[str, dict[str, Any]] = {}
    cut = truncate_values(values, alterations)
    assert len(repr(cut)) <= 32 * 1024
    assert cut["count"] == 5
    assert set(alterations) >= {f"metadata.field_{number}" for number in range(20)}
    assert alterations["metadata.field_0"] == {"length": 4000, "sha256": sha256("x" * 4000), "cut": True}


def test_long_text_in_the_envelope_is_cut_and_marked(log: AuditLog) -> None:
    entry = record(log, KEY_CREATED, actor=Actor.user("u", "n" * 5000), details="d" * 2000)
    assert len(entry.actor.name or "") == 4094
    assert len(entry.description.encode()) <= 4096
    assert "description" in entry.alterations


def test_an_id_of_more_than_256_characters_is_refused(log: AuditLog) -> None:
    assert record(log, KEY_CREATED, account_id="é" * 256, actor=Actor.user("u" * 256))
    assert (
        str(refused(log, KEY_CREATED, account_id="é" * 257))
        == f"{KEY_CREATED}: account_id: expected a string of 1 to 256 characters, got 257 characters"
    )
    with pytest.raises(ValidationError, match="256 characters, got 257 characters"):
        Actor.user("u" * 257)


text = any_text(40)
long_text = st.builds(lambda part, times: part * times, text, st.integers(1, 300))


@given(
    st.lists(long_text, max_size=12),
    long_text | st.just("Developer"),
    long_text.filter(lambda name: len(name) <= 2000),
)
@settings(max_examples=examples(60))
def test_any_text_is_stored_or_refused_by_a_declared_limit(
    log: AuditLog, ids: list[str], role: str, details: str
) -> None:
    values = {"added_user_ids": ids, "role_name": role, "role_id": "r"}
    entry = stored_or_refused(log, INVITED, values, details=details, actor=Actor.user("u", role))
    wrong = {"metadata.added_user_ids": not ids, "metadata.role_name": not 1 <= len(role) <= 300}
    if any(wrong.values()):
        assert entry == {path for path, is_wrong in wrong.items() if is_wrong}
        return
    assert isinstance(entry, Entry)
    assert log.account("acme").get(entry.id) == entry
    assert entry.metadata["role_name"] == sanitize(role)
    assert ("metadata.role_name" in entry.alterations) == (sanitize(role) != role)
    kept = entry.metadata["added_user_ids"]
    assert len(kept) == len(ids) or entry.alterations["metadata.added_user_ids"]["length"] == len(ids)
    for index, (got, stored) in enumerate(zip(ids, kept, strict=False)):
        cleaned = sanitize(got)
        # As a last resort the only item that is left is truncated.
        assert stored == truncate(cleaned) or (
            len(kept) == 1 and cleaned.startswith(stored.removesuffix("…"))
        )
        assert (f"metadata.added_user_ids[{index}]" in entry.alterations) == (stored != cleaned)
    if any(sanitize(got) != got for got in ids):
        assert "cleaned" in entry.alterations["metadata.added_user_ids"]


@given(long_text)
@settings(max_examples=examples(40))
def test_any_url_is_stored_or_refused_by_its_pattern(log: AuditLog, rest: str) -> None:
    values = {"tool_id": "t", "tool_version": "1", "url": "https://example.com/" + rest}
    entry = stored_or_refused(log, TOOL_DEPLOYED, values)
    if re.search("[\x01-\x20\x7f]", rest):  # NUL becomes a character that matches the pattern
        assert entry == {"metadata.url"}
        return
    assert isinstance(entry, Entry)
    assert entry.metadata["url"] == truncate(sanitize(values["url"]))
    assert log.account("acme").get(entry.id) == entry


@given(text, st.integers(0, 50))
def test_short_text_fits_and_is_whole_or_marked(text: str, most: int) -> None:
    cut = truncate(sanitize(text), most)
    assert cut == sanitize(text) or (cut.endswith("…") and len(cut.encode()) <= max(most, 3))


def test_long_message_is_truncated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def edit(content: dict[str, Any]) -> None:
        event_of(content, KEY_CREATED)["message"] = "é" * 3000

    monkeypatch.syspath_prepend(str(tmp_path))
    with AuditLog.open(
        f"sqlite:///{tmp_path}/a.db", account_id="acme", catalog=make_catalog(tmp_path, edit)
    ) as log:
        entry = record(log, KEY_CREATED, actor=ADA)
        assert len(entry.description.encode()) <= 4096
        assert entry.alterations["description"]["length"] == 3000


# --- errors --------------------------------------------------------------------------------------

MEGABYTE = "n" * 1_000_000
FLOODS: dict[str, dict[str, Any]] = {
    "a long name": MODEL | {MEGABYTE: 1},
    "a long name with surrogates": MODEL | {"\ud800" * 1_000_000: 1},
    "a long value": MODEL | {"model_name": MEGABYTE, "temperature": MEGABYTE},
    "a long list": MODEL | {"stop_sequence": [5] * 50_000},
    "many fields": MODEL | {f"field_{number}": 1 for number in range(10_000)},
    "many long fields": MODEL | {f"{'f' * 10_000}{number}": MEGABYTE for number in range(100)},
}


@pytest.mark.sqlite_only  # refused before it reaches an engine
@pytest.mark.parametrize("values", FLOODS.values(), ids=FLOODS.keys())
def test_error_is_short_for_every_value(log: AuditLog, values: dict[str, Any]) -> None:
    errors = [refused(log, DEPLOYED, values)]
    with pytest.raises(ValidationError) as caught:
        log.record_form(form(DEPLOYED, values))
    for error in (*errors, caught.value):
        assert 1 <= len(error.problems) <= 50
        assert len(str(error)) < 50_000


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    "payload",
    [
        form(MEGABYTE, {}),
        form(KEY_CREATED, {}, **{MEGABYTE: 1}),
        form(KEY_CREATED, {}, id=MEGABYTE),
        form(KEY_CREATED, {}, occurred_at=MEGABYTE),
        form(KEY_CREATED, {}, actor={"type": MEGABYTE, "id": MEGABYTE, MEGABYTE: 1}),
        form(KEY_CREATED, {}, **{f"name_{number}": 1 for number in range(10_000)}),
    ],
    ids=["event", "name", "id", "occurred_at", "actor", "names"],
)
def test_an_error_about_the_envelope_is_short_too(log: AuditLog, payload: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        log.record_form(payload)
    assert 1 <= len(caught.value.problems) <= 50
    assert len(str(caught.value)) < 50_000


def test_an_error_about_an_option_is_short_too(log: AuditLog) -> None:
    assert len(str(refused(log, MEGABYTE))) < 50_000
    unknown: dict[str, Any] = {MEGABYTE: 1}
    assert len(str(refused(log, KEY_CREATED, **unknown))) < 50_000
    assert len(str(refused(log, KEY_CREATED, id=MEGABYTE))) < 50_000
