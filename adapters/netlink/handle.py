"""An open network namespace: the descriptor that keeps it alive, and a netlink socket that was made inside it."""

from __future__ import annotations

import os

from adapters.netlink.nsfs import cookie, inside
from adapters.netlink.pool import SocketPool
from adapters.netlink.socket import NetlinkSocket
from ports.errors import Code, Failure


class Handle:
    """Owns ``descriptor`` and the socket."""

    def __init__(self, descriptor: int, timeout: float) -> None:
        self._descriptor = descriptor
        self._cookie = cookie(descriptor)
        self.socket = SocketPool(lambda: inside(self.descriptor, lambda: NetlinkSocket(timeout)))

    @property
    def cookie(self) -> str:
        """``device:inode`` of the nsfs file."""
        return self._cookie

    @property
    def descriptor(self) -> int:
        """The open file, for moving links here. INTERNAL when it was closed."""
        if self._descriptor < 0:
            raise Failure(Code.INTERNAL, f"namespace {self._cookie}", "used after it was closed")
        return self._descriptor

    def fileno(self) -> int:
        """The open file; valid until ``close``."""
        return self.descriptor

    def close(self) -> None:
        """Give socket and descriptor up. Repeatable."""
        descriptor, self._descriptor = self._descriptor, -1
        self.socket.close()
        if descriptor >= 0:
            os.close(descriptor)


def named(ifindex: int) -> str:
    """How a link is called in failures when only its index is at hand."""
    return f"interface #{ifindex}"
