"""`entry.md`: what every entry has besides the fields of its event, and the columns of exports.

The facts are the runtime's, which the generator does not import; a test compares them.
"""

from __future__ import annotations

from auditwright_generator.model import Catalog
from auditwright_generator.targets.templating import header, render

PARTS = (
    ("id", "id", "A UUID of version 7. It identifies the entry, and sorts entries by time.", "caller or log"),
    ("account_id", "account_id", "The account that the entry belongs to.", "caller"),
    ("event", "event", "The key of the event.", "caller"),
    ("category", "category", "The key of the event's category.", "log"),
    ("level", "level", "The name of the event's level.", "log"),
    ("occurred_at", "occurred_at", "When it happened, in UTC with microseconds.", "caller or log"),
    ("recorded_at", "recorded_at", "When it was recorded, in UTC with microseconds.", "log"),
    ("actor.type", "actor_type", "Who acted: `user`, `app`, `system` or `anonymous`.", "caller"),
    ("actor.id", "actor_id", "The id of the user or the app.", "caller"),
    ("actor.name", "actor_name", "The name as it was then, if it was given. *Personal data.*", "caller"),
    ("on_behalf_of.type", "on_behalf_of_type", "For whom the actor acted: `user` or `app`.", "caller"),
    ("on_behalf_of.id", "on_behalf_of_id", "The id of that user or app.", "caller"),
    ("on_behalf_of.name", "on_behalf_of_name", "Its name as it was then. *Personal data.*", "caller"),
    ("ip_address", "ip_address", "The address it came from, if it is known. *Personal data.*", "caller"),
    ("outcome", "outcome", "`success` or `failure`; JSON leaves a success out.", "caller"),
    ("failure_reason", "failure_reason", "Why it failed, if somebody said it.", "caller"),
    (
        "context",
        "context",
        "The request, trace, session and client, as far as they are known. *Personal data.*",
        "caller or log",
    ),
    ("description", "description", "What was done, in a sentence that is made when it is recorded.", "log"),
    ("metadata", "metadata", "The fields of the event by name.", "caller"),
    ("catalog_version", "catalog_version", "The version of the catalog by which it was recorded.", "log"),
    (
        "alterations",
        "alterations",
        "What was sanitized, truncated or replaced before it was stored; mostly empty.",
        "log",
    ),
    ("", "digest", "The SHA-256 of the content, by which equal entries are recognized.", "log"),
    ("", "row_digest", "The SHA-256 of all columns, by which changed entries are found.", "log"),
)
"""Each part: its name in JSON, its column, what it is, and who gives it."""

CSV = (
    ("Date and Time (UTC)", "When it happened, such as `2026-01-31 09:30:00.000`."),
    ("Event Name", "The title of the event in the current catalog."),
    ("Category", "The title of the category in the current catalog."),
    ("Description", "What was done."),
    ("User or App Name", "The name of the actor, else the id, else System or Anonymous."),
    ("IP Address", "The address, if it is known."),
)
"""The columns of a CSV file, as the Audit Logs page shows them."""

FULL = (
    ("Event Key", "`event`"),
    ("Category Key", "`category`"),
    ("Level", "`level`"),
    ("Actor Type", "`actor.type`"),
    ("Actor ID", "`actor.id`"),
    ("Entry ID", "`id`"),
    ("Account ID", "`account_id`"),
    ("Outcome", "`outcome`, also `success`"),
    ("Failure Reason", "`failure_reason`"),
    ("On Behalf Of Type", "`on_behalf_of.type`"),
    ("On Behalf Of ID", "`on_behalf_of.id`"),
    ("On Behalf Of Name", "`on_behalf_of.name`"),
    ("Context", "`context` as JSON"),
)
"""The columns that a full CSV file has besides, each with the part that it shows."""


_NO_LEVEL = ("", "level", "Empty, as the catalog has no levels; JSON does not have it.", "log")


def _part(part: tuple[str, str, str, str], catalog: Catalog) -> tuple[str, str, str, str]:
    return _NO_LEVEL if part[0] == "level" and not catalog.has_levels else part


def page(catalog: Catalog) -> str:
    """The text of `entry.md`."""
    return render(
        "entry.md.j2",
        head=header(f"{catalog.folder}/"),
        catalog=catalog,
        parts=[_part(part, catalog) for part in PARTS],
        csv=CSV,
        full=FULL,
        columns=catalog.columns,
    )
