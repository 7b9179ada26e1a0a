"""The OpenAPI document: its examples work, and responses to random requests match it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok
from tests.support.web import Client, authorize, fill

from auditwright import AuditLog, SecretKey
from auditwright.server import create_app

PATH = "/api/openapi.json"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@pytest.fixture
def document(client: Client) -> dict[str, Any]:
    answer = client.get(PATH)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert method in METHODS
            yield path, method, operation


def parts(value: object) -> Iterator[dict[str, Any]]:
    """Every object in a document."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(each)


def resolve(document: dict[str, Any], reference: str) -> Any:
    found: Any = document
    assert reference.startswith("#/")
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def check(document: dict[str, Any], schema: dict[str, Any], value: object) -> None:
    """Raise if a value does not match a schema of the document."""
    whole = {**schema, "components": document["components"]}
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(whole, format_checker=checker).validate(value)


def check_answer(document: dict[str, Any], operation: dict[str, Any], answer: httpx.Response) -> None:
    """Raise if a response is not documented for the operation."""
    content = operation["responses"][str(answer.status_code)]["content"]
    kind = answer.headers["content-type"].partition(";")[0]
    assert kind in content
    if kind.endswith("json"):
        check(document, content[kind]["schema"], answer.json())


# --- the document itself --------------------------------------------------------------------------


def test_document_is_openapi_3_1(document: dict[str, Any], log: AuditLog) -> None:
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["title"] == "Audit Logs"
    assert document["info"]["version"] == log.catalog.version
    assert {(method, path) for path, method, _ in operations(document)} == {
        ("get", "/api/entries"),
        ("post", "/api/entries"),
        ("get", "/api/entries/{entry_id}"),
        ("get", "/api/count"),
        ("get", "/api/export"),
        ("post", "/api/export"),
        ("get", "/api/events"),
        ("get", "/api/events/{key}/schema"),
        ("get", "/api/users"),
    }


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    references = {part["$ref"] for part in parts(document) if "$ref" in part}
    assert references == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    for reference in references:
        assert isinstance(resolve(document, reference), dict)


def test_every_schema_is_valid(document: dict[str, Any]) -> None:
    for part in [*parts(document["paths"]), *document["components"]["schemas"].values()]:
        for schema in (part.get("schema"), part if "properties" in part else None):
            if schema is not None:
                jsonschema.Draft202012Validator.check_schema(schema)


def test_every_operation_has_text_and_a_unique_name(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for *_, operation in operations(document)]
    assert len(set(names)) == len(names)
    for path, _, operation in operations(document):
        assert operation["summary"]
        assert operation["description"]
        parameters = operation.get("parameters", [])
        keys = [(parameter["in"], parameter["name"]) for parameter in parameters]
        assert len(set(keys)) == len(keys)
        for parameter in parameters:
            assert parameter["in"] in ("path", "query", "header")
            assert "schema" in parameter
        named = {name for place, name in keys if place == "path"}
        assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_every_operation_documents_its_problems(document: dict[str, Any]) -> None:
    for *_, operation in operations(document):
        assert {"401", "403"} <= operation["responses"].keys()
        for status, answer in operation["responses"].items():
            assert answer["description"]
            if status >= "4":
                assert list(answer["content"]) == ["application/problem+json"]


def test_an_export_is_not_described_as_json(document: dict[str, Any]) -> None:
    for operation in document["paths"]["/api/export"].values():
        content = operation["responses"]["200"]["content"]
        assert list(content) == ["text/csv", "application/jsonl"]
        assert {media["schema"]["type"] for media in content.values()} == {"string"}


def test_excel_parameter_names_its_separators(document: dict[str, Any]) -> None:
    parameters = document["paths"]["/api/export"]["get"]["parameters"]
    (excel,) = [each for each in parameters if each["name"] == "excel"]
    assert excel["schema"] == {"enum": ["comma", "semicolon"]}
    assert "double click" in excel["description"]
    assert not excel.get("required")


