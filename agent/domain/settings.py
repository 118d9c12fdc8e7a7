"""The settings of an interface that are neither addresses nor routes: sizes, offloads, sysctls.

Only what differs from the host's state becomes a wish, together with what was there before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from agent.domain.inheritance import takes_addresses
from agent.domain.routing import addresses_for
from ports.devices import LinkFacts, Offloads, Switch, Sysctl, Tuning
from ports.netconfig import MIN_IPV6_MTU, NetworkConfig
from ports.netconfig.features import is_alias, resolve

IPV6_SWITCH = "ipv6/disable_ipv6"


def wanted_tuning(config: NetworkConfig) -> Tuning:
    """Sizes as the claim has them."""
    interface = config.interface
    return Tuning(
        tx_queue_len=interface.txQueueLen,
        gso_max_size=interface.gsoMaxSize,
        gro_max_size=interface.groMaxSize,
        gso_ipv4_max_size=interface.gsoIPv4MaxSize,
        gro_ipv4_max_size=interface.groIPv4MaxSize,
    )


def tuning(config: NetworkConfig, facts: LinkFacts) -> Tuning:
    """The sizes that have to be set. All of them when one changes: setting one of a pair changes the other in the kernel."""
    wanted, now = wanted_tuning(config), facts.tuning
    differs = any(getattr(wanted, each.name) not in (None, getattr(now, each.name)) for each in fields(Tuning))
    return wanted if differs else Tuning()


def before(wish: Tuning, now: Tuning) -> Tuning:
    """What the host had of the sizes that are set."""
    values = {each.name: getattr(now, each.name) for each in fields(Tuning) if getattr(wish, each.name) is not None}
    return Tuning(**values)


def offloads(config: NetworkConfig, facts: LinkFacts) -> Offloads:
    """The features and flags to be switched, by the kernel's names.

    All of the wish when one of it differs: another of it may go with that one, and has to be refused then.
    """
    wanted = _features(config, facts)
    flags = config.ethtool.privateFlags or {}
    return Offloads(features=_wished(wanted, facts.offloads.features), flags=_wished(flags, facts.offloads.flags))


def offloads_before(wish: Offloads, now: Offloads) -> Offloads:
    """What the host had of those that are switched."""
    return Offloads(features=_among(now.features, wish.features), flags=_among(now.flags, wish.flags))


def has_ipv6(config: NetworkConfig, facts: LinkFacts) -> bool:
    """Whether the interface will have IPv6 in the pod: the kernel knows it, and takes it off nothing of this MTU."""
    known = any(sysctl.name.startswith("ipv6/") for sysctl in facts.sysctls)
    return known and (config.interface.mtu or facts.link.mtu) >= MIN_IPV6_MTU


def sysctls(config: NetworkConfig, facts: LinkFacts) -> tuple[Sysctl, ...]:
    """What has to be set before the interface is up. A pod's defaults are nobody's choice, so all are set."""
    ipv6 = has_ipv6(config, facts)
    chosen = dict(_by_default(config, facts)) if ipv6 else {}
    chosen |= dict(_by_own_keys(config, ipv6))
    chosen |= config.interface.sysctls or {}
    ordered = sorted(chosen, key=lambda name: (_place(name, chosen), name))
    return tuple(Sysctl(name=name, value=str(chosen[name])) for name in ordered)


def _place(name: str, chosen: Mapping[str, int]) -> int:
    """IPv6 is switched on before its other settings, and off after them: without it some are refused."""
    if name != IPV6_SWITCH:
        return 1
    return 2 if chosen[name] else 0


def _by_default(config: NetworkConfig, facts: LinkFacts) -> Iterator[tuple[str, int]]:
    """Addresses work at once, in any pod; advertisements count as on the host when its way of configuring goes along."""
    if any(":" in address.prefix for address in addresses_for(config, facts)):
        yield IPV6_SWITCH, 0
    yield "ipv6/accept_dad", 0
    yield "ipv6/accept_ra", _heeded(facts) if takes_addresses(config) else int(bool(config.interface.ipv6.dhcp))


def _heeded(facts: LinkFacts) -> int:
    """Whether the host's interface takes router advertisements: 1 does not count on an interface that forwards."""
    host = {sysctl.name: int(sysctl.value) for sysctl in facts.sysctls}
    wish = host.get("ipv6/accept_ra", 0)
    return 0 if wish == 1 and host.get("ipv6/forwarding") else wish


def _by_own_keys(config: NetworkConfig, ipv6: bool) -> Iterator[tuple[str, int]]:
    interface = config.interface
    chosen = {
        "ipv4/forwarding": interface.forwarding,
        "ipv4/arp_ignore": interface.arpIgnore,
        "ipv4/arp_announce": interface.arpAnnounce,
    }
    if ipv6:
        chosen |= {"ipv6/forwarding": interface.forwarding, "ipv6/accept_dad": interface.ipv6.dad}
        chosen |= {"ipv6/accept_ra": interface.ipv6.acceptRa}
    yield from ((name, int(value)) for name, value in chosen.items() if value is not None)


def _features(config: NetworkConfig, facts: LinkFacts) -> dict[str, bool]:
    """By the kernel's names; a kernel's name says more than an alias that covers it."""
    known = tuple(feature.name for feature in facts.offloads.features)
    wanted: dict[str, bool] = {}
    for name, on in sorted((config.ethtool.features or {}).items(), key=lambda item: not is_alias(item[0])):
        wanted |= dict.fromkeys(resolve(name, known), on)
    return wanted


def _wished(wanted: Mapping[str, bool], now: tuple[Switch, ...]) -> tuple[Switch, ...]:
    differs = any(wanted.get(switch.name, switch.on) != switch.on for switch in now)
    return tuple(Switch(name=each.name, on=wanted[each.name]) for each in now if differs and each.name in wanted)


def _among(switches: tuple[Switch, ...], others: tuple[Switch, ...]) -> tuple[Switch, ...]:
    names = {switch.name for switch in others}
    return tuple(switch for switch in switches if switch.name in names)
