"""The kernel's end of a netlink socket, played by a test: it reads requests and answers what it is told."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

HEADER = struct.Struct("=IHHII")
ERROR, DONE, NEWLINK = 2, 3, 16
MULTI, DUMP_INTR, CAPPED, ACK_TLVS = 0x2, 0x10, 0x100, 0x200
Answer = Callable[[int], Iterable[bytes]]


def message(kind: int, sequence: int, body: bytes = b"", flags: int = 0) -> bytes:
    """One netlink message."""
    return HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body


def error(sequence: int, number: int, text: str = "", capped: bool = True) -> bytes:
    """An acknowledgement or refusal, with the kernel's words if any, after the echo of a request with a body of 16 bytes."""
    echo = HEADER.pack(32, 19, 0, sequence, 0) + (b"" if capped else bytes(16))
    words = text.encode() + b"\0"
    attribute = struct.pack("=HH", 4 + len(words), 1) + words
    padded = attribute.ljust(len(attribute) + -len(attribute) % 4, b"\0") if text else b""
    flags = (CAPPED if capped else 0) | (ACK_TLVS if text else 0)
    return message(ERROR, sequence, struct.pack("=i", -number) + echo + padded, flags)


class KernelEnd:
    """Answers each request with the datagrams that the next script makes of its sequence number."""

    def __init__(self, *scripts: Answer) -> None:
        self.requests: list[bytes] = []
        self.near, self._far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._scripts = list(scripts)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self.near.close()
        self._thread.join()
        self._far.close()

    def _serve(self) -> None:
        with suppress(ConnectionError):  # the near end was closed in the middle
            while data := self._far.recv(65536):
                self.requests.append(data)
                script = self._scripts.pop(0) if self._scripts else _silent
                for datagram in script(HEADER.unpack_from(data)[3]):
                    self._far.send(datagram)


def _silent(_sequence: int) -> list[bytes]:
    return []
