"""Django app: records in Django's transactions, with the actor of the request, and shows the Audit Logs page.

    from auditwright.contrib.django import log

    audit = AuditEvents(log)

Its settings are `settings.AUDITWRIGHT`, see `conf.py`. docs/django.md is the guide.
"""

from auditwright.contrib.django.django_log import log

__all__ = ["log"]
