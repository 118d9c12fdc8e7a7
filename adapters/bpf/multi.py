"""TCX and netkit: hooks for several programs, asked for by the system call.

A program is there by itself, or by a BPF link that somebody (an agent, a pinned file) holds. Taking a link's program off
leaves its owner a link that does nothing; what is put back later is there by itself.
"""

from __future__ import annotations

import errno
from contextlib import suppress

from adapters.bpf import syscall
from adapters.bpf.hooks import name_of, opened
from adapters.bpf.syscall import Entry
from ports.devices import Program

HOOKS = {"tcx-ingress": 46, "tcx-egress": 47, "netkit-primary": 54, "netkit-peer": 55}  # enum bpf_attach_type
# No such hook: not in this kernel (EINVAL, ENOSYS), not on this kind of link (ENXIO), on the other end of it (EACCES).
ABSENT = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENXIO, errno.EACCES})


class MultiHooks:
    """The TCX and netkit hooks of an interface. A kernel or a link without one has nothing there.

    ``lenient``: a kernel that refuses to tell (EPERM outside the initial user namespace) has nothing there either.
    """

    def __init__(self, ifindex: int, lenient: bool) -> None:
        self._ifindex = ifindex
        self._absent = ABSENT | {errno.EPERM} if lenient else ABSENT

    def attached(self) -> tuple[Program, ...]:
        """The programs of all four hooks."""
        return tuple(
            Program(hook=hook, name=name_of(entry.program), id=entry.program)
            for hook in HOOKS
            for entry in self._entries(hook)
        )

    def remove(self, program: Program) -> None:
        """Take one off, with its link where a link put it there."""
        for entry in self._entries(program.hook):
            if entry.program == program.id:
                with suppress(FileNotFoundError):
                    self._take_off(HOOKS[program.hook], entry)

    def add(self, program: Program, descriptor: int, before: tuple[Program, ...]) -> None:
        """Put one behind the nearest of those before it that is there."""
        there = {entry.program for entry in self._entries(program.hook)}
        nearest = next((one.id for one in reversed(before) if one.hook == program.hook and one.id in there), None)
        syscall.attach(self._ifindex, HOOKS[program.hook], descriptor, nearest)

    def _take_off(self, attach_type: int, entry: Entry) -> None:
        if entry.link:
            with opened(syscall.open_link(entry.link)) as link:
                syscall.end_link(link)
        else:
            with opened(syscall.open_program(entry.program)) as program:
                syscall.detach(self._ifindex, attach_type, program)

    def _entries(self, hook: str) -> tuple[Entry, ...]:
        try:
            return syscall.query(self._ifindex, HOOKS[hook])
        except OSError as error:
            if error.errno in self._absent:
                return ()
            raise
