"""Checks of the audit trail: beginnings have ends, switches have both directions, changes have details."""

from auditwright_generator.findings import Mistakes, join_words
from auditwright_generator.names import words
from auditwright_generator.source.catalog_source import CatalogSource, CategorySource, EventSource
from auditwright_generator.source.resolve import resolve_fields

BEGINNINGS = words("added created imported invited provisioned registered uploaded")
ENDS = words("""
    archived cancelled canceled closed completed decommissioned deleted deprovisioned deregistered destroyed
    detached erased expired purged refunded removed retired revoked terminated unregistered voided withdrawn
    """)
CHANGES = words("changed configured edited modified reconfigured renamed updated")

_COUNTERPARTS = {
    verb: others
    for verb, *others in map(
        str.split,
        """
        enabled disabled
        disabled enabled
        activated deactivated suspended
        deactivated activated reactivated
        deployed undeployed
        undeployed deployed
        published unpublished
        unpublished published
        granted revoked
        revoked granted issued created added invited assigned
        locked unlocked
        unlocked locked
        blocked unblocked
        unblocked blocked
        assigned unassigned revoked
        unassigned assigned
        subscribed unsubscribed
        unsubscribed subscribed
        installed uninstalled
        uninstalled installed
        connected disconnected
        disconnected connected
        suspended resumed unsuspended reactivated reinstated activated
        resumed suspended paused
        opened closed resolved
        closed opened created
        shared unshared
        unshared shared
        attached detached
        detached attached
        linked unlinked
        unlinked linked
        """.strip().splitlines(),
    )
}
"""For each verb: the verbs that undo it, the usual one first."""

_IDENTITY = words("id key name type")
"""Last words of field names that identify the thing and do not describe the change."""
_OF_THE_CHANGE = words("added after before changed former new old previous removed updated")
"""First words of field names that describe the change, whatever the last word is."""


def check_what_is_created_can_be_deleted(source: CatalogSource) -> Mistakes:
    """AC651: readers of the log want to know what still exists."""
    for category in source.categories:
        names = {_join(*_thing_and_verb(event.name)) for event in category.events}
        for event in category.events:
            thing, verb = _thing_and_verb(event.name)
            if verb in BEGINNINGS and names.isdisjoint(_join(thing, end) for end in ENDS):
                end = _join(thing, "deleted")
                message = (
                    f"event {event.name} has no counterpart such as {end}, so the log never shows its end"
                )
                yield event.node.key_position, f"{message}; add it, or explain in suppress why there is none"


def check_pairs_are_whole(source: CatalogSource) -> Mistakes:
    """AC652: without the counterpart the log does not show the current state."""
    for category in source.categories:
        names = {_join(*_thing_and_verb(event.name)) for event in category.events}
        for event in category.events:
            others = _counterparts(event.name)
            if others and names.isdisjoint(others):
                message = (
                    f"event {event.name} has no counterpart {others[0]}, so the log shows only one direction"
                )
                yield event.node.key_position, f"{message}; add it, or explain in suppress why there is none"


def _counterparts(name: str) -> list[str]:
    """The names of events that undo the event."""
    thing, verb = _thing_and_verb(name)
    return [_join(thing, other) for other in _COUNTERPARTS.get(verb, ())]


def _thing_and_verb(name: str) -> tuple[str, str]:
    """`board_locked` is `board` and `locked`; in `locked` the thing is the category's, and empty here."""
    *thing, verb = name.split("_")
    if thing[-1:] == ["re"]:  # re_deployed
        thing.pop()
    return "_".join(thing), verb


def _join(thing: str, verb: str) -> str:
    return f"{thing}_{verb}" if thing else verb


def check_changes_say_what_changed(source: CatalogSource) -> Mistakes:
    """AC653: an entry about a change should say what changed."""
    for category, event in source.events:
        _, verb = _thing_and_verb(event.name)
        if (
            verb in CHANGES
            and source.has_known_fields(category, event)
            and not _says_more(source, category, event)
        ):
            fields = resolve_fields(source, category, event)
            given = (
                join_words(name for name, field in fields.items() if field and not field.entry) or "nothing"
            )
            message = f"event {event.name} carries {given}, which does not say what changed"
            yield (
                event.node.key_position,
                f"{message}; add a field such as the new value, or explain in suppress why not",
            )


def _says_more(source: CatalogSource, category: CategorySource, event: EventSource) -> bool:
    """Whether any field does more than identify the thing."""
    fields = resolve_fields(source, category, event)
    return any(field is None or (not field.entry and _tells(name)) for name, field in fields.items())


def _tells(name: str) -> bool:
    parts = name.split("_")
    return parts[-1] not in _IDENTITY or parts[0] in _OF_THE_CHANGE
