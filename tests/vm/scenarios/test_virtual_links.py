"""Kinds of virtual interfaces through the worker: they have no PCI function to be known by, and die with a namespace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.vm.scenarios.host import Host
from tests.vm.scenarios.pods import Pod, ip

pytestmark = pytest.mark.vm
KINDS = {
    "dummy": ("type", "dummy"),
    "vlan": ("link", "enp70s0", "type", "vlan", "id", "100"),
    "macvlan": ("link", "enp70s0", "type", "macvlan", "mode", "bridge"),
    "ipvlan": ("link", "enp70s0", "type", "ipvlan", "mode", "l2"),
}


@contextmanager
def link(kind: str) -> Iterator[str]:
    """An interface of the kind, as an administrator would have set it up; gone afterwards."""
    name = f"test-{kind}"
    ip("link", "set", "enp70s0", "up")  # a VLAN is up only if its lower link is
    ip("link", "add", name, *KINDS[kind])
    try:
        ip("link", "set", name, "mtu", "1400")
        ip("address", "add", "192.0.2.17/24", "dev", name)
        ip("address", "add", "2001:db8::17/64", "dev", name, "nodad")
        ip("link", "set", name, "up")
        ip("route", "add", "198.51.100.0/24", "via", "192.0.2.1", "dev", name, "metric", "77")
        yield name
    finally:
        ip("link", "delete", name)
        ip("link", "set", "enp70s0", "down")


@pytest.mark.parametrize("kind", KINDS)
def test_it_goes_into_a_pod_and_comes_back_as_it_was(host: Host, new_pod: Pod, kind: str) -> None:
    with link(kind) as name:
        before = host.give(new_pod, name)
        assert host.kernel.host.find(name) is None
        shown = new_pod.run("ip", "-d", "address", "show", "net1")
        assert kind in shown
        assert "mtu 1400" in shown
        assert "inet 192.0.2.17/24" in shown
        assert "inet6 2001:db8::17/64" in shown
        assert "198.51.100.0/24 via 192.0.2.1" in new_pod.run("ip", "route")
        host.take_back(new_pod)
        assert host.is_as(*before)


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_died_with_its_pod_is_reported_lost_and_forgotten(host: Host, new_pod: Pod, kind: str) -> None:
    with link(kind) as name:
        host.give(new_pod, name)
        new_pod.run("ip", "link", "delete", "net1")
        detached = host.worker.detach(host.sandbox(new_pod), host.call())
        assert [name in reason for reason in detached.lost] == [True]
        ip("link", "add", name, *KINDS[kind])
