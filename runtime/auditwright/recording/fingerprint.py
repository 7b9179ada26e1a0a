"""Keyed fingerprints, which are stored instead of secrets.

`hkdf-sha256:<key id>:<64 hex digits>` is the HMAC-SHA256 (RFC 2104) of the UTF-8 value. Its key is derived by
HKDF-SHA256 (RFC 5869) from the key of the deployment, for one account and one field. So equal secrets have
equal fingerprints only within an account and a field: a known token can be found there, and nobody sees that
two accounts share one. The secret cannot be recovered.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from dataclasses import dataclass, field

from auditwright.errors import SecretKeyMissing
from auditwright.limits import text_of

VARIABLE = "AUDITWRIGHT_SECRET_KEY"
HINT = (
    f"set {VARIABLE}=<key id>:<base64 of at least 32 random bytes>, or pass secret_key= to AuditLog.open; "
    "`auditwright secret-key` makes one"
)
_SALT = b"auditwright fingerprint"


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key for fingerprints: at least 32 secret bytes, and an id that is part of the fingerprint.

    Raises `ValueError` for a shorter key, an id that is not 1 to 32 letters, digits, - or _, and other types.
    """

    id: str
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        key_id = text_of(self.id)
        if key_id is None or not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", key_id):
            raise ValueError("a secret key's id is 1 to 32 letters, digits, - or _")
        object.__setattr__(self, "id", key_id)
        if type(self.key) is not bytes:
            raise ValueError(f"a secret key is bytes, not {type(self.key).__name__}")
        if len(self.key) < 32:
            raise ValueError(f"a secret key has at least 32 bytes, this one has {len(self.key)}")

    @classmethod
    def parse(cls, text: str) -> SecretKey:
        """A key from `<key id>:<base64>`; raises `ValueError`, whose text does not contain the key."""
        wanted = "a secret key is written <key id>:<base64 of at least 32 bytes>"
        plain = text_of(text)
        key_id, colon, encoded = plain.strip().partition(":") if plain is not None else ("", "", "")
        if not colon or not encoded.isascii():
            raise ValueError(wanted)
        try:
            return cls(key_id, base64.b64decode(encoded, validate=True))
        except binascii.Error:
            raise ValueError(wanted) from None

    @classmethod
    def generate(cls, key_id: str) -> SecretKey:
        """A new key of 32 random bytes."""
        return cls(key_id, os.urandom(32))

    def text(self) -> str:
        """The key in the form that `parse` reads. Keep it in a secret store and never log it."""
        return f"{self.id}:{base64.b64encode(self.key).decode()}"

    def fingerprint(self, secret: str, *, account_id: str, field: str) -> str:
        """The fingerprint of a secret in a field of an account; lone surrogates are allowed.

        `field` is the name of the field. Raises `ValueError` for other types than strings.
        """
        value = _utf8("a secret", secret)
        account, name = _utf8("a secret's account_id", account_id), _utf8("a secret's field", field)
        # With its length, so that no other account and field have the same bytes.
        subkey = hkdf_sha256(self.key, _SALT, b"%d:%b%b" % (len(account), account, name))
        return f"hkdf-sha256:{self.id}:{hmac.digest(subkey, value, 'sha256').hex()}"


def _utf8(name: str, given: object) -> bytes:
    text = text_of(given)
    if text is None:
        raise ValueError(f"{name} is a string, not {type(given).__name__}")
    return text.encode("utf-8", "surrogatepass")


def hkdf_sha256(key: bytes, salt: bytes, info: bytes) -> bytes:
    """32 bytes that are derived from a key for one purpose, `info` (HKDF-SHA256, RFC 5869)."""
    extracted = hmac.digest(salt, key, "sha256")
    return hmac.digest(extracted, info + b"\1", "sha256")


def key_of(given: SecretKey | str | None) -> SecretKey | None:
    """The key given as such or as its text, else that of AUDITWRIGHT_SECRET_KEY; None if there is neither.

    Raises `SecretKeyMissing` for anything else.
    """
    if isinstance(given, SecretKey):
        return given
    where, text = ("secret_key", given) if given is not None else (VARIABLE, os.environ.get(VARIABLE) or None)
    if text is None:
        return None
    try:
        return SecretKey.parse(text)
    except ValueError as error:
        raise SecretKeyMissing(f"{where}: {error}; {HINT}") from None
