"""The table of rules: each code, its name and its reason. A new check is a row and a function.

Rows without a function belong to loading and structure, which find such mistakes on their way.
"""

from collections.abc import Callable, Collection
from dataclasses import replace

from auditwright_generator.checks import (
    audit_trail,
    events,
    fields,
    lifecycle,
    names,
    style,
    suppressions,
    uses,
)
from auditwright_generator.findings import Finding, Mistakes, Rule
from auditwright_generator.source import catalog_source, structure, yaml_nodes
from auditwright_generator.source.catalog_source import CatalogSource

Checks = dict[Rule, Callable[[CatalogSource], Mistakes]]
"""Rules with the functions that yield the mistakes they name."""

_MEANING: Checks = {
    Rule("AC008", "file-category-mismatch", "error", "a copied file would add events to another category"):
        names.check_category_is_named_like_its_file,
    Rule("AC101", "duplicate-event-key", "error", "a key must lead to one event"):
        names.check_keys_are_unique,
    Rule("AC103", "generated-name-collision", "error", "two things of one name overwrite each other"):
        names.check_generated_names_differ,
    Rule("AC105", "unknown-event", "error", "a misspelt event in only or except changes nothing, silently"):
        names.check_listed_events_exist,
    Rule("AC106", "unknown-field", "error", "a field has one definition, which the use needs"):
        uses.check_fields_exist,
    Rule("AC107", "loosened-field", "error", "what an outer use says must hold for every event inside"):
        uses.check_uses_only_narrow,
    Rule("AC112", "unknown-level", "error", "events outside every level would be in no artifact"):
        names.check_folder_is_a_level,
    Rule("AC114", "only-and-except", "error", "both together can be read in two ways"):
        uses.check_only_or_except,
    Rule("AC210", "reserved-name", "error", "the name breaks or hides what the generated code needs"):
        names.check_names_are_not_refused,
    Rule("AC211", "name-too-long", "error", "PostgreSQL cuts names after 63 bytes, silently"):
        names.check_names_are_short_enough,
    Rule("AC401", "empty-range", "error", "a field that no value fits can never be given"):
        fields.check_ranges_hold_something,
    Rule("AC402", "constraint-misfit", "error", "a constraint the type cannot have would be ignored"):
        fields.check_constraints_fit_their_type,
    Rule("AC403", "invalid-pattern", "error", "RE2, Rust, ECMA 262 and Python must read a pattern alike"):
        fields.check_patterns_mean_the_same_everywhere,
    Rule("AC405", "duplicate-enum-title", "error", "people choose a value by its title"):
        fields.check_enum_titles_differ,
    Rule("AC408", "invalid-condition", "error", "a condition must be decidable from the entry alone"):
        uses.check_conditions_can_be_decided,
    Rule("AC411", "unknown-enum-value", "error", "a use chooses among the values of the enum"):
        uses.check_values_are_of_the_enum,
    Rule("AC412", "narrowed-to-nothing", "error", "a field that no value fits can never be given"):
        uses.check_uses_leave_something,
    Rule("AC413", "contradictory-pattern", "error", "a field that no value fits can never be given"):
        fields.check_patterns_fit_their_lengths,
    Rule("AC608", "constrained-secret", "error", "a secret is fingerprinted before anything could check it"):
        fields.check_secrets_are_plain_strings,
    Rule("AC610", "constrained-entry-field", "error", "nobody gives it, so nothing would be checked"):
        fields.check_entry_fields_add_nothing,
    Rule("AC611", "invalid-column", "error", "a column of its own holds one text, such as an id"):
        fields.check_columns_hold_text,
    Rule("AC703", "unknown-replacement", "error", "readers are sent to what replaces the deprecated"):
        names.check_replacements_exist,
}  # fmt: skip
"""What makes a field or an event other than it was meant: such are not judged any further."""

