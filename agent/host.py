"""Whom to ask about this host: the one place where the readers of kernel, sysfs and files are put together.

Used by the watcher and by the commands that show a person what the watcher would see.
"""

from __future__ import annotations

from adapters.bpf.seen import SeenPrograms
from adapters.devlink.switches import DevlinkSwitches
from adapters.ethtool.settings import EthtoolSettings
from adapters.lldp.file import LldpFile
from adapters.netlink.kernel import NetlinkKernel
from adapters.sysfs.hardware import SysfsHardware
from agent.services.inspecting import Inspector, Sources


def inspector(kernel: NetlinkKernel, sysfs_root: str, lldp_file: str = "") -> Inspector:
    """Everything that this host tells without privileges."""
    return Inspector(
        Sources(
            hardware=SysfsHardware(sysfs_root),
            settings=EthtoolSettings(),
            details=kernel,
            programs=SeenPrograms(kernel.host),
            switches=DevlinkSwitches(),
            wires=LldpFile(lldp_file),
        )
    )
