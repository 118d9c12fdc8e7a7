"""Values that the tests of decisions start from."""

from __future__ import annotations

from agent.domain.claims import Allocated, Configured
from ports.devices import Address, Device, Identity, Link, LinkFacts, Route
from ports.netconfig import NetworkConfig, decode
from ports.plan import ClaimRef, PodRef

CLAIM = ClaimRef(namespace="team", name="net", uid="5c749796-6cea-4a19-9817-ecfd275cafc9")
POD = PodRef(namespace="team", name="app", uid="f0c1b764-7c6f-4629-9b25-96a74e476d27")


def facts(name: str = "ens1", ifindex: int = 3, **link: object) -> LinkFacts:
    """A card with an address of each family, a route through a gateway and the on-link route that it needs."""
    values: dict[str, object] = {
        "identity": Identity(ifindex=ifindex, pci_address=f"0000:3b:00.{ifindex % 8}"),
        "name": name,
        "mac": "02:00:00:00:00:03",
        "mtu": 1500,
        "up": True,
        "min_mtu": 68,
        "max_mtu": 9000,
    }
    return LinkFacts(
        link=Link(**{**values, **link}),  # type: ignore[arg-type]
        addresses=(Address(prefix="192.0.2.5/24"), Address(prefix="2001:db8::5/64")),
        routes=(
            Route(destination="198.51.100.0/24", gateway="192.0.2.1", protocol=4),
            Route(destination="203.0.113.7/32", scope=253, protocol=4),
        ),
    )


def configured(device: str = "ens1", request: str = "r", **parameters: object) -> Configured:
    """A device with these claim parameters."""
    return Configured(allocated=Allocated(request=request, pool="node1", device=device), config=decode(parameters))


def config(**parameters: object) -> NetworkConfig:
    """Claim parameters as a value."""
    return decode(parameters)


def device(name: str, ifindex: int = 3, **attributes: str | int | bool) -> Device:
    """A device of the inventory."""
    return Device(
        name=name,
        identity=Identity(ifindex=ifindex, link_kind="veth"),
        interface=name,
        attributes={f"dra.net/{key}": value for key, value in attributes.items()},
    )
