"""The page of one object, and conditions on outcome, on behalf of and target, without JavaScript."""

import re
from urllib.parse import quote, urlencode

import pytest
from tests.runtime.server import test_page
from tests.runtime.server.test_page import (
    Element,
    Submit,
    Visit,
    chips,
    defined,
    form_of,
    ids,
    read,
    values_of,
)
from tests.support.sample_events import ADDED, MODEL, record
from tests.support.web import ADA, GRACE, Client

from auditwright import AuditLog
from auditwright.limits import sanitize
from auditwright.text import printable

visit, submit = test_page.visit, test_page.submit
INVITED = "account.users_management.user_invited"
IDS = (
    "m/17",
    "%2e%2e",
    "?a=b#c&d",
    '"><b>',
    "m\n",
    "\n",
    "a//b",
    "/",
    "..",
    ".",
    "../..",
    "ü\u202e",
    "\\",
    "a\0b",
    ":",
)


def add(log: AuditLog, model_id: str, account_id: str = "acme") -> str:
    """Record that a model was added; the entry's id."""
    values = {**MODEL, "model_id": model_id, "deployment_name": "prod"}
    return str(record(log, ADDED, values, account_id=account_id).id)


def history_links(page: Element) -> list[str]:
    return [each.attributes["href"] for each in page.all("a", class_="history")]


def test_each_id_leads_to_the_page_of_its_object(visit: Visit, log: AuditLog) -> None:
    for model_id in IDS:
        entry_id = add(log, model_id)
        (link,) = history_links(visit(f"/entries/{entry_id}"))
        page = visit(link)
        assert ids(page) == [entry_id]
        assert list(chips(page)) == [" ".join(printable(f"Target is model {sanitize(model_id)}").split())]
    path = f"/objects/model/{quote('m/17', safe='')}"
    assert visit(path).one("h2", class_="of").text == "History of model m/17"
    assert visit("/objects/model/a//b").one("h2", class_="of").text == "History of model a//b"


def test_every_item_of_a_list_has_a_link(visit: Visit, log: AuditLog) -> None:
    example = log.catalog.events[INVITED].example
    entry = record(log, INVITED, {**example, "added_user_ids": ["u-1", "u-2", "x" * 200]})
    page = visit(f"/entries/{entry.id}")
    assert history_links(page) == [
        *(f"/objects/user/{each}" for each in ("u-1", "u-2", "x" * 200)),
        "/objects/role/role-204",
    ]
    assert [link.text for link in page.all("a", class_="history")][:2] == [
        "History of this user u-1", "History of this user u-2"
    ]  # fmt: skip
    assert ids(visit("/objects/user/u-2")) == [str(entry.id)]


def test_history_has_pages_and_an_export(visit: Visit, client: Client, log: AuditLog) -> None:
    wanted = [add(log, "m-17") for _ in range(5)][::-1]
    add(log, "m-18")
    page = visit("/objects/model/m-17?limit=2")
    found = ids(page)
    for _ in range(2):
        page = visit(page.link("Older"))
        found += ids(page)
        assert page.one("title").text == "History of model m-17 · Audit Logs"
    assert found == wanted
    form = values_of(form_of(page, "what"))
    exported = client.export({"view": form["view"], "what": "filtered"})
    assert exported.text.count("Model added") == 5


def test_history_is_that_of_the_account(visit: Visit, log: AuditLog) -> None:
    ours, theirs = add(log, "m-17"), add(log, "m-17", "globex")
    assert ids(visit("/objects/model/m-17")) == [ours]
    page = visit("/objects/model/m-17?account=globex", user="owner")
    assert ids(page) == [theirs]
    entry = visit(f"/entries/{theirs}?account=globex", user="owner")
    assert history_links(entry) == ["/objects/model/m-17?account=globex"]
    visit("/objects/model/m-17?account=globex", 404)
    visit("/objects/model/m-17", 401, user="stranger")
    assert visit("/objects/model/m-17", user="outsider") is not None


def test_an_unknown_type_of_objects_is_not_found(visit: Visit, client: Client) -> None:
    page = visit("/objects/modle/m-17", 404)
    assert page.one("h2").text == "No such object"
    assert 'did you mean "model"?' in page.one("p").text
    for path in ("/objects/model", "/objects/model/", f"/objects/model/{'m' * 257}", "/objects/%22%3E/m"):
        visit(path, 404)
    page = visit("/objects/model/m-17?where=user:is:u-17", 400)
    assert page.one("p").text == "Where: the page of one object has no other conditions"
    answer = client.get("/objects/model/m-17")
    assert answer.headers["x-frame-options"] == "DENY"
    assert read(answer).one("section", class_="empty").one("h2").text == "Nothing recorded about it"


