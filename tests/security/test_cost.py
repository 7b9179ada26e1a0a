"""What bad input costs: the work is counted, so that whoever sends it cannot make an answer slow."""

import difflib
import json
from typing import Any

import pytest
from tests.support.sample_events import ADA, ADDED, DEPLOYED, MODEL, form
from tests.support.web import Client

from audit_events import CATALOG
from auditwright import AuditLog, ValidationError
from auditwright.effort import MAX_CANDIDATES, MAX_SUGGESTIONS, listed, nearest
from auditwright.recording.excerpt import excerpt
from auditwright_generator import findings

MANY = 1000
KEYS = [f"area{number}.thing{number % 7}.{done}" for number in range(5000) for done in ("created", "removed")]


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many known names each unknown one was compared with, character by character."""
    numbers: list[int] = []
    close_matches = difflib.get_close_matches

    def counted(word: str, possibilities: list[str], **options: Any) -> list[str]:
        numbers.append(len(possibilities))
        return close_matches(word, possibilities, **options)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    return numbers


def post(client: Client, forms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The problems of the entries of one request."""
    answer = client.post("/api/entries", content=json.dumps(forms), headers=JSON, user="owner")
    return [result["problem"] for result in answer.json()["results"]]


JSON = {"content-type": "application/json"}


def test_unknown_events_get_a_few_suggestions(client: Client, compared: list[int]) -> None:
    problems = post(client, [form(f"{ADDED}{number}", {}) for number in range(MANY)])
    assert len(problems) == MANY
    assert [ADDED in problem["detail"].partition("did you mean")[2] for problem in problems] == [
        *[True] * MAX_SUGGESTIONS,
        *[False] * (MANY - MAX_SUGGESTIONS),
    ]
    assert len(compared) == MAX_SUGGESTIONS
    assert max(compared) <= MAX_CANDIDATES


def test_unknown_fields_get_a_few_suggestions(client: Client, compared: list[int]) -> None:
    values = {f"model_nam{number}": "x" for number in range(40)}
    problems = post(client, [form(ADDED, values)] * 20)
    assert sum(json.dumps(problem).count("did you mean") for problem in problems) == 2 * MAX_SUGGESTIONS
    assert len(compared) == MAX_SUGGESTIONS


def test_lines_of_an_import_get_a_few_suggestions(log: AuditLog, compared: list[int]) -> None:
    reports: list[str] = []
    lines = [json.dumps(form(f"{ADDED}{number}", {})).encode() for number in range(MANY)]
    log.import_jsonl(lines, lambda _, error: reports.append(str(error)))
    assert len(reports) == MANY
    assert sum("did you mean" in report for report in reports) == len(compared) == MAX_SUGGESTIONS


def test_each_call_makes_its_own_suggestions(log: AuditLog) -> None:
    for _ in range(2 * MAX_SUGGESTIONS):
        with pytest.raises(ValidationError, match="did you mean"):
            log.record_form(form(f"{ADDED}s", {}))


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("area4711.thing0.createt", "area4711.thing0.created"),
        ("area4711.thing0created", "area4711.thing0.created"),
        ("ara4711.thing0.created", "area4711.thing0.created"),
        ("area4711.thing0.xcreated", "area4711.thing0.created"),
        ("area4711thing0.removed", "area4711.thing0.removed"),
        ("a" * 10_000, None),
        ("", None),
    ],
)
def test_one_of_10000_keys_is_suggested(word: str, near: str | None, compared: list[int]) -> None:
    assert nearest(word, KEYS) == near
    assert findings.nearest(word, KEYS) == near
    assert max(compared) <= MAX_CANDIDATES


def test_an_array_describes_a_few_problems(client: Client) -> None:
    problems = post(client, [form(ADDED, dict.fromkeys(map("f{}".format, range(100)), 1))] * 100)
    assert [len(problem["errors"]) for problem in problems] == [*[50] * 4, *[2] * 96]
    assert "others, not listed after 200 problems" in problems[-1]["detail"]


def test_validators_see_a_few_wrong_items() -> None:
    event = CATALOG.events[DEPLOYED]
    items: list[Any] = ["END", 1] * 50_000
    part = excerpt(CATALOG, event, {**MODEL, "stop_sequence": items, "model_id": [[[]]] * MANY})
    assert part == {**MODEL, "stop_sequence": items[:102], "model_id": []}


def test_validators_see_a_few_unknown_names() -> None:
    values = {**dict.fromkeys(map(str, range(100_000)), 1), **MODEL}
    assert len(excerpt(CATALOG, CATALOG.events[ADDED], values)) == 51 + len(MODEL)


def record_by(entrance: str, log: AuditLog, values: dict[str, Any]) -> None:
    """Record a deployment by one of the two ways that validate it, JSON Schema and pydantic."""
    if entrance == "json":
        log.record_json(json.dumps(form(DEPLOYED, values)))
    else:
        log.record_event(DEPLOYED, values, {"actor": ADA})


@pytest.mark.parametrize("entrance", ["emitter", "json"])
def test_a_long_list_has_its_first_faults_named(log: AuditLog, entrance: str) -> None:
    items: list[Any] = [*["END"] * 2000, *[1] * 5000]
    values = {**MODEL, "stop_sequence": items}
    with pytest.raises(ValidationError) as caught:
        record_by(entrance, log, values)
    paths = [problem.path for problem in caught.value.problems]
    assert paths == [f"metadata.stop_sequence[{number}]" for number in range(2000, 2050)]


def test_errors_list_a_few_values() -> None:
    values = [f"v{number}" for number in range(400)]
    few = "v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, ... (400)"
    assert listed(values) == findings.join_words(values) == few
    assert listed(values[:20]) == findings.join_words(values[:20]) == ", ".join(values[:20])


def test_a_body_of_very_many_lists_is_refused(client: Client) -> None:
    entry = json.dumps(form(DEPLOYED, MODEL | {"stop_sequence": ["[" * 1000]}))
    body = f"[{','.join([entry] * 200)}]"
    assert client.post("/api/entries", content=body, headers=JSON, user="owner").status_code == 200
    lists = body.replace('"' + "[" * 1000 + '"', f"[{'[],' * 999}[]]")
    answer = client.post("/api/entries", content=lists, headers=JSON, user="owner")
    assert (answer.status_code, answer.json()["detail"]) == (
        413,
        "A request has at most 100,000 objects and lists.",
    )


@pytest.mark.parametrize("kind", [bytes, str, bytearray, memoryview])
def test_an_entry_of_very_many_objects_is_refused(log: AuditLog, kind: Any) -> None:
    """Whether it is recorded or a line of an import; brackets in a text do not count."""
    text = json.dumps(form(DEPLOYED, MODEL | {"stop_sequence": ["{" * 200_000]}))
    objects = text.replace('"' + "{" * 200_000 + '"', "{}," * 100_000 + "{}")
    lines: list[Any] = [each if kind is str else kind(each.encode()) for each in (text, objects)]
    log.record_json(lines[0])
    with pytest.raises(ValidationError) as caught:
        log.record_json(lines[1])
    reports: list[str] = []
    imported = log.import_jsonl(lines, lambda _, error: reports.append(str(error)))
    assert (imported.stored, imported.refused) == (1, 1)
    assert reports == [str(caught.value)] == ["entry: expected at most 100,000 objects and lists, got more"]
