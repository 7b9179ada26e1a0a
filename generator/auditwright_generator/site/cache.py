"""Where a site is built: a folder beside the published one, which the next run of Sphinx goes on from.

It has the HTML, what Sphinx remembers, and a note of a run without findings. Without that note, or after a
change of the code that makes pages, the next run begins from scratch.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

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

    def prepare(self, source: Path) -> None:
        """Remove what an earlier run left, unless it was without findings and of the same code."""
        if not self._is_sound(source):
            for folder in (self.html, self.doctrees):
                shutil.rmtree(folder, ignore_errors=True)
        self.html.mkdir(parents=True, exist_ok=True)
        (self.folder / ".gitignore").write_text("*\n", "utf-8")

    def forget(self) -> None:
        """Let the next run build all pages, unless this one ends without findings."""
        self._note.unlink(missing_ok=True)

    def keep(self, source: Path) -> None:
        """Note that a run has ended without findings."""
        self._note.write_text(_identity(source), "utf-8")

    def _is_sound(self, source: Path) -> bool:
        try:
            return self._note.read_text("utf-8") == _identity(source)
        except OSError:
            return False


def _identity(source: Path) -> str:
    """The digest of all code that makes pages: Sphinx itself compares sources, templates and values only."""
    versions = [f"{name} {_version(name)}" for name in _PACKAGES]
    conf = digest((source / "conf.py").read_bytes())
    return digest("\n".join([generator_identity(), conf, str(source.resolve()), *versions]).encode())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"
