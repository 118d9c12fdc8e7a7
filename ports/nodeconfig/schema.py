"""What a node's administrator can say to knd in a file: which devices are its, which it never moves, what more to tell of them.

Every field has a default, and a file that is not there is the same as an empty one: all devices, nothing denied. Reading,
the JSON Schema and the reference page are made from these values.
"""

# ruff: noqa: N815 - the keys are written as Kubernetes writes its own

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ports.schemas.about import about, key

API_VERSION = "knd/v1"
KIND = "NodeConfiguration"
TAINTS = ("NoSchedule", "NoExecute", "None", "Disabled")
DAY = 86400
Extra = str | int | bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Selector:
    """Devices by what is seen of them: every field that is given must fit, with one of its entries."""

    interfaces: tuple[str, ...] | None = key(
        "Names of the interface on the host, with `*`, `?` and `[]`.", ["ens*f0"], "any"
    )
    pciAddresses: tuple[str, ...] | None = key("PCI addresses, with `*` and `?`.", ["0000:3b:00.*"], "any")
    drivers: tuple[str, ...] | None = key(
        "Kernel drivers, with `*`, `?` and `[]`; of a virtual interface its kind.", ["mlx5_core"], "any"
    )
    vendors: tuple[str, ...] | None = key("PCI vendor ids: four hexadecimal digits.", ["15b3"], "any")
    devices: tuple[str, ...] | None = key("PCI device ids: four hexadecimal digits.", ["101d"], "any")
    macs: tuple[str, ...] | None = key("MAC addresses, permanent or present.", ["02:00:5e:10:00:01"], "any")


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Which devices are published."""

    select: tuple[Selector, ...] | None = field(
        default=None, metadata=about("Devices that fit one of these are published.", unset="all are")
    )
    exclude: tuple[Selector, ...] | None = field(
        default=None, metadata=about("Of those, these are not.", unset="none is taken out")
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Attributes:
    """More attributes for some devices."""

    match: Selector = field(default=Selector(), metadata=about("Which devices.", unset="all"))
    set: Mapping[str, Extra] = key(
        "Attributes by qualified name; of two entries that set one, the later wins.",
        {"example.com/rail": 3},
        "none",
        default=None,
        required=True,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Multus:
    """Multus' attributes for some devices."""

    match: Selector = field(default=Selector(), metadata=about("Which devices.", unset="all"))
    resourceName: str = key(
        "Value of `k8s.cni.cncf.io/resourceName`; `k8s.cni.cncf.io/deviceID` comes with it.",
        "example.com/sriov",
        "none",
        default="",
        required=True,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Lasting:
    """What happens on a state that lasts."""

    taint: str = key("Effect of the device's taint.", "NoSchedule", "NoSchedule", default="NoSchedule", choices=TAINTS)
    afterSeconds: int = key(
        "How long the state lasts before the taint; the health stream tells it at once.",
        1,
        "1",
        default=1,
        least=0,
        most=DAY,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Flapping:
    """When a link counts as flapping, and what happens then."""

    taint: str = key("Effect of the device's taint.", "NoSchedule", "None", default="None", choices=TAINTS)
    changes: int = key(
        "So many losses of the carrier within `withinSeconds` are flapping.", 5, "5", default=5, least=2, most=1000
    )
    withinSeconds: int = key("The time in which they are counted.", 60, "60", default=60, least=1, most=DAY)
    quietSeconds: int = key("Without a loss for so long it is over.", 120, "120", default=120, least=1, most=DAY)


@dataclass(frozen=True, kw_only=True, slots=True)
class PciErrors:
    """What happens on uncorrectable PCI errors."""

    taint: str = key("Effect of the device's taint.", "NoSchedule", "None", default="None", choices=TAINTS)
    quietSeconds: int = key(
        "Without a further error for so long it is over.", 600, "600", default=600, least=1, most=DAY
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """What is done about a device that is not well. The health stream, Events and metrics tell of all in any case."""

    carrierLost: Lasting = field(
        default=Lasting(), metadata=about("The interface is up and has no carrier.", unset="as below")
    )
    linkFlapping: Flapping = field(default=Flapping(), metadata=about("The carrier comes and goes.", unset="as below"))
    rdmaNotActive: Lasting = field(
        default=Lasting(), metadata=about("A port of its RDMA device is not active.", unset="as below")
    )
    pciErrors: PciErrors = field(
        default=PciErrors(), metadata=about("Uncorrectable PCI errors (AER) were counted.", unset="as below")
    )
    gone: Lasting = field(
        default=Lasting(), metadata=about("A claim has it, and the node has it no more.", unset="as below")
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeConfig:
    """Everything in the file."""

    apiVersion: str = key("Version of this schema.", API_VERSION, default="", required=True, choices=(API_VERSION,))
    kind: str = key("Kind of this object.", KIND, default="", required=True, choices=(KIND,))
    devices: Selection = field(default=Selection(), metadata=about("Which devices are published.", unset="all"))
    deny: tuple[Selector, ...] | None = field(
        default=None,
        metadata=about("Devices that are neither published nor ever moved.", unset="none beyond the node's own"),
    )
    attributes: tuple[Attributes, ...] | None = field(
        default=None, metadata=about("More attributes for some devices.", unset="none")
    )
    multus: tuple[Multus, ...] | None = field(
        default=None,
        metadata=about("Multus' attributes for some devices; the first entry that fits counts.", unset="none"),
    )
    health: Health = field(
        default=Health(), metadata=about("What is done about a device that is not well.", unset="as below")
    )
