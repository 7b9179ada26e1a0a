"""Checks of fields.yaml: names, types, constraints and sensitivity of fields."""

import re

from auditwright_generator.checks.expressions import pattern_width, refuse_pattern
from auditwright_generator.findings import Mistakes, join_words, nearest, quote
from auditwright_generator.model import MAX_INTEGER
from auditwright_generator.names import words
from auditwright_generator.source.catalog_source import CatalogSource
from auditwright_generator.source.resolve import kind_of
from auditwright_generator.source.structure import LIMITS
from auditwright_generator.source.yaml_nodes import Node

RANGES = (("min", "max"), ("min_length", "max_length"), ("min_items", "max_items"))

_FITS = {
    "min": ("integer", "number"),
    "max": ("integer", "number"),
    "unit": ("integer", "number", "bigint"),
    "min_length": ("string",),
    "max_length": ("string",),
    "pattern": ("string",),
    "values": ("enum",),
    "max_bytes": ("json",),
    "max_depth": ("json",),
    "max_keys": ("json",),
}
"""For each constraint: the kinds it applies to."""

_ENTRY_TYPES = {"actor_id": "string", "actor_name": "string", "ip_address": "ip"}


def check_constraints_fit_their_type(source: CatalogSource) -> Mistakes:
    """AC402: some artifact would ignore a constraint that does not fit the type."""
    for field in source.fields.values():
        type_ = field.node.string("type")
        if type_ and not field.node.string("entry"):  # AC610 reports it
            yield from _mismatches(f"field {field.name}", type_, field.node)
            if type_.endswith("enum") and "values" not in field.node.entries:
                message = f"field {field.name} is an enum without values; add values: {{key: Title}}"
                yield field.node.key_position, message
    for owner, use in source.all_uses:
        definition = source.fields.get(use.field)
        if definition and definition.node.string("type") and not definition.node.string("entry"):
            yield from _mismatches(f"{owner}: field {use.field}", definition.node.string("type"), use.node)


def _mismatches(thing: str, type_: str, node: Node) -> Mistakes:
    kind = kind_of(type_)
    for key in [key for key in node.entries if key in _FITS]:
        kinds, limit = _FITS[key], node.get(key)
        if limit and kind not in kinds:
            message = f"{thing} is of type {type_}, but {key} is for {_listed(kinds)}; remove it"
            yield limit.key_position, message
        elif limit and kind == "integer" and key in ("min", "max") and float(limit.scalar) % 1:
            yield limit.position, f"{thing} is of type {type_}; its {key} must be a whole number"
    for key in ("min_items", "max_items"):
        limit = node.get(key)
        if limit and not type_.startswith("list of "):
            message = f"{thing} is of type {type_}, but {key} is for lists; remove it"
            yield limit.key_position, message


def _listed(kinds: tuple[str, ...]) -> str:
    *first, last = kinds
    return f"{', '.join(first)} and {last}" if first else last


def check_ranges_hold_something(source: CatalogSource) -> Mistakes:
    """AC401: no value fits an empty range."""
    for field in source.fields.values():
        for low, high in RANGES:
            lower, upper = field.node.get(low), field.node.get(high)
            if lower and upper and float(lower.scalar) > float(upper.scalar):
                message = f"field {field.name} has {low} {lower.text} above {high} {upper.text}; swap them"
                yield lower.key_position, message
        for key in ("min", "max"):
            limit = field.node.get(key)
            whole = field.node.string("type").endswith("integer")
            if limit and whole and abs(float(limit.scalar)) > MAX_INTEGER:
                message = (
                    f"field {field.name} has {key} {limit.text}, but JSON readers represent integers exactly"
                )
                yield limit.position, f"{message} only up to 2^53-1; remove it or narrow it"


def check_patterns_mean_the_same_everywhere(source: CatalogSource) -> Mistakes:
    """AC403: RE2, Go, Rust, ECMA-262 and Python must interpret a pattern alike."""
    nodes = [(f"field {field.name}", field.node) for field in source.fields.values()]
    nodes += [(f"{owner}: field {use.field}", use.node) for owner, use in source.all_uses]
    for thing, node in nodes:
        pattern = node.get("pattern")
        reason = refuse_pattern(str(pattern.scalar)) if pattern else None
        if pattern and reason:
            yield pattern.position, f"{thing} has the pattern {quote(pattern.scalar)}: {reason}"


