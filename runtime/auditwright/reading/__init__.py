"""The read path: filters become scopes, rows become pages.

The storage runs the queries. `account_log.py` is the public interface.
"""
