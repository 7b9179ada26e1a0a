"""A real browser at a real server: the fixtures of the tests of the Audit Logs page.

`site` is uvicorn on loopback over a log of its own, one a module; `visit` opens pages of it, and its test
fails on whatever went wrong in one of them that the test did not say. A module imports the fixtures by their
`make_` names. Playwright's loop would be in the way of other modules' own, so no browser outlives its module.
"""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NoReturn

import pytest
import starlette.requests
import uvicorn
from fastapi import FastAPI

from auditwright import Actor, AuditLog, Entry, SecretKey
from auditwright.server import Principal, create_app

CHROMIUM = Path("/usr/bin/chromium")


def _skip(what: str, install: str) -> NoReturn:
    pytest.skip(f"{what} is not installed: {install}", allow_module_level=True)


if not CHROMIUM.exists():
    _skip("chromium", "apt-get install -y chromium")
try:
    from axe_playwright_python.base import AXE_SCRIPT, AxeResults  # type: ignore[import-untyped]
    from playwright.sync_api import (
        Browser,
        BrowserContext,
        Page,
        Playwright,
        Request,
        ViewportSize,
        sync_playwright,
    )
except ImportError as missing:
    _skip(str(missing.name), "python -m pip install playwright axe-playwright-python")

ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
RESOLVER = "--host-resolver-rules=MAP *.example 127.0.0.1"
"""Names of this machine that are not local: for them browsers treat plain HTTP as what it is elsewhere."""
SIZE: ViewportSize = {"width": 1280, "height": 800}

# --- the log --------------------------------------------------------------------------------------

ADA = Actor.user("u-17", "Ada Lovelace")
GRACE = Actor.user("u-42", "Grace Hopper")
RADIA = Actor.user("u-58", "Radia Perlman")
DANA = Actor.user("u-61", "דנה כהן")
AHMED = Actor.user("u-62", "أحمد علي")
PIPELINE = Actor.app("app-ci", "Deployment pipeline")
RETENTION = Actor.system("Retention")
PEOPLE = (
    (ADA, "203.0.113.7"),
    (GRACE, "198.51.100.23"),
    (RADIA, "2001:db8:85a3:8d3:1319:8a2e:370:7348"),
    (PIPELINE, "192.0.2.80"),
    (ADA, "203.0.113.7"),
    (DANA, "203.0.113.61"),
    (RETENTION, None),
    (AHMED, "203.0.113.62"),
)
ACME, GLOBEX, ODD, EMPTY = "acme", "globex", 'שלום <i>{{ 7*7 }}</i> "\u202e', "empty"
"""Accounts: an ordinary one, one that tests change, one of hostile names, one with nothing in it."""
ENTRIES = 150
"""Entries of `ACME`, every 97 minutes back from now: ten days."""
EVERY = timedelta(minutes=97)

WORD = "Donaudampfschifffahrtsgesellschaft" * 9
HOSTILE = (
    "<script>document.title = 'taken over'</script>",
    "{{ 7 * 7 }} {% raw %} ${7 * 7}",
    '"><img src=x onerror="document.title = 1">',
    "&lt;b&gt; & &amp; '; DROP TABLE audit_entry; --",
    "evil\u202etxt.exe",
    "\u2067isolated\u2069 \u200fmarked",
    "רחל ברוך-סגל (מנהלת)",
    "محمود درويش",
    "two\nlines\tand a tab",
    "👩‍👩‍👧‍👦 e\u0301 ｆｕｌｌ",
    WORD[:300],
    "x" * 80 + " " + "y" * 80,
)
"""Names of actors and of what they made."""
MODEL = "account.models.model_added"
LONG = "The reason given was this one. " * 50


def record(log: AuditLog, account: str, actor: Actor = ADA, details: str = "", **values: Any) -> Entry:
    """Record that a model was added, just now."""
    model = {**log.catalog.events[MODEL].example, **values}
    options = {"actor": actor, "account_id": account, "ip_address": "203.0.113.7"}
    return log.record_event(MODEL, model, {**options, "details": details} if details else options)


def _fill(log: AuditLog, now: datetime) -> None:
    """The entries of all accounts; the newest of each are the first ones here."""
    events = list(log.catalog.events.values())

    def form(account: str, number: int) -> dict[str, Any]:
        actor, address = PEOPLE[number % len(PEOPLE)]
        event = events[number * 7 % len(events)]
        return {
            "account_id": account,
            "event": event.key,
            "metadata": event.example,
            "occurred_at": f"{now - EVERY * number:%Y-%m-%dT%H:%M:%SZ}",
            "actor": {"type": actor.type, "name": actor.name} | ({"id": actor.id} if actor.id else {}),
            **({"ip_address": address} if address else {}),
        }

    log.record_many(form(ACME, number) for number in range(ENTRIES))
    log.record_many(form(GLOBEX, number) for number in range(30))
    for number, text in enumerate(HOSTILE):
        actor = Actor.user(f"u-<{number}>&\"'" if number % 2 else f"u-{number}", text)
        record(log, ODD, actor, f"{text} {LONG}", model_name=text[:300])
    for actor in (
        Actor.app("app-1", WORD[:300]),
        Actor.user("u-" + "9" * 250),
        Actor.system(),
        Actor.app("a"),
    ):
        record(log, ODD, actor, LONG, model_name="Llama")
    log.record_event(
        events[0].key,
        events[0].example,
        {"actor": ADA, "account_id": ODD, "ip_address": "2001:db8:1111:2222:3333:4444:5555:6666"},
    )