def check_patterns_fit_their_lengths(source: CatalogSource) -> Mistakes:
    """AC413: no text fits a pattern that contradicts the length limits."""
    nodes = [(f"field {field.name}", field.node) for field in source.fields.values()]
    nodes += [(f"{owner}: field {use.field}", use.node) for owner, use in source.all_uses]
    for thing, node in nodes:
        pattern, longest, shortest = node.get("pattern"), node.get("max_length"), node.get("min_length")
        if pattern is None or refuse_pattern(str(pattern.scalar)):
            continue
        least, most = pattern_width(str(pattern.scalar))
        if longest and least > float(longest.scalar):
            message = f"{thing}: its pattern needs {least} characters, but max_length is {longest.text}"
            yield longest.key_position, f"{message}; no text fits both; change one"
        elif shortest and most is not None and most < float(shortest.scalar):
            message = f"{thing}: its pattern allows {most} characters, but min_length is {shortest.text}"
            yield shortest.key_position, f"{message}; no text fits both; change one"


def check_enums_leave_a_choice(source: CatalogSource) -> Mistakes:
    """AC406: a value that never varies has no information."""
    for field in source.fields.values():
        values = field.node.get("values")
        if values and len(values.entries) == 1 and not values.invalid:
            message = f"field {field.name} has only the value {join_words(values.entries)}"
            yield values.key_position, f"{message}; add other values, or remove the field"


_CREDENTIALS = words("""
    access_key api_key apikey auth_code auth_cookie authentication_code authorization_code
    authorization_header backup_code connection_string credential cvc cvv decryption_key encryption_key
    hmac_key jwt magic_link master_key mfa_code one_time_code otp otp_code passcode passphrase passwd
    password password_confirmation password_hash pin_code private_key recovery_code secret
    secret_access_key secret_binary secret_key secret_string secret_text secret_value security_answer
    security_code seed_phrase session_cookie set_cookie signing_key token token_code totp
    verification_code
    """)
"""Names of credentials. A longer name that ends with one is one, too: `database_password`."""
_BARE_CREDENTIALS = words("authorization bearer cookie pin")
"""Words that name a credential when they are the whole name, and not at the end: `map_pin`."""
_MARKERS = words("""
    batch change client concurrency condition consistency continuation continue cursor delta fencing
    idempotency job list lock marker next page pagination poll prev previous query request resume scan
    scroll search sequence skip sort start starting stop sync task update upsert version watch
    """)
"""Words before `token` with which it marks a place or a request, and opens nothing: `next_token`."""
_PERSONAL = words("""
    birth_date birthdate birthday card_number credit_card credit_card_number date_of_birth email
    email_addr email_address family_name fax_number first_name firstname full_name gender geo_location
    geolocation given_name home_address home_location iban ip ip_addr ip_address last_name lastname
    latitude longitude maiden_name mailing_address middle_name mobile_number office_location
    passport_number phone phone_number postal_address postal_code postcode salary shipping_address
    social_security_number ssn street street_address surname telephone telephone_number user_location
    x_forwarded_for zip_code
    """)
"""Names of personal data. A longer name that ends with one is one, too: `customer_email`."""
_BARE_PERSONAL = words("address birth fax location mail mobile passport zip")
"""Words that name personal data when they are the whole name, and not at the end: `contract_address`."""
_HOLD_TEXT = ("string", "json")
"""Types whose values the name alone describes."""


def check_sensitive_names_are_classified(source: CatalogSource) -> Mistakes:
    """AC602: a field that looks confidential must be classified."""
    for field in source.fields.values():
        if "sensitivity" in field.node.entries or field.node.invalid:
            continue
        kind = kind_of(field.node.string("type"))
        named = _looks_like(field.name, field.node.string("stored_as")) if kind in _HOLD_TEXT else None
        if named and named[0] == "a credential":
            why, hint = named[1], "write sensitivity: secret, or public if it is not one"
        elif kind in ("email", "ip"):
            why, hint = f"is of type {kind}", "write sensitivity: personal, or public if it identifies nobody"
        elif named:
            why, hint = named[1], "write sensitivity: personal, or public if it is not"
        else:
            continue
        yield field.node.key_position, f"field {field.name} {why} and has no sensitivity; {hint}"


