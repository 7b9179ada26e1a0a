"""`auditwright new`: a new event, category or field, written into its file."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from auditwright_generator.commands.base import CLEAN, FINDINGS, UNREADABLE, Command, add_catalog_option

if TYPE_CHECKING:
    from auditwright_generator.scaffold.add import Added

_LIMITS = {
    "min": "the least value",
    "max": "the greatest value",
    "min_length": "the fewest characters",
    "max_length": "the most characters",
    "min_items": "the fewest items of a list",
    "max_items": "the most items of a list",
}


class _UsageError(ValueError):
    """The command line lacks something, or has it in a form that cannot be read."""


def _configure(parser: argparse.ArgumentParser) -> None:
    things = parser.add_subparsers(
        title="what to add", metavar="THING", required=True, help="see `auditwright new THING --help`"
    )
    for name, key, text, configure, add in (
        (
            "event",
            "LEVEL.CATEGORY.EVENT",
            "such as account.models.model_archived",
            _configure_event,
            _add_event,
        ),
        ("category", "LEVEL.CATEGORY", "such as account.billing", _configure_category, _add_category),
        ("field", "NAME", "such as archive_reason", _configure_field, _add_field),
    ):
        thing = things.add_parser(
            name, help=f"add {'an' if name == 'event' else 'a'} {name}", allow_abbrev=False
        )
        thing.add_argument("key", metavar=key, help=text)
        add_catalog_option(thing)
        thing.add_argument("--title", metavar="TEXT", help="what people read (default: made of the name)")
        thing.add_argument(
            "--description", metavar="TEXT", help="in whole sentences; asked for on a terminal"
        )
        configure(thing)
        thing.set_defaults(thing=name, add=add)


def _configure_event(parser: argparse.ArgumentParser) -> None:
    _add_field_options(parser, "the event")
    parser.add_argument(
        "--message",
        metavar="TEXT",
        help='with {names} of fields, such as "{actor} archived model {model_id}."',
    )
    parser.add_argument(
        "--example",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a value in the example, commas between several (default: made of the field's type)",
    )
    parser.add_argument("--since", metavar="VERSION", help="the version of the catalog that brings it")


def _configure_category(parser: argparse.ArgumentParser) -> None:
    _add_field_options(parser, "all of its events")
    parser.add_argument(
        "--order",
        metavar="N",
        type=int,
        help="its place in the level (default: the last, where others have one)",
    )


def _add_field_options(parser: argparse.ArgumentParser, whose: str) -> None:
    parser.add_argument(
        "--field", metavar="NAME", action="append", default=[], help=f"a field of {whose}; may be repeated"
    )
    parser.add_argument(
        "--optional", metavar="NAME", action="append", default=[], help="likewise, one that may be left out"
    )


def _configure_field(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--type", metavar="TYPE", default="string", help='such as "list of email" (default: string)'
    )
    parser.add_argument(
        "--values",
        metavar="NAME=TITLE",
        nargs="+",
        default=[],
        help="the values of an enum, such as open=Open",
    )
    parser.add_argument("--sensitivity", choices=("public", "personal", "secret"), help="default: public")
    parser.add_argument("--unit", metavar="TEXT", help="what a number counts, such as seconds")
    parser.add_argument("--pattern", metavar="REGEX", help="what the text must match")
    for limit, text in _LIMITS.items():
        parser.add_argument(f"--{limit.replace('_', '-')}", metavar="N", type=_number, help=text)


def _optional(options: argparse.Namespace) -> tuple[str, ...]:
    """The fields that may be left out."""
    both = [name for name in options.optional if name in options.field]
    if both:
        raise _UsageError(f"--field and --optional both name {both[0]}; give one of them")
    return tuple(dict.fromkeys(options.optional))


def _number(text: str) -> int | float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    return int(value) if value.is_integer() else value


def _run(options: argparse.Namespace) -> int:
    from auditwright_generator.scaffold.add import Refused
    from auditwright_generator.scaffold.examples import NoExample
    from auditwright_generator.source.yaml_nodes import UnreadableCatalog

    add: Callable[[argparse.Namespace], Added] = options.add
    try:
        _check_texts(options)
        added = add(options)
    except (_UsageError, UnreadableCatalog) as error:
        print(f"auditwright: {error}", file=sys.stderr)
        return UNREADABLE
    except NoExample as error:
        value = f"{error.field.name}=VALUE"
        print(f"auditwright: {error}; give one:\n{_typed(options, '--example', value)}", file=sys.stderr)
        return UNREADABLE
    except Refused as error:
        for finding in error.findings:
            print(finding, file=sys.stderr)
        print(f"auditwright: {error}", file=sys.stderr)
        return FINDINGS
    for note in added.notes:
        print(note, file=sys.stderr)
    print(f"{added.path}:{added.line}: added {options.thing} {options.key}")
    print(f"next: {_next(options)}")
    return CLEAN


def _add_event(options: argparse.Namespace) -> "Added":
    from auditwright_generator.scaffold.add import add_event
    from auditwright_generator.scaffold.entries import NewEvent

    _check_parts(options, 3)
    example = _pairs(options.example, "--example")
    description = _described(options, "what happened, and when it is recorded")

    def new(name: str) -> NewEvent:
        return NewEvent(
            name=name,
            title=options.title or "",
            description=description,
            message=options.message or "",
            required=tuple(dict.fromkeys(options.field)),
            optional=_optional(options),
            since=options.since,
        )

    return add_event(Path(options.catalog), options.key, new, example)


def _add_category(options: argparse.Namespace) -> "Added":
    from auditwright_generator.scaffold.add import add_category
    from auditwright_generator.scaffold.entries import NewCategory

    _check_parts(options, 2)
    description = _described(options, "what the category covers")

    def new(name: str) -> NewCategory:
        return NewCategory(
            name=name,
            title=options.title or "",
            description=description,
            order=options.order,
            required=tuple(dict.fromkeys(options.field)),
            optional=_optional(options),
        )

    return add_category(Path(options.catalog), options.key, new)


def _add_field(options: argparse.Namespace) -> "Added":
    from auditwright_generator.scaffold.add import add_field
    from auditwright_generator.scaffold.entries import NewField

    values = _pairs(options.values, "--values")
    description = _described(options, "what the value means")
    more = {key: getattr(options, key) for key in ("unit", "sensitivity", "pattern", *_LIMITS)}
    return add_field(
        Path(options.catalog),
        NewField(
            name=options.key,
            title=options.title or "",
            type=options.type,
            description=description,
            values=values,
            more={key: value for key, value in more.items() if value is not None},
        ),
    )


def _check_texts(options: argparse.Namespace) -> None:
    """A catalog is UTF-8, which not every argument is; whatever else is wrong with a text, `check` finds."""
    for name, value in vars(options).items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not text.isascii() and not _is_unicode(text):
                raise _UsageError(f"--{name} is not UTF-8: {text!a}")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_parts(options: argparse.Namespace, number: int) -> None:
    if options.key.count(".") != number - 1:
        form = "level.category.event" if number == 3 else "level.category"
        message = f'{options.thing} "{options.key}" must be named as {form}'
        raise _UsageError(f"{message}; `auditwright new {options.thing} --help` shows an example")


def _pairs(given: list[str], option: str) -> dict[str, str]:
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise _UsageError(f'{option} "{text}" must be a name, =, and what it stands for')
        pairs[name] = value
    return pairs


def _described(options: argparse.Namespace, what: str) -> str:
    """The description: given, or asked for on a terminal."""
    given: str = options.description or ""
    if not given.strip() and sys.stdin.isatty() and sys.stderr.isatty():
        print(f"Description ({what}): ", end="", file=sys.stderr, flush=True)
        given = sys.stdin.readline()
    if not given.strip():
        typed = _typed(options, "--description", "...")
        raise _UsageError(f"say {what}:\n{typed}")
    return given


def _typed(options: argparse.Namespace, option: str, value: str) -> str:
    """The whole command as it was given, and one option more."""
    parts = ["auditwright", "new", options.thing, options.key]
    known = ("title", "description", "message", "field", "optional", "example", "since", "order", "type")
    for name in ("catalog", *known, "values", "sensitivity", "unit", "pattern", *_LIMITS):
        given = getattr(options, name, None)
        if given in (None, [], "") or _is_default(name, given):
            continue
        flag = f"--{name.replace('_', '-')}"
        if name == "values":
            parts += [flag, *given]
        else:
            for each in given if isinstance(given, list) else [given]:
                parts += [flag, str(each)]
    return shlex.join([*parts, option, value])


def _is_default(name: str, given: object) -> bool:
    if name == "catalog":
        return given == (os.environ.get("AUDITWRIGHT_CATALOG_DIR") or "catalog")
    return name == "type" and given == "string"


def _next(options: argparse.Namespace) -> str:
    where = "" if _is_default("catalog", options.catalog) else f" --catalog {shlex.quote(options.catalog)}"
    match options.thing:
        case "category":
            return f"`auditwright new event {options.key}.NAME{where}`"
        case "field":
            return (
                f"name it under `metadata`, as `auditwright new event ... --field {options.key}{where}` does"
            )
        case _:
            return f"`auditwright check{where}`, then `auditwright generate{where}`"


command = Command("add an event, a category or a field to the catalog", _configure, _run)
