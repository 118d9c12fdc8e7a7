"""IPoIB interfaces that stay in the host: they are no devices, and their RDMA devices are devices of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agent.domain.discovery import devices
from agent.services.infiniband import AloneBesideIpoib, OtherInterfaces
from ports.devices import Link, RdmaLink
from ports.discovery import RdmaDevice
from tests.watch.trees import a_link

ETHERNET = a_link("ens1", 1)
IPOIB = replace(a_link("ibp1", 2), encapsulation="infiniband")
FABRIC = RdmaDevice(rdma=RdmaLink(name="mlx5_0", index=0), protocol="ib", interface=2)
ROCE = RdmaDevice(rdma=RdmaLink(name="mlx5_1", index=1), protocol="roce", interface=1)


class Host:
    """Two interfaces, each with an RDMA device."""

    def links(self) -> tuple[Link, ...]:
        return (ETHERNET, IPOIB)

    def link(self, ifindex: int) -> Link | None:
        return next((link for link in self.links() if link.identity.ifindex == ifindex), None)

    def uplinks(self) -> dict[int, str]:
        return {7: "the node's own"}

    def devices(self, links: Iterable[Link]) -> tuple[RdmaDevice, ...]:
        assert {link.name for link in links}
        return (FABRIC, ROCE)


def test_the_interface_is_not_seen_and_the_rdma_device_stands_alone() -> None:
    seen, rdma = OtherInterfaces(Host()), AloneBesideIpoib(Host())
    assert (seen.links(), seen.link(1), seen.link(2), seen.uplinks()) == (
        (ETHERNET,),
        ETHERNET,
        None,
        {7: "the node's own"},
    )
    offered = devices(seen.links(), {}, seen.uplinks(), "dra.net", rdma.devices(seen.links()))
    assert {device.interface: device.attributes["dra.net/rdmaDevice"] for device in offered} == {
        "ens1": "mlx5_1",
        "": "mlx5_0",
    }


def test_otherwise_it_is_the_interfaces() -> None:
    offered = devices(Host().links(), {}, {}, "dra.net", Host().devices(Host().links()))
    assert {device.interface: device.attributes["dra.net/rdmaDevice"] for device in offered} == {
        "ens1": "mlx5_1",
        "ibp1": "mlx5_0",
    }
