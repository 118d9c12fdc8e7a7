"""RDMA devices as a tree of sysfs shows them, for looking at a machine without its kernel."""

from __future__ import annotations

from collections.abc import Iterable

from adapters.rdma.sysfs import RdmaTree
from ports.devices import Link, RdmaLink
from ports.discovery import RdmaDevice
from ports.hardware import RdmaFacts

INFINIBAND = "InfiniBand"
CHANNEL_ADAPTER, IWARP = "1", "4"  # node_type: RDMA_NODE_IB_CA, RDMA_NODE_RNIC


class SysfsRdma:
    """Implements ``ports.discovery.RdmaDevices`` from files alone. Indexes are places in the list: sysfs has none."""

    def __init__(self, root: str) -> None:
        self._tree = RdmaTree(root)

    def devices(self, links: Iterable[Link]) -> tuple[RdmaDevice, ...]:
        """All RDMA devices by name."""
        shown = tuple(links)
        return tuple(self._device(name, index, shown) for index, name in enumerate(self._tree.names()))

    def _device(self, name: str, index: int, links: tuple[Link, ...]) -> RdmaDevice:
        facts = self._tree.facts(name)
        owner = next((link.identity.ifindex for link in links if self._tree.belongs(name, link)), None)
        return RdmaDevice(
            rdma=RdmaLink(name=name, index=index),
            protocol=_protocol(self._tree.node_type(name), facts),
            pci_address=self._tree.pci_address(name),
            interface=owner,
            facts=facts,
        )


def _protocol(node_type: str, facts: RdmaFacts) -> str:
    """As netlink has it: ib, roce, iw, or nothing (EFA, which is neither)."""
    if node_type == CHANNEL_ADAPTER:
        return "ib" if any(port.link_layer == INFINIBAND for port in facts.ports) else "roce"
    return "iw" if node_type == IWARP else ""
