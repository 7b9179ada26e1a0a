"""The web application over an empty log, as in the tests of the server."""

from tests.runtime.server.conftest import app, client, database_url, log

__all__ = ["app", "client", "database_url", "log"]
