"""The published folder is a copy of a build: all of it, or as it was."""

import errno
import shutil
from pathlib import Path

import pytest

from auditwright_generator.site.errors import SiteError
from auditwright_generator.site.publish import publish, refuse_folder


def write(folder: Path, **files: str) -> Path:
    """A folder with these files; `a__b` is a/b.html, and every build has the mark of Sphinx."""
    for name, text in {**files, ".buildinfo": "Sphinx"}.items():
        path = folder / (f"{name.replace('__', '/')}.html" if name != ".buildinfo" else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def read(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in paths}


def test_pages_that_are_gone_go_from_the_folder_too(tmp_path: Path) -> None:
    html, out = write(tmp_path / "html", index="new", level__new="x"), tmp_path / "build" / "site"
    publish(write(tmp_path / "old", index="old", level__old="x"), out)
    publish(html, out)
    assert read(out) == read(html)
    assert [path.name for path in out.parent.iterdir()] == ["site"]


def test_a_folder_that_is_current_is_not_written(tmp_path: Path) -> None:
    html, out = write(tmp_path / "html", index="same"), tmp_path / "site"
    publish(html, out)
    before = (out / "index.html").stat()
    write(html, index="same")
    publish(html, out)
    assert (out / "index.html").stat() == before


def test_a_copy_that_fails_leaves_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "site"
    publish(write(tmp_path / "old", index="old"), out)

    def copy_some(source: Path, target: Path) -> None:
        target.mkdir()
        (target / "index.html").write_text("new")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", copy_some)
    with pytest.raises(OSError, match="No space left"):
        publish(write(tmp_path / "html", index="new"), out)
    assert read(out)["index.html"] == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["html", "old", "site"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "site").symlink_to("www")
    publish(write(tmp_path / "html", index="new"), tmp_path / "site")
    assert (tmp_path / "site").is_symlink()
    assert read(tmp_path / "www")["index.html"] == "new"


@pytest.mark.parametrize("kind", ["new", "empty", "site"])
def test_a_folder_for_a_site_is_accepted(kind: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    if kind == "empty":
        out.mkdir()
    if kind == "site":
        write(out, index="")
    refuse_folder(out, tmp_path / "docs")


@pytest.mark.parametrize("kind", ["files", "checkout", "file", "pages", "above", "below"])
def test_a_folder_with_something_to_lose_is_refused(kind: str, tmp_path: Path) -> None:
    out, pages = tmp_path / "out", tmp_path / "docs"
    pages.mkdir()
    if kind == "files":
        write(out, index="").joinpath(".buildinfo").unlink()
    elif kind == "checkout":
        (write(out, index="") / ".git").mkdir()
    elif kind == "file":
        out.touch()
    else:
        out = {"pages": pages, "above": tmp_path, "below": pages / "site"}[kind]
    with pytest.raises(SiteError, match="--out"):
        refuse_folder(out, pages)
