"""Which attributes a device keeps when it has more than an API server takes: those first that classes select by."""

from __future__ import annotations

STANDARD = "resource.kubernetes.io/"
SELECTED = (
    "ifName",
    "type",
    "virtual",
    "rdma",
    "rdmaDevice",
    "pciAddress",
    "numaNode",
    "mac",
    "state",
    "mtu",
    "encapsulation",
    "sriov",
    "isSriovVf",
    "sriovVfs",
    "ipv4",
    "ipv6",
    "ebpf",
    "pciVendor",
    "pciDevice",
    "pciSubsystem",
    "alias",
    "tcFilterNames",
    "tcxProgramNames",
)  # DRANET's, which its users' classes and claims know
LATER = len(SELECTED)


def rank(name: str, driver: str, *, capacity: bool = False) -> tuple[int, int, str]:
    """Sorts by importance: the standard attributes, capacities and DRANET's attributes, the driver's others, the rest."""
    domain, _, identifier = name.rpartition("/")
    if name.startswith(STANDARD):
        return 0, 0, name
    if capacity:
        return 1, 0, name
    if domain not in ("", driver):
        return 3, 0, name
    return (1, 1 + SELECTED.index(identifier), name) if identifier in SELECTED else (2, LATER, name)
