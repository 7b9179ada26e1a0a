"""`changes.md`: the versions of a catalog and what changed in each, as Markdown.

A pure function of the history. The words of a change are those of `auditwright diff`; here they name events
and fields by title, and link to the events that the reference still has.
"""

import re

from auditwright_generator.diff.change import CatalogChange, shown
from auditwright_generator.diff.history import History, Version
from auditwright_generator.diff.report import marked
from auditwright_generator.diff.rules import AUDIENCES
from auditwright_generator.findings import counted
from auditwright_generator.model import Catalog, category_path
from auditwright_generator.targets.templating import markdown_cell

MAX_CHANGES = 200
"""How many changes of one version are listed."""
MAX_LINES = 600
"""How many changes the page lists in all, newest first."""
HEADINGS = {
    "Breaking": "Breaking changes",
    "Added": "Added",
    "Deprecated": "Deprecated",
    "Changed": "Other changes",
}
"""The sections of a version, in order, by the sections of the rules."""
_INTRODUCTION = "What changed in each version of the catalog, the newest first.\n"
_HOW_TO_GIVE_VERSIONS = (
    "Without git, `auditwright_versions` in conf.py can name a folder with the `catalog.json` of each older "
    "version.\n"
)
_HEAD = "<!-- Made when the site is built, from the older versions of the catalog. DO NOT EDIT. -->\n"


def changes_page(history: History, current: Catalog) -> str:
    """The page; `current` is the catalog of the reference, to which it links."""
    links = _Links(current)
    parts = [f"{_HEAD}\n# Changes\n", _INTRODUCTION]
    parts += [f"{note}\n" for note in map(marked, history.notes)]
    if not history.is_known:
        parts.append(_HOW_TO_GIVE_VERSIONS)
    left = MAX_LINES
    for version in history.versions:
        most = min(left, MAX_CHANGES)
        parts.append(_version(version, links, most))
        left -= min(most, len(version.comparison.changes) if version.comparison else 0)
    if history.omitted:
        parts.append(f"Not shown: {counted(history.omitted, 'older version')}.\n")
    if any(version.comparison and version.comparison.breaks for version in history.versions):
        parts.append(_audiences())
    return "\n".join(parts)


def _audiences() -> str:
    rows = "".join(f"| {who} | {meaning} |\n" for who, meaning in AUDIENCES.items())
    return (
        f'<a id="whom-a-change-breaks"></a>\n\n## Whom a change breaks\n\n| Who | What |\n|---|---|\n{rows}'
    )


def anchor(version: str) -> str:
    """The anchor of a version: `version-1-0-1`."""
    return "version-" + re.sub("[^0-9a-zA-Z]", "-", version.replace("+", "--"))


def _version(version: Version, links: "_Links", most: int) -> str:
    date = f" ({version.date})" if version.date else ""
    parts = [f'<a id="{anchor(version.version)}"></a>\n\n## {markdown_cell(version.version)}{date}\n']
    parts.append(f"{_summary(version)}\n")
    if version.comparison:
        changes = sorted(version.comparison.changes, key=_order)
        names = links.between(version)
        for section, heading in HEADINGS.items():
            lines = [_line(version, each, names) for each in changes[:most] if each.rule.section == section]
            if lines:
                parts.append(f"### {heading}\n\n" + "".join(lines))
        if changes[most:]:
            parts.append(f"Not listed: {counted(len(changes) - most, 'further change')}.\n")
    return "\n".join(parts)


def _order(change: CatalogChange) -> tuple[int, str, str, str]:
    return list(HEADINGS).index(change.rule.section), change.key, change.rule.code, change.what


def _summary(version: Version) -> str:
    """The first sentences below the heading of a version."""
    said = [version.note] if version.note else []
    if version.problem:
        said.append(f"The catalog of this version cannot be read: {marked(version.problem)}.")
    elif version.comparison and version.comparison.changes:
        total, breaks = len(version.comparison.changes), len(version.comparison.breaks)
        breaking = f"{breaks} of them breaking" if breaks else "none of them breaking"
        said.append(f"{counted(total, 'change')} since {version.comparison.old_version}, {breaking}.")
    elif version.comparison:
        said.append(f"Nothing changed since {version.comparison.old_version}.")
    elif version.catalog:
        size = counted(len(list(version.catalog.events)), "event")
        size += f" in {counted(len(version.catalog.levels), 'level')}" if version.catalog.has_levels else ""
        said.append(f"The first version that is known, with {size}.")
    return " ".join(said)


# --- one change -----------------------------------------------------------------------------------------


