"""A plan: what will be done to the host for one claim of one pod, as an ordered list of typed steps.

Plans are computed by a pure function in an unprivileged process, checked again and carried out by the dataplane. Every
step knows its undo: the steps hold what was there before, so that undoing all of them in reverse puts the host back,
whether attach failed in the middle or the pod has ended. Undoing a step that was never done does no harm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from ports.devices import Address, LinkFacts, Neighbour, Offloads, RdmaLimits, RdmaLink, Route, Rule, Sysctl, Tuning

TEMPORARY_NAME = re.compile(r"knd[0-9a-z]{1,12}")  # IFNAMSIZ - 1 bytes at most; marks a device as ours wherever it is


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimRef:
    """One ResourceClaim; the UID tells it from an earlier claim of the same name."""

    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"claim {self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PodRef:
    """One pod; the UID is what the container runtime tells us too."""

    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"pod {self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """Take the interface out of the host's service. Undo: give the host back its name, MTU, MAC, state, addresses, routes."""

    kind: Literal["release"] = "release"


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """Move the interface into the pod under a temporary unique name. Undo: move it back under that same name."""

    temporary_name: str
    kind: Literal["move"] = "move"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rename:
    """Give the interface its name in the pod. Undo: none needed, Move takes it back under the temporary name."""

    name: str
    kind: Literal["rename"] = "rename"


@dataclass(frozen=True, kw_only=True, slots=True)
class SetMtu:
    """Set the MTU in bytes. Undo: the one before."""

    mtu: int
    before: int
    kind: Literal["set-mtu"] = "set-mtu"


@dataclass(frozen=True, kw_only=True, slots=True)
class SetMac:
    """Set the hardware address. Undo: the one before."""

    mac: str
    before: str
    kind: Literal["set-mac"] = "set-mac"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddAddress:
    """Add one address in the pod. Undo: none needed, a move between namespaces drops it."""

    address: Address
    kind: Literal["add-address"] = "add-address"


@dataclass(frozen=True, kw_only=True, slots=True)
class SetUp:
    """Set the interface up in the pod. Undo: set it down."""

    kind: Literal["set-up"] = "set-up"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddRoute:
    """Add one route in the pod. Undo: none needed, a move between namespaces drops it."""

    route: Route
    kind: Literal["add-route"] = "add-route"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tune:
    """Set the transmit queue length and the Big TCP sizes that are not None. Undo: those before."""

    tuning: Tuning
    before: Tuning
    kind: Literal["tune"] = "tune"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddAlternativeName:
    """Give the interface a further name in the pod. Undo: remove it (it could be taken in the host)."""

    name: str
    kind: Literal["add-alternative-name"] = "add-alternative-name"


@dataclass(frozen=True, kw_only=True, slots=True)
class SetOffloads:
    """Switch features and private flags. Undo: those before."""

    offloads: Offloads
    before: Offloads
    kind: Literal["set-offloads"] = "set-offloads"


@dataclass(frozen=True, kw_only=True, slots=True)
class SetSysctl:
    """Set one sysctl of the interface in the pod. Undo: none needed, a move resets them."""

    sysctl: Sysctl
    kind: Literal["set-sysctl"] = "set-sysctl"


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinVrf:
    """Make the interface a port of a VRF in the pod, creating it if it is not there. Undo: leave it."""

    name: str
    table: int
    kind: Literal["join-vrf"] = "join-vrf"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddRule:
    """Add one policy routing rule in the pod. Undo: remove it."""

    rule: Rule
    kind: Literal["add-rule"] = "add-rule"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddNeighbour:
    """Add one permanent neighbour in the pod. Undo: none needed, a move between namespaces drops it."""

    neighbour: Neighbour
    kind: Literal["add-neighbour"] = "add-neighbour"


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovePrograms:
    """Take all eBPF programs off the interface. Undo: put back those of the host that can be put back."""

    kind: Literal["remove-programs"] = "remove-programs"


@dataclass(frozen=True, kw_only=True, slots=True)
class MoveRdma:
    """Move an RDMA device into the pod (exclusive mode only). Undo: move it back. Done last, undone first."""

    rdma: RdmaLink
    kind: Literal["move-rdma"] = "move-rdma"


@dataclass(frozen=True, kw_only=True, slots=True)
class Announce:
    """Tell the neighbours where the addresses are now: gratuitous ARP and unsolicited neighbour advertisement."""

    kind: Literal["announce"] = "announce"


Step = (
    Release
    | Move
    | Rename
    | SetMtu
    | SetMac
    | AddAddress
    | SetUp
    | AddRoute
    | Tune
    | AddAlternativeName
    | SetOffloads
    | SetSysctl
    | JoinVrf
    | AddRule
    | AddNeighbour
    | RemovePrograms
    | MoveRdma
    | Announce
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DevicePlan:
    """What will be done to one device. ``before`` is the host's state that the plan was made from and returns to.

    ``rdma_limits`` hold for each container that lists the claim, on each RDMA device of this one.
    """

    request: str
    pool: str
    device: str
    before: LinkFacts
    steps: tuple[Step, ...]
    share_id: str | None = None
    rdma_limits: RdmaLimits = field(default_factory=RdmaLimits)

    @property
    def rdma_only(self) -> bool:
        """Whether this is an RDMA device without an interface: nothing of it but the RDMA device is ever moved."""
        return self.before.link.identity.rdma is not None

    @property
    def pod_name(self) -> str:
        """The name the interface ends up with in the pod; empty for an RDMA device without an interface."""
        return next((step.name for step in self.steps if isinstance(step, Rename)), self.before.link.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything for one claim of one pod, devices in the order of the claim's requests: all of them or none."""

    claim: ClaimRef
    pod: PodRef
    devices: tuple[DevicePlan, ...]
    traceparent: str = ""
