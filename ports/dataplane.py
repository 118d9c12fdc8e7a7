"""The narrow port between the unprivileged frontends and the privileged dataplane: all that can be asked of the kernel.

Two halves, served on two sockets. ``Preparing`` is for the DRA frontend, ``Attaching`` for the NRI frontend, so that a
compromised NRI frontend can attach only what a valid claim prepared, and a compromised DRA frontend can move nothing.
Every method is repeatable, raises ``ports.errors.Failure`` and nothing else, and refuses work whose deadline has passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ports.devices import Identity, LinkFacts
from ports.plan import Plan
from ports.results import Attached, AttachedDevice, Detached, Held, Report


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What travels with every command.

    ``key`` is the idempotency key: the same key may be sent again after a lost answer and is carried out once.
    ``deadline`` is absolute, in seconds of CLOCK_MONOTONIC. ``traceparent`` is a W3C trace context, or empty.
    """

    key: str
    deadline: float
    traceparent: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sandbox:
    """One pod sandbox of the runtime. ``netns`` is a path, None for a host-network pod or one that has ended."""

    id: str
    pod_uid: str
    netns: str | None
    containers_started: bool = False


class Preparing(Protocol):
    """The DRA frontend's half."""

    def inspect(self, devices: tuple[Identity, ...], call: Call) -> tuple[LinkFacts, ...]:
        """What the host knows of these devices, in their order. NOT_FOUND names one that is not in the host now."""
        ...

    def prepared(self, claim_uid: str, call: Call) -> Plan | None:
        """The plan held for this claim, or None. An attachment that died with its namespace is taken back first."""
        ...

    def claims(self, call: Call) -> tuple[str, ...]:
        """The UIDs of all claims that there is a plan of."""
        ...

    def prepare(self, plan: Plan, call: Call) -> None:
        """Check the plan against policy and the kernel's present state and write it down, durably, before answering.

        CONFLICT: the device changed since ``inspect`` (plan again) or is held by another claim. REFUSED: policy.
        """
        ...

    def readdress(self, plan: Plan, call: Call) -> tuple[AttachedDevice, ...]:
        """Give a claim this plan in the place of the one held for it; both differ in what is leased and nothing else.

        In an attached pod the leased addresses and routes become those of the plan, or all stays as it was; the claim's
        devices are answered as they are then, and none where the pod is not attached. NOT_FOUND: the claim is not
        prepared, or a device of it is not in the pod. CONFLICT: the plans differ in more; make it of the held one.
        """
        ...

    def unprepare(self, claim_uid: str, call: Call) -> Detached:
        """Forget exactly this claim; detach it first where nobody did. An unknown claim is a success."""
        ...


class Attaching(Protocol):
    """The NRI frontend's half."""

    def attach(self, sandbox: Sandbox, call: Call) -> Attached:
        """Run the steps of every plan prepared for this pod. All devices or none: a failure undoes what was done.

        NOT_FOUND: nothing is prepared for this pod. DEADLINE: time ran out and all was undone.
        """
        ...

    def detach(self, sandbox: Sandbox, call: Call) -> Detached:
        """Bring this sandbox's devices back and restore the host. A sandbox that holds nothing is a success."""
        ...

    def reconcile(self, live: tuple[Sandbox, ...], call: Call) -> Report:
        """Compare ledger, the runtime's full list of sandboxes and the kernel: adopt, finish, undo or report."""
        ...

    def held(self, call: Call) -> tuple[Held, ...]:
        """What is attached where, from the kernel and not from memory."""
        ...


class Dataplane(Preparing, Attaching, Protocol):
    """Both halves: what the worker implements, and the fake."""
