"""The links of one network namespace: looking at them, moving them, and setting what is theirs alone."""

from __future__ import annotations

from contextlib import suppress

from adapters.netlink import functions, links, properties, vrf
from adapters.netlink.handle import Handle, named
from adapters.netlink.pci import PciAddresses
from adapters.netlink.socket import KernelError
from ports.devices import Link, Tuning
from ports.errors import Code, Failure
from ports.kernel import Namespace
from ports.sriov import VirtualFunction


class LinkHandle(Handle):
    """The part of ``ports.kernel.Namespace`` that speaks of links."""

    def __init__(self, descriptor: int, pci: PciAddresses, timeout: float) -> None:
        super().__init__(descriptor, timeout)
        self._pci = pci

    def link(self, ifindex: int) -> Link:
        """The link of that index."""
        return links.link(self._message(ifindex), self._pci)

    def find(self, name: str) -> Link | None:
        """The link of that name or alternative name."""
        try:
            return links.link(self.socket.ask(links.by_name(name), f"interface {name}"), self._pci)
        except Failure as failure:
            if failure.code is Code.NOT_FOUND:
                return None
            raise

    def links(self) -> tuple[Link, ...]:
        """All links, from one consistent dump."""
        return tuple(links.link(message, self._pci) for message in self.socket.dump(links.every(), "interfaces"))

    def move(self, ifindex: int, target: Namespace, name: str, wanted: int | None = None) -> Link:
        """Move the link and read it back in the target."""
        if not isinstance(target, LinkHandle):
            raise TypeError("a link moves to a namespace of the same kernel")
        link = self.link(ifindex)
        if target.find(name) is not None:
            raise _taken(link, name)
        index = wanted if wanted is not None and target.has_free(wanted) else None
        try:
            self.socket.change(links.moving(ifindex, target.descriptor, name, index), f"interface {link.name}")
        except Failure as failure:
            self._take_back(link, target, name)
            raise _taken(link, name) if failure.code is Code.CONFLICT else failure from failure
        return _arrived(target.find(name), link, name)

    def function(self, ifindex: int) -> VirtualFunction | None:
        """What the physical function says of this virtual one."""
        address = self.link(ifindex).identity.pci_address
        number = self._pci.number(address) if address is not None else None
        if address is None or number is None:
            return None
        physical = (self.find(name) for name in self._pci.physical_interfaces(address))
        indexes = [link.identity.ifindex for link in physical if link is not None]
        found = (each for index in indexes for each in functions.functions(self._whole_message(index)))
        return next((each for each in found if each.number == number), None)

    def set_functions(self, ifindex: int, wish: tuple[VirtualFunction, ...]) -> None:
        """Set what differs, each by itself."""
        there = {each.number: each for each in functions.functions(self._whole_message(ifindex))}
        refusals = [f"function {each.number} is not there" for each in wish if each.number not in there]
        for each in (each for each in wish if each.number in there):
            for name, request in functions.changes(ifindex, each, there[each.number]):
                try:
                    self.socket.change(request, f"{name} of function {each.number} of {named(ifindex)}")
                except KernelError as refusal:
                    refusals.append(str(refusal))
        if refusals:
            raise Failure(Code.KERNEL, named(ifindex), "; ".join(refusals))

    def has_free(self, ifindex: int) -> bool:
        """Whether no link of this namespace has that index."""
        try:
            self._message(ifindex)
        except Failure as failure:
            return failure.code is Code.NOT_FOUND
        return False

    def rename(self, ifindex: int, name: str) -> None:
        """Give the link another name."""
        self._set(ifindex, links.naming(name), f"the name {name}")

    def set_mtu(self, ifindex: int, mtu: int) -> None:
        """Set the MTU in bytes."""
        self._set(ifindex, links.sized(mtu), f"MTU {mtu}")

    def set_mac(self, ifindex: int, mac: str) -> None:
        """Set the hardware address."""
        self._set(ifindex, links.addressed(mac), f"hardware address {mac}")

    def set_up(self, ifindex: int, up: bool) -> None:
        """Set the administrative state."""
        self.socket.change(links.switching(ifindex, up), f"{named(ifindex)} {'up' if up else 'down'}")

    def set_flags(self, ifindex: int, flags: int) -> None:
        """Set the flags that people set."""
        self.socket.change(links.flagging(ifindex, flags), f"flags of {named(ifindex)}")

    def set_tuning(self, ifindex: int, tuning: Tuning) -> None:
        """Set what is not None. The kernel ignores attributes that it does not know, so they are looked for first."""
        subject = f"queue and segment sizes of {named(ifindex)}"
        if unknown := properties.unknown(tuning, properties.tuning(self._message(ifindex))):
            raise Failure(Code.INVALID, subject, f"this kernel does not know {', '.join(unknown)}")
        if tuning != Tuning():
            self.socket.change(links.setting(ifindex, *properties.tuned(tuning)), subject)

    def add_alternative_name(self, ifindex: int, name: str) -> None:
        """Add a further name; there already: success."""
        try:
            self.socket.change(properties.naming_also(ifindex, name), f"the name {name} for {named(ifindex)}")
        except Failure as failure:
            if failure.code is not Code.CONFLICT or name not in self._alternative_names(ifindex):
                raise

    def remove_alternative_name(self, ifindex: int, name: str) -> None:
        """Remove a further name; not there: success."""
        try:
            self.socket.change(properties.unnaming(ifindex, name), f"the name {name} of {named(ifindex)}")
        except Failure:
            if name in self._alternative_names(ifindex):
                raise

    def set_group(self, ifindex: int, group: int) -> None:
        """Put the link in a group."""
        self._set(ifindex, properties.grouped(group), f"group {group}")

    def set_alias(self, ifindex: int, alias: str) -> None:
        """Set the text for people; empty removes it."""
        self._set(ifindex, properties.aliased(alias), "alias")

    def leave_master(self, ifindex: int) -> None:
        """Leave a bridge, bond or VRF; in none: success."""
        self._set(ifindex, links.under(0), "no master")

    def _into_vrf(self, ifindex: int, name: str, table: int) -> None:
        self.link(ifindex)
        if self.find(name) is None:
            self.socket.change(vrf.creating(name, table), f"VRF {name}")
        message = self.socket.ask(links.by_name(name), f"VRF {name}")
        if vrf.table(message) != table:
            detail = f"is there already and is no VRF of table {table}"
            raise Failure(Code.CONFLICT, f"VRF {name}", detail, "choose another name or the table it has")
        found = links.link(message, self._pci)
        if not found.up:
            self.set_up(found.identity.ifindex, True)
        self._set(ifindex, links.under(found.identity.ifindex), f"VRF {name}")

    def _alternative_names(self, ifindex: int) -> tuple[str, ...]:
        return properties.alternative_names(self._message(ifindex))

    def _whole_message(self, ifindex: int) -> bytes:
        return self.socket.ask(functions.with_functions(ifindex), named(ifindex))

    def _message(self, ifindex: int) -> bytes:
        return self.socket.ask(links.by_index(ifindex), named(ifindex))

    def _set(self, ifindex: int, wanted: bytes, what: str) -> None:
        self.socket.change(links.setting(ifindex, wanted), f"{what} for {named(ifindex)}")

    def _take_back(self, link: Link, target: LinkHandle, wanted: str) -> None:
        """After a failed move: the kernel renames after it moved, so a name taken meanwhile strands the link there.

        An answer that did not come may even mean that all was done.
        """
        with suppress(Failure):
            self.link(link.identity.ifindex)
            return
        for name in (link.name, wanted):
            stray = target.find(name)
            if stray is not None and stray.identity.same_device(link.identity) and stray.mac == link.mac:
                request = links.moving(stray.identity.ifindex, self.descriptor, link.name)
                target.socket.change(request, f"interface {link.name}")
                return


def _arrived(found: Link | None, link: Link, name: str) -> Link:
    if found is None or not found.identity.same_device(link.identity):
        raise Failure(Code.CONFLICT, f"interface {link.name}", f"was moved, but {name} in the target is not it")
    return found


def _taken(link: Link, name: str) -> Failure:
    return Failure(Code.CONFLICT, f"interface {link.name}", f"the name {name} is taken in the target namespace")
