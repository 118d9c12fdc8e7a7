"""What a container gets of the RDMA devices of the claims that it lists: device files, leave to lock memory, and limits.

The device files come with the claim's CDI device, which the runtime gives to just the containers that list the claim,
also while no plugin is connected. What is left for the plugin is what CDI cannot do: to look that the files are still
those of the claim's devices, to lift the limit on locked memory, which registered memory counts against, and to set the
limits of the rdma cgroup that the claim asks for. Without CDI nobody tells which containers list a claim, and all of the
pod's get the files, from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent.domain import rdma_limits
from ports.controls import Cgroups, DeviceFiles
from ports.errors import Code, Failure
from ports.gate import marker
from ports.inbound import Adjustment, Container
from ports.ledger import PodRecord
from ports.results import AttachedDevice

NO_CONTROLLER = (
    "rdma.maxHandles and rdma.maxObjects need the rdma controller of cgroup v2, which this node does not have"
)
WITHOUT = (
    "take them out of the claim's configuration, or use a node with cgroup v2 and a kernel with CONFIG_CGROUP_RDMA"
)
STARTED_ANEW = "the driver was started again while the pod had the device: delete the pod"


@dataclass(frozen=True, kw_only=True, slots=True)
class RdmaFiles:
    """``by_cdi``: the runtime gives out the device files, and marks with the claim the containers that list it."""

    files: DeviceFiles
    cgroups: Cgroups
    by_cdi: bool

    def adjustment(self, record: PodRecord, container: Container) -> Adjustment:
        """What to add to this container.

        CONFLICT: a device file is not that of the claim's device any more. REFUSED: a limit cannot be set on this node.
        """
        used = [device for device in self._listed(record, container) if device.rdma]
        for device in used:
            self._check(record, device)
        nodes = () if self.by_cdi else tuple(dict.fromkeys(node for device in used for node in device.nodes))
        return Adjustment(devices=nodes, locked_memory=bool(used), unified=self._limits(record, used))

    def _limits(self, record: PodRecord, used: list[AttachedDevice]) -> dict[str, str]:
        """A limit that was asked for is not dropped in silence, and the low-level runtime would fail with less to say."""
        limited = rdma_limits.asked(record.plans, used)
        if not limited:
            return {}
        if rdma_limits.CONTROLLER not in self.cgroups.controllers():
            claims = ", ".join(dict.fromkeys(str(device.claim) for device, _ in limited))
            raise Failure(Code.REFUSED, str(record.pod), f"{claims}: {NO_CONTROLLER}", WITHOUT)
        return {rdma_limits.FILE: rdma_limits.content(limited)}

    def _listed(self, record: PodRecord, container: Container) -> Iterable[AttachedDevice]:
        if not self.by_cdi:
            return record.devices
        marks = {entry.partition("=")[0] for entry in container.env}
        return (device for device in record.devices if marker(device.claim.uid) in marks)

    def _check(self, record: PodRecord, device: AttachedDevice) -> None:
        now = {node for name in device.rdma for node in self.files.nodes(name)}
        changed = ", ".join(node.path for node in device.nodes if node not in now)
        if changed:
            detail = f"{changed}: no longer the device files of {', '.join(device.rdma)} in {device.claim}"
            raise Failure(Code.CONFLICT, str(record.pod), detail, STARTED_ANEW)
