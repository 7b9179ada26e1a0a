"""The Audit Logs page: `path("audit/", include("auditwright.contrib.django.urls"))`."""

from django.urls import re_path

from auditwright.contrib.django.views import page

app_name = "auditwright"
# An id in the path of an object's page may have line ends, which a dot does not match.
urlpatterns = [re_path(r"^(?P<path>[\s\S]*)$", page, name="page")]
