"""The table of rules: each code, its name and its reason. A new check is a row and a function.

Rows without a function belong to loading and structure, which find such mistakes on their way.
"""

from collections.abc import Sequence
from dataclasses import replace

from auditwright_generator import load, source, structure
from auditwright_generator.checks import events, fields, names, uses
from auditwright_generator.findings import Finding, Rule
from auditwright_generator.source import CatalogSource

_MEANING = (
    Rule("AC008", "file-category-mismatch", "error", "a copied file would add events to another category",
         names.check_category_is_named_like_its_file),
    Rule("AC101", "duplicate-event-key", "error", "a key must lead to one event",
         names.check_keys_are_unique),
    Rule("AC103", "generated-name-collision", "error", "two things of one name overwrite each other",
         names.check_generated_names_differ),
    Rule("AC105", "unknown-event", "error", "a misspelt event in only or except changes nothing, silently",
         names.check_listed_events_exist),
    Rule("AC106", "unknown-field", "error", "a field has one definition, which the use needs",
         uses.check_fields_exist),
    Rule("AC107", "loosened-field", "error", "who knows the outer use must be right about every event inside",
         uses.check_uses_only_narrow),
    Rule("AC110", "unused-field", "warning", "a field that no event carries is a leftover or a forgotten use",
         fields.check_fields_are_used),
    Rule("AC111", "empty", "warning", "a level or category without events appears in no log",
         names.check_levels_and_categories_are_not_empty),
    Rule("AC112", "unknown-level", "error", "events outside every level would be in no artifact",
         names.check_folder_is_a_level),
    Rule("AC114", "only-and-except", "error", "both together can be read in two ways",
         uses.check_only_or_except),
    Rule("AC116", "duplicate-title", "error", "people see titles, and could not tell the two apart",
         names.check_titles_differ),
    Rule("AC210", "reserved-name", "error", "the name breaks or hides what the generated code needs",
         names.check_names_are_not_refused),
    Rule("AC211", "name-too-long", "error", "PostgreSQL cuts names after 63 bytes, silently",
         names.check_names_are_short_enough),
    Rule("AC401", "empty-range", "error", "a field that no value fits can never be given",
         fields.check_ranges_hold_something),
    Rule("AC402", "constraint-misfit", "error", "a constraint the type cannot have would be ignored",
         fields.check_constraints_fit_their_type),
    Rule("AC403", "invalid-pattern", "error", "Python, Rust and ECMA 262 must read a pattern alike",
         fields.check_patterns_mean_the_same_everywhere),
    Rule("AC405", "duplicate-enum-title", "error", "people choose a value by its title",
         fields.check_enum_titles_differ),
    Rule("AC408", "invalid-condition", "error", "a condition must be decidable from the entry alone",
         uses.check_conditions_can_be_decided),
    Rule("AC411", "unknown-enum-value", "error", "a use chooses among the values of the enum",
         uses.check_values_are_of_the_enum),
    Rule("AC412", "narrowed-to-nothing", "error", "a field that no value fits can never be given",
         uses.check_uses_leave_something),
    Rule("AC608", "constrained-secret", "error", "a secret is fingerprinted before anything could check it",
         fields.check_secrets_are_plain_strings),
    Rule("AC610", "constrained-entry-field", "error", "nobody gives it, so nothing would be checked",
         fields.check_entry_fields_add_nothing),
    Rule("AC611", "invalid-column", "error", "a column of its own holds one text, such as an id",
         fields.check_columns_hold_text),
    Rule("AC703", "unknown-replacement", "error", "readers are sent to what replaces the deprecated",
         names.check_replacements_exist),
)  # fmt: skip

_SENTENCES = (
    Rule("AC502", "invalid-example", "error", "docs and tests use the example as a right call",
         events.check_example_is_valid),
    Rule("AC504", "message-unknown-field", "error", "a message can only show what the event has",
         events.check_message_names_fields),
    Rule("AC505", "message-leaks-secret", "error", "messages are stored, shown and exported as they are",
         events.check_message_has_no_secrets),
    Rule("AC506", "message-optional-field", "error", "a message with a hole in it says nothing",
         events.check_message_has_what_is_always_there),
    Rule("AC507", "message-syntax", "error", "a message must be rendered alike by every reader",
         events.check_message_is_plain),
    Rule("AC508", "message-entry-field", "error", "the entry's own parts have one name in all messages",
         events.check_message_has_no_entry_fields),
)  # fmt: skip
"""What events say with their fields: judged only by fields without findings, so that none has two."""

_FOUND_ON_THE_WAY = (*load.RULES, *source.RULES, *structure.RULES)
RULES = tuple(sorted((*_FOUND_ON_THE_WAY, *_MEANING, *_SENTENCES), key=lambda rule: rule.code))
"""All of them, by code."""


def check_meaning(catalog: CatalogSource) -> list[Finding]:
    """The findings of all checks in the table."""
    found = _run(_MEANING, catalog)
    judged = replace(catalog, findings_at=frozenset(finding.place for finding in found))
    return found + _run(_SENTENCES, judged)


def _run(rules: Sequence[Rule], catalog: CatalogSource) -> list[Finding]:
    return [rule.at(place, message) for rule in rules if rule.check for place, message in rule.check(catalog)]
