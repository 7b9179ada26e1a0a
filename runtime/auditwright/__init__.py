"""Auditwright: an audit log whose events are declared once.

The public names: open an `AuditLog`, set the `Actor`, record through the generated emitters, read with a
`Filter`; in web applications use `AuditMiddleware` or `AuditWsgiMiddleware`, and `set_actor`; for jobs in
other processes `dump_context` and `load_context`. The generator is another package, `auditwright_generator`.

Each name is imported on first use (PEP 562), so that the generator's commands do not load pydantic.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditwright.account_log import AccountLog
    from auditwright.actor import Actor
    from auditwright.catalog import Catalog
    from auditwright.change import Change
    from auditwright.context import NoContext, set_actor
    from auditwright.entry import Entry
    from auditwright.entry_context import EntryContext
    from auditwright.errors import (
        AuditwrightError,
        CatalogError,
        ExportError,
        FilterError,
        Problem,
        SecretKeyMissing,
        SourceError,
        ValidationError,
    )
    from auditwright.health import Health
    from auditwright.json_value import JsonValue
    from auditwright.log import AuditLog
    from auditwright.middleware import AuditMiddleware
    from auditwright.reading.filters import Condition, Filter
    from auditwright.reading.pages import Page
    from auditwright.recording.fingerprint import SecretKey
    from auditwright.sent_context import dump_context, load_context
    from auditwright.storage.errors import IdConflict, NotStored, SchemaMismatch, StorageError
    from auditwright.wsgi import AuditWsgiMiddleware

__all__ = [
    "AccountLog",
    "Actor",
    "AuditLog",
    "AuditMiddleware",
    "AuditWsgiMiddleware",
    "AuditwrightError",
    "Catalog",
    "CatalogError",
    "Change",
    "Condition",
    "Entry",
    "EntryContext",
    "ExportError",
    "Filter",
    "FilterError",
    "Health",
    "IdConflict",
    "JsonValue",
    "NoContext",
    "NotStored",
    "Page",
    "Problem",
    "SchemaMismatch",
    "SecretKey",
    "SecretKeyMissing",
    "SourceError",
    "StorageError",
    "ValidationError",
    "dump_context",
    "load_context",
    "set_actor",
]

_MODULES = {
    "auditwright.actor": ("Actor",),
    "auditwright.catalog": ("Catalog",),
    "auditwright.change": ("Change",),
    "auditwright.context": ("NoContext", "set_actor"),
    "auditwright.entry": ("Entry",),
    "auditwright.entry_context": ("EntryContext",),
    "auditwright.errors": (
        "AuditwrightError",
        "CatalogError",
        "ExportError",
        "FilterError",
        "Problem",
        "SecretKeyMissing",
        "SourceError",
        "ValidationError",
    ),
    "auditwright.account_log": ("AccountLog",),
    "auditwright.health": ("Health",),
    "auditwright.json_value": ("JsonValue",),
    "auditwright.log": ("AuditLog",),
    "auditwright.middleware": ("AuditMiddleware",),
    "auditwright.reading.filters": ("Condition", "Filter"),
    "auditwright.reading.pages": ("Page",),
    "auditwright.recording.fingerprint": ("SecretKey",),
    "auditwright.sent_context": ("dump_context", "load_context"),
    "auditwright.storage.errors": ("IdConflict", "NotStored", "SchemaMismatch", "StorageError"),
    "auditwright.wsgi": ("AuditWsgiMiddleware",),
}
"""The module of each public name."""

# Hidden from type checkers, so that they reject a misspelt name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        for module, names in _MODULES.items():
            if name in names:
                globals()[name] = value = getattr(import_module(module), name)
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
