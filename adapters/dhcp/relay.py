"""The privileged half of a channel: it keeps the packet socket and carries frames between it and the borrower.

The socket itself never leaves this process: whoever has one can send through every interface of its namespace, bind it to
another one and make that promiscuous, and none of this takes a capability any more. What is carried is not parsed; the
kernel's filter says what comes in, and a look at fixed places says what goes out.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import time
from contextlib import suppress

from adapters.dhcp.frames import GONE, HEARD, MAX_FRAME, SENT, UNCHECKED, may_leave, numbered

SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING = 263, 8, 4
TP_STATUS_CSUMNOTREADY = 1 << 3  # linux/if_packet.h
PAUSE = 0.005  # seconds after each frame: a storm on the wire leaves the processor to the pods that start
TOLD_MS = 1000  # for the borrower to take what it waits for
_AUXDATA = struct.Struct("=IIIHHHH")  # tpacket_auxdata


class Relay:
    """Owns the packet socket ``descriptor`` from the first moment. ``theirs`` is for the borrower."""

    def __init__(self, descriptor: int, family: int) -> None:
        self._family = family
        self._packets = socket.socket(fileno=descriptor)
        try:
            self._packets.setblocking(False)
            self._ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except BaseException:
            self._packets.close()
            raise
        self._ours.setblocking(False)

    def close(self) -> None:
        """Give everything up. Repeatable."""
        for each in (self._packets, self._ours, self.theirs):
            each.close()

    def carry(self, connection: socket.socket, until: float) -> None:
        """Carry frames until the connection or the borrower's end is closed, the device is gone, or the time is over."""
        self.theirs.close()
        poller = select.poll()
        for each in (connection, self._ours, self._packets):
            poller.register(each, select.POLLIN)
        while (left := until - time.monotonic()) > 0:
            ready = {descriptor for descriptor, _ in poller.poll(1 + left * 1000)}
            if connection.fileno() in ready:
                return
            if self._ours.fileno() in ready and not self._send_one():
                return
            if self._packets.fileno() in ready and not self._hear_one():
                return
            time.sleep(PAUSE)

    def _send_one(self) -> bool:
        """Send what the borrower wants to and tell how that went; whether it is still there."""
        try:
            frame, _, flags, _ = self._ours.recvmsg(MAX_FRAME)
        except BlockingIOError:
            return True
        return bool(frame) and self._tell(numbered(SENT, self._sent(frame, flags)))

    def _sent(self, frame: bytes, flags: int) -> int:
        if flags & socket.MSG_TRUNC:
            return errno.EMSGSIZE
        if not may_leave(frame, self._family):
            return errno.EPERM
        try:
            self._packets.send(frame)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def _hear_one(self) -> bool:
        """Hand on what the kernel's filter let in; whether the device is still there."""
        try:
            frame, ancillary, flags, sender = self._packets.recvmsg(MAX_FRAME, 256)
        except BlockingIOError:
            return True
        except OSError as error:
            self._tell(numbered(GONE, error.errno or errno.EIO))
            return False
        if sender[2] != PACKET_OUTGOING and not flags & socket.MSG_TRUNC:
            self._hand_on((HEARD if _is_checked(ancillary) else UNCHECKED) + frame)
        return True

    def _hand_on(self, message: bytes) -> None:
        """Frames get lost where nobody takes them, as on the wire."""
        with suppress(BlockingIOError):
            self._ours.send(message)

    def _tell(self, message: bytes) -> bool:
        """The borrower waits for this, and reads meanwhile."""
        writable = select.poll()
        writable.register(self._ours, select.POLLOUT)
        if not writable.poll(TOLD_MS):
            return False
        self._ours.send(message)
        return True


def _is_checked(ancillary: list[tuple[int, int, bytes]]) -> bool:
    for level, kind, data in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA) and len(data) >= _AUXDATA.size:
            return not _AUXDATA.unpack_from(data)[0] & TP_STATUS_CSUMNOTREADY
    return True
