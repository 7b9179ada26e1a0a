"""`llms.txt`: an index of the site's Markdown for language models, in the format of llmstxt.org.

A title, a summary, and sections of links, each with a line about its page, in the order of the navigation.
"""

from collections.abc import Iterator, Mapping

from sphinx import addnodes
from sphinx.application import Sphinx

from auditwright_generator.findings import counted
from auditwright_generator.sphinx.plain_markdown import title_and_summary
from auditwright_generator.sphinx.site import Reference, Site

PATH = "llms.txt"


def llms_txt(app: Sphinx, site: Site, pages: Mapping[str, str]) -> str:
    """The text; `pages` has the Markdown of each page by path."""
    config, root = app.config, app.config.root_doc
    summary = title_and_summary(pages.get(f"{root}.md", ""))[1]
    sections: dict[str, list[str]] = {}
    for section, docname in _walk(app, root, ""):
        if docname != root and f"{docname}.md" in pages:
            sections.setdefault(section, []).append(_entry(app, docname, pages[f"{docname}.md"]))
    sections["For machines"] = [line for reference in site.references for line in _files_of(reference)]
    title = config.html_title or config.project
    parts = [f"# {' '.join(title.split())}\n", *([f"> {summary}\n"] if summary else [])]
    parts += [f"## {section}\n\n{''.join(entries)}" for section, entries in sections.items() if entries]
    return "\n".join(parts)


def _files_of(reference: Reference) -> Iterator[str]:
    """The files of a reference that are not pages."""
    events = counted(len(list(reference.catalog.events)), "event")
    files = {
        f"{reference.folder}/catalog.json": f"the whole catalog, {events}",
        f"{reference.folder}/json_schema/index.json": "the path of the JSON Schema of each event, by its key",
    }
    if reference.inventory.is_file():
        files[f"{reference.folder}/inventory.csv"] = "what is logged, with the annotations of each event"
    yield from (f"- [{path}]({path}): {text}\n" for path, text in files.items())


def _entry(app: Sphinx, docname: str, text: str) -> str:
    summary = title_and_summary(text)[1]
    title = app.env.titles[docname].astext().replace("[", "(").replace("]", ")")
    return f"- [{title}]({docname}.md)" + (f": {summary}\n" if summary else "\n")


def _walk(app: Sphinx, root: str, section: str) -> Iterator[tuple[str, str]]:
    """Every page once, in the order of the navigation, with the section where it belongs.

    That is the caption of its toctree, or the title of the page of the first level above it.
    """
    seen: set[str] = set()
    waiting = [(section, root)]
    while waiting:
        section, docname = waiting.pop()
        if docname in seen or docname not in app.env.titles:
            continue
        seen.add(docname)
        yield section or "Pages", docname
        below = [
            (caption or section or _title(app, child), child) for caption, child in _children(app, docname)
        ]
        waiting += reversed(below)
    yield from (("Pages", docname) for docname in sorted(app.env.found_docs - seen))


def _children(app: Sphinx, docname: str) -> Iterator[tuple[str, str]]:
    """The pages in the toctrees of a page, with the caption of each toctree."""
    if docname in app.env.toctree_includes:
        for toctree in app.env.get_doctree(docname).findall(addnodes.toctree):
            for child in toctree["includefiles"]:
                yield toctree.get("caption") or "", child


def _title(app: Sphinx, docname: str) -> str:
    """The title of a page that has others below it, as the name of their section; "" for one without."""
    is_section = docname in app.env.toctree_includes and docname in app.env.titles
    return app.env.titles[docname].astext() if is_section else ""
