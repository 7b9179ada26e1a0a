"""The navigation: hidden toctrees, made from the catalog of each reference.

The root leads to references and single pages, a reference to its levels and indexes, a level to its
categories, and a category to the pages that continue it.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from auditwright_generator.sphinx.markdown import without_code
from auditwright_generator.sphinx.site import Reference, Site

INDEXES = (
    *("events", "fields", "enums", "sensitive", "targets", "inventory", "entry", "json_schema", "changes"),
)
"""Pages of a reference besides its levels, in the order of the navigation; those that exist are shown."""

_COMMENT = re.compile(r"^<!-- toctree\n(.*?)-->$", re.MULTILINE | re.DOTALL)
_DIRECTIVE = re.compile(r"^```\{toctree\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def add_toctree(site: Site, docname: str, text: str) -> str:
    """The text of a page with hidden toctrees for the pages below it."""
    for match in reversed(list(_COMMENT.finditer(without_code(text)))):
        text = text[: match.start()] + _toctree(match[1].split("\n")) + text[match.end() :]
    listed = {docname, *(_listed_by_hand(site) if docname == site.root else ())}
    pages = [page for page in _below(site, docname) if page not in listed]
    return f"{text.rstrip()}\n\n{_toctree(f'/{page}' for page in pages)}" if pages else text


def _toctree(lines: Iterable[str]) -> str:
    """A hidden toctree of the entries; lines such as `:caption: Guides` are its options."""
    stripped = [line.strip() for line in lines if line.strip()]
    options = "".join(f"{line}\n" for line in stripped if line.startswith(":"))
    entries = "".join(f"{line}\n" for line in stripped if not line.startswith(":"))
    return f"```{{toctree}}\n:hidden:\n:titlesonly:\n{options}\n{entries}```\n"


def _listed_by_hand(site: Site) -> Iterator[str]:
    """The pages that hand-written pages put into a toctree, so that none is in the navigation twice."""
    for path in site.folder.rglob("*.md"):
        if path.relative_to(site.folder).as_posix() not in site.copies:
            text = path.read_text("utf-8")
            for match in (*_COMMENT.finditer(without_code(text)), *_DIRECTIVE.finditer(text)):
                yield from (_page_of(line) for line in match[1].splitlines())


def _page_of(entry: str) -> str:
    """The page of a line of a toctree: `Reference </reference/index>` is `reference/index`."""
    return entry.strip().removesuffix(">").rpartition("<")[2].removeprefix("/").removesuffix(".md")


def _below(site: Site, docname: str) -> Iterator[str]:
    """The pages that the navigation shows below a page."""
    if docname == site.root:
        yield from (f"{reference.folder}/index" for reference in site.references)
        yield from (path.removesuffix(".md") for path in site.pages)
    for reference in site.references:
        if docname.startswith(f"{reference.folder}/"):
            name = docname.removeprefix(f"{reference.folder}/")
            below = (f"{reference.folder}/{each}" for each in _below_page(reference, name))
            yield from (page for page in below if f"{page}.md" in site.copies)


def _below_page(reference: Reference, name: str) -> Iterator[str]:
    """The pages below a page of a reference, whether they exist or not."""
    levels = {
        level.name: [each.identifier for each in level.categories] for level in reference.catalog.levels
    }
    without_level = levels.pop("", [])
    docs = reference.generated / "docs"
    level, _, page = name.partition("/")
    if name == "index":
        for each, categories in levels.items():
            has_index = (docs / each / "index.md").is_file()
            yield from [f"{each}/index"] if has_index else [f"{each}/{category}" for category in categories]
        yield from without_level
        yield from INDEXES
        yield from (f"index/{number}" for number in _continuations(docs / "index"))
    elif page == "index":
        yield from (f"{level}/{category}" for category in levels.get(level, ()))
    if name in INDEXES or page == "index" or page in levels.get(level, ()) or name in without_level:
        yield from (f"{name}/{number}" for number in _continuations(docs / name))


def _continuations(folder: Path) -> list[str]:
    """The numbers of the pages that continue the page of a folder's name."""
    return sorted((path.stem for path in folder.glob("*.md") if path.stem.isdecimal()), key=int)
