"""Screenshots of the Audit Logs page. Its window, entries, times and ids are always the same."""

import base64
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from tests.pictures.sources import PICTURES
from tests.support.browser import ADA, ARGUMENTS, CHROMIUM, GRACE, RADIA, serving

from auditwright import Actor, AuditLog, SecretKey
from auditwright.server import Principal, create_app
from auditwright.transfer.jsonl_import import row_of

WIDE: ViewportSize = {"width": 1280, "height": 720}
LOW: ViewportSize = {"width": 1280, "height": 430}
NARROW: ViewportSize = {"width": 390, "height": 780}
QUALITY = 75
"""Of WebP: text is sharp, and a picture takes less than 80 kB."""

PIPELINE = Actor.app("app-ci", "CI pipeline")
ENTRIES: tuple[tuple[str, Actor, str, str], ...] = (
    ("2026-03-11 16:42:10", ADA, "203.0.113.7", "account.models.model_deployed"),
    ("2026-03-11 16:20:51", PIPELINE, "192.0.2.80", "tool.tool_management.tool_deployed"),
    ("2026-03-11 15:58:03", GRACE, "198.51.100.23", "account.prompts.versions_committed"),
    ("2026-03-11 14:31:37", RADIA, "203.0.113.58", "account.users_management.user_invited"),
    ("2026-03-11 14:30:09", RADIA, "203.0.113.58", "account.default_role.default_role_configured"),
    ("2026-03-11 11:17:44", GRACE, "198.51.100.23", "account.models.api_key_created"),
    ("2026-03-11 11:02:26", ADA, "203.0.113.7", "account.models.model_added"),
    ("2026-03-11 09:45:12", ADA, "203.0.113.7", "account.login_logout.login"),
    ("2026-03-10 18:09:30", PIPELINE, "192.0.2.80", "tool.tool_management.version_created"),
    ("2026-03-10 17:36:55", GRACE, "198.51.100.23", "account.models.api_key_deleted"),
    ("2026-03-10 16:12:08", RADIA, "203.0.113.58", "account.guardrails.guardrails_deployed"),
    ("2026-03-10 15:40:19", ADA, "203.0.113.7", "account.integrations.integration_added"),
    ("2026-03-10 13:05:47", GRACE, "198.51.100.23", "account.prompts.prompt_shared"),
    ("2026-03-10 10:28:33", RADIA, "203.0.113.58", "account.roles.role_created"),
    ("2026-03-10 09:14:02", ADA, "203.0.113.7", "account.login_logout.login"),
    ("2026-03-09 17:51:26", PIPELINE, "192.0.2.80", "account.dataset.dataset_uploaded"),
)
"""Time (UTC), actor, address and event of each entry, the newest first."""
MORE: dict[str, dict[str, Any]] = {
    "2026-03-11 16:42:10": {"context": {"session_id": "s-4711", "request_id": "req-90125"}},
    "2026-03-11 16:20:51": {"on_behalf_of": GRACE},
    "2026-03-11 09:45:12": {"outcome": "failure", "failure_reason": "The password was wrong."},
}
"""Further options of some entries, by their time."""
FILTER = "match=any&where=category:is:account.models&where=event:is:account.login_logout.login"


def draw() -> Iterator[Path]:
    """Take every screenshot; yields the files."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        with AuditLog.open(f"sqlite:///{folder}/audit.db") as log:
            # `import_jsonl` would record itself, with the time of today.
            log._storage.insert([row_of(form, log._recorder, log._schemas) for form in _forms(folder)])
            with serving(
                create_app(log, lambda request: Principal(RADIA, ("acme",), may_export=True))
            ) as url:
                yield from _pages(browser, url)
        browser.close()


def _pages(browser: Browser, url: str) -> Iterator[Path]:
    page = _open(browser, url)
    yield _save(page, "page-list")
    page.locator("tbody a.details").first.click()
    page.locator("#panel article").wait_for()
    yield _save(page, "page-entry")
    page = _open(browser, f"{url}/?{FILTER}", LOW)
    page.locator("#filter summary").click()
    yield _save(page, "page-filter")
    yield _save(_open(browser, url, color_scheme="dark"), "page-dark")
    yield _save(_open(browser, url, NARROW), "page-narrow")


def _open(browser: Browser, url: str, size: ViewportSize = WIDE, **options: Any) -> Page:
    context = browser.new_context(
        viewport=size, locale="en-GB", timezone_id="UTC", reduced_motion="reduce", **options
    )
    page = context.new_page()
    page.goto(url, wait_until="networkidle")
    return page


def _save(page: Page, name: str) -> Path:
    asked = {"format": "webp", "quality": QUALITY}
    data = page.context.new_cdp_session(page).send("Page.captureScreenshot", asked)["data"]
    path = PICTURES / f"{name}.webp"
    path.write_bytes(base64.b64decode(data))
    return path


def _forms(folder: str) -> list[dict[str, Any]]:
    """The entries as an export has them, with ids and times that are always the same."""
    with AuditLog.open(f"sqlite:///{folder}/first.db", secret_key=SecretKey("k1", bytes(32))) as log:
        events = log.catalog.events
        for time, actor, address, event in reversed(ENTRIES):
            log.record_event(
                event,
                events[event].example,
                {
                    "actor": actor,
                    "account_id": "acme",
                    "ip_address": address,
                    "occurred_at": datetime.fromisoformat(f"{time}+00:00"),
                    **MORE.get(time, {}),
                },
            )
        lines = b"".join(log.account("acme").stream("jsonl")).splitlines()
    return [_fixed(orjson.loads(line), number) for number, line in enumerate(lines)]


def _fixed(form: dict[str, Any], number: int) -> dict[str, Any]:
    return {**form, "id": f"{form['id'][:-12]}{number:012x}", "recorded_at": form["occurred_at"]}
