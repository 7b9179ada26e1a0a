"""Lets the disk and the clock of a program fail: compiles `shim.c`, and controls it as the program runs."""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
MISSING = "there is no C compiler: apt-get install gcc"
_LAYOUT = struct.Struct("=6q88s")


def compiler() -> str | None:
    """The path of a C compiler, if there is one."""
    return shutil.which("cc") or shutil.which("gcc")


def compile_shim(folder: Path) -> Path:
    """Compile the library into a folder that the server's user may enter."""
    found = compiler()
    assert found is not None, MISSING
    library = folder / "shim.so"
    command = [
        found,
        "-shared",
        "-fPIC",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-o",
        str(library),
        str(SOURCE),
    ]
    subprocess.run([*command, "-ldl"], check=True)
    return library


class Shim:
    """The faults of the programs that are started with `environment`. All that is set applies at once."""

    def __init__(self, library: Path, control: Path) -> None:
        control.write_bytes(bytes(_LAYOUT.size))
        control.chmod(0o666)  # the server runs as another user when the tests run as root
        self.environment = {"LD_PRELOAD": str(library), "FAULTS_CONTROL": str(control)}
        with control.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _LAYOUT.size)

    def set(
        self,
        *,
        part: str = "/",
        fsync: int = 0,
        write: int = 0,
        delay: float = 0.0,
        ahead: float = 0.0,
        every: int = 1,
    ) -> None:
        """Let files whose path contains `part` fail: `fsync` and `write` are the errno of the calls.

        `delay` is the seconds that an fsync takes longer, `ahead` those that the clock is ahead. Only each
        `every`-th call fails.
        """
        # The path comes first: a fault of another kind of file would be one that nobody asked for.
        self._memory[48 : _LAYOUT.size] = part.encode().ljust(_LAYOUT.size - 48, b"\0")
        numbers = (fsync, write, round(delay * 1e6), round(ahead * 1e9), every)
        self._memory[:40] = struct.pack("=5q", *numbers)

    def clear(self) -> None:
        """End all faults."""
        self.set()

    def preload(self) -> None:
        """Let the programs that this process starts from now on have it, until `unload`."""
        os.environ.update(self.environment)

    def unload(self) -> None:
        """End `preload`."""
        for name in self.environment:
            os.environ.pop(name, None)
