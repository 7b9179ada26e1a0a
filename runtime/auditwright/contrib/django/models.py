"""The permissions of the Audit Logs page. Django has no table of the entries: `log` reads them."""

from django.db import models

VIEW, EXPORT = "view_auditlog", "export_auditlog"


class AuditLog(models.Model):
    """Declares the permissions `auditwright.view_auditlog` and `auditwright.export_auditlog`."""

    class Meta:
        """No table, and no permission to add, change or delete."""

        app_label = "auditwright"
        managed = False
        default_permissions = ()
        permissions = (
            (VIEW, "Can view the audit log"),
            (EXPORT, "Can export the audit log"),
        )
        verbose_name = "audit log"
