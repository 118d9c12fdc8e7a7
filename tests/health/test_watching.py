"""Health from what watcher and dataplane tell to stream, taints, Events and metrics; with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from adapters.health.metrics import Metrics
from agent.services.health import assemble
from agent.services.health.held import FRESH
from agent.services.health.offered import Offered
from agent.services.inventories import Inventories
from ports.devices import AttributeValue, Device, Identity, Inventory, Taint
from ports.errors import Code, Failure
from ports.health import Status
from ports.heldfeed import HeldDevice, HeldState
from ports.nodeconfig import Flapping, Health, Lasting
from ports.outbox import Holding
from ports.plan import ClaimRef, PodRef
from ports.vitals import Vitals
from tests.support.clock import FakeClock
from tests.support.notices import KeptNotices
from tests.support.shelf import MemoryShelf

WELL = Vitals(up=True, carrier=True, losses=0)
LOST = replace(WELL, carrier=False, losses=1)
CLAIM = ClaimRef(namespace="team", name="net", uid="claim-uid")
POD = PodRef(namespace="team", name="app", uid="pod-uid")
TAINT = Taint(key="dra.net/carrier-lost", effect="NoSchedule")


def device(name: str, vitals: Vitals | None) -> Device:
    return Device(name=name, identity=Identity(ifindex=1), interface=name, vitals=vitals)


class Node:
    """All of health without processes around it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.notices = KeptNotices()
        self.metrics = Metrics()
        self.policy = Health()
        self.retainted = 0
        self.inventories = Inventories(MemoryShelf[Holding]())
        self.parts = assemble(
            driver="dra.net",
            node="node-1",
            inventories=self.inventories,
            keeps=lambda attributes: attributes.get("dra.net/type") != "veth",
            policy=lambda: self.policy,
            retainted=self._retainted,
            notices=self.notices,
            clock=self.clock,
            meter=self.metrics,
        )

    def _retainted(self) -> None:
        self.retainted += 1

    def host(self, **vitals: Vitals | None) -> float:
        """The watcher's word, and a look."""
        devices = tuple(device(name, each) for name, each in sorted(vitals.items()))
        self.inventories.put(Inventory(generation=1, devices=devices))
        return self.parts.watch.look()

    def pods(self, beat: int = 1, **vitals: Vitals | None) -> float:
        """The dataplane's word, and a look."""
        held = tuple(HeldDevice(device=name, claim=CLAIM, pod=POD, vitals=each) for name, each in vitals.items())
        self.parts.held.put(HeldState(beat=beat, devices=held))
        return self.parts.watch.look()

    def later(self, seconds: float) -> float:
        self.clock.advance(seconds)
        return self.parts.watch.look()

    def health(self) -> dict[str, tuple[Status, str]]:
        report = self.parts.board.report(-1, 0)
        assert {each.pool for each in report.devices} <= {"node-1"}
        return {each.device: (each.status, each.message) for each in report.devices}

    def taints(self, name: str) -> tuple[Taint, ...]:
        return self.parts.watch.tainted(device(name, None)).taints

    def told(self) -> list[tuple[str, str]]:
        found = [(event.kind, event.reason) for event in self.notices.kept]
        self.notices.kept.clear()
        return found

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def node() -> Node:
    return Node()


def test_before_the_first_inventory_nothing_is_told(node: Node) -> None:
    node.parts.watch.look()
    assert node.health() == {}


def test_a_lost_carrier_is_told_everywhere_and_so_is_its_end(node: Node) -> None:
    node.host(eth1=WELL, eth2=WELL)
    assert node.health() == {"eth1": (Status.HEALTHY, ""), "eth2": (Status.HEALTHY, "")}
    assert node.told() == []
    due = node.host(eth1=LOST, eth2=WELL)
    assert node.health()["eth1"] == (Status.UNHEALTHY, "the interface is up and has no carrier")
    assert node.told() == [("Node", "DeviceCarrierLost")]
    assert node.metric("knd_unhealthy_devices", condition="carrier-lost") == 1
    assert node.metric("knd_devices", health="healthy") == 1
    assert (node.taints("eth1"), node.retainted) == ((), 0)
    assert due == pytest.approx(1)
    node.later(due)
    assert (node.taints("eth1"), node.retainted) == ((TAINT,), 1)
    assert node.taints("eth2") == ()
    node.host(eth1=replace(WELL, losses=1), eth2=WELL)
    assert node.health()["eth1"] == (Status.HEALTHY, "")
    assert (node.taints("eth1"), node.retainted) == ((), 2)
    assert node.told() == [("Node", "DeviceRecovered")]
    assert node.metric("knd_health_changes_total", condition="carrier-lost", to="unhealthy") == 1
    assert node.metric("knd_health_changes_total", condition="carrier-lost", to="healthy") == 1
    assert node.metric("knd_unhealthy_devices", condition="carrier-lost") == 0


