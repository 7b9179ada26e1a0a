"""The site of `sample_site.py` for the tests in a browser, on loopback and as files.

`served_site` has the folder and the address; `visit` opens pages, and its test fails for a request to another
host. A module imports the fixtures by their `make_` names, and those of the browser from `browser.py`.
"""

import functools
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.support.browser import SIZE

from playwright.sync_api import Browser, BrowserContext, Page, Route  # isort: skip

ELSEWHERE = re.compile(r"^(?!http://127\.0\.0\.1:|file:|data:|about:|blob:)")


@dataclass(frozen=True)
class ServedSite:
    """A built site: its folder, and where it is served."""

    folder: Path
    url: str


@pytest.fixture(scope="module", name="served_site")
def make_served_site(sample_site: Path) -> Iterator[ServedSite]:
    """The site of the samples, served on loopback."""
    with _Server(("127.0.0.1", 0), functools.partial(_Handler, directory=str(sample_site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield ServedSite(sample_site, f"http://127.0.0.1:{server.server_address[1]}/")
        server.shutdown()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as the base class names it
        """Say nothing."""


@dataclass
class SiteVisit:
    """Opens pages of the site: `visit("guide.html")`. The options are those of a context of Playwright."""

    browser: Browser
    site: ServedSite
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
def make_site_visits(browser: Browser, served_site: ServedSite) -> SiteVisit:
    return SiteVisit(browser, served_site)


@pytest.fixture(name="visit")
def make_site_visit(site_visits: SiteVisit) -> Iterator[SiteVisit]:
    yield site_visits
    site_visits.finish()
