"""The pyproject.toml of a generated package: valid, and built into the metadata of a wheel, for any title."""

import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.version import Version

from auditwright_generator.model import Catalog
from auditwright_generator.names import OWN_PACKAGE
from auditwright_generator.targets.packaging import whole


def made(title: str = "Acme's events", **attributes: str) -> str:
    facts: dict[str, Any] = {"package": "acme_audit", "description": "", "version": "1.2.0", **attributes}
    return whole(Catalog(title=title, levels=(), **facts))["pyproject.toml"]


def test_names_come_from_the_catalog() -> None:
    project = tomllib.loads(made())["project"]
    assert (project["name"], project["version"]) == ("acme-audit", "1.2.0")
    assert project["entry-points"] == {"auditwright.catalogs": {"acme_audit": "acme_audit:CATALOG"}}
    assert [Requirement(each).name for each in project["dependencies"]] == ["auditwright"]
    assert tomllib.loads(made(distribution="acme-audit-log"))["project"]["name"] == "acme-audit-log"


def test_own_package_is_part_of_auditwright() -> None:
    assert whole(Catalog(OWN_PACKAGE, "Title", "", "1.0.0", ())) == {}


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_any_title_is_valid_toml_on_one_line(title: str) -> None:
    summary = tomllib.loads(made(title))["project"]["description"]
    assert len(summary.splitlines()) <= 1
    assert summary.split() == [word for word in summary.split(" ") if word]


@pytest.mark.parametrize(
    ("title", "summary"),
    [
        ('Acme\'s "audit" log \\ {braces} # no comment', 'Acme\'s "audit" log \\ {braces} # no comment'),
        ("Zwei\u2028Zeilen\x85und\x0b\x7fmehr", "Zwei Zeilen und mehr"),
        ("監査ログ 🔒 Ереван: {{ config }}", "監査ログ 🔒 Ереван: {{ config }}"),
        ("Version: 9", "Version: 9"),
    ],
)
def test_title_is_the_summary_of_the_wheel(tmp_path: Path, title: str, summary: str) -> None:
    (tmp_path / "pyproject.toml").write_text(made(title, version="1.2.0-rc.1"), "utf-8")
    (tmp_path / "README.md").write_text("What is generated here", "utf-8")
    (tmp_path / "acme_audit").mkdir()
    (tmp_path / "acme_audit" / "__init__.py").write_text("", "utf-8")
    (built,) = WheelBuilder(str(tmp_path)).build(directory=str(tmp_path / "dist"), versions=["standard"])
    with zipfile.ZipFile(built) as archive:
        about = archive.read("acme_audit-1.2.0rc1.dist-info/METADATA").decode()
    assert f"\nSummary: {summary}\n" in about
    assert [Version(each) for each in Parser().parsestr(about).get_all("Version", [])] == [
        Version("1.2.0-rc.1")
    ]
