"""The unprivileged end: asks for a packet socket and speaks through it."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from contextlib import suppress

from adapters.dhcp.talk import VERSION, Answer, Question, line, read, receive
from ports.dataplane import Call
from ports.dhcp import Heard, Wish
from ports.errors import Code, Failure

SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING = 263, 8, 4
TP_STATUS_CSUMNOTREADY = 1 << 3  # linux/if_packet.h
MAX_FRAME = 9216
GIVE_BACK_SECONDS = 5.0
_AUXDATA = struct.Struct("=IIIHHHH")  # tpacket_auxdata


class ChannelClient:
    """Implements ``ports.dhcp.Channels`` over the Unix socket ``path``. Threads may share it."""

    def __init__(self, path: str) -> None:
        self._path = path

    def open(self, wish: Wish, call: Call) -> SocketChannel:
        """A channel of the device."""
        left = call.deadline - time.monotonic()
        if left <= 0:
            raise Failure(Code.DEADLINE, wish.device, "its time has passed", "it is tried again")
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            connection.settimeout(left)
            connection.connect(self._path)
            question = Question(v=VERSION, wish=wish, deadline=call.deadline, traceparent=call.traceparent)
            connection.sendall(line(question))
            return _channel(connection, wish)
        except TimeoutError as error:
            connection.close()
            raise Failure(
                Code.DEADLINE, "knd dataplane", "did not open a channel in time", "it is tried again"
            ) from error
        except OSError as error:
            connection.close()
            detail = f"cannot be reached: {os.strerror(error.errno or 0)}"
            raise Failure(Code.UNAVAILABLE, "knd dataplane", detail, "see that it runs") from error
        except BaseException:
            connection.close()
            raise


class SocketChannel:
    """Implements ``ports.dhcp.Channel``. Owns the packet socket and the connection that keeps it lent."""

    def __init__(self, packets: socket.socket, connection: socket.socket, mac: str, running: bool) -> None:
        self._packets = packets
        self._connection = connection
        self._mac, self._running = mac, running

    @property
    def mac(self) -> str:
        """The hardware address that the device has now."""
        return self._mac

    @property
    def running(self) -> bool:
        """Whether it had a carrier."""
        return self._running

    def send(self, frame: bytes) -> None:
        """Put the frame on the wire."""
        try:
            self._packets.send(frame)
        except OSError as error:
            raise _gone(error) from error

    def receive(self, seconds: float) -> Heard | None:
        """The next frame that is not our own."""
        end = time.monotonic() + max(0.0, seconds)
        while select.select([self._packets], [], [], max(0.0, end - time.monotonic()))[0]:
            try:
                frame, ancillary, flags, sender = self._packets.recvmsg(MAX_FRAME, 256)
            except BlockingIOError:
                continue
            except OSError as error:
                raise _gone(error) from error
            if sender[2] != PACKET_OUTGOING and not flags & socket.MSG_TRUNC:
                return Heard(frame=frame, checked=_is_checked(ancillary))
        return None

    def close(self) -> None:
        """Give it up, and wait until the device is as it was."""
        self._packets.close()
        with suppress(OSError):
            self._connection.settimeout(GIVE_BACK_SECONDS)
            self._connection.shutdown(socket.SHUT_WR)
            while self._connection.recv(64):
                pass
        self._connection.close()


def _channel(connection: socket.socket, wish: Wish) -> SocketChannel:
    data, descriptors = receive(connection)
    packets = [socket.socket(fileno=each) for each in descriptors]
    try:
        if not data:
            raise Failure(Code.UNAVAILABLE, "knd dataplane", "hung up", "it is tried again")
        answer = read(Answer, data)
        if answer.code is not None:
            raise Failure(answer.code, answer.subject, answer.detail, answer.hint)
        if len(packets) != 1 or packets[0].family != socket.AF_PACKET:
            raise Failure(Code.INTERNAL, wish.device, "the channel is no packet socket", "a defect; see the log")
    except BaseException:
        for each in packets:
            each.close()
        raise
    packets[0].setblocking(False)
    return SocketChannel(packets[0], connection, answer.mac, answer.running)


def _is_checked(ancillary: list[tuple[int, int, bytes]]) -> bool:
    for level, kind, data in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA) and len(data) >= _AUXDATA.size:
            return not _AUXDATA.unpack_from(data)[0] & TP_STATUS_CSUMNOTREADY
    return True


def _gone(error: OSError) -> Failure:
    code = (
        Code.UNAVAILABLE if error.errno in (errno.ENETDOWN, errno.ENXIO, errno.ENODEV, errno.ENOBUFS) else Code.KERNEL
    )
    return Failure(code, "the device", f"cannot be used: {os.strerror(error.errno or 0)}", "it is tried again")
