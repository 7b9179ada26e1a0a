"""The table of change rules: for each kind of change whether it is a break, whom it affects, and a hint.

`compare.py` and `fields.py` apply them. Codes are stable: the code of a removed rule is never used again. A
break of programs requires a major version, a break of shown text alone a minor one.
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
    "readers": "code that reads entries, or sends them as JSON, with schemas or models",
    "database": "queries of the table and of the events' views",
    "exports": "exported files and saved filters",
    "links": "links into the docs: pages of categories and anchors of events",
    "privacy": "people and secrets that values reveal",
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
    """Whom a break affects, or who sees a safe change."""
    why: str
    hint: str
    """What to do. `{old}` and `{new}` are replaced by the old and new value."""
    heading: Section = "Changed"
    """The section of the release notes, unless it is a break."""

    @property
    def section(self) -> Section:
        """The section of the release notes."""
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
    hint: str = "no action needed",
    heading: Section = "Changed",
) -> ChangeRule:
    return ChangeRule(code, name, "safe", bump, seen_by, why, hint, heading)


# fmt: off
# --- events ---------------------------------------------------------------------------------------------

EVENT_ADDED = _safe("BR101", "event-added", "minor", (),
    "it adds an emitter, a schema, a view and an anchor", heading="Added")
EVENT_REMOVED = _breaks("BR102", "event-removed", ALL,
    "emitter, schema, view and anchor are removed, and stored entries show only the key",
    "keep it with `deprecated: {{since: ..., note: ...}}`")
EVENT_RENAMED = _breaks("BR103", "event-renamed", ("emitters", "readers", "database", "links"),
    "emitter, schema, view and anchor have the new name; filters and the new view find older entries by the "
    "alias",
    "to avoid the break, keep `{old}` with `deprecated: {{since: ..., use: {new}}}` next to the new event")
EVENT_RENAMED_WITHOUT_ALIAS = _breaks("BR104", "event-renamed-without-alias", ALL,
    "filters, views and pages treat older entries as an unknown event",
    "write `aliases: [{old}]` at `{new}` if it is the same event; otherwise keep `{old}` and deprecate it")
EVENT_MOVED = _breaks("BR105", "event-moved", ALL,
    "the key contains the category: emitter, schema, view and page move, and filters by the former category "
    "no longer find it",
    "to avoid the break, keep `{old}` with `deprecated: {{since: ..., use: {new}}}` next to the new event")
EVENT_TITLE_CHANGED = _shown("BR106", "event-title-changed", ("exports",),
    "the CSV export shows the titles of events, also for older entries",
    "keep the title, or accept the break and tell readers of CSV files to use Event Key (`--full`)")
EVENT_DESCRIPTION_CHANGED = _safe("BR107", "event-description-changed", "patch", (),
    "only docs and schemas show the description")
MESSAGE_CHANGED = _safe("BR108", "message-changed", "minor", ("exports",),
    "new entries have the new wording; stored entries keep theirs",
    "programs that read descriptions should read the metadata instead")
EXAMPLE_CHANGED = _safe("BR109", "example-changed", "patch", (), "only docs show the example")
ALIAS_ADDED = _safe("BR110", "alias-added", "minor", ("readers", "exports"),
    "filters, views and schemas include entries stored under the alias")
ALIAS_DROPPED = _breaks("BR111", "alias-dropped", ("readers", "database", "exports"),
    "filters, views, schemas and pages no longer find entries stored under the alias",
    "keep `{old}` in `aliases`: entries under it may be stored for years")
EVENT_DEPRECATED = _safe("BR112", "event-deprecated", "minor", ("emitters",),
    "its emitter still records; type checkers and the runtime warn about calls",
    "callers should migrate before it is removed", "Deprecated")
EVENT_UNDEPRECATED = _safe("BR113", "event-undeprecated", "minor", ("emitters",),
    "calls of its emitter no longer cause warnings")
EVENT_LIFECYCLE_CHANGED = _safe("BR114", "event-lifecycle-changed", "patch", (),
    "only docs and warnings show its history")

FAILURE_MESSAGE_ADDED = _safe("BR115", "failure-message-added", "minor", ("emitters", "readers"),
    "its emitter takes `outcome`, and entries may be failures",
    "readers that take every entry of it for a success should read `outcome`", "Added")
FAILURE_MESSAGE_REMOVED = _breaks("BR116", "failure-message-removed", ("emitters", "readers"),
    "calls with `outcome` are refused, and stored failures no longer fit their schema",
    "keep `failure_message`")
FAILURE_MESSAGE_CHANGED = _safe("BR117", "failure-message-changed", "minor", ("exports",),
    "new failures have the new wording; stored entries keep theirs",
    "programs that read descriptions should read the metadata instead")

# --- categories, levels, the catalog --------------------------------------------------------------------

CATEGORY_ADDED = _safe("BR121", "category-added", "minor", (),
    "it adds emitters, a page and a filter value", heading="Added")
CATEGORY_REMOVED = _breaks("BR122", "category-removed", ALL,
    "saved filters by it are refused, and its page and module of emitters are removed",
    "keep it and deprecate its events one by one")
CATEGORY_RENAMED = _breaks("BR123", "category-renamed", ALL,
    "a category has no aliases: saved filters by it are refused, and all its events have new keys",
    "keep the key `{old}` and change only the title")
CATEGORY_TITLE_CHANGED = _shown("BR124", "category-title-changed", ("exports",),
    "the CSV export shows the titles of categories, also for older entries",
    "keep the title, or accept the break and tell readers of CSV files to use Category Key (`--full`)")
CATEGORY_DESCRIPTION_CHANGED = _safe("BR125", "category-description-changed", "patch", (),
    "only docs show the description")
LEVEL_ADDED = _safe("BR131", "level-added", "minor", (), "it adds a scope of events", heading="Added")
LEVEL_REMOVED = _breaks("BR132", "level-removed", ALL,
    "all its categories and events are removed", "keep it and deprecate its events one by one")
LEVEL_TITLE_CHANGED = _safe("BR133", "level-title-changed", "patch", (), "only docs and pages show the title")
LEVEL_DESCRIPTION_CHANGED = _safe("BR134", "level-description-changed", "patch", (),
    "only docs show the description")
PACKAGE_RENAMED = _breaks("BR141", "package-renamed", ("emitters", "readers"),
    "services import the package by name, and the `$id` of every schema contains it",
    "keep `package: {old}`, or ship both packages for a while")
CATALOG_TEXT_CHANGED = _safe("BR142", "catalog-text-changed", "patch", (), "only docs show these texts")
ORDER_CHANGED = _safe("BR143", "order-changed", "patch", (), "pages and docs list in catalog order")
DECLARATION_CHANGED = _safe("BR144", "declaration-changed", "patch", (),
    "the events have the same fields; only docs show where they are declared")
DISTRIBUTION_RENAMED = _breaks("BR145", "distribution-renamed", ("emitters", "readers"),
    "services that require the former name get no newer version, and both names install the same files",
    "keep `distribution: {old}`, or have every service uninstall the former name")

# --- fields ---------------------------------------------------------------------------------------------

FIELD_ADDED = _safe("BR201", "field-added", "minor", ("readers",),
    "callers may omit it, and older entries do not have it", heading="Added")
FIELD_ADDED_REQUIRED = _breaks("BR202", "field-added-required", ("emitters", "readers"),
    "calls without it are refused, and so are older entries on import or validation",
    "add it with `required: false`, or wait for the next major version")
FIELD_REMOVED = _breaks("BR203", "field-removed", ("emitters", "readers", "database"),
    "calls that pass it are refused, and schemas, models and views no longer have it",
    "keep it, and deprecate it in fields.yaml if no event needs it")
FIELD_RENAMED = _breaks("BR204", "field-renamed", ("emitters", "readers", "database"),
    "a field has no aliases: calls, schemas and views have the new name, older entries the old one",
    "keep `{old}` with `deprecated: {{since: ..., use: {new}}}`, and add `{new}` with `required: false`")
ENTRY_FIELD_ADDED = _safe("BR205", "entry-field-added", "patch", (), "it is filled from the entry",
    heading="Added")
ENTRY_FIELD_REMOVED = _safe("BR206", "entry-field-removed", "patch", (),
    "the entry still has it; only docs no longer list it")
FIELD_TITLE_CHANGED = _safe("BR207", "field-title-changed", "patch", (),
    "only pages, docs and schemas show the title")
COLUMN_TITLE_CHANGED = _shown("BR208", "column-title-changed", ("exports",),
    "it is a heading of the full CSV export",
    "keep the title, or accept the break and tell readers of `--full` files")
FIELD_DESCRIPTION_CHANGED = _safe("BR209", "field-description-changed", "patch", (),
    "only docs and schemas show the description")
FIELD_DEPRECATED = _safe("BR210", "field-deprecated", "minor", ("emitters",),
    "callers can still pass it; docs and schemas mark it as deprecated",
    "callers should migrate before it is removed", "Deprecated")
FIELD_UNDEPRECATED = _safe("BR211", "field-undeprecated", "minor", ("emitters",),
    "docs and schemas no longer mark it as deprecated")
FIELD_LIFECYCLE_CHANGED = _safe("BR212", "field-lifecycle-changed", "patch", (),
    "only docs show its history")
FIELD_ORDER_CHANGED = _safe("BR213", "field-order-changed", "patch", ("database",),
    "docs and the columns of the event's view have this order",
    "queries should name their columns instead of selecting all")
IDENTIFIER_RENAMED = _breaks("BR214", "identifier-renamed", ("emitters", "readers", "database", "exports"),
    "calls, models, views and Parquet files have the new name; JSON and older entries have the same name",
    "keep the identifier `{old}`: its name in JSON is what `stored_as` says")
STORED_NAME_CHANGED = _breaks("BR215", "stored-name-changed", ("readers", "database", "exports"),
    "JSON has the new name and older entries the old one, which views no longer find; calls stay valid",
    "keep `stored_as: {old}`, or add another field and deprecate this one")
TYPE_CHANGED = _breaks("BR221", "type-changed", ("emitters", "readers", "database"),
    "callers, stored entries and readers use values of the former type",
    "add a field of the new type with another name, and deprecate this one")
TYPE_WIDENED = _breaks("BR222", "type-widened", ("readers", "database"),
    "callers' values still fit, but readers and the view's column get values that they cannot hold",
    "add a field of the new type with another name, and deprecate this one")
LIST_CHANGED = _breaks("BR223", "list-changed", ("emitters", "readers", "database"),
    "a single value and a list differ in JSON, Python and SQL",
    "add a field of the new type with another name, and deprecate this one")
CHANGE_CHANGED = _breaks("BR230", "change-changed", ("emitters", "readers", "database"),
    "a value and a change of it differ in JSON, Python and SQL",
    "add a field of the new type with another name, and deprecate this one")
BECAME_REQUIRED = _breaks("BR224", "became-required", ("emitters", "readers"),
    "calls without it are refused, and so are older entries on import or validation",
    "keep `required: false`, or wait for the next major version")
BECAME_OPTIONAL = _breaks("BR225", "became-optional", ("readers",),
    "readers that rely on it get entries without it",
    "keep it required, or tell readers first and accept the break")
CONDITION_ADDED = _breaks("BR226", "condition-added", ("emitters", "readers"),
    "valid calls are refused: without it if the condition holds, with it if the condition does not hold",
    "describe the condition in the description only, or wait for the next major version")
CONDITION_CHANGED = _breaks("BR227", "condition-changed", ("emitters", "readers"),
    "calls that were valid under the former condition are refused",
    "keep the condition, or wait for the next major version")
CONDITION_REMOVED = _breaks("BR228", "condition-removed", ("readers",),
    "other fields no longer determine whether it is present",
    "keep the condition, or tell readers first and accept the break")
ENTRY_CHANGED = _breaks("BR229", "entry-changed", ("emitters", "readers", "database"),
    "the value moves between the metadata that callers pass and the entry itself",
    "add another field, and deprecate this one")
CONSTRAINT_NARROWED = _breaks("BR231", "constraint-narrowed", ("emitters", "readers"),
    "valid calls are refused, and older entries no longer fit their schema",
    "keep the former limit, or add a field with the narrower range and deprecate this one")
CONSTRAINT_WIDENED = _safe("BR232", "constraint-widened", "minor", ("readers",),
    "the type is the same, so readers can hold the new values",
    "readers that validate should update their schema first")
PATTERN_CHANGED = _breaks("BR233", "pattern-changed", ("emitters", "readers"),
    "values that match the former pattern may not match the new one",
    "keep the pattern, or add a field with the new one and deprecate this one")
CONSTRAINT_RESTATED = _safe("BR234", "constraint-restated", "patch", (),
    "the effective limit is the same")
JSON_BOUND_LOWERED = _breaks("BR235", "json-bound-lowered", ("readers",),
    "calls stay valid, but larger values are no longer stored: `…` replaces them",
    "keep the former bound, or tell readers first and accept the break")
ENUM_VALUE_ADDED = _safe("BR241", "enum-value-added", "minor", ("readers",),
    "existing calls stay valid; readers get a new value",
    "readers with a branch per value should add one, or a default", "Added")
ENUM_VALUE_REMOVED = _breaks("BR242", "enum-value-removed", ("emitters", "readers"),
    "calls that pass it are refused, and older entries with it no longer fit their schema",
    "keep it, and say in the field's description that it is no longer used")
ENUM_VALUE_RENAMED = _breaks("BR243", "enum-value-renamed", ("emitters", "readers"),
    "calls that pass the former value are refused, and older entries still have it",
    "keep the value `{old}` and change only its title")
ENUM_TITLE_CHANGED = _safe("BR244", "enum-title-changed", "minor", ("exports",),
    "descriptions of new entries show the new title; stored descriptions keep the former",
    "programs that read descriptions should read the metadata instead")
ENUM_IDENTIFIER_RENAMED = _breaks("BR245", "enum-identifier-renamed", ("emitters", "readers", "database"),
    "calls, models and views have the new name; JSON and older entries have the same value",
    "keep the value `{old}` and change only its title")
STORED_VALUE_CHANGED = _breaks("BR246", "stored-value-changed", ("readers", "database", "exports"),
    "JSON has the new value and older entries the old one, which views no longer know; calls stay valid",
    "keep `stored_as: {old}`, or add another value")
UNIT_CHANGED = _breaks("BR251", "unit-changed", ("emitters", "readers"),
    "the same number has another meaning, and older entries cannot be told from newer ones",
    "add a field in the new unit with another name, and deprecate this one")
UNIT_STATED = _safe("BR252", "unit-stated", "patch", (), "the unit was not stated before")
BECAME_SECRET = _breaks("BR261", "became-secret", ("emitters", "readers", "exports"),
    "new values are stored as fingerprints, for which recording needs a key; older entries still have plain "
    "values",
    "set AUDITWRIGHT_SECRET_KEY where it is recorded, erase stored values if necessary, and accept the break")
NO_LONGER_SECRET = _breaks("BR262", "no-longer-secret", ("privacy", "readers", "exports"),
    "new values are stored, shown and exported as plain text; readers expect fingerprints",
    "keep it secret, and add another field for what may be shown")
SENSITIVITY_RAISED = _safe("BR263", "sensitivity-raised", "minor", (),
    "values are now personal: errors no longer show them")
SENSITIVITY_LOWERED = _breaks("BR264", "sensitivity-lowered", ("privacy",),
    "values are no longer personal: errors show them",
    "keep it personal; if it never was, accept the break with that reason")
COLUMN_ADDED = _safe("BR271", "column-added", "minor", ("database", "exports"),
    "the table and the full CSV export get a column", "run `auditwright database upgrade`",
    heading="Added")
COLUMN_MOVED = _breaks("BR272", "moved-to-column", ("database", "exports"),
    "new entries have the value in the column instead of the JSON, older ones still in the JSON",
    "query the events' views, which read both, or add a new field with a column")
COLUMN_REMOVED = _breaks("BR273", "column-removed", ("database", "exports"),
    "the class of the table and the full CSV export no longer have the column",
    "keep `column: true`, or query the events' views, which read both")
TARGET_ADDED = _safe("BR274", "target-added", "minor", ("database",),
    "the entries about one object are found by it, older ones once they are indexed",
    "run `auditwright database upgrade`, which indexes stored entries", "Added")
TARGET_REMOVED = _breaks("BR275", "target-removed", ("exports",),
    "saved filters and links with this type of object are refused, or find only what other fields identify",
    "keep `target: {old}`")
TARGET_CHANGED = _breaks("BR276", "target-changed", ("exports",),
    "saved filters and links have the former type of object",
    "keep `target: {old}`, or accept the break and index stored entries with `auditwright database upgrade`")
ANNOTATION_ADDED = _safe("BR301", "annotation-added", "patch", (),
    "only docs, schemas and tools that read annotations show it", heading="Added")
ANNOTATION_REMOVED = _safe("BR302", "annotation-removed", "patch", (),
    "only docs, schemas and tools that read annotations showed it")
ANNOTATION_CHANGED = _safe("BR303", "annotation-changed", "patch", (),
    "only docs, schemas and tools that read annotations show it")
ANNOTATION_KEY_ADDED = _safe("BR304", "annotation-key-added", "patch", (),
    "the inventory gets a column", heading="Added")
ANNOTATION_KEY_REMOVED = _safe("BR305", "annotation-key-removed", "patch", (),
    "the inventory loses a column")
ANNOTATION_KEY_CHANGED = _safe("BR306", "annotation-key-changed", "patch", (),
    "entries have no annotations, so that stored ones are as they were")
# fmt: on

CHANGE_RULES = tuple(
    sorted((row for row in list(vars().values()) if isinstance(row, ChangeRule)), key=lambda row: row.code)
)
"""All of them, by code."""

# --- findings about the version and the acceptances -----------------------------------------------------
# fmt: off

VERSION_TOO_SMALL = Rule("BR901", "version-too-small", "error",
    "the version tells readers whether an update can break something")
VERSION_DECREASED = Rule("BR902", "version-decreased", "error",
    "databases keep the views of the highest version and would ignore this catalog")
STALE_ACCEPTANCE = Rule("BR903", "stale-acceptance", "warning",
    "an acceptance must not hide breaks of a later version")
UNUSED_ACCEPTANCE = Rule("BR904", "unused-acceptance", "warning",
    "its rule or key is probably wrong")
UNKNOWN_BREAK = Rule("BR905", "unknown-break", "error", "an unknown code accepts nothing")
FINDING_RULES = (VERSION_TOO_SMALL, VERSION_DECREASED, STALE_ACCEPTANCE, UNUSED_ACCEPTANCE, UNKNOWN_BREAK)
# fmt: on
