"""Which EFA devices of a Trainium machine belong to which Neuron devices: groups of 1, 4, 8 and 16.

The machines' own wiring, which PCI topology does not show. Names and values are those that AWS's Neuron driver publishes for
its devices, so that a claim can match the two (github.com/aws-neuron/connected-device-maps-over-efa-for-neuron).
"""

from __future__ import annotations

import hashlib

DOMAIN = "resource.aws.com"
SIZES = (4, 8, 16)
# The EFA device of each Neuron device, 0 to 15, as bus:device; domain and function are 0 everywhere.
TRN1 = "10:1a 10:1a a0:1a a0:1a 20:19 20:19 90:19 90:19 20:1a 20:1a 90:1a 90:1a 10:19 10:19 a0:19 a0:19"
TRN1N = "10:17 10:1a a0:17 a0:1a 20:19 20:18 90:19 90:18 20:17 20:1a 90:17 90:1a 10:19 10:18 a0:19 a0:18"
TRN2 = "c9:00 b4:00 b3:00 ca:00 6c:00 57:00 56:00 6d:00 98:00 83:00 82:00 99:00 f5:00 e0:00 df:00 f6:00"
TRN3 = "be:00 a9:00 a8:00 bf:00 61:00 4c:00 4b:00 62:00 8d:00 78:00 77:00 8e:00 ea:00 d5:00 d4:00 eb:00"
WIRING = {
    "trn1.32xlarge": TRN1,
    "trn1n.32xlarge": TRN1N,
    **dict.fromkeys(("trn2.48xlarge", "trn2e.48xlarge", "trn2u.48xlarge"), TRN2),
    **dict.fromkeys(("trn3.48xlarge", "trn3p.48xlarge", "trn3pd98.48xlarge", "trn3s.48xlarge"), TRN3),
}


def groups(instance_type: str, pci_address: str | None) -> dict[str, str]:
    """The attributes of an EFA device, by qualified name; none for any other device, and on any other machine."""
    wired = [f"0000:{place}.0" for place in WIRING.get(instance_type, "").split()]
    if pci_address is None or pci_address not in wired:
        return {}
    neuron = wired.index(pci_address)
    made = {f"devicegroup{size}_id": _digest(wired[neuron // size * size :][:size]) for size in SIZES}
    return {f"{DOMAIN}/{name}": value for name, value in {"devicegroup1_id": pci_address, **made}.items()}


def _digest(group: list[str]) -> str:
    """Of the group's EFA devices, each once."""
    return hashlib.sha256(",".join(sorted(set(group))).encode()).hexdigest()[:16]
