"""A plain blocking AF_NETLINK socket: one request, its answers, the kernel's own words when it refuses.

A netlink socket belongs to the network namespace of the thread that made it, for good; so a socket is all that is needed
to work in a namespace. The kernel carries a request out inside ``send``, under its own lock, where no time limit reaches;
the limit here is for answers that do not come.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from adapters.netlink.codec import HEADER, Request, attributes, encode, messages
from ports.errors import Code, Failure

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP_INTR, NLM_F_DUMP = 0x1, 0x4, 0x10, 0x300
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200  # on NLMSG_ERROR
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLMSGERR_ATTR_MSG = 1
SOL_NETLINK, NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK = 270, 10, 11, 12
BUFFER = 1 << 16  # the kernel fills at most 32 KiB of a dump at once (netlink_recvmsg)
DUMP_TRIES = 20
CODES = {errno.ENODEV: Code.NOT_FOUND, errno.EEXIST: Code.CONFLICT}
HINTS = {errno.EPERM: "CAP_NET_ADMIN in that namespace is needed"}


class KernelError(Failure):
    """A refusal by the kernel, with its number for whoever can make sense of it."""

    def __init__(self, subject: str, number: int, text: str) -> None:
        detail = f"{os.strerror(number)}: {text}" if text else os.strerror(number)
        super().__init__(CODES.get(number, Code.KERNEL), subject, detail, HINTS.get(number, ""))
        self.errno = number


class NetlinkSocket:
    """Requests in one network namespace, one after the other; threads may share it.

    ``sent`` counts requests by message type and whether they asked for a dump. ``transport`` is a netlink socket made in
    the namespace (not given: one of the calling thread's), or what answers like one.
    """

    def __init__(self, timeout: float, transport: socket.socket | None = None) -> None:
        self._socket = transport or _bound()
        self._timeout = timeout
        self._lock = threading.Lock()
        self._sequence = 0
        self.sent: Counter[tuple[int, bool]] = Counter()
        seconds = int(timeout)
        limit = struct.pack("@ll", seconds, int((timeout - seconds) * 1e6))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)

    def change(self, request: Request, subject: str) -> None:
        """Carry a change out; returns when the kernel has done it."""
        for _answer in self._talk(replace(request, flags=request.flags | NLM_F_ACK), subject):
            pass

    def ask(self, request: Request, subject: str) -> bytes:
        """The one message that answers."""
        answers = list(self._talk(request, subject))
        if len(answers) != 1:
            raise Failure(Code.KERNEL, subject, f"{len(answers)} answers to a question for one")
        return answers[0]

    def look(self, request: Request, subject: str) -> bytes:
        """The message that answers, empty where the kernel says nothing but that it has heard the question."""
        return b"".join(list(self._talk(replace(request, flags=request.flags | NLM_F_ACK), subject))[:1])

    def dump(self, request: Request, subject: str) -> list[bytes]:
        """All objects of a kind, from one consistent pass: a dump the kernel flags as interrupted is done again."""
        for _ in range(DUMP_TRIES):
            with suppress(_Interrupted):
                return list(self._talk(replace(request, flags=request.flags | NLM_F_DUMP), subject))
        raise Failure(Code.KERNEL, subject, "the table kept changing while it was read", "try again")

    def close(self) -> None:
        """Give the socket up. Repeatable."""
        self._socket.close()

    def _talk(self, request: Request, subject: str) -> Iterator[bytes]:
        with self._lock:
            self._sequence = (self._sequence + 1) & 0x7FFFFFFF
            dumps = request.flags & NLM_F_DUMP == NLM_F_DUMP
            self.sent[(request.kind, dumps)] += 1
            try:
                self._socket.send(encode(request, request.flags | NLM_F_REQUEST, self._sequence))
                yield from self._answers(subject, request.flags)
            except OSError as error:
                raise _broken(error, subject) from error

    def _answers(self, subject: str, asked: int) -> Iterator[bytes]:
        deadline = time.monotonic() + self._timeout
        interrupted = False
        while True:
            for kind, flags, sequence, message in messages(self._receive(subject, deadline)):
                if sequence != self._sequence:
                    continue  # the late answer to a request that was given up
                interrupted = interrupted or bool(flags & NLM_F_DUMP_INTR)
                if kind == NLMSG_ERROR:
                    _check(message, flags, subject)
                    return
                if kind == NLMSG_DONE:
                    _finish(message, interrupted, subject)
                    return
                yield message
                if not asked & (NLM_F_DUMP | NLM_F_ACK):
                    return

    def _receive(self, subject: str, deadline: float) -> bytes:
        if time.monotonic() > deadline:
            raise _late(subject, self._timeout)
        try:
            data, _ancillary, flags, _sender = self._socket.recvmsg(BUFFER)
        except BlockingIOError as error:
            raise _late(subject, self._timeout) from error
        if flags & socket.MSG_TRUNC:
            raise Failure(Code.KERNEL, subject, f"an answer longer than {BUFFER} bytes")
        return data


class _Interrupted(Exception):
    """The table changed while it was dumped."""


def _bound() -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    for option in (NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK):
        with suppress(OSError):  # kernels before 4.20: no filter, no texts; answers are checked here anyway
            made.setsockopt(SOL_NETLINK, option, 1)
    made.bind((0, 0))
    return made


def _finish(message: bytes, interrupted: bool, subject: str) -> None:
    (number,) = struct.unpack_from("=i", message, HEADER.size) if len(message) >= HEADER.size + 4 else (0,)
    if number < 0:
        raise KernelError(subject, -number, "")
    if interrupted:
        raise _Interrupted


def _check(message: bytes, flags: int, subject: str) -> None:
    (number,) = struct.unpack_from("=i", message, HEADER.size)
    if number:
        raise KernelError(subject, -number, _text(message, flags))


def _text(message: bytes, flags: int) -> str:
    """The kernel's words: the message attribute after the echoed header (and body, where it is not capped)."""
    if not flags & NLM_F_ACK_TLVS:
        return ""
    echoed = HEADER.size + 4
    length = HEADER.unpack_from(message, echoed)[0] if not flags & NLM_F_CAPPED else HEADER.size
    for kind, payload in attributes(message, echoed + length):
        if kind == NLMSGERR_ATTR_MSG:
            return payload.split(b"\0")[0].decode(errors="replace")
    return ""


def _late(subject: str, timeout: float) -> Failure:
    return Failure(Code.DEADLINE, subject, f"the kernel did not answer within {timeout:g} s")


def _broken(error: OSError, subject: str) -> Failure:
    if error.errno == errno.EBADF:
        return Failure(Code.INTERNAL, subject, "the namespace was used after it was closed")
    return Failure(Code.KERNEL, subject, f"netlink: {error}")
