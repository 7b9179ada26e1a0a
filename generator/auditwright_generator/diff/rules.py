"""The table of change rules: each kind of change, whether it breaks somebody and whom, and the way around.

`compare.py` and `fields.py` say where a row applies. Codes are stable: a retired one is never given to
another row. A break of what programs rely on needs a major version; one of shown text alone a minor one.
"""

from dataclasses import dataclass
from typing import Literal

from auditwright_generator.findings import Rule

Effect = Literal["break", "safe"]
Audience = Literal["emitters", "readers", "database", "exports", "links", "privacy"]
Bump = Literal["major", "minor", "patch"]
Section = Literal["Breaking", "Added", "Deprecated", "Changed"]

AUDIENCES: dict[Audience, str] = {
    "emitters": "code that calls the generated emitters",
    "readers": "code that reads stored entries, and the schemas and models they are read with",
    "database": "queries of the table and of the events' views",
    "exports": "files that were exported, and saved filters",
    "links": "links into the docs: a page a category, an anchor an event",
    "privacy": "the people and the secrets that values tell of",
}
ALL: tuple[Audience, ...] = ("emitters", "readers", "database", "exports", "links")


@dataclass(frozen=True, slots=True)
class ChangeRule:
    """One kind of change."""

    code: str
    name: str
    effect: Effect
    bump: Bump
    audiences: tuple[Audience, ...]
    """Whom a break breaks; who sees a safe change."""
    why: str
    hint: str
    """What to do, or to do instead; `{old}` and `{new}` stand for what was and what is."""
    heading: Section = "Changed"
    """Where release notes list it unless it breaks."""

    @property
    def section(self) -> Section:
        """The part of the release notes that has it."""
        return "Breaking" if self.effect == "break" else self.heading


def _breaks(code: str, name: str, whom: tuple[Audience, ...], why: str, hint: str) -> ChangeRule:
    return ChangeRule(code, name, "break", "major", whom, why, hint)


def _shown(code: str, name: str, whom: tuple[Audience, ...], why: str, hint: str) -> ChangeRule:
    return ChangeRule(code, name, "break", "minor", whom, why, hint)


def _safe(
    code: str,
    name: str,
    bump: Bump,
    seen_by: tuple[Audience, ...],
    why: str,
    hint: str = "nobody has to act",
    heading: Section = "Changed",
) -> ChangeRule:
    return ChangeRule(code, name, "safe", bump, seen_by, why, hint, heading)


# fmt: off
# --- events ---------------------------------------------------------------------------------------------

EVENT_ADDED = _safe("BR101", "event-added", "minor", (),
    "it adds an emitter, a schema, a view and an anchor, and takes nothing away", heading="Added")
EVENT_REMOVED = _breaks("BR102", "event-removed", ALL,
    "its emitter, schema, view and anchor are gone, and stored entries show a bare key",
    "keep it, with `deprecated: {{since: ..., note: ...}}`")
EVENT_RENAMED = _breaks("BR103", "event-renamed", ("emitters", "readers", "database", "links"),
    "emitter, schema, view and anchor have the new name only; filters and the new view find older entries "
    "by the alias",
    "to break nobody, keep `{old}` with `deprecated: {{since: ..., use: {new}}}` beside the new event")
EVENT_RENAMED_WITHOUT_ALIAS = _breaks("BR104", "event-renamed-without-alias", ALL,
    "to filters, views and pages older entries are of an event that nobody knows",
    "write `aliases: [{old}]` at `{new}` if it is the same event; if not, keep `{old}` and deprecate it")
EVENT_MOVED = _breaks("BR105", "event-moved", ALL,
    "the key says the category: emitter, schema, view and page are others, and filters by the former "
    "category no longer find it",
    "to break nobody, keep `{old}` with `deprecated: {{since: ..., use: {new}}}` beside the new event")
EVENT_TITLE_CHANGED = _shown("BR106", "event-title-changed", ("exports",),
    "the CSV export names events by their titles, those of older entries too",
    "keep the title, or accept the change and tell readers of CSV files to go by Event Key (`--full`)")
EVENT_DESCRIPTION_CHANGED = _safe("BR107", "event-description-changed", "patch", (),
    "docs and schemas explain the event in other words")
