"""Microsoft Azure: size and placement of the machine, and the policy routing that further interfaces need there.

Azure takes packets only on the interface that has their source address, so each interface needs a default route of its own.
https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address
from typing import Any

from adapters.cloud import metadata
from adapters.cloud.metadata import LINK_LOCAL, entries, present, same_mac, text
from ports.errors import Code, Failure
from ports.netconfig import NetworkConfig, RouteConfig, RuleConfig
from ports.providers import Description, DeviceIds

DOMAIN = "azure.dra.net"
ROOT = "/metadata/instance"
VERSIONS = ("2025-11-11", "2021-02-01")  # the newest that is used here, and one that every region has
KEYS = ("vmSize", "placementGroupId", "interconnectGroupId", "interconnectSubgroupId")
FIRST_TABLE = 100
IPV6_GATEWAY = "fe80::1234:5678:9abc"  # of every virtual network of Azure


class Azure:
    """``Provider`` for the instance metadata service."""

    name = "AZURE"

    def __init__(self, base: str = LINK_LOCAL) -> None:
        self._server = metadata.server("AZURE", base, Metadata="true")

    def detect(self) -> None:
        """The compute record has a size."""
        if not text(self._compute(), "vmSize"):
            raise Failure(Code.NOT_FOUND, "AZURE metadata server", "describes no virtual machine")

    def read(self) -> Instance:
        """The instance as it is described now."""
        version = self._version()
        return Instance(
            compute=self._server.record(_path("compute", version)),
            interfaces=tuple(entries(self._server.record(_path("network", version)), "interface")),
        )

    def _compute(self) -> Mapping[str, Any]:
        return self._server.record(_path("compute", self._version()))

    def _version(self) -> str:
        """An older server refuses a version that it does not know yet with 400."""
        answer = self._server.ask(_path("compute", VERSIONS[0]))
        return VERSIONS[0] if answer.status != 400 else VERSIONS[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """``compute`` and ``interfaces`` are the records as the server gave them."""

    compute: Mapping[str, Any] = field(default_factory=dict)
    interfaces: tuple[Any, ...] = ()

    def describe(self, ids: DeviceIds) -> Description:
        """The machine's attributes; subnet and routing of the interface with the device's MAC address."""
        made = present(**{key: text(self.compute, key) for key in KEYS})
        number, interface = self._interface(ids.mac)
        subnet = _subnet(interface)
        made |= present(subnet=subnet)
        routing, notes = _routing(interface, FIRST_TABLE + number)
        return Description(
            attributes={f"{DOMAIN}/{key}": value for key, value in made.items()}, config=routing, notes=tuple(notes)
        )

    def _interface(self, mac: str) -> tuple[int, object]:
        mine = ((i, each) for i, each in enumerate(self.interfaces) if same_mac(text(each, "macAddress"), mac))
        return next(mine, (0, None))


def _routing(interface: object, table: int) -> tuple[NetworkConfig | None, list[str]]:
    notes: list[str] = []
    pairs = [pair for pair in (_ipv4(interface, table, notes), _ipv6(interface, table)) if pair]
    if not pairs:
        return None, notes
    rules, routes = zip(*pairs, strict=True)
    return NetworkConfig(rules=rules, routes=routes), notes


def _ipv4(interface: object, table: int, notes: list[str]) -> tuple[RuleConfig, RouteConfig] | None:
    """Azure's gateway is the first address of the subnet."""
    subnet = _subnet(interface)
    if not subnet:
        return None
    try:
        network = IPv4Network(subnet)
        gateway = network[1]
    except (ValueError, IndexError):
        notes.append(f"{subnet[:40]!r} is no IPv4 subnet with a gateway")
        return None
    route = RouteConfig(destination="0.0.0.0/0", gateway=str(gateway), table=table)
    return RuleConfig(source=str(network), table=table), route


def _ipv6(interface: object, table: int) -> tuple[RuleConfig, RouteConfig] | None:
    for address in _ipv6_addresses(interface):
        route = RouteConfig(destination="::/0", gateway=IPV6_GATEWAY, table=table)
        return RuleConfig(source=f"{address}/128", table=table), route
    return None


def _ipv6_addresses(interface: object) -> Iterator[IPv6Address]:
    for entry in entries(_part(interface, "ipv6"), "ipAddress"):
        try:
            address = IPv6Address(text(entry, "privateIpAddress"))
        except ValueError:
            continue
        if not address.is_link_local and address.scope_id is None:
            yield address


def _subnet(interface: object) -> str:
    first = next(iter(entries(_part(interface, "ipv4"), "subnet")), None)
    address, prefix = text(first, "address"), text(first, "prefix")
    return f"{address}/{prefix}" if address and prefix else ""


def _part(record: object, key: str) -> object:
    return record.get(key) if isinstance(record, dict) else None


def _path(part: str, version: str) -> str:
    return f"{ROOT}/{part}?api-version={version}&format=json"