# --- the server -------------------------------------------------------------------------------------

PRINCIPALS = {
    "admin": Principal(ADA, (ACME, GLOBEX, ODD), may_export=True),
    "reader": Principal(GRACE, (ACME,)),
    "newcomer": Principal(RADIA, (EMPTY,), may_export=True),
    "nobody": None,
}
Who = Literal["admin", "reader", "newcomer", "nobody"]
"""Whom the cookie `who` says that a browser belongs to."""


@dataclass(frozen=True)
class Site:
    """A server, and the log behind it."""

    url: str
    log: AuditLog


@pytest.fixture(scope="module", name="site")
def make_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The page of a few hundred entries, at a port of its own."""
    path = tmp_path_factory.mktemp("site") / "audit.db"
    with AuditLog.open(f"sqlite:///{path}", secret_key=SecretKey("k1", bytes(range(32)))) as log:
        _fill(log, datetime.now(UTC).replace(microsecond=0))
        with serving(create_app(log, lambda request: PRINCIPALS[_who(request)])) as url:
            yield Site(url, log)


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """An application at a free port of this machine; the value is its URL."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)  # from here on whoever asks is answered, if only once uvicorn is there
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, ws="none", lifespan="off", timeout_graceful_shutdown=5)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _who(request: starlette.requests.Request) -> str:
    return request.cookies.get("who", "nobody")


# --- the browser ------------------------------------------------------------------------------------


@pytest.fixture(scope="module", name="playwright")
def make_playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module", name="browser")
def make_browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS.split(), RESOLVER])
    yield browser
    browser.close()


@dataclass
class Visit:
    """Opens pages of the site; `visit("?limit=25")` is one at that address.

    A page is new to its test: in a context of its own where it has options, else one that an earlier test is
    done with, as those take most of a second to make.
    """

    browser: Browser
    site: Site
    faults: list[str] = field(default_factory=list)
    expected: list[re.Pattern[str]] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)
    used: list[tuple[tuple[Who, bool], Page]] = field(default_factory=list)
    free: dict[tuple[Who, bool], list[Page]] = field(default_factory=dict)

    def __call__(
        self, path: str = "", *, who: Who = "admin", js: bool = True, clock: bool = False, **options: Any
    ) -> Page:
        """A page of somebody's, whose clock may be the test's; the options are Playwright's."""
        if options or clock:
            page = self._new(who, js, **options)
            self.contexts.append(page.context)
            if clock:
                page.clock.install()
        else:
            page = free.pop() if (free := self.free.get((who, js))) else self._new(who, js)
            self.used.append(((who, js), page))
        page.goto(f"/{path}")
        return page

    def expect(self, pattern: str) -> None:
        """Say that something is to go wrong."""
        self.expected.append(re.compile(pattern))

    def finish(self) -> None:
        """Leave all pages; fails for what went wrong in them."""
        for context in self.contexts:
            context.close()
        for key, page in self.used:
            for other in page.context.pages:
                if other != page:
                    other.close()
            page.unroute_all()
            page.goto("about:blank")
            page.emulate_media(color_scheme="null")
            page.set_viewport_size(SIZE)
            self.free.setdefault(key, []).append(page)
        unexpected = [each for each in self.faults if not any(known.search(each) for known in self.expected)]
        for each in (self.contexts, self.used, self.faults, self.expected):
            each.clear()
        assert unexpected == []

    def _new(self, who: Who, js: bool, **options: Any) -> Page:
        usual = {"viewport": SIZE, "locale": "en-GB", "timezone_id": "UTC"}
        context = self.browser.new_context(
            base_url=self.site.url, java_script_enabled=js, **{**usual, **options}
        )
        context.set_default_timeout(10_000)
        context.add_cookies([{"name": "who", "value": who, "url": self.site.url}])
        context.on("page", self._watch)
        return context.new_page()

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self._note(True, f"error: {error}"))
        page.on("console", lambda said: self._note(said.type in ("error", "warning"), said.text))
        page.on("response", lambda answer: self._note(answer.status >= 400, f"{answer.status} {answer.url}"))
        page.on("requestfailed", lambda request: self._note(*_failure(request)))

    def _note(self, bad: bool, text: str) -> None:
        if bad:
            self.faults.append(text)


def _failure(request: Request) -> tuple[bool, str]:
    """What a page still asks for when it is left is broken off, as is a way that ends in a download."""
    return request.failure != "net::ERR_ABORTED", f"{request.failure} {request.url}"


@pytest.fixture(scope="module", name="visits")
def make_visits(browser: Browser, site: Site) -> Visit:
    return Visit(browser, site)


@pytest.fixture(name="visit")
def make_visit(visits: Visit) -> Iterator[Visit]:
    yield visits
    visits.finish()


def violations(page: Page, *rules: str) -> str:
    """What axe-core finds wrong with a page as it is now, by some rules or all; nothing is the empty text."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    results = AxeResults(page.evaluate("options => axe.run(options)", options))
    return str(results.generate_report()) if results.violations_count else ""