MESSAGE_CHANGED = _safe("BR108", "message-changed", "minor", ("exports",),
    "entries from now on are described in other words; stored ones keep theirs",
    "who reads descriptions by program goes by the metadata instead")
EXAMPLE_CHANGED = _safe("BR109", "example-changed", "patch", (), "docs show another call")
ALIAS_ADDED = _safe("BR110", "alias-added", "minor", ("readers", "exports"),
    "entries stored under the alias count as the event's own: in filters, views and schemas")
ALIAS_DROPPED = _breaks("BR111", "alias-dropped", ("readers", "database", "exports"),
    "filters, views, schemas and pages no longer know entries stored under it",
    "keep `{old}` in `aliases`: entries under it may be stored for years")
EVENT_DEPRECATED = _safe("BR112", "event-deprecated", "minor", ("emitters",),
    "its emitter still records; calls of it are reported by type checkers and at run time",
    "callers move on before it goes", "Deprecated")
EVENT_UNDEPRECATED = _safe("BR113", "event-undeprecated", "minor", ("emitters",),
    "its emitter is one to call again")
EVENT_LIFECYCLE_CHANGED = _safe("BR114", "event-lifecycle-changed", "patch", (),
    "docs and warnings tell its history in other words")

# --- categories, levels, the catalog --------------------------------------------------------------------

CATEGORY_ADDED = _safe("BR121", "category-added", "minor", (),
    "it adds emitters, a page and a choice in filters", heading="Added")
CATEGORY_REMOVED = _breaks("BR122", "category-removed", ALL,
    "saved filters by it are refused, its page and its module of emitters are gone",
    "keep it, and deprecate its events one by one")
CATEGORY_RENAMED = _breaks("BR123", "category-renamed", ALL,
    "a category has no aliases: saved filters by it are refused, and all its events have new keys",
    "keep the key `{old}`, and change only the title")
CATEGORY_TITLE_CHANGED = _shown("BR124", "category-title-changed", ("exports",),
    "the CSV export names categories by their titles, those of older entries too",
    "keep the title, or accept the change and tell readers of CSV files to go by Category Key (`--full`)")
CATEGORY_DESCRIPTION_CHANGED = _safe("BR125", "category-description-changed", "patch", (),
    "docs explain the category in other words")
LEVEL_ADDED = _safe("BR131", "level-added", "minor", (), "it adds to what can be recorded", heading="Added")
LEVEL_REMOVED = _breaks("BR132", "level-removed", ALL,
    "all that it held is gone, and every key below it", "keep it, and deprecate its events one by one")
LEVEL_TITLE_CHANGED = _safe("BR133", "level-title-changed", "patch", (), "only docs and pages show it")
LEVEL_DESCRIPTION_CHANGED = _safe("BR134", "level-description-changed", "patch", (),
    "docs explain the level in other words")
PACKAGE_RENAMED = _breaks("BR141", "package-renamed", ("emitters", "readers"),
    "services import the package by its name, and the `$id` of every schema has it",
    "keep `package: {old}`, or ship the new package beside the old one for a while")
CATALOG_WORDS_CHANGED = _safe("BR142", "catalog-words-changed", "patch", (), "only docs show them")
ORDER_CHANGED = _safe("BR143", "order-changed", "patch", (), "pages and docs list in catalog order")
SHARING_CHANGED = _safe("BR144", "sharing-changed", "patch", (),
    "the fields of the events are as they were; docs tell otherwise where they come from")

# --- fields ---------------------------------------------------------------------------------------------

FIELD_ADDED = _safe("BR201", "field-added", "minor", ("readers",),
    "callers may leave it out, and older entries are without it", heading="Added")
FIELD_ADDED_REQUIRED = _breaks("BR202", "field-added-required", ("emitters", "readers"),
    "calls without it are refused, and so are older entries when they are imported or validated",
    "add it with `required: false`, or keep the break for the next major version")
FIELD_REMOVED = _breaks("BR203", "field-removed", ("emitters", "readers", "database"),
    "calls that give it are refused, and schemas, models and views no longer have it",
    "keep it, and deprecate it in fields.yaml if no event needs it")
FIELD_RENAMED = _breaks("BR204", "field-renamed", ("emitters", "readers", "database"),
    "a field has no aliases: calls, schemas and views know the new name, and older entries hold the old one",
    "keep `{old}` with `deprecated: {{since: ..., use: {new}}}`, and add `{new}` with `required: false`")
