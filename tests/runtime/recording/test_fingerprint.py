"""Secrets and personal values: what is stored, and that nothing else shows them."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from tests.support.databases import Database, open_log
from tests.support.sample_events import ASYNC, any_text, form, record, refused

from audit_events.models.tool.tool_management import ApiAsyncEnabled
from auditwright import AccountLog, AuditLog, AuditwrightError, SecretKey, SecretKeyMissing, ValidationError
from auditwright.recording.fingerprint import FINGERPRINT

TOKEN = "sk-live-0123456789"
VALUES: dict[str, Any] = {"tool_id": "t-4", "version_id": "v-1", "timeout": False}
LOGIN = "account.login_logout.login"


def error_text(error: BaseException) -> str:
    """All texts that an error and its causes can show."""
    texts = []
    seen: BaseException | None = error
    while seen is not None:
        texts += [str(seen), repr(seen), *getattr(seen, "__notes__", []), repr(seen.args)]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(texts)


def test_only_the_fingerprint_of_a_secret_is_stored(
    log: AuditLog, database: Database, path: Path, key: SecretKey
) -> None:
    entry = record(log, ASYNC, VALUES | {"access_token": TOKEN})
    assert entry.metadata["access_token"] == key.fingerprint(TOKEN)
    assert FINGERPRINT.match(key.fingerprint(TOKEN))
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
        assert key.fingerprint(TOKEN).encode() in export.getvalue()


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
    assert key.fingerprint(TOKEN) == SecretKey("k1", bytes(range(32))).fingerprint(TOKEN)
    assert key.fingerprint(TOKEN) != SecretKey("k1", bytes(32)).fingerprint(TOKEN)
    assert SecretKey("k2", bytes(range(32))).fingerprint(TOKEN).split(":")[::2] == [
        "hmac-sha256",
        key.fingerprint(TOKEN).split(":")[2],
    ]


def test_a_fingerprint_is_hmac_sha256() -> None:
    # RFC 4231, test case 6: the key is 131 bytes of 0xaa.
    text = "Test Using Larger Than Block-Size Key - Hash Key First"
    digest = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    assert SecretKey("k", b"\xaa" * 131).fingerprint(text) == f"hmac-sha256:k:{digest}"


def test_value_like_a_fingerprint_is_fingerprinted_again(log: AuditLog, key: SecretKey) -> None:
    lookalike = key.fingerprint(TOKEN)
    for entry in (
        record(log, ASYNC, VALUES | {"access_token": lookalike}),
        log.record_form(form(ASYNC, VALUES | {"access_token": lookalike})),
    ):
        assert entry.metadata["access_token"] == key.fingerprint(lookalike)


def test_import_keeps_fingerprints_and_hashes_plain_secrets(
    log: AuditLog, acme: AccountLog, key: SecretKey, database: Database
) -> None:
    lines = [
        json.dumps(form(ASYNC, VALUES | {"access_token": token})).encode()
        for token in (SecretKey.generate("old").fingerprint(TOKEN), TOKEN)
    ]
    log.import_jsonl(lines, lambda number, error: pytest.fail(f"{number}: {error}"))
    tokens = {entry.metadata["access_token"] for entry in acme.all()}
    assert key.fingerprint(TOKEN) in tokens
    assert {token.split(":")[1] for token in tokens} == {"old", "k1"}
    assert TOKEN not in repr(database.rows())


@given(any_text())
def test_any_text_has_a_fingerprint(secret: str) -> None:
    assert FINGERPRINT.match(SecretKey("k", bytes(32)).fingerprint(secret))


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
    assert entry.metadata["access_token"] == key.fingerprint(TOKEN)