def _looks_like(name: str, stored_as: str) -> tuple[str, str] | None:
    """What a text of the name, or of the stored name, probably is, and how to say so; None if neither."""
    stored_words = re.sub("(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", stored_as).lower().strip("_")
    for text, before, after in (
        (name, "has a name like ", ""),
        (stored_words, f"is stored as {stored_as}, a name like ", ","),
    ):
        if _is_credential(text):
            return "a credential", f"{before}a credential{after}"
        if _is_one_of(text, _PERSONAL, _BARE_PERSONAL):
            return "personal data", f"{before}personal data{after}"
    return None


def _is_credential(name: str) -> bool:
    *before, last = name.split("_")
    if last.removesuffix("s") == "token" and before and before[-1] in _MARKERS:
        return False
    return _is_one_of(name, _CREDENTIALS, _BARE_CREDENTIALS)


def _is_one_of(name: str, names: frozenset[str], bare: frozenset[str]) -> bool:
    """Whether the name is one of the names, or ends with one, in the singular or the plural.

    The last words of a name say what it is, and the words before them only which one: an `email_subject` is
    a subject.
    """
    singular = name.removesuffix("es") if name.endswith("sses") else name.removesuffix("s")
    for each in (name, singular):
        parts = each.split("_")
        if each in bare or any("_".join(parts[start:]) in names for start in range(len(parts))):
            return True
    return False


_GENERIC = words("""
    content extra info misc other others param params payload stuff text thing things value values
    """)


def check_names_say_what_is_meant(source: CatalogSource) -> Mistakes:
    """AC207: a generic name does not say what to pass."""
    for field in source.fields.values():
        if field.name in _GENERIC:
            message = f"field {field.name} has a generic name"
            yield field.node.key_position, f"{message}; say what it holds, as in file_content"


def check_enum_titles_differ(source: CatalogSource) -> Mistakes:
    """AC405: people choose a value by its title."""
    for field in source.fields.values():
        values, owners = field.node.get("values"), dict[str, str]()
        for key, value in (values.entries if values else {}).items():
            title = value.get("title") if isinstance(value.value, dict) else value
            if title is None or title.invalid:
                continue
            first = owners.setdefault(str(title.scalar), key)
            if first != key:
                message = f"field {field.name}: values {first} and {key} have the same title"
                yield title.position, f"{message} {quote(title.scalar)}; change one of them"


_SECRETS = ("string", "json")
"""Types whose values have one text, of which a fingerprint is made."""


def check_secrets_are_plain_strings(source: CatalogSource) -> Mistakes:
    """AC608: a secret is fingerprinted before it could be checked, so that no error can show it."""
    secrets = [
        field
        for field in source.fields.values()
        if field.node.string("sensitivity") == "secret" and not field.node.string("entry")
    ]
    for field in secrets:
        type_ = field.node.get("type")
        if type_ and type_.scalar not in _SECRETS:
            yield (
                type_.position,
                f"field {field.name} is secret and of type {type_.scalar}; write type: string",
            )
        elif type_:
            yield from _no_limits(f"field {field.name}", str(type_.scalar), field.node)
    types = {field.name: field.node.string("type") for field in secrets}
    for owner, use in source.all_uses:
        if types.get(use.field) in _SECRETS:
            yield from _no_limits(f"{owner}: field {use.field}", types[use.field], use.node)


def _no_limits(thing: str, type_: str, node: Node) -> Mistakes:
    for key in LIMITS:
        limit = node.get(key)
        if limit and type_ in _FITS.get(key, ()):  # AC402 reports those that do not fit the type
            yield (
                limit.key_position,
                f"{thing} is secret and cannot have {key}, because only its fingerprint is stored; remove it",
            )


