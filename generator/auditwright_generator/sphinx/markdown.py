"""From Markdown that reads well on a forge to MyST: functions from text to text.

Tabs are paragraphs such as `**JSON**`, by the contract with `targets/docs/`. Text of the catalog never means
what only MyST would make of it.
"""

import re
from collections.abc import Callable, Iterator

TABS = ("JSON", "JSON Schema", "Python", "Query")
DEVELOPERS_TABS = ("Python", "Query")
"""Tabs that the reader's edition leaves out."""

FENCE = re.compile(
    r"^ {0,3}(?P<fence>`{3,}(?=[^`\n]*\n)|~{3,})[^\n]*\n(?:.*?\n)?? {0,3}(?P=fence)[`~]*[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_SPAN = re.compile(r"(?<![`\\])(`+)(?!`)(?:[^\n]|\n(?![ \t]*\n))+?(?<!`)\1(?!`)")
_COMMENT = re.compile(r"\A<!--.*?-->\n+", re.DOTALL)
_BREADCRUMB = re.compile(r"^\[[^\n]*\]\([^\n]*\) › [^\n]*\n\n", re.MULTILINE)
_TAB = re.compile(rf"^\*\*({'|'.join(TABS)})\*\*\n\n", re.MULTILINE)
_END_OF_TABS = re.compile(r"^(?:<a id=|#{1,6} )", re.MULTILINE)
_ONLY_IN_MYST = re.compile(r"^(?=%|\+\+\+|:::|\([^\s()]*\)=)|(?=\{[^\s{}]+\}\0)", re.MULTILINE)


def without_code(text: str) -> str:
    """Text of the same length, with code blocks and code spans blanked out."""
    return _SPAN.sub(_blank, without_code_blocks(text))


def without_code_blocks(text: str) -> str:
    """Text of the same length, with code blocks blanked out."""
    return FENCE.sub(_blank, text)


def _blank(code: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "\0", code[0])


def from_forge(text: str, edition: str) -> str:
    """MyST of a page that was written for a forge: without notice and breadcrumb, with tabs."""
    text = _BREADCRUMB.sub("", without_notice(text), count=1)
    return tabs(escape_myst(text), DEVELOPERS_TABS if edition == "reader" else ())


def without_notice(text: str) -> str:
    """Text without the comment at its beginning that says that it is generated."""
    return _COMMENT.sub("", text)


def escape_myst(text: str) -> str:
    """Text in which whatever only MyST gives a meaning is escaped: comments, roles, targets, breaks."""
    places = [match.start() for match in _ONLY_IN_MYST.finditer(without_code(text))]
    for start in reversed(places):
        text = f"{text[:start]}\\{text[start:]}"
    return text


# --- tabs ----------------------------------------------------------------------------------------------


def tabs(text: str, left_out: tuple[str, ...] = ()) -> str:
    """Text in which each run of `**JSON**`, `**Python**` ... is a set of tabs."""
    return _with_tabs(text, left_out, _tab_set)


def without_tabs(text: str, left_out: tuple[str, ...]) -> str:
    """Text for a forge without some of the paragraphs `**JSON**`, `**Python**` ... and what they head."""
    return _with_tabs(text, left_out, lambda items: "".join(f"**{name}**\n\n{body}" for name, body in items))


def _with_tabs(text: str, left_out: tuple[str, ...], written: Callable[[list[tuple[str, str]]], str]) -> str:
    """Text in which each run of tabs, without those that are left out, is written in some way."""
    masked = without_code_blocks(text)
    pieces, end = [], 0
    for start, stop in _runs(masked):
        names = list(_TAB.finditer(masked, start, stop))
        ends = [*(each.start() for each in names[1:]), stop]
        items = [(name[1], text[name.end() : last]) for name, last in zip(names, ends, strict=True)]
        items = [each for each in items if each[0] not in left_out]
        pieces += [text[end:start], written(items) if items else ""]
        end = stop
    return "".join(pieces) + text[end:]


def _runs(masked: str) -> Iterator[tuple[int, int]]:
    """Where each set of tabs starts and ends: at the next anchor, heading, or the end of the page."""
    start = 0
    while first := _TAB.search(masked, start):
        stop = _END_OF_TABS.search(masked, first.end())
        start = stop.start() if stop else len(masked)
        yield first.start(), start


def _tab_set(items: list[tuple[str, str]]) -> str:
    longest = max((len(run) for _, body in items for run in re.findall("`{3,}", body)), default=2)
    inner, outer = "`" * (longest + 1), "`" * (longest + 2)
    body = "".join(f"{inner}{{tab-item}} {name}\n{content.strip()}\n{inner}\n" for name, content in items)
    return f"{outer}{{tab-set}}\n{body}{outer}\n\n"
