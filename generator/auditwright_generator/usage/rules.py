"""The rules of `coverage`, as rows like those of `check`; the functions that find are in `coverage.py`."""

from auditwright_generator.findings import Rule

NEVER_EMITTED = Rule(
    "AC971", "event-never-emitted", "warning", "who relies on the reference waits for entries that never come"
)
UNKNOWN_EMITTER = Rule(
    "AC972",
    "unknown-emitter",
    "error",
    "the call fails, and what happened is not recorded",
)
DEPRECATED_EMITTER = Rule(
    "AC973", "deprecated-emitter", "warning", "an event that is to go away is still recorded"
)
UNREADABLE_SOURCE = Rule(
    "AC974", "unreadable-source", "error", "what a file emits cannot be told if it cannot be parsed"
)
FORMER_KEY = Rule("AC975", "former-key", "warning", "a former key works only as long as the catalog lists it")
UNUSED_ELSEWHERE = Rule(
    "AC976", "unused-elsewhere", "warning", "an excuse that excuses nothing hides the next event it fits"
)

RULES = (
    NEVER_EMITTED,
    UNKNOWN_EMITTER,
    DEPRECATED_EMITTER,
    UNREADABLE_SOURCE,
    FORMER_KEY,
    UNUSED_ELSEWHERE,
)
"""All of them, by code."""
