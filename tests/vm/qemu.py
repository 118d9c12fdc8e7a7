"""QEMU's command line for a guest: emulated processors, NUMA nodes, the host's root to read, one folder to write."""

from __future__ import annotations

from pathlib import Path

from tests.support import debian
from tests.vm import packages, topology
from tests.vm.kernel import Kernel

MEMORY_EACH = 1024  # MiB of each NUMA node
KERNEL_LINE = (
    "console=ttyS0 quiet loglevel=4 panic=-1 nokaslr mitigations=off tsc=reliable no_timer_check random.trust_cpu=on "
    "cryptomgr.notests audit=0 apparmor=0 net.ifnames=0 rcupdate.rcu_expedited=1 swiotlb=noforce rdinit=/init"
)


def command(kernel: Kernel, run: Path, output: int) -> list[str]:
    """Boot ``kernel``; ``run`` is shared with the guest, whose command writes to the descriptor ``output``."""
    return [*_program(), *_machine(), *_boot(kernel, run), *_folders(run), *_output(output), *topology.arguments()]


def _program() -> list[str]:
    tree = packages.emulator()
    data = ["-L", str(tree / "usr/share/qemu"), "-L", str(tree / "usr/share/seabios")]
    bare = ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-name", "knd-vm"]
    return [*debian.loaded(tree, "qemu-system-x86_64"), *data, *bare]


def _machine() -> list[str]:
    nodes = range(topology.NODES)
    emulated = ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max,la57=off"]
    words = ["-machine", "q35,graphics=off,smbus=off,sata=off,hpet=off,vmport=off", *emulated]
    words += ["-smp", f"{len(nodes)},sockets={len(nodes)}", "-m", f"{MEMORY_EACH * len(nodes)}M"]
    for node in nodes:
        words += ["-object", f"memory-backend-ram,id=mem{node},size={MEMORY_EACH}M"]
        words += ["-numa", f"node,nodeid={node},memdev=mem{node},cpus={node}"]
    return words


def _boot(kernel: Kernel, run: Path) -> list[str]:
    console = ["-serial", f"file:{run}/console.log"]
    return ["-kernel", str(kernel.image), "-initrd", str(kernel.initrd), "-append", KERNEL_LINE, *console]


def _folders(run: Path) -> list[str]:
    words: list[str] = []
    for tag, path, access in (("root", "/", ",readonly=on"), ("run", str(run), "")):
        quoted = path.replace(",", ",,")
        words += ["-fsdev", f"local,id={tag},path={quoted},security_model=none,multidevs=remap{access}"]
        words += ["-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
    return words


def _output(descriptor: int) -> list[str]:
    words = ["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"]
    words += ["-add-fd", f"fd={descriptor},set=1", "-chardev", "file,id=output,path=/dev/fdset/1,append=on"]
    return [*words, "-device", "virtserialport,chardev=output,name=output"]
