"""What the two frontends tell each other: whether the runtime is connected, and how attaches went.

The NRI frontend serves ``RuntimeLink``: the DRA frontend asks it before it offers itself to the kubelet and inside each
Prepare. The DRA frontend serves ``Outcomes``: the NRI frontend sends each attach's outcome until it is acknowledged, and
the DRA frontend writes it down (its outbox) before it acknowledges, so that a claim's status is never lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ports.dataplane import Call
from ports.plan import ClaimRef, PodRef
from ports.results import AttachedDevice

REQUEST_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds; runtimes wait 2


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestCount:
    """The runtime's requests of one kind that were answered alike (success, failed, noop: the pod is not ours).

    ``within`` has, for each of ``REQUEST_BOUNDS``, how many took no longer than it and longer than the one before; the
    last is of those that took longer than all. ``seconds`` is what all of them took together.
    """

    method: str
    status: str
    seconds: float
    within: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimeState:
    """The NRI connection as it is now. ``connected`` means: registered and synchronized."""

    connected: bool
    runtime: str = ""
    version: str = ""
    request_timeout: float = 0.0
    detail: str = ""
    requests: tuple[RequestCount, ...] = ()


class RuntimeLink(Protocol):
    """Served by the NRI frontend."""

    def state(self, call: Call) -> RuntimeState:
        """The connection now."""
        ...

    def compare(self, call: Call) -> None:
        """Compare the runtime's sandboxes with what is prepared, soon: something was prepared that a pod may wait for."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How the attach of one claim of one pod went; ``error`` is empty and ``devices`` are all there when it succeeded.

    ``ended`` tells that the pod's sandbox is over and gave the devices back; then ``error`` names those that were lost.
    """

    claim: ClaimRef
    pod: PodRef
    devices: tuple[AttachedDevice, ...]
    error: str = ""
    at_ns: int = 0
    traceparent: str = ""
    ended: bool = False


class Outcomes(Protocol):
    """Served by the DRA frontend."""

    def report(self, outcome: Outcome, call: Call) -> None:
        """Take the outcome over: durably noted when this returns."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A container of this pod was refused for a reason that no claim's outcome tells."""

    pod: PodRef
    reason: str


class Refusals(Protocol):
    """Served by the DRA frontend."""

    def refused(self, refusal: Refusal, call: Call) -> None:
        """Let people know. Best effort: the container stays refused, and the kubelet shows the reason too."""
        ...
