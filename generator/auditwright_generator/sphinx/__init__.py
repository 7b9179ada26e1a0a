"""A Sphinx extension that builds one site from guides and from what `auditwright generate` writes.

A site is a folder with a `conf.py` and Markdown files:

    project = "Acme audit log"
    extensions = ["auditwright_generator.sphinx"]
    auditwright_references = {"reference": "../generated"}

`auditwright_references`
    Folder of the site -> folder that `auditwright generate` writes, relative to `conf.py`.
    Its Markdown is copied to that folder of the site, which git ignores.
`auditwright_pages`
    Markdown file of the site -> a single file from elsewhere, such as `{"changelog.md": "../CHANGELOG.md"}`.
`auditwright_edition`
    `"developer"`, or `"reader"` for a site without Python, queries and the page about validation.
`auditwright_source_url`
    Where the files of the repository can be viewed, such as `https://example.com/acme/blob/main`.
    Links to files that are not on the site lead there; without it they become plain text.
`auditwright_versions`
    Folder of a reference on the site -> where older versions of its catalog are: the folder of
    `catalog.yaml`, whose history in git is read, or a folder with the `catalog.json` of each older version.
    Such a reference has a page of changes.
`auditwright_html_tables`
    True by default: tables are written as HTML, which takes less than half of the time.
    False gives them to Sphinx, which builders other than HTML need.

A mistake in these values is an `InvalidSite`. Pages of the site are ordinary MyST Markdown. In them a comment
`<!-- toctree` with a page on each line and `-->` becomes a hidden toctree, which a forge does not show.
Options such as `:caption: Guides` can stand before the pages.
"""

from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from auditwright_generator.sphinx import (
    anchors,
    copies,
    domain,
    history_page,
    links,
    machine_files,
    markdown,
    marks,
    menus,
    navigation,
    settings,
    stems,
    tables,
)
from auditwright_generator.sphinx.defaults import set_defaults
from auditwright_generator.sphinx.site import InvalidSite, Site, set_site, site_of

__all__ = ["InvalidSite", "Site", "setup", "site_of"]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the configuration, the extensions that the pages need, and the steps of a build."""
    app.add_config_value("auditwright_references", {}, "env", types=[dict])
    app.add_config_value("auditwright_pages", {}, "env", types=[dict])
    app.add_config_value("auditwright_edition", "developer", "env", types=[str])
    app.add_config_value("auditwright_source_url", "", "env", types=[str])
    app.add_config_value("auditwright_versions", {}, "", types=[dict])
    app.add_config_value("auditwright_html_tables", True, "env", types=[bool])
    for extension in ("myst_parser", "sphinx_design", "sphinx_copybutton"):
        app.setup_extension(extension)
    set_defaults(app)
    app.add_domain(domain.AuditDomain)
    app.add_search_language(stems.RememberingEnglish)
    # In the order in which Sphinx calls them.
    app.connect("config-inited", copy_pages)
    app.connect("config-inited", marks.add_static_files)
    app.connect("env-get-outdated", links.pages_with_broken_links)
    app.connect("source-read", convert_page)
    app.connect("doctree-read", anchors.move_anchors, priority=100)
    app.connect("doctree-read", marks.mark_page, priority=200)  # sections have the ids of their events
    app.connect("env-updated", domain.find_objects)
    app.connect("doctree-resolved", links.resolve_links)
    app.connect("html-page-context", machine_files.link_machine_files)
    app.connect("html-page-context", menus.correct_menus, priority=900)  # after the theme
    app.connect("build-finished", machine_files.write_machine_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def copy_pages(app: Sphinx, config: Config) -> None:
    """Read the configuration, and copy the pages from elsewhere into the folder of the site."""
    site = settings.read_site(app, config)
    set_site(app, site)
    history_page.add_changes(app, config, site)
    copies.write_copies(site.folder, site.copies)


def convert_page(app: Sphinx, docname: str, content: list[str]) -> None:
    """Turn the Markdown of a forge into MyST."""
    site = site_of(app)
    text = links.relink(site, app.env, docname, content[0])
    if site.is_copy(docname):
        text = markdown.from_forge(text, site.edition)
    if app.config.auditwright_html_tables:
        text = tables.tables_as_html(text, docname)
    content[0] = navigation.add_toctree(site, docname, text)
