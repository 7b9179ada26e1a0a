"""The files for machines: catalog.json, JSON Schemas, Markdown beside each page, and llms.txt.

They are written beside the HTML. A file is written only if it differs, and removed when its page is gone.
The Markdown of a page is made again only if the page, or something that all pages depend on, has changed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

from auditwright_generator.files import read_regular
from auditwright_generator.output.incremental import generator_identity
from auditwright_generator.output.manifest import digest
from auditwright_generator.output.write import update_file
from auditwright_generator.sphinx.links import relink
from auditwright_generator.sphinx.llms_txt import PATH as LLMS_TXT
from auditwright_generator.sphinx.llms_txt import llms_txt
from auditwright_generator.sphinx.plain_markdown import plain_markdown
from auditwright_generator.sphinx.site import Reference, Site, site_of

BUILDERS = ("html", "dirhtml")
"""The builders of Sphinx that write a page for each document."""
_LIST = "auditwright-machine-files"
"""What was written, with the digest of what a page was made from: one on each line."""


# --- writing --------------------------------------------------------------------------------------------


def write_machine_files(app: Sphinx, exception: Exception | None) -> None:
    """Write all files for machines after a build without errors."""
    if exception is not None or app.builder.name not in BUILDERS:
        return
    site, out = site_of(app), Path(app.outdir)
    kept = Path(app.doctreedir) / _LIST
    former, inputs = _read_list(kept), _inputs_of_all(app, site)
    written = dict.fromkeys((LLMS_TXT, *site.files.values()), "")
    pages = {}
    for docname in markdown_pages(app):
        path = f"{docname}.md"
        text = (site.folder / path).read_text("utf-8")
        written[path] = digest(f"{inputs}\n{text}".encode())
        if former.get(path) != written[path] or not (out / path).is_file():
            update_file(out / path, _markdown(site, app, docname, text))
        pages[path] = (out / path).read_text("utf-8")
    update_file(out / LLMS_TXT, llms_txt(app, site, pages))
    for origin, path in site.files.items():
        update_file(out / path, read_regular(origin).decode())
    for path in sorted(former.keys() - written.keys()):
        (out / path).unlink(missing_ok=True)
    update_file(kept, "".join(f"{made} {path}\n" for path, made in sorted(written.items())))


def markdown_pages(app: Sphinx) -> Iterator[str]:
    """The pages that have a Markdown file."""
    return (name for name in sorted(app.env.found_docs) if _is_markdown(app, name))


def _is_markdown(app: Sphinx, docname: str) -> bool:
    return app.env.doc2path(docname).suffix == ".md"


def _markdown(site: Site, app: Sphinx, docname: str, text: str) -> str:
    return plain_markdown(relink(site, app.env, docname, text, warn=False), docname, site.edition)


def _inputs_of_all(app: Sphinx, site: Site) -> str:
    """The digest of what the Markdown of every page is made from, besides its own text."""
    places = sorted(f"{origin}\n{path}" for origin, path in (*site.by_origin.items(), *site.files.items()))
    parts = (generator_identity(), site.edition, site.source_url, *sorted(app.env.found_docs), *places)
    return digest("\n".join(parts).encode())


def _read_list(kept: Path) -> dict[str, str]:
    """What an earlier build wrote, with the digest of what a page was made from."""
    lines = kept.read_text("utf-8").splitlines() if kept.is_file() else []
    parts = (line.partition(" ") for line in lines)
    return {path: made for made, _, path in parts if path}


# --- links to them --------------------------------------------------------------------------------------


def link_machine_files(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Name the Markdown of a page in its head, and the files at the end of the pages of a reference."""
    if doctree is None or app.builder.name not in BUILDERS or not _is_markdown(app, pagename):
        return
    here = app.builder.get_target_uri(pagename)
    page = relative_uri(here, f"{pagename}.md")
    link = f'<link rel="alternate" type="text/markdown" href="{page}" title="Markdown">'
    context["metatags"] = f"{context.get('metatags') or ''}\n    {link}"
    for reference in site_of(app).references:
        if pagename.startswith(f"{reference.folder}/"):
            context["body"] = f"{context['body']}\n{_line(here, page, reference)}\n"


def _line(here: str, page: str, reference: Reference) -> str:
    """The paragraph at the end of a reference's page."""
    others = {
        f"{reference.folder}/catalog.json": "the catalog as JSON",
        f"{reference.folder}/json_schema/index.json": "JSON Schemas",
        LLMS_TXT: LLMS_TXT,
    }
    links = [(page, "this page as Markdown")]
    links += [(relative_uri(here, path), text) for path, text in others.items()]
    named = ", ".join(f'<a href="{target}">{text}</a>' for target, text in links)
    return f'<p class="auditwright-machines">For machines: {named}</p>'