_ADVICE: Checks = {
    Rule("AC102", "similar-name", "warning", "names of the same words are mixed up by callers and filters"):
        names.check_keys_are_not_alike,
    Rule("AC108", "reserved-key", "error", "old entries and filters would take the new for the old"):
        lifecycle.check_reserved_keys_stay_unused,
    Rule("AC110", "unused-field", "warning", "a field without events is a leftover or a forgotten use"):
        fields.check_fields_are_used,
    Rule("AC111", "empty", "warning", "a level or category without events appears in no log"):
        names.check_levels_and_categories_are_not_empty,
    Rule("AC116", "duplicate-title", "error", "people see titles, and could not tell the two apart"):
        names.check_titles_differ,
    Rule("AC117", "similar-title", "warning", "titles that differ by case or spaces alone look like one"):
        names.check_titles_are_not_alike,
    Rule("AC207", "generic-name", "warning", "a name that fits everything tells nobody what to give"):
        fields.check_names_say_what_is_meant,
    Rule("AC302", "description-style", "warning", "descriptions are read one after another, as prose"):
        style.check_descriptions_are_sentences,
    Rule("AC303", "description-repeats-title", "warning", "who has read the title learns nothing new"):
        style.check_descriptions_say_more_than_titles,
    Rule("AC306", "placeholder-text", "warning", "a placeholder passes every other check, and is published"):
        style.check_texts_are_written,
    Rule("AC307", "title-style", "warning", "titles stand in tables, menus and headings"):
        style.check_titles_are_no_sentences,
    Rule("AC308", "duplicate-description", "warning", "two things of one description are one, or a copy"):
        style.check_descriptions_differ,
    Rule("AC406", "single-value-enum", "warning", "a value that is always the same tells nothing"):
        fields.check_enums_leave_a_choice,
    Rule("AC409", "condition-always-true", "warning", "a condition that always holds hides a required field"):
        uses.check_conditions_decide_something,
    Rule("AC602", "unclassified-field", "error", "what looks confidential must be said to be it, or not"):
        fields.check_sensitive_names_are_classified,
    Rule("AC651", "created-without-deleted", "warning", "the log must show what still exists"):
        audit_trail.check_what_is_created_can_be_deleted,
    Rule("AC652", "one-sided-pair", "warning", "the log must show both ways of a switch"):
        audit_trail.check_pairs_are_whole,
    Rule("AC653", "change-without-content", "warning", "that something changed is only half of an answer"):
        audit_trail.check_changes_say_what_changed,
    Rule("AC701", "version-of-the-future", "error", "what the catalog says of its past must have happened"):
        lifecycle.check_versions_are_not_of_the_future,
    Rule("AC702", "deprecated-before-since", "error", "one of the two versions is mistaken"):
        lifecycle.check_nothing_is_deprecated_before_it_came,
    Rule("AC704", "deprecated-replacement", "warning", "whoever follows the hint should have to move once"):
        lifecycle.check_replacements_are_current,
    Rule("AC705", "deprecated-but-required", "warning", "nobody can stop giving what is required"):
        lifecycle.check_deprecated_fields_can_be_left_out,
    Rule("AC706", "deprecated-without-advice", "warning", "who is told to stop needs to know what to do"):
        lifecycle.check_deprecations_say_what_to_do,
}  # fmt: skip
"""What a catalog that is right in itself should be besides: clear to people, and whole."""

_SENTENCES: Checks = {
    Rule("AC502", "invalid-example", "error", "docs and tests use the example as a right call"):
        events.check_example_is_valid,
    Rule("AC503", "real-looking-example", "warning", "examples are published and must not show real data"):
        events.check_examples_are_made_up,
    Rule("AC504", "message-unknown-field", "error", "a message can only show what the event has"):
        events.check_message_names_fields,
    Rule("AC505", "message-leaks-secret", "error", "messages are stored, shown and exported as they are"):
        events.check_message_has_no_secrets,
    Rule("AC506", "message-optional-field", "error", "a message with a hole in it says nothing"):
        events.check_message_has_what_is_always_there,
    Rule("AC507", "message-syntax", "error", "a message must be rendered alike by every reader"):
        events.check_message_is_plain,
    Rule("AC508", "message-entry-field", "error", "the entry's own parts have one name in all messages"):
        events.check_message_has_no_entry_fields,
}  # fmt: skip
"""What events say with their fields: judged only by fields without findings, so that none has two."""

_FOUND_ON_THE_WAY = (*yaml_nodes.RULES, *catalog_source.RULES, *structure.RULES, *suppressions.RULES)
RULES = tuple(sorted((*_FOUND_ON_THE_WAY, *_MEANING, *_ADVICE, *_SENTENCES), key=lambda rule: rule.code))
"""All of them, by code."""


def check_meaning(catalog: CatalogSource) -> list[Finding]:
    """The findings of all checks in the table."""
    found = _run(_MEANING, catalog)
    positions = frozenset(finding.position for finding in found)
    judged = replace(catalog, findings_at=positions) if positions else catalog
    return found + _run(_ADVICE, catalog) + _run(_SENTENCES, judged)


def check_codes(catalog: CatalogSource, codes: Collection[str]) -> list[Finding]:
    """The findings of the checks with these codes alone."""
    every: Checks = {**_MEANING, **_ADVICE, **_SENTENCES}
    return _run({rule: check for rule, check in every.items() if rule.code in codes}, catalog)


def _run(checks: Checks, catalog: CatalogSource) -> list[Finding]:
    return [
        rule.at(position, message) for rule, check in checks.items() for position, message in check(catalog)
    ]
