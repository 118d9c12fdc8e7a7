"""One conversation with the kernel about the RDMA devices of one network namespace.

A move is refused unless the calling *thread* is in the namespace where the device is: the kernel looks at the thread and
not at its socket. So each conversation in another namespace has a short-lived thread of its own, which enters it, talks,
and ends; no other thread ever leaves its own.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TypeVar

from adapters.rdma import codec
from adapters.rdma.codec import Attributes, Command
from ports.errors import Code, Failure

T = TypeVar("T")
SOL_NETLINK, CAP_ACK, EXT_ACK = 270, 10, 11
CLONE_NEWNET = 0x40000000
OWN = "/proc/thread-self/ns/net"
BUFFER = 1 << 16
DUMP_TRIES = 20
CODES = {errno.ENODEV: Code.NOT_FOUND, errno.EEXIST: Code.CONFLICT}
HINTS = {
    errno.EPERM: "CAP_NET_ADMIN in both namespaces is needed",
    errno.EOPNOTSUPP: "the driver or the mode (rdma system show) does not allow it",
}
_libc = ctypes.CDLL(None, use_errno=True)


class RdmaError(Failure):
    """A refusal by the kernel, with its number."""

    def __init__(self, subject: str, number: int, text: str) -> None:
        detail = f"{os.strerror(number)}: {text}" if text else os.strerror(number)
        super().__init__(CODES.get(number, Code.KERNEL), subject, detail, HINTS.get(number, ""))
        self.errno = number


class Transport(Protocol):
    """The part of a socket that is used."""

    def send(self, data: bytes, /) -> int:
        """Send one request."""
        ...

    def recv(self, size: int, /) -> bytes:
        """Receive one datagram; BlockingIOError when none comes in time."""
        ...


class Talk:
    """Requests, one after the other. ``seconds`` is for each answer; the kernel works inside ``send``."""

    def __init__(self, transport: Transport, seconds: float) -> None:
        self._transport = transport
        self._seconds = seconds
        self._sequence = 0

    def ask(self, command: Command, subject: str, *attributes: bytes) -> Attributes:
        """The one answer."""
        answers = self._talk(command, 0, subject, attributes)
        if not answers:
            raise Failure(Code.KERNEL, subject, "no answer to a question")
        return answers[0]

    def change(self, command: Command, subject: str, *attributes: bytes) -> None:
        """Carry a change out; returns when the kernel has done it."""
        self._talk(command, codec.ACK, subject, attributes)

    def dump(self, command: Command, subject: str, *attributes: bytes) -> list[Attributes]:
        """All objects, from one consistent pass."""
        for _ in range(DUMP_TRIES):
            with suppress(_Interrupted):
                return self._talk(command, codec.DUMP, subject, attributes)
        raise Failure(Code.KERNEL, subject, "the table kept changing while it was read", "try again")

    def _talk(self, command: Command, flags: int, subject: str, attributes: tuple[bytes, ...]) -> list[Attributes]:
        self._sequence += 1
        try:
            self._transport.send(codec.request(command, flags, self._sequence, *attributes))
            return self._answers(flags, subject)
        except BlockingIOError as error:
            detail = f"the kernel did not answer within {self._seconds:g} s"
            raise Failure(Code.DEADLINE, subject, detail) from error
        except OSError as error:
            raise Failure(Code.KERNEL, subject, f"netlink: {error}") from error

    def _answers(self, asked: int, subject: str) -> list[Attributes]:
        deadline = time.monotonic() + self._seconds
        found: list[Attributes] = []
        interrupted = False
        while True:
            if time.monotonic() > deadline:
                raise BlockingIOError
            for kind, flags, sequence, message in codec.messages(self._transport.recv(BUFFER)):
                if sequence != self._sequence:
                    continue  # the late answer to a request that was given up
                interrupted = interrupted or bool(flags & codec.DUMP_INTERRUPTED)
                if kind in (codec.ERROR, codec.DONE):
                    _check(kind, message, flags, subject)
                    if interrupted:
                        raise _Interrupted
                    return found
                found.append(codec.attributes(message))
                if not asked:
                    return found


class _Interrupted(Exception):
    """The table changed while it was dumped."""


def _check(kind: int, message: bytes, flags: int, subject: str) -> None:
    if kind == codec.DONE and len(message) < 4:
        return
    number, words = codec.refusal(message, flags if kind == codec.ERROR else 0)
    if number:
        raise RdmaError(subject, number, words)


def talking(work: Callable[[Talk], T], namespace: int | None, seconds: float) -> T:
    """What ``work`` returns when it talks about the namespace of this descriptor (None: the process's own).

    DEADLINE when that takes too long; the thread is then left to the kernel that holds it.
    """
    if namespace is None or is_own(namespace):  # a thread costs up to a millisecond
        with _opened(seconds) as transport:
            return work(Talk(transport, seconds))
    descriptor = os.dup(namespace)
    results: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            _enter(descriptor)
            with _opened(seconds) as transport:
                results.append(work(Talk(transport, seconds)))
        except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)
        finally:
            os.close(descriptor)

    thread = threading.Thread(target=run, name="knd-rdma", daemon=True)
    thread.start()
    thread.join(seconds * 2)
    if thread.is_alive():
        raise Failure(Code.DEADLINE, "RDMA", f"the kernel still works after {seconds * 2:g} s", "see dmesg")
    if errors:
        raise errors[0]
    return results[0]


def _opened(seconds: float) -> socket.socket:
    try:
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, codec.NETLINK_RDMA)
    except OSError as error:
        raise RdmaError("RDMA", error.errno or 0, "") from error
    for option in (CAP_ACK, EXT_ACK):
        with suppress(OSError):
            made.setsockopt(SOL_NETLINK, option, 1)
    whole = int(seconds)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", whole, int((seconds - whole) * 1e6)))
    made.bind((0, 0))
    return made


def is_own(namespace: int) -> bool:
    """Whether the calling thread is in the namespace of that descriptor."""
    own, other = os.stat(OWN), os.fstat(namespace)
    return (own.st_dev, own.st_ino) == (other.st_dev, other.st_ino)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET):
        number = ctypes.get_errno()
        hint = "CAP_SYS_ADMIN is needed" if number == errno.EPERM else ""
        raise Failure(Code.KERNEL, "network namespace", f"cannot be entered: {os.strerror(number)}", hint)
