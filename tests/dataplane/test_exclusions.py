"""What a device is known by when the deny list is applied to it."""

from __future__ import annotations

from dataclasses import replace

from dataplane.exclusions import traits
from ports.devices import Identity, LinkFacts, rdma_only
from ports.hardware import PciFacts
from ports.nodeconfig import Traits
from tests.watch.trees import a_link


class Functions:
    """One card's."""

    def identity(self, pci_address: str) -> PciFacts:
        assert pci_address == "0000:3b:00.0"
        return PciFacts(vendor="15b3", device="101d", driver="mlx5_core")


def test_a_card_is_known_by_all_its_names_and_addresses() -> None:
    link = a_link("ens1", pci="0000:3b:00.0")
    link = replace(link, identity=replace(link.identity, permanent_address="02:00:00:00:00:77"))
    assert traits(LinkFacts(link=link, alternative_names=("enp59s0",)), Functions()) == Traits(
        names=("ens1", "enp59s0"),
        pci_address="0000:3b:00.0",
        driver="mlx5_core",
        vendor="15b3",
        device="101d",
        macs=("02:00:5e:10:00:01", "02:00:00:00:00:77"),
    )


def test_a_virtual_interface_has_its_kind_for_a_driver() -> None:
    found = traits(LinkFacts(link=a_link("dummy0", kind="dummy")), Functions())
    assert (found.names, found.driver, found.pci_address) == (("dummy0",), "dummy", "")


def test_an_rdma_device_alone_is_known_by_its_function() -> None:
    alone = rdma_only(Identity(ifindex=0, pci_address="0000:3b:00.0", rdma="mlx5_0"))
    found = traits(LinkFacts(link=alone), Functions())
    assert (found.names, found.macs, found.driver) == ((), (), "mlx5_core")
