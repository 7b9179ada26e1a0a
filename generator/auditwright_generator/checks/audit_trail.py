"""Checks of what an audit trail needs: that whatever begins can be seen to end, and a change what changed."""

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
"""What undoes an event, by its verb: any of these will do, and the first is the usual one."""

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
                yield event.node.key_position, f"{message}; add it, or say in suppress why there is none"


def check_pairs_are_whole(source: CatalogSource) -> Mistakes:
    """A state that can only be entered in the log cannot be told from it."""
    for category in source.categories:
        names = {event.name for event in category.events}
        for event in category.events:
            others = _counterparts(event.name)
            if others and names.isdisjoint(others):
                message = (
                    f"event {event.name} has no counterpart {others[0]}, so the log shows half of the story"
                )
                yield event.node.key_position, f"{message}; add it, or say in suppress why there is none"


def _counterparts(name: str) -> list[str]:
    """The events that undo the one of that name, if its verb has such."""
    thing, _, verb = name.rpartition("_")
    thing = thing.removesuffix("_re")
    return [f"{thing}_{other}".removeprefix("_") for other in _COUNTERPARTS.get(verb, ())]


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
            given = (
                join_words(name for name, field in fields.items() if field and not field.entry) or "nothing"
            )
            message = f"event {event.name} carries {given}, which does not tell what changed"
            yield (
                event.node.key_position,
                f"{message}; add a field such as the new value, or say in suppress why not",
            )


def _says_more(source: CatalogSource, category: CategorySource, event: EventSource) -> bool:
    """Whether any field tells more than which thing it was."""
    fields = resolve_fields(source, category, event)
    return any(field is None or (not field.entry and _tells(name)) for name, field in fields.items())


def _tells(name: str) -> bool:
    parts = name.split("_")
    return parts[-1] not in _IDENTITY or parts[0] in _OF_THE_CHANGE
