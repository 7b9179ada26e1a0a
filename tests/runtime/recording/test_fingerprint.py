"""Secrets and personal values: what is stored, and that nothing else shows them."""

import hmac
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError as PydanticError
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from tests.support.databases import Database, open_log
from tests.support.sample_events import ASYNC, any_text, form, record, refused, without_imports

from audit_events.models.tool.tool_management import ApiAsyncEnabled
from auditwright import (
    AccountLog,
    Actor,
    AuditLog,
    AuditwrightError,
    Entry,
    IdConflict,
    SecretKey,
    SecretKeyMissing,
    ValidationError,
)
from auditwright.entry import FINGERPRINT, without_fingerprints
from auditwright.recording.fingerprint import hkdf_sha256

TOKEN = "sk-live-0123456789"
VALUES: dict[str, Any] = {"tool_id": "t-4", "version_id": "v-1", "timeout": False}
LOGIN = "account.login_logout.login"


def of_token(key: SecretKey, token: str = TOKEN) -> str:
    """The fingerprint of a token in the account of the tests."""
    return key.fingerprint(token, account_id="acme", field="access_token")


def error_text(error: BaseException) -> str:
    """All texts that an error and its causes can show."""
    texts = []
    seen: BaseException | None = error
    while seen is not None:
        texts += [str(seen), repr(seen), *getattr(seen, "__notes__", []), repr(seen.args), repr(vars(seen))]
        if isinstance(seen, PydanticError):
            texts.append(repr(seen.errors()))
        seen = seen.__cause__ or seen.__context__
    return "\n".join(texts)


def test_only_the_fingerprint_of_a_secret_is_stored(
    log: AuditLog, database: Database, path: Path, key: SecretKey
) -> None:
    entry = record(log, ASYNC, VALUES | {"access_token": TOKEN})
    assert entry.metadata["access_token"] == of_token(key)
    assert FINGERPRINT.match(of_token(key))
    assert TOKEN not in repr(database.rows())
    assert TOKEN not in repr(entry) + repr(entry.row) + json.dumps(entry.to_json())
    log.close()
    assert not [file for file in path.parent.iterdir() if TOKEN.encode() in file.read_bytes()]


def test_no_export_shows_a_secret(log: AuditLog, acme: AccountLog, key: SecretKey) -> None:
    record(log, ASYNC, VALUES | {"access_token": TOKEN})
    csv, lines = io.BytesIO(), io.BytesIO()
    acme.export_csv(csv, full=True)
    acme.export_jsonl(lines)
    for export in (csv, lines):
        assert TOKEN.encode() not in export.getvalue()
        assert of_token(key).encode() in export.getvalue()


def test_secret_without_a_key_is_refused_with_a_hint(database: Database) -> None:
    with open_log(database) as log:
        for call in (
            lambda: record(log, ASYNC, VALUES | {"access_token": TOKEN}),
            lambda: log.record_form(form(ASYNC, VALUES | {"access_token": TOKEN})),
            lambda: log.record_many([form(ASYNC, VALUES | {"access_token": TOKEN})]),
        ):
            with pytest.raises(SecretKeyMissing) as caught:
                call()
            assert str(caught.value) == (
                f'{ASYNC}: the field "access_token" is secret and no key is configured to keep its '
                "fingerprint; set AUDITWRIGHT_SECRET_KEY=<key id>:<base64 of at least 32 random bytes>, or "
                "pass secret_key= to AuditLog.open; `auditwright secret-key` makes one"
            )
            assert TOKEN not in error_text(caught.value)
        assert database.rows() == []
        assert record(log, ASYNC, VALUES).metadata == VALUES  # the secret is optional


def test_secret_of_the_wrong_type_is_reported_by_type_only(log: AuditLog) -> None:
    wrong: list[tuple[Any, str]] = [
        (123456789, "an integer"),
        ([TOKEN], "a list"),
        ({"token": TOKEN}, "an object"),
        (TOKEN.encode(), "bytes"),
    ]
    for value, kind in wrong:
        error = refused(log, ASYNC, VALUES | {"access_token": value})
        assert str(error) == f"{ASYNC}: metadata.access_token: expected a string, got {kind}"
        assert "123456789" not in error_text(error)
        with pytest.raises(ValidationError) as caught:
            log.record_form(form(ASYNC, VALUES | {"access_token": value}))
        assert str(caught.value) == str(error)
        assert "123456789" not in error_text(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"tool_id": ""},
        {"timeout": "maybe"},
        {"timeout_value": -5},
        {"acess_token": TOKEN},
        {"url": f"https://user:{TOKEN}@example.com/"},
    ],
)
def test_no_error_about_another_field_shows_the_secret(log: AuditLog, change: dict[str, Any]) -> None:
    values = VALUES | {"access_token": TOKEN} | change
    error = refused(log, ASYNC, values)
    assert TOKEN not in error_text(error)
    with pytest.raises(AuditwrightError) as caught:
        log.record_form(form(ASYNC, values))
    assert TOKEN not in error_text(caught.value)


