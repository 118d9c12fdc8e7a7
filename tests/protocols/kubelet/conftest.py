"""A kubelet root with a short path, a stand-in kubelet on it, and hooks that remember."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator

import pytest

from adapters.kubelet.plugin import KubeletPlugin
from adapters.standin.kubelet import StandinKubelet
from tests.protocols.kubelet.hooks import RecordingHooks


@pytest.fixture
def root() -> Iterator[str]:
    path = tempfile.mkdtemp(prefix="knd-")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def kubelet(root: str) -> Iterator[StandinKubelet]:
    kubelet = StandinKubelet(root, reconcile=0.05)
    kubelet.start()
    yield kubelet
    kubelet.stop()


@pytest.fixture
def hooks() -> RecordingHooks:
    return RecordingHooks()


@pytest.fixture
def plugin_at(root: str, hooks: RecordingHooks) -> Iterator[Callable[..., KubeletPlugin]]:
    """Makes plugins on this root that are stopped at the end whatever happened."""
    made: list[KubeletPlugin] = []

    def make(**settings: object) -> KubeletPlugin:
        arguments = {"driver": "dra.net", "kubelet_root": root, "hooks": hooks, "probe_interval": 60.0, **settings}
        made.append(KubeletPlugin(**arguments))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for plugin in made:
        plugin.stop()


@pytest.fixture
def plugin(plugin_at: Callable[..., KubeletPlugin]) -> KubeletPlugin:
    return plugin_at()
