"""The pods' control groups, which outlive the processes in them and are not part of any namespace."""

from __future__ import annotations

from pathlib import Path

from tests.runtime.private import CGROUPS


def remove(name: str) -> None:
    """Remove the groups of that name below every hierarchy (one in version 2, one a controller in version 1)."""
    for top in (CGROUPS / name, *CGROUPS.glob(f"*/{name}")):
        for directory in sorted(top.rglob("*/"), reverse=True):
            _remove(directory)
        _remove(top)


def _remove(directory: Path) -> None:
    try:
        directory.rmdir()
    except FileNotFoundError:
        return
