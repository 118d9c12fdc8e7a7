"""Reading one small file or link of sysfs: what cannot be read is empty, because each fact stands alone."""

from __future__ import annotations

import os
from pathlib import Path


def text(path: Path) -> str:
    """The content without white space around it; empty for a file that is not there or that the driver refuses."""
    try:
        return path.read_bytes().decode("utf-8", "replace").strip()
    except OSError:
        return ""


def number(path: Path) -> int | None:
    """A whole number of at least 0; the kernel's -1 ("none") and everything else is None."""
    content = text(path)
    return int(content) if content.isascii() and content.isdigit() else None


def hexadecimal(path: Path) -> str:
    """``0x15b3`` without its prefix."""
    return text(path).lower().removeprefix("0x")


def target(path: Path) -> str:
    """The last part of what a symbolic link points to; empty for what is none."""
    try:
        return os.path.basename(os.readlink(path))
    except OSError:
        return ""


def entries(directory: Path) -> list[str]:
    """The names in a directory, sorted; none when it is not there."""
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []
