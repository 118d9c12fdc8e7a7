"""Devices that speak DHCP: a packet socket of each, in the host before its pod has it, and in the pod afterwards.

What is said through it is not read here: that is for the process which asks for it, and which has no privilege.
"""

from __future__ import annotations

from collections.abc import Iterator

from dataplane import policy
from dataplane.desk import Desk, plan_of
from dataplane.lifting import Lifts
from dataplane.namespaces import Namespaces
from dataplane.steps import Site
from dataplane.values import mac_mistakes
from ports.clock import Clock
from ports.controls import Machine
from ports.dataplane import Call
from ports.devices import Link, LinkFacts
from ports.dhcp import Lent, Wish
from ports.errors import Code, Failure
from ports.kernel import Namespace
from ports.ledger import Phase, PodRecord
from ports.plan import DevicePlan

CARRIER_SECONDS = 5.0  # for a link that was just set up
LOOK = 0.05
RUNNING = ("up", "unknown")  # operational states in which packets go out; some drivers tell none


class Loans:
    """Implements ``ports.dhcp.Lender``."""

    def __init__(self, desk: Desk, machine: Machine, namespaces: Namespaces, lifts: Lifts, clock: Clock) -> None:
        self._desk = desk
        self._machine = machine
        self._namespaces = namespaces
        self._lifts = lifts
        self._clock = clock

    def lend(self, wish: Wish, call: Call) -> Lent:
        """See the port."""
        self._desk.check_time(wish.device, call)
        mistakes = tuple(_mistakes(wish))
        if mistakes:
            raise Failure(
                Code.INVALID, f"device {wish.device}", "; ".join(mistakes), "this wish was not made by this version"
            )
        record = self._desk.holder(wish.claim_uid)
        planned = _planned(record, wish)
        if record is not None and planned is not None and record.phase is not Phase.PREPARED:
            return self._in_pod(record, planned, wish)
        return self._in_host(wish, call)

    def give_back(self, lent: Lent) -> None:
        """See the port."""
        if lent.ifindex is not None:
            self._lifts.leave(lent.ifindex)

    def _in_pod(self, record: PodRecord, planned: DevicePlan, wish: Wish) -> Lent:
        if record.phase is not Phase.ATTACHED:
            raise Failure(Code.CONFLICT, f"device {wish.device}", f"is {record.phase}", "it is tried again")
        found = self._site(record, planned).found()
        if found is None:
            raise Failure(Code.NOT_FOUND, f"device {wish.device}", "is not in the pod now")
        return self._opened(found[0], found[1], wish, None)

    def _site(self, record: PodRecord, planned: DevicePlan) -> Site:
        names = [each.device for each in record.devices]
        known = planned.device in names and len(names) == len(record.indexes)
        index = record.indexes[names.index(planned.device)] if known else None
        return Site(plan=planned, machine=self._machine, pod=self._namespaces.of(record), index=index)

    def _in_host(self, wish: Wish, call: Call) -> Lent:
        host, ifindex = self._machine.kernel.host, wish.identity.ifindex
        self._check(wish, host.facts(ifindex))
        self._lifts.take(wish.identity, self._desk.left(wish.device, call))
        try:
            return self._opened(host, self._settled(ifindex, call), wish, ifindex)
        except BaseException:
            self._lifts.leave(ifindex)
            raise

    def _check(self, wish: Wish, facts: LinkFacts) -> None:
        subject, link = f"device {wish.device}", facts.link
        if link.identity != wish.identity:
            detail = f"its index belongs to {link.identity} now"
            raise Failure(Code.NOT_FOUND, subject, detail, "list the devices again")
        policy.check_denied(subject, self._machine.exclusions.denies(facts))
        policy.check_link(subject, link, self._machine.kernel.uplinks().get(link.identity.ifindex, ""))
        if link.encapsulation != "ether":
            raise Failure(Code.INVALID, subject, f"is no Ethernet interface ({link.encapsulation})", "leave dhcp out")
        policy.check_unheld(wish.claim_uid, subject, wish.identity, self._desk.ledger.records())

    def _opened(self, namespace: Namespace, link: Link, wish: Wish, borrowed: int | None) -> Lent:
        descriptor = self._machine.packets.open(namespace, link, wish.family, wish.mac or link.mac)
        return Lent(descriptor=descriptor, mac=link.mac, running=link.operstate in RUNNING, ifindex=borrowed)

    def _settled(self, ifindex: int, call: Call) -> Link:
        """The link once it has a carrier, or when there was time enough for that."""
        host, end = self._machine.kernel.host, min(call.deadline, self._clock.monotonic() + CARRIER_SECONDS)
        link = host.link(ifindex)
        while link.operstate not in RUNNING and self._clock.monotonic() + LOOK < end:
            self._clock.sleep(LOOK)
            link = host.link(ifindex)
        return link


def _mistakes(wish: Wish) -> Iterator[str]:
    if wish.family not in (4, 6):
        yield f"{wish.family} is no address family"
    if not 0 <= wish.identity.ifindex < 1 << 31:
        yield f"{wish.identity.ifindex} is no interface index"
    if wish.mac:
        yield from mac_mistakes(wish.mac)


def _planned(record: PodRecord | None, wish: Wish) -> DevicePlan | None:
    plan = None if record is None else plan_of(record, wish.claim_uid)
    return next((device for device in plan.devices if device.device == wish.device), None) if plan else None
