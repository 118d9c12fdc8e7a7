"""The privileged process killed while a pod has a virtual function, and started again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.eventually import eventually
from tests.vm.scenarios.cards import interfaces, virtual_functions
from tests.vm.scenarios.host import Host, planned, sandbox
from tests.vm.scenarios.pods import Pod, ip
from tests.vm.scenarios.process import Dataplane, dataplane

pytestmark = pytest.mark.vm
CARD = "enp68s0"


@pytest.fixture
def function() -> Iterator[str]:
    """The name of a virtual function's interface with an address."""
    with virtual_functions(CARD, 1) as [address]:
        [name] = interfaces(address)
        ip("address", "add", "192.0.2.44/24", "dev", name)
        ip("link", "set", name, "up")
        yield name


@pytest.fixture
def process() -> Iterator[Dataplane]:
    """The real process."""
    with dataplane() as started:
        yield started


def test_killed_and_started_again_it_still_detaches(
    process: Dataplane, host: Host, new_pod: Pod, function: str
) -> None:
    before = host.facts(function)
    attach(process, host, new_pod, function)
    process.kill()
    process.start()
    assert [held.interface for held in process.attaching.held(process.call())] == ["net1"]
    assert process.attaching.detach(sandbox(new_pod), process.call()).lost == ()
    assert host.is_as(*before)


def test_a_pod_that_died_while_it_was_down_gives_its_function_back_at_the_start(
    process: Dataplane, host: Host, new_pod: Pod, function: str
) -> None:
    before = host.facts(function)
    attach(process, host, new_pod, function)
    process.kill()
    new_pod.end()
    eventually(lambda: host.kernel.host.find("net1") is not None, seconds=60)
    process.start()
    assert host.is_as(*before)
    assert process.attaching.held(process.call()) == ()


def attach(process: Dataplane, host: Host, pod: Pod, name: str) -> None:
    process.preparing.prepare(planned(pod, host.facts(name)[0]), process.call())
    process.attaching.attach(sandbox(pod), process.call())
    assert "inet 192.0.2.44/24" in pod.run("ip", "address", "show", "net1")
