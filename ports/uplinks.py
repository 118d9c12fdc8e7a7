"""Which links the node itself depends on: decided from values, the same in every process that asks.

What counts is where the node's own packets go, and not who has a default route: a cloud's second interface has one in a
table of its own, for packets from its own address, and may be given away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network

from ports.devices import MAIN_TABLE, Rule

Edges = Callable[[int], Iterable[int]]
TO_TABLE = 1  # FR_ACT_TO_TBL
LOCAL_TABLE = 255
HIGH, MEDIUM, LOW = 1, 0, 3  # RFC 4191, section 2.1, as rtnetlink has them
_RANKS = {HIGH: 0, MEDIUM: 1, LOW: 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class Default:
    """One way of a default route: out of the link ``ifindex``.

    ``preference`` is the router's (RFC 4191). ``alive`` is False for a way whose link has no carrier. ``advertised``: a
    router advertisement brought it, and nobody asked for it.
    """

    family: int
    table: int
    ifindex: int
    metric: int = 0
    preference: int = MEDIUM
    alive: bool = True
    advertised: bool = False

    @property
    def rank(self) -> tuple[int, int]:
        """The kernel takes the lowest."""
        return self.metric, _RANKS.get(self.preference, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """The name of a link and its addresses, with their networks' lengths."""

    name: str
    prefixes: tuple[str, ...]


def reached_tables(rules: Iterable[Rule]) -> dict[tuple[int, int], tuple[Rule, ...]]:
    """By family and table, the rules that lead packets of the node to it.

    A rule for packets *to* some network is no more than a route to that network, and so is left out. A family without
    rules has the main table alone.
    """
    found: dict[tuple[int, int], tuple[Rule, ...]] = {}
    families = set()
    for rule in rules:
        families.add(rule.family)
        if rule.action == TO_TABLE and rule.table != LOCAL_TABLE and not rule.destination:
            key = (rule.family, rule.table)
            found[key] = (*found.get(key, ()), rule)
    for family in {4, 6} - families:
        found[family, MAIN_TABLE] = (Rule(family=family, priority=0, table=MAIN_TABLE),)
    return found


def carriers(
    reached: Mapping[tuple[int, int], tuple[Rule, ...]],
    defaults: Iterable[Default],
    owner: Callable[[int], Owner],
    families: frozenset[int],
) -> dict[int, str]:
    """The links that carry a default route which the node's own packets take, with the reason.

    ``families`` are those that the node is known to need; in another, an advertised route counts for nothing. Empty: not
    known, and so both.
    """
    wanted: dict[tuple[int, int], list[Default]] = {}
    for each in defaults:
        if (each.family, each.table) in reached and not (each.advertised and families and each.family not in families):
            wanted.setdefault((each.family, each.table), []).append(each)
    return {
        default.ifindex: f"carries the node's IPv{default.family} default route (table {default.table})"
        for key, ways in wanted.items()
        for default in _best(ways)
        if any(not _is_its_own(rule, owner, default.ifindex) for rule in reached[key])
    }


def standing_on(roots: Mapping[int, str], below: Edges, above: Edges) -> dict[int, str]:
    """The roots, all that they stand on, and the masters of all of those, with the reasons.

    Children of an uplink (macvlan, VLAN) stay free: the node does not stand on them.
    """
    down = _spread(roots, below, "is below")
    return _spread(down, above, "is above")


def _best(ways: list[Default]) -> Iterator[Default]:
    """The ways of the lowest rank, and of the lowest that works now, where that is another."""
    lowest = {min(each.rank for each in some) for some in (ways, [each for each in ways if each.alive]) if some}
    return (each for each in ways if each.rank in lowest)


def _is_its_own(rule: Rule, owner: Callable[[int], Owner], ifindex: int) -> bool:
    """Whether a rule is for the packets of the link alone: from its own address or network, or named after it."""
    if rule.invert or not (rule.source or rule.iif or rule.oif):
        return False
    link = owner(ifindex)
    if link.name in (rule.iif, rule.oif):
        return True
    if not rule.source:
        return False
    source = ip_network(rule.source, strict=False)
    mine = [ip_interface(prefix) for prefix in link.prefixes]
    return any(source == one.network or source == ip_network(one.ip) for one in mine)


def _spread(start: Mapping[int, str], edges: Edges, how: str) -> dict[int, str]:
    found = dict(start)
    waiting = list(start)
    while waiting:
        index = waiting.pop()
        for other in edges(index):
            if other not in found:
                found[other] = f"{how} interface #{index}, which {found[index]}"
                waiting.append(other)
    return found
