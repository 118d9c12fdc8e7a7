"""The guest's cards and the PCIe tree that they sit in: two roots, one on each NUMA node.

    node 0   40:00.0 port - 41:00.0                          enp65s0   igb, SR-IOV
             40:01.0 port - 42:00.0 switch - 43:00.0 - 44:00.0  enp68s0   igb, SR-IOV
                                           - 43:01.0 - 45:00.0  display controller, where a GPU would be
             40:02.0 port - 46:00.0                          enp70s0   e1000e
    node 1   80:00.0 port - 81:00.0                          enp129s0  igb, SR-IOV
             80:01.0 port - 82:00.0                          display controller
             80:02.0 port - 83:00.0                          enp131s0  vmxnet3
    no node  00:10.0                                         enp0s16   virtio-net

The igb cards are on one wire, the others on a second one.
"""

from __future__ import annotations

from dataclasses import dataclass

NODES = 2
SWITCHED_BY_IGB, OTHERS = 0, 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A network card; ``place`` are QEMU's properties of where it is plugged in, ``wire`` what it is cabled to."""

    model: str
    place: str
    wire: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Any other device, with its properties as QEMU wants them."""

    model: str
    place: str


TREE: tuple[Card | Part, ...] = (
    Part(model="pxb-pcie", place="id=pxb0,bus=pcie.0,bus_nr=0x40,numa_node=0,addr=0x08"),
    Part(model="pxb-pcie", place="id=pxb1,bus=pcie.0,bus_nr=0x80,numa_node=1,addr=0x09"),
    Part(model="pcie-root-port", place="id=rp0,bus=pxb0,chassis=1,slot=1,addr=0x0"),
    Card(model="igb", place="bus=rp0", wire=SWITCHED_BY_IGB),
    Part(model="pcie-root-port", place="id=rp1,bus=pxb0,chassis=2,slot=2,addr=0x1"),
    Part(model="x3130-upstream", place="id=up1,bus=rp1"),
    Part(model="xio3130-downstream", place="id=dn1,bus=up1,chassis=3,slot=1"),
    Part(model="xio3130-downstream", place="id=dn2,bus=up1,chassis=4,slot=2"),
    Card(model="igb", place="bus=dn1", wire=SWITCHED_BY_IGB),
    Part(model="bochs-display", place="bus=dn2"),
    Part(model="pcie-root-port", place="id=rp2,bus=pxb0,chassis=5,slot=3,addr=0x2"),
    Card(model="e1000e", place="bus=rp2", wire=OTHERS),
    Part(model="pcie-root-port", place="id=rp3,bus=pxb1,chassis=6,slot=4,addr=0x0"),
    Card(model="igb", place="bus=rp3", wire=SWITCHED_BY_IGB),
    Part(model="pcie-root-port", place="id=rp4,bus=pxb1,chassis=7,slot=5,addr=0x1"),
    Part(model="bochs-display", place="bus=rp4"),
    Part(model="pcie-root-port", place="id=rp5,bus=pxb1,chassis=8,slot=6,addr=0x2"),
    Card(model="vmxnet3", place="bus=rp5", wire=OTHERS),
    Card(model="virtio-net-pci", place="bus=pcie.0,addr=0x10", wire=OTHERS),
)


def arguments() -> list[str]:
    """The tree as QEMU's command line has it."""
    return [word for number, part in enumerate(TREE) for word in _plugged(number, part)]


def _plugged(number: int, part: Card | Part) -> list[str]:
    if isinstance(part, Part):
        return ["-device", f"{part.model},{part.place}"]
    card = f"{part.model},netdev=n{number},mac=52:54:00:4b:00:{number:02x},romfile=,{part.place}"
    return ["-netdev", f"hubport,id=n{number},hubid={part.wire}", "-device", card]