def test_search_for_an_id_offers_its_objects(visit: Visit, client: Client, log: AuditLog) -> None:
    add(log, "m-17")
    add(log, "m1")
    add(log, "m2", "globex")
    for text in ("m-17", " m-17 "):
        page = visit(f"/?{urlencode({'search': text})}")
        assert page.link("Entries about model m-17") == "/objects/model/m-17"
    for text, status in (("m1", 422), ("m2", 422), ("m-1", 303), ("Llama", 303)):
        sent = {**values_of(form_of(visit("/"), "search")), "search": text}
        answer = client.get(f"/filter?{urlencode(sent)}")
        assert answer.status_code == status
        page = read(answer, 422) if status == 422 else visit(answer.headers["location"])
        offered = [link.text for each in page.all("ul", class_="objects") for link in each.all("a")]
        assert offered == (["Entries about model m1"] if text == "m1" else [])


def rows(**given: str) -> dict[str, str]:
    return {f"{name}.0": value for name, value in given.items()}


@pytest.mark.parametrize(
    ("given", "controls", "message"),
    [
        ({"field": "target"}, {"type.0"}, "Choose a type and enter an ID"),
        ({"field": "target", "type": "model"}, {"target.0"}, "Choose a type and enter an ID"),
        ({"field": "target", "target": "m-17"}, {"type.0"}, "Choose a type and enter an ID"),
        ({"field": "target", "type": "modle", "target": "m-17"}, {"target.0"}, '"modle" is not a type'),
        ({"field": "outcome"}, {"outcome.0"}, "Choose an outcome"),
        ({"field": "on_behalf_of", "on_behalf_of": " "}, {"on_behalf_of.0"}, "Enter a name or an ID"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_unfinished_condition_is_refused_and_kept(
    visit: Visit, client: Client, given: dict[str, str], controls: set[str], message: str
) -> None:
    sent = {**values_of(form_of(visit("/"), "match")), **rows(operator="is", **given)}
    page = read(client.get(f"/filter?{urlencode(sent)}"), 422)
    form = form_of(page, "match")
    kept = values_of(form)
    assert {name: kept[name].strip() for name in sent} == {
        name: value.strip() for name, value in sent.items()
    }
    marked = [each for tag in ("select", "input") for each in form.all(tag, aria_invalid="true")]
    assert {each.attributes["name"] for each in marked} == controls
    assert form.one("p", id_="fault-0").text.startswith(message)


def test_conditions_are_built_without_scripts(visit: Visit, submit: Submit, log: AuditLog) -> None:
    values = {**MODEL, "deployment_name": "prod"}
    entry = record(log, ADDED, values, actor=ADA, on_behalf_of=GRACE)
    for given, text in (
        (rows(field="target", operator="is", type="model", target=" m-17 "), "Target is model m-17"),
        (rows(field="target", operator="is_not", type="model", target="m:1"), "Target is not model m:1"),
        (rows(field="outcome", operator="is_not", outcome="failure"), "Outcome is not failure"),
        (
            rows(field="on_behalf_of", operator="is", on_behalf_of="u-18"),
            "On behalf of is Grace Hopper (u-18)",
        ),
    ):
        page = visit(submit(form_of(visit("/"), "match"), given))
        assert list(chips(page)) == [text]
        assert ids(page) == [str(entry.id)]
        again = visit(submit(form_of(page, "match"), {}))  # the form has the condition
        assert list(chips(again)) == [text]


def test_entry_links_to_entries_like_it(visit: Visit, log: AuditLog) -> None:
    record(log, ADDED, {**MODEL, "deployment_name": "prod"})
    values = {"email_id": "grace@example.com"}
    options = {"on_behalf_of": GRACE, "outcome": "failure", "failure_reason": "<b>No.\u202e"}
    entry = record(log, "account.login_logout.login", values, **options, context={"user_agent": "<i>"})
    page = visit(f"/entries/{entry.id}")
    shown = dict(defined(page))
    assert (shown["Outcome"], shown["Reason"]) == ("Failed", r"<b>No.\u202e")
    assert (shown["On Behalf Of"], shown["User Agent"]) == ("Grace Hopper u-18", "<i>")
    for name in ("failures", "on behalf of this user"):
        assert ids(visit(page.link(name))) == [str(entry.id)]
    cell = visit("/").all("td", class_="who")[0]
    assert cell.text == "Ada Lovelace on behalf of Grace Hopper"
    assert re.fullmatch("Login Failed", visit("/").all("td", class_="event")[0].text)
