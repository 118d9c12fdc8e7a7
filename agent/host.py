"""Whom to ask about this host: the one place where the readers of kernel, sysfs and files are put together.

Used by the watcher and by the commands that show a person what the watcher would see.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from adapters.bpf.seen import SeenPrograms
from adapters.devlink.switches import DevlinkSwitches
from adapters.ethtool.settings import EthtoolSettings
from adapters.lldp.file import LldpFile
from adapters.netlink.kernel import NetlinkKernel
from adapters.rdma.control import NetlinkRdma
from adapters.rdma.tree import SysfsRdma
from adapters.sysfs.hardware import SysfsHardware
from adapters.sysfs.links import SysfsLinks
from agent.services.infiniband import AloneBesideIpoib, OtherInterfaces
from agent.services.inspecting import Inspector, Sources, Untold
from ports.discovery import HardwareFacts, Interfaces, PciFunctions, RdmaDevices
from ports.options import SYSFS_ROOT


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """A machine to look at. ``live``: it is this one, and its kernel is asked."""

    interfaces: Interfaces
    hardware: HardwareFacts
    rdma: RdmaDevices
    functions: PciFunctions
    live: bool


def inspector(kernel: NetlinkKernel, sysfs: SysfsHardware, lldp_file: str) -> Inspector:
    """Everything that this host tells without privileges."""
    return Inspector(
        Sources(
            hardware=sysfs,
            settings=EthtoolSettings(),
            details=kernel,
            programs=SeenPrograms(kernel.host),
            switches=DevlinkSwitches(),
            wires=LldpFile(lldp_file),
        )
    )


def seen(interfaces: Interfaces, rdma: RdmaDevices, ipoib: bool) -> tuple[Interfaces, RdmaDevices]:
    """The host with or without its IPoIB interfaces."""
    return (interfaces, rdma) if ipoib else (OtherInterfaces(interfaces), AloneBesideIpoib(rdma))


@contextmanager
def opened(sysfs_root: str, lldp_file: str, needed: tuple[str, ...] = ()) -> Iterator[Host]:
    """This host; or, where sysfs is said to be elsewhere than usual, the machine whose sysfs was copied there.

    ``needed`` are addresses that the node must be able to reach.
    """
    if sysfs_root != SYSFS_ROOT.default:
        yield _copied(sysfs_root, lldp_file)
        return
    kernel, sysfs = NetlinkKernel(sysfs_root, needed=needed), SysfsHardware(sysfs_root)
    try:
        facts = inspector(kernel, sysfs, lldp_file)
        yield Host(interfaces=kernel, hardware=facts, rdma=NetlinkRdma(sysfs_root), functions=sysfs, live=True)
    finally:
        kernel.close()


def _copied(root: str, lldp_file: str) -> Host:
    links, sysfs = SysfsLinks(root), SysfsHardware(root)
    facts = Inspector(
        Sources(
            hardware=sysfs,
            settings=links,
            details=links,
            programs=Untold(),
            switches=Untold(),
            wires=LldpFile(lldp_file),
        )
    )
    return Host(interfaces=links, hardware=facts, rdma=SysfsRdma(root), functions=sysfs, live=False)
