"""Checks of `since`, `deprecated` and `reserved` against the catalog's version and against each other."""

from collections.abc import Iterator

from auditwright_generator.findings import Mistakes, quote
from auditwright_generator.source.catalog_source import CatalogSource
from auditwright_generator.source.resolve import resolve_fields
from auditwright_generator.source.yaml_nodes import Node
from auditwright_generator.versions import SemanticVersion, is_package_version


def _versioned(source: CatalogSource) -> Iterator[tuple[str, Node]]:
    """Everything that can have `since` and `deprecated`."""
    for field in source.fields.values():
        yield f"field {field.name}", field.node
    for _, event in source.events:
        yield f"event {event.key}", event.node


def check_versions_are_not_of_the_future(source: CatalogSource) -> Mistakes:
    """AC701: `since` and `deprecated` cannot be later than the catalog's version."""
    current = source.node.get("version")
    if current is None:
        return
    for thing, node in _versioned(source):
        deprecated = node.get("deprecated")
        for what, version in (
            ("since", node.get("since")),
            ("deprecated", deprecated and deprecated.get("since")),
        ):
            if version and SemanticVersion.parse(str(version.scalar)) > SemanticVersion.parse(
                str(current.scalar)
            ):
                message = f"{thing} {'exists' if what == 'since' else 'is deprecated'} since {version.scalar}"
                message += f", but the catalog has version {current.scalar}"
                yield version.position, f"{message}; raise the catalog's version, or write {current.scalar}"


def check_version_fits_a_package(source: CatalogSource) -> Mistakes:
    """AC707: the generated package is built and installed with the version of the catalog."""
    version = source.node.get("version")
    if version and not version.invalid and not is_package_version(str(version.scalar)):
        message = f"version {version.scalar} cannot be that of a Python package (PEP 440)"
        yield version.position, f"{message}; {_written_otherwise(str(version.scalar))}"


def _written_otherwise(version: str) -> str:
    core, plus, _ = version.partition("+")
    if is_package_version(core) and plus:
        return f"write what follows the + as letters and digits between dots, such as {core}+build.5"
    release = core.partition("-")[0]
    return f"write a pre-release as {release}-alpha.1, {release}-beta.1, {release}-rc.1 or {release}-dev.1"


def check_nothing_is_deprecated_before_it_came(source: CatalogSource) -> Mistakes:
    """AC702: nothing is deprecated before it exists."""
    for thing, node in _versioned(source):
        since, deprecated = node.get("since"), node.get("deprecated")
        gone = deprecated.get("since") if deprecated else None
        if (
            since
            and gone
            and SemanticVersion.parse(str(gone.scalar)) < SemanticVersion.parse(str(since.scalar))
        ):
            message = f"{thing} is deprecated since {gone.scalar}, but exists only since {since.scalar}"
            yield gone.position, f"{message}; correct one of the two"


def check_deprecations_say_what_to_do(source: CatalogSource) -> Mistakes:
    """AC706: callers need to know what to do instead."""
    for thing, node in _versioned(source):
        deprecated = node.get("deprecated")
        if deprecated and not deprecated.invalid and not {"use", "note"} & set(deprecated.entries):
            yield (
                deprecated.key_position,
                f"{thing} is deprecated without explanation; add use: with the replacement, or note:",
            )


def check_replacements_are_current(source: CatalogSource) -> Mistakes:
    """AC704: a replacement should not be deprecated itself."""
    groups = [{name: field.node for name, field in source.fields.items()}]
    groups.append({event.key: event.node for _, event in source.events})
    for group in groups:
        for name, node in group.items():
            deprecated = node.get("deprecated")
            use = deprecated.get("use") if deprecated else None
            other = group.get(str(use.scalar)) if use else None
            if use and other and other is not node and other.get("deprecated"):
                message = f"{name} is replaced by {use.scalar}, which is also deprecated"
                yield use.position, f"{message}; name a replacement that is not deprecated"


def check_deprecated_fields_can_be_left_out(source: CatalogSource) -> Mistakes:
    """AC705: callers cannot stop passing a required field."""
    reported = set()
    for category, event in source.events:
        if event.node.get("deprecated"):
            continue
        uses = source.uses_of(category, event)
        for name, field in resolve_fields(source, category, event).items():
            if (
                field
                and field.deprecated
                and field.required
                and not field.entry
                and id(uses[name]) not in reported
            ):
                reported.add(id(uses[name]))
                message = f"field {name} is deprecated, but event {event.name} still requires it"
                yield (
                    uses[name][-1].node.key_position,
                    f"{message}; write required: false, so that callers can stop passing it",
                )


def check_reserved_keys_stay_unused(source: CatalogSource) -> Mistakes:
    """AC108: old entries and filters would match the new thing."""
    reserved = source.node.get("reserved")
    reasons = {key: str(node.scalar) for key, node in reserved.entries.items()} if reserved else {}
    if not reasons:
        return
    named = [("field", name, field.node.key_position) for name, field in source.fields.items()]
    named += [("category", each.key, each.node.key_position) for each in source.categories]
    named += [("event", event.key, event.node.key_position) for _, event in source.events]
    for what, key, position in named:
        if key in reasons:
            yield position, f"{what} {key} is reserved: {quote(reasons[key])}; choose another name"
