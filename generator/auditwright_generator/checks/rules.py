"""The table of rules: code, name, severity, reason and check function. A new rule is a row and a function.

Rules without a function are reported by `source` and by `suppressions.py`; their rows are defined there.
"""

from collections.abc import Callable, Collection
from dataclasses import replace

from auditwright_generator.checks import (
    annotations,
    audit_trail,
    examples,
    failures,
    fields,
    lifecycle,
    messages,
    names,
    stored_names,
    style,
    suppressions,
    uses,
)
from auditwright_generator.findings import Finding, Mistakes, Rule
from auditwright_generator.source import catalog_source, structure, yaml_nodes
from auditwright_generator.source.catalog_source import CatalogSource

Checks = dict[Rule, Callable[[CatalogSource], Mistakes]]
"""Each rule with the function that yields its mistakes."""

_SEMANTIC_CHECKS: Checks = {
    Rule("AC008", "file-category-mismatch", "error", "a copied file would add events to another category"):
        names.check_category_is_named_like_its_file,
    Rule("AC101", "duplicate-event-key", "error", "a key must identify one event"):
        names.check_keys_are_unique,
    Rule("AC103", "generated-name-collision", "error", "one of the two would overwrite the other"):
        names.check_generated_names_differ,
    Rule("AC105", "unknown-event", "error", "a misspelt event in only or except has no effect"):
        names.check_listed_events_exist,
    Rule("AC106", "unknown-field", "error", "every use needs the definition of its field"):
        uses.check_fields_exist,
    Rule("AC107", "loosened-field", "error", "a use may only narrow the outer use"):
        uses.check_uses_only_narrow,
    Rule("AC112", "unknown-level", "error", "events outside every level would be in no artifact"):
        names.check_folder_is_a_level,
    Rule("AC114", "only-and-except", "error", "both together are ambiguous"):
        uses.check_only_or_except,
    Rule("AC210", "reserved-name", "error", "the name breaks or hides something in the generated code"):
        names.check_names_are_not_refused,
    Rule("AC211", "name-too-long", "error", "PostgreSQL silently truncates names after 63 bytes"):
        names.check_names_are_short_enough,
    Rule("AC212", "stored-name-clash", "error", "JSON has one value for a name, and models take both names"):
        stored_names.check_stored_names_differ,
    Rule("AC213", "stored-value-clash", "error", "a stored value must mean one value of the enum"):
        stored_names.check_stored_values_differ,
    Rule("AC214", "mixed-stored-values", "error", "every reader must expect one type of JSON"):
        stored_names.check_stored_values_have_one_type,
    Rule("AC401", "empty-range", "error", "no value fits, so the field can never be recorded"):
        fields.check_ranges_hold_something,
    Rule("AC402", "constraint-mismatch", "error", "a constraint that does not fit the type would be ignored"):
        fields.check_constraints_fit_their_type,
    Rule("AC403", "invalid-pattern", "error", "every engine must interpret a pattern alike"):
        fields.check_patterns_mean_the_same_everywhere,
    Rule("AC405", "duplicate-enum-title", "error", "people choose a value by its title"):
        fields.check_enum_titles_differ,
    Rule("AC408", "invalid-condition", "error", "a condition must be decidable from the entry alone"):
        uses.check_conditions_can_be_decided,
    Rule("AC411", "unknown-enum-value", "error", "a use can only choose values of the enum"):
        uses.check_values_are_of_the_enum,
    Rule("AC412", "empty-narrowed-range", "error", "no value fits, so the field can never be recorded"):
        uses.check_uses_leave_something,
    Rule("AC413", "contradictory-pattern", "error", "no value fits, so the field can never be recorded"):
        fields.check_patterns_fit_their_lengths,
    Rule("AC414", "invalid-target", "error", "a target is the stored text or number of an object"):
        fields.check_targets_identify_objects,
    Rule("AC608", "constrained-secret", "error", "a secret is fingerprinted before it could be checked"):
        fields.check_secrets_are_plain_strings,
    Rule("AC610", "constrained-entry-field", "error", "callers do not pass it, so nothing would be checked"):
        fields.check_entry_fields_add_nothing,
    Rule("AC611", "invalid-column", "error", "a separate column holds one text, such as an ID"):
        fields.check_columns_hold_text,
    Rule("AC703", "unknown-replacement", "error", "the deprecation refers readers to the replacement"):
        names.check_replacements_exist,
    Rule("AC801", "unknown-annotation", "error", "a misspelt annotation would not be found"):
        annotations.check_annotations_are_declared,
    Rule("AC802", "misplaced-annotation", "error", "its key is not meant for what has it"):
        annotations.check_annotations_are_in_their_place,
    Rule("AC803", "wrong-annotation", "error", "tools that read annotations rely on their types"):
        annotations.check_annotations_fit_their_type,
    Rule("AC804", "missing-annotation", "error", "the catalog requires it of everything of this kind"):
        annotations.check_annotations_are_not_missing,
    Rule("AC806", "annotation-values", "error", "an enum needs its values, and other types ignore them"):
        annotations.check_annotation_keys_say_their_values,
    Rule("AC807", "duplicate-annotation-title", "error", "people see titles, and could not tell them apart"):
        annotations.check_annotation_titles_differ,
}  # fmt: skip
"""Errors in how the parts of a catalog relate. Later checks skip the fields with such errors."""