def test_invalid_json_payload_is_not_shown(log: AuditLog) -> None:
    with pytest.raises(ValidationError) as caught:
        log.record_json(json.dumps(form(ASYNC, VALUES | {"access_token": TOKEN}))[:-1])
    assert TOKEN not in error_text(caught.value)


def test_no_error_shows_a_personal_value(log: AuditLog) -> None:
    values = {"email_id": "ada lovelace at example.com"}
    error = refused(log, LOGIN, values)
    assert str(error) == f"{LOGIN}: metadata.email_id: expected an e-mail address, got a string"
    assert "lovelace" not in error_text(error)
    with pytest.raises(ValidationError) as caught:
        log.record_form(form(LOGIN, values))
    assert str(caught.value) == str(error)
    assert "lovelace" not in error_text(caught.value)
    with pytest.raises(ValidationError) as caught:
        log.record_form(form(LOGIN, {"email_id": "a@b.c"}, ip_address="lovelace.example.com"))
    assert str(caught.value) == f"{LOGIN}: ip_address: expected an IP address, got a string"
    with pytest.raises(ValidationError) as caught:
        log.record_form(form(LOGIN, {"email_id": "a@b.c"}, actor={"type": "lovelace", "id": "x"}))
    assert "lovelace" not in error_text(caught.value)


def test_a_model_does_not_show_its_secret() -> None:
    model = ApiAsyncEnabled(**VALUES, access_token=TOKEN)
    for shown in (repr(model), str(model), f"{model}", f"{model!r}", repr([model])):
        assert TOKEN not in shown
        assert "access_token='**********'" in shown
        assert "tool_id='t-4'" in shown
    assert model.access_token == TOKEN
    assert "access_token=None" in repr(ApiAsyncEnabled(**VALUES))


def test_validation_error_does_not_show_the_secret() -> None:
    with pytest.raises(ValueError, match="tool_id") as caught:
        ApiAsyncEnabled(tool_id="", version_id="v-1", timeout=False, access_token=TOKEN)
    assert TOKEN not in error_text(caught.value)


def test_equal_secrets_match_under_the_same_key_only(key: SecretKey) -> None:
    assert of_token(key) == of_token(SecretKey("k1", bytes(range(32))))
    assert of_token(key) != of_token(SecretKey("k1", bytes(32)))
    assert of_token(SecretKey("k2", bytes(range(32)))).split(":")[::2] == [
        "hkdf-sha256",
        of_token(key).split(":")[2],
    ]


def test_equal_secrets_differ_by_account_and_field(log: AuditLog, key: SecretKey) -> None:
    entries = [
        log.record_form(form(ASYNC, VALUES | {"access_token": TOKEN}, account_id=account))
        for account in ("acme", "globex", "acme")
    ]
    first, other, again = (entry.metadata["access_token"] for entry in entries)
    assert first == again != other
    fingerprints = {
        key.fingerprint(TOKEN, account_id=account, field=field)
        for account, field in (("a", "bc"), ("ab", "c"), ("ab", "d"), ("1", "1:b"), ("11:b", "b"))
    }
    assert len(fingerprints) == 5


def test_subkeys_are_those_of_rfc_5869() -> None:
    # Test cases 1 and 3; the first block of the output is what is needed here.
    secret = b"\x0b" * 22
    salt, info = bytes(range(13)), bytes(range(0xF0, 0xFA))
    assert hkdf_sha256(secret, salt, info).hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
    )
    assert hkdf_sha256(secret, b"", b"").hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
    )


def test_a_fingerprint_is_hmac_sha256_with_the_subkey(key: SecretKey) -> None:
    subkey = hkdf_sha256(key.key, b"auditwright fingerprint", b"4:acmeaccess_token")
    digest = hmac.new(subkey, TOKEN.encode(), "sha256").hexdigest()
    assert of_token(key) == f"hkdf-sha256:k1:{digest}"


def test_retry_is_recognised_without_its_secret(log: AuditLog, database: Database) -> None:
    stored = record(log, ASYNC, VALUES | {"access_token": TOKEN}, actor=Actor.user("u-17"))
    for guess in ({"access_token": "a guess"}, {"access_token": TOKEN}, {}):
        assert record(log, ASYNC, VALUES | guess, id=stored.id, actor=stored.actor) == stored
        results = log.record_forms([form(ASYNC, VALUES | guess, id=str(stored.id))])
        assert results == [stored]
    assert len(database.rows()) == 1
    with pytest.raises(IdConflict):
        record(log, ASYNC, VALUES | {"tool_id": "t-5"}, id=stored.id, actor=stored.actor)


