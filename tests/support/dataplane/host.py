"""A host as a table: which link is in which namespace, and what it looks like there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ports.devices import Address, Identity, Link, LinkFacts, Route
from ports.errors import Code, Failure
from ports.leased import LOST
from ports.plan import AddAddress, AddRoute, DevicePlan, Move, Release, Rename, SetMac, SetMtu, SetUp, Step

HOST = "/proc/1/ns/net"
UPLINK = 2


def hardware(ifindex: int, name: str) -> LinkFacts:
    """A network card that is up, with one address and one route."""
    return LinkFacts(
        link=Link(
            identity=Identity(
                ifindex=ifindex,
                pci_address=f"0000:3b:00.{ifindex % 8}",
                permanent_address=f"02:00:00:00:00:{ifindex:02x}",
            ),
            name=name,
            mac=f"02:00:00:00:00:{ifindex:02x}",
            mtu=1500,
            up=True,
            min_mtu=68,
            max_mtu=9000,
        ),
        addresses=(Address(prefix=f"192.0.2.{ifindex}/24"),),
        routes=(Route(destination=f"198.51.{ifindex}.0/24", gateway="192.0.2.254"),),
    )


@dataclass
class FakeHost:
    """Links by index with the namespace each is in. Copied before work and put back when the work fails."""

    places: dict[int, str] = field(default_factory=dict)
    facts: dict[int, LinkFacts] = field(default_factory=dict)
    namespaces: set[str] = field(default_factory=lambda: {HOST})
    uplinks: frozenset[int] = frozenset({UPLINK})

    @classmethod
    def with_cards(cls, *names: str) -> FakeHost:
        """A host with an uplink and a card of each name."""
        host = cls()
        for ifindex, name in enumerate(("uplink0", *names), start=UPLINK):
            host.put(HOST, hardware(ifindex, name))
        return host

    def put(self, netns: str, facts: LinkFacts) -> None:
        """Put a link into a namespace, which exists from then on."""
        self.namespaces.add(netns)
        self.places[facts.link.identity.ifindex] = netns
        self.facts[facts.link.identity.ifindex] = facts

    def copy(self) -> FakeHost:
        """The host as it is now."""
        return replace(self, places=dict(self.places), facts=dict(self.facts), namespaces=set(self.namespaces))

    def restore(self, earlier: FakeHost) -> None:
        """Make it what it was."""
        self.places, self.facts, self.namespaces = earlier.places, earlier.facts, earlier.namespaces

    def find(self, device: Identity, netns: str) -> LinkFacts:
        """The link in that namespace, by identity and never by name."""
        for ifindex, facts in self.facts.items():
            if self.places[ifindex] == netns and facts.link.identity == device:
                return facts
        raise Failure(Code.NOT_FOUND, f"device {device}", "is not in the host now", "list the devices again")

    def exists(self, netns: str | None) -> bool:
        """Whether there is such a namespace."""
        return netns in self.namespaces

    def enter(self, netns: str) -> None:
        """Check that this is a namespace that devices may be moved to."""
        if not self.exists(netns):
            raise Failure(Code.NOT_FOUND, netns, "no such network namespace", "the sandbox has ended")
        if netns == HOST:
            raise Failure(Code.REFUSED, netns, "is the host's own namespace", "a host-network pod cannot have devices")

    def apply(self, device: Identity, step: Step, netns: str) -> None:
        """Carry one step out."""
        facts = self.facts[device.ifindex]
        if isinstance(step, Move | Rename):
            self._check_name(device, step.temporary_name if isinstance(step, Move) else step.name, netns)
        if isinstance(step, Move):
            self.places[device.ifindex] = netns
        if isinstance(step, AddAddress) and step.address.lifetime == LOST:
            raise Failure(Code.DEADLINE, f"address {step.address.prefix}", "its lifetime is over", "it is leased anew")
        self.facts[device.ifindex] = after(step, facts)

    def readdress(self, device: DevicePlan) -> None:
        """Addresses and routes become those of the plan. NOT_FOUND: the link is in no pod."""
        ifindex = device.before.link.identity.ifindex
        if self.places.get(ifindex, HOST) == HOST:
            raise Failure(Code.NOT_FOUND, f"device {device.device}", "is not in the pod now", "end the pod")
        facts = replace(self.facts[ifindex], addresses=(), routes=())
        for step in device.steps:
            over = isinstance(step, AddAddress) and step.address.lifetime == LOST
            facts = after(step, facts) if isinstance(step, AddAddress | AddRoute) and not over else facts
        self.facts[ifindex] = facts

    def end(self, netns: str) -> None:
        """The namespace dies: cards fall back to the host, down and bare; made-up links die with it."""
        self.namespaces.discard(netns)
        for ifindex in [index for index, place in self.places.items() if place == netns]:
            facts = self.facts[ifindex]
            if facts.link.identity.link_kind:
                del self.places[ifindex], self.facts[ifindex]
            else:
                self.put(HOST, LinkFacts(link=replace(facts.link, up=False)))

    def _check_name(self, device: Identity, name: str, netns: str) -> None:
        if name in self._names(netns, but=device.ifindex):
            raise Failure(
                Code.CONFLICT, f"device {device}", f"the name {name} is taken in {netns}", "choose another name"
            )

    def _names(self, netns: str, but: int) -> Iterable[str]:
        return (facts.link.name for index, facts in self.facts.items() if self.places[index] == netns and index != but)


@dataclass
class OpenHost(FakeHost):
    """A host on which every path is a pod's namespace, for processes that share no table."""

    def exists(self, netns: str | None) -> bool:
        """Whether it is a path at all."""
        return netns is not None and netns.startswith("/")


def after(step: Step, facts: LinkFacts) -> LinkFacts:  # noqa: C901, PLR0911 - one case a step
    """What the link looks like once the step is done."""
    link = facts.link
    match step:
        case Release():
            return LinkFacts(link=replace(link, up=False))
        case Move():
            return LinkFacts(link=replace(link, up=False, name=step.temporary_name))
        case Rename():
            return replace(facts, link=replace(link, name=step.name))
        case SetMtu():
            return replace(facts, link=replace(link, mtu=_checked(link, step.mtu)))
        case SetMac():
            return replace(facts, link=replace(link, mac=step.mac))
        case SetUp():
            return replace(facts, link=replace(link, up=True))
        case AddAddress():
            return replace(facts, addresses=(*facts.addresses, replace(step.address, lifetime=None)))
        case AddRoute():
            return replace(facts, routes=(*facts.routes, step.route))
        case _:  # what this table does not show
            return facts


def _checked(link: Link, mtu: int) -> int:
    if not link.min_mtu <= mtu <= link.max_mtu:
        raise Failure(Code.KERNEL, f"device {link.identity}", f"mtu {mtu} is out of range", "see ip -d link show")
    return mtu
