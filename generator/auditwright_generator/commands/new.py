"""`auditwright new`: adds an event, a category, a level or a field to the file where it belongs."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from auditwright_generator.commands.base import CLEAN, FINDINGS, UNREADABLE, add_catalog_option, ask
from auditwright_generator.text import print_lines

if TYPE_CHECKING:
    from auditwright_generator.scaffold.trial import Added

_LIMITS = {
    "min": "the least value",
    "max": "the greatest value",
    "min_length": "the fewest characters",
    "max_length": "the most characters",
    "min_items": "the fewest items of a list",
    "max_items": "the most items of a list",
    "max_bytes": "the most bytes of a JSON value",
    "max_depth": "the most levels of objects and lists in a JSON value",
    "max_keys": "the most names in the objects of a JSON value",
}
_DOTTED = ("event", "category")
"""Things whose keys have more dots in a catalog without levels."""
_EVENT = ("title", "description", "message", "failure_message", "since", "annotations", "metadata")
_CATEGORY = ("category", "order", "title", "description", "annotations", "metadata", "events")
_LEVEL = ("title", "description", "metadata")
_FIELD = (
    *("title", "type", "stored_as", "values", "unit", "sensitivity", "target", "pattern"),
    *_LIMITS,
    *("description", "annotations"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    things = parser.add_subparsers(
        title="what to add", metavar="THING", required=True, help="see `auditwright new THING --help`"
    )

    def add_thing(thing: str, key: str, example: str, asked: str) -> Callable[..., argparse.Action]:
        text = f"add {'an' if thing == 'event' else 'a'} {thing}"
        options = things.add_parser(thing, help=text, allow_abbrev=False)
        options.set_defaults(thing=thing, form=key, asked=asked, fail=options.error)
        options.add_argument("key", metavar=key, help=f"such as {example}")
        add_catalog_option(options)
        text = "what people read (default: derived from the name)"
        options.add_argument("--title", metavar="TEXT", help=text)
        text = f"{asked}, in whole sentences; asked for on a terminal"
        options.add_argument("--description", metavar="TEXT", default="", help=text)
        if thing != "field":
            text = "a field of the event" if thing == "event" else "a field of all of its events"
            text += "; may be repeated"
            options.add_argument("--field", metavar="NAME", action="append", default=[], help=text)
            text = "likewise, one that may be left out"
            options.add_argument("--optional", metavar="NAME", action="append", default=[], help=text)
        if thing != "level":
            text = "an annotation, commas between several values; may be repeated"
            options.add_argument(
                "--annotation", metavar="NAME=VALUE", type=_pair, action="append", default=[], help=text
            )
        return options.add_argument

    no_levels = "in a catalog without levels, CATEGORY"
    asked = "what happened, and when it is recorded"
    event = add_thing(
        "event", "LEVEL.CATEGORY.EVENT", f"account.models.model_archived; {no_levels}.EVENT", asked
    )
    event("--message", metavar="TEXT", help='such as "{actor} archived model {model_id}." (default: derived)')
    text = "how a failure reads, for an event that can fail"
    event("--failure-message", metavar="TEXT", help=text)
    text = "a value in the example, commas between several (default: derived)"
    event("--example", metavar="NAME=VALUE", type=_pair, action="append", default=[], help=text)
    event("--since", metavar="VERSION", help="the version of the catalog that brings it")
    category = add_thing(
        "category", "LEVEL.CATEGORY", f"account.billing; {no_levels}", "what the category covers"
    )
    text = "its place in the level (default: the last, where others have one)"
    category("--order", metavar="N", type=int, help=text)
    add_thing("level", "NAME", "tool", "which events belong to the level")
    field = add_thing("field", "NAME", "archive_reason", "what the value means")
    field("--type", metavar="TYPE", default="string", help='such as "list of email" (default: string)')
    field(
        "--stored-as", metavar="NAME", help="the name in JSON, if it is no name of the catalog: archiveReason"
    )
    text = "the values of an enum with their titles, such as low=Low high=High"
    field("--values", metavar="NAME=TITLE", type=_pair, nargs="+", default=[], help=text)
    field("--sensitivity", choices=("public", "personal", "secret"), help="default: public")
    field("--target", metavar="TYPE", help="the type of the object that a value identifies, such as model")
    field("--unit", metavar="TEXT", help="what a number counts, such as seconds")
    field("--pattern", metavar="REGEX", help="what the text must match")
    for limit, text in _LIMITS.items():
        field(f"--{limit.replace('_', '-')}", metavar="N", type=_number, help=text)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} has no =")
    return name, value


def _number(text: str) -> int | float:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    from auditwright_generator.scaffold.example_values import NoExample
    from auditwright_generator.scaffold.trial import Refused
    from auditwright_generator.source.yaml_nodes import UnreadableCatalog, catalog_option

    try:
        position, notes = _add(options)
    except (UnreadableCatalog, NoExample) as error:
        print_lines(f"auditwright: {error}", file=sys.stderr)
        return UNREADABLE
    except Refused as error:
        print_lines(*error.findings, f"auditwright: {error}", file=sys.stderr)
        return FINDINGS
    print_lines(*map(str, notes), file=sys.stderr)
    where = catalog_option(Path(options.catalog))
    following = {
        "level": f"new category {options.key}.NAME",
        "category": f"new event {options.key}.NAME",
        "field": f"new event ... --field {options.key}",
    }
    print_lines(f"{position}: added {options.thing} {options.key}")
    print_lines(f"next: `auditwright {following.get(options.thing, 'generate')}{where}`")
    return CLEAN


def _add(options: argparse.Namespace) -> "Added":
    from auditwright_generator.scaffold import add
    from auditwright_generator.scaffold.derived_text import title_of

    key, folder = options.key, Path(options.catalog)
    dots, form = key.count("."), options.form.count(".")
    # Without levels an event has at least one dot, and a category any number.
    has_free_form = options.thing in _DOTTED and not add.seems_to_have_levels(folder)
    if dots != form and not (has_free_form and dots >= (options.thing == "event")):
        options.fail(f'"{key}" must have the form {options.form}')
    name = key.rpartition(".")[2]
    if options.thing == "field" and options.type.endswith("enum") and not options.values:
        options.fail(f"a field of type {options.type} needs its values; add --values low=Low high=High")
    derived = title_of(name) + (" events" if options.thing == "level" else "")
    given = vars(options) | {"title": options.title or derived, "description": _description(options)}
    given["annotations"] = dict(given.get("annotation", ())) or None
    if options.thing == "field":
        given["values"] = dict(options.values) or None
        return add.add_field(folder, key, {each: given[each] for each in _FIELD})
    both = set(options.field) & set(options.optional)
    if both:
        options.fail(f"--field and --optional both name {min(both)}; give one of them")
    metadata: dict[str, object] = {name: {} for name in options.field}
    given["metadata"] = metadata | {name: {"required": False} for name in options.optional} or None
    if options.thing == "level":
        return add.add_level(folder, key, {each: given[each] for each in _LEVEL})
    if options.thing == "category":
        given |= {"category": key, "events": {}}
        return add.add_category(folder, key, {each: given[each] for each in _CATEGORY})
    return add.add_event(folder, key, {each: given[each] for each in _EVENT}, dict(options.example))


def _description(options: argparse.Namespace) -> str:
    """The description on one line: given, or asked for on a terminal."""
    text: str = options.description
    if not text.strip() and sys.stdin.isatty() and sys.stderr.isatty():
        text = ask(f"Description ({options.asked})")
    if not text.strip():
        options.fail(f"say {options.asked}, with --description TEXT")
    return " ".join(text.split())
