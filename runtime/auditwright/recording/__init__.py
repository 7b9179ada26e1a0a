"""The write path: from an emitter's call to a row that is stored.

The recorder builds the row, group commit stores it. It does not know the database engines.
"""
