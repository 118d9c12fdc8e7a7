"""A DHCP server on an interface of a network namespace: a packet socket, a thread, and one of the servers in memory."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from adapters.netlink.namespace import NetlinkNamespace
from adapters.netlink.nsfs import inside

Answer = Callable[[bytes], list[bytes]]
ETH_P_ALL = 3
OUTGOING = 4


class RunningServer:
    """Answers on ``interface`` of ``namespace`` as long as the ``with`` block lasts. Several answers hear every frame."""

    def __init__(self, namespace: NetlinkNamespace, interface: str, *answers: Answer) -> None:
        self._answers = answers
        self._socket = inside(namespace.descriptor, lambda: _opened(interface))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.errors: list[BaseException] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)
        self._socket.close()
        assert not self.errors, self.errors

    def _serve(self) -> None:
        while not self._ended.is_set():
            if not select.select([self._socket], [], [], 0.02)[0]:
                continue
            with suppress(OSError):  # the other end of the cable moves between namespaces
                frame, sender = self._socket.recvfrom(9216)
                if sender[2] != OUTGOING:
                    self._answer(frame)

    def _answer(self, frame: bytes) -> None:
        try:
            for reply in (reply for answer in self._answers for reply in answer(frame)):
                self._socket.send(reply)
        except AssertionError as error:
            self.errors.append(error)


def _opened(interface: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(ETH_P_ALL))
    made.bind((interface, ETH_P_ALL))
    return made
