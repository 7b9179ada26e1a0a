"""Finding the catalog package, and lookups in the catalog."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import pytest
from tests.support.sample_events import ADDED, event_of, make_catalog

from audit_events import CATALOG, AsyncAuditEvents, AuditEvents
from auditwright import AuditLog, Catalog, CatalogError
from auditwright.catalog import SERIES, find_catalog


def install(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Pretend that these catalog packages are installed."""
    points = [
        metadata.EntryPoint(package, f"{package}:CATALOG", "auditwright.catalogs") for package in packages
    ]

    def entry_points(*, group: str) -> Iterator[metadata.EntryPoint]:
        return (point for point in points if point.group == group)

    monkeypatch.setattr(metadata, "entry_points", entry_points)


def test_the_only_installed_catalog_is_used() -> None:
    assert find_catalog().package == "audit_events"
    assert repr(find_catalog()) == "<Catalog audit_events 1.1.0: 78 events>"


def test_environment_variable_precedes_the_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    other = make_catalog(tmp_path, lambda content: None)
    monkeypatch.setenv("AUDITWRIGHT_CATALOG", other.package)
    assert find_catalog() is other
    assert find_catalog("audit_events").package == "audit_events"
    with AuditLog.open(f"sqlite:///{tmp_path}/a.db") as log:
        assert log.catalog is other


def test_an_empty_variable_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITWRIGHT_CATALOG", "")
    assert find_catalog().package == "audit_events"


def test_several_installed_ones_are_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, "auditwright_events", "audit_events", "audit_events")
    with pytest.raises(CatalogError) as caught:
        AuditLog.open(f"sqlite:///{tmp_path}/a.db")
    assert str(caught.value) == (
        "several catalog packages are installed (audit_events, auditwright_events); name one with catalog= "
        "(such as catalog=audit_events.CATALOG), --catalog-package or AUDITWRIGHT_CATALOG"
    )
    assert find_catalog("audit_events").package == "audit_events"


def test_no_installed_catalog_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    with pytest.raises(CatalogError) as caught:
        find_catalog()
    assert str(caught.value) == (
        "no catalog package is installed; install yours with pip install -e ./generated (auditwright init "
        "starts a catalog, auditwright generate makes its package), "
        "or name one with catalog=, --catalog-package or AUDITWRIGHT_CATALOG"
    )


@pytest.mark.parametrize("left", [False, True])
def test_renamed_package_is_installed_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, left: bool
) -> None:
    """The entry point of an editable install stays as it was; so may a folder with nothing but bytecode."""
    if left:
        (tmp_path / "former_events" / "__pycache__").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    install(monkeypatch, "former_events")
    with pytest.raises(CatalogError) as caught:
        find_catalog()
    assert str(caught.value) == (
        "the installed catalog package former_events is not there; if it was renamed, install it again, "
        "such as with pip install -e ./generated"
    )


@pytest.mark.parametrize(
    ("needed", "message"),
    [
        (
            "9.4",
            f'and this is {SERIES}; upgrade auditwright: pip install "auditwright>=9.4,<9.5"',
        ),
        (
            "0.0",
            f"and this is {SERIES}; upgrade audit_events: run `auditwright generate` again, and install the "
            "result as before (such as pip install -e ./generated)",
        ),
    ],
)
def test_another_series_says_which_to_upgrade(tmp_path: Path, needed: str, message: str) -> None:
    """The check precedes every other generated module, which another series may not even import."""
    package = tmp_path / "audit_events"
    package.mkdir()
    with resources.as_file(resources.files("audit_events")) as source:
        for name in ("__init__.py", "_catalog.py", "catalog.json"):
            shutil.copy(source / name, package)
    content = json.loads((package / "catalog.json").read_text("utf-8"))
    (package / "catalog.json").write_text(json.dumps(content | {"auditwright": needed}), "utf-8")
    found = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", "import audit_events"],
        env={**os.environ, "PYTHONPATH": found}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("auditwright.errors.CatalogError: audit_events 1.1.0 ")
    assert done.stderr.endswith(f"{message}\n")


