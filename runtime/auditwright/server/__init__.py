"""The Audit Logs page and its JSON API: an ASGI application to run (`auditwright serve`) or to mount.

    app.mount("/audit", create_app(log, authorize))

Needs the extra `server`.
"""

from auditwright.server.access import Principal
from auditwright.server.app import create_app

__all__ = ["Principal", "create_app"]
