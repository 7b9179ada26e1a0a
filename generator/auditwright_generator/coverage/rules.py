"""The rules of `coverage`, as rows like those of `check`. `coverage.py` finds what breaks them."""

from auditwright_generator.checks import suppressions
from auditwright_generator.findings import Rule

NEVER_EMITTED = suppressions.NEVER_EMITTED
UNKNOWN_EMITTER = Rule("AC972", "unknown-emitter", "error", "the call fails, and nothing is recorded")
DEPRECATED_EMITTER = Rule(
    "AC973", "deprecated-emitter", "warning", "an event that will be removed is recorded"
)
UNREADABLE_SOURCE = Rule("AC974", "unreadable-source", "error", "what the file emits is unknown")
FORMER_KEY = Rule("AC975", "former-key", "warning", "a former key works only while the catalog lists it")
UNUSED_ELSEWHERE = Rule(
    "AC976", "unused-elsewhere", "warning", "the pattern would hide the next event it fits"
)

RULES = NEVER_EMITTED, UNKNOWN_EMITTER, DEPRECATED_EMITTER, UNREADABLE_SOURCE, FORMER_KEY, UNUSED_ELSEWHERE
"""All of them, by code."""
