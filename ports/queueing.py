"""What a link has of traffic control (tc(8)): queueing disciplines, classes and filters that somebody put there.

The kernel throws all of it away when the link changes its namespace, so the host's own has to be built again. Options are
kept as the kernel tells them, in hexadecimal: it takes the same form back.
"""

from __future__ import annotations

from dataclasses import dataclass

ROOT, INGRESS = 0xFFFFFFFF, 0xFFFFFFF1  # TC_H_ROOT, TC_H_INGRESS and TC_H_CLSACT: parents of linux/pkt_sched.h


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """A queueing discipline with a handle of its own; those without one the kernel makes by itself."""

    type: str
    handle: int
    parent: int
    options: str = ""

    def __str__(self) -> str:
        return f"qdisc {self.type} {handle_text(self.handle)} {_parent_text(self.parent)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrafficClass:
    """A class of a queueing discipline that has such (HTB, HFSC, DRR)."""

    type: str
    handle: int
    parent: int
    options: str = ""

    def __str__(self) -> str:
        return f"class {self.type} {handle_text(self.handle)} {_parent_text(self.parent)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """A filter, eBPF programs apart (``ports.devices.Program``). ``protocol`` is the EtherType, 3 for all."""

    type: str
    parent: int
    priority: int
    protocol: int
    handle: int
    chain: int = 0
    options: str = ""

    def __str__(self) -> str:
        return f"filter {self.type} pref {self.priority} handle {self.handle:#x} {_parent_text(self.parent)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Queueing:
    """All of a link's, each in the order in which the kernel tells it."""

    queues: tuple[Queue, ...] = ()
    classes: tuple[TrafficClass, ...] = ()
    filters: tuple[Filter, ...] = ()


NOTHING = Queueing()


def handle_text(handle: int) -> str:
    """As tc(8) writes it: ``1:10``."""
    return f"{handle >> 16:x}:{handle & 0xFFFF:x}" if handle & 0xFFFF else f"{handle >> 16:x}:"


def _parent_text(parent: int) -> str:
    return "root" if parent == ROOT else f"parent {handle_text(parent)}"
