"""The unprivileged end: asks for a channel and speaks through it."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections import deque
from contextlib import suppress

from adapters.dhcp.frames import GONE, MAX_MESSAGE, SENT, UNCHECKED, number
from adapters.dhcp.talk import VERSION, Answer, Question, line, read, receive
from ports.dataplane import Call
from ports.dhcp import Heard, Wish
from ports.errors import Code, Failure

GIVE_BACK_SECONDS = 5.0
SEND_SECONDS = 5.0
MOST_HEARD = 64  # frames that wait to be taken
LOST = frozenset({errno.ENETDOWN, errno.ENXIO, errno.ENODEV, errno.ENOBUFS, errno.EPIPE, errno.ECONNRESET, errno.ETIME})


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
    """Implements ``ports.dhcp.Channel``. Owns its end of the relay and the connection that keeps the device lent."""

    def __init__(self, frames: socket.socket, connection: socket.socket, mac: str, running: bool) -> None:
        self._frames = frames
        self._connection = connection
        self._mac, self._running = mac, running
        self._heard: deque[Heard] = deque(maxlen=MOST_HEARD)

    @property
    def mac(self) -> str:
        """The hardware address that the device has now."""
        return self._mac

    @property
    def running(self) -> bool:
        """Whether it had a carrier."""
        return self._running

    def send(self, frame: bytes) -> None:
        """Put the frame on the wire. What comes meanwhile is kept."""
        end = time.monotonic() + SEND_SECONDS
        try:
            self._frames.send(frame)
        except OSError as error:
            raise _gone(error) from error
        while (message := self._next(end)) is not None:
            if message[:1] == SENT:
                _check(message)
                return
            self._heard.append(_heard(message))
        raise _gone(OSError(errno.ETIME, ""))

    def receive(self, seconds: float) -> Heard | None:
        """The next frame."""
        if self._heard:
            return self._heard.popleft()
        message = self._next(time.monotonic() + max(0.0, seconds))
        return None if message is None else _heard(message)

    def _next(self, end: float) -> bytes | None:
        poller = select.poll()
        poller.register(self._frames, select.POLLIN)
        while poller.poll(max(0.0, end - time.monotonic()) * 1000):
            try:
                message = self._frames.recv(MAX_MESSAGE)
            except BlockingIOError:
                continue
            except OSError as error:
                raise _gone(error) from error
            if not message:
                raise _gone(OSError(errno.EPIPE, ""))
            if message[:1] == GONE:
                _check(message)
            return message
        return None

    def close(self) -> None:
        """Give it up, and wait until the device is as it was."""
        self._frames.close()
        with suppress(OSError):
            self._connection.settimeout(GIVE_BACK_SECONDS)
            self._connection.shutdown(socket.SHUT_WR)
            while self._connection.recv(64):
                pass
        self._connection.close()


def _channel(connection: socket.socket, wish: Wish) -> SocketChannel:
    data, descriptors = receive(connection)
    frames = [socket.socket(fileno=each) for each in descriptors]
    try:
        if not data:
            raise Failure(Code.UNAVAILABLE, "knd dataplane", "hung up", "it is tried again")
        answer = read(Answer, data)
        if answer.code is not None:
            raise Failure(answer.code, answer.subject, answer.detail, answer.hint)
        if len(frames) != 1 or not _is_relay(frames[0]):
            raise Failure(Code.INTERNAL, wish.device, "the channel is no relay", "a defect; see the log")
    except BaseException:
        for each in frames:
            each.close()
        raise
    frames[0].setblocking(False)
    return SocketChannel(frames[0], connection, answer.mac, answer.running)


def _is_relay(frames: socket.socket) -> bool:
    return (frames.family, frames.type) == (socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _heard(message: bytes) -> Heard:
    return Heard(frame=message[1:], checked=message[:1] != UNCHECKED)


def _check(message: bytes) -> None:
    if failed := number(message):
        raise _gone(OSError(failed, ""))


def _gone(error: OSError) -> Failure:
    code = Code.UNAVAILABLE if error.errno in LOST else Code.KERNEL
    return Failure(code, "the device", f"cannot be used: {os.strerror(error.errno or 0)}", "it is tried again")
