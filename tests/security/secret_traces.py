"""Where secrets could be left: what is returned, what is logged, and errors with all that they hold."""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from tests.security.sample_secrets import KINDS, Search, make_secrets

from auditwright import Entry

SECRETS = make_secrets(200)
TEXTS = [secret.text for secret in SECRETS]
ONE_OF_EACH_KIND = SECRETS[: len(KINDS)]
SEARCH = Search(SECRETS)


class Records(logging.Handler):
    """Everything that any logger says, with the arguments of each record."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._text = io.StringIO()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record as text."""
        self._text.write(f"{self.format(record)} {record.args!r}\n")

    @property
    def all(self) -> bytes:
        """All of it."""
        return self._text.getvalue().encode(errors="backslashreplace")


@contextmanager
def everything_logged() -> Iterator[Records]:
    """What is logged in the meantime, at the level DEBUG."""
    handler, root = Records(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def shown(value: object) -> bytes:
    """Everything that a returned value shows."""
    if isinstance(value, Entry):
        return f"{value!r} {value.row!r} {value.typed!r} {json.dumps(value.to_json())}".encode()
    if isinstance(value, (list, tuple)):
        return b"\n".join(map(shown, value))
    return value if isinstance(value, bytes) else repr(value).encode(errors="backslashreplace")


def error_of(call: Callable[[], object]) -> BaseException:
    """The error that a call raises."""
    try:
        answer = call()
    except Exception as error:
        return error
    raise AssertionError(f"{answer!r} was returned")


def everything_in(error: BaseException) -> bytes:
    """All that an error and those it came from have, in their texts and in their attributes."""
    parts: list[object] = [*traceback.format_exception(error)]
    chain, seen = [error], set[int]()
    while chain:
        each = chain.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        parts += [str(each), repr(each), each.args, vars(each), getattr(each, "doc", None)]
        parts += [shown(entry) for entry in (getattr(each, "entry", None), *getattr(each, "entries", ()))]
        if callable(inputs := getattr(each, "errors", None)):
            parts.append(inputs())  # pydantic's, with what was given
        chain += [other for other in (each.__cause__, each.__context__) if other is not None]
    return b"\n".join(map(shown, parts))


def leaks_of(errors: Iterable[BaseException]) -> dict[str, set[str]]:
    """By the text of an error, the kinds of secrets of which something is in it."""
    found = {str(error)[:300]: SEARCH.found_in(everything_in(error)) for error in errors}
    return {text: kinds for text, kinds in found.items() if kinds}
