"""What the kernel or the device would refuse of one interface's configuration, found while the user can still be told."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import fields

from agent.domain import rdma_limits
from agent.domain.inheritance import reachable
from agent.domain.routing import Addressing, addresses_for, addressing, own_routes, vrf_table
from agent.domain.settings import IPV6_SWITCH, has_ipv6, wanted_tuning
from ports.devices import MAIN_TABLE, LinkFacts, Route, Tuning
from ports.netconfig import MIN_IPV6_MTU, Mistake, NetworkConfig, name_mistakes, texts
from ports.netconfig.features import resolve

MAX_MTU = 65536  # of the loopback, the largest there is; for devices that tell no limit
TUNING_KEYS = {
    "tx_queue_len": "txQueueLen",
    "gso_max_size": "gsoMaxSize",
    "gro_max_size": "groMaxSize",
    "gso_ipv4_max_size": "gsoIPv4MaxSize",
    "gro_ipv4_max_size": "groIPv4MaxSize",
}


def obstacles(config: NetworkConfig, facts: LinkFacts, earlier: frozenset[str]) -> Iterator[Mistake]:
    """All mistakes; ``earlier`` holds the addresses of the claim's interfaces that are attached before this one."""
    yield from _link_mistakes(config, facts)
    yield from _mtu_mistakes(config, facts)
    yield from _mac_mistakes(config, facts)
    yield from _dhcp_mistakes(config, facts)
    yield from _tuning_mistakes(config, facts)
    yield from _ipv6_mistakes(config, facts)
    yield from _offload_mistakes(config, facts)
    yield from rdma_limits.mistakes(config, facts)
    yield from _route_mistakes(config, facts, earlier)


def _link_mistakes(config: NetworkConfig, facts: LinkFacts) -> Iterator[Mistake]:
    link = facts.link
    if link.loopback:
        yield Mistake("interface", f"{link.name} is a loopback interface")
    if link.master is not None:
        reason = f"{link.name} is a port of the host's interface #{link.master}; take it out of there first"
        yield Mistake("interface", reason)
    if not config.interface.name:
        yield from (Mistake("interface.name", f"{reason}; set interface.name") for reason in name_mistakes(link.name))


def _mtu_mistakes(config: NetworkConfig, facts: LinkFacts) -> Iterator[Mistake]:
    mtu, link = config.interface.mtu, facts.link
    most = min(link.max_mtu or MAX_MTU, MAX_MTU if facts.lower_mtu is None else facts.lower_mtu)
    if mtu is not None and link.min_mtu and mtu < link.min_mtu:
        yield Mistake("interface.mtu", f"{mtu} is below {link.min_mtu}, the least this device can do")
    if mtu is not None and mtu > most:
        lower = " (the MTU of the device below it)" if most == facts.lower_mtu else ""
        yield Mistake("interface.mtu", f"{mtu} is above {most}, the most this device can do{lower}")
    for index, route in enumerate(config.routes or ()):
        if route.mtu is not None and route.mtu > (mtu or link.mtu):
            reason = f"{route.mtu} is above the interface's, {mtu or link.mtu}"
            yield Mistake(f"routes[{index}].mtu", reason, ("interface.mtu",))


def _mac_mistakes(config: NetworkConfig, facts: LinkFacts) -> Iterator[Mistake]:
    mac = texts.mac(config.interface.hardwareAddr or "")
    given = [("interface.hardwareAddr", mac)]
    if mac and int(mac[:2], 16) & 1:
        yield Mistake("interface.hardwareAddr", f"{mac} is a multicast address")
    if mac and not int(mac.replace(":", ""), 16):
        yield Mistake("interface.hardwareAddr", f"{mac} is no address")
    for index, neighbour in enumerate(config.neighbors or ()):
        given.append((f"neighbors[{index}].hardwareAddr", texts.mac(neighbour.hardwareAddr)))
    for path, each in given:
        if each and len(each) != len(facts.link.mac):
            yield Mistake(path, f"{each} has another length than this device's address, {facts.link.mac}")


def _dhcp_mistakes(config: NetworkConfig, facts: LinkFacts) -> Iterator[Mistake]:
    for path, wanted in (
        ("interface.dhcp", config.interface.dhcp),
        ("interface.ipv6.dhcp", config.interface.ipv6.dhcp),
    ):
        if wanted and facts.link.encapsulation != "ether":
            yield Mistake(path, f"needs an Ethernet interface, and this is {facts.link.encapsulation}")