def test_what_is_ill_at_the_start_is_tainted_before_anything_is_published(node: Node) -> None:
    node.inventories.tell(node.parts.watch.wake, lambda: published.append(node.taints("eth1")))
    published: list[tuple[Taint, ...]] = []
    node.inventories.put(Inventory(generation=1, devices=(device("eth1", LOST),)))
    assert published == [(TAINT,)]


def test_a_report_keeps_its_time_and_its_edition_while_nothing_changes(node: Node) -> None:
    node.host(eth1=LOST)
    first = node.parts.board.report(-1, 0)
    node.later(40)
    assert node.parts.board.report(-1, 0) == first
    node.host(eth1=WELL)
    (now,) = node.parts.board.report(first.edition, 0).devices
    assert now.since == first.devices[0].since + 40


def test_in_a_pod_the_dataplane_is_asked_and_the_pod_is_told(node: Node) -> None:
    node.inventories.hold(CLAIM, (device("eth1", WELL),))
    node.host(eth2=WELL)
    node.pods(eth1=WELL)
    node.later(10)
    node.pods(beat=2, eth1=LOST)
    assert node.health()["eth1"][0] is Status.UNHEALTHY
    assert node.told() == [("Node", "DeviceCarrierLost"), ("Pod", "DeviceCarrierLost")]
    node.pods(beat=3, eth1=replace(WELL, losses=1))
    assert node.told() == [("Node", "DeviceRecovered"), ("Pod", "DeviceRecovered")]


def test_on_its_way_into_a_pod_and_back_a_device_is_well(node: Node) -> None:
    node.host(eth1=WELL)
    node.pods()
    node.inventories.hold(CLAIM, (device("eth1", WELL),))
    node.host()  # it left the host and nobody has seen it in the pod yet
    assert node.health()["eth1"][0] is Status.HEALTHY
    node.later(0.5)
    node.pods(beat=2, eth1=LOST)  # its card negotiates
    assert node.health()["eth1"][0] is Status.HEALTHY
    node.later(2)
    node.pods(beat=3, eth1=replace(WELL, losses=1))
    node.later(20)
    node.pods(beat=4)
    assert node.health()["eth1"][0] is Status.HEALTHY
    node.host(eth1=replace(WELL, up=False, carrier=False, losses=2))
    node.inventories.release(CLAIM.uid)
    assert node.health()["eth1"][0] is Status.HEALTHY
    assert node.told() == []


def test_a_device_that_is_long_under_way_stays_as_it_was(node: Node) -> None:
    node.inventories.hold(CLAIM, (device("eth1", WELL),))
    node.host()
    node.pods(eth1=LOST)
    node.later(2)
    node.told()
    assert node.taints("eth1") == (TAINT,)
    for beat in range(2, 6):
        held = HeldDevice(device="eth1", claim=CLAIM, pod=POD, vitals=None, under_way=True)
        node.parts.held.put(HeldState(beat=beat, devices=(held,)))
        assert node.later(5) > 1, "nothing is due while nothing can be seen"
        assert node.health()["eth1"][0] is Status.UNHEALTHY
        assert node.taints("eth1") == (TAINT,)
    node.pods(beat=7, eth1=replace(WELL, losses=1))
    assert node.told() == [("Node", "DeviceRecovered"), ("Pod", "DeviceRecovered")]


def test_a_device_first_seen_under_way_is_unknown(node: Node) -> None:
    node.inventories.hold(CLAIM, (device("eth1", WELL),))
    node.host()
    node.parts.held.put(
        HeldState(beat=1, devices=(HeldDevice(device="eth1", claim=CLAIM, pod=POD, vitals=None, under_way=True),))
    )
    node.later(5)
    assert node.health()["eth1"][0] is Status.UNKNOWN


def test_a_device_that_is_gone_while_a_claim_has_it_is_told_and_comes_back(node: Node) -> None:
    node.inventories.hold(CLAIM, (device("eth1", WELL),))
    node.host()
    node.pods(eth1=WELL)
    due = node.pods(beat=2, eth1=None)
    assert due == pytest.approx(1)
    node.later(due)
    assert node.health()["eth1"] == (Status.UNHEALTHY, "the device is gone from this node")
    assert node.told() == [("Node", "DeviceGone"), ("Pod", "DeviceGone")]
    assert node.taints("eth1") == (Taint(key="dra.net/gone", effect="NoSchedule"),)
    node.host(eth1=WELL)
    assert node.health()["eth1"][0] is Status.HEALTHY
    assert node.taints("eth1") == ()