def test_every_success_has_its_media_type(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        success = {status for status in operation["responses"] if status < "4"}
        for status in success:
            types = set(operation["responses"][status]["content"])
            files = {"text/csv", "application/jsonl"} if path == "/api/export" else {"application/json"}
            assert (path, method, types) == (path, method, files)


def test_refusals_that_pass_say_when_to_try_again(document: dict[str, Any]) -> None:
    bounded = {
        (method, path): response
        for path, method, operation in operations(document)
        if (response := operation["responses"].get("429"))
    }
    assert list(bounded) == [("get", "/api/count"), ("get", "/api/export"), ("post", "/api/export")]
    assert [list(response["headers"]) for response in bounded.values()] == [["Retry-After"]] * 3


# --- its examples -----------------------------------------------------------------------------------


def test_examples_can_be_recorded(client: Client, document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/entries"]["post"]
    media = operation["requestBody"]["content"]["application/json"]
    assert {"account", "tool", "several"} <= media["examples"].keys()
    for example in media["examples"].values():
        value = example["value"]
        check(document, media["schema"], value)
        answer = client.post("/api/entries", json=value, user="owner")
        check_answer(document, operation, answer)
        if isinstance(value, list):
            assert answer.status_code == 200
            assert {result["status"] for result in answer.json()["results"]} == {201}
        else:
            assert answer.status_code == 201
            assert answer.json()["metadata"] == value["metadata"]


def test_examples_need_no_secret_key(document: dict[str, Any], log: AuditLog) -> None:
    media = document["paths"]["/api/entries"]["post"]["requestBody"]["content"]["application/json"]
    for value in media["examples"]["several"]["value"]:
        event = log.catalog.events[value["event"]]
        assert not any(field.sensitivity == "secret" for field in event.metadata)


@pytest.mark.parametrize(
    ("path", "url", "user", "status"),
    [
        ("/api/entries", "/api/entries?limit=2&period=24h", "auditor", 200),
        ("/api/entries", "/api/entries?limit=0", "auditor", 400),
        ("/api/entries", "/api/entries", "nobody", 401),
        ("/api/entries", "/api/entries", "nowhere", 403),
        ("/api/entries", "/api/entries?account=x", "auditor", 404),
        ("/api/entries/{entry_id}", "/api/entries/ID", "auditor", 200),
        ("/api/entries/{entry_id}", "/api/entries/x", "auditor", 404),
        ("/api/entries", "/api/entries?before=x", "auditor", 400),
        ("/api/entries", "/api/entries?before=x&after=y", "auditor", 400),
        ("/api/count", "/api/count", "auditor", 200),
        ("/api/count", "/api/count?exact=true&search=ada", "auditor", 200),
        ("/api/count", "/api/count?exact=maybe", "auditor", 400),
        ("/api/count", "/api/count?account=x", "auditor", 404),
        ("/api/export", "/api/export", "auditor", 200),
        ("/api/export", "/api/export?format=jsonl", "auditor", 200),
        ("/api/export", "/api/export?excel=semicolon", "auditor", 200),
        ("/api/export", "/api/export?excel=tab", "auditor", 400),
        ("/api/export", "/api/export", "reader", 403),
        ("/api/events", "/api/events", "auditor", 200),
        ("/api/events/{key}/schema", "/api/events/account.login_logout.login/schema", "auditor", 200),
        ("/api/events/{key}/schema", "/api/events/x/schema", "auditor", 404),
        ("/api/users", "/api/users?text=a", "auditor", 200),
        ("/api/users", "/api/users?text=" + "a" * 300, "auditor", 422),
    ],
)
def test_responses_match_the_document(
    client: Client, log: AuditLog, document: dict[str, Any], path: str, url: str, user: str, status: int
) -> None:
    number = fill(log, 3)[0]
    answer = client.get(url.replace("ID", number), user=user)
    assert answer.status_code == status
    check_answer(document, document["paths"][path]["get"], answer)


def test_refused_recordings_match_the_document(client: Client, document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/entries"]["post"]
    headers = {"Content-Type": "application/json"}
    for status, body, kind in (
        (400, "[", "application/json"),
        (413, json.dumps([{}] * 1001), "application/json"),
        (415, "{}", "text/plain"),
        (422, "{}", "application/json"),
        (404, '{"account_id": "initech"}', "application/json"),
        (200, '[{}, 5, {"account_id": "initech"}]', "application/json"),
    ):
        headers["Content-Type"] = kind
        answer = client.post("/api/entries", content=body, user="service", headers=headers)
        assert answer.status_code == status
        check_answer(document, operation, answer)


# --- random requests --------------------------------------------------------------------------------

load_all_checks()
EXCLUDED = {
    "positive_data_acceptance": "an entry that fits NewEntry may still be refused by its event's own schema, "
    "and a time zone, a cursor or a condition that is a string need not be one that there is",
    "negative_data_rejection": "what is generated as a wrong type may be right on the wire: a query value "
    "is text there, and an empty one is one that is left out",
    "missing_required_header": "no header is required by the document",
    "ignored_auth": "who is signed in is the service's own to say, so the document has no security scheme",
    "use_after_free": "nothing is ever deleted",
    "ensure_resource_availability": "needs a sequence of requests; test_api.py records and then shows",
    "object_level_authorization": "needs two identities in the document; test_api.py has them",
}
"""The schemathesis checks that do not apply, with reasons."""
APPLIED = [name for name in CHECKS.get_all_names() if name not in EXCLUDED]


def test_excluded_checks_exist() -> None:
    assert set(CHECKS.get_all_names()) >= EXCLUDED.keys()
    assert {"not_a_server_error", "status_code_conformance", "content_type_conformance"} <= set(APPLIED)
    assert "response_schema_conformance" in APPLIED


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """An application with some entries; random requests may add more."""
    path = tmp_path_factory.mktemp("openapi") / "audit.db"
    with AuditLog.open(f"sqlite:///{path}", account_id="acme", secret_key=SecretKey.generate("k1")) as log:
        fill(log, 30)
        yield create_app(log, authorize)


# Starlette's TestClient, which schemathesis uses, recommends httpx2; httpx works too.
@pytest.mark.filterwarnings("ignore:.*httpx.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*httpx.*:UserWarning")
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_responses_to_random_requests_match_the_document(served: FastAPI, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_asgi(PATH, served)
    tried = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        # An operation without parameters, or with any text in its path, has no invalid request.
        if mode is GenerationMode.POSITIVE or operation.path in ("/api/entries", "/api/export", "/api/users"):
            tried += ask(operation, mode)
    assert tried >= 4 * 10


def ask(operation: Any, mode: GenerationMode) -> int:
    """Send random requests of an operation, the same ones at every run; returns their number."""
    checks = [CHECKS.get_one(name) for name in APPLIED]
    tried = 0

    @seed(17)
    @settings(
        max_examples=20,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        nonlocal tried
        case.call_and_validate(headers={"X-User": "owner"}, checks=checks)
        tried += 1

    send()
    return tried