def test_retry_in_a_transaction_shows_no_guess(log: AuditLog, database: Database) -> None:
    stored = record(log, ASYNC, VALUES | {"access_token": TOKEN}, actor=Actor.user("u-17"))
    engine = create_engine(database.sqlalchemy_url)
    with Session(engine) as session:
        guess = {"id": stored.id, "actor": stored.actor, "session": session}
        assert record(log, ASYNC, VALUES | {"access_token": "a guess"}, **guess) == stored
        new = record(log, ASYNC, VALUES | {"access_token": TOKEN}, actor=stored.actor, session=session)
        again = record(log, ASYNC, VALUES | {"access_token": "x"}, **(guess | {"id": new.id}))
        assert (again.id, again.metadata) == (new.id, VALUES)
        session.rollback()
    engine.dispose()


def test_fingerprints_of_a_row_can_be_left_out(log: AuditLog) -> None:
    entry = record(log, ASYNC, VALUES | {"access_token": TOKEN})
    assert Entry(log.catalog, without_fingerprints(entry.row)).metadata == VALUES


def test_value_like_a_fingerprint_is_fingerprinted_again(log: AuditLog, key: SecretKey) -> None:
    lookalike = of_token(key)
    for entry in (
        record(log, ASYNC, VALUES | {"access_token": lookalike}),
        log.record_form(form(ASYNC, VALUES | {"access_token": lookalike})),
    ):
        assert entry.metadata["access_token"] == of_token(key, lookalike)


def test_import_keeps_fingerprints_and_hashes_plain_secrets(
    log: AuditLog, acme: AccountLog, key: SecretKey, database: Database
) -> None:
    lines = [
        json.dumps(form(ASYNC, VALUES | {"access_token": token})).encode()
        for token in (of_token(SecretKey.generate("old")), f"hmac-sha256:older:{'0' * 64}", TOKEN)
    ]
    log.import_jsonl(lines, lambda number, error: pytest.fail(f"{number}: {error}"))
    tokens = {entry.metadata["access_token"] for entry in without_imports(acme.all())}
    assert of_token(key) in tokens
    assert {token.split(":")[1] for token in tokens} == {"old", "older", "k1"}
    assert TOKEN not in repr(database.rows())


@given(any_text())
def test_any_text_has_a_fingerprint(secret: str) -> None:
    assert FINGERPRINT.match(of_token(SecretKey("k", bytes(32)), secret))


# --- keys ----------------------------------------------------------------------------------------


def test_a_key_is_read_back_from_its_text() -> None:
    key = SecretKey.generate("2026-01")
    assert SecretKey.parse(key.text()) == key
    assert len(key.key) == 32


def test_a_key_does_not_show_in_its_repr(key: SecretKey) -> None:
    assert repr(key) == "SecretKey(id='k1')"


def test_a_key_does_not_show_in_a_text_that_names_it() -> None:
    key = SecretKey.generate("k1")
    encoded = key.text().partition(":")[2]
    for shown in (str(key), f"{key}", f"{key!r}", "%s" % key, repr({"key": key})):  # noqa: UP031
        assert "k1" in shown
        assert encoded not in shown
        assert repr(key.key) not in shown
        assert key.key.hex() not in shown


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "a secret key is written <key id>:<base64 of at least 32 bytes>"),
        ("k1", "a secret key is written <key id>:<base64 of at least 32 bytes>"),
        ("k1:%%%", "a secret key is written <key id>:<base64 of at least 32 bytes>"),
        ("k1:c2VjcmV0", "a secret key has at least 32 bytes, this one has 6"),
        ("k 1:" + "A" * 44, "a secret key's id is 1 to 32 letters, digits, - or _"),
        (":" + "A" * 44, "a secret key's id is 1 to 32 letters, digits, - or _"),
    ],
)
def test_a_bad_key_is_refused_without_being_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, problem: str
) -> None:
    with pytest.raises(ValueError, match="secret key") as caught:
        SecretKey.parse(text)
    assert str(caught.value) == problem
    if text:
        monkeypatch.setenv("AUDITWRIGHT_SECRET_KEY", text)
        with pytest.raises(SecretKeyMissing) as missing:
            AuditLog.open(f"sqlite:///{tmp_path}/a.db")
        assert str(missing.value).startswith(
            f"AUDITWRIGHT_SECRET_KEY: {problem}; set AUDITWRIGHT_SECRET_KEY="
        )
        assert "c2VjcmV0" not in str(missing.value)


def test_the_key_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = SecretKey.generate("env")
    monkeypatch.setenv("AUDITWRIGHT_SECRET_KEY", key.text())
    with AuditLog.open(f"sqlite:///{tmp_path}/a.db", account_id="acme") as log:
        entry = record(log, ASYNC, VALUES | {"access_token": TOKEN})
    assert entry.metadata["access_token"] == of_token(key)
