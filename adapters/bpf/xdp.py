"""XDP: one program for each of three modes, read and removed with the link's own rtnetlink messages.

What a BPF link put there goes away only with that link. Links do not tell the namespace of their interface, so one is
taken only where no other namespace can be meant.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator

from adapters.bpf import syscall
from adapters.bpf.hooks import name_of, opened
from adapters.talk.conversation import KernelError, Talk, attribute, attributes, nest
from ports.devices import Program
from ports.errors import Code, Failure

RTM_GETLINK, RTM_SETLINK = 18, 19
IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS = 29, 1 << 3
IFLA_XDP, XDP_FD, XDP_FLAGS = 43, 1, 3
MODES = {5: 4, 6: 2, 7: 8}  # IFLA_XDP_{DRV,SKB,HW}_PROG_ID: XDP_FLAGS_{DRV,SKB,HW}_MODE
FLAG_NOT_OVER_ANOTHER = 1  # XDP_FLAGS_UPDATE_IF_NOEXIST
_BODY = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change


class XdpHooks:
    """The XDP hooks of an interface; ``flags`` of a program is its mode."""

    def __init__(self, talk: Talk, ifindex: int) -> None:
        self._talk = talk
        self._ifindex = ifindex
        self._subject = f"interface #{ifindex}"

    def attached(self) -> tuple[Program, ...]:
        """The program of each mode that has one. NOT_FOUND: there is no such interface."""
        request = self._body() + attribute(IFLA_EXT_MASK, struct.pack("=I", RTEXT_FILTER_SKIP_STATS))
        (answer,) = self._talk.ask(RTM_GETLINK, request, self._subject)
        found = dict(attributes(dict(attributes(answer[_BODY.size :])).get(IFLA_XDP, b"")))
        ids = ((struct.unpack("=I", found[kind])[0], mode) for kind, mode in MODES.items() if kind in found)
        return tuple(Program(hook="xdp", name=name_of(one), id=one, flags=mode) for one, mode in ids if one)

    def remove(self, program: Program) -> None:
        """Take the program of its mode off."""
        if program not in self.attached():
            return
        try:
            self._set(-1, program.flags)
        except KernelError as error:
            if error.errno != errno.EBUSY:
                raise
            self._end_link(program)

    def add(self, program: Program, descriptor: int, before: tuple[Program, ...]) -> None:  # noqa: ARG002
        """Put one into its mode, unless another program is there (EBUSY)."""
        self._set(descriptor, program.flags | FLAG_NOT_OVER_ANOTHER)

    def _end_link(self, program: Program) -> None:
        found = tuple(self._links(program.id))
        if len(found) > 1:
            detail = f"{len(found)} BPF links have program {program.id} on an interface of this index"
            raise Failure(Code.KERNEL, self._subject, detail, "ask their owner to take them off")
        for link in found:
            with opened(syscall.open_link(link)) as descriptor:
                syscall.end_link(descriptor)

    def _links(self, program: int) -> Iterator[int]:
        for link in syscall.links():
            try:
                with opened(syscall.open_link(link)) as descriptor:
                    found = syscall.link_information(descriptor)
            except FileNotFoundError:
                continue
            if (found.kind, found.program, found.ifindex) == (syscall.LINK_TYPE_XDP, program, self._ifindex):
                yield link

    def _set(self, descriptor: int, flags: int) -> None:
        values = attribute(XDP_FD, struct.pack("=i", descriptor)), attribute(XDP_FLAGS, struct.pack("=I", flags))
        self._talk.ask(RTM_SETLINK, self._body() + nest(IFLA_XDP, *values), self._subject)

    def _body(self) -> bytes:
        return _BODY.pack(0, 0, self._ifindex, 0, 0)
