"""The app `auditwright` of `INSTALLED_APPS`."""

from __future__ import annotations

import atexit

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.core import checks
from django.db.models.signals import post_migrate


class AuditwrightConfig(AppConfig):
    """Connects the checks, the signals, and the tables to `migrate`."""

    name = "auditwright.contrib.django"
    label = "auditwright"
    verbose_name = "Audit Logs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """See `AppConfig.ready`."""
        from auditwright.contrib.django.checks import check_database, check_page, check_settings
        from auditwright.contrib.django.django_log import log
        from auditwright.contrib.django.middleware import refresh_actor
        from auditwright.contrib.django.tables import set_up

        checks.register(check_settings)
        checks.register(check_page, checks.Tags.urls)
        checks.register(check_database, checks.Tags.database)
        user_logged_in.connect(refresh_actor, dispatch_uid="auditwright")
        user_logged_out.connect(refresh_actor, dispatch_uid="auditwright")
        post_migrate.connect(set_up, sender=self, dispatch_uid="auditwright")
        atexit.register(log.close)
