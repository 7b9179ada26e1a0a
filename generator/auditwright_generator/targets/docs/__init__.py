"""The reference in Markdown: pages of levels, categories and events, indexes, and pages about entries.

The pages read well where the repository is viewed; `auditwright_generator.sphinx` builds a site from them.
"""

from __future__ import annotations

from auditwright_generator.model import Catalog, Category, Level
from auditwright_generator.names import OWN_PACKAGE
from auditwright_generator.targets.docs import category as category_pages
from auditwright_generator.targets.docs import entry, indexes, inventory, overview
from auditwright_generator.targets.json_schema import keyword, schema_path
from auditwright_generator.targets.python_code import path_of_categories
from auditwright_generator.targets.templating import header, render


def whole(catalog: Catalog) -> dict[str, str]:
    """`README.md`, and in `docs/` the levels, the indexes, the inventory and `entry.md`."""
    head = header(f"{catalog.folder}/")
    paths = (schema_path(catalog, event) for event in catalog.events)
    path = path_of_categories(catalog, "/")
    example = next(paths, f"{catalog.package}/json_schema/{path}/<event>.json")
    return {
        "README.md": render(
            "README.md.j2", head=head, catalog=catalog, installable=catalog.package != OWN_PACKAGE
        ),
        "docs/json_schema.md": render(
            "json_schema.md.j2",
            head=head,
            catalog=catalog,
            example=example,
            path=path,
            keywords=[keyword(key.name) for key in catalog.annotation_keys],
        ),
        "docs/entry.md": entry.page(catalog),
        **{f"docs/{path}": text for path, text in overview.pages(catalog).items()},
        **{f"docs/{path}": text for path, text in indexes.pages(catalog).items()},
        **{f"docs/{path}": text for path, text in inventory.files(catalog).items()},
    }


def of_category(catalog: Catalog, level: Level, category: Category) -> dict[str, str]:
    """`docs/<level>/<category>.md`, and its further pages."""
    return {f"docs/{path}": text for path, text in category_pages.pages(catalog, level, category).items()}
