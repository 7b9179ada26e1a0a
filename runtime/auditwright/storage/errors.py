"""What can go wrong in a database."""

from __future__ import annotations

from auditwright.errors import AuditwrightError


class IdConflict(AuditwrightError):
    """The account has an entry with this id and other content; the stored one stays as it is."""


class StorageError(AuditwrightError):
    """The database could not do what was asked; the text says what and, where known, the way out."""

    outcome_unknown: bool = False
    """Whether what was to be stored may be stored nevertheless."""


class SchemaMismatch(StorageError):
    """The database has tables of our names that do not fit; the text names the first difference."""
