"""Amazon EC2: type and placement, network card and subnet of each interface, Neuron groups of EFA devices; by IMDSv2 only.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.cloud import metadata, neuron
from adapters.cloud.metadata import LINK_LOCAL, Server, present, same_mac, text
from ports.devices import AttributeValue
from ports.errors import Code, Failure
from ports.providers import Description, DeviceIds

DOMAIN = "aws.dra.net"
DOCUMENT = "/latest/dynamic/instance-identity/document"
DATA = "/latest/meta-data"
MACS = f"{DATA}/network/interfaces/macs"
MAX_INTERFACES = 128


class Aws:
    """``Provider`` for the instance metadata service, version 2."""

    name = "AWS"

    def __init__(self, base: str = LINK_LOCAL) -> None:
        self._server = metadata.server("AWS", base)

    def detect(self) -> None:
        """An instance identity document is what only EC2 has."""
        if not text(self._session().record(DOCUMENT), "instanceType"):
            raise Failure(Code.NOT_FOUND, "AWS metadata server", "no instance identity document")

    def read(self) -> Instance:
        """The instance as it is described now."""
        session = self._session()
        names = session.maybe(f"{MACS}/").split()[:MAX_INTERFACES]
        return Instance(
            instance_type=text(session.record(DOCUMENT), "instanceType"),
            zone=session.maybe(f"{DATA}/placement/availability-zone-id"),
            group=session.maybe(f"{DATA}/placement/group-name"),
            interfaces={name.strip("/"): _interface(session, name.strip("/")) for name in names},
        )

    def _session(self) -> Server:
        return self._server.session("X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token")


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """``interfaces`` holds the attributes of each interface by its MAC address."""

    instance_type: str = ""
    zone: str = ""
    group: str = ""
    interfaces: Mapping[str, Mapping[str, AttributeValue]] = field(default_factory=dict)

    def describe(self, ids: DeviceIds) -> Description:
        """The instance's attributes, and those of the interface with the device's MAC address."""
        made: dict[str, AttributeValue] = {
            **present(instanceType=self.instance_type, availabilityZoneId=self.zone, placementGroup=self.group)
        }
        for mac, attributes in self.interfaces.items():
            if same_mac(mac, ids.mac):
                made |= attributes
        named = {f"{DOMAIN}/{key}": value for key, value in made.items()}
        return Description(attributes=named | neuron.groups(self.instance_type, ids.pci_address))


def _interface(session: Server, mac: str) -> dict[str, AttributeValue]:
    """Instance types with one network card tell no card's number."""
    card = session.maybe(f"{MACS}/{mac}/network-card")
    made: dict[str, AttributeValue] = {**present(subnetId=session.maybe(f"{MACS}/{mac}/subnet-id"))}
    return made | ({"networkCard": int(card)} if card.isascii() and card.isdigit() and len(card) < 10 else {})
