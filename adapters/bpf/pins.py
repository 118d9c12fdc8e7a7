"""Programs kept alive by files of the bpf file system, which outlast this process.

The directory is ours alone; nothing else of that file system is ever looked at. It ends with the boot, like the programs.
"""

from __future__ import annotations

import ctypes
import os
import re
import struct
from contextlib import suppress

from adapters.bpf import syscall

BPF_FS_MAGIC = 0xCAFE4A11  # linux/magic.h
OBJ_PIN = 6
KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")  # that file system takes no dots in names
_libc = ctypes.CDLL(None, use_errno=True)


class Pins:
    """One directory for each key, in it one file for each program, named by id."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def pin(self, key: str, program: int, descriptor: int) -> bool:
        """Keep the program of that descriptor; whether that could be done. There already: done."""
        parent = os.path.dirname(self._directory)
        if not KEY.fullmatch(key) or not _of_bpf(parent):
            return False
        try:
            for directory in (self._directory, self._of(key)):
                with suppress(FileExistsError):
                    os.mkdir(directory, 0o700)
            _pin(os.path.join(self._of(key), str(program)), descriptor)
        except OSError:
            return False
        return True

    def release(self, key: str) -> None:
        """Remove the files of this key."""
        if not KEY.fullmatch(key):
            return
        with suppress(FileNotFoundError):
            for name in os.listdir(self._of(key)):
                os.unlink(os.path.join(self._of(key), name))
            os.rmdir(self._of(key))

    def keys(self) -> frozenset[str]:
        """The keys that something is kept under."""
        try:
            return frozenset(os.listdir(self._directory))
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()

    def _of(self, key: str) -> str:
        return os.path.join(self._directory, key)


def _pin(path: str, descriptor: int) -> None:
    name = ctypes.create_string_buffer(path.encode())
    with suppress(FileExistsError):
        syscall.call(OBJ_PIN, struct.pack("=QII", ctypes.addressof(name), descriptor, 0))


def _of_bpf(path: str) -> bool:
    status = (ctypes.c_long * 64)()  # struct statfs begins with a long, f_type; 120 bytes on 64-bit
    return _libc.statfs(path.encode(), ctypes.byref(status)) == 0 and status[0] & 0xFFFFFFFF == BPF_FS_MAGIC
