"""Made-up secrets that look like real ones of 30 kinds, and a search for what is left of them.

They are made when the tests run, so that no scanner finds one in the repository.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

_ALPHABETS = {
    "d": "0123456789",
    "h": "0123456789abcdef",
    "u": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "a": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
    "b": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    "p": "abcdefghijkmnopqrstuvwxyz!\"#$%&'()*+,./:;<=>?@[\\]^`{|}~",
    "w": "äöüßéèñçøåλπωжяюшדבא愛光海山",
    "c": "\t\n\r\x00\x1b\x7f\u202e\u200b",
    "s": "\udc80\udfff😀🔑abcdefgh",
}
KINDS = {
    "access key of a cloud": "AKIA<u16>",
    "secret key of a cloud": "<a40>",
    "token of a forge": "ghp_<a36>",
    "narrow token of a forge": "github_pat_<a22>_<a59>",
    "token of another forge": "glpat-<b20>",
    "token of a chat": "xoxb-<d12>-<d13>-<a24>",
    "URL of a webhook": "https://hooks.example.com/services/T<u12>/B<u12>/<a24>",
    "key of a payment service": "sk_live_<a48>",
    "key of a model": "sk-proj-<b48>",
    "key of another model": "sk-ant-api03-<b93>AA",
    "key of a map": "AIza<b35>",
    "access token of OAuth": "ya29.<b64>",
    "JSON Web Token": "eyJ<b33>.eyJ<b80>.<b43>",
    "private key": "-----{BEGIN} {PRIVATE} {KEY}-----\n<a64>\n<a64>\n-----{END} {PRIVATE} {KEY}-----\n",
    "URL of a database": "postgresql://service:<a24>@db.example.com:5432/orders",
    "header of Basic": "Basic <a40>==",
    "header of Bearer": "Bearer <b64>",
    "connection string": "AccountName=files;AccountKey=<a86>==;EndpointSuffix=core.example.com",
    "signed URL": "https://files.example.com/a?se=2027-01-01&sig=<a43>%3D",
    "token of a registry": "npm_<a36>",
    "token of another registry": "pypi-<b80>",
    "key of a mailer": "SG.<b22>.<b43>",
    "token of a bot": "<d10>:AA<b33>",
    "seed of one-time passwords": "<u32>",
    "id of a session": "<h16>-<h16>",
    "bytes in hexadecimal": "<h64>",
    "password with punctuation": "<p32>",
    "password of many languages": "<w24>",
    "password with control characters": "<a16><c8><a16>",
    "password with lone surrogates": "<s12><a16>",
}
"""The kinds by name: `<a16>` stands for sixteen random characters of the alphabet `a`."""

_RANDOM = re.compile(r"<(\w)(\d+)>")
_LENGTHS = 12, 24
"""The shortest rests that are searched for, in a form of one character for each and in longer ones.

Shorter ones could be there by chance.
"""
_STEP = 4
"""Where data is searched: at every fourth byte, for each rest."""


@dataclass(frozen=True)
class Secret:
    """A secret, with its parts that nobody can guess."""

    kind: str
    text: str
    parts: tuple[str, ...]


def make_secrets(count: int, seed: int = 16) -> list[Secret]:
    """So many secrets, of each kind in turn."""
    random = Random(seed)
    kinds = list(KINDS)
    return [_make(kinds[number % len(kinds)], random) for number in range(count)]


def _make(kind: str, random: Random) -> Secret:
    parts: list[str] = []

    def fill(match: re.Match[str]) -> str:
        parts.append("".join(random.choices(_ALPHABETS[match[1]], k=int(match[2]))))
        return parts[-1]

    text = _RANDOM.sub(fill, KINDS[kind].replace("{", "").replace("}", ""))
    return Secret(kind, text, tuple(part for part in parts if len(part) >= _LENGTHS[0]))


class Search:
    """Looks for rests of secrets, 15 characters in a row, in every form in which programs write texts."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._rests: dict[int, dict[bytes, Secret]] = {length: {} for length in _LENGTHS}
        for secret in secrets:
            for part in secret.parts:
                for written in _written(part):
                    length = _LENGTHS[len(written) > 1.5 * len(part)]
                    self._rests[length] |= dict.fromkeys(_pieces(written, length, 1), secret)

    def found_in(self, data: bytes) -> set[str]:
        """The kinds of the secrets of which something is in the data."""
        return {
            rests[piece].kind
            for length, rests in self._rests.items()
            for piece in _pieces(data, length, _STEP)
            if piece in rests
        }


def _pieces(data: bytes, length: int, step: int) -> Iterator[bytes]:
    return (data[start : start + length] for start in range(0, len(data) - length + 1, step))


def _written(text: str) -> Iterator[bytes]:
    """The forms in which programs write a text."""
    raw = text.encode("utf-8", "surrogatepass")
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield text.encode("utf-16-le", "surrogatepass")
    yield text.encode(errors="backslashreplace")
    yield repr(text)[1:-1].encode(errors="backslashreplace")
    yield repr(raw)[2:-1].encode()
    yield json.dumps(text)[1:-1].encode()
    yield json.dumps(text, ensure_ascii=False)[1:-1].encode(errors="backslashreplace")
    yield html.escape(text).encode(errors="backslashreplace")
    yield quote(raw, safe="").encode()
    yield text[::-1].encode("utf-8", "surrogatepass")
    for start in range(3):
        whole = raw[start : start + (len(raw) - start) // 3 * 3]
        yield base64.b64encode(whole)
        yield base64.urlsafe_b64encode(whole)
