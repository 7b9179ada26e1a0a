"""Words for what is new: a title and a message from a name, and values as YAML writes them.

Derived text is true of whatever the name says, and no more; a description cannot be derived.
"""

import json
import re
from collections.abc import Iterable

from auditwright_generator.model import Field, Value
from auditwright_generator.names import words
from auditwright_generator.source.scalars import read_plain

_ACRONYMS = {
    word.lower(): word for word in ("AI", "API", "CSV", "ID", "IP", "LLM", "MFA", "SQL", "SSO", "URL", "VPN")
}
_PARTICIPLES = words(
    "begun built cut given hidden left lost made paid put read reset run sent set shown split won"
)
_PLAIN = re.compile(r"[^\W_][\w ./@()+%-]*(?<! )")


def title_of(name: str) -> str:
    """`api_key_created` -> `API key created`."""
    first, *rest = (_ACRONYMS.get(word, word) for word in name.split("_"))
    return " ".join((first[:1].upper() + first[1:], *rest))


def message_of(name: str, title: str, fields: Iterable[Field]) -> str:
    """A message for an event: `{actor} archived model {model_name}.`, or else its title."""
    thing, _, verb = name.rpartition("_")
    if not thing or not (verb.endswith("ed") or verb in _PARTICIPLES):
        return f"{{actor}}: {title.replace('{', '{{').replace('}', '}}')}."
    noun = " ".join(_ACRONYMS.get(word, word) for word in thing.split("_"))
    shown = {
        field.name for field in fields if field.always and not field.entry and field.sensitivity == "public"
    }
    for field in (f"{thing}_name", f"{thing}_id"):
        if field in shown:
            return f"{{actor}} {verb} {noun} {{{field}}}."
    return f"{{actor}} {verb} {_article(noun)}{noun}."


def _article(noun: str) -> str:
    first = noun.split(" ")[0]
    if noun.endswith("s"):
        return ""
    spelled_out = first.isupper()
    return "an " if first[0] in ("AILMS" if spelled_out else "aeio") else "a "


def yaml_scalar(value: str | int | float | bool) -> str:
    """A value as YAML writes it, in a block or in brackets; text in quotes where it needs them."""
    if not isinstance(value, str):
        return json.dumps(value)
    is_text = isinstance(read_plain(value)[0], str) and read_plain(value)[1] is None
    return value if _PLAIN.fullmatch(value) and is_text else json.dumps(value, ensure_ascii=False)


def yaml_value(value: Value) -> str:
    """A value or a list of values on one line."""
    return f"[{', '.join(map(yaml_scalar, value))}]" if isinstance(value, list) else yaml_scalar(value)