def _tuning_mistakes(config: NetworkConfig, facts: LinkFacts) -> Iterator[Mistake]:
    wanted = wanted_tuning(config)
    for each in fields(Tuning):
        if getattr(wanted, each.name) is not None and getattr(facts.tuning, each.name) is None:
            yield Mistake(f"interface.{TUNING_KEYS[each.name]}", "is not known to this node's kernel")


def _ipv6_mistakes(config: NetworkConfig, facts: LinkFacts) -> Iterator[Mistake]:
    interface, known = config.interface, {sysctl.name for sysctl in facts.sysctls}
    mtu = interface.mtu or facts.link.mtu
    ipv6 = any(":" in address.prefix for address in addresses_for(config, facts))
    if ipv6 and mtu < MIN_IPV6_MTU:
        reason = f"{mtu} is below {MIN_IPV6_MTU}, the least for the IPv6 addresses of this interface"
        yield Mistake("interface.mtu", reason, ("interface.addresses",))
    if ipv6 and (interface.sysctls or {}).get(IPV6_SWITCH):
        path = f"interface.sysctls.{IPV6_SWITCH}"
        yield Mistake(path, "cannot be set together with IPv6 addresses", ("interface.addresses",))
    for name in interface.sysctls or {}:
        if name not in known or (name.startswith("ipv6/") and mtu < MIN_IPV6_MTU):
            yield Mistake(f"interface.sysctls.{name}", "is not there on this node for this interface")
    for key, value in (("dad", interface.ipv6.dad), ("acceptRa", interface.ipv6.acceptRa)):
        if value and not has_ipv6(config, facts):
            yield Mistake(f"interface.ipv6.{key}", "this interface has no IPv6 on this node")


def _offload_mistakes(config: NetworkConfig, facts: LinkFacts) -> Iterator[Mistake]:
    for name, on in (config.ethtool.features or {}).items():
        if reason := _feature_mistake(name, on, facts):
            yield Mistake(f"ethtool.features.{name}", reason)
    flags = {flag.name for flag in facts.offloads.flags}
    for name in config.ethtool.privateFlags or {}:
        if name not in flags:
            known = f"; it has {', '.join(sorted(flags))}" if flags else ""
            yield Mistake(f"ethtool.privateFlags.{name}", f"is no private flag of this device{known}")


def _feature_mistake(name: str, on: bool, facts: LinkFacts) -> str:
    """What is fixed as the claim wants it is as good as switched: DRANET's users say ``lro: false`` to any device."""
    if resolve(name, (feature.name for feature in facts.offloads.features)):
        return ""
    fixed = {feature.name: feature.on for feature in facts.offloads.fixed}
    meant = resolve(name, fixed)
    if not meant:
        return "is no feature of this device"
    wrong = ", ".join(each for each in meant if fixed[each] is not on)
    return f"cannot be switched {'on' if on else 'off'}: driver or hardware have fixed {wrong}" if wrong else ""


def _route_mistakes(config: NetworkConfig, facts: LinkFacts, earlier: frozenset[str]) -> Iterator[Mistake]:
    made = addressing(config, facts)
    for index, (given, route) in enumerate(zip(config.routes or (), own_routes(config), strict=True)):
        path = f"routes[{index}]"
        yield from (mistake.under(path) for mistake in _one_route_mistakes(route, made, earlier))
        table = vrf_table(config)
        if table is not None and given.table not in (None, 0, MAIN_TABLE, table):
            reason = f"in a VRF all routes are in its table, {table}; leave it out"
            yield Mistake(f"{path}.table", reason, ("interface.vrf.name",))


def _one_route_mistakes(route: Route, made: Addressing, earlier: frozenset[str]) -> Iterator[Mistake]:
    own = frozenset(str(ipaddress.ip_interface(address.prefix).ip) for address in made.addresses)
    local = own if ":" in route.destination else own | earlier  # IPv6 wants it on the interface of the route itself
    if route.source is not None and route.source not in local:
        yield Mistake("source", f"{route.source} is no address of this interface or of one attached before it")
    named = [("gateway", route.gateway, route.onlink)] if route.gateway else []
    named += [(f"nextHops[{index}].gateway", hop.gateway, hop.onlink) for index, hop in enumerate(route.hops)]
    for path, gateway, onlink in named:
        if gateway in own:
            yield Mistake(path, f"{gateway} is this interface itself")
        elif not onlink and not reachable(gateway, route.table, made.addresses, made.routes):
            yield Mistake(
                path, f"{gateway} is in no network of this interface; add a route to it with scope 253, or set onLink"
            )
