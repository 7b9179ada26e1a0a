"""Exports and imports of files. Imported by the functions of `AuditLog` and `AccountLog` that need them."""
