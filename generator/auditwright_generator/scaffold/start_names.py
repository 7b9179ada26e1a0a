"""The names of a new catalog: proposals from the name of its project's folder, and why a name is refused.

`check` refuses what no catalog may have; here is what depends on the environment, such as a name that an
installed distribution has.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from itertools import chain, count
from pathlib import Path

from auditwright_generator.names import refuse_distribution, refuse_package
from auditwright_generator.scaffold.derived_text import title_of
from auditwright_generator.source.structure import DEFS, is_name

PLAIN_TITLE = "Audit events"
_WORDS_OF_TITLE = frozenset({"audit", "events"})
_MAX_WORDS = 40
"""The most characters of a folder's name that a proposal has."""
_ENTRY_POINTS = "auditwright.catalogs"


@dataclass(frozen=True, slots=True)
class StartNames:
    """The names of a new catalog."""

    package: str
    distribution: str
    title: str


def propose_title(folder: Path) -> str:
    """`Acme billing: audit events` for a catalog in `acme-billing/catalog`."""
    words = [word for word in _words(project_name(folder), r"[\W_]+") if word not in _WORDS_OF_TITLE]
    return f"{title_of('_'.join(words))}: audit events" if words else PLAIN_TITLE


def propose_package(name: str, distribution: str | None = None) -> str:
    """`acme_billing_audit` for acme-billing; free to use."""
    return next(each for each in _candidates(name) if refused_package(each, distribution) is None)


def propose_distribution(package: str) -> str:
    """`acme-billing-audit` for the package acme_billing_audit; free to use."""
    free = (name.replace("_", "-") for name in chain([package], _candidates(package)))
    return next(each for each in free if refused_distribution(each, package) is None)


def refused_package(name: str, distribution: str | None = None) -> str | None:
    """Why a new catalog cannot have the package, or None; `distribution` is the catalog's own, if known."""
    if not is_name(name):
        return f"it must be {DEFS['name']['description']}"
    if reason := refuse_package(name):
        return reason
    where = _location_of(name)
    owners = _distributions_with(name, is_importable=where is not None)
    own = name.replace("_", "-") if distribution is None else distribution
    if others := owners - {own} or (owners if not _is_catalog_of(own, name) else set()):
        return f"the installed distribution {min(others)} has a package of that name"
    if where and not owners and not Path(where, "catalog.json").is_file():
        return f"Python finds a module of that name in {where}"
    return None


def refused_distribution(name: str, package: str) -> str | None:
    """Why a new catalog with the package cannot have the distribution, or None."""
    form = DEFS["distribution"]
    if len(name) > form["maxLength"] or not re.fullmatch(form["pattern"], name):
        return f"it must be {form['description']}"
    if reason := refuse_distribution(name):
        return reason
    if is_installed(name) and not _is_catalog_of(name, package):
        return "a distribution of that name is installed already"
    return None


def is_installed(distribution: str) -> bool:
    """Whether the environment has the distribution."""
    return any(True for _ in metadata.distributions(name=distribution))


def other_catalogs(package: str) -> bool:
    """Whether packages of other catalogs are installed, so that commands have to name theirs."""
    return any(point.module != package for point in metadata.entry_points(group=_ENTRY_POINTS))


def _is_catalog_of(distribution: str, package: str) -> bool:
    """Whether the installed distribution is what `auditwright generate` made for the package."""
    points = [
        point
        for each in metadata.distributions(name=distribution)
        for point in each.entry_points
        if point.group == _ENTRY_POINTS
    ]
    return any(point.module == package for point in points)


def _distributions_with(package: str, *, is_importable: bool) -> set[str]:
    """The installed distributions that have a package; an editable one is known by its entry point."""
    # To find the others, the lists of all installed files are read.
    owners = set(metadata.packages_distributions().get(package, ())) if is_importable else set[str]()
    for point in metadata.entry_points(group=_ENTRY_POINTS):
        if point.module == package and point.dist is not None:
            owners.add(point.dist.name)
    return {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners}


def _location_of(package: str) -> str | None:
    """Where Python finds a module; None if it finds none."""
    try:
        spec = find_spec(package)
    except ValueError:  # a module in memory
        return "memory"
    if spec is None:
        return None
    return next(iter(spec.submodule_search_locations or ()), spec.origin or "memory")


def project_name(folder: Path) -> str:
    """The name of the folder that a catalog's folder is in; "" where it says nothing about the project."""
    project = folder.resolve().parent
    try:
        return "" if project == Path.home() else project.name
    except RuntimeError:  # the user has no home, as in many containers
        return project.name


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()


def _words(name: str, between: str) -> list[str]:
    """The words of a name in lower case, as many as a proposal has room for."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    words: list[str] = []
    for word in (each[:_MAX_WORDS] for each in re.split(between, parted.casefold())):
        if word and len("_".join([*words, word])) <= _MAX_WORDS:
            words.append(word)
    return words


def _candidates(name: str) -> Iterator[str]:
    """Packages named after something, the best first, without end."""
    words = _words(_ascii(name), "[^A-Za-z0-9]+")
    stem = "_".join(words)
    if len(words) > 1 and _WORDS_OF_TITLE & set(words):
        yield stem
    if words and words != ["audit"]:
        other = "events" if "audit" in words else "audit"
        yield f"{stem}_{other}"
        yield f"{other}_{stem}"  # a name begins with a letter
    yield "audit_events"
    yield from (f"audit_events_{number}" for number in count(2))
