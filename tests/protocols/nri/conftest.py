"""Sockets in a directory of the test, and a plugin that is stopped whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from adapters.nri.plugin import Plugin
from adapters.standin.runtime import Runtime
from tests.support.nri.hooks import Hooks
from tests.support.nri.wire import Listener


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the runtime listens."""
    return tmp_path / "nri.sock"


@pytest.fixture
def listener(path: Path) -> Iterator[Listener]:
    """A runtime by script."""
    listening = Listener(path)
    yield listening
    listening.close()


@pytest.fixture
def hooks() -> Hooks:
    """The hooks of ``plugin``."""
    return Hooks()


@pytest.fixture
def plugin(path: Path, hooks: Hooks) -> Iterator[Plugin]:
    """A started plugin; the runtime may come later."""
    made = Plugin(str(path), "dra.net", hooks)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def run(path: Path) -> Iterator[Callable[..., Runtime]]:
    """Starts a stand-in runtime; takes the options of ``Runtime``."""
    with ExitStack() as stack:

        def start(**options: object) -> Runtime:
            runtime = Runtime(str(path), **options)  # type: ignore[arg-type]
            runtime.start()
            stack.callback(runtime.stop)
            return runtime

        yield start
