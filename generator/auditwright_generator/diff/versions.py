"""The version that changes require, by Semantic Versioning 2.0.0 (semver.org).

A break requires a major version (item 8), an addition a minor one (item 7), anything else a patch (item 6).
Before 1.0.0 anything may change (item 4); here a break then requires a minor version, the rest a patch.
"""

from collections.abc import Iterable
from dataclasses import replace

from auditwright_generator.diff.rules import Bump
from auditwright_generator.versions import SemanticVersion

_SIZES: tuple[Bump, ...] = ("patch", "minor", "major")


def largest(bumps: Iterable[Bump]) -> Bump | None:
    """The largest of the bumps; None if there are none."""
    return max(bumps, key=_SIZES.index, default=None)


def needed_version(old: SemanticVersion, bump: Bump | None) -> SemanticVersion:
    """The lowest version that may follow the older one."""
    if bump is None:
        return old
    if old.major == 0:
        bump = "minor" if bump == "major" else "patch"
    release = replace(old, pre=())
    if old.pre and _announces(release, bump):
        return release
    match bump:
        case "major":
            return SemanticVersion(old.major + 1, 0, 0)
        case "minor":
            return SemanticVersion(old.major, old.minor + 1, 0)
        case "patch":
            return SemanticVersion(old.major, old.minor, old.patch + 1)


def _announces(release: SemanticVersion, bump: Bump) -> bool:
    """Whether the release after the pre-releases is such a bump: 2.0.0 is a major one."""
    match bump:
        case "major":
            return release.minor == release.patch == 0
        case "minor":
            return release.patch == 0
        case "patch":
            return True


def fits(old: SemanticVersion, new: SemanticVersion, bump: Bump | None) -> bool:
    """Whether the newer version is at least the required one, or a pre-release of it."""
    if bump is None:
        return new >= old
    return new > old and replace(new, pre=()) >= needed_version(old, bump)
