"""Changes the ends of texts in a YAML file. Everything else stays byte for byte as it is.

Knows the styles of a text (plain, quoted, block) and nothing of catalogs. A change that would alter anything
else for the parser is left out.
"""

from collections.abc import Callable, Mapping

import yaml

from auditwright_generator.source.scalars import read_plain

Place = tuple[int, int]
"""Line and column at which a text begins, counted from 1."""
Change = Callable[[str], str | None]
"""From a text to the same with more at its end or less, or None to leave it."""

_BLANK = " \t\r\n"


def change_ends(content: bytes, changes: Mapping[Place, Change]) -> tuple[bytes, list[Place]]:
    """The content of the file with the texts at these places changed, and the places that were."""
    try:
        text = content.decode()
        document = text.removeprefix("\ufeff")
        events = _parse(document)
    except (UnicodeDecodeError, yaml.YAMLError):
        return content, []
    wanted = [(place, number, new) for number, place, new in _wanted(events, changes)]
    changed = _apply(document, events, [(number, new) for _, number, new in wanted])
    if changed is None:  # one of them is impossible: try each alone
        possible = [each for each in wanted if _apply(document, events, [each[1:]]) is not None]
        changed, wanted = _apply(document, events, [each[1:] for each in possible]), possible
    if changed is None or not wanted:
        return content, []
    mark = text[: len(text) - len(document)]
    return f"{mark}{changed}".encode(), [place for place, _, _ in wanted]


def _parse(document: str) -> list[yaml.Event]:
    return list(yaml.parse(document, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def _wanted(events: list[yaml.Event], changes: Mapping[Place, Change]) -> list[tuple[int, Place, str]]:
    """The numbers of the events to change, their places and their new texts."""
    found = []
    for number, event in enumerate(events):
        if isinstance(event, yaml.ScalarEvent) and event.start_mark is not None:
            place = event.start_mark.line + 1, event.start_mark.column + 1
            change = changes.get(place)
            new = change(event.value) if change else None
            if new is not None and new != event.value:
                found.append((number, place, new))
    return found


def _apply(document: str, events: list[yaml.Event], wanted: list[tuple[int, str]]) -> str | None:
    """The document with the changes; None if the parser would see any other difference."""
    pieces, at = [], 0
    for number, new in wanted:
        event = events[number]
        assert isinstance(event, yaml.ScalarEvent)  # noqa: S101 - `_wanted` gives no others
        edit = _edit(document, event, new)
        if edit is None or (event.implicit[0] and read_plain(new) != (new, None)):
            return None
        start, end, added = edit
        pieces += [document[at:start], added]
        at = end
    changed = "".join((*pieces, document[at:]))
    expected = [_meaning(event) for event in events]
    for number, new in wanted:
        expected[number] = (*expected[number][:-1], new)
    try:
        return changed if [_meaning(event) for event in _parse(changed)] == expected else None
    except yaml.YAMLError:
        return None


def _edit(document: str, event: yaml.ScalarEvent, new: str) -> tuple[int, int, str] | None:
    """What to replace in the document and by what; None if the end is written with escapes."""
    assert event.start_mark is not None and event.end_mark is not None  # noqa: S101, PT018 - as above
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
    """All that the parser says of an event besides its place; the value is last."""
    names = ("anchor", "tag", "implicit", "style", "flow_style", "value")
    return (type(event), *(getattr(event, name, None) for name in names))
