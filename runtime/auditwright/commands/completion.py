"""`auditwright completion`: a script with which a shell completes commands, options, choices and paths."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from auditwright.catalog import find_catalog
from auditwright.cli import find_commands, make_parser
from auditwright.errors import CatalogError
from auditwright.reading.filters import FIELDS, OPERATORS, OUTCOMES

SHELLS = ("bash", "zsh", "tcsh")
FOLDERS = ("DIR",)
FILES = ("FILE", "FILE.jsonl", "REF|DIR|FILE", "SRC")
"""What an option with a path calls its value."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the argument."""
    parser.add_argument(
        "shell", metavar="SHELL", choices=SHELLS, help=f"the shell that reads the script: {', '.join(SHELLS)}"
    )


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    parser, parsers = make_parser(commands := find_commands())
    for name, command in commands.items():
        command.configure(parsers[name])
    beginnings = {"CONDITION": _conditions(), "TYPE:ID": [f"{kind}:" for kind in _target_types()]}
    for action in _actions(parser):
        if isinstance(action.metavar, str) and action.metavar in beginnings:
            action.complete = _beginnings(action.metavar, beginnings[action.metavar])  # type: ignore[attr-defined]
        elif action.metavar in FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.metavar in FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    script = shtab.complete(parser, options.shell)
    print(f"{script}\n{_NO_SPACE}" if options.shell == "bash" else script)
    return 0


_BASH = """\
# bash gives the part after the last colon, and takes the rest of the word from the line.
{name}() {{
  local line=${{COMP_LINE:0:COMP_POINT}} word=$1 head=""
  if [[ -n $line && $COMP_WORDBREAKS == *:* ]]; then
    word=${{line##*[[:space:]]}}; head=${{word%"${{word##*:}}"}}
  fi
  local each; for each in $(compgen -W "{words}" -- "$word"); do printf '%s\\n' "${{each#"$head"}}"; done
}}"""
_ZSH = "{name}() {{ compadd -S '' -- {words}; }}"
_NO_SPACE = """\
_auditwright_completed() {
  _shtab_auditwright "$@"
  if [[ ${COMPREPLY[0]} == *: ]]; then compopt -o nospace; fi
}
complete -o filenames -F _auditwright_completed auditwright"""
"""After a value that ends with a colon comes more of it, so bash adds no space."""


def _beginnings(metavar: str, words: list[str]) -> dict[str, Any]:
    """How shells complete the beginnings of values; they have no characters that a shell would read."""
    name = f"_auditwright_{metavar.partition(':')[0].lower()}s"
    scripts = {shell: text.format(name=name, words=" ".join(words)) for shell, text in _SCRIPTS.items()}
    return {"bash": name, "zsh": name, "preamble": scripts}


_SCRIPTS = {"bash": _BASH, "zsh": _ZSH}


def _conditions() -> list[str]:
    """The beginnings of conditions: fields with operators, and whole values where there are few."""
    values = {"outcome": OUTCOMES, "target": [f"{kind}:" for kind in _target_types()]}
    return [
        f"{field}:{operator}:{value}"
        for field in FIELDS
        for operator in OPERATORS
        for value in values.get(field) or ("",)
    ]


def _target_types() -> tuple[str, ...]:
    """The types of objects of the installed catalog; none where there is no catalog."""
    try:
        return find_catalog().target_types
    except CatalogError:
        return ()


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All arguments of a parser, and of those below it."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)
