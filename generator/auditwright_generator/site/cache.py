"""Where a site is built: a folder beside the published one, which the next run of Sphinx goes on from.

It has the HTML, what Sphinx remembers, and a note of a run without findings. Without that note, or after a
change of the code that makes pages, the next run begins from scratch. HTML that is the same as that of the
noted run is not checked again.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from auditwright_generator.files import refuse_links_out
from auditwright_generator.output.incremental import generator_identity
from auditwright_generator.output.manifest import digest

_PACKAGES = ("sphinx", "docutils", "myst-parser", "markdown-it-py", "pydata-sphinx-theme", "sphinx-design")


@dataclass(frozen=True, slots=True)
class BuildCache:
    """The folder in which one site is built."""

    folder: Path

    @classmethod
    def beside(cls, out: Path) -> BuildCache:
        """The cache of a published folder: beside it, so that it is not published."""
        return cls(out.with_name(f".{out.name}"))

    @property
    def html(self) -> Path:
        """The built pages."""
        return self.folder / "html"

    @property
    def doctrees(self) -> Path:
        """What Sphinx remembers."""
        return self.folder / "doctrees"

    @property
    def _note(self) -> Path:
        return self.folder / "sound"

    def prepare(self, source: Path, overrides: Mapping[str, object]) -> None:
        """Remove what an earlier run left, unless it was without findings, of the same code and values.

        Raises `OSError`, also if it is a link that leads elsewhere.
        """
        names = ("", "/html", "/doctrees", "/sound", "/.gitignore")
        refuse_links_out(self.folder.parent, (f"{self.folder.name}{name}" for name in names))
        if not self._is_sound(source, overrides):
            for folder in (self.html, self.doctrees):
                shutil.rmtree(folder, ignore_errors=True)
        self.html.mkdir(parents=True, exist_ok=True)
        (self.folder / ".gitignore").write_text("*\n", "utf-8")

    def forget(self) -> str | None:
        """Let the next run build all pages, unless this one ends without findings.

        Returns the digest of the HTML of the last run without findings; None if there was none.
        """
        noted = self._noted()
        self._note.unlink(missing_ok=True)
        return noted[1] if len(noted) == 2 else None

    def html_digest(self) -> str:
        """The digest of the paths and contents of the built files."""
        files = sorted(path for path in self.html.rglob("*") if path.is_file())
        lines = (f"{path.relative_to(self.html).as_posix()} {digest(path.read_bytes())}" for path in files)
        return digest("\n".join(lines).encode())

    def keep(self, source: Path, overrides: Mapping[str, object]) -> None:
        """Note that a run has ended without findings."""
        self._note.write_text(f"{_identity(source, overrides)}\n{self.html_digest()}", "utf-8")

    def _is_sound(self, source: Path, overrides: Mapping[str, object]) -> bool:
        return self._noted()[:1] == [_identity(source, overrides)]

    def _noted(self) -> list[str]:
        try:
            return self._note.read_text("utf-8").split("\n")
        except OSError:
            return []


def _identity(source: Path, overrides: Mapping[str, object]) -> str:
    """The digest of all code and values that make pages.

    Sphinx itself compares sources, templates and values, but its index keeps words that only the earlier
    values gave to a page.
    """
    versions = [f"{name} {_version(name)}" for name in _PACKAGES]
    conf = digest((source / "conf.py").read_bytes())
    parts = [generator_identity(), conf, repr(sorted(overrides.items())), str(source.resolve()), *versions]
    return digest("\n".join(parts).encode())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"
