"""Which versions of a catalog can be those of a Python distribution."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from auditwright_generator.versions import is_package_version


@pytest.mark.parametrize(
    "text", ["1.0.0", "0.3.0-beta.1", "1.0.0-rc.1", "1.0.0-RC1", "1.0.0-dev.20260131", "1.0.0-rc.1+build.5"]
)
def test_releases_and_pre_releases_are_versions_of_packages(text: str) -> None:
    assert is_package_version(text)
    found = Version(text)
    assert found.base_version == text[:5]
    assert found.is_prerelease == ("-" in text)
    assert not found.is_postrelease


@pytest.mark.parametrize(
    "text", ["1.0.0-alpha.beta", "1.0.0-next", "1.0.0-1", "1.0.0-post.1", "1.0.0-..", "1.0.0+-", "1.0.0+a..b"]
)
def test_other_versions_of_catalogs_are_not(text: str) -> None:
    assert not is_package_version(text)


@given(
    st.from_regex(
        r"\A[0-9]{1,3}\.[0-9]\.[0-9](-[a-c0-9.-]{1,6}|-(dev|pre|rc)[.-]?[0-9]*)?(\+[a-c.-]{1,4})?\Z"
    )
)
def test_every_accepted_version_is_one_of_pep_440(text: str) -> None:
    if is_package_version(text):
        assert not Version(text).is_postrelease