def test_former_name_of_a_renamed_package_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution that was renamed with its package leaves the former one installed."""
    install(monkeypatch, "former_events", "audit_events")
    assert find_catalog().package == "audit_events"


def test_catalog_json_without_a_series_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(CatalogError, match=r"run `auditwright generate` again$"):
        make_catalog(tmp_path, lambda content: content.pop("auditwright"))


@pytest.mark.parametrize("series", [5, None, "1", "one.two"])
def test_catalog_json_with_a_wrong_series_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, series: object
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(CatalogError, match=r"run `auditwright generate` again$"):
        make_catalog(tmp_path, lambda content: content.update(auditwright=series))


def test_an_attribute_that_a_package_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "failing_events.py").write_text("import json\njson.lods\n", "utf-8")
    with pytest.raises(CatalogError, match="cannot be imported: module 'json' has no attribute 'lods'"):
        find_catalog("failing_events")


@pytest.mark.parametrize("emitters", [AuditEvents, AsyncAuditEvents])
def test_emitters_refuse_a_log_of_another_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, emitters: type[AuditEvents | AsyncAuditEvents]
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    other = make_catalog(tmp_path, lambda content: None)
    with (
        AuditLog.open(f"sqlite:///{tmp_path}/a.db", catalog=other) as log,
        pytest.raises(CatalogError) as caught,
    ):
        emitters(log)
    assert str(caught.value) == (
        f"the log was opened with the catalog {other.package}, which has no events of audit_events; "
        "open it with AuditLog.open(..., catalog=audit_events.CATALOG)"
    )


@pytest.mark.parametrize("emitters", [AuditEvents, AsyncAuditEvents])
@pytest.mark.parametrize(
    ("log", "shown"), [(None, "None"), ("sqlite:///audit.db", "'sqlite:///audit.db'"), (CATALOG, "Catalog")]
)
def test_emitters_refuse_what_is_no_log(emitters: Any, log: object, shown: str) -> None:
    with pytest.raises(CatalogError) as caught:
        emitters(log)
    text = str(caught.value)
    assert text.startswith("the emitters of audit_events take an AuditLog, not ")
    assert shown in text
    assert text.endswith("; make one with AuditLog.open(..., catalog=audit_events.CATALOG)")


@pytest.mark.parametrize(
    ("package", "message"),
    [
        (
            "no_such_events",
            "the catalog package \"no_such_events\" cannot be imported: No module named 'no_such_events'",
        ),
        ("json", '"json" is not a generated catalog package: it has no CATALOG'),
        (".models", '".models" is not the name of a package'),
        ("audit events", '"audit events" is not the name of a package'),
    ],
)
def test_invalid_catalog_package_is_refused(package: str, message: str) -> None:
    with pytest.raises(CatalogError) as caught:
        find_catalog(package)
    assert str(caught.value) == message


def test_unreadable_catalog_json_says_to_generate_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torn_events").mkdir()
    (tmp_path / "torn_events" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    for content in (None, "{", "{}", "[]", '{"version": "1", "title": "x", "levels": 5}'):
        if content is not None:
            (tmp_path / "torn_events" / "catalog.json").write_text(content)
        with pytest.raises(CatalogError) as caught:
            Catalog("torn_events")
        assert str(caught.value).startswith("torn_events: its catalog.json cannot be read (")
        assert str(caught.value).endswith("); run `auditwright generate` again")


def test_an_event_is_found_by_its_key_and_its_aliases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))

    def edit(content: object) -> None:
        assert isinstance(content, dict)
        event_of(content, ADDED)["aliases"] = ["account.models.model_registered"]

    catalog = make_catalog(tmp_path, edit)
    assert catalog.event("account.models.model_registered") is catalog.event(ADDED)
    assert catalog.event("account.models.none") is None
    assert catalog.unknown_event("account.models.model_registred") == (
        f'"account.models.model_registred" is not an event of {catalog.package} 1.1.0'
        '; did you mean "account.models.model_registered"?'
    )


def test_level_of_the_system_events_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`auditwright check` refuses it too; packages may have been generated before it did."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def edit(content: dict[str, Any]) -> None:
        level = content["levels"][1]
        level["name"] = "audit"
        for category in level["categories"]:
            for part in (category, *category["events"]):
                part["key"] = part["key"].replace("tool.", "audit.", 1)

    with pytest.raises(CatalogError) as caught:
        make_catalog(tmp_path, edit)
    (package,) = (path.name for path in tmp_path.iterdir())
    assert str(caught.value) == (
        f'{package}: the level "audit" is Auditwright\'s own; rename it and run `auditwright generate` again'
    )


def test_alias_in_the_level_of_system_events_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Filters for its event would show entries that Auditwright recorded of itself."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def edit(content: dict[str, Any]) -> None:
        content["levels"][0]["categories"][0]["events"][0]["aliases"] = ["audit.log.pruned"]

    with pytest.raises(CatalogError) as caught:
        make_catalog(tmp_path, edit)
    assert "the alias 'audit.log.pruned' of account." in str(caught.value)
    assert str(caught.value).endswith(
        'is in the level "audit", which is Auditwright\'s own; remove it and run `auditwright generate` again'
    )


def test_every_event_has_a_model_and_a_schema() -> None:
    catalog = find_catalog("audit_events")
    assert len(catalog.events) == 78
    for event in catalog.every_event.values():
        assert catalog.model(event).event_key() == event.key
        assert set(catalog.model(event).model_fields) == {field.name for field in event.metadata}
        assert catalog.schema(event)["properties"]["event"] == {"const": event.key}


def test_a_field_named_outcome_of_a_catalog_of_before_is_a_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    own = {
        **{"name": "outcome", "title": "Outcome", "description": "", "kind": "enum", "many": False},
        **{"required": True, "declared_in": "event", "values": {"success": "Success", "late": "Late"}},
    }
    when = {"outcome": ["success"]}

    def edit(content: dict[str, Any]) -> None:
        fields = event_of(content, ADDED)["fields"]
        fields[-1]["when"] = when
        fields.append(own)

    event = make_catalog(tmp_path, edit).events[ADDED]
    assert [(each.when, each.outcome) for each in event.fields[-2:]] == [(when, ""), ({}, "")]
