"""Derives the title and the message of a new event, category or field from its name.

A description is never derived: it has to say more than the name.
"""

from collections.abc import Iterable

from auditwright_generator.model import Field
from auditwright_generator.names import words

_ACRONYMS = {word.lower(): word for word in words("AI API CSV ID IP LLM MFA SQL SSO URL VPN")}
_PARTICIPLES = words(
    "begun built cut given hidden left lost made paid put read reset run sent set shown split won"
)


def title_of(name: str) -> str:
    """`api_key_created` -> `API key created`."""
    text = _spelled(name)
    return text[:1].upper() + text[1:]


def message_of(name: str, title: str, fields: Iterable[Field]) -> str:
    """`{actor} archived model {model_name}.` if the name ends in a participle, else the title."""
    thing, _, verb = name.rpartition("_")
    if not thing or not (verb.endswith("ed") or verb in _PARTICIPLES):
        return f"{{actor}}: {title.replace('{', '{{').replace('}', '}}')}."
    noun = _spelled(thing)
    shown = {
        field.name for field in fields if field.always and not field.entry and field.sensitivity == "public"
    }
    for field in (f"{thing}_name", f"{thing}_id"):
        if field in shown:
            return f"{{actor}} {verb} {noun} {{{field}}}."
    return f"{{actor}} {verb} {_article(noun)}{noun}."


def _spelled(name: str) -> str:
    return " ".join(_ACRONYMS.get(word, word) for word in name.split("_"))


def _article(noun: str) -> str:
    if noun.endswith("s"):
        return ""
    is_acronym = noun.split(" ")[0].isupper()
    return "an " if noun[0] in ("AILMS" if is_acronym else "aeio") else "a "
