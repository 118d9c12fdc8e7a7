"""Limits of the rdma cgroup: from a claim's parameters to what is written into ``rdma.max`` of a container's cgroup.

The file's form, a line a device, is that of the kernel's Documentation/admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ports.devices import LinkFacts, RdmaLimits
from ports.netconfig import Mistake, NetworkConfig
from ports.plan import DevicePlan, Plan
from ports.results import AttachedDevice

CONTROLLER = "rdma"
FILE = f"{CONTROLLER}.max"
NONE = RdmaLimits()

Limited = tuple[AttachedDevice, RdmaLimits]


def wanted(config: NetworkConfig) -> RdmaLimits:
    """The limits as the claim has them."""
    return RdmaLimits(handles=config.rdma.maxHandles, objects=config.rdma.maxObjects)


def mistakes(config: NetworkConfig, facts: LinkFacts) -> Iterator[Mistake]:
    """Limits of a device that has no RDMA: the claim got another device than it believes."""
    if facts.rdma:
        return
    for key, value in (("maxHandles", config.rdma.maxHandles), ("maxObjects", config.rdma.maxObjects)):
        if value is not None:
            yield Mistake(f"rdma.{key}", "the device has no RDMA device on this node")


def asked(plans: Iterable[Plan], devices: Iterable[AttachedDevice]) -> tuple[Limited, ...]:
    """Those of a pod's devices that a limit was asked for, by the pod's plans."""
    planned = {(plan.claim.uid, *_key(device)): device.rdma_limits for plan in plans for device in plan.devices}
    found = ((device, planned.get((device.claim.uid, *_key(device)), NONE)) for device in devices)
    return tuple((device, limits) for device, limits in found if limits != NONE)


def content(limited: Iterable[Limited]) -> str:
    """What to write for these devices."""
    return "\n".join(_line(name, limits) for device, limits in limited for name in device.rdma)


def _key(device: DevicePlan | AttachedDevice) -> tuple[str, str, str, str | None]:
    return device.request, device.pool, device.device, device.share_id


def _line(name: str, limits: RdmaLimits) -> str:
    values = (("hca_handle", limits.handles), ("hca_object", limits.objects))
    return " ".join((name, *(f"{key}={value}" for key, value in values if value is not None)))
