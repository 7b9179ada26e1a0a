"""Tests of the project for Django's own runner; `test_runner.py` runs them."""

from __future__ import annotations

from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.test import TestCase, TransactionTestCase
from tests.runtime.contrib.django import project

from auditwright import Actor
from auditwright.contrib.django import log
from auditwright.contrib.django.test import recorded_entries


def sign_in(case: TestCase | TransactionTestCase) -> None:
    user = User.objects.create_user("ada", "ada@example.com", "secret")
    user.user_permissions.add(Permission.objects.get(codename="view_auditlog"))
    case.client.force_login(user)


class InTransaction(TestCase):
    def test_requests_and_rollbacks(self) -> None:
        sign_in(self)
        with recorded_entries() as entries:
            self.client.get("/change/")
            self.client.get("/groups/?name=gone&fail=1")
            with transaction.atomic():
                project.audit.account.roles.role_changed(actor=Actor.system("block"))
        assert [entry.actor.name for entry in entries] == ["ada", "block"]
        assert not log.account("acme").has_entries()

    async def test_async_views(self) -> None:
        await User.objects.acreate_user("grace", "grace@example.com", "secret")
        async with recorded_entries() as entries:
            await self.async_client.get("/sign-in-async/?name=grace")
            await self.async_client.get("/change-async/")
        assert [entry.actor.name for entry in entries] == ["grace", "grace"]


class Committed(TransactionTestCase):
    def test_page_shows_what_was_recorded(self) -> None:
        sign_in(self)
        with recorded_entries() as entries:
            self.client.get("/change/")
        assert len(entries) == 1
        self.assertContains(self.client.get("/audit/"), "ada")
        assert log.account("acme").has_entries()

    def test_tables_outlast_the_flush(self) -> None:
        project.audit.account.roles.role_changed(actor=Actor.system())
        assert log.account("acme").has_entries()
