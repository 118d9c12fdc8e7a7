"""Machines without GPUs: at the edge, in a cloud, with an embedded switch, with names that nobody expects, and a big one."""

from __future__ import annotations

from pathlib import Path

from tests.support.machines.builder import Machine, Product, Roce

I350 = Product(vendor="8086", device="1521", code="020000", driver="igb", subsystem=("8086", "0001"))
I350_VF = Product(vendor="8086", device="1520", code="020000", driver="igbvf", subsystem=("8086", "0001"))
CONNECTX3 = Product(vendor="15b3", device="1007", code="020000", driver="mlx4_core", subsystem=("15b3", "0051"))
CONNECTX6 = Product(vendor="15b3", device="101d", code="020000", driver="mlx5_core", subsystem=("15b3", "0016"))
CONNECTX6_VF = Product(vendor="15b3", device="101e", code="020000", driver="mlx5_core", subsystem=("15b3", "0016"))
ENA = Product(vendor="1d0f", device="ec20", code="020000", driver="ena", subsystem=("1d0f", "ec20"))
EFA = Product(vendor="1d0f", device="efa2", code="020000", driver="efa", subsystem=("1d0f", "efa2"))
VIRTIO = Product(vendor="1af4", device="1041", code="020000", driver="virtio-pci", subsystem=("1af4", "1100"))
LONGEST = Product(vendor="ffff", device="0001", code="020000", driver="long")


def edge(root: Path) -> Machine:
    """One socket, no NUMA: a card with four virtual functions, a card with two ports on one function, a USB card."""
    made = Machine(root)
    physical = made.function(
        "pci0000:00/0000:00:01.0/0000:01:00.0", I350, files={"sriov_totalvfs": "7", "sriov_numvfs": "0"}
    )
    made.net(physical, "enp1s0f0", {"speed": "1000", "duplex": "full", "ifalias": "to the PLC cabinet"})
    for index in range(4):
        place = f"pci0000:00/0000:00:01.0/0000:01:10.{index}"
        made.virtual_function(physical, index, place, I350_VF)
        if index < 3:  # the last one is bound to vfio-pci or somewhere else: it has no interface here
            made.net(place, f"enp1s0f0v{index}", {"operstate": "down", "flags": "0x1002"})
    two = made.function("pci0000:00/0000:00:02.0/0000:02:00.0", CONNECTX3)
    made.net(two, "enp2s0", {"speed": "40000", "duplex": "full"})
    made.net(two, "enp2s0d1", {"dev_port": "1", "operstate": "lowerlayerdown"})
    usb = made.function("pci0000:00/0000:00:14.0", Product(vendor="8086", device="a36d", code="0c0330"))
    made.net(f"{usb}/usb1/1-1/1-1:1.0", "enx00e04c680001", {"speed": "100", "duplex": "half"})
    made.net("virtual", "br0", {"uevent": "DEVTYPE=bridge", "bridge/stp_state": "0", "operstate": "down"})
    made.net("virtual", "bond0", {"uevent": "DEVTYPE=bond", "bonding/mode": "802.3ad 4", "speed": "2000"})
    made.net("virtual", "enp1s0f0.100", {"uevent": "DEVTYPE=vlan", "speed": "1000"})
    return made


def cloud(root: Path) -> Machine:
    """A virtual machine with a network adapter, an RDMA adapter without an interface, and a virtio card."""
    made = Machine(root)
    made.function("pci0000:00/0000:00:05.0", ENA)
    made.net("pci0000:00/0000:00:05.0", "ens5", {"mtu": "9001"})
    made.function("pci0000:00/0000:00:06.0", EFA)
    port = {"state": "4: ACTIVE", "phys_state": "5: LinkUp", "rate": "100 Gb/sec (4X EDR)", "link_layer": "Unspecified"}
    files = {f"ports/1/{name}": value for name, value in port.items()} | {"node_guid": "0000:0000:0000:0000"}
    made.rdma("pci0000:00/0000:00:06.0", "rdmap0s6", files, node_type="0: unspecified")
    made.function("pci0000:00/0000:00:07.0", VIRTIO)
    made.net("pci0000:00/0000:00:07.0/virtio0", "ens7", {"operstate": "unknown"})
    return made


