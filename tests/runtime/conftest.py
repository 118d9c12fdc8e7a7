"""The host of the runtime tests: private namespaces and a real containerd in them, started once a run."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.runtime import cgroups, containerd, private
from tests.runtime.containerd import Containerd, Layout
from tests.runtime.cri import Pod, Runtime
from tests.runtime.node import Node, interface

NUMBERS = count(1)


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
    root = private.Root(tree, base)
    daemon = Containerd(root, layout)
    daemon.install()
    try:
        daemon.start()
        daemon.load_image()
        yield daemon
    finally:
        daemon.stop()
        containerd.end(containerd.shims(layout))
        root.close()
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


@pytest.fixture
def workplace(runtime_host: Containerd) -> Path:
    """A directory of the test's own; its path is short, because sockets live below it."""
    directory = runtime_host.layout.base / f"t{next(NUMBERS)}"
    directory.mkdir()
    return directory


@pytest.fixture
def nic(workplace: Path) -> Iterator[str]:
    """An interface of the host to hand out, cabled to something that answers at 10.77.0.1."""
    number = next(NUMBERS)
    name = f"nic{number}"
    with interface(name, f"02:00:5e:10:00:{number:02x}", ["198.51.100.10/24"], workplace / "fabric"):
        yield name


@pytest.fixture
def node(runtime_host: Containerd, runtime: Runtime, nic: str, workplace: Path) -> Iterator[Node]:
    """The four processes on this host, ready. What they logged is printed for a test that fails."""
    with Node(workplace, runtime_host.layout) as started:
        started.ready()
        yield started
        print(started.logs())
