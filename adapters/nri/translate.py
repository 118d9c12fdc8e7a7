"""NRI's messages as the values of ``ports.inbound``, and back."""

from __future__ import annotations

from adapters.nri.pb import nri_pb2 as nri
from ports.inbound import Adjustment, Container, DeviceNode, PodSandbox
from ports.plan import PodRef

MEMLOCK, UNLIMITED = "RLIMIT_MEMLOCK", 2**64 - 1  # as in the OCI runtime specification; RLIM_INFINITY
DEFAULT_MODE = 0o666  # runc's, for a device without a mode
STARTED = frozenset({nri.CONTAINER_RUNNING, nri.CONTAINER_PAUSED})


def pod_sandbox(pod: nri.PodSandbox) -> PodSandbox:
    """A sandbox. A host-network pod has no namespace of type network; older runtimes leave the list out at the end."""
    paths = (space.path for space in pod.linux.namespaces if space.type == "network" and space.path)
    return PodSandbox(
        id=pod.id,
        pod=PodRef(namespace=pod.namespace, name=pod.name, uid=pod.uid),
        netns=next(paths, None),
        pid=pod.pid,
    )


def listed_sandbox(pod: nri.PodSandbox, runtime: str) -> PodSandbox:
    """A sandbox of the runtime's full list, which has those that ended too.

    containerd still tells the path of a namespace that is gone; that there is no process tells them apart (recorded).
    CRI-O runs live sandboxes without a process of their own, so there the path is kept, for others to look at.
    """
    sandbox = pod_sandbox(pod)
    if runtime != "containerd" or sandbox.pid:
        return sandbox
    return PodSandbox(id=sandbox.id, pod=sandbox.pod, netns=None)


def container(message: nri.Container) -> Container:
    """A container."""
    return Container(
        id=message.id,
        sandbox_id=message.pod_sandbox_id,
        name=message.name,
        running=message.state in STARTED,
        env=tuple(message.env),
    )


def adjusted(adjustment: Adjustment) -> nri.CreateContainerResponse:
    """The answer to CreateContainer; an empty one when there is nothing to add."""
    adjust = nri.ContainerAdjustment()
    if adjustment.devices:
        adjust.linux.devices.extend(_device(device) for device in adjustment.devices)
    if adjustment.unified:
        adjust.linux.resources.unified.update(adjustment.unified)
    if adjustment.locked_memory:
        adjust.rlimits.add(type=MEMLOCK, hard=UNLIMITED, soft=UNLIMITED)
    return nri.CreateContainerResponse(adjust=adjust) if adjust.ByteSize() else nri.CreateContainerResponse()


def _device(device: DeviceNode) -> nri.LinuxDevice:
    made = nri.LinuxDevice(path=device.path, type=device.type, major=device.major, minor=device.minor)
    if device.mode != DEFAULT_MODE:
        made.file_mode.value = device.mode
    return made
