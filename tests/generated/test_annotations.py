"""Annotations in what is generated: schemas, the runtime's catalog, lists of events, editors and the site."""

import importlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from tests.generator.run_command import run
from tests.support.paths import TEST_CATALOGS
from tests.support.schema_engines import ajv_verdicts
from tests.support.sphinx_site import build_site, write_site

from auditwright import Actor, AuditLog
from auditwright.catalog import Catalog
from auditwright_generator import cli

CATALOG = TEST_CATALOGS / "annotations"
FAILED = "account.login.login_failed"
OF_FAILED = {
    "owner": "security",
    "severity": "high",
    "controls": ["ASVS 16.1.1", "PCI DSS 10.2.4", "PCI DSS 10.10.1"],
    "retention": 30,
    "runbook": "https://runbooks.example.com/login",
    "links": ["https://wiki.example.com/audit"],
    "code": "T1001",
    "pages_someone": True,
}


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of what is generated from `tests/catalogs/annotations`; its package can be imported."""
    out = tmp_path_factory.mktemp("annotations")
    assert run(cli.generate, "--catalog", str(CATALOG), "--out", str(out)) == 0
    sys.path.insert(0, str(out))
    yield out
    sys.path.remove(str(out))
    shutil.rmtree(out)


def catalog_of(owned: Path) -> Catalog:
    catalog: Catalog = importlib.import_module("owned_events").CATALOG
    return catalog


def schemas(owned: Path) -> dict[str, dict[str, Any]]:
    """The schema of each event by its key."""
    folder = owned / "owned_events" / "json_schema"
    paths = json.loads((folder / "index.json").read_text("utf-8"))["schemas"]
    return {key: json.loads((folder / path).read_text("utf-8")) for key, path in paths.items()}


def test_runtime_knows_what_an_event_has_and_inherits(owned: Path) -> None:
    events = catalog_of(owned).events
    assert events[FAILED].annotations == OF_FAILED
    assert events["workspace.boards.board_created"].annotations == {
        "owner": "workspace",
        "controls": ["SOC 2"],
        "retention": 400,
        "expires": "2031-12-31",
        "links": ["https://wiki.example.com/audit"],
    }
    assert {field.name: field.annotations for field in events[FAILED].fields} == {
        "user_id": {},
        "login_name": {"retention": 30},
        "password": {},
    }


def test_entries_have_no_annotations(owned: Path, tmp_path: Path) -> None:
    package = importlib.import_module("owned_events")
    log = AuditLog.open(f"sqlite:///{tmp_path}/log.db", account_id="acme", catalog=package.CATALOG)
    with log, log.acting(Actor.user("u-1", "Ada")):
        entry = package.AuditEvents(log).account.login.logged_in(method="passkey")
    assert (entry.description, entry.metadata) == ("Ada logged in.", {"method": "passkey"})


def test_schema_has_annotations_as_keywords(owned: Path) -> None:
    schema = schemas(owned)[FAILED]
    found = {key: value for key, value in schema.items() if key.startswith("x-")}
    assert found == {f"x-{name.replace('_', '-')}": value for name, value in OF_FAILED.items()}
    fields = schema["properties"]["metadata"]["properties"]
    assert fields["login_name"]["x-retention"] == 30
    assert "x-retention" not in fields["password"]


def test_ajv_in_strict_mode_needs_only_the_listed_keywords(owned: Path) -> None:
    index = json.loads((owned / "owned_events" / "json_schema" / "index.json").read_text("utf-8"))
    cases: list[tuple[dict[str, Any], list[Any]]] = []
    for key, schema in schemas(owned).items():
        sound = {"event": key, "metadata": catalog_of(owned).events[key].example}
        cases.append((schema, [sound, {**sound, "x-owner": "security"}, {**sound, "metadata": {"x": 1}}]))
        is_valid = jsonschema_rs.validator_for(schema).is_valid
        assert [is_valid(form) for form in cases[-1][1]] == [True, False, False]
    assert ajv_verdicts(cases, keywords=index["keywords"]) == [[True, False, False]] * len(cases)
    page = (owned / "docs" / "json_schema.md").read_text("utf-8")
    assert json.dumps(["patternErrorMessage", *index["keywords"]]) in page


def test_list_of_events_has_annotations(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.events, "--catalog", str(CATALOG), "--format", "json") == 0
    [event] = [each for each in json.loads(capsys.readouterr().out) if each["key"] == FAILED]
    assert event["annotations"] == OF_FAILED
    assert [field.get("annotations") for field in event["metadata"]] == [None, {"retention": 30}, None]


def test_editors_offer_the_keys_and_values_that_fit(owned: Path) -> None:
    language = owned / "language"
    made = {path.stem: json.loads(path.read_text("utf-8")) for path in language.glob("*.json")}
    offered = {
        name.removeprefix("known_annotations_of_"): definition["properties"]
        for schema in made.values()
        for name, definition in schema["$defs"].items()
        if name.startswith("known_annotations")
    }
    assert {owner: sorted(keys) for owner, keys in offered.items()} == {
        "catalog": ["controls", "links", "retention"],
        "category": ["controls", "links", "owner", "retention", "runbook"],
        "event": sorted(["expires", *OF_FAILED]),
        "field": ["links", "retention"],
    }
    assert offered["event"]["severity"]["anyOf"][0] == {"enum": ["low", "high", "critical"]}
    assert offered["event"]["owner"]["description"] == "enum: The team that answers for the event."
    for kind, path in (("catalog", "catalog"), ("fields", "fields"), ("category", "account/login")):
        content = yaml.safe_load((CATALOG / f"{path}.yaml").read_text("utf-8"))
        jsonschema_rs.validator_for(made[kind]).validate(content)
        new = {"annotations": {"since_then": 1, "severity": "grave"}}
        if kind != "fields":
            assert jsonschema_rs.validator_for(made[kind]).is_valid(content | new)


def test_diff_with_the_generated_catalog_finds_nothing(
    owned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cli.diff, "--catalog", str(CATALOG), "--against", str(owned)) == 0
    assert capsys.readouterr().out == "no changes; 1.0.0 -> 1.0.0\n"


def test_site_has_the_inventory_in_its_navigation(owned: Path, tmp_path: Path) -> None:
    docs = write_site(
        tmp_path / "docs", auditwright_references={"reference": str(owned)}, html_theme="alabaster"
    )
    out = build_site(docs, tmp_path / "html")
    assert (out / "reference/inventory.csv").read_bytes() == (owned / "docs/inventory.csv").read_bytes()
    page = (out / "reference/inventory.html").read_text("utf-8")
    assert 'href="inventory.csv"' in page
    assert 'href="https://runbooks.example.com/login"' in page
    assert "Workspace team" in page
    listed = (out / "llms.txt").read_text("utf-8")
    assert "(reference/inventory.md)" in listed
    assert "(reference/inventory.csv): what is logged, with the annotations of each event" in listed
    words = (out / "searchindex.js").read_text("utf-8")
    assert [stem for stem in ("secur", "t1001", "ident", "pci") if f'{stem}":' not in words] == []
