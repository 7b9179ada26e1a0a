"""Changes the ends of texts in a YAML file. Everything else stays byte for byte as it is.

Knows the styles of a text (plain, quoted, block) and nothing of catalogs. A change that would alter anything
else for the parser is left out.
"""

from collections.abc import Callable, Iterator, Mapping

import yaml

from auditwright_generator.source.scalars import read_plain

Start = tuple[int, int]
"""Line and column at which a text begins, counted from 1."""
Change = Callable[[str], str | None]
"""From a text to the same with more at its end or less, or None to leave it."""

_BLANK = " \t\r\n"


def change_ends(content: bytes, changes: Mapping[Start, Change]) -> tuple[bytes, list[Start]]:
    """The content of the file with the texts at these starts changed, and the starts that were."""
    try:
        text = content.decode()
        document = text.removeprefix("\ufeff")
        events = _parse(document)
    except (UnicodeDecodeError, yaml.YAMLError):
        return content, []
    starts = {number: start for number, start in _starts(events) if start in changes}
    wanted = {}
    for number, start in starts.items():
        new = changes[start](_value(events[number]))
        if new is not None and new != _value(events[number]):
            wanted[number] = new
    changed, impossible = _apply(document, events, wanted)
    while impossible:
        wanted = {number: new for number, new in wanted.items() if number not in impossible}
        changed, impossible = _apply(document, events, wanted)
    mark = text[: len(text) - len(document)]
    return f"{mark}{changed}".encode(), [starts[number] for number in wanted]


def _parse(document: str) -> list[yaml.Event]:
    return list(yaml.parse(document, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def _starts(events: list[yaml.Event]) -> Iterator[tuple[int, Start]]:
    """The number and the start of each scalar."""
    for number, event in enumerate(events):
        if isinstance(event, yaml.ScalarEvent) and event.start_mark is not None:
            yield number, (event.start_mark.line + 1, event.start_mark.column + 1)


def _value(event: yaml.Event) -> str:
    return str(getattr(event, "value", ""))


def _apply(document: str, events: list[yaml.Event], wanted: Mapping[int, str]) -> tuple[str, set[int]]:
    """The document with the new texts of events, and the events for which that is impossible."""
    pieces, at, impossible = [], 0, set()
    for number, new in wanted.items():
        edit = _edit(document, events[number], new)
        if edit is None:
            impossible.add(number)
        else:
            start, end, added = edit
            pieces += [document[at:start], added]
            at = end
    changed = "".join((*pieces, document[at:]))
    expected = list(map(_meaning, events))
    for number in wanted.keys() - impossible:
        expected[number] = (*expected[number][:-1], wanted[number])
    try:
        found = list(map(_meaning, _parse(changed)))
    except yaml.YAMLError:
        found = []
    if len(found) != len(expected):
        return document, set(wanted)
    different = {number for number in range(len(found)) if found[number] != expected[number]}
    return changed, impossible | (different if different <= wanted.keys() else set(wanted))


def _edit(document: str, event: yaml.Event, new: str) -> tuple[int, int, str] | None:
    """What to replace in the document and by what; None if the file does not end the text like that."""
    if not isinstance(event, yaml.ScalarEvent) or event.start_mark is None or event.end_mark is None:
        return None
    if event.implicit[0] and read_plain(new) != (new, None):
        return None  # without quotes it would no longer be a text
    start, end = event.start_mark.index, event.end_mark.index
    if event.style in ("'", '"'):
        end -= 1
    end = start + len(document[start:end].rstrip(_BLANK))
    before, after = event.value.rstrip(_BLANK), new.rstrip(_BLANK)
    if after.startswith(before):
        return end, end, after.removeprefix(before)
    removed = before.removeprefix(after)
    return (end - len(removed), end, "") if document.endswith(removed, start, end) else None


def _meaning(event: yaml.Event) -> tuple[object, ...]:
    """All that the parser says of an event besides where it is; the value is last."""
    if isinstance(event, yaml.ScalarEvent):
        return (event.anchor, event.tag, event.implicit, event.style, event.value)
    return (type(event), *(getattr(event, name, None) for name in ("anchor", "tag", "flow_style")))
