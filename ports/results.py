"""What the dataplane answers: outcomes with the start and end of each step, so that a trace can be drawn elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ports.devices import DeviceNode, Identity
from ports.plan import ClaimRef, PodRef


@dataclass(frozen=True, kw_only=True, slots=True)
class StepTiming:
    """When one step of one device ran; Unix nanoseconds. ``error`` is empty when it succeeded."""

    device: str
    step: str
    start_ns: int
    end_ns: int
    error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachedDevice:
    """One device as it is in the pod, read back from the kernel, for ``ResourceClaim.status.devices``.

    ``interface`` and ``mac`` are empty for an RDMA device without an interface. ``rdma`` names the RDMA devices that came
    with it, ``rdma_moved`` tells whether they were moved into the pod (exclusive mode), ``nodes`` are their character
    devices, for the containers that list the claim.
    """

    claim: ClaimRef
    request: str
    pool: str
    device: str
    interface: str
    mac: str
    addresses: tuple[str, ...]
    share_id: str | None = None
    rdma: tuple[str, ...] = ()
    rdma_moved: bool = False
    nodes: tuple[DeviceNode, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Attached:
    """A pod's devices are all in its namespace. ``already`` tells that nothing had to be done."""

    pod: PodRef
    sandbox: str
    devices: tuple[AttachedDevice, ...]
    timings: tuple[StepTiming, ...] = ()
    already: bool = False
    traceparent: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Detached:
    """A pod's devices are back in the host. ``lost`` names those that could not be brought back, each with the reason."""

    pod_uid: str
    devices: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    timings: tuple[StepTiming, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """One device that is in a pod now, as the kernel shows it."""

    pod: PodRef
    sandbox: str
    device: str
    identity: Identity
    interface: str


class Verdict(StrEnum):
    """What reconcile did about one pod."""

    ADOPTED = "adopted"  # attached and in place: kept
    ATTACHED = "attached"  # prepared, sandbox live, no container started: attached late
    RETURNED = "returned"  # the sandbox is gone: devices brought back
    WAITING = "waiting"  # prepared, no sandbox yet: nothing to do
    BROKEN = "broken"  # a container runs without its devices, or a device is lost: reported


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One pod's verdict with the reason in words."""

    pod: PodRef
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The outcome of a reconcile: one finding a pod of the ledger."""

    findings: tuple[Finding, ...] = ()
    attached: tuple[Attached, ...] = ()
