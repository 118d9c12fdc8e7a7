"""What can never be carried out, whatever the device: checks of one configuration by itself.

They run on each layer and again on what the layers give together. Texts say what is expected; paths begin at the top.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ports.devices import Sysctl
from ports.netconfig import texts
from ports.netconfig.routing import neighbour_mistakes, route_mistakes, rule_mistakes
from ports.netconfig.schema import InterfaceConfig, NetworkConfig, VrfConfig
from ports.schemas.limits import too_many, twice, value_mistakes
from ports.schemas.mistakes import Mistake
from ports.sysctls import sysctl_mistakes

RESERVED_TABLES = (253, 254, 255)  # default, main, local
OWN_KEYS = {  # sysctls that have a key of their own
    "ipv4/forwarding": "forwarding",
    "ipv6/forwarding": "forwarding",
    "ipv4/arp_ignore": "arpIgnore",
    "ipv4/arp_announce": "arpAnnounce",
    "ipv6/accept_ra": "ipv6.acceptRa",
    "ipv6/accept_dad": "ipv6.dad",
}


def config_mistakes(config: NetworkConfig) -> Iterator[Mistake]:
    """All mistakes, in the order of the schema."""
    yield from value_mistakes(config)
    yield from (mistake.under("interface") for mistake in _interface_mistakes(config.interface))
    yield from route_mistakes(config.routes or ())
    yield from rule_mistakes(config.rules or ())
    if config.rules and config.interface.vrf is not None:
        yield Mistake("rules", "cannot be given together with interface.vrf", ("interface.vrf.name",))
    yield from neighbour_mistakes(config.neighbors or ())
    for key, switches in (("features", config.ethtool.features), ("privateFlags", config.ethtool.privateFlags)):
        yield from too_many(f"ethtool.{key}", switches)
        yield from _switch_mistakes(f"ethtool.{key}", switches or {})
    yield from (mistake.under("rdma") for mistake in value_mistakes(config.rdma))


def _interface_mistakes(interface: InterfaceConfig) -> Iterator[Mistake]:
    yield from value_mistakes(interface)
    yield from (mistake.under("ipv6") for mistake in value_mistakes(interface.ipv6))
    if interface.name:
        yield from (Mistake("name", mistake) for mistake in texts.name_mistakes(interface.name))
    yield from _alternative_mistakes(interface)
    yield from _address_mistakes(interface.addresses or ())
    yield from _dhcp_mistakes(interface)
    if interface.hardwareAddr is not None and texts.mac(interface.hardwareAddr) is None:
        yield Mistake("hardwareAddr", f"{interface.hardwareAddr!r} is no MAC address, such as 02:00:5e:10:00:01")
    if interface.vrf is not None:
        yield from (mistake.under("vrf") for mistake in _vrf_mistakes(interface.vrf))
    yield from _sysctl_mistakes(interface, interface.sysctls or {})


def _alternative_mistakes(interface: InterfaceConfig) -> Iterator[Mistake]:
    names = interface.alternativeNames or ()
    yield from too_many("alternativeNames", names)
    yield from twice("alternativeNames", names, "the same name")
    for index, name in enumerate(names):
        path = f"alternativeNames[{index}]"
        yield from (Mistake(path, text) for text in texts.label_mistakes(name, texts.MAX_ALTERNATIVE_NAME_BYTES))
        if name in texts.RESERVED_NAMES:
            yield Mistake(path, f"{name!r} belongs to the pod's own network")
        if name == interface.name:
            yield Mistake(path, f"{name!r} is the name of the interface already", ("name",))


def _address_mistakes(addresses: tuple[str, ...]) -> Iterator[Mistake]:
    read = tuple(texts.interface(address) for address in addresses)
    yield from too_many("addresses", addresses)
    yield from twice("addresses", (each and each.ip for each in read), "the same address")
    for index, (text, address) in enumerate(zip(addresses, read, strict=True)):
        if address is None:
            yield Mistake(f"addresses[{index}]", f"{text!r} is no address with prefix length, such as 10.0.0.5/24")
        elif address.ip.is_multicast or address.ip.is_unspecified or address.ip.is_loopback:
            yield Mistake(f"addresses[{index}]", f"{address.ip} is no address that an interface can have")


def _dhcp_mistakes(interface: InterfaceConfig) -> Iterator[Mistake]:
    given = interface.addresses or ()
    if interface.dhcp and given:
        yield Mistake("dhcp", "cannot be true together with addresses", ("addresses",))
    if interface.ipv6.dhcp and any(":" in address for address in given):
        yield Mistake("ipv6.dhcp", "cannot be true together with IPv6 addresses", ("addresses",))


def _vrf_mistakes(vrf: VrfConfig) -> Iterator[Mistake]:
    yield from value_mistakes(vrf)
    if vrf.name:
        yield from (Mistake("name", mistake) for mistake in texts.name_mistakes(vrf.name))
    if vrf.table in RESERVED_TABLES:
        yield Mistake("table", f"{vrf.table} is one of the kernel's own tables")


def _sysctl_mistakes(interface: InterfaceConfig, sysctls: Mapping[str, int]) -> Iterator[Mistake]:
    for name, value in sysctls.items():
        path = f"sysctls.{name}"
        yield from (Mistake(path, text) for text in sysctl_mistakes(Sysctl(name=name, value=str(value))))
        own = OWN_KEYS.get(name)
        if own is not None and _given(interface, own):
            yield Mistake(path, f"is what interface.{own} sets too; give one of them", (own,))


def _given(interface: InterfaceConfig, key: str) -> bool:
    record, _, name = key.rpartition(".")
    return getattr(interface.ipv6 if record else interface, name) is not None


def _switch_mistakes(path: str, switches: Mapping[str, bool]) -> Iterator[Mistake]:
    if "" in switches:
        yield Mistake(path, "a name is empty")
