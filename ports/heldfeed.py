"""The way of what only the dataplane can see, devices in pods, to the DRA frontend: newest wins, as with the inventory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ports.kernel import Namespace
from ports.plan import ClaimRef, PodRef
from ports.vitals import Vitals

EVERY = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldDevice:
    """A device that a pod has; ``vitals`` are None when it is no longer there.

    ``under_way``: it is on its way into the pod or back, or could not be looked at now. Its vitals say nothing then.
    """

    device: str
    claim: ClaimRef
    pod: PodRef
    vitals: Vitals | None
    under_way: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldState:
    """All devices in pods. ``beat`` is another one with each look, so that a dataplane that looks no more is noticed."""

    beat: int
    devices: tuple[HeldDevice, ...] = ()


class HeldSink(Protocol):
    """The dataplane's end."""

    def publish(self, state: HeldState) -> None:
        """Offer the newest state; an older one that nobody took is dropped."""
        ...


class HeldEvents(Protocol):
    """When to look at a pod again. Subscribed to are the links of the namespaces that are held open anyway."""

    def touch(self, sandbox: str) -> None:
        """Something of this sandbox changed; from any thread, and at no cost."""
        ...

    def listen(self, sandbox: str, namespace: Namespace) -> None:
        """Hear of the links of the sandbox's namespace from now on. Repeatable. A sandbox that left meanwhile is a success."""
        ...

    def leave(self, sandbox: str) -> None:
        """Give the subscription up before this returns, so that it keeps no namespace alive; the sandbox counts as touched."""
        ...

    def wait(self, timeout: float) -> frozenset[str]:
        """The sandboxes that were touched since the last call, at once or within ``timeout`` seconds. From one thread only,
        the one that listens.

        ``EVERY`` is among them when that cannot be told of one: events were lost, or concern hardware.
        """
        ...


class HeldSource(Protocol):
    """The DRA frontend's end."""

    def latest(self, timeout: float) -> HeldState | None:
        """The newest state not yet taken, waiting at most ``timeout`` seconds for one; None when there is none."""
        ...
