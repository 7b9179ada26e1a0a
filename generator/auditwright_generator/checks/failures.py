"""Checks of failures: failure messages differ from messages, and what auditors ask about can fail.

`messages.py` checks the placeholders of both messages, `uses.py` the conditions on the outcome.
"""

import re

from auditwright_generator.checks.audit_trail import act_of
from auditwright_generator.findings import Mistakes
from auditwright_generator.names import words
from auditwright_generator.source.catalog_source import CatalogSource, CategorySource

_SIGN_IN = re.compile(
    "(?:^|_)(?:(?:log|logged|sign|signed)_(?:in|on)|login|logon|signin|signon|authenticated|authentication)"
    "(?:_(?:attempted|completed|done|succeeded|success|successful))?$"
)
"""Names of events that someone signed in, such as `user_login`; `login_page_changed` is another thing."""
_PERMISSIONS = words("access permission permissions privilege privileges role roles")
_PERMITTING = words("assigned changed edited elevated granted revoked unassigned updated withdrawn")
_SIGNING_IN = words("authentication log logged login logon sign signed signin signon")
_FAILURES = words("blocked declined denied failed failure invalid refused rejected unsuccessful")
"""Words in the names of events that are failures themselves."""


def check_failure_messages_differ(source: CatalogSource) -> Mistakes:
    """AC509: an export may have the description without the outcome."""
    for _, event in source.events:
        message, failure = event.node.get("message"), event.node.get("failure_message")
        if message and failure and _letters(str(message.scalar)) == _letters(str(failure.scalar)):
            text = f"failure_message of {event.name} reads like its message; say that it failed"
            yield failure.position, text


def _letters(text: str) -> str:
    """The text without case, spaces and punctuation."""
    return "".join(character for character in text.casefold() if character.isalnum())


def check_what_auditors_ask_about_can_fail(source: CatalogSource) -> Mistakes:
    """AC654: auditors ask for failed attempts to sign in and to change who may do what."""
    for category in source.categories:
        for event in category.events:
            what = _asked_about(event.name)
            can_fail = "failure_message" in event.node.entries or "deprecated" in event.node.entries
            if what and not can_fail and not _has_failure(category, event.name):
                message = f"event {event.name} is about {what}, and the log shows no failed attempts"
                yield (
                    event.node.key_position,
                    f"{message}; add failure_message, or explain in suppress why there are none",
                )


def _asked_about(name: str) -> str:
    if _SIGN_IN.search(name):
        return "signing in"
    act = act_of(name)
    is_permission = act.thing.rpartition("_")[2] in _PERMISSIONS and act.verb in _PERMITTING
    return "permissions" if is_permission else ""


def _has_failure(category: CategorySource, name: str) -> bool:
    """Whether the failures of an event have an event of their own: `login_failed`, `role_change_denied`."""
    verb = act_of(name).verb
    deeds = _SIGNING_IN if _SIGN_IN.search(name) else {verb, verb.removesuffix("d"), verb.removesuffix("ed")}
    others = (set(event.name.split("_")) for event in category.events)
    return any(other & _FAILURES and other & deeds for other in others)