def check_entry_fields_add_nothing(source: CatalogSource) -> Mistakes:
    """AC610: callers do not pass a field with `entry`, so constraints have no effect."""
    filled = {}
    for field in source.fields.values():
        entry = field.node.string("entry")
        type_ = field.node.get("type")
        if entry:
            filled[field.name] = entry
            wanted = _ENTRY_TYPES[entry]
            if type_ and type_.scalar != wanted:
                message = f"field {field.name} is filled from {entry} but is of type {type_.scalar}"
                yield type_.position, f"{message}; write type: {wanted}"
            elif type_:
                yield from _useless(
                    f"field {field.name}",
                    entry,
                    field.node,
                    ("stored_as", "column", "target", "unit", "values", *LIMITS),
                )
            if field.node.string("sensitivity") == "secret":
                message = (
                    f"field {field.name} is filled from {entry}, so it cannot be secret; remove sensitivity"
                )
                yield field.node.entries["sensitivity"].position, message
    for owner, use in source.all_uses:
        if use.field in filled:
            keys = ("required", "when", *LIMITS, "values")
            yield from _useless(f"{owner}: field {use.field}", filled[use.field], use.node, keys)


def _useless(thing: str, entry: str, node: Node, keys: tuple[str, ...]) -> Mistakes:
    for key in keys:
        limit = node.get(key)
        if limit and (key != "column" or limit.scalar):
            yield (
                limit.key_position,
                f"{thing} is filled from {entry}, so {key} has no effect; remove it",
            )


def stores_numbers(field: Node) -> bool:
    """Whether a value of an enum is stored as a number."""
    values = field.get("values")
    stored = [value.get("stored_as") for value in (values.entries if values else {}).values()]
    return any(node is not None and not isinstance(node.scalar, str) for node in stored)


_TEXT_TYPES = ("string", "ip", "url", "email", "enum", "timestamp", "date", "uuid", "")


def check_columns_hold_text(source: CatalogSource) -> Mistakes:
    """AC611: a separate column holds one text."""
    for field in source.fields.values():
        column = field.node.get("column")
        kind = field.node.string("type")
        if column and column.scalar and kind not in _TEXT_TYPES:
            what = (
                "a list"
                if kind.startswith("list of ")
                else "a change"
                if kind.startswith("change of ")
                else f"of type {kind}"
            )
            message = f"field {field.name} is {what} and cannot have a separate column; remove column"
            yield column.key_position, message
        elif column and column.scalar and stores_numbers(field.node):
            message = (
                f"field {field.name} is stored as numbers and cannot have a separate column; remove column"
            )
            yield column.key_position, message


_IDENTIFIERS = ("string", "uuid", "integer", "bigint")


def check_targets_identify_objects(source: CatalogSource) -> Mistakes:
    """AC414: the history of an object is found by the text or the number that identifies it."""
    for field in source.fields.values():
        target, type_, column = field.node.get("target"), field.node.string("type"), field.node.get("column")
        if target is None or not type_ or field.node.string("entry"):
            continue
        thing = f"field {field.name} is a target"
        if type_.removeprefix("list of ") not in _IDENTIFIERS:
            message = f"{thing} of type {type_}; remove target, or write one of {join_words(_IDENTIFIERS)}"
            yield target.key_position, f"{message}, or a list of it"
        elif field.node.string("sensitivity") == "secret":
            message = f"{thing} and secret, so that only its fingerprint is stored; remove target"
            yield target.key_position, message
        elif column and column.scalar:
            message = f"{thing} and has a separate column, but targets are found in metadata"
            yield target.key_position, f"{message}; remove column or target"


def check_target_types_are_not_alike(source: CatalogSource) -> Mistakes:
    """AC118: the objects of two types have two histories."""
    owners: dict[str, str] = {}
    for field in source.fields.values():
        target = field.node.get("target")
        if target is None or target.invalid:
            continue
        type_ = str(target.scalar)
        first = owners.setdefault(type_.replace("_", "").removesuffix("s"), type_)
        if first != type_:
            message = f"field {field.name} has the target {type_}, and another field {first}"
            yield target.position, f"{message}; write one type for the same objects"


def check_fields_are_used(source: CatalogSource) -> Mistakes:
    """AC110: an unused field is a leftover, or its use was forgotten. A deprecated field may stay."""
    used = {use.field for _, use in source.all_uses}
    whole = (
        source.levels_known
        and source.events_known
        and not any(
            node.invalid for node in (source.node, *(category.node for category in source.categories))
        )
    )
    misspelt = {nearest(name, source.fields) for name in used if name not in source.fields}
    for field in source.fields.values():
        passed_over = field.name in used or field.name in misspelt or "deprecated" in field.node.entries
        if whole and not passed_over:
            yield (
                field.node.key_position,
                f"field {field.name} is not used by any event; use it, deprecate it or remove it",
            )
