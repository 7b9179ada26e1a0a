"""One built site for the tests in a browser: three references and a guide, on loopback and as files.

`built_site` has the folder and the address; `visit` opens pages, and its test fails for a request to another
host. A module imports the fixtures by their `make_` names, and those of the browser from `browser.py`.
"""

import functools
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.generator.run_command import run
from tests.support.browser import SIZE
from tests.support.paths import ROOT

from auditwright_generator import cli

from playwright.sync_api import Browser, BrowserContext, Page, Route  # isort: skip

CONF = """
project = "Acme audit log"
extensions = ["auditwright_generator.sphinx"]
auditwright_references = {"reference": %r, "sink": %r, "hostile": "../generated"}
auditwright_versions = {"sink": "../versions"}
"""

INDEX = """# Acme audit log

What our software records.

<!-- toctree
guide
-->
"""

GUIDE = """# A guide

Read [the reference](reference/index.md), or [a page elsewhere](https://acme.example/help).

| Setting | Type | Default | Since | Meaning of the setting | A word that no screen has the room for |
|---|---|---|---|---|---|
| `a_setting_with_a_long_name` | Text | none | 1.0 | What it is | abcdefghijklmnopqrstuvwxyz0123456789 |

```sh
auditwright generate --catalog a/folder/of/a/catalog --out another/folder/that/makes/this/a/long/line --check
```

<details><summary>More about it</summary>

Folded text.

</details>
"""

WORD = "Donaudampfschifffahrtsgesellschaft" * 4
HOSTILE_TITLE = "<script>document.title='taken'</script> & \"A · B\" `|` {x}"

HOSTILE_CATALOG = f"""format: 1
package: hostile_events
title: '<b>Hostile</b> & {WORD[:60]}'
description: 'Texts with | pipes, `ticks`, {{braces}} and \\ backslashes.'
version: 1.0.0
levels:
  search:
    title: 'Level "one" | <i>'
    metadata: [search]
"""

HOSTILE_FIELDS = f"""search:
  title: '<img src=x onerror=alert(1)> | {WORD[:70]}'
  type: string
  description: 'Any `text`.'
"""

HOSTILE_CATEGORY = f"""category: fields
title: 'רחל ברוך-סגל & <b>'
description: 'Any *text* _here_.'
events:
  static:
    title: '{HOSTILE_TITLE.replace("'", "''")}'
    description: 'It happened to {WORD}, or to somebody else.'
    message: '{{actor}} did it to {{search}}.'
    example: {{search: '</script><script>document.title=1</script>'}}
"""


ELSEWHERE = re.compile(r"^(?!http://127\.0\.0\.1:|file:|data:|about:|blob:)")


@dataclass(frozen=True)
class BuiltSite:
    """A site as it was built: its folder, and where it is served."""

    folder: Path
    url: str


@pytest.fixture(scope="module", name="built_site")
def make_built_site(tmp_path_factory: pytest.TempPathFactory, kitchen_sink: Path) -> Iterator[BuiltSite]:
    """The site, built by plain Sphinx with warnings as errors."""
    base = tmp_path_factory.mktemp("built_site")
    _write_sources(base, kitchen_sink)
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        str(base / "docs"),
        str(base / "site"),
    ]
    built = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    with _Server(("127.0.0.1", 0), functools.partial(_Handler, directory=str(base / "site"))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield BuiltSite(base / "site", f"http://127.0.0.1:{server.server_address[1]}/")
        server.shutdown()
        thread.join()


def _write_sources(base: Path, kitchen_sink: Path) -> None:
    newer = (kitchen_sink / "kitchen_sink_events" / "catalog.json").read_text("utf-8")
    texts = {
        "versions/older.json": newer.replace("0.3.0-beta.1", "0.2.0").replace(
            "Device moved", "Device carried"
        ),
        "docs/conf.py": CONF % (str(ROOT / "generated"), str(kitchen_sink)),
        "docs/index.md": INDEX,
        "docs/guide.md": GUIDE,
        "catalog/catalog.yaml": HOSTILE_CATALOG,
        "catalog/fields.yaml": HOSTILE_FIELDS,
        "catalog/search/fields.yaml": HOSTILE_CATEGORY,
    }
    for name, text in texts.items():
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text(text, "utf-8")
    assert run(cli.generate, "--catalog", str(base / "catalog"), "--out", str(base / "generated")) == 0


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as the base class names it
        """Say nothing."""


@dataclass
class SiteVisit:
    """Opens pages of the site: `visit("guide.html")`. The options are those of a context of Playwright."""

    browser: Browser
    site: BuiltSite
    foreign: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)
    plain: Page | None = None

    def __call__(self, path: str = "index.html", *, from_file: bool = False, **options: Any) -> Page:
        """A page of the site; without options it is one that earlier tests have used."""
        if options:
            page = self._new(**options)
            self.contexts.append(page.context)
        else:
            page = self.plain = self.plain or self._new()
        page.goto((f"{self.site.folder.as_uri()}/" if from_file else self.site.url) + path)
        return page

    def finish(self) -> None:
        """Leave all pages; fails for requests to other hosts."""
        for context in self.contexts:
            context.close()
        if self.plain:
            self.plain.goto("about:blank")
            self.plain.set_viewport_size(SIZE)
            self.plain.emulate_media(color_scheme="null", media="null")
        foreign = [*self.foreign]
        self.contexts.clear()
        self.foreign.clear()
        assert foreign == []

    def _new(self, **options: Any) -> Page:
        context = self.browser.new_context(
            **{"viewport": SIZE, "locale": "en-GB", "reduced_motion": "reduce", **options}
        )
        context.set_default_timeout(10_000)
        context.route(ELSEWHERE, self._refuse)
        return context.new_page()

    def _refuse(self, route: Route) -> None:
        self.foreign.append(route.request.url)
        route.abort()


@pytest.fixture(scope="module", name="site_visits")
def make_site_visits(browser: Browser, built_site: BuiltSite) -> SiteVisit:
    return SiteVisit(browser, built_site)


@pytest.fixture(name="visit")
def make_site_visit(site_visits: SiteVisit) -> Iterator[SiteVisit]:
    yield site_visits
    site_visits.finish()
