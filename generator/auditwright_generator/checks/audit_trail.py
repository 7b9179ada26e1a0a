"""Checks of the audit trail: beginnings have ends, switches have both directions, changes have details."""

from dataclasses import dataclass

from auditwright_generator.findings import Mistakes, join_words
from auditwright_generator.names import words
from auditwright_generator.source.catalog_source import CatalogSource, CategorySource, EventSource
from auditwright_generator.source.resolve import resolve_fields

BEGINNINGS = words("added created imported invited provisioned registered uploaded")
ENDS = words("""
    archived cancelled canceled closed completed decommissioned deleted deprovisioned deregistered destroyed
    detached dismissed erased expired fixed purged refunded removed resolved retired revoked terminated
    unregistered voided withdrawn
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
        granted revoked withdrawn
        revoked granted issued created added invited assigned
        locked unlocked
        unlocked locked
        blocked unblocked
        unblocked blocked
        assigned unassigned revoked
        unassigned assigned
        subscribed unsubscribed
        unsubscribed subscribed resubscribed
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

_PRESENT = {
    present: past
    for past, present in (
        line.split()
        for line in """
        activated activate
        added add
        archived archive
        assigned assign
        attached attach
        blocked block
        cancelled cancel
        changed change
        closed close
        completed complete
        configured configure
        connected connect
        created create
        deactivated deactivate
        decommissioned decommission
        deleted delete
        deployed deploy
        deprovisioned deprovision
        deregistered deregister
        destroyed destroy
        detached detach
        disabled disable
        disconnected disconnect
        dismissed dismiss
        edited edit
        enabled enable
        erased erase
        expired expire
        fixed fix
        granted grant
        imported import
        installed install
        invited invite
        issued issue
        linked link
        locked lock
        modified modify
        opened open
        paused pause
        provisioned provision
        published publish
        purged purge
        reactivated reactivate
        reconfigured reconfigure
        refunded refund
        registered register
        reinstated reinstate
        removed remove
        renamed rename
        resolved resolve
        resubscribed resubscribe
        resumed resume
        retired retire
        revoked revoke
        shared share
        subscribed subscribe
        suspended suspend
        terminated terminate
        unassigned unassign
        unblocked unblock
        undeployed undeploy
        uninstalled uninstall
        unlinked unlink
        unlocked unlock
        unpublished unpublish
        unregistered unregister
        unshared unshare
        unsubscribed unsubscribe
        unsuspended unsuspend
        updated update
        uploaded upload
        voided void
        withdrawn withdraw
        """.strip().splitlines()
    )
}
"""Verbs in the present, each with its past."""
_PAST = {past: present for present, past in _PRESENT.items()}
_NOUNS = words("""
    archive block change close deploy edit fix grant import install invite issue link lock open pause purge
    refund register share subscribe update upload void
    """)
"""Verbs in the present that are also nouns: an event `send_link` does not link."""
_OUTCOMES = words("click done failed failure found lost made sent set started succeeded success")
"""Last words of names that begin with a noun: `link_sent`."""
_PREPOSITIONS = words("at by for from in of on to with")
"""Second words of names that begin with a noun: `change_of_owner`."""

_IDENTITY = words("id key name type")
"""Last words of field names that identify the thing and do not describe the change."""
_OF_THE_CHANGE = words("added after before changed former new old previous removed updated")
"""First words of field names that describe the change, whatever the last word is."""


@dataclass(frozen=True, slots=True)
class Act:
    """What the name of an event says: the verb in the past, and the thing."""

    thing: str
    verb: str
    form: str = "{thing}_{past}"
    """How the name is made: `{thing}_{past}`, `{thing}_{present}` or `{present}_{thing}`."""
    is_certain: bool = True
    """Whether the verb can be no noun."""

    def with_verb(self, verb: str) -> str:
        """The name of the event that does something else with the thing."""
        return self.form.format(thing=self.thing, past=verb, present=_PAST.get(verb, verb)).strip("_")


def act_of(name: str) -> Act:
    """`board_locked`, `board_lock` and `lock_board` are `board` and `locked`.

    In `locked` the thing is the category's, and empty here.
    """
    first, _, rest = name.partition("_")
    *thing, last = name.split("_")
    if last in _PRESENT:
        is_certain = not thing or last not in _NOUNS
        return Act("_".join(thing), _PRESENT[last], "{thing}_{present}", is_certain)
    is_noun = last.endswith("ed") or last in _OUTCOMES or rest.partition("_")[0] in _PREPOSITIONS
    if rest and first in _PRESENT and not is_noun:
        return Act(rest, _PRESENT[first], "{present}_{thing}")
    if thing[-1:] == ["re"]:  # re_deployed
        thing.pop()
    return Act("_".join(thing), last)


def _acts(category: CategorySource) -> set[tuple[str, str]]:
    """What is done with which thing in a category, whatever the form of the names."""
    acts = (act_of(event.name) for event in category.events)
    return {(act.thing, act.verb) for act in acts}


def check_what_is_created_can_be_deleted(source: CatalogSource) -> Mistakes:
    """AC651: readers of the log want to know what still exists."""
    for category in source.categories:
        known = _acts(category)
        for event in category.events:
            act = act_of(event.name)
            if act.verb in BEGINNINGS and act.is_certain and known.isdisjoint((act.thing, e) for e in ENDS):
                message = (
                    f"event {event.name} has no counterpart such as {act.with_verb('deleted')}, "
                    "so the log never shows its end"
                )
                yield event.node.key_position, f"{message}; add it, or explain in suppress why there is none"


def check_pairs_are_whole(source: CatalogSource) -> Mistakes:
    """AC652: without the counterpart the log does not show the current state."""
    for category in source.categories:
        known = _acts(category)
        for event in category.events:
            act = act_of(event.name)
            others = _COUNTERPARTS.get(act.verb, [])
            if others and act.is_certain and known.isdisjoint((act.thing, other) for other in others):
                message = (
                    f"event {event.name} has no counterpart {act.with_verb(others[0])}, "
                    "so the log shows only one direction"
                )
                yield event.node.key_position, f"{message}; add it, or explain in suppress why there is none"


def check_changes_say_what_changed(source: CatalogSource) -> Mistakes:
    """AC653: an entry about a change should say what changed."""
    for category, event in source.events:
        act = act_of(event.name)
        if (
            act.verb in CHANGES
            and act.is_certain
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
    return any(
        field is None or field.change or (not field.entry and _tells(name)) for name, field in fields.items()
    )


def _tells(name: str) -> bool:
    parts = name.split("_")
    return parts[-1] not in _IDENTITY or parts[0] in _OF_THE_CHANGE