def switchdev(root: Path) -> Machine:
    """A card whose embedded switch is the host's: two virtual functions and a sub-function, each with its representor."""
    made = Machine(root)
    made.node(0, first_cpu=0, package=0, distances="10 12 32 32")
    made.node(1, first_cpu=16, package=0, distances="12 10 32 32")
    made.node(2, first_cpu=32, package=1, distances="32 32 10 12")
    made.node(3, first_cpu=48, package=1, distances="32 32 12 10")
    bus, switch = "pci0000:80/0000:80:01.1", {"phys_switch_id": "b8cef6000a1b"}
    physical = made.function(
        f"{bus}/0000:81:00.0", CONNECTX6, node=2, files={"sriov_totalvfs": "8", "sriov_numvfs": "0"}
    )
    made.net(physical, "ens1f0np0", {**switch, "phys_port_name": "p0", "speed": "100000", "duplex": "full"})
    made.rdma(
        physical,
        "mlx5_0",
        Roce(
            interface="ens1f0np0", guid="b8ce:f603:000a:1b00", rate="100 Gb/sec (4X EDR)", firmware="22.36.1010"
        ).files(),
    )
    for index in range(2):
        place = f"{bus}/0000:81:00.{index + 2}"
        made.virtual_function(physical, index, place, CONNECTX6_VF, node=2)
        made.net(place, f"ens1f0v{index}", {"speed": "100000", "duplex": "full"})
        made.net(physical, f"ens1f0npf0vf{index}", {**switch, "phys_port_name": f"pf0vf{index}"})
    made.net(f"{physical}/mlx5_core.sf.4", "ens1f0s88", {"../../sfnum": "88", "speed": "100000", "duplex": "full"})
    made.net(physical, "ens1f0npf0sf88", {**switch, "phys_port_name": "pf0sf88"})
    return made


def odd(root: Path) -> Machine:
    """Names and texts at the limits of what Linux and the API server take."""
    made = Machine(root)
    long = made.function("pci10000:e0/10000:e0:06.0/10000:e1:00.0", LONGEST, node=0)
    made.net(long, "UPPER_case-15ch", {"ifalias": "é" * 100})
    made.net("virtual", "pci-0000-8a-00-", {"uevent": "DEVTYPE=vlan"})
    made.net("virtual", "net-aaaa", {"uevent": "DEVTYPE=vxlan"})
    made.net("virtual", "größe☃", {"operstate": "notpresent"})
    made.net("virtual", b"raw\xff\xfe", {})
    made.net("virtual", "red\x1b[31m", {})
    made.net("virtual", "tap0", {"tun_flags": "0x1002", "type": "65534"})
    made.net("virtual", "plain0", {"mtu": "nonsense", "flags": "", "speed": "-1", "duplex": "unknown"})
    return made


def big(root: Path) -> Machine:
    """Four cards with 64 virtual functions each, and VLANs: 300 devices."""
    made = Machine(root)
    for card in range(4):
        bus = f"pci0000:{card + 1}0/0000:{card + 1}0:01.0"
        physical = made.function(f"{bus}/0000:{card + 1}1:00.0", CONNECTX6, files={"sriov_totalvfs": "64"})
        made.net(physical, f"card{card}", {"speed": "100000"})
        for index in range(64):
            place = f"{bus}/0000:{card + 1}1:{1 + index // 8:02x}.{index % 8}"
            made.virtual_function(physical, index, place, CONNECTX6_VF)
            made.net(place, f"card{card}v{index}")
    for number in range(40):
        made.net("virtual", f"vlan{number}", {"uevent": "DEVTYPE=vlan"})
    return made