_QUALITY_CHECKS: Checks = {
    Rule("AC102", "similar-name", "warning", "callers and readers confuse names made of the same words"):
        names.check_keys_are_not_alike,
    Rule("AC108", "reserved-key", "error", "old entries and filters would match the new thing"):
        lifecycle.check_reserved_keys_stay_unused,
    Rule("AC110", "unused-field", "warning", "the field is a leftover, or its use was forgotten"):
        fields.check_fields_are_used,
    Rule("AC111", "empty", "warning", "a level or category without events appears in no log"):
        names.check_levels_and_categories_are_not_empty,
    Rule("AC116", "duplicate-title", "error", "people see titles and could not tell the two apart"):
        names.check_titles_differ,
    Rule("AC117", "similar-title", "warning", "titles that differ only in case or spaces look the same"):
        names.check_titles_are_not_alike,
    Rule("AC118", "similar-target", "warning", "the entries about one object should have one target"):
        fields.check_target_types_are_not_alike,
    Rule("AC207", "generic-name", "warning", "a generic name does not say what to pass"):
        fields.check_names_say_what_is_meant,
    Rule("AC302", "description-style", "warning", "the reference shows descriptions as prose"):
        style.check_descriptions_are_sentences,
    Rule("AC303", "description-repeats-title", "warning", "the description adds nothing to the title"):
        style.check_descriptions_say_more_than_titles,
    Rule("AC306", "placeholder-text", "warning", "the placeholder would be published"):
        style.check_texts_are_written,
    Rule("AC307", "title-style", "warning", "titles are shown in tables, menus and headings"):
        style.check_titles_are_no_sentences,
    Rule("AC308", "duplicate-description", "warning", "the two are the same thing, or one was copied"):
        style.check_descriptions_differ,
    Rule("AC406", "single-value-enum", "warning", "a value that never varies has no information"):
        fields.check_enums_leave_a_choice,
    Rule("AC409", "condition-always-true", "warning", "a condition that always holds means required"):
        uses.check_conditions_decide_something,
    Rule("AC602", "unclassified-field", "error", "a field that looks confidential must be classified",
         is_guess=True):
        fields.check_sensitive_names_are_classified,
    Rule("AC651", "created-without-deleted", "warning", "the log should show what still exists"):
        audit_trail.check_what_is_created_can_be_deleted,
    Rule("AC652", "one-sided-pair", "warning", "the log should show both directions of a switch"):
        audit_trail.check_pairs_are_whole,
    Rule("AC653", "change-without-details", "warning", "an entry about a change should say what changed"):
        audit_trail.check_changes_say_what_changed,
    Rule("AC654", "no-failures", "warning", "auditors ask for failed sign-ins and changes of permissions"):
        failures.check_what_auditors_ask_about_can_fail,
    Rule("AC701", "future-version", "error", "since and deprecated cannot exceed the catalog's version"):
        lifecycle.check_versions_are_not_of_the_future,
    Rule("AC702", "deprecated-before-since", "error", "one of the two versions is wrong"):
        lifecycle.check_nothing_is_deprecated_before_it_came,
    Rule("AC704", "deprecated-replacement", "warning", "a replacement should not be deprecated itself"):
        lifecycle.check_replacements_are_current,
    Rule("AC705", "deprecated-but-required", "warning", "callers cannot stop passing a required field"):
        lifecycle.check_deprecated_fields_can_be_left_out,
    Rule("AC706", "unexplained-deprecation", "warning", "callers need to know what to do instead"):
        lifecycle.check_deprecations_say_what_to_do,
    Rule("AC707", "version-of-no-package", "error", "the generated package could not be built"):
        lifecycle.check_version_fits_a_package,
    Rule("AC805", "unused-annotation-key", "warning", "the key is a leftover, or it was forgotten"):
        annotations.check_annotation_keys_are_used,
}  # fmt: skip
"""Quality: names and texts that people understand, a complete audit trail, consistent versions."""

