"""Machines for training: GPUs, and a network card for each."""

from __future__ import annotations

from pathlib import Path

from tests.support.machines.builder import Machine, Product, Roce, infiniband

CONNECTX7 = Product(vendor="15b3", device="1021", code="020000", driver="mlx5_core", subsystem=("15b3", "0041"))
H100 = Product(vendor="10de", device="2330", code="030200", driver="nvidia", subsystem=("10de", "16c1"))
MANAGEMENT = Product(vendor="8086", device="1533", code="020000", driver="igb", subsystem=("8086", "0003"))
BMC_DISPLAY = Product(vendor="1a03", device="2000", code="030000", driver="ast")
NVME = Product(vendor="144d", device="a80a", code="010802", driver="nvme")
BLACKWELL = Product(vendor="10de", device="31c2", code="030200", driver="nvidia", subsystem=("10de", "21f1"))
CONNECTX8 = Product(vendor="15b3", device="1023", code="020700", driver="mlx5_core", subsystem=("15b3", "0147"))
H100_ROOTS = ("15", "26", "37", "48", "87", "98", "a9", "ba")


def h100(root: Path) -> Machine:
    """Two sockets, eight root complexes; on each a switch with a GPU, a 400 Gb/s RoCE card and an SSD."""
    made = Machine(root)
    made.node(0, first_cpu=0, package=0, distances="10 21")
    made.node(1, first_cpu=56, package=1, distances="21 10")
    for index, bus in enumerate(H100_ROOTS):
        first, node = int(bus, 16), 0 if index < 4 else 1
        switch = f"pci0000:{bus}/0000:{bus}:01.0/0000:{first + 1:02x}:00.0"
        made.function(f"{switch}/0000:{first + 2:02x}:00.0/0000:{first + 3:02x}:00.0", H100, node=node)
        card = f"{switch}/0000:{first + 2:02x}:01.0/0000:{first + 4:02x}:00.0"
        made.function(card, CONNECTX7, node=node, files={"sriov_totalvfs": "16", "sriov_numvfs": "0"})
        made.group(card, 40 + index)
        made.net(card, f"gpu{index}rdma0", {"mtu": "9000", "speed": "400000", "duplex": "full", "phys_port_name": "p0"})
        guid = f"946d:ae03:00{bus}:0000"
        made.rdma(card, f"mlx5_{index}", Roce(interface=f"gpu{index}rdma0", guid=guid).files())
        made.function(f"{switch}/0000:{first + 2:02x}:02.0/0000:{first + 5:02x}:00.0", NVME, node=node)
    made.function("pci0000:00/0000:00:1c.0/0000:01:00.0", MANAGEMENT, node=0)
    made.net("pci0000:00/0000:00:1c.0/0000:01:00.0", "eno1", {"speed": "1000", "duplex": "full"})
    made.function("pci0000:00/0000:00:1c.4/0000:02:00.0/0000:03:00.0", BMC_DISPLAY, node=0)
    return made


def gb300(root: Path) -> Machine:
    """Four GPUs that hang on their processors by NVLink-C2C, so in PCI domains of their own; InfiniBand without IPoIB."""
    made = Machine(root)
    made.node(0, first_cpu=0, package=0, distances="10 40 80 120")
    made.node(1, first_cpu=72, package=1, distances="40 10 120 80")
    made.node(2, first_cpu=-1, package=0, distances="80 120 10 200")  # a GPU's memory
    made.node(10, first_cpu=-1, package=0, distances="120 80 200 10")
    for index, domain in enumerate(("0008", "0009", "0018", "0019")):
        made.function(f"pci{domain}:00/{domain}:00:00.0/{domain}:01:00.0", BLACKWELL, node=index // 2)
    for index, domain in enumerate(("0000", "0002", "0010", "0012")):
        card = f"pci{domain}:00/{domain}:00:00.0/{domain}:01:00.0/{domain}:02:00.0/{domain}:03:00.0"
        made.function(card, CONNECTX8, node=index // 2, files={"sriov_totalvfs": "0"})
        made.rdma(card, f"ibp{index}", infiniband(f"b8e9:24ff:fe0{index}:1000", "800 Gb/sec (4X XDR)"))
    made.function("pci0006:00/0006:00:00.0/0006:01:00.0", MANAGEMENT, node=0)
    made.net("pci0006:00/0006:00:00.0/0006:01:00.0", "enP6p1s0", {"speed": "1000", "duplex": "full"})
    return made
