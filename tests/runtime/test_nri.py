"""Our NRI plugin and the real containerd: what only the real one can refuse."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from adapters.nri.plugin import Plugin
from ports.errors import Code, Failure
from ports.inbound import Adjustment, Container, DeviceNode, PodSandbox
from tests.runtime.containerd import Containerd
from tests.runtime.cri import Pod, Refused, Runtime
from tests.runtime.node import eventually

pytestmark = pytest.mark.runtime
PodMaker = Callable[..., Pod]
MANY = tuple(DeviceNode(path=f"/dev/knd-{number:03}-{'x' * 40}", type="c", major=1, minor=3) for number in range(90))


@dataclass
class Hooks:
    """Notes what the runtime tells, and answers CreateContainer as told."""

    adjustment: Adjustment = field(default_factory=Adjustment)
    failure: Failure | None = None
    told: list[tuple[str, PodSandbox]] = field(default_factory=list)
    lists: list[tuple[PodSandbox, ...]] = field(default_factory=list)

    def run_pod_sandbox(self, sandbox: PodSandbox, deadline: float) -> None:
        self.told.append(("run", sandbox))

    def create_container(self, sandbox: PodSandbox, container: Container, deadline: float) -> Adjustment:
        self.told.append(("create", sandbox))
        if self.failure:
            raise self.failure
        return self.adjustment

    def stop_pod_sandbox(self, sandbox: PodSandbox, deadline: float) -> None:
        self.told.append(("stop", sandbox))

    def remove_pod_sandbox(self, sandbox: PodSandbox, deadline: float) -> None:
        self.told.append(("remove", sandbox))

    def synchronize(self, sandboxes: tuple[PodSandbox, ...], containers: tuple[Container, ...]) -> None:
        self.lists.append(sandboxes)

    def about(self, sandbox: str) -> list[str]:
        """What was told of one sandbox, in order."""
        return [what for what, subject in self.told if subject.id == sandbox]


@contextmanager
def plugged(host: Containerd, hooks: Hooks, name: str = "dra.net") -> Iterator[Plugin]:
    """The plugin, connected and listening to the hooks."""
    plugin = Plugin(str(host.layout.nri_socket), name, hooks)
    plugin.start()
    try:
        eventually("the connection", lambda: plugin.state().connected)
        eventually("the runtime's list", lambda: hooks.lists)
        yield plugin
    finally:
        plugin.stop()


def test_all_hooks_are_called_in_order_and_see_the_namespace(
    runtime: Runtime, runtime_host: Containerd, new_pod: PodMaker
) -> None:
    hooks, pod = Hooks(), new_pod()
    with plugged(runtime_host, hooks):
        sandbox = runtime.run(pod)
        netns = runtime.netns(sandbox)
        runtime.create(sandbox, pod)
        runtime.stop(sandbox)
        runtime.remove(sandbox)
        assert hooks.about(sandbox) == ["run", "create", "stop", "remove"]
    seen = hooks.told[0][1]
    assert (seen.netns, seen.pod.uid, seen.pod.name) == (netns, pod.uid, pod.name)


def test_a_host_network_pod_shows_no_namespace(runtime: Runtime, runtime_host: Containerd, new_pod: PodMaker) -> None:
    hooks = Hooks()
    with plugged(runtime_host, hooks):
        runtime.run(new_pod(host_network=True))
        assert [subject.netns for _, subject in hooks.told] == [None]


def test_an_answer_of_more_than_5000_bytes_arrives_whole(
    runtime: Runtime, runtime_host: Containerd, new_pod: PodMaker
) -> None:
    assert sum(len(device.path) for device in MANY) > 5000 - 20 * len(MANY)
    pod = new_pod()
    with plugged(runtime_host, Hooks(adjustment=Adjustment(devices=MANY))) as plugin:
        sandbox = runtime.run(pod)
        container = runtime.create(sandbox, pod)
        runtime.start(container)
        found = runtime.output(container, "ls", "/dev").split()
        assert {device.path.removeprefix("/dev/") for device in MANY} <= set(found)
        assert plugin.state().connected


def test_a_refusal_reaches_the_kubelet_in_our_words(
    runtime: Runtime, runtime_host: Containerd, new_pod: PodMaker
) -> None:
    reason = Failure(Code.UNAVAILABLE, "pod default/pod", "its interface is not there", "it is tried again")
    pod = new_pod()
    with plugged(runtime_host, Hooks(failure=reason)) as plugin:
        sandbox = runtime.run(pod)
        with pytest.raises(Refused, match="its interface is not there"):
            runtime.create(sandbox, pod)
        assert runtime.sandboxes() == {sandbox: True}
        assert plugin.state().connected


def test_a_refusal_of_5000_bytes_costs_neither_the_connection_nor_the_pod(
    runtime: Runtime, runtime_host: Containerd, new_pod: PodMaker
) -> None:
    hooks, pod = Hooks(failure=Failure(Code.KERNEL, "pod", "words " * 900)), new_pod()
    with plugged(runtime_host, hooks) as plugin:
        sandbox = runtime.run(pod)
        with pytest.raises(Refused, match="words words words"):
            runtime.create(sandbox, pod)
        hooks.failure = None
        runtime.start(runtime.create(sandbox, pod))
        assert plugin.state().connected


def test_after_a_restart_the_runtime_is_found_again_and_lists_its_pods(
    runtime: Runtime, runtime_host: Containerd, new_pod: PodMaker
) -> None:
    hooks = Hooks()
    with plugged(runtime_host, hooks):
        sandbox = runtime.run(new_pod())
        runtime_host.kill()
        runtime_host.start()
        eventually("a second list", lambda: len(hooks.lists) > 1)
        assert [known.id for known in hooks.lists[-1]] == [sandbox]
        later = runtime.run(new_pod("later"))
        assert hooks.about(later) == ["run"]


def test_garbage_of_another_on_the_runtimes_socket_does_not_reach_us(
    runtime: Runtime, runtime_host: Containerd, new_pod: PodMaker
) -> None:
    hooks = Hooks()
    with plugged(runtime_host, hooks) as plugin:
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", bytes(10000), b"\xff" * 4096):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.connect(str(runtime_host.layout.nri_socket))
                with suppress(OSError):  # hung up on: as good an answer as any
                    stranger.sendall(garbage)
        sandbox = runtime.run(new_pod())
        assert hooks.about(sandbox) == ["run"]
        assert plugin.state().connected


def test_a_slow_hook_is_answered_for_before_the_runtime_loses_patience(
    runtime: Runtime, runtime_host: Containerd, new_pod: PodMaker
) -> None:
    released = threading.Event()

    class Slow(Hooks):
        def create_container(self, sandbox: PodSandbox, container: Container, deadline: float) -> Adjustment:
            released.wait(10)
            return Adjustment()

    pod = new_pod()
    with plugged(runtime_host, Slow()) as plugin:
        sandbox = runtime.run(pod)
        began = time.monotonic()
        with pytest.raises(Refused, match=r"deadline|time"):
            runtime.create(sandbox, pod)
        waited = time.monotonic() - began
        assert plugin.state().connected
        assert waited < plugin.state().request_timeout
        released.set()