def test_while_the_dataplane_is_silent_devices_in_pods_are_unknown_and_nothing_else_changes(node: Node) -> None:
    node.inventories.hold(CLAIM, (device("eth1", WELL),))
    node.host(eth2=WELL)
    node.pods(eth1=LOST)
    node.later(1)
    node.told()
    assert node.taints("eth1") == (TAINT,)
    assert node.later(FRESH - 2) <= 1
    node.later(1)
    assert node.health()["eth1"][0] is Status.UNKNOWN
    assert node.health()["eth2"][0] is Status.HEALTHY
    assert node.taints("eth1") == (TAINT,)
    node.pods(beat=2, eth1=LOST)
    assert node.health()["eth1"][0] is Status.UNHEALTHY
    assert node.told() == []


def test_while_a_link_flaps_single_losses_are_not_told_of(node: Node) -> None:
    node.host(eth1=WELL)
    for losses in range(1, 40):
        node.clock.advance(1)
        node.host(eth1=replace(LOST, losses=losses))
        node.host(eth1=replace(WELL, losses=losses))
    told = node.told()
    assert ("Node", "DeviceLinkFlapping") in told
    assert len(told) <= 10
    node.later(121)
    assert node.told() == [("Node", "DeviceRecovered")]


def test_while_a_link_flaps_its_rdma_port_is_not_told_of_and_what_is_left_is_told_at_the_end(node: Node) -> None:
    node.policy = Health(linkFlapping=Flapping(changes=2, quietSeconds=10))
    down = ("mlx5_0 port 1 is down",)
    node.host(eth1=WELL)
    node.host(eth1=replace(LOST, losses=2, idle_ports=down))
    assert node.told() == [("Node", "DeviceLinkFlapping")]
    for losses in range(3, 10):
        node.host(eth1=replace(WELL, losses=losses - 1))
        node.host(eth1=replace(LOST, losses=losses, idle_ports=down))
    assert node.told() == []
    node.later(11)
    assert node.told() == [("Node", "DeviceCarrierLost"), ("Node", "DeviceRdmaNotActive"), ("Node", "DeviceRecovered")]
    assert node.metric("knd_health_changes_total", condition="carrier-lost", to="unhealthy") == 8


def test_a_new_policy_changes_taints_at_the_next_look(node: Node) -> None:
    node.host(eth1=LOST)
    assert node.taints("eth1") == (TAINT,)
    node.policy = Health(carrierLost=Lasting(taint="NoExecute"))
    node.parts.watch.look()
    assert node.taints("eth1") == (replace(TAINT, effect="NoExecute"),)
    node.policy = Health(carrierLost=Lasting(taint="Disabled"))
    node.parts.watch.look()
    assert node.taints("eth1") == ()
    assert node.retainted == 3


def test_a_switch_that_takes_many_devices_with_it_is_one_event(node: Node) -> None:
    names = [f"eth{number:02}" for number in range(12)]
    node.host(**dict.fromkeys(names, WELL))
    node.host(**dict.fromkeys(names, LOST))
    (event,) = node.notices.kept
    assert event.message.startswith("12 devices (eth00, eth01, ")
    assert event.message.endswith("eth09 and 2 more): the interface is up and has no carrier")
    assert event.warning
    node.notices.kept.clear()
    node.host(**{**dict.fromkeys(names, LOST), "eth03": replace(WELL, losses=1)})
    (event,) = node.notices.kept
    assert (event.message, event.warning) == ("device eth03: carrier-lost is over", False)


def test_what_is_not_published_is_nobodys_health(node: Node) -> None:
    veth = replace(device("veth1", WELL), attributes={"dra.net/type": "veth"})
    for vitals in (WELL, LOST):
        ill = replace(veth, vitals=vitals)
        node.inventories.put(Inventory(generation=1, devices=(device("eth1", WELL), ill)))
        node.parts.watch.look()
    assert node.health().keys() == {"eth1"}
    assert node.told() == []
    assert node.metric("knd_devices", health="unhealthy") == 0
    node.pods(veth1=LOST)
    assert node.health()["veth1"][0] is Status.UNHEALTHY, "a pod has it, whatever the filter says by now"


def test_a_filter_that_fails_for_a_device_costs_that_device_alone(node: Node) -> None:
    def fails(attributes: Mapping[str, AttributeValue]) -> bool:
        if not attributes:
            raise Failure(Code.INVALID, "filter", "no such attribute")
        return True

    known = replace(device("eth1", WELL), attributes={"dra.net/type": "device"})
    offered = Offered(fails)
    assert offered.of((known, device("eth2", WELL)), ()) == ("eth1",)
    assert offered.of((known, replace(known, name="eth2")), ()) == ("eth1", "eth2")


def test_a_device_that_nobody_has_any_more_is_forgotten(node: Node) -> None:
    node.host(eth1=LOST, eth2=WELL)
    node.host(eth2=WELL)
    assert node.health().keys() == {"eth2"}
    assert node.metric("knd_unhealthy_devices", condition="carrier-lost") == 0
