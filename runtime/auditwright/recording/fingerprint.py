"""Keyed fingerprints: all that is ever kept of a secret.

`hmac-sha256:<key id>:<64 hex digits>`, HMAC-SHA256 (RFC 2104) of the UTF-8 value under a key of the
deployment. Equal secrets have equal fingerprints, so "was it this token?" can be answered; the secret cannot
be had back.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from dataclasses import dataclass, field

from auditwright.errors import SecretKeyMissing

VARIABLE = "AUDITWRIGHT_SECRET_KEY"
HINT = (
    f"set {VARIABLE}=<key id>:<base64 of at least 32 random bytes>, or pass secret_key= to AuditLog.open; "
    "`auditwright secret-key` makes one"
)
FINGERPRINT = re.compile(r"hmac-sha256:[A-Za-z0-9_-]{1,32}:[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key for fingerprints: an id that is stored beside them, and at least 32 bytes that are not.

    Raises `ValueError` for a shorter key, or an id that is not 1 to 32 letters, digits, - or _.
    """

    id: str
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", self.id):
            raise ValueError("a secret key's id is 1 to 32 letters, digits, - or _")
        if len(self.key) < 32:
            raise ValueError(f"a secret key has at least 32 bytes, this one has {len(self.key)}")

    @classmethod
    def parse(cls, text: str) -> SecretKey:
        """A key from `<key id>:<base64>`; raises `ValueError`, never naming the key itself."""
        key_id, colon, encoded = text.strip().partition(":")
        wanted = "a secret key is written <key id>:<base64 of at least 32 bytes>"
        if not colon:
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
        """The key itself, as `parse` reads it: for a secret store, never for a log."""
        return f"{self.id}:{base64.b64encode(self.key).decode()}"

    def fingerprint(self, secret: str) -> str:
        """The fingerprint of a secret, a lone surrogate in it included."""
        digest = hmac.digest(self.key, secret.encode("utf-8", "surrogatepass"), "sha256")
        return f"hmac-sha256:{self.id}:{digest.hex()}"


def configured_key() -> SecretKey | None:
    """The key of AUDITWRIGHT_SECRET_KEY, None when it is not set; raises `SecretKeyMissing` for a bad one."""
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    try:
        return SecretKey.parse(text)
    except ValueError as error:
        raise SecretKeyMissing(f"{VARIABLE}: {error}; {HINT}") from None
