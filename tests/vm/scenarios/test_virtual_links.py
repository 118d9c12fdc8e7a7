"""Kinds of virtual interfaces through the worker: they have no PCI function to be known by, and die with a namespace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.vm.scenarios.host import Host
from tests.vm.scenarios.pods import Pod, ip

pytestmark = pytest.mark.vm
LOWER = "enp70s0"
KINDS = {
    "dummy": ("type", "dummy"),
    "vlan": ("link", LOWER, "type", "vlan", "id", "100"),
    "macvlan": ("link", LOWER, "type", "macvlan", "mode", "bridge"),
    "ipvlan": ("link", LOWER, "type", "ipvlan", "mode", "l2"),
}


@contextmanager
def link(kind: str) -> Iterator[str]:
    """An interface of the kind, as an administrator would have set it up; gone afterwards."""
    name = f"test-{kind}"
    ip("link", "set", LOWER, "up")  # a VLAN is up only if its lower link is
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
        ip("link", "set", LOWER, "down")


@pytest.mark.parametrize("kind", KINDS)
def test_it_goes_into_a_pod_and_comes_back_as_it_was(host: Host, new_pod: Pod, kind: str) -> None:
    with link(kind) as name:
        before = host.facts(name)
        host.give(new_pod, name)
        assert host.kernel.host.find(name) is None
        shown = new_pod.run("ip", "-d", "address", "show", "net1")
        for wanted in (kind, "mtu 1400", "inet 192.0.2.17/24", "inet6 2001:db8::17/64"):
            assert wanted in shown
        assert "198.51.100.0/24 via 192.0.2.1" in new_pod.run("ip", "route")
        assert host.take_back(new_pod) == ()
        assert host.is_as(*before)


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_is_gone_is_reported_lost_and_its_name_is_free(host: Host, new_pod: Pod, kind: str) -> None:
    with link(kind) as name:
        host.give(new_pod, name)
        new_pod.run("ip", "link", "delete", "net1")
        assert [name in reason for reason in host.take_back(new_pod)] == [True]
        ip("link", "add", name, *KINDS[kind])
