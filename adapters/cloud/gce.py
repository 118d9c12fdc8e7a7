"""Google Compute Engine: machine type, place in the building, and the VPC network of each interface.

https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from adapters.cloud import metadata
from adapters.cloud.metadata import LINK_LOCAL, entries, present, same_mac, text
from ports.devices import AttributeValue
from ports.errors import Code, Failure
from ports.providers import Description, DeviceIds

DOMAIN = "gce.dra.net"
ROOT = "/computeMetadata/v1/instance"
NETWORK = re.compile(r"projects/([0-9]{1,19})/networks/([^/]+)")


class Gce:
    """``Provider`` for Google's metadata server."""

    name = "GCE"

    def __init__(self, base: str = LINK_LOCAL) -> None:
        self._server = metadata.server("GCE", base, Metadata_Flavor="Google")

    def detect(self) -> None:
        """Google's server marks each of its answers."""
        answer = self._server.ask(f"{ROOT}/machine-type")
        if not answer.good or answer.headers.get("metadata-flavor") != "Google":
            raise Failure(Code.NOT_FOUND, "GCE metadata server", "this is none")

    def read(self) -> Instance:
        """The instance as it is described now."""
        interfaces = self._server.json(f"{ROOT}/network-interfaces/?recursive=true&alt=json")
        if not isinstance(interfaces, list):
            raise Failure(Code.INVALID, "GCE metadata server", "answered no list of network interfaces")
        return Instance(
            machine_type=self._server.text(f"{ROOT}/machine-type").rpartition("/")[2],
            physical_host=self._server.maybe(f"{ROOT}/attributes/physical_host"),
            interfaces=tuple(interfaces),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """``interfaces`` are JSON objects with mac, network and ipAliases; ``physical_host`` is ``/block/subblock/host``."""

    machine_type: str = ""
    physical_host: str = ""
    interfaces: tuple[Any, ...] = ()

    def describe(self, ids: DeviceIds) -> Description:
        """The instance's attributes, and those of the interface with the device's MAC address."""
        made: dict[str, AttributeValue] = {**present(machineType=self.machine_type), **self._place()}
        notes: list[str] = []
        for interface in self.interfaces:
            if same_mac(text(interface, "mac"), ids.mac):
                made |= _network(interface)
                notes += _odd(interface)
        return Description(attributes={f"{DOMAIN}/{key}": value for key, value in made.items()}, notes=tuple(notes))

    def _place(self) -> dict[str, str]:
        parts = self.physical_host.split("/")
        if len(parts) != 4 or parts[0] or not all(parts[1:]):
            return {}
        return {"block": parts[1], "subBlock": parts[2], "host": parts[3]}


def _network(interface: object) -> dict[str, AttributeValue]:
    made: dict[str, AttributeValue] = {}
    match = NETWORK.fullmatch(text(interface, "network"))
    if match:
        made = {"networkName": match.group(2), "networkProjectNumber": int(match.group(1))}
    aliases = ",".join(alias for alias in entries(interface, "ipAliases") if isinstance(alias, str))
    return made | present(ipAliases=aliases)


def _odd(interface: object) -> Iterator[str]:
    network = text(interface, "network")
    if network and not NETWORK.fullmatch(network):
        yield f"{network[:80]!r} is no network's name"
