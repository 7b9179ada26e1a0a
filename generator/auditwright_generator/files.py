"""Files that others have put into a folder: which links lead out of it, and what is safe to read.

A folder that an option names may itself be a link. What is below it may not lead out of it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path, PurePath

MAX_BYTES = 64 * 1024 * 1024
"""The most that is read of a generated file; catalog.json has 16 MB for 10,000 events."""
MAX_YAML_BYTES = 4 * 1024 * 1024
"""The most that is read of a file of a catalog."""


def is_inside(folder: Path, path: str | PurePath) -> bool:
    """Whether a path of the folder stays inside it when all links are followed."""
    top = os.path.realpath(folder)
    return Path(os.path.realpath(folder / path)).is_relative_to(top)


def link_out(folder: Path, paths: Iterable[str]) -> str | None:
    """The first link on the way to a path of the folder that leads out of it; None if there is none."""
    top, sound = os.fspath(folder), {""}
    for path in paths:
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            part = "/".join(parts[:end])
            if part not in sound:
                if os.path.islink(f"{top}/{part}") and not is_inside(folder, part):  # noqa: PTH114 - faster
                    return part
                sound.add(part)
    return None


def refuse_links_out(folder: Path, paths: Iterable[str]) -> None:
    """Raise `OSError` with the first link on the way to a path of the folder that leads out of it."""
    link = link_out(folder, paths)
    if link is not None:
        reason = f"it is a link that leads out of {folder.as_posix()}; remove it"
        raise OSError(errno.ELOOP, reason, str(folder / link))


def read_regular(path: Path, most: int = MAX_BYTES) -> bytes:
    """The content of a file.

    Raises `OSError`, also for a pipe or a device, which may have no end, and for a file of more than `most`
    bytes.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # of a folder the system says what it is
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most // (1024 * 1024)} MiB", str(path))
    return content
