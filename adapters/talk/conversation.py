"""Netlink requests and answers as bytes: a plain blocking socket of the calling thread's namespace, used for one task.

Every request asks for an acknowledgement, so that each conversation ends the same way; refusals carry the kernel's own
words (extended acknowledgements) where it has some.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from ports.errors import Code, Failure

HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence number, port id
ATTRIBUTE = struct.Struct("=HH")  # nlattr: length, type
NESTED, TYPE_MASK = 0x8000, 0x3FFF
REQUEST, ACK, DUMP_INTR, DUMP = 0x1, 0x4, 0x10, 0x300
CAPPED, ACK_TLVS = 0x100, 0x200  # on errors
ERROR, DONE = 2, 3
SOL_NETLINK, CAP_ACK, EXT_ACK = 270, 10, 11
BUFFER = 1 << 16
TRIES = 20
CODES = {errno.ENODEV: Code.NOT_FOUND}
HINTS = {errno.EPERM: "CAP_NET_ADMIN in that namespace is needed"}


class KernelError(Failure):
    """A refusal by the kernel, with its number for whoever can make sense of it."""

    def __init__(self, subject: str, number: int, text: str = "") -> None:
        detail = f"{os.strerror(number)}: {text}" if text else os.strerror(number)
        super().__init__(CODES.get(number, Code.KERNEL), subject, detail, HINTS.get(number, ""))
        self.errno = number


class Talk:
    """A conversation with the kernel; a context manager. ``timeout``: seconds that the answers to one request may take."""

    def __init__(self, protocol: int, timeout: float) -> None:
        self._timeout = timeout
        self._sequence = 0
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        for option in (CAP_ACK, EXT_ACK):
            with suppress(OSError):  # kernels before 4.12 have no texts
                self._socket.setsockopt(SOL_NETLINK, option, 1)
        self._socket.settimeout(timeout)

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_ending: object) -> None:
        self._socket.close()

    def ask(self, kind: int, body: bytes, subject: str, flags: int = 0) -> list[bytes]:
        """Send one request; the answers' bodies. ``flags`` DUMP asks for all objects, from one consistent pass."""
        asked = REQUEST | flags | (ACK if flags & DUMP != DUMP else 0)
        for _ in range(TRIES):
            self._sequence += 1
            self._socket.send(HEADER.pack(HEADER.size + len(body), kind, asked, self._sequence, 0) + body)
            with suppress(_Interrupted):
                return list(self._answers(subject))
        raise Failure(Code.KERNEL, subject, "the table kept changing while it was read", "try again")

    def ask_each(self, kind: int, bodies: Sequence[bytes], subject: str) -> list[bytes | KernelError]:
        """Send several questions at once, of which each has one answer; in their order, a refusal in its place."""
        first = self._sequence + 1
        self._sequence += len(bodies)
        numbered = enumerate(bodies, first)
        self._socket.send(
            b"".join(
                HEADER.pack(HEADER.size + len(body), kind, REQUEST, number, 0) + body + bytes(-len(body) % 4)
                for number, body in numbered
            )
        )
        answers: dict[int, bytes | KernelError] = {}
        deadline = time.monotonic() + self._timeout
        while len(answers) < len(bodies):
            for kind_told, flags, sequence, message in _messages(self._receive(deadline, subject)):
                if sequence >= first:
                    answers[sequence] = _answer(kind_told, flags, message, subject)
        return [answers[number] for number in range(first, first + len(bodies))]

    def _answers(self, subject: str) -> Iterator[bytes]:
        deadline = time.monotonic() + self._timeout
        interrupted = False
        while True:
            for kind, flags, sequence, message in _messages(self._receive(deadline, subject)):
                if sequence != self._sequence:
                    continue  # what was left of a request that failed in the middle
                interrupted = interrupted or bool(flags & DUMP_INTR)
                if kind in (ERROR, DONE):
                    _check(message, flags if kind == ERROR else 0, subject)
                    if interrupted:
                        raise _Interrupted
                    return
                yield message[HEADER.size :]

    def _receive(self, deadline: float, subject: str) -> bytes:
        try:
            if time.monotonic() > deadline:
                raise TimeoutError
            data, _ancillary, flags, _sender = self._socket.recvmsg(BUFFER)
        except TimeoutError as error:
            raise Failure(Code.DEADLINE, subject, f"the kernel did not answer within {self._timeout:g} s") from error
        if flags & socket.MSG_TRUNC:
            raise Failure(Code.KERNEL, subject, f"an answer longer than {BUFFER} bytes")
        return data


class _Interrupted(Exception):
    """The table changed while it was dumped."""


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded."""
    length = ATTRIBUTE.size + len(value)
    return ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def nest(kind: int, *inner: bytes) -> bytes:
    """An attribute of attributes."""
    return attribute(kind | NESTED, b"".join(inner))


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Attributes one after the other: type without flag bits, value. Ends where they make no sense any more."""
    offset = 0
    while offset + ATTRIBUTE.size <= len(data):
        length, kind = ATTRIBUTE.unpack_from(data, offset)
        if length < ATTRIBUTE.size or offset + length > len(data):
            return
        yield kind & TYPE_MASK, data[offset + ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3


def _messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, sequence, _port = HEADER.unpack_from(data, offset)
        if length < HEADER.size or offset + length > len(data):
            return
        yield kind, flags, sequence, data[offset : offset + length]
        offset += (length + 3) & ~3


def _answer(kind: int, flags: int, message: bytes, subject: str) -> bytes | KernelError:
    try:
        _check(message, flags, subject) if kind == ERROR else None
    except KernelError as error:
        return error
    return message[HEADER.size :]


def _check(message: bytes, flags: int, subject: str) -> None:
    if len(message) < HEADER.size + 4:
        return
    (number,) = struct.unpack_from("=i", message, HEADER.size)
    if number:
        raise KernelError(subject, -number, _text(message, flags))


def _text(message: bytes, flags: int) -> str:
    """The kernel's words: an attribute after the echoed header (and body, where it is not capped)."""
    if not flags & ACK_TLVS:
        return ""
    echoed = HEADER.size + 4
    length = HEADER.size if flags & CAPPED else HEADER.unpack_from(message, echoed)[0]
    words = dict(attributes(message[echoed + length :])).get(1, b"")
    return words.split(b"\0")[0].decode(errors="replace")
