"""Reading one small file or link of sysfs: what cannot be read is empty, because each fact stands alone."""

from __future__ import annotations

import os
from pathlib import Path

PAGE = 4096  # sysfs shows no more of an attribute; a copied tree may have anything
MOST_DIGITS = 18


def text(path: Path) -> str:
    """The content without white space around it; empty for a file that is not there or that the driver refuses."""
    try:
        with path.open("rb", buffering=0) as file:
            return (file.read(PAGE) or b"").decode("utf-8", "replace").strip()
    except OSError:
        return ""


def whole(content: str) -> int | None:
    """The number of at least 0 that a text is; the kernel's -1 ("none") and everything else is None."""
    return int(content) if content.isascii() and content.isdigit() and len(content) <= MOST_DIGITS else None


def number(path: Path) -> int | None:
    """The number in a file."""
    return whole(text(path))


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
