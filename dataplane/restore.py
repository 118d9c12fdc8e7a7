"""Giving the host its interface back exactly as it was, from whatever state it is found in.

It compares first and writes only where something differs, so that it may run again and again, and does nothing at all
to an interface that was never touched.
"""

from __future__ import annotations

from ports.devices import Link, LinkFacts
from ports.errors import Code, Failure
from ports.kernel import Namespace


def restore(host: Namespace, index: int, before: LinkFacts) -> None:
    """Name, MAC, MTU, addresses, administrative state and routes of ``before``. What was added meanwhile stays."""
    now = host.facts(index)
    if not _needs_work(now, before):
        return
    _restore_link(host, now.link, before.link)
    for address in before.addresses:
        host.add_address(index, address)
    host.set_up(index, before.link.up)
    if before.link.up:
        _restore_routes(host, index, before)
    _verify(host.facts(index), before)


def _needs_work(now: LinkFacts, before: LinkFacts) -> bool:
    missing = set(before.addresses) - set(now.addresses) or set(before.routes) - set(now.routes)
    return bool(missing) or now.link.up != before.link.up or bool(_differences(now.link, before.link))


def _differences(now: Link, before: Link) -> tuple[str, ...]:
    keys = ("name", "mac", "mtu")
    return tuple(key for key in keys if getattr(now, key) != getattr(before, key))


def _restore_link(host: Namespace, now: Link, before: Link) -> None:
    index, differences = now.identity.ifindex, _differences(now, before)
    if not differences:
        return
    if now.up:  # names and many MACs can be changed only while down
        host.set_up(index, False)
    if "mac" in differences:
        host.set_mac(index, before.mac)
    if "mtu" in differences:
        host.set_mtu(index, before.mtu)
    if "name" in differences:
        host.rename(index, before.name)


def _restore_routes(host: Namespace, index: int, before: LinkFacts) -> None:
    for route in sorted(before.routes, key=lambda route: route.gateway is not None):  # a gateway needs its link route
        host.add_route(index, route)


def _verify(now: LinkFacts, before: LinkFacts) -> None:
    wrong = list(_differences(now.link, before.link))
    if set(before.addresses) - set(now.addresses):
        wrong.append("addresses")
    if wrong:
        detail = f"is back in the host with another {', '.join(wrong)} than before"
        raise Failure(Code.KERNEL, f"interface {before.link.name}", detail, "look at it with ip -d address show")
