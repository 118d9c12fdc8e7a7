"""The host of the runtime tests: private namespaces and a real containerd in them, started once a run."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.runtime import cgroups, containerd, private
from tests.runtime.containerd import Containerd, Layout
from tests.runtime.cri import Pod, Runtime


@pytest.fixture(scope="session")
def tree() -> Path:
    """Debian's containerd, runc and CNI plugins, unpacked."""
    return containerd.packages()


@pytest.fixture(scope="session")
def runtime_host(tree: Path) -> Iterator[Containerd]:
    """A running containerd. Everything that it leaves behind ends with the session."""
    private.enter()
    base = Path(tempfile.mkdtemp(prefix="knd-"))
    layout = Layout(base)
    private.share(base)
    daemon = Containerd(tree, private.furnish(tree, base), layout)
    daemon.install()
    try:
        daemon.start()
        daemon.load_image()
        yield daemon
    finally:
        daemon.stop()
        containerd.end(containerd.shims(layout))
        private.leave(tree, base)
        cgroups.remove(base.name)


@pytest.fixture
def runtime(runtime_host: Containerd) -> Iterator[Runtime]:
    """The runtime's CRI. All sandboxes are removed after the test."""
    with Runtime(runtime_host.layout.socket) as client:
        yield client
        for sandbox in client.sandboxes():
            client.stop(sandbox)
            client.remove(sandbox)


@pytest.fixture
def new_pod(runtime_host: Containerd) -> Callable[..., Pod]:
    """Makes pods with UIDs of their own."""

    def make(name: str = "pod", **fields: object) -> Pod:
        return Pod(uid=str(uuid.uuid4()), name=name, cgroup_parent=f"/{runtime_host.layout.base.name}", **fields)  # type: ignore[arg-type]

    return make