ENTRY_FIELD_ADDED = _safe("BR205", "entry-field-added", "patch", (), "the entry fills it: nobody gives it",
    heading="Added")
ENTRY_FIELD_REMOVED = _safe("BR206", "entry-field-removed", "patch", (),
    "the entry itself still has it; only docs no longer list it")
FIELD_TITLE_CHANGED = _safe("BR207", "field-title-changed", "patch", (), "pages, docs and schemas show it")
COLUMN_TITLE_CHANGED = _shown("BR208", "column-title-changed", ("exports",),
    "it is a heading of the full CSV export",
    "keep the title, or accept the change and tell readers of `--full` files")
FIELD_DESCRIPTION_CHANGED = _safe("BR209", "field-description-changed", "patch", (),
    "docs and schemas explain the field in other words")
FIELD_DEPRECATED = _safe("BR210", "field-deprecated", "minor", ("emitters",),
    "it can still be given; docs and schemas say not to", "callers move on before it goes", "Deprecated")
FIELD_UNDEPRECATED = _safe("BR211", "field-undeprecated", "minor", ("emitters",), "it is one to give again")
FIELD_LIFECYCLE_CHANGED = _safe("BR212", "field-lifecycle-changed", "patch", (),
    "docs tell its history in other words")
FIELD_ORDER_CHANGED = _safe("BR213", "field-order-changed", "patch", ("database",),
    "docs list them in that order, and so do the columns of the event's view",
    "queries name their columns instead of selecting all")
TYPE_CHANGED = _breaks("BR221", "type-changed", ("emitters", "readers", "database"),
    "callers give, stored entries hold and readers expect values of the former type",
    "add a field of the new type under another name, and deprecate this one")
TYPE_WIDENED = _breaks("BR222", "type-widened", ("readers", "database"),
    "callers' values still fit; readers and the view's column meet values they cannot hold",
    "add a field of the new type under another name, and deprecate this one")
LIST_CHANGED = _breaks("BR223", "list-changed", ("emitters", "readers", "database"),
    "one value and a list of values are different JSON, Python and SQL",
    "add a field of the new type under another name, and deprecate this one")
BECAME_REQUIRED = _breaks("BR224", "became-required", ("emitters", "readers"),
    "calls without it are refused, and so are older entries when they are imported or validated",
    "leave it `required: false`, or keep the break for the next major version")
BECAME_OPTIONAL = _breaks("BR225", "became-optional", ("readers",),
    "readers that counted on it meet entries without it",
    "leave it required, or tell readers first and accept the break")
CONDITION_ADDED = _breaks("BR226", "condition-added", ("emitters", "readers"),
    "calls are refused that were right: without it where the condition holds, with it where it does not",
    "leave the condition out and say it in the description, or keep the break for the next major version")
CONDITION_CHANGED = _breaks("BR227", "condition-changed", ("emitters", "readers"),
    "calls that were right by the former condition are refused",
    "keep the condition, or keep the break for the next major version")
CONDITION_REMOVED = _breaks("BR228", "condition-removed", ("readers",),
    "the other fields no longer tell whether it is there",
    "keep the condition, or tell readers first and accept the break")
ENTRY_CHANGED = _breaks("BR229", "entry-changed", ("emitters", "readers", "database"),
    "it moves between what callers give, in the metadata, and what the entry fills itself",
    "add another field, and deprecate this one")
CONSTRAINT_NARROWED = _breaks("BR231", "constraint-narrowed", ("emitters", "readers"),
    "calls are refused that were right, and older entries no longer fit their schema",
    "keep it as wide as it was, or add a field with the narrower range and deprecate this one")
CONSTRAINT_WIDENED = _safe("BR232", "constraint-widened", "minor", ("readers",),
    "the type is the same, so readers can hold the values, which they have not seen before",
    "readers that validate take the new schema first")
PATTERN_CHANGED = _breaks("BR233", "pattern-changed", ("emitters", "readers"),
    "nobody can tell whether values that fitted the former pattern fit this one",
    "keep the pattern, or add a field with the new one and deprecate this one")
CONSTRAINT_RESTATED = _safe("BR234", "constraint-restated", "patch", (),
    "it was so before it was said")
