"""Plans for RDMA devices: with an interface, without one, and in both modes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.domain.planning import plan
from dataplane.shape import check_shape
from ports.devices import Identity, LinkFacts, RdmaLimits, RdmaLink, rdma_only
from ports.errors import Code, Failure
from ports.plan import Announce, DevicePlan, MoveRdma
from tests.domain.values import CLAIM, POD, configured, facts

CARDS = (RdmaLink(name="mlx5_0", index=0), RdmaLink(name="mlx5_1", index=1))


def alone(exclusive: bool = True, name: str = "mlx5_0") -> LinkFacts:
    identity = Identity(ifindex=0, pci_address="0000:81:00.0", rdma=name)
    return LinkFacts(link=rdma_only(identity), rdma=(RdmaLink(name=name, index=0),), rdma_exclusive=exclusive)


def planned(host: LinkFacts, **parameters: Any) -> DevicePlan:
    made = plan(CLAIM, POD, (configured(**parameters),), {"ens1": host})
    check_shape(made)
    return made.devices[0]


def test_in_exclusive_mode_every_rdma_device_of_a_card_is_moved_when_all_else_is_done() -> None:
    steps = planned(replace(facts(), rdma=CARDS, rdma_exclusive=True)).steps
    assert steps[-3:] == (*(MoveRdma(rdma=card) for card in CARDS), Announce())


def test_in_shared_mode_no_rdma_device_is_moved() -> None:
    steps = planned(replace(facts(), rdma=CARDS)).steps
    assert not [step for step in steps if isinstance(step, MoveRdma)]


@pytest.mark.parametrize("exclusive", [True, False])
def test_an_rdma_device_without_an_interface_is_moved_or_nothing_is_done(exclusive: bool) -> None:
    device = planned(alone(exclusive))
    assert device.steps == ((MoveRdma(rdma=CARDS[0]),) if exclusive else ())
    assert (device.rdma_only, device.pod_name) == (True, "")


def test_several_of_them_do_not_collide_in_a_name_that_they_do_not_have() -> None:
    devices = (configured("one"), configured("two"))
    other = replace(alone(name="mlx5_1"), rdma=(CARDS[1],))
    made = plan(CLAIM, POD, devices, {"one": alone(), "two": other})
    check_shape(made)
    assert len(made.devices) == 2


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("interface.name", {"interface": {"name": "net1"}}),
        ("interface.addresses", {"interface": {"addresses": ["192.0.2.1/24"]}}),
        ("interface.addresses", {"interface": {"addresses": []}}),
        ("interface.mtu", {"interface": {"mtu": 9000}}),
        ("interface.hardwareAddr", {"interface": {"hardwareAddr": "02:00:00:00:00:01"}}),
        ("interface.gsoMaxSize", {"interface": {"gsoMaxSize": 65536}}),
        ("interface.disableEbpfPrograms", {"interface": {"disableEbpfPrograms": True}}),
        ("interface.disableEbpfPrograms", {"interface": {"disableEbpfPrograms": False}}),
        ("interface.arpIgnore", {"interface": {"arpIgnore": 1}}),
        ("interface.arpAnnounce", {"interface": {"arpAnnounce": 2}}),
        ("interface.forwarding", {"interface": {"forwarding": True}}),
        ("interface.vrf", {"interface": {"vrf": {"name": "red"}}}),
        ("interface.ipv6.dad", {"interface": {"ipv6": {"dad": True}}}),
        ("routes", {"routes": [{"destination": "10.0.0.0/8", "gateway": "192.0.2.1"}]}),
        ("rules", {"rules": [{"source": "10.0.0.0/8", "table": 100}]}),
        ("neighbors", {"neighbors": [{"destination": "192.0.2.1", "hardwareAddr": "02:00:00:00:00:01"}]}),
        ("ethtool.features", {"ethtool": {"features": {"tso": False}}}),
    ],
)
def test_what_needs_an_interface_is_refused_by_its_path(path: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(Failure) as caught:
        planned(alone(), **parameters)
    assert caught.value.code is Code.INVALID
    assert f"{path}: the device is an RDMA device without an interface" in caught.value.detail


LIMITS = {"maxHandles": 2, "maxObjects": 2000}


@pytest.mark.parametrize("host", [alone(), alone(exclusive=False), replace(facts(), rdma=CARDS)])
def test_limits_of_rdma_are_in_the_plan_of_any_device_that_has_it(host: LinkFacts) -> None:
    assert planned(host, rdma=LIMITS).rdma_limits == RdmaLimits(handles=2, objects=2000)
    assert planned(host, rdma={"maxObjects": 7}).rdma_limits == RdmaLimits(objects=7)
    assert planned(host).rdma_limits == RdmaLimits()


def test_limits_of_rdma_are_refused_by_their_path_for_a_device_without_it() -> None:
    with pytest.raises(Failure) as caught:
        planned(facts(), rdma=LIMITS)
    assert caught.value.code is Code.INVALID
    for key in LIMITS:
        assert f"rdma.{key}: the device has no RDMA device on this node" in caught.value.detail


@pytest.mark.parametrize(
    ("host", "limits", "why"),
    [
        (facts(), RdmaLimits(handles=1), "RDMA limits without an RDMA device"),
        (alone(), RdmaLimits(handles=0), "0 is no limit"),
        (alone(), RdmaLimits(objects=1 << 31), f"{1 << 31} is no limit"),
    ],
)
def test_a_plan_with_limits_that_planning_cannot_have_made_is_refused(
    host: LinkFacts, limits: RdmaLimits, why: str
) -> None:
    made = plan(CLAIM, POD, (configured(),), {"ens1": host})
    with pytest.raises(Failure, match=why):
        check_shape(replace(made, devices=(replace(made.devices[0], rdma_limits=limits),)))


def test_nothing_asked_for_is_nothing_refused() -> None:
    assert planned(alone(), interface={}, ethtool={}).steps
