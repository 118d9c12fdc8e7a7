"""A card as a port of a VRF in the pod: its addresses survive, its routes are in the VRF's table, packets flow."""

from __future__ import annotations

import pytest

from tests.vm import tools
from tests.vm.scenarios.host import Host, Parameters
from tests.vm.scenarios.pods import Pod, pod, run

pytestmark = pytest.mark.vm


def in_vrf(number: int) -> Parameters:
    interface = {
        "name": "net1",
        "addresses": [f"192.0.2.{number}/24", f"2001:db8::{number}/64"],
        "vrf": {"name": "blue", "table": 1541},
    }
    routes = [
        {"destination": "198.51.100.0/24", "gateway": "192.0.2.254"},
        {"destination": "2001:db8:7::/48", "gateway": "2001:db8::fe"},
    ]
    return {"interface": interface, "routes": routes}


def test_two_pods_talk_in_a_vrf_and_the_cards_come_back_as_they_were(host: Host, new_pod: Pod) -> None:
    before = host.facts("enp65s0", "enp129s0")
    with pod() as other:
        host.give(new_pod, "enp65s0", in_vrf(1))
        host.give(other, "enp129s0", in_vrf(2))
        assert "master blue" in new_pod.run("ip", "link", "show", "net1")
        assert "inet6 2001:db8::1/64" in new_pod.run("ip", "address", "show", "net1")
        for family, wanted in (("-4", "198.51.100.0/24 via 192.0.2.254"), ("-6", "2001:db8:7::/48 via 2001:db8::fe")):
            assert wanted in new_pod.run("ip", family, "route", "show", "table", "1541")
            assert wanted not in new_pod.run("ip", family, "route", "show")
        for address in ("192.0.2.2", "2001:db8::2"):
            ping = tools.command("ping", "-c", "2", "-W", "20", "-I", "blue", address, netns=new_pod.path)
            run(*ping)
        assert host.take_back(new_pod) == host.take_back(other) == ()
    assert host.is_as(*before)
