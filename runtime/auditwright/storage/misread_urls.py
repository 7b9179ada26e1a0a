"""Errors for URLs that are no database, or that would name another file than they seem to.

Imported only for such a URL.
"""

from __future__ import annotations

from typing import NoReturn
from urllib.parse import unquote

from auditwright.storage.errors import StorageError


def refuse(url: str) -> NoReturn:
    """Raise the `StorageError` of a URL, with the right spelling where there is one."""
    without_password = url.rpartition("@")[2]
    if not url.startswith("sqlite:"):
        raise StorageError(
            f"{without_password.partition('?')[0]}: unknown kind of database; write sqlite:///audit.db for a "
            "relative path, sqlite:////var/lib/audit.db for an absolute one, or "
            "postgresql://user@host/database"
        )
    shown = url if url.startswith("sqlite:///") else without_password
    fault = _sqlite_fault(url.removeprefix("sqlite:"))
    raise StorageError(f"{shown}: {fault}")


def _sqlite_fault(rest: str) -> str:
    """What is wrong with the part of a SQLite URL after its scheme."""
    if not rest.startswith("///"):
        if rest.startswith("/") and not rest.startswith("//"):  # sqlite:/srv/audit.db
            return f"three slashes come before the path; write sqlite:///{rest}"
        plain = rest.rpartition("@")[2].lstrip("/").partition("?")[0].strip()
        return (
            f"three slashes come before the path; write sqlite:///{plain} for a relative path, or "
            f"sqlite:////{plain} for an absolute one"
        )
    path = rest.removeprefix("///")
    if path.strip() != path or not path.isprintable():
        return "the path begins or ends with a space, or has a line end or another control character"
    if path.startswith("file:"):
        plain = unquote(path.removeprefix("file:").partition("?")[0])
        return f"a file: URI of SQLite is not read; write sqlite:///{plain}"
    plain, question, _ = path.partition("?")
    if question:
        return f"parameters are not read; write sqlite:///{plain}"
    return f"percent-encoding is not decoded; write the path as it is, sqlite:///{unquote(path)}"
