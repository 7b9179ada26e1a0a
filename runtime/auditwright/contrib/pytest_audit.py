"""The value of the fixture `audit`: what a test has recorded, and assertions on it.

`pytest_watching.py` sees the entries, `pytest_wanted.py` compares them, `pytest_texts.py` words the reports.
"""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from auditwright.actor import Actor
from auditwright.context import acting
from auditwright.contrib import pytest_texts as texts
from auditwright.contrib.pytest_wanted import Wanted, invalid
from auditwright.errors import ValidationError
from auditwright.limits import shown
from auditwright.log import AuditLog
from auditwright.recording.fingerprint import SecretKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from auditwright.catalog import Catalog, Event
    from auditwright.context import Context
    from auditwright.contrib.pytest_watching import Sighting, Watch
    from auditwright.entry import Entry, Outcome
    from auditwright.entry_context import EntryContext
    from auditwright.event_model import EventModel

KEY = SecretKey("test", bytes(32))
"""The key of `audit.log`: the same in every run, so that fingerprints are too."""


class OwnLog:
    """The log of one test, made when it is first used."""

    def __init__(
        self,
        catalog: Callable[[], Catalog],
        account_id: str | None,
        template: Callable[[Catalog], Path],
        folder: Callable[[], Path],
    ) -> None:
        self.catalog = catalog
        self._account_id = account_id
        self._template = template
        self._make_folder = folder
        self._folder: Path | None = None
        self._log: AuditLog | None = None

    def open(self) -> AuditLog:
        """The log."""
        if self._log is None:
            catalog = self.catalog()
            empty = self._template(catalog)
            self._folder = self._make_folder()
            path = shutil.copy(empty, self._folder / "audit.db")
            url = f"sqlite:///{path}"
            self._log = AuditLog.open(url, account_id=self._account_id, catalog=catalog, secret_key=KEY)
        return self._log

    def remove(self) -> None:
        """Close the log and remove its files."""
        if self._log is not None:
            self._log.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


class Audit:
    """What a test has recorded, in any log of this process, and a log of its own.

    An entry in a transaction of the caller, by `session=`, counts when it is committed; with
    `auditwright_uncommitted` it counts until it is rolled back.
    """

    def __init__(self, watch: Watch, own: OwnLog, uncommitted: bool = False) -> None:
        self._watch = watch
        self._own = own
        self._uncommitted = uncommitted

    @property
    def log(self) -> AuditLog:
        """An empty log for the code under test, with a key for secret fields; it is removed with the test.

        It has no actor, and no account unless `auditwright_account` names one: code that sets neither fails
        as it does in production.
        """
        return self._own.open()

    def acting(
        self,
        actor: Actor | None = None,
        *,
        account_id: str | None = None,
        ip_address: str | None = None,
        on_behalf_of: Actor | None = None,
        context: EntryContext | None = None,
    ) -> AbstractContextManager[Context]:
        """Set who acts, and from where, inside the `with` block, as `AuditLog.acting` does."""
        return acting(
            actor,
            account_id=account_id,
            ip_address=ip_address,
            on_behalf_of=on_behalf_of,
            context=context,
        )

    @property
    def entries(self) -> list[Entry]:
        """What was recorded until now, oldest first."""
        return [each.entry for each in self._counted()[0]]

    def forget(self) -> None:
        """Leave what was recorded until now out of account, such as what prepared the test."""
        self._watch.forget()

    def recorded(
        self,
        event: str,
        /,
        *,
        actor: Actor | str | None = None,
        account_id: str | None = None,
        ip_address: str | None = None,
        outcome: Outcome | None = None,
        failure_reason: str | None = None,
        on_behalf_of: Actor | str | None = None,
        context: EntryContext | None = None,
        count: int | None = None,
        metadata: Mapping[str, object] | None = None,
        **fields: object,
    ) -> Entry:
        """Assert that the event was recorded with these values; returns the entry, the newest of several.

        - `actor` is an Actor, whose name is compared if it has one, or the id of a user or app.
        - `outcome` is "success" or "failure", `on_behalf_of` is as `actor`, and `context` has parts that the
          entry has, perhaps with others.
        - `count` is how many such entries there are, at least 1; by default one or more.
        - `fields` are fields of the event; None is a field that was left out. The value of a secret field is
          given as the code gives it. `metadata` takes fields with the names of other parameters.

        Raises `ValidationError` for an event or a field that the catalog does not have, for a value that the
        field cannot have, and for an `ip_address` that is none.
        """
        __tracebackhide__ = True
        if count is not None and (type(count) is not int or count < 1):
            raise invalid(event, "count", "an integer of at least 1; see nothing_recorded", shown(count))
        envelope = {
            "actor": actor,
            "account_id": account_id,
            "ip_address": ip_address,
            "outcome": outcome,
            "failure_reason": failure_reason,
            "on_behalf_of": on_behalf_of,
            "context": context,
        }
        wanted = self._wanted(event, envelope, {**(metadata or {}), **fields})
        counted, others = self._counted()
        found = [each for each in counted if wanted.fits(each)]
        if len(found) == count or (count is None and found):
            return found[-1].entry
        raise AssertionError(texts.not_recorded(wanted, count, found, counted, others))

    def nothing_recorded(
        self,
        event: str | None = None,
        /,
        *,
        actor: Actor | str | None = None,
        account_id: str | None = None,
        ip_address: str | None = None,
        outcome: Outcome | None = None,
        failure_reason: str | None = None,
        on_behalf_of: Actor | str | None = None,
        context: EntryContext | None = None,
        metadata: Mapping[str, object] | None = None,
        **fields: object,
    ) -> None:
        """Assert that nothing was recorded, or no such entry; parameters as for `recorded`.

        An entry that may still be committed, because its transaction is open, is not nothing.
        """
        __tracebackhide__ = True
        envelope = {
            "actor": actor,
            "account_id": account_id,
            "ip_address": ip_address,
            "outcome": outcome,
            "failure_reason": failure_reason,
            "on_behalf_of": on_behalf_of,
            "context": context,
        }
        wanted = self._wanted(event, envelope, {**(metadata or {}), **fields})
        counted, others = self._counted()
        found = [each for each in counted if wanted.fits(each)]
        perhaps = [each for each in others if each[1] != "gone" and wanted.fits(each[0])]
        if found or perhaps:
            raise AssertionError(texts.recorded_all_the_same(wanted, found, perhaps))

    def _counted(self) -> tuple[list[Sighting], list[texts.Uncounted]]:
        """What counts as recorded, and the rest with the reason."""
        counted: list[Sighting] = []
        others: list[texts.Uncounted] = []
        for each in self._watch.sightings():
            state, reason = each.state()
            if state == "stored" or (state == "open" and self._uncommitted):
                counted.append(each)
            else:
                others.append((each, state, reason))
        return counted, others

    def _wanted(self, key: str | None, envelope: dict[str, Any], fields: dict[str, object]) -> Wanted:
        event, model = (None, None) if key is None else self._event(key)
        if event is None and fields:
            raise TypeError(f"nothing_recorded: name the event that has the field {next(iter(fields))!r}")
        return Wanted(event, model, envelope, fields)

    def _event(self, key: str) -> tuple[Event, type[EventModel]]:
        """The event of a key and its model, in the catalog of a log that recorded or of the fixture."""
        seen = {id(each.log.catalog): each.log.catalog for each in self._watch.sightings()}
        catalog = next((each for each in seen.values() if each.event(key)), None) or self._own.catalog()
        event = catalog.event(key)
        if event is None:
            raise ValidationError(key, (catalog.event_problem(key),))
        return event, catalog.model(event)
