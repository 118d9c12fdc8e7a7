"""tc filters of kind ``bpf`` in the clsact (or ingress) queueing discipline, over rtnetlink.

They end with that queueing discipline, which a move of the interface to another namespace takes away. Filters of a block
that several interfaces share belong to none of them and are left alone.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from contextlib import suppress

from adapters.bpf.hooks import name_of
from adapters.talk.conversation import DUMP, KernelError, Talk, attribute, attributes, nest
from ports.devices import Program

RTM_NEWQDISC, RTM_GETQDISC, RTM_NEWTFILTER, RTM_DELTFILTER, RTM_GETTFILTER = 36, 38, 44, 45, 46
ECHO, NEW = 0x8, 0x600  # NLM_F_ECHO, NLM_F_CREATE | NLM_F_EXCL
QDISC, QDISC_HANDLE = 0xFFFFFFF1, 0xFFFF0000  # TC_H_CLSACT, which is TC_H_INGRESS too
PARENTS = {"tc-ingress": 0xFFFFFFF2, "tc-egress": 0xFFFFFFF3}
HOOKS = {b"clsact": ("tc-ingress", "tc-egress"), b"ingress": ("tc-ingress",)}
KIND, OPTIONS, CHAIN = 1, 2, 11  # TCA_*
BPF_FD, BPF_NAME, BPF_FLAGS, BPF_ID = 6, 7, 8, 11  # TCA_BPF_*
GONE = frozenset({errno.ENOENT, errno.EINVAL})
_BODY = struct.Struct("=B3xiIII")  # tcmsg: family, index, handle, parent, info


class FilterHooks:
    """The tc hooks of an interface."""

    def __init__(self, talk: Talk, ifindex: int) -> None:
        self._talk = talk
        self._ifindex = ifindex
        self._subject = f"tc filters of interface #{ifindex}"

    def attached(self) -> tuple[Program, ...]:
        """The filters of both directions, by priority."""
        return tuple(program for hook in HOOKS.get(self._qdisc(), ()) for program in self._filters(hook))

    def remove(self, program: Program) -> None:
        """Take one off; the queueing discipline stays."""
        try:
            self._talk.ask(RTM_DELTFILTER, self._filter(program), self._subject)
        except KernelError as error:
            if error.errno not in GONE:
                raise

    def add(self, program: Program, descriptor: int, before: tuple[Program, ...]) -> None:  # noqa: ARG002
        """Put one back under its handle and priority, with a clsact where there is no queueing discipline for it."""
        if program.hook not in HOOKS.get(self._qdisc(), ()):
            qdisc = _BODY.pack(0, self._ifindex, QDISC_HANDLE, QDISC, 0) + attribute(KIND, b"clsact\0")
            self._talk.ask(RTM_NEWQDISC, qdisc, self._subject, NEW)
        options = [attribute(BPF_FD, struct.pack("=I", descriptor)), attribute(BPF_NAME, program.name.encode() + b"\0")]
        if program.flags:
            options.append(attribute(BPF_FLAGS, struct.pack("=I", program.flags)))
        self._talk.ask(RTM_NEWTFILTER, self._filter(program) + nest(OPTIONS, *options), self._subject, NEW)

    def _qdisc(self) -> bytes:
        """The kind of the queueing discipline that has the hooks; empty where there is none.

        The kernel answers as with a notification, which its asker gets only with the echo flag.
        """
        with suppress(KernelError):
            for answer in self._talk.ask(RTM_GETQDISC, _BODY.pack(0, self._ifindex, 0, QDISC, 0), self._subject, ECHO):
                return dict(attributes(answer[_BODY.size :])).get(KIND, b"").rstrip(b"\0")
        return b""

    def _filters(self, hook: str) -> Iterator[Program]:
        request = _BODY.pack(0, self._ifindex, 0, PARENTS[hook], 0)
        for answer in self._talk.ask(RTM_GETTFILTER, request, self._subject, DUMP):
            _family, ifindex, handle, _parent, info = _BODY.unpack_from(answer)
            found = dict(attributes(answer[_BODY.size :]))
            options = dict(attributes(found.get(OPTIONS, b"")))
            if ifindex == self._ifindex and found.get(KIND) == b"bpf\0" and BPF_ID in options:
                yield _program(hook, handle, info, _number(found.get(CHAIN)), options)

    def _filter(self, program: Program) -> bytes:
        info = program.priority << 16 | _swapped(program.protocol)
        body = _BODY.pack(0, self._ifindex, program.handle, PARENTS[program.hook], info)
        chain = attribute(CHAIN, struct.pack("=I", program.chain)) if program.chain else b""
        return body + attribute(KIND, b"bpf\0") + chain


def _program(hook: str, handle: int, info: int, chain: int, options: dict[int, bytes]) -> Program:
    number = _number(options.get(BPF_ID))
    return Program(
        hook=hook,
        name=options.get(BPF_NAME, b"").split(b"\0")[0].decode(errors="replace") or name_of(number),
        id=number,
        priority=info >> 16,
        handle=handle,
        chain=chain,
        protocol=_swapped(info & 0xFFFF),
        flags=_number(options.get(BPF_FLAGS)),
    )


def _number(value: bytes | None) -> int:
    return int(struct.unpack("=I", value)[0]) if value else 0


def _swapped(protocol: int) -> int:
    """Between the EtherType and the number as it stands in memory in network order."""
    return int(struct.unpack("=H", struct.pack("!H", protocol))[0])
