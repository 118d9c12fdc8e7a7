"""The privileged end: takes wishes from its own user's processes and answers with one end of a relay."""

from __future__ import annotations

import logging
import os
import socket
import stat
import struct
import threading
import time
from contextlib import suppress

from adapters.dhcp.relay import Relay
from adapters.dhcp.talk import VERSION, Answer, Question, line, read, receive, refusal
from ports.dataplane import Call
from ports.dhcp import Lender, Lent
from ports.errors import Code, Failure

log = logging.getLogger("knd.dhcp")
MOST = 64  # channels at a time
QUESTION_SECONDS = 5.0
GRACE = 2.0  # seconds beyond the deadline that a channel may be used
_CREDENTIALS = struct.Struct("3i")  # ucred: process, user, group


class ChannelServer:
    """Serves on the Unix socket ``path`` in a directory of this user's alone. ``start`` once, ``stop`` any number of times."""

    def __init__(self, path: str, lender: Lender) -> None:
        self._path = path
        self._lender = lender
        self._places = threading.Semaphore(MOST)
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._stopping = False
        self._listening: socket.socket | None = None

    def start(self) -> None:
        """Bind and serve. The caller holds the runtime directory's lock, so whatever is bound there is left over."""
        directory = os.path.dirname(self._path)
        try:
            os.makedirs(directory, mode=0o700, exist_ok=True)
            _check_own(directory)
            with suppress(FileNotFoundError):
                os.unlink(self._path)
            listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            listening.bind(
                self._path
            )  # its mode is the directory's: whoever shares that could put another file there now
            listening.listen(MOST)
        except OSError as error:
            hint = "check the runtime directory"
            raise Failure(Code.UNAVAILABLE, self._path, os.strerror(error.errno or 0), hint) from error
        self._listening = listening
        threading.Thread(target=self._accept, args=(listening,), name="dhcp-server", daemon=True).start()

    def stop(self) -> None:
        """Take no more wishes and end the channels; what they borrowed is given back."""
        self._stopping = True
        if self._listening is not None:
            with suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            with suppress(OSError):
                os.unlink(self._path)
            self._listening = None
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for _ in range(MOST):  # all places are free when all channels have ended
            if not self._places.acquire(timeout=GRACE):
                return

    def _accept(self, listening: socket.socket) -> None:
        while not self._stopping:
            try:
                connection, _ = listening.accept()
            except OSError as error:
                if self._stopping:
                    return
                log.warning("cannot accept: %s", error)
                time.sleep(0.1)
                continue
            if not self._places.acquire(blocking=False):
                connection.close()
                log.warning("too many channels at a time (%d)", MOST)
                continue
            self._begin(connection)

    def _begin(self, connection: socket.socket) -> None:
        try:
            threading.Thread(target=self._serve, args=(connection,), name="dhcp-channel", daemon=True).start()
        except RuntimeError as error:  # no thread to be had now
            log.warning("cannot serve a channel: %s", error)
            connection.close()
            self._places.release()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.add(connection)
        try:
            with connection:
                self._converse(connection)
        except OSError as error:
            log.info("a channel ended: %s", error)
        except Exception:
            log.exception("a defect")
        finally:
            with self._lock:
                self._connections.discard(connection)
            self._places.release()

    def _converse(self, connection: socket.socket) -> None:
        connection.settimeout(QUESTION_SECONDS)
        try:
            _check_peer(connection)
            question = _question(connection)
            if question is None:
                return
            call = Call(key="", deadline=question.deadline, traceparent=question.traceparent)
            lent = self._lender.lend(question.wish, call)
        except Failure as failure:
            log.info("no channel: %s", failure)
            connection.sendall(line(refusal(failure)))
            return
        try:
            self._relay(connection, lent, question)
        finally:
            self._lender.give_back(lent)

    def _relay(self, connection: socket.socket, lent: Lent, question: Question) -> None:
        """Nothing more is said on the connection: it ends when the other end does, or its time."""
        relay = Relay(lent.descriptor, question.wish.family)
        try:
            answer = line(Answer(mac=lent.mac, running=lent.running))
            socket.send_fds(connection, [answer], [relay.theirs.fileno()])
            relay.carry(connection, question.deadline + GRACE)
        finally:
            relay.close()


def _question(connection: socket.socket) -> Question | None:
    data, descriptors = receive(connection)
    for each in descriptors:
        socket.close(each)
    if not data:
        return None
    question = read(Question, data)
    if question.v != VERSION:
        raise Failure(Code.INVALID, "channel", f"version {question.v}, served is {VERSION}")
    if not question.deadline < time.monotonic() + 3600:
        raise Failure(Code.INVALID, "channel", "a deadline more than an hour away")
    return question


def _check_peer(connection: socket.socket) -> None:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    user = _CREDENTIALS.unpack(raw)[1]
    if user not in (0, os.geteuid()):
        raise Failure(Code.REFUSED, "channel", f"asked for by user {user}, served are root and {os.geteuid()}")


def _check_own(directory: str) -> None:
    state = os.lstat(directory)
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid():
        hint = "remove it or choose another --runtime-dir"
        raise Failure(Code.REFUSED, directory, "not a directory of this user", hint)
    if stat.S_IMODE(state.st_mode) != 0o700:
        os.chmod(directory, 0o700)