ENUM_VALUE_ADDED = _safe("BR241", "enum-value-added", "minor", ("readers",),
    "calls stay right; readers meet a value they have not seen",
    "readers with a branch for each value add one, or a default", "Added")
ENUM_VALUE_REMOVED = _breaks("BR242", "enum-value-removed", ("emitters", "readers"),
    "calls that give it are refused, and older entries that hold it no longer fit their schema",
    "keep it, and say in the field's description that it is no longer given")
ENUM_VALUE_RENAMED = _breaks("BR243", "enum-value-renamed", ("emitters", "readers"),
    "calls that give the former value are refused, and older entries still hold it",
    "keep the value `{old}`, and change only its title")
ENUM_TITLE_CHANGED = _safe("BR244", "enum-title-changed", "minor", ("exports",),
    "entries from now on are described with the new title; stored descriptions keep the former",
    "who reads descriptions by program goes by the metadata instead")
UNIT_CHANGED = _breaks("BR251", "unit-changed", ("emitters", "readers"),
    "the same number means something else, and nothing tells older entries from newer ones",
    "add a field in the new unit under another name, and deprecate this one")
UNIT_STATED = _safe("BR252", "unit-stated", "patch", (), "it was not said before")
BECAME_SECRET = _breaks("BR261", "became-secret", ("emitters", "readers", "exports"),
    "values are stored as fingerprints from now on, for which recording needs a key; older entries still "
    "hold them in the clear",
    "set AUDITWRIGHT_SECRET_KEY where it is recorded, erase what is stored if it must not be, and accept "
    "the break")
NO_LONGER_SECRET = _breaks("BR262", "no-longer-secret", ("privacy", "readers", "exports"),
    "values are stored, shown and exported in the clear from now on; readers expect fingerprints",
    "leave it secret, and add another field for what may be seen")
SENSITIVITY_RAISED = _safe("BR263", "sensitivity-raised", "minor", (),
    "values are personal from now on: errors no longer show them")
SENSITIVITY_LOWERED = _breaks("BR264", "sensitivity-lowered", ("privacy",),
    "values are no longer treated as personal: errors show them",
    "leave it personal; where it never was, accept the break with that reason")
COLUMN_ADDED = _safe("BR271", "column-added", "minor", ("database", "exports"),
    "the table and the full CSV export gain a column", "set the database up for the new catalog",
    heading="Added")
COLUMN_MOVED = _breaks("BR272", "moved-to-column", ("database", "exports"),
    "newer entries have the value in the column and no longer in the JSON, older ones still in the JSON",
    "query the events' views, which look in both, or add a new field with a column")
COLUMN_REMOVED = _breaks("BR273", "column-removed", ("database", "exports"),
    "the table's class and the full CSV export no longer have the column",
    "keep `column: true`, or query the events' views, which look in both places")
# fmt: on

CHANGE_RULES = tuple(
    sorted((row for row in list(vars().values()) if isinstance(row, ChangeRule)), key=lambda row: row.code)
)
"""All of them, by code."""

# --- what is found beside the changes -------------------------------------------------------------------
# fmt: off

VERSION_TOO_SMALL = Rule("BR901", "version-too-small", "error",
    "who reads the version must see from it whether an update can break something")
VERSION_WENT_BACK = Rule("BR902", "version-went-back", "error",
    "databases keep the views of the newest version, and would ignore this catalog")
STALE_ACCEPTANCE = Rule("BR903", "stale-acceptance", "warning",
    "what was accepted for one version would hide the breaks of a later one")
UNUSED_ACCEPTANCE = Rule("BR904", "unused-acceptance", "warning",
    "an acceptance of nothing is a mistake in its rule or place")
UNKNOWN_BREAK = Rule("BR905", "unknown-break", "error", "a misspelt code accepts nothing")
FINDING_RULES = (VERSION_TOO_SMALL, VERSION_WENT_BACK, STALE_ACCEPTANCE, UNUSED_ACCEPTANCE, UNKNOWN_BREAK)
# fmt: on

RULES = (
    tuple(Rule(row.code, row.name, "error", row.why) for row in CHANGE_RULES if row.effect == "break")
    + FINDING_RULES
)
"""What `auditwright diff` can find against a catalog, as all commands list their rules."""
