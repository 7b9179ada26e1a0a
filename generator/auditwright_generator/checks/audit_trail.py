"""Checks of what an audit trail needs: that whatever begins can be seen to end, and a change what changed."""

from auditwright_generator.findings import Mistakes, listing
from auditwright_generator.names import words
from auditwright_generator.resolve import resolve_fields
from auditwright_generator.source import CatalogSource, CategorySource, EventSource

BEGINNINGS = ("created", "added", "uploaded", "registered", "invited", "imported", "provisioned")
ENDS = ("deleted", "removed", "archived", "revoked", "expired", "destroyed", "purged", "deprovisioned")
CHANGES = ("updated", "changed", "edited", "modified", "renamed", "configured", "reconfigured")

_PAIRS = tuple(
    pair.split()
    for pair in """
    enabled disabled
    activated deactivated
    deployed undeployed
    published unpublished
    granted revoked
    locked unlocked
    blocked unblocked
    assigned unassigned
    subscribed unsubscribed
    installed uninstalled
    connected disconnected
    suspended resumed
    opened closed
    shared unshared
    attached detached
    linked unlinked
    """.strip().splitlines()
)
"""Events that undo each other."""

_IDENTITY = words("id key name type")
"""Last words of fields that say which thing it was, and nothing of what became of it."""
_OF_THE_CHANGE = words("added after before changed former new old previous removed updated")
"""First words of fields that do say it, whatever the last one is."""


def check_what_is_created_can_be_deleted(source: CatalogSource) -> Mistakes:
    """Who reads the log wants to know what still exists."""
    for category in source.categories:
        names = {event.name for event in category.events}
        for event in category.events:
            thing, _, verb = event.name.rpartition("_")
            if verb in BEGINNINGS and not any(f"{thing}_{end}" in names for end in ENDS):
                end = f"{thing}_deleted" if thing else "deleted"
                message = (
                    f"event {event.name} has no counterpart such as {end}, so the log never shows the end"
                )
                yield event.node.key, f"{message}; add it, or say in suppress why there is none"


def check_pairs_are_whole(source: CatalogSource) -> Mistakes:
    """A state that can only be entered in the log cannot be told from it."""
    for category in source.categories:
        names = {event.name for event in category.events}
        for event in category.events:
            other = _counterpart(event.name)
            if other and other not in names:
                message = f"event {event.name} has no counterpart {other}, so the log shows half of the story"
                yield event.node.key, f"{message}; add it, or say in suppress why there is none"


def _counterpart(name: str) -> str | None:
    """The event that undoes the one of that name, if its verb has such a one."""
    thing, _, verb = name.rpartition("_")
    for pair in _PAIRS:
        if verb in pair:
            return f"{thing.removesuffix('_re')}_{pair[1 - pair.index(verb)]}".removeprefix("_")
    return None


def check_changes_say_what_changed(source: CatalogSource) -> Mistakes:
    """That something was changed is the question, not the answer."""
    for category, event in source.events:
        verb = event.name.rpartition("_")[2]
        if (
            verb in CHANGES
            and source.has_known_fields(category, event)
            and not _says_more(source, category, event)
        ):
            fields = resolve_fields(source, category, event)
            given = listing(name for name, field in fields.items() if field and not field.entry) or "nothing"
            message = f"event {event.name} carries {given}, which does not tell what changed"
            yield event.node.key, f"{message}; add a field such as the new value, or say in suppress why not"


def _says_more(source: CatalogSource, category: CategorySource, event: EventSource) -> bool:
    """Whether any field tells more than which thing it was."""
    fields = resolve_fields(source, category, event)
    return any(field is None or (not field.entry and _tells(name)) for name, field in fields.items())


def _tells(name: str) -> bool:
    parts = name.split("_")
    return parts[-1] not in _IDENTITY or parts[0] in _OF_THE_CHANGE