_MESSAGE_AND_EXAMPLE_CHECKS: Checks = {
    Rule("AC502", "invalid-example", "error", "docs and tests use the example as a valid call"):
        examples.check_example_is_valid,
    Rule("AC503", "real-looking-example", "warning", "examples are published and must not show real data"):
        examples.check_examples_are_made_up,
    Rule("AC504", "message-unknown-field", "error", "a message can only show fields of its event"):
        messages.check_message_names_fields,
    Rule("AC505", "message-leaks-secret", "error", "messages are stored, shown and exported as plain text"):
        messages.check_message_has_no_secrets,
    Rule("AC506", "message-optional-field", "error", "the message would have a gap if the field is missing"):
        messages.check_message_has_what_is_always_there,
    Rule("AC507", "message-syntax", "error", "every reader must render a message the same way"):
        messages.check_message_is_plain,
    Rule("AC508", "message-entry-field", "error", "messages name the parts of the entry in one way"):
        messages.check_message_has_no_entry_fields,
    Rule("AC509", "repeated-message", "error", "readers of a description could not tell that it failed"):
        failures.check_failure_messages_differ,
}  # fmt: skip
"""Messages and examples. They run last and skip fields with findings, to avoid follow-up findings."""

_OTHER_RULES = (*yaml_nodes.RULES, *catalog_source.RULES, *structure.RULES, *suppressions.RULES)
RULES = tuple(
    sorted(
        (*_OTHER_RULES, *_SEMANTIC_CHECKS, *_QUALITY_CHECKS, *_MESSAGE_AND_EXAMPLE_CHECKS),
        key=lambda rule: rule.code,
    )
)
"""All rules of `check`, by code."""


def check_meaning(catalog: CatalogSource) -> list[Finding]:
    """The findings of all checks."""
    found = _run(_SEMANTIC_CHECKS, catalog)
    positions = frozenset(finding.position for finding in found)
    remaining = replace(catalog, findings_at=positions) if positions else catalog
    return found + _run(_QUALITY_CHECKS, catalog) + _run(_MESSAGE_AND_EXAMPLE_CHECKS, remaining)


def check_codes(catalog: CatalogSource, codes: Collection[str]) -> list[Finding]:
    """The findings of the checks with these codes only."""
    every: Checks = {**_SEMANTIC_CHECKS, **_QUALITY_CHECKS, **_MESSAGE_AND_EXAMPLE_CHECKS}
    return _run({rule: check for rule, check in every.items() if rule.code in codes}, catalog)


def _run(checks: Checks, catalog: CatalogSource) -> list[Finding]:
    return [
        rule.at(position, message) for rule, check in checks.items() for position, message in check(catalog)
    ]
