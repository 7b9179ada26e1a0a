"""Writes new files for people, all or none."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_files(folder: Path, texts: Mapping[str, str]) -> Iterator[None]:
    """Write files that do not exist yet, and remove them again if that or the block fails.

    Raises `OSError`, such as `FileExistsError`.
    """
    made: list[Path] = []
    try:
        for path, text in texts.items():
            target = folder / path
            for parent in reversed([each for each in target.parents if not each.exists()]):
                parent.mkdir()
                made.append(parent)
            with target.open("xb") as file:
                made.append(target)
                file.write(text.encode())
        yield
    except BaseException:
        for each in reversed(made):
            each.rmdir() if each.is_dir() else each.unlink()
        raise
