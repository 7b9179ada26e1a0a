"""Python source text for the templates, laid out as `ruff format` lays it out at 110 columns.

What does not fit on one line is put one item a line, with a trailing comma, which the formatter leaves alone.
No formatter runs in `generate`; a test holds the generated code against ruff.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from auditwright_generator.model import Catalog, Category, Field

LINE_LENGTH = 110

_TYPES = {"integer": "int", "bigint": "int", "number": "float", "boolean": "bool", "json": "Json"}


def literal(value: Any) -> str:
    """A value as a literal; text in double quotes, or in single quotes where that needs fewer escapes."""
    if not isinstance(value, str):
        return repr(value)
    # JSON's escapes are Python's too, but for a lone surrogate's, which YAML cannot hold.
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\x7f")
    if value.count('"') > value.count("'"):
        return "'" + text[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"
    return text


def raw_literal(text: str) -> str:
    """A regular expression as a raw literal where it has backslashes and can be one."""
    can_be_raw = "\\" in text and '"' not in text and text.isprintable() and not text.endswith("\\")
    return f'r"{text}"' if can_be_raw else literal(text)


def long_literal(text: str, indent: int, of: Callable[[str], str] = literal) -> str:
    """A text as literals one below the other, as many as it needs; the first is indented already."""
    if fits(" " * indent + of(text)):
        return of(text)
    part = rf"(?:\\.|[^\\]){{1,{LINE_LENGTH - indent - 20}}}"  # room for quotes and escapes
    parts = re.findall(rf"{part}(?:(?<=\s)|$)|{part}|\\", text, re.DOTALL)
    return f"\n{' ' * indent}".join(map(of, parts))


def fits(line: str) -> bool:
    """Whether a line has no more columns than allowed. Wide characters take two, combining ones none."""
    if line.isascii():
        return len(line) <= LINE_LENGTH
    return sum(map(_columns, line)) <= LINE_LENGTH


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def bracketed(head: str, items: Iterable[str], tail: str, indent: int) -> str:
    """`head`, the items and `tail` on one line where they fit, else an item a line.

    `head` ends with the opening bracket and is indented already. Items of several lines are laid out for the
    indent that they get, which is four more.
    """
    items = list(items)
    line = f"{head}{', '.join(items)}{tail}"
    if "\n" not in line and fits(f"{' ' * indent}{line},"):
        return line
    return _exploded(head, items, tail, indent)


def _exploded(head: str, items: list[str], tail: str, indent: int, comma: str = ",") -> str:
    inner = " " * (indent + 4)
    return "\n".join([head, *(f"{inner}{item}{comma}" for item in items), f"{' ' * indent}{tail}"])


def value_of(head: str, value: Any, indent: int) -> str:
    """`head` and a literal of dicts, lists and scalars."""
    if isinstance(value, Mapping):
        items = [value_of(f"{literal(key)}: ", each, indent + 4) for key, each in value.items()]
        return bracketed(f"{head}{{", items, "}", indent)
    if isinstance(value, list | tuple):
        return bracketed(f"{head}[", map(literal, value), "]", indent)
    return f"{head}{literal(value)}"


def type_of(
    field: Field,
    indent: int,
    room: int,
    constraints: Iterable[str] = (),
    item: str | None = None,
    change: str = "Change",
) -> str:
    """The type of a field's values, on several lines where it does not fit beside `room` more characters.

    `constraints` are those of the items of a list or of the sides of a change, as arguments of pydantic's
    `Field`; `item` is the type of one value, where it is not that of the JSON form; `change` is the name
    under which `Change` is imported.
    """
    constraints = list(constraints)
    base = item or _TYPES.get(field.kind, "str")
    if field.kind == "enum":
        name, items = "Literal", [literal(value.key) for value in field.values]
    else:
        name, items = "Annotated", [base, f"Field({', '.join(constraints)})"] if constraints else []
    one = f"{name}[{', '.join(items)}]" if items else base
    outer = "list" if field.many else change if field.change else ""
    line = f"{outer}[{one}]" if outer else one
    if not items or fits(" " * (indent + room) + line):
        return line
    inner = indent + 4 * bool(outer)
    if constraints:
        items[1] = bracketed("Field(", constraints, ")", inner + 4)
    # A trailing comma after a single item would make it a tuple.
    one = _exploded(f"{name}[", items, "]", inner, "," if len(items) > 1 else "")
    return _exploded(f"{outer}[", [one], "]", indent, "") if outer else one


def free_name(name: str, taken: Iterable[str]) -> str:
    """The name under which generated code imports `name`: with an underscore where the module has another."""
    return f"_{name}" if name in taken else name


def import_as(name: str, local: str) -> str:
    """What stands after `import` for a name that is known as `local`."""
    return name if name == local else f"{name} as {local}"


def module_of(catalog: Catalog, category: Category, part: str = "") -> str:
    """The module of a category: `audit_events.account.models`, or one of a part such as `tables`."""
    return ".".join(filter(None, (catalog.package, part, category.path.replace("/", "."))))


def path_of_categories(catalog: Catalog, separator: str = ".") -> str:
    """`<level>.<category>`, the placeholder of texts; `<category>` in a catalog without levels."""
    return f"<level>{separator}<category>" if catalog.has_levels else "<category>"


def imports(names: Mapping[str, Iterable[str]], own: str = "", indent: int = 0) -> str:
    """Import lines in isort's order: standard library, packages, auditwright and the generated package `own`.

    Modules without names are left out; the names of each are given in order. `quoted as _quoted` has a line
    of its own.
    """
    sections: dict[int, list[str]] = {}
    for module in sorted(names, key=natural_order):
        given = list(names[module])
        top = module.partition(".")[0]
        section = 2 if top in ("auditwright", own) else 1 - (top in sys.stdlib_module_names)
        plain = [name for name in given if " as " not in name]
        statements = [plain] * bool(plain) + [[name] for name in given if " as " in name]
        for each in sorted(statements, key=lambda names: (_rank(names[0]), names[0])):
            sections.setdefault(section, []).append(_import(module, each, indent))
    pad = " " * indent
    return "\n\n".join(f"\n{pad}".join(sections[section]) for section in sorted(sections))


def _rank(name: str) -> int:
    """The place of a name among others: constants, classes, all else."""
    return 2 - name[0].isupper() - name.isupper()


def _import(module: str, names: list[str], indent: int) -> str:
    line = f"from {module} import {', '.join(names)}"
    return line if fits(" " * indent + line) else bracketed(f"from {module} import (", names, ")", indent)


def natural_order(module: str) -> list[tuple[int, int, str]]:
    """A key for sorting as isort does: runs of digits by their number."""
    parts = re.findall(r"[0-9]+|[^0-9]", module)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def described(name: str, title: str, description: str) -> str:
    """The description, after the title where that says more than the name."""
    repeated = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_") == name
    return description if repeated and description else f"{title}. {description}".rstrip()
