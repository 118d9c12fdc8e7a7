"""Interfaces that are up for a loan only: down again after it, after a crash, and before a pod gets them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from dataplane.lifting import Lifted, Lifts
from ports.devices import Identity
from ports.errors import Code, Failure
from tests.contracts.kernel.fake import FakeKernel
from tests.dataplane.bench import Crash
from tests.support.shelf import MemoryShelf


class Host:
    """A kernel with a card that is down and one that is up, and what is written down."""

    def __init__(self) -> None:
        self.kernel = FakeKernel()
        self.down = self.kernel.add_link("ens1", pci_address="0000:3b:00.1", up=False).identity
        self.up = self.kernel.add_link("ens2", pci_address="0000:3b:00.2").identity
        self.shelf: MemoryShelf[Lifted] = MemoryShelf()
        self.before = self.kernel.host_facts()

    def lifts(self) -> Lifts:
        """As a process has it that starts."""
        made = Lifts(self.kernel.host, self.shelf)
        made.recover()
        return made

    def is_up(self, device: Identity) -> bool:
        return self.kernel.host.link(device.ifindex).up


@pytest.fixture
def host() -> Host:
    return Host()


def test_an_interface_is_up_as_long_as_anybody_needs_it(host: Host) -> None:
    lifts = host.lifts()
    for _ in range(2):
        lifts.take(host.down, 1)
    lifts.leave(host.down.ifindex)
    assert host.is_up(host.down)
    lifts.leave(host.down.ifindex)
    assert host.kernel.host_facts() == host.before
    assert host.shelf.all() == {}


def test_an_interface_that_was_up_stays_up(host: Host) -> None:
    lifts = host.lifts()
    lifts.take(host.up, 1)
    assert host.shelf.all() == {}
    lifts.leave(host.up.ifindex)
    assert host.kernel.host_facts() == host.before


@pytest.mark.parametrize("moment", ["before_call", "after_call"])
def test_the_next_process_sets_down_what_one_that_died_had_set_up(host: Host, moment: str) -> None:
    lifts = host.lifts()

    def die(call: str) -> None:
        if call == "set_up":
            raise Crash

    setattr(host.kernel, moment, die)
    with suppress(Crash):
        lifts.take(host.down, 1)
    setattr(host.kernel, moment, lambda call: None)
    host.lifts()
    assert host.kernel.host_facts() == host.before
    assert host.shelf.all() == {}


def test_a_pod_gets_the_interface_as_it_was_and_nobody_else_gets_it_meanwhile(host: Host) -> None:
    lifts = host.lifts()
    lifts.take(host.down, 1)
    with lifts.barred([host.down.ifindex, host.up.ifindex], 1):
        assert host.kernel.host_facts() == host.before
        with pytest.raises(Failure, match="on its way into a pod") as caught:
            lifts.take(host.down, 1)
        assert caught.value.code is Code.CONFLICT
        host.kernel.host.set_up(host.down.ifindex, True)  # by the pod's side
    lifts.leave(host.down.ifindex)
    assert host.is_up(host.down), "not ours any more"
    lifts.take(host.down, 1)


def failing(name: str) -> Callable[[str], None]:
    def fail(call: str) -> None:
        if call == name:
            raise Failure(Code.KERNEL, call, "made to fail")

    return fail


def test_what_cannot_be_set_down_stays_written_down(host: Host) -> None:
    lifts = host.lifts()
    lifts.take(host.down, 1)
    host.kernel.before_call = failing("set_up")
    lifts.leave(host.down.ifindex)
    assert len(host.shelf.all()) == 1
    host.kernel.before_call = lambda call: None
    host.lifts()
    assert host.kernel.host_facts() == host.before


def test_what_cannot_be_set_up_is_not_lent(host: Host) -> None:
    lifts = host.lifts()
    host.kernel.before_call = failing("set_up")
    with pytest.raises(Failure, match="made to fail"):
        lifts.take(host.down, 1)
    host.kernel.before_call = lambda call: None
    assert host.kernel.host_facts() == host.before
    with lifts.barred([host.down.ifindex], 1):
        pass


def test_another_interface_of_that_index_is_left_alone(host: Host) -> None:
    host.shelf.put("if3", Lifted(identity=Identity(ifindex=host.up.ifindex, pci_address="0000:ff:00.0")))
    host.shelf.put("if99", Lifted(identity=Identity(ifindex=99)))
    host.lifts()
    assert host.kernel.host_facts() == host.before