def _line(version: Version, change: CatalogChange, names: "_Names") -> str:
    subject, what, title = _subject(change, names)
    said = marked(what + change.reach, lambda key: names.reference(key, title))
    sentences = [_ended(f"{subject}: {said}")]
    if change.rule.effect == "break":
        sentences.append(f"*Breaks {', '.join(change.rule.audiences)}*: {marked(change.rule.why)}.")
        reason = version.comparison.accepted.reason(change) if version.comparison else None
        if reason is not None:
            sentences.append(f"Accepted: {markdown_cell(reason)}")
    return f"- {' '.join(sentences)}\n"


def _ended(sentence: str) -> str:
    """A sentence with its full stop, unless it ends with a quoted one."""
    return sentence if sentence.endswith('."') else f"{sentence}."


def _subject(change: CatalogChange, names: "_Names") -> tuple[str, str, str]:
    """What changed, in words and with a link; what happened to it, without its title again; and the title."""
    if change.subject.field is None:
        subject, kind, title = names.thing(change.key)
        return subject, _without_title(change.what, kind, title), title
    owner, _, field = change.key.rpartition(".")
    title = names.field_title(change, field)
    where = f"{names.thing(owner)[0]}, field" if owner else "Field"
    return f"{where} *{markdown_cell(title)}*", _without_title(change.what, "field", title), ""


def _without_title(what: str, kind: str, title: str) -> str:
    """`the event "Model added" was added` -> `the event was added`."""
    name = shown(title)
    what = re.sub(r" was (.+) and is now \1$", " has changed", what)  # long texts, equal at their beginnings
    what = re.sub(rf"^the {kind} {re.escape(name)}", f"the {kind}", what) if kind else what
    what = re.sub(r"^the field, ([a-z ]+), was added$", r"the field was added (\1)", what)
    what = re.sub(r"^the field, ([a-z ]+), was added as (.+)$", r"the field was added (\1, \2)", what)
    return what.removeprefix(f"{name} ")


class _Links:
    """Where the reference has its events, categories and levels."""

    def __init__(self, current: Catalog) -> None:
        self.events = {key: event.key for event in current.events for key in (*event.aliases, event.key)}
        self.categories = {category.key for category in current.categories}
        self.levels = {level.name for level in current.levels}
        self.has_levels = current.has_levels

    def between(self, version: Version) -> "_Names":
        """The names of what a version and the version before it have."""
        catalogs = [each for each in (version.older, version.catalog) if each]
        return _Names(self, catalogs)

    def event(self, key: str, text: str) -> str:
        """A link to an event, or only the text if the reference no longer has it."""
        if key not in self.events:
            return text
        category, _, name = self.events[key].rpartition(".")
        return f"[{text}]({category_path(category, self.has_levels)}.md#{name})"

    def category(self, key: str, text: str) -> str:
        """A link to a category."""
        return f"[{text}]({category_path(key, self.has_levels)}.md)" if key in self.categories else text


class _Names:
    """The titles of two catalogs, the older and the newer one. A newer title wins."""

    def __init__(self, links: _Links, catalogs: list[Catalog]) -> None:
        self._links = links
        events = [event for catalog in catalogs for event in catalog.events]
        self._events = {event.key: event.title for event in events}
        self._fields: dict[str, dict[str, str]] = {}
        for event in events:
            for field in event.fields:
                self._fields.setdefault(field.name, {})[event.key] = field.title
        self._categories = {each.key: each.title for catalog in catalogs for each in catalog.categories}
        self._levels = {level.name: level.title for catalog in catalogs for level in catalog.levels}

    def thing(self, key: str) -> tuple[str, str, str]:
        """An event, a category, a level or the catalog: in words with a link, its kind and its title."""
        if key in self._events:
            title = self._events[key]
            link = self._links.event(key, markdown_cell(title))
            return f"{link} ({self._category_title(key.rpartition('.')[0])})", "event", title
        if key in self._categories:
            title = self._categories[key]
            return self._links.category(key, self._category_title(key)), "category", title
        if key and key in self._levels:
            return markdown_cell(self._levels[key]), "level", self._levels[key]
        return "The catalog", "", ""

    def reference(self, key: str, subject: str) -> str:
        """A key in a message: the title of its event or category with a link, or code if that says more.

        `subject` is the title that the sentence has already named.
        """
        title = self._events.get(key, self._categories.get(key, subject))
        text = f"`{key}`" if title == subject else markdown_cell(title)
        return self._links.event(key, text) if key in self._events else self._links.category(key, text)

    def _category_title(self, key: str) -> str:
        """The title of a category, with that of its level if another category has the same title."""
        title = self._categories[key]
        twins = [other for other, each in self._categories.items() if each == title and other != key]
        level = self._levels.get(key.partition(".")[0], "")
        return markdown_cell(f"{level}, {title}" if twins and level else title)

    def field_title(self, change: CatalogChange, name: str) -> str:
        """The title of a field, in the events that changed if they have it."""
        titles = self._fields.get(name, {})
        own = [titles[key] for key in change.events if key in titles]
        return next(iter([*own, *titles.values()]), name)
