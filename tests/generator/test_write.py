"""Files to a folder: only what changed, and never a file that the manifest does not name."""

import hashlib
import os
import stat
from pathlib import Path

import pytest

from auditwright_generator import write as module
from auditwright_generator.write import MANIFEST, Difference, compare, with_manifest, write

NOTHING = Difference((), (), (), ())
FIRST = with_manifest({"a.py": "a = 1\n", "deep/er/b.py": "b = 'ä'\n", "deep/c.md": ""})


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def times(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_manifest_is_in_the_format_of_sha256sum() -> None:
    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    expected = "".join(f"{digest(FIRST[path])}  {path}\n" for path in ("a.py", "deep/c.md", "deep/er/b.py"))
    assert FIRST[MANIFEST] == expected


def test_everything_is_missing_from_a_folder_that_is_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    assert compare(folder, FIRST).missing == ("a.py", "deep/c.md", "deep/er/b.py", MANIFEST)
    assert not folder.exists()


def test_writing_makes_the_folder_hold_the_files(tmp_path: Path) -> None:
    assert write(tmp_path, FIRST).missing == tuple(sorted(FIRST))
    assert contents(tmp_path) == FIRST
    assert compare(tmp_path, FIRST) == NOTHING
    assert not compare(tmp_path, FIRST)


def test_files_are_readable_as_the_umask_says(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write(tmp_path, FIRST)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.py").stat().st_mode) == 0o640


def test_unchanged_files_keep_their_bytes_and_times(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    before = times(tmp_path)
    assert write(tmp_path, FIRST) == NOTHING
    assert times(tmp_path) == before
    changed = with_manifest(
        {name: text for name, text in FIRST.items() if name != MANIFEST} | {"a.py": "a = 2\n"}
    )
    assert write(tmp_path, changed) == Difference((), ("a.py", MANIFEST), (), ())
    after = times(tmp_path)
    assert {name for name in after if after[name] != before[name]} == {"a.py", MANIFEST}
    assert contents(tmp_path) == changed


def test_states_are_told_apart(tmp_path: Path) -> None:
    write(
        tmp_path, with_manifest({"stale.py": "1\n", "edited.py": "1\n", "gone.py": "1\n", "kept.py": "1\n"})
    )
    (tmp_path / "edited.py").write_text("by hand\n", "utf-8")
    files = with_manifest({"stale.py": "2\n", "edited.py": "1\n", "new.py": "1\n", "kept.py": "1\n"})
    difference = Difference(("new.py",), (MANIFEST, "stale.py"), ("edited.py",), ("gone.py",))
    assert compare(tmp_path, files) == difference
    assert write(tmp_path, files) == difference
    assert contents(tmp_path) == files


def test_file_that_was_edited_and_has_changed_counts_as_edited(tmp_path: Path) -> None:
    write(tmp_path, with_manifest({"a.py": "1\n"}))
    (tmp_path / "a.py").write_text("by hand\n", "utf-8")
    assert compare(tmp_path, with_manifest({"a.py": "2\n"})).edited == ("a.py",)


def test_line_ends_and_encodings_count(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    (tmp_path / "a.py").write_bytes(b"a = 1\r\n")
    (tmp_path / "deep/er/b.py").write_bytes("b = 'ä'\n".encode("latin-1"))
    assert compare(tmp_path, FIRST).edited == ("a.py", "deep/er/b.py")


def test_file_in_the_way_that_is_not_ours_is_edited(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("mine\n", "utf-8")
    assert compare(tmp_path, FIRST).edited == ("a.py",)


def test_orphans_are_removed_with_their_empty_folders(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    cache = tmp_path / "deep" / "er" / "__pycache__"
    cache.mkdir()
    (cache / "b.cpython-311.pyc").write_bytes(b"")
    left = with_manifest({"a.py": "a = 1\n"})
    assert write(tmp_path, left).orphaned == ("deep/c.md", "deep/er/b.py")
    assert contents(tmp_path) == left
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.py", MANIFEST]


def test_files_that_the_manifest_does_not_name_stay(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    mine = {"README.md": "mine\n", "deep/er/notes.txt": "mine\n", "deep/er/__pycache__/data.bin": "mine\n"}
    for name, text in mine.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    assert compare(tmp_path, FIRST) == NOTHING
    left = with_manifest({"a.py": "a = 1\n"})
    write(tmp_path, left)
    assert contents(tmp_path) == left | mine


@pytest.mark.parametrize(
    "line",
    ["../outside.py", "x/../../outside.py", "{absolute}", "..\\outside.py", "deep\\..\\..\\outside.py"],
)
def test_manifest_lines_that_lead_out_of_the_folder_are_ignored(line: str, tmp_path: Path) -> None:
    folder, outside = tmp_path / "out", tmp_path / "outside.py"
    outside.write_text("keep me\n", "utf-8")
    write(folder, FIRST)
    # To a POSIX system, backslashes are characters of a name.
    (folder / "..\\outside.py").write_text("keep me\n", "utf-8")
    with (folder / MANIFEST).open("a", encoding="utf-8") as manifest:
        digest = hashlib.sha256(b"keep me\n").hexdigest()
        manifest.write(f"{digest}  {line.format(absolute=outside)}\n")
    assert compare(folder, FIRST) == Difference((), (MANIFEST,), (), ())
    write(folder, FIRST)
    assert outside.read_text("utf-8") == "keep me\n"
    assert (folder / "..\\outside.py").read_text("utf-8") == "keep me\n"


def test_link_that_leads_out_of_the_folder_is_not_followed_into_it(tmp_path: Path) -> None:
    folder, outside = tmp_path / "out", tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.py").write_text("keep me\n", "utf-8")
    write(folder, FIRST)
    (folder / "link").symlink_to(outside, target_is_directory=True)
    with (folder / MANIFEST).open("a", encoding="utf-8") as manifest:
        manifest.write(f"{hashlib.sha256(b'keep me').hexdigest()}  link/precious.py\n")
    write(folder, FIRST)
    assert (outside / "precious.py").read_text("utf-8") == "keep me\n"


@pytest.mark.parametrize("junk", [b"", b"\xff\xfe\x00", b"no digest\n", b"\n\n  \n", b"x  \n", b"x  .\n"])
def test_broken_manifest_is_written_anew(junk: bytes, tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    (tmp_path / MANIFEST).write_bytes(junk)
    assert compare(tmp_path, FIRST) == Difference((), (MANIFEST,), (), ())
    write(tmp_path, FIRST)
    assert contents(tmp_path) == FIRST


def test_deleted_manifest_makes_nothing_an_orphan(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    (tmp_path / MANIFEST).unlink()
    left = with_manifest({"a.py": "a = 1\n"})
    assert compare(tmp_path, left) == Difference((MANIFEST,), (), (), ())
    write(tmp_path, left)
    assert (tmp_path / "deep/c.md").is_file()


def test_folder_where_a_file_is_wanted_is_an_error_that_changes_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.py").mkdir()
    with pytest.raises(OSError, match="directory"):
        write(tmp_path, FIRST)
    assert contents(tmp_path) == {}


def test_file_where_a_folder_is_wanted_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "deep").write_text("a file\n", "utf-8")
    assert "deep/c.md" in compare(tmp_path, FIRST).missing
    with pytest.raises(OSError, match="deep"):
        write(tmp_path, FIRST)
    assert (tmp_path / "deep").read_text("utf-8") == "a file\n"


class Killed(BaseException):
    """Stands for the end of the process."""


def test_killed_run_is_seen_and_mended_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, with_manifest({"a.py": "1\n", "b.py": "1\n", "old/c.py": "1\n"}))
    files = with_manifest({"a.py": "2\n", "b.py": "2\n", "new.py": "2\n"})
    replace = Path.replace
    written: list[str] = []

    def replace_twice(self: Path, target: Path) -> Path:
        if len(written) == 2:
            raise Killed
        written.append(target.name)
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace_twice)
        with pytest.raises(Killed):
            write(tmp_path, files)
    assert written == ["new.py", "a.py"]
    # Nothing half written, nothing left lying about, and the old manifest still names what was there.
    assert contents(tmp_path).keys() == {"a.py", "b.py", "new.py", "old/c.py", MANIFEST}
    assert (tmp_path / "b.py").read_text("utf-8") == "1\n"
    left = compare(tmp_path, files)
    assert left == Difference((), ("b.py", MANIFEST), (), ("old/c.py",))
    assert write(tmp_path, files) == left
    assert contents(tmp_path) == files


def test_run_that_is_killed_before_the_manifest_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, with_manifest({"a.py": "1\n", "old.py": "1\n"}))
    files = with_manifest({"a.py": "2\n"})
    real = module._replace

    def until_the_manifest(path: Path, text: str) -> None:
        if path.name == MANIFEST:
            raise Killed
        real(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_replace", until_the_manifest)
        with pytest.raises(Killed):
            write(tmp_path, files)
    assert compare(tmp_path, files) == Difference((), (MANIFEST,), (), ())
