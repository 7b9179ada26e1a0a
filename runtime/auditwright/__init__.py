"""Auditwright: an audit log that is declared once.

What a service needs: open an `AuditLog`, say who acts with an `Actor`, record through the generated
emitters, read with a `Filter`; in web applications, `AuditMiddleware` and `set_actor`. The generator is
another package, `auditwright_generator`.
"""

from auditwright.actor import Actor
from auditwright.catalog import Catalog
from auditwright.context import NoContext, set_actor
from auditwright.entry import Entry
from auditwright.errors import (
    AuditwrightError,
    CatalogError,
    ExportError,
    FilterError,
    Problem,
    SecretKeyMissing,
    ValidationError,
)
from auditwright.log import AccountLog, AuditLog
from auditwright.middleware import AuditMiddleware
from auditwright.reading.filters import Condition, Filter
from auditwright.reading.pages import Page
from auditwright.recording.fingerprint import SecretKey
from auditwright.storage.errors import IdConflict, SchemaMismatch, StorageError

__all__ = [
    "AccountLog",
    "Actor",
    "AuditLog",
    "AuditMiddleware",
    "AuditwrightError",
    "Catalog",
    "CatalogError",
    "Condition",
    "Entry",
    "ExportError",
    "Filter",
    "FilterError",
    "IdConflict",
    "NoContext",
    "Page",
    "Problem",
    "SchemaMismatch",
    "SecretKey",
    "SecretKeyMissing",
    "StorageError",
    "ValidationError",
    "set_actor",
]
