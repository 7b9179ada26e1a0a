"""The Audit Logs page: `path("audit/", include("auditwright.contrib.django.urls"))`."""

from django.urls import re_path

from auditwright.contrib.django.views import page

app_name = "auditwright"
urlpatterns = [re_path(r"^(?P<path>.*)$", page, name="page")]
