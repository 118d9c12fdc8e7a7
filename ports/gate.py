"""The second lock on a container's door: a CDI device that exists exactly as long as the claim is attached.

The DRA answer gives each claim a CDI device id; the kubelet hands it to the runtime with every container that lists the
claim, and the runtime refuses to create a container whose CDI device it cannot resolve. So a container cannot start
without its interface even while no NRI plugin is connected, which the NRI hooks alone cannot promise. (CDI: the
Container Device Interface specification; on by default from containerd 2.0 and in CRI-O.)
"""

from __future__ import annotations

from typing import Protocol

from ports.devices import DeviceNode
from ports.plan import ClaimRef

CLASS = "attached"
MARKER = "KND_CLAIM_"


def cdi_device_id(driver: str, claim_uid: str) -> str:
    """The fully qualified CDI name whose existence says that this claim is attached."""
    return f"{driver}/{CLASS}={claim_uid}"


def marker(claim_uid: str) -> str:
    """The variable a container of the claim finds in its environment; its value lists the interfaces."""
    return MARKER + claim_uid.replace("-", "_")


class Gate(Protocol):
    """Opened by the dataplane after the last step of an attach, closed before the first step of a detach."""

    def open(self, claim: ClaimRef, interfaces: tuple[str, ...], nodes: tuple[DeviceNode, ...] = ()) -> None:
        """Let containers of this claim be created; they get these device files. Repeatable."""
        ...

    def close(self, claim_uid: str) -> None:
        """Refuse containers of this claim from now on. Repeatable."""
        ...

    def opened(self) -> frozenset[str]:
        """The UIDs of the claims whose gate is open, whoever opened it."""
        ...
