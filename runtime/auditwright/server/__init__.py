"""The Audit Logs page and its JSON API, as an application that `auditwright serve` runs or a service mounts.

    app.mount("/audit", create_app(log, authorize))

The extra `server` brings what this needs.
"""

from auditwright.server.access import Principal
from auditwright.server.app import create_app

__all__ = ["Principal", "create_app"]
