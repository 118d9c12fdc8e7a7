"""RDMA devices in memory: which namespace has them, which interface is theirs, and what a pod may do to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from ports.devices import DeviceNode, Identity, Link, RdmaLink
from ports.errors import Code, Failure
from ports.kernel import Namespace

T = TypeVar("T")
VERBS_MAJOR, CM = 231, DeviceNode(path="/dev/infiniband/rdma_cm", type="c", major=10, minor=122)


@dataclass
class Card:
    """One device: the name it has now, the namespace it is in, the interface that is its own."""

    rdma: RdmaLink
    namespace: str
    interface: Identity | None = None
    verbs: int = 0
    state: str = "active"
    pci_address: str | None = None


class FakeRdma:
    """Implements ``ports.controls.RdmaControl``. ``before_call`` and ``after_call`` may raise, by method name.

    Namespaces are told apart by their cookies.
    """

    def __init__(self, host: Namespace, *, exclusive: bool = False) -> None:
        self.host = host
        self.is_exclusive = exclusive
        self.cards: list[Card] = []
        self.calls: list[str] = []
        self.before_call: Callable[[str], None] = lambda _call: None
        self.after_call: Callable[[str], None] = lambda _call: None
        self._next = 0

    def add(self, name: str, link: Link | None = None) -> RdmaLink:
        """A device in the host, of that interface if any."""
        rdma = RdmaLink(name=name, index=self._next)
        card = Card(rdma=rdma, namespace=self.host.cookie, verbs=self._next)
        card.interface = link.identity if link else None
        self.cards.append(card)
        self._next += 1
        return rdma

    def reload(self, rdma: RdmaLink) -> RdmaLink:
        """Its driver is started again: another index, other numbers, and back in the host."""
        card = self._card(rdma.index)
        self.cards.remove(card)
        made = self.add(rdma.name)
        self._card(made.index).interface = card.interface
        return made

    def tamper(self, rdma: RdmaLink, name: str) -> None:
        """Whoever has it gives it another name."""
        card = self._card(rdma.index)
        card.rdma = replace(card.rdma, name=name)

    def end_namespace(self, cookie: str) -> None:
        """The namespace is gone: what was in it is the host's again, under the name it had."""
        for card in self.cards:
            if card.namespace == cookie:
                card.namespace = self.host.cookie

    def exclusive(self) -> bool:
        """The mode."""
        return self._called("exclusive", lambda: self.is_exclusive)

    def of(self, namespace: Namespace, link: Link) -> tuple[RdmaLink, ...]:
        """The devices of an interface."""
        return self._called(
            "of", lambda: tuple(c.rdma for c in self._seen(namespace) if self._owns(c, namespace, link))
        )

    def find(self, namespace: Namespace, name: str) -> RdmaLink | None:
        """The device of that name."""
        found = (card.rdma for card in self._seen(namespace) if card.rdma.name == name)
        return self._called("find", lambda: next(found, None))

    def at(self, namespace: Namespace, index: int) -> RdmaLink | None:
        """The device of that index."""
        found = (card.rdma for card in self._seen(namespace) if card.rdma.index == index)
        return self._called("at", lambda: next(found, None))

    def interface(self, namespace: Namespace, rdma: RdmaLink) -> int | None:
        """The interface of the device, where it is in this namespace."""
        return self._called("interface", lambda: self._interface(namespace, rdma))

    def pci_address(self, rdma: RdmaLink) -> str | None:
        """Of the device."""
        return self._card(rdma.index).pci_address

    def ports(self, namespace: Namespace, rdma: RdmaLink) -> tuple[tuple[int, str], ...]:
        """Its one port."""
        return tuple((1, card.state) for card in self._seen(namespace) if card.rdma.index == rdma.index)

    def move(self, rdma: RdmaLink, source: Namespace, target: Namespace) -> None:
        """Move the device."""
        self._called("move", lambda: self._move(rdma, source, target))

    def rename(self, rdma: RdmaLink, namespace: Namespace) -> None:
        """Give the device the name."""
        self._called("rename", lambda: self._rename(rdma, namespace))

    def nodes(self, rdma: RdmaLink) -> tuple[DeviceNode, ...]:
        """The character devices."""
        return self._called("nodes", lambda: self._nodes(rdma))

    def _called(self, call: str, act: Callable[[], T]) -> T:
        self.calls.append(call)
        self.before_call(call)
        done = act()
        self.after_call(call)
        return done

    def _seen(self, namespace: Namespace) -> tuple[Card, ...]:
        return tuple(card for card in self.cards if not self.is_exclusive or card.namespace == namespace.cookie)

    def _card(self, index: int) -> Card:
        return next(card for card in self.cards if card.rdma.index == index)

    def _owns(self, card: Card, namespace: Namespace, link: Link) -> bool:
        return self._interface(namespace, card.rdma) == link.identity.ifindex

    def _interface(self, namespace: Namespace, rdma: RdmaLink) -> int | None:
        card = next((card for card in self._seen(namespace) if card.rdma.index == rdma.index), None)
        wanted = card.interface if card else None
        if wanted is None:
            return None
        here = (link.identity for link in namespace.links() if link.identity.same_device(wanted))
        exact = [found.ifindex for found in here if wanted.pci_address or found.ifindex == wanted.ifindex]
        return exact[0] if exact else None

    def _move(self, rdma: RdmaLink, source: Namespace, target: Namespace) -> None:
        card = next((card for card in self._seen(source) if card.rdma.index == rdma.index), None)
        if card is None:
            raise Failure(Code.NOT_FOUND, f"RDMA device {rdma.name}", "is not in the namespace it is to be moved from")
        if not self.is_exclusive:
            raise Failure(Code.KERNEL, f"RDMA device {rdma.name}", "Operation not supported")
        card.namespace = target.cookie
        self._rename(rdma, target)

    def _rename(self, rdma: RdmaLink, namespace: Namespace) -> None:
        card = next((card for card in self._seen(namespace) if card.rdma.index == rdma.index), None)
        if card is None:
            raise Failure(Code.NOT_FOUND, f"RDMA device {rdma.name}", "No such device")
        if any(other.rdma.name == rdma.name for other in self.cards if other is not card):
            raise Failure(Code.CONFLICT, f"RDMA device {rdma.name}", "File exists")
        card.rdma = rdma

    def _nodes(self, rdma: RdmaLink) -> tuple[DeviceNode, ...]:
        card = next((card for card in self.cards if card.rdma.index == rdma.index), None)
        if card is None:
            raise Failure(Code.NOT_FOUND, f"RDMA device {rdma.name}", "has no uverbs device file")
        path, minor = f"/dev/infiniband/uverbs{card.verbs}", 192 + card.verbs
        return CM, DeviceNode(path=path, type="c", major=VERBS_MAJOR, minor=minor)
