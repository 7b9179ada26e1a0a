"""The version that changes require, and whether a version is high enough."""

import pytest

from auditwright_generator.diff.rules import Bump
from auditwright_generator.diff.versions import fits, largest, needed_version
from auditwright_generator.versions import SemanticVersion


def test_several_changes_require_the_largest_bump() -> None:
    assert largest(["patch", "major", "minor"]) == "major"
    assert largest(["patch", "minor"]) == "minor"
    assert largest([]) is None


@pytest.mark.parametrize(
    ("old", "bump", "needed"),
    [
        ("1.2.3", "major", "2.0.0"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "patch", "1.2.4"),
        ("1.2.3", None, "1.2.3"),
        ("1.2.3+build.5", "patch", "1.2.4"),
        # Before 1.0.0 a break requires a minor version, and anything else a patch.
        ("0.2.3", "major", "0.3.0"),
        ("0.2.3", "minor", "0.2.4"),
        ("0.2.3", "patch", "0.2.4"),
        # The release after a pre-release may be a large enough bump.
        ("2.0.0-rc.1", "major", "2.0.0"),
        ("1.1.0-rc.1", "minor", "1.1.0"),
        ("1.1.0-rc.1", "major", "2.0.0"),
        ("1.1.1-rc.1", "patch", "1.1.1"),
        ("1.1.1-rc.1", "minor", "1.2.0"),
        ("0.3.0-beta.1", "major", "0.3.0"),
    ],
)
def test_required_version(old: str, bump: Bump | None, needed: str) -> None:
    assert str(needed_version(SemanticVersion.parse(old), bump)) == needed


@pytest.mark.parametrize(
    ("old", "new", "bump", "enough"),
    [
        ("1.0.0", "2.0.0", "major", True),
        ("1.0.0", "3.1.4", "major", True),
        ("1.0.0", "1.9.0", "major", False),
        ("1.0.0", "1.1.0", "minor", True),
        ("1.0.0", "1.0.1", "minor", False),
        ("1.0.0", "1.0.1", "patch", True),
        ("1.0.0", "1.0.0", "patch", False),
        ("1.0.0", "1.0.0+2", "patch", False),
        ("1.0.0", "1.0.0", None, True),
        ("1.0.0", "1.5.0", None, True),
        ("1.0.0", "0.9.0", None, False),
        ("1.0.0", "2.0.0-rc.1", "major", True),
        ("1.0.0", "1.0.1-rc.1", "minor", False),
        ("2.0.0-rc.1", "2.0.0-rc.2", "major", True),
        ("2.0.0-rc.1", "2.0.0-rc.1", "major", False),
        ("2.0.0-rc.2", "2.0.0-rc.1", "patch", False),
        ("2.0.0-rc.1", "2.0.0", "major", True),
        ("0.1.0", "0.2.0", "major", True),
        ("0.1.0", "0.1.1", "major", False),
        ("0.1.0", "1.0.0", "major", True),
    ],
)
def test_a_version_is_high_enough_or_not(old: str, new: str, bump: Bump | None, enough: bool) -> None:
    assert fits(SemanticVersion.parse(old), SemanticVersion.parse(new), bump) is enough
