"""Short paths for sockets: a Unix socket's path has at most 107 bytes, and pytest's own directories are long."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture
def place() -> Iterator[str]:
    """The path of a socket in a directory that does not exist yet."""
    with tempfile.TemporaryDirectory(prefix="knd-bus-") as directory:
        yield f"{directory}/socket/bus.sock"
