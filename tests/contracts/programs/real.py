"""The real kernel with eBPF: programs that tests plant, and the links that own some of them."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from adapters.bpf.control import BpfPrograms
from adapters.bpf.filters import NEW, PARENTS, QDISC, QDISC_HANDLE, RTM_NEWQDISC, FilterHooks
from adapters.bpf.hooks import opened
from adapters.bpf.multi import HOOKS
from adapters.bpf.syscall import PROG_ATTACH, call, open_program
from adapters.bpf.xdp import XdpHooks
from adapters.talk.conversation import Talk, attribute
from adapters.talk.inside import inside
from ports.devices import Program
from ports.kernel import Namespace
from tests.netns.world import RealWorld
from tests.support import bpf
from tests.support.eventually import eventually

GENERIC, DIRECT_ACTION, ALL = 2, 1, 3


class RealProgramWorld(RealWorld):
    """Arranges programs on the real kernel."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.programs = BpfPrograms()
        self._stack.callback(self.programs.close)

    def plant(self, namespace: Namespace, ifindex: int, hook: str, name: str, qdisc: bytes = b"") -> int:
        return plant(namespace, ifindex, hook, name, qdisc)

    def plant_by_link(self, namespace: Namespace, ifindex: int, hook: str, name: str) -> int:
        attach_type = HOOKS.get(hook, bpf.ATTACH_XDP)
        descriptor = bpf.load(_kind(hook), name)
        self._stack.callback(os.close, descriptor)
        link = inside(namespace.fileno(), 10, name, lambda: bpf.link(descriptor, ifindex, attach_type))
        self._stack.callback(os.close, link)
        return bpf.identity(descriptor)

    def link_again(self, namespace: Namespace, ifindex: int, program: int) -> None:
        """Attach a living XDP program to one more interface, by one more BPF link."""
        with opened(open_program(program)) as descriptor:
            link = inside(namespace.fileno(), 10, "link", lambda: bpf.link(descriptor, ifindex, bpf.ATTACH_XDP))
        self._stack.callback(os.close, link)

    def ends(self, program: int) -> bool:
        eventually(lambda: not bpf.alive(program))
        return True

    def alive(self, program: int) -> bool:
        return bpf.alive(program)


def plant(namespace: Namespace, ifindex: int, hook: str, name: str, qdisc: bytes = b"") -> int:
    """Attach a new program that nothing else refers to, below a queueing discipline of that kind if given; its id."""
    if qdisc:
        inside(namespace.fileno(), 10, name, lambda: _add_qdisc(ifindex, qdisc))
    with opened(bpf.load(_kind(hook), name)) as descriptor:
        inside(namespace.fileno(), 10, name, lambda: _attach(ifindex, hook, name, descriptor))
        return bpf.identity(descriptor)


def _add_qdisc(ifindex: int, kind: bytes) -> None:
    body = struct.pack("=B3xiIII", 0, ifindex, QDISC_HANDLE, QDISC, 0)
    with Talk(0, 10) as talk:
        talk.ask(RTM_NEWQDISC, body + attribute(1, kind + b"\0"), "queueing discipline", NEW)


def _kind(hook: str) -> int:
    return bpf.XDP if hook == "xdp" else bpf.SCHED_CLS


def _attach(ifindex: int, hook: str, name: str, descriptor: int) -> None:
    if hook in HOOKS:
        call(PROG_ATTACH, struct.pack("=4I", ifindex, descriptor, HOOKS[hook], 0))
        return
    with Talk(0, 10) as talk:
        if hook in PARENTS:
            filters = FilterHooks(talk, ifindex)
            priority = 1 + max((one.priority for one in filters.attached() if one.hook == hook), default=0)
            wanted = Program(hook=hook, name=name, id=0, priority=priority, handle=1, protocol=ALL, flags=DIRECT_ACTION)
            filters.add(wanted, descriptor, ())
        else:
            XdpHooks(talk, ifindex).add(Program(hook="xdp", name=name, id=0, flags=GENERIC), descriptor, ())
